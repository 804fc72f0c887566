"""Forecast of what a run will write: how many files, and how large they become.

Compressed fields are as large as the bone has surface and its voxels are fine. So stand-ins of the
fields are made from a part of the bone, without any simulation, and compressed as a run would.
"""

import math
from collections.abc import Iterator
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from tissue.model.drugs import DRUGS
from tissue.scenario.config import RunConfig
from tissue.storage.checkpoint import NEWEST_KEPT
from tissue.storage.deflate import compressed_size

PART = 64
"""Edge of the part of a bone that is compressed [voxels]: 0.2 s."""

MOVED = (0.2, 0.13, 0.0)
"""Way by which a surface moves until its voxels are no longer alike [voxels]. Bone so moved takes
as much as that of a run after days of disease, within 5 % at 10 and 20 um a voxel."""

SURFACE_MOVED = (0.2, 0.0, 0.0)
"""Way by which it moves for fields that live on it [voxels]: within 10 % at 3 to 20 um."""

SPREAD = 0.75
"""Length over which a solute spreads out of its source, over that of free diffusion and decay, as
bone is in its way: RANKL and OPG then take what they do in a run, within 15 % at 3 to 20 um."""

KEPT_BITS, MANTISSA = 12, 23
"""Bits of the mantissa that snapshots keep of all fields but the bone: 1.2e-4, in half the size;
and all those of a float32."""

PRECURSORS = 1.2
"""Size of the precursors of both cells in a snapshot [B a voxel]: 1.1 to 1.4 at 10 and 20 um, 0.9
to 1.0 at 3 um."""

ON_SURFACE = ("osteoclasts", "osteoblasts")
SOLUTES = {"rankl": ("D_R", "k_R"), "opg": ("D_O", "k_O"), "il1": ("D_I", "k_I")} | {
    "tnf": ("D_T", "k_T")
}
"""Diffusivity and decay of each solute."""

STATE_FIELDS = 11
"""Fields besides the bone that vary from voxel to voxel in every checkpoint: RANKL, OPG, both
precursors and cells, coupling store and endosteal supply; of health the precursors of osteoclasts,
occupancy and drive."""

ROUNDING = {"float32": 0.3, "float64": 3.4}
"""Size of a solute that is everywhere the same but for rounding, in a checkpoint [B a voxel]."""

SNAPSHOT_FRAME, FIELD_FRAME, CHECKPOINT_FRAME = 26_000, 6_000, 90_000
"""Size of a snapshot without its arrays, more for each of its fields, and of a checkpoint without
its arrays [B]: the names of things, which HDF5 gives room to grow."""

INDEX, INDEX_STEP, INDEX_FIELD = 38_000, 500, 330
"""Size of run.hdf and run.xmf [B], more for each snapshot and for each field of one."""

ROW = 800
"""Size of one step in metrics.csv and ledger.csv [B]."""

OTHER = 420_000
"""Size of run.toml, run.log and the picture of a finished run [B]."""


class Written(NamedTuple):
    """Contents of the folder of a run when it is finished.

    Attributes:
        snapshots: their number.
        checkpoints: their number, those that are kept for good and the newest ones.
        kept: number of those that are kept for good.
        snapshot_bytes, checkpoint_bytes: of all of them.
        bytes: of everything.
        most: largest sum of all at any time, while a checkpoint is written and no old one removed.
    """

    snapshots: int
    checkpoints: int
    kept: int
    snapshot_bytes: int
    checkpoint_bytes: int
    bytes: int
    most: int


def written(
    config: RunConfig, bone: np.ndarray, voxels: int, spacing: float, steps: int
) -> Written:
    """Foretells what a run leaves on disk.

    Args:
        config: the run.
        bone: share of bone in each voxel [z, y, x], or in a typical part of it.
        voxels: of the whole grid.
        spacing: edge of a voxel [um].
        steps: coupling steps that the run will take.
    """
    part = typical(bone)
    first, later = (_snapshot(config, part, spacing, moved) for moved in (False, True))
    snapshots = len(config.snapshot_times)
    frame = SNAPSHOT_FRAME + FIELD_FRAME * len(shown(config))
    of_snapshots = (first + (snapshots - 1) * later) * voxels + snapshots * frame
    checkpoints, kept = checkpoints_left(config, steps)
    each = _checkpoint(config, part, spacing) * voxels + CHECKPOINT_FRAME
    index = INDEX + snapshots * (INDEX_STEP + INDEX_FIELD * len(shown(config)))
    every = of_snapshots + checkpoints * each + index + steps * ROW + OTHER
    return Written(
        snapshots,
        checkpoints,
        kept,
        round(of_snapshots),
        round(checkpoints * each),
        round(every),
        round(every + each),
    )


def shown(config: RunConfig) -> tuple[str, ...]:
    """Names of the fields in a snapshot; the bone is always one of them."""
    return tuple(sorted({"bone_volume_fraction", *config.output.fields}))


def checkpoints_left(config: RunConfig, steps: int) -> tuple[int, int]:
    """Number of checkpoints that a finished run leaves, and of those kept for good.

    One is made of the start, one by the step that passes each multiple of the interval, and one of
    the end. The newest ones stay in any case. Those asked for by wall time replace each other.

    Args:
        config: the run.
        steps: coupling steps that it will take.
    """
    every = config.output.keep_every
    made = [every > 0]  # whether each of the newest is kept for good
    kept = int(every > 0)
    for gap in pairwise(config.snapshot_times):
        for new, of_them in _passed(config, gap, steps):
            kept += of_them
            made = [*made, *new][-NEWEST_KEPT:]
    return kept + made.count(False), kept


