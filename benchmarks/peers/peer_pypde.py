"""py-pde with its numba backend: explicit steps (T1, T2).

It knows no impermeable voxels; for T2 the sum over open neighbors is written with its Laplacian,
sum m_j (u_j - u) = lap(m u) - u lap(m).
"""

import worker

contest, repeats = worker.arguments()

import numpy as np  # noqa: E402
import pde  # noqa: E402
import tasks  # noqa: E402


def build(contest: worker.Contest) -> worker.Explicit:
    n, t = contest.n, tasks.STEP
    grid = pde.CartesianGrid([[0, n * tasks.SPACING]] * 3, [n] * 3)
    closed, names = {"derivative": 0}, ("a", "b", "c")

    def scalar(values: np.ndarray) -> pde.ScalarField:
        return pde.ScalarField(grid, values.astype(np.float32), dtype=np.float32)

    marrow, shell = tasks.geometry(n)
    constants = {"S": scalar(shell)}
    if contest.masked:
        constants["M"] = scalar(marrow)
        constants["L"] = scalar(constants["M"].laplace(closed).data)
    equations = {}
    for i, u in enumerate(names):
        laplacian = f"M * (laplace(M * {u}) - {u} * L)" if contest.masked else f"laplace({u})"
        equations[u] = f"{t.diffusivity[i]} * {laplacian} - {t.decay[i]} * {u}"
        equations[u] += f" + {t.production[i]} * S"
        if i > 0:
            equations[u] += f" - {t.binding} * b * c" + (" * M" if contest.masked else "")
    equation = pde.PDE(equations, bc=closed, consts=constants)
    start = tasks.initial(n, contest.masked)
    state = pde.FieldCollection([scalar(u) for u in start], labels=names)
    solver = pde.EulerSolver(equation, backend="numba", adaptive=False)
    stepper = solver.make_stepper(state, dt=t.dt)

    def reset() -> None:
        state.data[:] = start

    return worker.Explicit(lambda k: stepper(state, 0, k * t.dt), reset, lambda: state.data)


worker.serve(build, contest, repeats, "py-pde", "numba", "numpy")
