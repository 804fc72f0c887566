"""Resampling of a volume onto cubic voxels, as partial volumes of bone."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tissue.geometry.grid import Axes
from tissue.geometry.image import DIGITS, VoxelSize
from tissue.geometry.planes import as_gray, least, slabs

CUBIC = 0.01
"""Relative difference up to which edges, and whole-number ratios of edges, count as equal."""
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Sampling:
    """Sampling of a volume onto its grid.

    Attributes:
        spacing: edge of the grid's voxels [um].
        factor: how many fine voxels make the edge of one of the grid's; 1: the grid is kept.
        interpolate: whether gray values are first interpolated to cubes of spacing / factor.
    """

    spacing: float
    factor: int
    interpolate: bool

    @property
    def fine(self) -> float:
        """Edge of the voxels that are segmented [um]."""
        return self.spacing / self.factor


def choose_sampling(voxel: VoxelSize, target: float | None) -> Sampling:
    """The gentlest way from the file's voxels to cubes of the wanted edge.

    Args:
        voxel: edges (z, y, x) in the file [um].
        target: wanted edge [um]; None: the smallest edge in the file.
    """
    smallest = min(voxel)
    cubic = max(voxel) <= smallest * (1 + CUBIC)
    native = round(math.prod(voxel) ** (1 / 3), DIGITS) if cubic else smallest
    wanted = native if target is None else target
    factor = round(wanted / native)
    if cubic and factor >= 1 and abs(wanted / native / factor - 1) <= CUBIC:
        return Sampling(round(factor * native, DIGITS), factor, interpolate=False)
    # At least two fine voxels an edge, none coarser than the file's: the partial volumes then
    # carry what the image resolves.
    return Sampling(wanted, max(2, math.ceil(wanted / smallest - 1e-9)), interpolate=True)


def grid_shape(shape: Shape, voxel: VoxelSize, sampling: Sampling) -> Shape:
    """Whole grid voxels that fit into the box of the file; the rest at the far ends is left."""
    if not sampling.interpolate:
        nz, ny, nx = (size // sampling.factor for size in shape)
    else:
        nz, ny, nx = (
            math.floor(size * edge / sampling.spacing + 1e-6)
            for size, edge in zip(shape, voxel, strict=True)
        )
    return nz, ny, nx


def interpolated_bone(
    gray: np.ndarray,
    voxel: VoxelSize,
    fine: float,
    shape: Shape,
    threshold: float,
    scanned: np.ndarray | None = None,
) -> np.ndarray:
    """Bone on fine cubes: linearly interpolated gray values above the threshold.

    The corner of the box stays where it is, so centers lie at (i + 1/2) edges on both grids.

    Args:
        gray: gray values [z, y, x], of any type.
        voxel: their edges (z, y, x) [um].
        fine: edge of the fine cubes [um].
        shape: number of fine cubes.
        threshold: bone is above it [gray value].
        scanned: voxels that count, bool [z, y, x], the others being marrow; None for all.
    """
    outside = 0.0 if scanned is None else min(least(gray, scanned), threshold)

    def planes(numbers: np.ndarray) -> np.ndarray:
        found = as_gray(gray.take(numbers, axis=0))
        if scanned is None:
            return found
        return np.where(scanned.take(numbers, axis=0), found, outside)

    z, y, x = (
        (np.arange(size) + 0.5) * fine / edge - 0.5 for size, edge in zip(shape, voxel, strict=True)
    )
    bone = np.empty(shape, dtype=bool)
    for few in slabs(shape):
        below, beyond, weight = _places(z[few], gray.shape[0])
        slab = _between(planes(below), planes(beyond), weight[:, None, None])
        slab = _interpolated(_interpolated(slab, y, axis=1), x, axis=2)
        bone[few] = slab > threshold
    return bone


def _interpolated(values: np.ndarray, positions: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along one axis at fractional indices; the edge values continue."""
    below, beyond, weight = _places(positions, values.shape[axis])
    along = [1, 1, 1]
    along[axis] = -1
    lower, upper = values.take(below, axis=axis), values.take(beyond, axis=axis)
    return _between(lower, upper, weight.reshape(along))


def _places(positions: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices below and above positions along an axis, and the weights of those above."""
    last = size - 1
    inside = np.clip(positions, 0, last)
    below = np.minimum(inside.astype(int), max(last - 1, 0))
    return below, np.minimum(below + 1, last), inside - below


def _between(lower: np.ndarray, upper: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.asarray(lower + weight.astype(lower.dtype) * (upper - lower))


def block_means(bone: np.ndarray, factor: int) -> np.ndarray:
    """Share of bone in blocks of factor^3 voxels; voxels beyond the last whole block are cut."""
    nz, ny, nx = (size // factor for size in bone.shape)
    means = np.empty((nz, ny, nx))
    for few in slabs(means.shape):
        cut = bone[few.start * factor : few.stop * factor, : ny * factor, : nx * factor]
        total = np.zeros(means[few].shape, dtype=np.int64)
        for z in range(factor):
            for y in range(factor):
                for x in range(factor):
                    total += cut[z::factor, y::factor, x::factor]
        means[few] = total / factor**3
    return means


def binomial_pass(bone: np.ndarray, periodic: Axes = ()) -> np.ndarray:
    """Bone averaged with weights 1, 2, 1 along each axis, as partial volumes.

    What lies beyond the box is the voxel at its edge, or along a periodic axis the other end.
    """
    averaged = np.empty(bone.shape)
    for few in slabs(bone.shape):
        values = bone.take(_around(few, bone.shape[0], -3 in periodic), axis=0).astype(np.float64)
        values = _averaged(values, axis=0)
        for axis in (1, 2):
            edges = [(1, 1) if other == axis else (0, 0) for other in range(3)]
            beyond: Literal["wrap", "edge"] = "wrap" if axis - 3 in periodic else "edge"
            values = _averaged(np.pad(values, edges, mode=beyond), axis)
        averaged[few] = values
    return averaged


def _around(few: slice, size: int, periodic: bool) -> np.ndarray:
    """Indices of some planes and of one on each side; beyond the box, of those that count there."""
    planes = np.arange(few.start - 1, few.stop + 1)
    return planes % size if periodic else planes.clip(0, size - 1)


def _averaged(values: np.ndarray, axis: int) -> np.ndarray:
    """Means with weights 1, 2, 1 along an axis, which loses its ends."""
    along = np.moveaxis(values, axis, 0)
    return np.moveaxis((along[:-2] + 2 * along[1:-1] + along[2:]) / 4, 0, axis)
