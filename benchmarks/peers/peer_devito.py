"""Devito, C with OpenMP: explicit steps (T1, T2) and, from their measured time, steady states.

It offers no implicit step, so a steady state takes it steps of the stability limit until what is
missing is smaller than the target ("rest"), or for a simulated day ("day").
"""

import os

import worker

contest, repeats = worker.arguments()
os.environ.update(DEVITO_LANGUAGE="openmp", DEVITO_LOGGING="ERROR", DEVITO_ARCH="gcc")

from dataclasses import dataclass  # noqa: E402

import numpy as np  # noqa: E402
import tasks  # noqa: E402
from devito import Eq, Function, Grid, Operator, TimeFunction  # noqa: E402

DAY = 86400.0


@dataclass
class Numbers:
    diffusivity: tuple[float, ...]
    decay: tuple[float, ...]
    production: tuple[float, ...]
    binding: float
    dt: float


def build(contest: worker.Contest) -> worker.Explicit | worker.Extrapolated:
    marrow, shell = tasks.geometry(contest.n)
    if contest.explicit:
        start = tasks.initial(contest.n, contest.masked)
        return stepping(contest, Numbers(*tasks.STEP), marrow, shell, start)
    case = tasks.rest(contest.task, contest.n)
    dt = tasks.SPACING**2 / (6 * case.diffusivity.max())
    numbers = Numbers(*(tuple(map(float, q)) for q in (case.diffusivity, case.decay)), (), 0.0, dt)
    numbers.production = tuple(map(float, case.production))
    start = np.zeros((case.decay.size, *marrow.shape), np.float32)
    seconds = DAY if contest.method == "day" else case.seconds_to_rest(contest.target)
    explicit = stepping(contest, numbers, marrow, shell, start)
    return worker.Extrapolated(explicit, seconds, dt)


def stepping(
    contest: worker.Contest,
    numbers: Numbers,
    marrow: np.ndarray,
    shell: np.ndarray,
    start: np.ndarray,
) -> worker.Explicit:
    n = contest.n
    grid = Grid(shape=(n, n, n), extent=((n - 1) * tasks.SPACING,) * 3, dtype=np.float32)
    axes, time = grid.dimensions, grid.stepping_dim
    fields = [
        TimeFunction(name=f"u{i}", grid=grid, space_order=2, time_order=1)
        for i in range(len(start))
    ]
    source = Function(name="source", grid=grid, space_order=0)
    source.data[:] = shell
    mask = Function(name="mask", grid=grid, space_order=2)  # its halo of zeros closes the walls
    mask.data[:] = marrow
    equations = []
    for i, u in enumerate(fields):
        if contest.masked:
            around = [(axis, by) for axis in axes for by in (1, -1)]
            laplacian = (
                sum(
                    mask.subs(axis, axis + by * axis.spacing)
                    * (u.subs(axis, axis + by * axis.spacing) - u)
                    for axis, by in around
                )
                / tasks.SPACING**2
            )
        else:
            laplacian = u.laplace
        change = numbers.diffusivity[i] * laplacian - numbers.decay[i] * u
        change += numbers.production[i] * source
        if numbers.binding and i > 0:
            change -= numbers.binding * fields[1] * fields[2]
        new = u + numbers.dt * change
        equations.append(Eq(u.forward, mask * new if contest.masked else new))
    if not contest.masked:
        equations += mirrored(fields, axes, time, n)
    operator = Operator(equations, subs=grid.spacing_map)

    def steps(count: int) -> None:
        operator.apply(time_m=0, time_M=count - 1)
        done["steps"] = count

    def reset() -> None:
        for u, q in zip(fields, start, strict=True):
            halo = (u.data_with_halo.shape[1] - n) // 2
            u.data_with_halo[:] = np.pad(q, halo, mode="constant" if contest.masked else "edge")

    def state() -> np.ndarray:
        return np.stack([np.asarray(u.data[done["steps"] % 2]) for u in fields])

    done = {"steps": 0}
    return worker.Explicit(steps, reset, state)


def mirrored(fields, axes, time, n):
    """A layer outside every wall that holds its neighbor's value: no flux."""
    for u in fields:
        for axis in range(3):
            for ghost, inner in ((-1, 0), (n, n - 1)):
                outside, inside = list(axes), list(axes)
                outside[axis], inside[axis] = ghost, inner
                yield Eq(u[(time + 1, *outside)], u[(time + 1, *inside)])


worker.serve(build, contest, repeats, "devito", "numpy")
