"""Speed of this machine: its memory, a pass over a grid, and warmed-up coupling steps."""

import time
from dataclasses import asdict, dataclass, replace
from math import prod
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.kernels.loop import repeat
from tissue.machine.bandwidth import Bandwidth, measured
from tissue.machine.device import device_summary, usable_memory
from tissue.model.context import Numerics
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation import simulation
from tissue.simulation.cost import (
    HEALTHY_ITERATIONS,
    LATER_ITERATIONS,
    Probe,
    expected_solves,
    expected_steps,
    likely_share,
    memory_here,
)
from tissue.simulation.gpus import Shape
from tissue.simulation.loaded_bone import solved_again
from tissue.simulation.text import duration, size
from tissue.simulation.tolerances import solver_tolerance

YEAR_EDGES = (128, 256)
"""Edges of the grids for which a year is estimated [voxels]."""

MAX_EDGE = 96
"""Edge of the block of a large bone that is measured instead of all of it [voxels]."""

TILE_EDGE = 64
"""Edge of the block from which synthetic bone is mirrored [voxels]."""

PROBE_EDGE = 128
"""Largest edge of the grid of a measured pass [voxels]: beyond every cache."""

SWEEPS = 10
"""Passes in one program, so many that its start does not count."""

PROBE_TIME, STEPS_TIME = 0.8, 5.0  # of the measurements [s]
MAX_STEPS = 8  # measured
MIN_DURATION = 365.0  # of the measured run [day]


def probe(shape: tuple[int, int, int], precision: str, loading: float = 0.0) -> Probe:
    """Measures the speed of this machine in about a second.

    It measures a pass `s - c u + sum T (u_neighbor - u)` over a field, which most of a step
    consists of, in the layout of the solver.

    Args:
        shape: voxels of the grid (z, y, x).
        precision: of the fields, "float32" or "float64".
        loading: time to read or synthesize the bone [s].
    """
    nz, ny, nx = (min(n, PROBE_EDGE) for n in shape)
    plane, voxels = nx * ny, nx * ny * nz
    offsets = (plane, nx, 1)
    u = jnp.ones(voxels + 2 * plane, precision)
    faces = [jnp.full_like(u, 0.1 * (i + 5)) for i in range(3)]

    def near(u: jax.Array, offset: int) -> jax.Array:
        return jax.lax.slice_in_dim(u, plane + offset, plane + offset + voxels)

    def sweeps(
        u: jax.Array, capacity: jax.Array, source: jax.Array, faces: list[jax.Array], times: int
    ) -> jax.Array:
        def sweep(u: jax.Array) -> jax.Array:
            here = near(u, 0)
            left = near(source, 0) - near(capacity, 0) * here
            for face, offset in zip(faces, offsets, strict=True):
                left = left + near(face, 0) * (near(u, offset) - here)
                left = left - near(face, -offset) * (here - near(u, -offset))
            return jnp.pad(here + 0.1 * left, plane)

        return repeat(sweep, times)(u)

    constant = 1e-3 * u, 2e-3 * u, faces
    compilations = []
    for times in (SWEEPS + 2, SWEEPS + 1, SWEEPS):
        start, work = time.perf_counter(), time.process_time()
        lowered = jax.jit(sweeps, static_argnames="times").lower(u, *constant, times=times)
        run = lowered.compile()
        # other work on the machine adds to the wall-clock time
        compilations.append(min(time.perf_counter() - start, time.process_time() - work))
    spent: list[float] = []
    while sum(spent) < PROBE_TIME or len(spent) < 3:
        start = time.perf_counter()
        u = jax.block_until_ready(run(u, *constant))
        spent.append(time.perf_counter() - start)
    once = min(spent[1:]) / SWEEPS  # other work on the machine comes and goes
    return Probe(1e9 * once / voxels, min(compilations), loading)


