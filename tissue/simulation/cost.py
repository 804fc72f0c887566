"""Cost of a run: memory, coupling steps and wall time, from measured constants."""

import math
from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from tissue.machine import processes
from tissue.machine.device import device_memory
from tissue.mechanics.strength import BONE_VOXEL_BYTES, VOXEL_BYTES
from tissue.model.drugs import DRUGS, FAST_NODES
from tissue.model.pharmacokinetics import Dosing, OneCompartmentPK
from tissue.model.targets import TARGETS, Concentration
from tissue.scenario.config import RunConfig
from tissue.scenario.therapy import Therapy
from tissue.simulation.devices import number_of_devices
from tissue.simulation.forcing_schedule import FREQUENT, stop_times
from tissue.simulation.gpus import ITEM, Shape, Slabs, slabs_of, words
from tissue.simulation.loaded_bone import INTERVAL
from tissue.simulation.step_size import FACTOR_MAX, ROUNDING_REMAINDER, step_size_controller

FIELDS_IN_MEMORY = 112
"""Peak number of fields in the memory of a processor: 80 by steps (`benchmarks/growth.py`: 1.17 GB
at 96^3 and 2.63 GB at 176^3), the others by output that is being written. A run of 160^3 with six
fields took 2.93 GB, where 2.98 GB are predicted (2026-11-26)."""

GPU_STEP_BYTES = 240
"""Peak memory of a coupling step on a GPU per voxel in float32 [bytes]: all fields that are alive,
with the state before the step (docs/gpu.md, "Memory of a step")."""

GPU_SOLVE_BYTES, GPU_SOLVE_BONE_BYTES, GPU_FIELDS_BETWEEN_STEPS = 210, 400, 20
"""Memory of finite elements on a GPU while they are solved, of a voxel of the box, and more for one
of bone [bytes]; and fields of the tissue that are in memory then.

Compiled for an H100 at 128^3, with 25 % bone: coarse levels 58 B and grid 21 B a voxel of the box,
124 B temporary, 12 B the correction, 49 B displacements in float64, 41 B the axes before the last;
of these 98 B go with the bone (2026-11-26). The set-up is done by the host.
"""

GATHERED_FIELDS = 24
"""Fields of the level of multigrid that every device has: hierarchies of a pair and of a solute."""

SNAPSHOTS_IN_MEMORY = 2
"""Snapshots in memory with a slow disk: one that is being written and one that waits."""

PROGRAM_MEMORY = 950_000_000
"""Memory of the program without its fields [bytes]."""

MEMORY_MARGIN = 1.1
"""Largest measured peak over the predicted memory [1]: 5.15 GB over 4.69 GB at 192^3
(`benchmarks/forecast.py`)."""

SHORTEST_EDGE = 40
"""Edge of a box from which load is computed by finite elements unless a run file says otherwise
[voxels]: fewer hold too few trabeculae for their share of the load to mean much (assumption)."""

SOLVED_MEMORY, FIELDS_BETWEEN_STEPS = 56, 40
"""Memory of finite elements per voxel that a run keeps, displacements and energies in float32
[bytes]; and fields of the tissue that are in memory while they are solved."""

START_BYTES = 8
"""Memory of a voxel of the bone that a run started from [bytes]. Each process has it of the whole
grid; that of its own voxels is among the fields."""

BONE_SHARE = 0.3
"""Share of voxels that hold bone, where it is not known [1]: more than in most trabecular bone
(assumption)."""

SOLVE_PASSES = 1500.0
"""Time of an iteration of finite elements per voxel of bone, set-up included, over that of a pass
over the grid per voxel [1]: 3.5 to 6.4 us of processor (`benchmarks/mechanics.py`) over 2.7 ns."""

HEALTHY_ITERATIONS, LATER_ITERATIONS = 14, 6
"""Iterations of finite elements along all three axes, in health and from the solve before (shrew,
57^3, IL-1, 28 days)."""

SWEEPS_PER_STEP, LARGE_GRID = 500.0, 128**3
"""Time of a coupling step over that of a pass over its grid (`speed.probe`), up to LARGE_GRID
voxels. Beyond, it rises with the cube root of their number: 740 passes at 192^3, 1000 at 256^3
(`benchmarks/growth.py --fit`)."""

COMPILATION_RATIO = 390.0
"""Time to compile a run over that of the program of the probe [1]; a later run of the same shape
finds its programs on disk and starts in a third of the time."""

PICTURE_RATIO = 180.0
"""Time to draw the picture of a finished run over that of the same compilation [1]."""

SET_UP_STEPS = 3.0
"""Time of the healthy set-up over that of a coupling step [1]."""

TRANSIENT_STEPS, LATER_STEP, REFERENCE_ERROR = 14, {"mouse": 4.0, "human": 13.0}, 0.2
"""Number of adaptive steps, besides those of LATER_STEP [day], after the forcing has changed, and
their accuracy [percentage points] (`benchmarks/time_step.py`)."""

TRANSIENT_TIME = {"mouse": 24.0, "human": 48.0}
"""Time over which those steps spread [day] (`benchmarks/time_step.py`)."""

