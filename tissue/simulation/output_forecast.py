"""Forecast of the output of a run: number and size of its files.

The size of compressed fields depends on the surface of the bone and on the voxel size. Substitutes
of the fields are therefore computed from a part of the bone, without any simulation, and compressed
as in a run.
"""

import math
from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from tissue.model.drugs import DRUGS
from tissue.model.fields import ENERGY_DENSITY
from tissue.model.species import PAIR, RANKL, SOLUTES, UNCOUPLED, Solute
from tissue.scenario.config import RunConfig
from tissue.storage.checkpoint import NEWEST_KEPT
from tissue.storage.deflate import compressed_size

PART_EDGE = 64
"""Edge of the part of a bone that is compressed [voxels]; it takes 0.2 s."""

SHIFT = (0.2, 0.13, 0.0)
"""Shift after which the voxels of a surface differ [voxels]. Bone shifted by it takes as much disk
as that of a run after days of disease, within 5 % at voxels of 10 and 20 um."""

SURFACE_FIELD_SHIFT = (0.2, 0.0, 0.0)
"""Shift for fields on the surface [voxels]: within 10 % at 3 to 20 um."""

HINDRANCE = 0.75
"""Length over which a solute spreads between the bone over that of free diffusion and decay [1]:
RANKL and OPG then take as much disk as in a run, within 15 % at 3 to 20 um."""

KEPT_BITS, MANTISSA_BITS = 12, 23
"""Bits of the mantissa of all fields but the bone in snapshots (1.2e-4, half the size), and of a
float32."""

PRECURSOR_SIZE = 1.2
"""Size of the precursors of either cell in a snapshot [B/voxel]: 1.1 to 1.4 at 10 and 20 um, 0.9
to 1.0 at 3 um."""

ENERGY_SIZE = 3.1
"""Size of the strain energy density in a snapshot [B/voxel of bone]."""

SURFACE_FIELDS = ("osteoclasts", "osteoblasts", "lining_cells")

HEALTHY_FIELDS = 7
"""Fields besides the bone that vary from voxel to voxel in the checkpoint of the start, which is
health: RANKL, OPG, precursors of osteoclasts and endosteal supply; of the healthy reference the
precursors of osteoclasts, occupancy and drive. A field that is the same in every voxel takes next
to nothing, 0.01 to 0.13 B/voxel."""

DISEASED_FIELDS = 5
"""Fields that vary only in later checkpoints: precursors of osteoblasts, the three kinds of cells
on bone and the coupling store."""

SMOOTH_LOAD_FIELDS, DISPLACEMENT_SIZE, LEAST_BONE = 2, 57.0, 0.01
"""Smooth fields of finite elements in a checkpoint; size of displacements and energies there
[B/voxel of bone], nothing of which compresses, and what counts as bone [1]."""

SNAPSHOT_HEADER, FIELD_HEADER, CHECKPOINT_HEADER = 28_400, 6_000, 102_000
"""Size of a snapshot without its arrays, more for each of its fields, and of a checkpoint without
its arrays [B]."""

LOAD_HEADER = 55_500
"""Size of what finite elements keep in a checkpoint, without its arrays [B]."""

INDEX_SIZE, INDEX_STEP_SIZE, INDEX_FIELD_SIZE = 38_000, 30, 130
"""Size of run.hdf [B], more for each snapshot and for each field of one."""

ROW_SIZE = 920
"""Size of one step in metrics.csv and ledger.csv [B]."""

OTHER_SIZE = 420_000
"""Size of run.toml, run.log and the picture of a finished run [B]."""


class OutputForecast(NamedTuple):
    """Files in the folder of a finished run.

    Attributes:
        snapshots: their number.
        checkpoints: their number, those kept by `output.keep_every` and the newest ones.
        kept: number of those kept by `output.keep_every`.
        snapshot_bytes, checkpoint_bytes: size of all of them.
        bytes: size of all files.
        peak_bytes: largest size during the run, with a new checkpoint and before an old one is
            removed.
    """

    snapshots: int
    checkpoints: int
    kept: int
    snapshot_bytes: int
    checkpoint_bytes: int
    bytes: int
    peak_bytes: int