@dataclass(frozen=True)
class Speed:
    """Warmed-up coupling steps on one grid.

    Attributes:
        shape: voxels (z, y, x).
        steps: number of steps measured.
        seconds: wall time of a step, the median [s].
        shortest, longest: of the steps [s].
        start: healthy set-up and the first step, compilation included [s].
        solve: of finite elements from the displacements before [s]; 0 without these.
    """

    shape: tuple[int, int, int]
    steps: int
    seconds: float
    shortest: float
    longest: float
    start: float
    solve: float = 0.0

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        nz, ny, nx = self.shape
        return nz * ny * nx

    @property
    def rate(self) -> float:
        """Time of a step [ns/voxel]."""
        return 1e9 * self.seconds / self.voxels


def measure(config: RunConfig, bone: Geometry) -> Speed:
    """Measures steps of a run after its first two.

    Raises:
        InputError: the bone has no healthy state.
        RunError: a step fails.
    """
    start = time.perf_counter()
    # long enough for all measured steps
    longer = config.run.model_copy(update={"duration": max(config.run.duration, MIN_DURATION)})
    running = simulation.Simulation(config.model_copy(update={"run": longer}), bone)
    running.advance()
    ready = time.perf_counter() - start
    running.advance()
    spent: list[float] = []
    while len(spent) < 2 or (len(spent) < MAX_STEPS and sum(spent) < STEPS_TIME):
        start = time.perf_counter()
        running.advance()
        spent.append(time.perf_counter() - start)
    solve = _solve_time(running, bone.grid.spacing) if running.loaded else 0.0
    shortest, longest = min(spent), max(spent)
    return Speed(bone.grid.shape, len(spent), median(spent), shortest, longest, ready, solve)


def _solve_time(running: simulation.Simulation, spacing: float) -> float:
    """Time of a solve of finite elements from the displacements of the one before [s]."""
    config, before = running.config, running.loaded
    assert before
    n = Numerics(spacing, solver_tolerance(config))
    given = running.time, n, config.acting, config.load.loading
    start = time.perf_counter()
    solved_again(before, running.state.bone_volume_fraction, *given)
    return time.perf_counter() - start


@dataclass(frozen=True)
class Estimate:
    """Wall time and memory of a run on this machine.

    Attributes:
        what: the run as text.
        shape: voxels (z, y, x).
        steps: coupling steps expected.
        seconds: wall time [s].
        memory: peak [bytes].
        fits: whether this machine has enough memory.
    """

    what: str
    shape: tuple[int, int, int]
    steps: int
    seconds: float
    memory: int
    fits: bool

    @property
    def line(self) -> str:
        """Estimate as text."""
        short = "" if self.fits else ", more than is available"
        spent = f"about {duration(self.seconds)} for {self.steps} steps"
        return f"{self.what}: {spent}, {size(self.memory)}{short}"


@dataclass(frozen=True)
class Bench:
    """Measured speed of this machine on the bone of a run, and estimates from it.

    Attributes:
        device: the devices that compute.
        bandwidth: of its memory, and how it was measured.
        speeds: of the grids measured.
        estimates: for complete runs.
        notes: conditions of the measurement.
    """

    device: str
    bandwidth: Bandwidth
    speeds: tuple[Speed, ...]
    estimates: tuple[Estimate, ...]
    notes: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """Numbers as text."""
        return (
            f"device     {self.device}",
            f"memory     {self.bandwidth.triad:.1f} GB/s ({self.bandwidth.how})",
            *(
                f"step       {_grid(s.shape)}: {s.rate:.0f} ns/voxel, "
                f"{1e3 / s.rate:.2f} million voxels/s, {s.seconds:.3g} s "
                f"({s.shortest:.3g} to {s.longest:.3g} in {s.steps} steps)"
                for s in self.speeds
            ),
            *(f"estimate   {estimate.line}" for estimate in self.estimates),
            *(f"note       {note}" for note in self.notes),
        )

    def as_dict(self) -> dict[str, Any]:
        """Numbers for programs."""
        rates = [
            asdict(s) | {"ns_per_voxel_and_step": s.rate, "million_voxels_per_s": 1e3 / s.rate}
            for s in self.speeds
        ]
        return {
            "device": self.device,
            "bandwidth_gb_per_s": self.bandwidth.triad,
            "bandwidth_by": self.bandwidth.how,
            "speeds": rates,
            "estimates": [asdict(e) for e in self.estimates],
            "notes": self.notes,
        }


