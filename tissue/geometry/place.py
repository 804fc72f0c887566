"""Resampling of a mask onto the voxels of another image, by their places in space."""

from dataclasses import dataclass

import numpy as np

from tissue.geometry.grid import Frame
from tissue.geometry.image import Box, Image, VoxelSize, refused

INDEX_TOLERANCE = 1e-6
"""Entries of a matrix between voxel indices that count as zero: rounding of direction cosines."""
SLAB_VOXELS = 2**22
"""Voxels placed at once where axes are oblique, which bounds the memory."""

SAMPLED_PLANES = 16
"""Number of planes of a mask, or twice as many, whose values are looked at for its kind."""
MOST_LABELS = 8
"""Up to as many different values are labels of a mask for sure."""
LEAST_ALIKE = 0.5
"""Share of neighbors in a row that are equal in a mask, whatever its labels are; in a gray image
with more than 8 values and the noise of a scanner it is far less."""

Mask = np.ndarray
"""Marked voxels [z, y, x], bool."""


@dataclass(frozen=True)
class Lattice:
    """Voxels in space.

    Attributes:
        shape: number of voxels (z, y, x).
        edges: voxel edges (z, y, x) [um].
        frame: place of the first voxel and of the axes.
    """

    shape: tuple[int, int, int]
    edges: VoxelSize
    frame: Frame

    def part(self, box: Box) -> "Lattice":
        """The voxels of a box."""
        z, y, x = (along.start * edge for along, edge in zip(box, self.edges, strict=True))
        nz, ny, nx = (along.stop - along.start for along in box)
        frame = Frame(self.frame.at((z, y, x)), self.frame.direction)
        return Lattice((nz, ny, nx), self.edges, frame)

    @property
    def matrix(self) -> np.ndarray:
        """From voxel indices to offsets in space [um] (3, 3)."""
        return np.asarray(self.frame.direction) * np.asarray(self.edges)

    def extent(self) -> str:
        """The box that the voxels fill in space [mm], in words."""
        ends = ((-0.5, size - 0.5) for size in self.shape)
        indices = np.stack(np.meshgrid(*ends)).reshape(3, -1)
        corners = (self.matrix @ indices).T + self.frame.origin
        ranges = zip("zyx", corners.min(axis=0) / 1e3, corners.max(axis=0) / 1e3, strict=True)
        return ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, low, high in ranges) + " mm"


def lattice_of(image: Image) -> Lattice | None:
    """The voxels of an image in space; None where the file does not say where they lie."""
    if image.voxel_size is None or image.frame is None:
        return None
    nz, ny, nx = image.shape
    return Lattice((nz, ny, nx), image.voxel_size, image.frame)


def overlap(source: Lattice, target: Lattice) -> Box | None:
    """The box of target voxels whose centers may lie in the source; None where there are none."""
    low, high = _reached(source, target, rim=0.5)
    # centers on the edge of the source count, within rounding
    return _box(np.ceil(low - INDEX_TOLERANCE), np.floor(high + INDEX_TOLERANCE), target.shape)


