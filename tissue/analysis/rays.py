"""Rays through a box of voxels: camera and intersections with bone.

Lengths are in voxels and vectors are (z, y, x), like array indices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Vector = NDArray[np.float64]

LEVEL = 0.5
"""Bone volume fraction of the surface [1]."""

SUPERSAMPLING = 2
"""Rays along an edge of a pixel [1]."""

_STRIDE, _SHORT_STRIDE = 0.7, 0.3
_TALLEST = 1.25  # height of a picture over its width


@dataclass(frozen=True)
class View:
    """Direction of view of the box.

    Attributes:
        azimuth: angle about the z axis [degree].
        elevation: angle above the xy plane [degree].

    Raises:
        ValueError: a side of the box would be seen edge-on.
    """

    azimuth: float = 32.0
    elevation: float = 24.0

    def __post_init__(self) -> None:
        if np.abs(self.axes()[2]).min() < 1e-3:
            raise ValueError("a view must be oblique to every side of the box")

    def axes(self) -> tuple[Vector, Vector, Vector]:
        """Unit vectors (right, up, towards the viewer), each (z, y, x)."""
        a, e = np.deg2rad([self.azimuth, self.elevation])
        right = np.array([0.0, np.cos(a), -np.sin(a)])
        towards = np.array([np.sin(e), np.cos(e) * np.sin(a), np.cos(e) * np.cos(a)])
        up = np.array([np.cos(e), -np.sin(e) * np.sin(a), -np.sin(e) * np.cos(a)])
        return right, up, towards


@dataclass(frozen=True)
class Rays:
    """Rays through the box: points `position(t)` for t in [enter, leave]."""

    origin: Vector  # (3, n)
    direction: Vector  # (3,)
    enter: Vector  # (n,)
    leave: Vector  # (n,), less than `enter` where a ray misses the box

    def position(self, t: Vector, which: NDArray[np.intp]) -> Vector:
        """Points (z, y, x) of some rays at distances t along them [voxel]."""
        return self.origin[:, which] + t * self.direction[:, None]


def box_edges(
    shape: tuple[int, ...], view: View | None = None
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Edges of the box on the picture of `picture_of_bone`.

    Args:
        shape: number of voxels [z, y, x].
        view: direction of view.

    Returns:
        Edges in front of and behind the bone, each [two ends, (across, down)] as a fraction of
        the width and height of the picture.
    """
    view = view or View()
    right, up, towards = view.axes()
    half = 0.5 * np.array(shape)
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    corners = signs * half
    across, down = corners @ right, -(corners @ up)
    plane = np.stack([across / np.ptp(across) + 0.5, down / np.ptp(down) + 0.5], axis=1)
    hidden = int(np.argmin(corners @ towards))
    front: list[NDArray[np.float64]] = []
    behind: list[NDArray[np.float64]] = []
    for i in range(8):
        for j in range(i + 1, 8):
            if np.count_nonzero(signs[i] != signs[j]) == 1:
                (behind if hidden in (i, j) else front).append(plane[[i, j]])
    return front, behind


def width_of(shape: tuple[int, ...], view: View | None = None) -> float:
    """Width of the picture of a box [voxel]."""
    right, _, _ = (view or View()).axes()
    return float(np.abs(right) @ np.array(shape, dtype=float))


def camera(shape: tuple[int, ...], view: View, width: int) -> tuple[int, int, Rays]:
    """Rows, columns and rays of a picture of a box, with SUPERSAMPLING rays along a pixel."""
    right, up, towards = view.axes()
    size = np.array(shape, dtype=float)
    extent_across, extent_up = np.abs(right) @ size, np.abs(up) @ size
    pixel = max(extent_across / width, extent_up / (_TALLEST * width))
    columns = max(1, round(extent_across / pixel)) * SUPERSAMPLING
    rows = max(1, round(extent_up / pixel)) * SUPERSAMPLING
    across = (np.arange(columns) + 0.5) / columns * extent_across - 0.5 * extent_across
    upward = 0.5 * extent_up - (np.arange(rows) + 0.5) / rows * extent_up
    plane = upward[:, None, None] * up + across[None, :, None] * right
    origin = np.ascontiguousarray((plane + 0.5 * (size - 1)).reshape(-1, 3).T)
    first = (-0.5 - origin) / -towards[:, None]
    second = (size[:, None] - 0.5 - origin) / -towards[:, None]
    enter = np.minimum(first, second).max(axis=0)
    leave = np.maximum(first, second).min(axis=0)
    return rows, columns, Rays(origin, -towards, enter, leave)


def sampled(volume: Array, points: Vector, mode: str = "nearest") -> Array:
    """Values at points, interpolated between voxels."""
    values: Array = ndimage.map_coordinates(volume, points, order=1, mode=mode, output=np.float32)
    return values


def _free_steps(volume: Array) -> Array:
    """Distance from within each voxel in which no ray meets the level [voxel]."""
    clear = ndimage.distance_transform_cdt(volume < LEVEL, metric="chessboard")
    # half a diagonal to the voxel's center, and another as the level may lie before the next
    steps: Array = np.maximum(_STRIDE, clear - 1.5 * np.sqrt(3)).astype(np.float32)
    return steps


def first_crossing(volume: Array, rays: Rays) -> Vector:
    """Distance along each ray at which it meets the level [voxel]; infinite where it never does."""
    depth = np.full(rays.enter.shape, np.inf)
    if volume.max() < LEVEL:
        return depth
    free = _free_steps(volume)
    last = np.array(volume.shape)[:, None] - 1
    active = np.flatnonzero(rays.leave > rays.enter)
    t = rays.enter[active]
    points = rays.position(t, active)
    before = sampled(volume, points)
    depth[active[before >= LEVEL]] = t[before >= LEVEL]
    keep = before < LEVEL
    while keep.any():
        active, t, before, points = active[keep], t[keep], before[keep], points[:, keep]
        step = free[tuple(np.clip(np.rint(points).astype(np.intp), 0, last))]
        # long steps would miss parts of thin plates, which barely reach the level
        step[before > 0.6 * LEVEL] = _SHORT_STRIDE
        t = t + step
        points = rays.position(t, active)
        value = sampled(volume, points)
        hit = value >= LEVEL
        back = (value[hit] - LEVEL) / (value[hit] - before[hit])
        depth[active[hit]] = t[hit] - step[hit] * back
        keep = ~hit & (t < rays.leave[active])
        before = value
    depth[depth > rays.leave] = np.inf
    return depth


def thickness(lost: Array, rays: Rays, depth: Vector) -> Vector:
    """Length of lost bone in front of the surface that a ray meets [voxel]."""
    total = np.zeros(rays.enter.shape)
    end = np.minimum(depth, rays.leave)
    active = np.flatnonzero(end > rays.enter)
    # coarser than for the surface, as the veil is smooth and rays run their full length
    stride = 3 * _STRIDE
    t = rays.enter[active]
    while active.size:
        # the last piece is shorter, as full ones would draw the steps as rings
        piece = np.minimum(stride, end[active] - t)
        total[active] += piece * sampled(lost, rays.position(t + 0.5 * piece, active))
        t = t + stride
        keep = t < end[active]
        active, t = active[keep], t[keep]
    return total