SWING, SWING_STEP = 10.0, 1.2
"""Peak over trough of a drug between frequent doses from which it forces short steps (assumption),
and their mean length over that of the shortest [1]: 170 steps in 21 days of mouse bone under daily
anakinra, where the shortest is 0.1 day (2026-11-26)."""

AFTER_PULSE, LATER_SWING_STEP = 3.0, 3.7
"""Time after a dose that is gone within a day over which steps stay as short [day], where the next
comes later than FREQUENT, and mean length of those after it over that of the shortest [1]: mouse
bone under anakinra took 421 steps in 84 days with doses every 7.5 days, and 332 with doses every
14 days. Steps grow further after two weeks: 278 are expected with doses every 28 days, and 190 were
taken (2026-11-26)."""

SWING_DOSES, SWING_SAMPLES = 10, 100
"""Doses after the first of which a swing is seen, and samples between two doses [1]."""


class Probe(NamedTuple):
    """Quick measurement of the speed of this machine.

    Attributes:
        sweep: time of one pass `s - c u + sum T (u_neighbor - u)` [ns/voxel].
        compilation: time to compile that program [s].
        loading: time to read or synthesize the bone [s].
    """

    sweep: float
    compilation: float
    loading: float = 0.0


class WallTime(NamedTuple):
    """Wall time of a run.

    Attributes:
        start: until the first step is done [s].
        step: of each step [s].
        steps: their number.
        end: of the picture [s].
        solve: of each solve of finite elements after the first, which is part of the start [s].
        solves: their number.
    """

    start: float
    step: float
    steps: int
    end: float
    solve: float = 0.0
    solves: int = 0

    @property
    def total(self) -> float:
        """Time of the complete run [s]."""
        return self.start + self.steps * self.step + self.solves * self.solve + self.end


def expected_steps(config: RunConfig) -> int:
    """Number of coupling steps of a run.

    All end on snapshots and where the forcing changes. After each change adaptive steps begin short
    and grow, so that every dose costs some of them; they stay short if the drug comes and goes
    between two: all the time where doses are frequent, else for a while after each.
    """
    changes, step = stop_times(config), config.run.fixed_step
    controller = step_size_controller(config, changes)
    if step is not None:
        gaps = (b - a for a, b in pairwise((0.0, *controller.stop_times)))
        return sum(max(1, math.ceil(gap / step - ROUNDING_REMAINDER)) for gap in gaps)
    pulsed, shortest = [each for each in config.therapy if _swings(config, each)], controller.dt_min
    steps = 0.0
    for start, end in pairwise((0.0, *changes, config.run.duration)):
        middle = (start + end) / 2
        swings = [each.interval for each in pulsed if each.times[0] < middle < each.until]
        short = min(end - start, AFTER_PULSE if min(swings, default=0.0) > FREQUENT else math.inf)
        by_swing = (short / SWING_STEP + (end - start - short) / LATER_SWING_STEP) / shortest
        steps += max(by_swing if swings else 0.0, _adaptive_steps(config, end - start, shortest))
    return max(round(steps), len(controller.stop_times) + 1)


def _swings(config: RunConfig, therapy: Therapy) -> bool:
    """Whether the concentration of a drug that acts by it swings from dose to dose."""
    drug = DRUGS[therapy.drug]
    if not isinstance(TARGETS[drug.target].action, Concentration):
        return False
    if therapy.interval > FREQUENT:
        return drug.kinetics[config.run.preset].nodes == FAST_NODES
    times = np.array(therapy.times[:SWING_DOSES])
    end = times[-1] + therapy.interval
    doses = Dosing(times, np.full(len(times), therapy.dose))
    course = OneCompartmentPK(drug, config.run.preset, doses, end)
    between = course.plasma(np.linspace(times[-1], end, SWING_SAMPLES, endpoint=False))
    return bool(between.max() > SWING * between.min())


def _adaptive_steps(config: RunConfig, span: float, shortest: float) -> float:
    """Expected number of adaptive steps between two changes of the forcing.

    Args:
        config: the run.
        span: time between them [day].
        shortest: length of the first step [day].
    """
    assert config.allowed_error
    finer = (REFERENCE_ERROR / config.allowed_error) ** (1 / 3)
    settled = min(1.0, span / TRANSIENT_TIME[config.run.preset])
    by_error = (TRANSIENT_STEPS * settled + span / LATER_STEP[config.run.preset]) * finer
    # steps that grow as fast as they may from the first on
    by_growth = math.log1p((FACTOR_MAX - 1) * span / shortest) / math.log(FACTOR_MAX)
    return max(by_error, by_growth)


def expected_solves(config: RunConfig) -> int:
    """Number of solves of finite elements after that of health, of bone that changes slowly.

    Bone is solved again at each snapshot and after the longest time without a solve; where more
    than LARGEST_MOVE of it comes or goes in between, there are more.
    """
    interval = INTERVAL[config.run.preset]
    return sum(
        max(1, math.ceil((b - a) / interval - 1e-9)) for a, b in pairwise(config.snapshot_times)
    )