def _reached(source: Lattice, target: Lattice, rim: float) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest index of the target along each axis that the source reaches.

    Args:
        source: voxels whose extent counts.
        target: voxels whose indices count.
        rim: how far the extent goes beyond the outermost centers of the source [voxel].
    """
    low, high = np.full(3, -rim), np.asarray(source.shape) - 1 + rim
    corners = np.stack(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1)
    offset = np.asarray(source.frame.origin) - np.asarray(target.frame.origin)
    indices = np.linalg.solve(target.matrix, source.matrix @ corners + offset[:, None])
    return indices.min(axis=1), indices.max(axis=1)


def _box(first: np.ndarray, last: np.ndarray, shape: tuple[int, int, int]) -> Box | None:
    """Whole voxels from first to last that exist; None where there are none."""
    starts = np.maximum(first.astype(int), 0)
    stops = np.minimum(last.astype(int) + 1, shape)
    if (starts >= stops).any():
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True))
    return (z, y, x)


def nearest(mask: Image, source: Lattice, target: Lattice) -> Mask:
    """Marked voxels of a mask image (not 0) on other voxels; reads no more of it than it needs.

    Args:
        mask: the image.
        source: its voxels in space.
        target: the voxels wanted; those beyond the mask are not marked.
    """
    low, high = _reached(target, source, rim=0.0)
    needed = _box(
        np.floor(low + 0.5 - INDEX_TOLERANCE), np.floor(high + 0.5 + INDEX_TOLERANCE), source.shape
    )
    if needed is None:
        return np.zeros(target.shape, dtype=bool)
    return nearest_of(marks_of(mask, needed), source.part(needed), target)


def marks_of(mask: Image, box: Box) -> Mask:
    """Marked voxels of a box of a mask image: those that are not 0.

    Raises:
        InputError: the values are those of a gray image or of probabilities, or mark every voxel.
    """
    values = mask.voxels(box)
    marked = values != 0
    if values.dtype.kind == "b":
        return marked
    if values.dtype.kind == "f" and any((plane != np.rint(plane)).any() for plane in values):
        raise refused(
            mask.file,
            "holds fractions, as probabilities and gray values are; a mask holds whole numbers, and"
            " 0 outside of what it marks: cut it at a value",
        )
    some = values[:: max(1, len(values) // SAMPLED_PLANES)]
    kinds = np.unique(some)
    if kinds.size > MOST_LABELS and (some[..., 1:] == some[..., :-1]).mean() < LEAST_ALIKE:
        raise refused(
            mask.file,
            f"holds gray values ({kinds[0]:g} to {kinds[-1]:g}, of which neighbors differ), and no"
            " mask; give the mask, with 0 outside of what it marks",
        )
    if values.shape == mask.shape and kinds.size > 1 and marked.all():
        raise refused(
            mask.file,
            f"marks every voxel: it holds values of {kinds[0]:g} to {kinds[-1]:g}, and none is 0;"
            " write 0 outside of what it marks",
        )
    return marked


def nearest_of(values: Mask, source: Lattice, target: Lattice) -> Mask:
    """Values of the nearest source voxel for each target voxel; False beyond the source.

    Args:
        values: marked voxels of the source [z, y, x].
        source: their place in space.
        target: the voxels wanted.
    """
    offset = np.asarray(target.frame.origin) - np.asarray(source.frame.origin)
    matrix = np.linalg.solve(source.matrix, target.matrix)
    start = np.linalg.solve(source.matrix, offset)
    if _is_upright(matrix):
        return _along_axes(values, matrix, start, target.shape)
    marked = np.empty(target.shape, dtype=bool)
    planes = max(1, SLAB_VOXELS // (target.shape[1] * target.shape[2]))
    for first in range(0, target.shape[0], planes):
        slab = marked[first : first + planes]
        indices = np.indices(slab.shape).reshape(3, -1).astype(float)
        indices[0] += first
        slab[...] = _picked(values, matrix @ indices + start[:, None]).reshape(slab.shape)
    return marked


def _is_upright(matrix: np.ndarray) -> bool:
    """Whether each axis of one grid runs along one axis of the other."""
    large = np.abs(matrix) > INDEX_TOLERANCE * np.abs(matrix).max()
    return bool((large.sum(axis=0) == 1).all() and (large.sum(axis=1) == 1).all())


def _along_axes(
    values: np.ndarray, matrix: np.ndarray, start: np.ndarray, shape: tuple[int, int, int]
) -> Mask:
    order = [int(np.abs(matrix[:, axis]).argmax()) for axis in range(3)]
    turned = values.transpose(order)
    picked, inside = [], []
    for axis, (own, size) in enumerate(zip(order, shape, strict=True)):
        indices = np.floor(matrix[own, axis] * np.arange(size) + start[own] + 0.5 + INDEX_TOLERANCE)
        there = (indices >= 0) & (indices < values.shape[own])
        picked.append(np.where(there, indices, 0).astype(int))
        inside.append(there)
    marked = turned[np.ix_(*picked)]
    marked &= inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    return np.ascontiguousarray(marked)


def _picked(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    indices = np.floor(places + 0.5 + INDEX_TOLERANCE).astype(int)
    limits = np.asarray(values.shape)[:, None]
    inside = ((indices >= 0) & (indices < limits)).all(axis=0)
    z, y, x = np.clip(indices, 0, limits - 1)
    return np.asarray(values[z, y, x] & inside)