def forecast_output(
    config: RunConfig,
    bone: np.ndarray,
    voxels: int,
    spacing: float,
    steps: int,
    mechanics: str,
) -> OutputForecast:
    """Predicts the output of a run.

    Args:
        config: the run.
        bone: bone volume fraction [z, y, x], of the complete grid or of a part of it.
        voxels: number of voxels of the complete grid.
        spacing: edge of a voxel [um].
        steps: number of coupling steps.
        mechanics: of load, "fe", "density" or "off".
    """
    part = typical(bone)
    first, others = (_snapshot(config, part, spacing, shifted) for shifted in (False, True))
    snapshots = len(config.snapshot_times)
    header = SNAPSHOT_HEADER + FIELD_HEADER * len(snapshot_fields(config))
    of_snapshots = (first + (snapshots - 1) * others) * voxels + snapshots * header
    checkpoints, kept, starts = checkpoints_left(config, steps)
    header_size = CHECKPOINT_HEADER + LOAD_HEADER * (mechanics == "fe")
    start, each = (
        _checkpoint(config, part, spacing, mechanics, later) * voxels + header_size
        for later in (False, True)
    )
    of_checkpoints = starts * start + (checkpoints - starts) * each
    index = INDEX_SIZE + snapshots * (
        INDEX_STEP_SIZE + INDEX_FIELD_SIZE * len(snapshot_fields(config))
    )
    every = of_snapshots + of_checkpoints + index + steps * ROW_SIZE + OTHER_SIZE
    return OutputForecast(
        snapshots,
        checkpoints,
        kept,
        round(of_snapshots),
        round(of_checkpoints),
        round(every),
        round(every + each),
    )


def snapshot_fields(config: RunConfig) -> tuple[str, ...]:
    """Names of the fields in a snapshot, always with the bone."""
    return tuple(sorted({"bone_volume_fraction", *config.output.fields}))


def checkpoints_left(config: RunConfig, steps: int) -> tuple[int, int, int]:
    """Number of checkpoints in the folder of a finished run, kept by `keep_every`, of the start.

    One is written at the start, one by the step that passes each multiple of the interval, and one
    at the end. The newest ones always stay. Those due by wall-clock time replace each other.

    Args:
        config: the run.
        steps: number of coupling steps.
    """
    every = config.output.keep_every
    made = [every > 0]  # whether each of the newest is kept
    kept = int(every > 0)
    newest = True  # whether that of the start is one of the newest
    for gap in pairwise(config.snapshot_times):
        for new, of_them in _passed(config, gap, steps):
            kept += of_them
            newest = newest and len(made) + len(new) <= NEWEST_KEPT
            made = [*made, *new][-NEWEST_KEPT:]
    return kept + made.count(False), kept, int(every > 0 or newest)


def complete_intervals(time: float | np.ndarray, interval: float) -> np.ndarray:
    """Number of complete intervals up to a time, or up to each of several [same unit].

    A step that should end on a multiple of the interval may miss it by rounding.
    """
    return np.asarray(np.floor(np.asarray(time) / interval * (1 + 1e-9)), int)


