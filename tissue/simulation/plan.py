"""What a run will do, need and write, told before it starts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry
from tissue.geometry.synthetic import SyntheticSettings
from tissue.scenario.config import RunConfig
from tissue.simulation.machine import usable_memory
from tissue.simulation.places import local_forcing

FIELDS_IN_MEMORY = 120
"""Fields that a run takes at its peak: two thirds alive in a step, the rest lost between them in
the heap, or of a checkpoint that is being written (`benchmarks/forecast.py`)."""

SNAPSHOTS_IN_MEMORY = 2
"""On a slow disk: one that is being written and one that waits."""

PROGRAM_MEMORY = 950_000_000
"""What the program takes besides its fields [bytes]."""

SWEEPS_A_STEP, LARGE = 500.0, 128**3
"""Time of a coupling step in passes over its grid (`speed.probe`), up to LARGE voxels. Beyond, it
rises with the cube root of their number: 740 passes at 192^3, 1000 at 256^3
(`benchmarks/growth.py --fit`)."""

COMPILATIONS = 390.0
"""Time to compile a run in that of the program of the probe; a later run of the same shape finds
its programs on disk and starts in a third of the time."""

PICTURE = 180.0
"""Time that drawing the picture of a finished run takes, in that of the same compilation."""

SET_UP_STEPS = 3.0
"""Time of the healthy set-up in coupling steps."""

STEPS_TO_SETTLE, QUIET_STEP, USUAL_ERROR = 14, {"mouse": 4.0, "human": 13.0}, 0.2
"""Adaptive steps that a disease takes to set in, the length of those that follow [day], and the
accuracy they are for [percentage points] (`benchmarks/time_step.py`)."""

ALIKE = 0.6
"""Share of the difference between places half a box apart by which bone may differ from end to end
of a periodic box: made-up bone that goes on there differs by at most 0.5 of it, the shrew image by
0.8 to 1.2, at voxels of 8 to 25 um."""

COMPRESSION = 4.0
"""Ratio of a field in a snapshot: bone compresses better, smooth fields less."""

CHECKPOINT = 8.0
"""Fields of the precision that a checkpoint takes on disk; there are two."""

VOXELS_PER_DECAY = 2
"""Voxels that a solute must decay over to be resolved."""

SHORTEST_FLOAT32_STEP = 0.02
"""Step below which rounding of phi costs more than a thousandth of the motion [day]."""

COARSEST_VOXEL = {"mouse": 10.0, "human": 25.0}
"""Voxel edge above which trabeculae of the species lose surface [um]."""


class Probe(NamedTuple):
    """What a quick measurement tells of this machine.

    Attributes:
        sweep: time of one pass `s - c u + sum T (u_neighbour - u)` [ns a voxel].
        compilation: time to compile the program that makes it [s].
        loading: time that reading or making the bone took [s].
    """

    sweep: float
    compilation: float
    loading: float = 0.0


class Duration(NamedTuple):
    """Wall time of a run [s]: until the first step is done, of each step, their number, the end."""

    start: float
    step: float
    steps: int
    end: float

    @property
    def total(self) -> float:
        """Of the whole run [s]."""
        return self.start + self.steps * self.step + self.end


@dataclass(frozen=True)
class Plan:
    """Size of a run.

    Attributes:
        shape: voxels (z, y, x).
        spacing: edge of a voxel [um].
        bv_tv: bone volume fraction at the start.
        steps: how the coupling steps are chosen.
        snapshots: number of snapshots.
        memory: estimated peak [bytes].
        disk: estimated output [bytes].
        warnings: a sentence for every questionable choice.
        notes: how masks were placed.
        duration: estimated wall time, where this machine was measured.
    """

    shape: tuple[int, int, int]
    spacing: float
    bv_tv: float
    steps: str
    snapshots: int
    memory: int
    disk: int
    warnings: tuple[str, ...]
    duration: Duration | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """The plan in words."""
        nz, ny, nx = self.shape
        voxels = nz * ny * nx
        edge = " x ".join(f"{n * self.spacing / 1e3:.3g}" for n in self.shape)
        return (
            *self.notes,
            f"grid       {nz} x {ny} x {nx} voxels [z, y, x] of {self.spacing:g} um "
            f"({edge} mm, {voxels / 1e6:.3g} million voxels), BV/TV {self.bv_tv:.4f}",
            f"steps      {self.steps}",
            f"memory     about {size(self.memory)}",
            *self._time(),
            f"writes     {self.snapshots} snapshots and two checkpoints (about {size(self.disk)}), "
            "metrics.csv, ledger.csv, run.toml, run.log",
        )

    def _time(self) -> tuple[str, ...]:
        if self.duration is None:
            return ()
        start, step, steps, end = self.duration
        return (
            f"time       about {duration(self.duration.total)} here and now: {duration(start)} to "
            f"start the first time, about {steps} steps of {duration(step)}, {duration(end)} for "
            "the picture",
        )


def plan(config: RunConfig, geometry: Geometry, probe: Probe | None = None) -> Plan:
    """The plan of a run on a geometry, with its wall time where this machine was probed."""
    grid = geometry.grid
    snapshots = len(config.snapshot_times)
    warnings = [*geometry.warnings, *config.warnings]
    coarsest = COARSEST_VOXEL[config.preset]
    if grid.spacing > coarsest * 1.01:
        synthetic = isinstance(config.geometry, SyntheticSettings)
        key = "geometry.synthetic.spacing" if synthetic else "geometry.resample"
        warnings.append(
            f"voxels of {grid.spacing:g} um are coarse for {config.preset} trabeculae: up to "
            f"{coarsest:g} um keeps their surface; set {key} to a finer voxel"
        )
    if config.precision == "float32" and (config.step or 1) < SHORTEST_FLOAT32_STEP:
        warnings.append(
            f"steps of {config.step:g} day move bone by less than float32 can add up "
            "well: set run.precision to float64 or run.step to "
            f"{SHORTEST_FLOAT32_STEP:g} day or more"
        )
    warnings += [*_decay(config, grid), *_cuts(config, geometry)]
    journal = Journal()  # a mask that does not fit is refused before anything long starts
    local_forcing(config, geometry, journal)
    warnings += journal.warnings
    need = memory(config, grid.voxels)
    usable = usable_memory()
    if need > usable:
        warnings.append(
            f"the run needs about {size(need)} of memory and there are {size(usable)}: "
            "use coarser voxels, a smaller box or float32"
        )
    return Plan(
        shape=grid.shape,
        spacing=grid.spacing,
        bv_tv=float(geometry.bone_volume_fraction.mean()),
        steps=_steps(config),
        snapshots=snapshots,
        memory=need,
        disk=int(
            snapshots * len(config.fields) * 4 * grid.voxels / COMPRESSION
            + 2 * CHECKPOINT * (4 if config.precision == "float32" else 8) * grid.voxels
        ),
        warnings=tuple(warnings),
        duration=wall_time(config, grid.voxels, probe) if probe else None,
        notes=tuple(journal.log),
    )


def _decay(config: RunConfig, grid: Grid) -> Iterator[str]:
    """Warnings of gradients that the grid or the box cannot hold."""
    p, edge = config.acting, max(grid.shape) * grid.spacing
    in_places = bool(config.disease.pannus or config.disease.walls)
    rates = {"il1": (p.D_I, p.k_I), "tnf": (p.D_T, p.k_T), "rankl": (p.D_R, p.k_R)}
    for solute, (diffusivity, rate) in (rates | {"opg": (p.D_O, p.k_O)}).items():
        length = math.sqrt(float(diffusivity) / float(rate))
        if length < VOXELS_PER_DECAY * grid.spacing:
            yield (
                f"{solute} decays over {length:.3g} um, less than {VOXELS_PER_DECAY} voxels: its "
                "gradients are not resolved; use finer voxels"
            )
        if in_places and length > edge:
            yield (
                f"{solute} decays over {length:.3g} um, farther than the box of {edge:.3g} um: "
                "what acts in some places only reaches almost all; use a larger box"
            )


def _cuts(config: RunConfig, geometry: Geometry) -> Iterator[str]:
    """Warnings of a periodic box whose bone does not go on at the other end."""
    bone = geometry.bone_volume_fraction
    for name, axis in zip(config.periodic, config.periodic_axes, strict=True):
        across = float(np.abs(bone.take(0, axis) - bone.take(-1, axis)).mean())
        apart = float(np.abs(bone - np.roll(bone, bone.shape[axis] // 2, axis)).mean())
        if across > ALIKE * apart:
            yield (
                f"bone differs by {across:.2f} from one end of {name} to the other and by "
                f"{apart:.2f} half a box apart: it does not go on there, and boundary.periodic "
                "makes a surface of the cut; it suits bone that repeats itself"
            )


def _steps(config: RunConfig) -> str:
    if config.step is not None:
        return f"of {config.step:g} day, or as much less as lands on every snapshot"
    return (
        f"adaptive: {config.allowed_error:g} percentage points of BV/TV change may be lost to time "
        "stepping in a year"
    )


def expected_steps(config: RunConfig) -> int:
    """Coupling steps that a run will take."""
    times, step = config.snapshot_times, config.step
    if step is None:
        assert config.allowed_error
        finer = (USUAL_ERROR / config.allowed_error) ** (1 / 3)
        steps = (STEPS_TO_SETTLE + config.duration / QUIET_STEP[config.preset]) * finer
        return max(round(steps), len(times))
    gaps = (b - a for a, b in pairwise(times))
    return sum(max(1, math.ceil(gap / step - 1e-9)) for gap in gaps)


def memory(config: RunConfig, voxels: int) -> int:
    """Estimated peak of a run on a grid [bytes]."""
    item = 4 if config.precision == "float32" else 8
    alive = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(config.fields)
    return PROGRAM_MEMORY + alive * item * voxels


def wall_time(config: RunConfig, voxels: int, probe: Probe) -> Duration:
    """Estimated wall time of a run on a grid."""
    sweeps = SWEEPS_A_STEP * max(1.0, voxels / LARGE) ** (1 / 3)
    step = sweeps * probe.sweep * voxels / 1e9
    start = probe.loading + COMPILATIONS * probe.compilation + SET_UP_STEPS * step
    return Duration(start, step, expected_steps(config), PICTURE * probe.compilation)


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < most * length:
            number = seconds / length
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"
    return f"{seconds / 86400:.0f} days"


def size(number: int) -> str:
    """A number of bytes in the unit that suits it."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
