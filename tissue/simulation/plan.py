"""Plan of a run: what it will do, need and write, told before it starts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry
from tissue.machine.device import usable_memory
from tissue.machine.host import allowed_memory, free_disk, load_note
from tissue.scenario.config import RunConfig
from tissue.simulation.disk import Written, written
from tissue.simulation.doubts import cuts, doubts
from tissue.simulation.local_forcing import pannus_mask, refuse_misplaced_pannus

FIELDS_IN_MEMORY = 120
"""Fields that a run takes at its peak: two thirds alive in a step, the rest lost between them in
the heap, or of a checkpoint that is being written (`benchmarks/forecast.py`)."""

SNAPSHOTS_IN_MEMORY = 2
"""Snapshots held on a slow disk: one that is being written and one that waits."""

PROGRAM_MEMORY = 950_000_000
"""Memory that the program takes besides its fields [bytes]."""

MARGIN = 1.1
"""Largest measured peak over the memory foretold for it: 5.15 GB over 4.69 GB at 192^3
(`benchmarks/forecast.py`)."""

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

SMALLER = "use coarser voxels, a smaller box or float32"
LESS_READ = (
    "load less bone (geometry.crop, or a smaller geometry.synthetic.shape) or use a machine "
    "with more memory"
)
"""Remedies where the memory is too small for the fields of a run, and for loading its bone."""


class Probe(NamedTuple):
    """Quick measurement of this machine.

    Attributes:
        sweep: time of one pass `s - c u + sum T (u_neighbor - u)` [ns a voxel].
        compilation: time to compile the program that makes it [s].
        loading: time that reading or making the bone took [s].
    """

    sweep: float
    compilation: float
    loading: float = 0.0


class Outlook(NamedTuple):
    """Memory and time of a run on a machine.

    Attributes:
        where: the machine, as in "cannot run here".
        need: memory of it that the run takes [bytes].
        room: memory that there is for it [bytes]; None where that is not known.
        remedy: what to do where the room is too small.
        memory, time: both in words; no time where it was not measured or foretold.
    """

    where: str
    need: int
    room: int | None
    remedy: str
    memory: str
    time: str = ""

    @property
    def fits(self) -> bool:
        """Whether the run has the memory it needs, as far as that is known."""
        return self.room is None or self.need <= self.room

    @property
    def surely_fits(self) -> bool:
        """Whether it has that memory even where the forecast is as wrong as it has been."""
        return self.room is None or self._most <= self.room

    @property
    def verdict(self) -> str:
        """Whether the run can be started."""
        if self.room is None:
            return f"ready to run {self.where}, if there are {size(self._most)} of memory"
        if self.surely_fits:
            return f"ready to run {self.where}"
        return f"{'may not fit' if self.fits else 'cannot run'} {self.where}: it {self._shortage}"

    @property
    def warning(self) -> str:
        """Warning of a run that may have too little memory; empty where it has enough."""
        if self.room is None or self.surely_fits:
            return ""
        return f"the run {self._shortage}: {self.remedy}"

    @property
    def _most(self) -> int:
        """Memory that the run takes where the forecast is as wrong as it has been [bytes]."""
        return round(MARGIN * self.need)

    @property
    def _shortage(self) -> str:
        """Memory needed and memory there, in words."""
        assert self.room is not None
        most = f" (up to {size(self._most)})" if self.fits else ""
        return f"needs about {size(self.need)}{most} of memory and there are {size(self.room)}"


class Duration(NamedTuple):
    """Wall time of a run [s]: until the first step is done, of each step, their number, the end."""

    start: float
    step: float
    steps: int
    end: float

    @property
    def total(self) -> float:
        """Time of the whole run [s]."""
        return self.start + self.steps * self.step + self.end


@dataclass(frozen=True)
class Plan:
    """Size of a run.

    Attributes:
        shape: voxels (z, y, x).
        spacing: edge of a voxel [um].
        bv_tv: bone volume fraction at the start.
        part: only a part of the bone was looked at.
        steps: how the coupling steps are chosen.
        written: estimated output.
        keep_every: as the run file has it.
        outlook: what the machine has for the run.
        warnings: a sentence for every questionable choice.
        duration: estimated wall time, where this machine was measured.
        notes: how masks were placed.
    """

    shape: tuple[int, int, int]
    spacing: float
    bv_tv: float
    part: bool
    steps: str
    written: Written
    keep_every: int
    outlook: Outlook
    warnings: tuple[str, ...]
    duration: Duration | None = None
    notes: tuple[str, ...] = ()

    @property
    def memory(self) -> int:
        """Estimated peak [bytes]."""
        return self.outlook.need

    def lines(self) -> tuple[str, ...]:
        """The plan in words."""
        nz, ny, nx = self.shape
        voxels = nz * ny * nx
        edge = " x ".join(f"{n * self.spacing / 1e3:.3g}" for n in self.shape)
        return (
            *self.notes,
            f"grid       {nz} x {ny} x {nx} voxels [z, y, x] of {self.spacing:g} um "
            f"({edge} mm, {voxels / 1e6:.3g} million voxels), BV/TV "
            + (f"about {self.bv_tv:.2f}" if self.part else f"{self.bv_tv:.4f}"),
            f"steps      {self.steps}",
            f"memory     {self.outlook.memory}",
            *([f"time       {self.outlook.time}"] if self.outlook.time else []),
            f"writes     {self._writes()}",
        )

    def _writes(self) -> str:
        made = self.written
        newest = made.checkpoints - made.kept
        checkpoints = f"{made.checkpoints} checkpoints"
        if made.kept:
            checkpoints += f", {made.kept} kept by output.keep_every = {self.keep_every}"
            checkpoints += f" and {newest} as the newest" if newest else ""
        return (
            f"about {size(made.bytes)} in all: {made.snapshots} snapshots (about "
            f"{size(made.snapshot_bytes)}), {checkpoints} (about {size(made.checkpoint_bytes)}), "
            "metrics.csv, ledger.csv, run.toml, run.log, summary.png"
        )


def plan(
    config: RunConfig,
    geometry: Geometry,
    probe: Probe | None = None,
    *,
    whole: Grid | None = None,
    reading: int = 0,
    outlook: Outlook | None = None,
    folder: Path | None = None,
) -> Plan:
    """The plan of a run.

    Args:
        config: the run.
        geometry: its bone, or a part of it.
        probe: what was measured of this machine, for the wall time.
        whole: grid of the run, where the geometry is a part of it.
        reading: memory that reading or making all of the bone takes [bytes]; 0 once it is done.
        outlook: what another machine has for the run; None for this one.
        folder: where the run will write; it need not exist.

    Raises:
        InputError: the mask of a pannus cannot be read or does not fit the bone.
    """
    grid, steps = whole or geometry.grid, expected_steps(config)
    warnings = [*geometry.warnings, *config.warnings, *doubts(config, grid)]
    warnings += [] if whole else cuts(config, geometry)
    journal = Journal()  # a mask that does not fit is refused before anything long starts
    if whole:
        refuse_misplaced_pannus(config, whole, journal)
    else:
        pannus_mask(config, grid, journal)
    warnings += journal.warnings
    took = wall_time(config, grid.voxels, probe) if probe else None
    outlook = outlook or _here(config, grid.voxels, took, reading)
    warnings += filter(None, [outlook.warning])
    output = written(config, geometry.bone_volume_fraction, grid.voxels, grid.spacing, steps)
    warnings += _full_disk(output, folder)
    return Plan(
        shape=grid.shape,
        spacing=grid.spacing,
        bv_tv=float(geometry.bone_volume_fraction.mean()),
        part=whole is not None,
        steps=_steps(config),
        written=output,
        keep_every=config.output.keep_every,
        outlook=outlook,
        warnings=tuple(warnings),
        duration=took,
        notes=tuple(journal.log),
    )


def _here(config: RunConfig, voxels: int, took: Duration | None, reading: int) -> Outlook:
    """Outlook of a run on this machine."""
    need, time = memory(config, voxels), ""
    if took:
        time = (
            f"about {duration(took.total)} here and now{load_note()}: {duration(took.start)} to "
            f"start the first time, about {took.steps} steps of {duration(took.step)}, "
            f"{duration(took.end)} for the picture"
        )
    told = f"about {size(need)}"
    if reading > need:
        told = f"about {size(reading)} to load the bone, then {told} to simulate it"
    return max(
        Outlook("here", need, usable_memory(), SMALLER, told, time),
        Outlook("here", reading, allowed_memory(), LESS_READ, told, time),  # never that of a GPU
        key=lambda outlook: outlook.need / max(outlook.room or 0, 1),
    )


def _full_disk(output: Written, folder: Path | None) -> Iterator[str]:
    """Warning that a disk will be full before a run is finished."""
    free = free_disk(folder) if folder else None
    if free is not None and output.most > free:
        yield (
            f"the run writes about {size(output.most)} and {folder} has room for {size(free)}: "
            "make room or choose another folder with --out, or write less often ([output] "
            "snapshots, keep_every) or fewer fields"
        )


def _steps(config: RunConfig) -> str:
    if config.run.fixed_step is not None:
        return f"of {config.run.fixed_step:g} day, or as much less as lands on every snapshot"
    return (
        f"adaptive: {config.allowed_error:g} percentage points of BV/TV change may be lost to time "
        "stepping in a year"
    )


def expected_steps(config: RunConfig) -> int:
    """Coupling steps that a run will take."""
    times, step = config.snapshot_times, config.run.fixed_step
    if step is None:
        assert config.allowed_error
        finer = (USUAL_ERROR / config.allowed_error) ** (1 / 3)
        steps = (STEPS_TO_SETTLE + config.run.duration / QUIET_STEP[config.run.preset]) * finer
        return max(round(steps), len(times))
    gaps = (b - a for a, b in pairwise(times))
    return sum(max(1, math.ceil(gap / step - 1e-9)) for gap in gaps)


def memory(config: RunConfig, voxels: int) -> int:
    """Estimated peak of a run on a grid [bytes]."""
    item = 4 if config.run.precision == "float32" else 8
    alive = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(config.output.fields)
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