def intervals_over(time: float | np.ndarray, interval: float) -> np.ndarray:
    """Number of whole intervals that are over at a time, or at each of several [same unit].

    A step that should end on a multiple of the interval may miss it by rounding.
    """
    return np.asarray(np.floor(np.asarray(time) / interval * (1 + 1e-9)), int)


def _passed(
    config: RunConfig, gap: tuple[float, float], steps: int
) -> Iterator[tuple[list[bool], int]]:
    """Checkpoints made between two snapshots: whether the newest are kept, and how many are."""
    start, end = gap
    interval, every = config.output.checkpoints, config.output.keep_every
    length = config.run.fixed_step or config.run.duration / steps
    number = max(1, math.ceil((end - start) / length - 1e-9))
    length = (end - start) / number
    first, last = (int(intervals_over(time, interval)) for time in gap)
    at_end = last * interval > (end - length) * (1 + 1e-9)
    if length <= interval:  # a step passes one multiple at most
        counts = np.arange(max(first, last - NEWEST_KEPT), last + 1)
        of_them = last // every - first // every if every else 0
    else:
        ends = start + length * np.arange(1, number + 1)
        passed = intervals_over(ends, interval)
        counts = np.unique([first, *passed])
        of_them = int(np.count_nonzero(np.diff(counts // every))) if every else 0
    newest = counts[-NEWEST_KEPT - 1 :]  # after the one before them
    yield [bool(every and b // every > a // every) for a, b in pairwise(newest)], of_them
    if end == config.run.duration and not at_end:
        yield [False], 0


def typical(bone: np.ndarray) -> np.ndarray:
    """A part of a bone with about as much surface a volume as the whole."""
    if max(bone.shape) <= PART:
        return bone
    whole = _surface_share(bone)
    starts = (range(0, max(n - PART, 0) + 1, PART) for n in bone.shape)
    parts = (bone[tuple(slice(at, at + PART) for at in corner)] for corner in product(*starts))
    return min(parts, key=lambda part: abs(_surface_share(part) - whole))


def _surface_share(bone: np.ndarray) -> float:
    return float(np.mean((bone > 0) & (bone < 1)))


def _snapshot(config: RunConfig, bone: np.ndarray, spacing: float, moved: bool) -> float:
    """Bytes a voxel of the arrays of a snapshot, of the start or after bone has moved."""
    total = 0.0
    for name in shown(config):
        if name == "bone_volume_fraction":
            total += _size(_moved(bone, MOVED) if moved else bone, "float32")
        elif name in ON_SURFACE:
            where = _moved(bone, SURFACE_MOVED) if moved else bone
            total += _size(_rounded(_surface(where)), "float32")
        elif name not in SOLUTES:
            total += PRECURSORS
        elif name in ("rankl", "opg") or config.has_local_forcing:
            total += _size(_rounded(_solute(config, bone, spacing, name)), "float32")
    return total


def _checkpoint(config: RunConfig, bone: np.ndarray, spacing: float) -> float:
    """Bytes a voxel of the arrays of a checkpoint."""
    kind = config.run.precision
    targets = {DRUGS[therapy.drug].target for therapy in config.therapy}
    fields = STATE_FIELDS
    fields += config.mechanisms.mechanostat
    fields += 2 * config.has_local_forcing
    fields += "rankl" in targets  # osteoclasts wait
    fields += "bone_mineral" in targets  # bound to the surface
    uniform = 0 if config.has_local_forcing else 1 + bool(config.disease.excess["tnf"])
    smooth = _size(_solute(config, bone, spacing, "rankl"), kind)
    return _size(_moved(bone, MOVED), kind) + fields * smooth + uniform * ROUNDING[kind]


def _moved(bone: np.ndarray, way: tuple[float, float, float]) -> np.ndarray:
    return np.asarray(ndimage.shift(bone, way, order=1, mode="nearest"))


def _surface(bone: np.ndarray) -> np.ndarray:
    """A field that varies along the surface and is zero elsewhere."""
    return np.sqrt(sum(slope**2 for slope in np.gradient(bone)))


def _solute(config: RunConfig, bone: np.ndarray, spacing: float, name: str) -> np.ndarray:
    """A solute that spreads from the surface and decays [arbitrary unit]."""
    diffusivity, decay = (float(getattr(config.parameters, key)) for key in SOLUTES[name])
    length = SPREAD * math.sqrt(diffusivity / decay) / spacing
    angles = np.ix_(*(np.pi * np.arange(count) / count for count in bone.shape))
    damping = 1 + length**2 * sum(angle**2 for angle in angles)
    return np.asarray(fft.idctn(fft.dctn(_surface(bone)) / damping))


def _rounded(values: np.ndarray) -> np.ndarray:
    """Values with the last bits of a float32 cleared, as snapshots keep them."""
    bits = np.asarray(values, np.float32).view(np.int32)
    lost = MANTISSA - KEPT_BITS
    return ((bits + (1 << (lost - 1))) >> lost << lost).view(np.float32)


def _size(values: np.ndarray, kind: str) -> float:
    """Bytes a voxel of an array on disk."""
    return compressed_size(values, kind) / values.size