def likely_finite_elements(config: RunConfig, voxels: int) -> bool:
    """Whether load is computed by finite elements in a cube that allows them."""
    large = voxels >= SHORTEST_EDGE**3 and not config.boundary.periodic
    return config.load.mechanics == "fe" or (config.load.mechanics is None and large)


def likely_share(config: RunConfig, shape: Shape, available: int) -> float | None:
    """Share of the voxels that hold bone [1] where load is likely computed by finite elements.

    Args:
        config: the run.
        shape: voxels (z, y, x) of its grid, a cube of bone that allows them.
        available: memory [bytes]; a run for which it is too small does without finite elements,
            unless it asks for them.

    Returns:
        BONE_SHARE; None where load is not computed by finite elements.
    """
    if not likely_finite_elements(config, prod(shape)):
        return None
    fit = MEMORY_MARGIN * memory_here(config, shape, BONE_SHARE) <= available
    return BONE_SHARE if fit or config.load.mechanics == "fe" else None


def run_memory(
    config: RunConfig,
    voxels: int,
    *,
    fe: bool | None = None,
    bone_share: float = BONE_SHARE,
    own: int | None = None,
) -> int:
    """Estimated peak memory of a run on a grid [bytes].

    One of several processes has its own planes of the fields, the bone of the whole grid, and
    solves finite elements of all of it.

    Args:
        config: the run.
        voxels: of the grid.
        fe: whether load is computed by finite elements; None for a cube that allows them.
        bone_share: share of the voxels that hold bone [1].
        own: voxels whose fields this process has; None for all.
    """
    own = voxels if own is None else own
    if fe is None:
        fe = likely_finite_elements(config, voxels)
    item = 4 if config.run.precision == "float32" else 8
    fields = FIELDS_IN_MEMORY + SNAPSHOTS_IN_MEMORY * len(config.output.fields)
    need = fields * item * own
    if fe:  # solved between two steps, whose memory is free then
        solving = (VOXEL_BYTES + round(bone_share * BONE_VOXEL_BYTES)) * voxels
        need = SOLVED_MEMORY * voxels + max(need, FIELDS_BETWEEN_STEPS * item * own + solving)
    return PROGRAM_MEMORY + need + START_BYTES * (voxels - own)


def gpu_memory(config: RunConfig, cut: Slabs, solved_share: float | None = None) -> int:
    """Estimated peak memory of a run on each GPU that it uses [bytes].

    Finite elements are solved on the first of them.

    Args:
        config: the run.
        cut: slabs of the grid; one of them is all of it.
        solved_share: share of the voxels that hold bone [1] where load is computed by finite
            elements; None elsewhere.
    """
    number = words(config.run.precision)
    # the planes of other slabs beside those of this one
    own = cut.voxels + (2 * cut.shape[1] * cut.shape[2] if cut.devices > 1 else 0)
    snapshots = SNAPSHOTS_IN_MEMORY * len(config.output.fields) * ITEM
    step = (GPU_STEP_BYTES + snapshots) * number * own
    if cut.devices > 1:
        step += GATHERED_FIELDS * ITEM * number * cut.gathered
    if solved_share is None:
        return step
    voxels = prod(cut.shape)
    between = GPU_FIELDS_BETWEEN_STEPS * ITEM * number * own
    solving = (GPU_SOLVE_BYTES + round(solved_share * GPU_SOLVE_BONE_BYTES)) * voxels
    return SOLVED_MEMORY * voxels + max(step, between + solving)


def memory_here(config: RunConfig, shape: Shape, solved_share: float | None) -> int:
    """Estimated peak memory of a run on each device of this machine [bytes].

    Args:
        config: the run.
        shape: voxels (z, y, x) of its grid.
        solved_share: as in `gpu_memory`.
    """
    if device_memory() is not None:
        cut = slabs_of(shape, number_of_devices(config, shape[0]))
        return gpu_memory(config, cut, solved_share)
    fe, share, voxels = solved_share is not None, solved_share or 0.0, prod(shape)
    own = math.ceil(voxels / processes.own()[1])
    return run_memory(config, voxels, fe=fe, bone_share=share, own=own)


def wall_time(config: RunConfig, voxels: int, probe: Probe, *, solved_voxels: int = 0) -> WallTime:
    """Estimated wall time of a run on a grid.

    Args:
        config: the run.
        voxels: of its grid.
        probe: measured speed of this machine.
        solved_voxels: voxels of bone of which load is computed by finite elements.
    """
    sweeps = SWEEPS_PER_STEP * max(1.0, voxels / LARGE_GRID) ** (1 / 3)
    step = sweeps * probe.sweep * voxels / 1e9
    iteration = SOLVE_PASSES * probe.sweep * solved_voxels / 1e9
    start = probe.loading + COMPILATION_RATIO * probe.compilation + SET_UP_STEPS * step
    start += HEALTHY_ITERATIONS * iteration
    steps, end = expected_steps(config), PICTURE_RATIO * probe.compilation
    solves = expected_solves(config) if solved_voxels else 0
    return WallTime(start, step, steps, end, LATER_ITERATIONS * iteration, solves)