def _passed(
    config: RunConfig, gap: tuple[float, float], steps: int
) -> Iterator[tuple[list[bool], int]]:
    """Checkpoints between two snapshots: whether each of the newest is kept, and number kept."""
    start, end = gap
    interval, every = config.output.checkpoints, config.output.keep_every
    length = config.run.fixed_step or config.run.duration / steps
    number = max(1, math.ceil((end - start) / length - 1e-9))
    length = (end - start) / number
    first, last = (int(complete_intervals(time, interval)) for time in gap)
    at_end = last * interval > (end - length) * (1 + 1e-9)
    if length <= interval:  # a step passes one multiple at most
        counts = np.arange(max(first, last - NEWEST_KEPT), last + 1)
        of_them = last // every - first // every if every else 0
    else:
        ends = start + length * np.arange(1, number + 1)
        passed = complete_intervals(ends, interval)
        counts = np.unique([first, *passed])
        of_them = int(np.count_nonzero(np.diff(counts // every))) if every else 0
    newest = counts[-NEWEST_KEPT - 1 :]  # and the one before them
    yield [bool(every and b // every > a // every) for a, b in pairwise(newest)], of_them
    if end == config.run.duration and not at_end:
        yield [False], 0


def typical(bone: np.ndarray) -> np.ndarray:
    """Part of a bone with about the same surface per volume."""
    if max(bone.shape) <= PART_EDGE:
        return bone
    share = _surface_share(bone)
    starts = (range(0, max(n - PART_EDGE, 0) + 1, PART_EDGE) for n in bone.shape)
    parts = (bone[tuple(slice(at, at + PART_EDGE) for at in corner)] for corner in product(*starts))
    return min(parts, key=lambda part: abs(_surface_share(part) - share))


def _surface_share(bone: np.ndarray) -> float:
    return float(np.mean((bone > 0) & (bone < 1)))


def _snapshot(config: RunConfig, bone: np.ndarray, spacing: float, shifted: bool) -> float:
    """Bytes per voxel of the arrays of a snapshot, at the start or after the surface has moved."""
    total = 0.0
    for name in snapshot_fields(config):
        if name == "bone_volume_fraction":
            total += _size(_shifted(bone, SHIFT) if shifted else bone, "float32")
        elif name in SURFACE_FIELDS:
            moved = _shifted(bone, SURFACE_FIELD_SHIFT) if shifted else bone
            total += _size(_rounded(_surface(moved)), "float32")
        elif name == ENERGY_DENSITY:
            total += ENERGY_SIZE * float(np.mean(bone >= LEAST_BONE))
        elif name not in SOLUTES:
            total += PRECURSOR_SIZE
        elif SOLUTES[name] in PAIR or config.has_local_forcing:
            total += _size(
                _rounded(_concentration(config, bone, spacing, SOLUTES[name])), "float32"
            )
    return total


def _checkpoint(
    config: RunConfig, bone: np.ndarray, spacing: float, mechanics: str, later: bool
) -> float:
    """Bytes per voxel of the arrays of a checkpoint, of the start or a later one."""
    kind = config.run.precision
    targets = {DRUGS[therapy.drug].target for therapy in config.therapy}
    fields = HEALTHY_FIELDS
    fields += mechanics == "density"
    if later:
        fields += DISEASED_FIELDS
        fields += len(UNCOUPLED) * config.has_local_forcing
        fields += "rankl" in targets  # osteoclasts wait
        fields += "bone_mineral" in targets  # bound to the surface
    smooth = _size(_concentration(config, bone, spacing, RANKL), kind)
    fields += SMOOTH_LOAD_FIELDS * (mechanics == "fe")
    solved = 0.0
    if mechanics == "fe":
        solved = DISPLACEMENT_SIZE * float(np.mean(bone >= LEAST_BONE)) + _size(bone, kind)
    surface = _shifted(bone, SHIFT) if later else bone
    return _size(surface, kind) + fields * smooth + solved


def _shifted(bone: np.ndarray, shift: tuple[float, float, float]) -> np.ndarray:
    return np.asarray(ndimage.shift(bone, shift, order=1, mode="nearest"))


def _surface(bone: np.ndarray) -> np.ndarray:
    """Field that varies along the surface and is zero elsewhere."""
    return np.sqrt(sum(slope**2 for slope in np.gradient(bone)))


def _concentration(
    config: RunConfig, bone: np.ndarray, spacing: float, solute: Solute
) -> np.ndarray:
    """Concentration of a solute that spreads from the surface and decays [arbitrary unit]."""
    symbols = solute.diffusivity, solute.clearance
    diffusivity, decay = (float(getattr(config.parameters, symbol)) for symbol in symbols)
    length = HINDRANCE * math.sqrt(diffusivity / decay) / spacing
    angles = np.ix_(*(np.pi * np.arange(count) / count for count in bone.shape))
    damping = 1 + length**2 * sum(angle**2 for angle in angles)
    return np.asarray(fft.idctn(fft.dctn(_surface(bone)) / damping))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values with the last bits of a float32 cleared, as in snapshots."""
    bits = np.asarray(values, np.float32).view(np.int32)
    lost = MANTISSA_BITS - KEPT_BITS
    return ((bits + (1 << (lost - 1))) >> lost << lost).view(np.float32)


def _size(values: np.ndarray, kind: str) -> float:
    """Bytes per voxel of an array on disk."""
    return compressed_size(values, kind) / values.size