def bench(config: RunConfig) -> Bench:
    """Measures this machine on the bone of a run.

    Raises:
        InputError: the bone cannot be read, or has no healthy state.
        RunError: a step fails.
    """
    bone = simulation.load_geometry(config)
    part = middle(bone)
    speed = measure(config, part)
    notes: tuple[str, ...] = (start_note((speed,)),)
    if part is not bone:
        notes += (f"measured on the middle {_grid(part.grid.shape)} of the bone, scaled by voxels",)
    whole = estimate(f"run {config.name}", config, bone.grid.shape, speed)
    return Bench(device_summary(), measured(), (speed,), (whole,), notes)


def years(speed: Speed) -> tuple[Estimate, ...]:
    """Estimates of a year of mouse bone on larger grids, from steps measured on one."""
    year = standard(TILE_EDGE, days=365)
    return tuple(
        estimate(f"a year of {_grid((n,) * 3)}", year, (n,) * 3, speed) for n in YEAR_EDGES
    )


def estimate(what: str, config: RunConfig, shape: Shape, speed: Speed) -> Estimate:
    """Estimates wall time and memory of a run on a grid from steps measured on another.

    Finite elements count where they were measured and the memory holds them.
    """
    voxels, available = prod(shape), usable_memory()
    steps, share = expected_steps(config), likely_share(config, shape, available)
    need = memory_here(config, shape, share)
    seconds = speed.start + steps * speed.rate * voxels / 1e9
    if share is not None:
        solve = speed.solve * voxels / speed.voxels
        seconds += expected_solves(config) * solve
        # the start holds the first solve, of the grid that was measured
        seconds += HEALTHY_ITERATIONS / LATER_ITERATIONS * (solve - speed.solve)
    return Estimate(what, shape, steps, seconds, need, need <= available)


def standard(edge: int, days: float = 28.0, step: str | None = None) -> RunConfig:
    """Run that is measured without a run file: mouse bone under IL-1."""
    run = {"duration": f"{days} day"} | ({} if step is None else {"step": step})
    bone = {"shape": [edge] * 3, "spacing": "10 um", "bv_tv": 0.2, "thickness": "60 um"}
    disease = {"il1_excess": "3.5 pM"}
    tables = {"run": run, "geometry": {"synthetic": bone}, "disease": disease}
    return read_run_file(tables, name="standard")


def mirrored(settings: SyntheticSettings) -> Geometry:
    """Synthetic bone mirrored from a block: quick, with the same surface per volume at any size."""
    nz, ny, nx = settings.shape
    part = min(nz, TILE_EDGE), min(ny, TILE_EDGE), min(nx, TILE_EDGE)
    block = synthesize(replace(settings, shape=part)).bone_volume_fraction
    pad = [(0, n - m) for n, m in zip(settings.shape, part, strict=True)]
    bone = np.pad(block, pad, mode="symmetric")
    return Geometry(Grid(settings.shape, settings.spacing), bone, (), ())


def middle(bone: Geometry) -> Geometry:
    """Bone, or the middle block of a large one."""
    shape = bone.grid.shape
    if max(shape) <= MAX_EDGE:
        return bone
    cut = tuple(slice((n - min(n, MAX_EDGE)) // 2, (n + min(n, MAX_EDGE)) // 2) for n in shape)
    part = np.ascontiguousarray(bone.bone_volume_fraction[cut])
    if not 0 < part.mean() < 1:
        raise InputError(
            f"the middle {_grid(part.shape)} voxels of this bone contain no surface to measure; "
            "use tissue bench without a run file"
        )
    return Geometry(Grid(part.shape, bone.grid.spacing), part, (), ())


def start_note(speeds: tuple[Speed, ...]) -> str:
    """Sentence on the time before the measured steps."""
    starts = ", ".join(f"{s.start:.0f} s on {_grid(s.shape)}" for s in speeds)
    return f"set-up, compilation and the first step took {starts}"


def _grid(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
