"""scipy's sparse matrices in float64, with pyamg or with scipy's own conjugate gradients (T3).

method cg: Jacobi-preconditioned CG of scipy; sa and rs: CG preconditioned by smoothed aggregation
or Ruge-Stueben of pyamg. The time includes the matrix and the hierarchy, as ours does.
"""

import time

import worker

contest, repeats = worker.arguments()

import numpy as np  # noqa: E402
import pyamg  # noqa: E402
import scipy.sparse as sp  # noqa: E402
import tasks  # noqa: E402
from scipy.sparse.linalg import cg  # noqa: E402

HIERARCHIES = {"sa": pyamg.smoothed_aggregation_solver, "rs": pyamg.ruge_stuben_solver}


def build(contest: worker.Contest) -> worker.Steady:
    case = tasks.rest(contest.task, contest.n)
    about: dict[str, float] = {}

    def one(field: int, tolerance: float) -> tuple[np.ndarray, int]:
        start = time.perf_counter()
        a, source = tasks.matrix(case, field)
        about["of which matrix"] = round(time.perf_counter() - start, 2)
        iterations = 0

        def count(_: np.ndarray) -> None:
            nonlocal iterations
            iterations += 1

        if contest.method == "cg":
            diagonal = sp.diags(1 / a.diagonal())
            found, _ = cg(a, source, rtol=tolerance, M=diagonal, callback=count)
        else:
            levels = HIERARCHIES[contest.method](a)
            about["of which set-up"] = round(time.perf_counter() - start, 2)
            found = levels.solve(source, tol=tolerance, accel="cg", callback=count)
        u = np.zeros(case.marrow.shape)
        u[case.marrow] = found
        return u, iterations

    def solve(tolerance: float) -> tuple[list[np.ndarray], list[int]]:
        found = [one(i, tolerance) for i in range(case.decay.size)]
        return [u for u, _ in found], [n for _, n in found]

    # a try costs many seconds
    tolerances = [contest.target * factor for factor in (10, 5, 2.5, 1.2, 0.6, 0.3, 0.1)]
    return worker.Steady(solve, about, tolerances)


worker.serve(build, contest, repeats, "pyamg", "scipy", "numpy")
