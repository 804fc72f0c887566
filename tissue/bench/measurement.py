"""Measurements of a machine: each kernel alone, solves, a coupling step and finite elements.

A part that fails is a measurement without a time and with the reason; the others go on.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.bench.tasks import DECAY, MIN_POROSITY, SPACING, WORD, Task, bone, tasks
from tissue.bench.timing import Timing, clocked, timed
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.kernels import elasticity, elliptic
from tissue.machine.device import usable_memory
from tissue.mechanics.compression import AXES, MIN_FRACTION, compress, held_ends, residual_force
from tissue.mechanics.hierarchy import hierarchy
from tissue.simulation import speed
from tissue.simulation.cost import BONE_SHARE, memory_here
from tissue.simulation.text import size

REPEATS, QUICK_REPEATS = 9, 3
QUEUED = 20
"""Calls in a row on a GPU: the start of each hides behind the work of the one before."""

LOADING = "confined"
TOLERANCE = 1e-5  # residual of finite elements [1]
LOOSE, TIGHT = 1e-1, 1e-5
"""Residuals of two solves, whose difference is that of iterations alone [1]."""

CG_ITERATION = "CG iteration, V-cycle included"
COUPLING_STEP = "coupling step, diagnostics included"
ELASTIC_ITERATION = "elastic CG iteration, cycle included"
ELASTIC_SET_UP = "set-up of finite elements"
THREE_AXES = "three axes from rest, set-up included"
KERNELS, SOLVE, STEP, ELEMENTS = PARTS = ("kernels", "solve", "step", "elements")
"""Parts of the measurement of a grid: each kernel alone, a solve of one field, a coupling step of
the model and finite elements."""

GRID = "grid"
"""Name of the row of a grid that does not fit."""


@dataclass(frozen=True)
class Measurement:
    """Time of one part on one grid.

    Attributes:
        name: name of the part.
        edge: of the grid [voxels].
        milliseconds, shortest, longest: median and range of the repeats [ms]; None where it
            failed.
        million_updates_per_s: voxels of all fields that it updates, in a second; None where that
            is not what it does.
        bandwidth_percent: bytes that it must move, over those of the triad in that time; above
            100, the cache holds a part of them.
        reason: why there is no time; empty where there is one.
    """

    name: str
    edge: int
    milliseconds: float | None
    shortest: float | None = None
    longest: float | None = None
    million_updates_per_s: float | None = None
    bandwidth_percent: float | None = None
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Numbers for programs."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """Extent of the measurements.

    Attributes:
        edges: of the grids [voxels].
        bandwidth: of the memory, from a triad in the same run [GB/s].
        repeats: of a kernel.
        parts: what is measured, of `PARTS`.
    """

    edges: Sequence[int]
    bandwidth: float
    repeats: int = REPEATS
    parts: Sequence[str] = PARTS


def measurements(plan: Plan) -> Iterator[Measurement | speed.Speed]:
    """Every measurement as it is made; a step of the model comes as its `Speed` too."""
    for edge in plan.edges:
        elements = ELEMENTS in plan.parts
        share = BONE_SHARE if elements else None
        need, usable = memory_here(speed.standard(edge), (edge,) * 3, share), usable_memory()
        if need > usable:
            reason = f"a run needs about {size(need)}, and {size(usable)} are usable"
            yield Measurement(GRID, edge, None, reason=reason)
            continue
        if KERNELS in plan.parts:
            yield from of_kernels(plan, edge)
        if SOLVE in plan.parts:
            yield from of_solve(edge)
        if STEP in plan.parts:
            yield from of_step(edge)
        if ELEMENTS in plan.parts:
            yield from of_elements(edge)


def of_kernels(plan: Plan, edge: int) -> Iterator[Measurement]:
    """Measurements of every kernel alone."""
    try:
        made = tasks(bone(edge))
    except Exception as error:
        yield failed(KERNELS, edge, error)
        return
    for name, make in made.items():
        yield guarded(name, edge, partial(of_kernel, plan, edge, name, make))


def of_kernel(plan: Plan, edge: int, name: str, make: Callable[[], Task]) -> Measurement:
    """Measurement of one kernel."""
    task = make()
    run = jax.jit(task.run)
    calls = 1 if jax.default_backend() == "cpu" else QUEUED

    def in_a_row() -> Any:
        for _ in range(calls):
            result = run(*task.arguments)
        return result

    spent = timed({name: in_a_row}, plan.repeats)[name]
    return kernel_row(task, spent.shared_by(calls * task.times), edge, plan.bandwidth)


def kernel_row(task: Task, time: Timing, edge: int, bandwidth: float) -> Measurement:
    """Rate and share of the bandwidth of a kernel.

    Args:
        task: the kernel.
        time: of one pass of it.
        edge: of the grid [voxels].
        bandwidth: of the memory [GB/s].
    """
    voxels = edge**3
    moved = task.words * WORD * voxels / time.median / 1e6  # GB/s
    share = 100 * moved / bandwidth if task.words else None
    return _row(time, edge, task.fields * voxels / time.median / 1e3, share)


def of_solve(edge: int) -> Iterator[Measurement]:
    """Measurement of an iteration of the solver of one field."""

    def measured() -> Measurement:
        eps = jnp.maximum(1 - bone(edge), MIN_POROSITY)

        def solve(tolerance: float) -> tuple[Array, elliptic.SolverStats]:
            source, start = eps, jnp.zeros_like(eps)
            return elliptic.screened_diffusion(
                *(eps, eps / DECAY**2, source, start),
                diffusivity=1.0,
                spacing=1.0,
                tolerance=tolerance,
            )

        return iteration_row(CG_ITERATION, edge, lambda tolerance: solve(tolerance)[1].iterations)

    yield guarded(CG_ITERATION, edge, measured)


def iteration_row(name: str, edge: int, solve: Callable[[float], Any]) -> Measurement:
    """Measurement of an iteration: the difference of two solves over that of their iterations.

    Args:
        name: of the measurement.
        edge: of the grid [voxels].
        solve: iterations that it takes to a residual.

    Raises:
        ValueError: both solves take equally many, or their difference is lost in the noise.
    """
    loose, tight = (int(solve(tolerance)) for tolerance in (LOOSE, TIGHT))
    if tight <= loose:
        raise ValueError(f"a residual of {TIGHT:g} takes no more iterations than {LOOSE:g}")
    spent = []
    for _ in range(QUICK_REPEATS):
        short, long = (clocked(partial(solve, tolerance))[1] for tolerance in (LOOSE, TIGHT))
        spent.append(1e3 * (long - short) / (tight - loose))
    if min(spent) <= 0:
        raise ValueError("the time of an iteration is lost in the noise of the clock")
    return Measurement(name, edge, float(np.median(spent)), min(spent), max(spent))


def of_step(edge: int) -> Iterator[Measurement | speed.Speed]:
    """Measurement of warmed-up coupling steps of the whole model, and their `Speed`.

    The load is that of the density of bone near by; finite elements are measured by themselves.
    """
    try:
        geometry = Geometry(Grid((edge,) * 3, SPACING), np.asarray(bone(edge)), (), ())
        config = speed.standard(edge).changed({"load.mechanics": "density"})
        found = speed.measure(config, geometry)
    except Exception as error:
        yield failed(COUPLING_STEP, edge, error)
        return
    yield found
    median, shortest, longest = (1e3 * t for t in (found.seconds, found.shortest, found.longest))
    yield Measurement(COUPLING_STEP, edge, median, shortest, longest, 1e3 / found.rate)


def of_elements(edge: int) -> Iterator[Measurement]:
    """Measurements of finite elements: their set-up, an iteration, and three axes from rest."""

    @cache
    def levels() -> elasticity.Hierarchy:
        return set_up()

    def set_up() -> elasticity.Hierarchy:
        fraction = np.asarray(bone(edge))
        bearing = np.where(fraction >= MIN_FRACTION, fraction, 0)
        return hierarchy(bearing, held_ends("z", LOADING))

    def warm_set_up() -> Measurement:
        levels()
        return _row(timed({ELASTIC_SET_UP: set_up}, 1, warm_up=0)[ELASTIC_SET_UP], edge)

    def iteration() -> Measurement:
        solve = partial(elasticity.solve, levels(), unit_force(levels()))
        return iteration_row(ELASTIC_ITERATION, edge, lambda tolerance: solve(tolerance).iterations)

    def three_axes() -> Measurement:
        fraction = np.asarray(bone(edge))
        return _row(timed({THREE_AXES: lambda: _displacements(fraction)}, 1)[THREE_AXES], edge)

    yield guarded(ELASTIC_SET_UP, edge, warm_set_up)
    yield guarded(ELASTIC_ITERATION, edge, iteration)
    yield guarded(THREE_AXES, edge, three_axes)


def unit_force(levels: elasticity.Hierarchy) -> Array:
    """Forces of unit compression along z, on the free nodes."""
    finest = levels.finest
    shape = finest.owner.shape
    moved = jnp.zeros((shape[0], 3, *shape[1:])).at[-1, 0].set(1.0 - shape[0])
    moved = jnp.where(finest.owner[:, None] >= 0, moved, 0)
    return residual_force(moved, finest.modulus, finest.fixed).astype(jnp.float32)


def _displacements(fraction: np.ndarray) -> list[Array]:
    return [each.displacement for each in compress(fraction, AXES, LOADING, TOLERANCE).values()]


def guarded(name: str, edge: int, measure: Callable[[], Measurement]) -> Measurement:
    """Measurement, or the reason why there is none."""
    try:
        return measure()
    except Exception as error:
        return failed(name, edge, error)


def failed(name: str, edge: int, error: Exception) -> Measurement:
    """Measurement without a time, with the reason in one line."""
    said = " ".join(f"{error}".split())
    text = "out of memory" if "RESOURCE_EXHAUSTED" in said else said or type(error).__name__
    return Measurement(name, edge, None, reason=text[:200])


def _row(
    time: Timing, edge: int, rate: float | None = None, share: float | None = None
) -> Measurement:
    return Measurement(time.name, edge, time.median, time.low, time.high, rate, share)
