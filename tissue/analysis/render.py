"""Pictures of bone in 3-D by ray casting in numpy: no display, no graphics driver.

Orthographic rays meet the 0.5 level of the bone volume fraction; light, ambient occlusion and
depth then make trabeculae stand out. What was lost is laid over as a coloured absorbing medium.
Inside this file lengths are in voxels and vectors are (z, y, x), like array indices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Vector = NDArray[np.float64]

# Colours are linear light, not sRGB.
_BONE = np.array([0.92, 0.81, 0.64])
_CUT = np.array([0.78, 0.55, 0.36])
_SHADE = np.array([0.10, 0.055, 0.035])
_LOST = np.array([1.7, 0.30, 0.01])  # above 1: the shade of the lost surface multiplies it
_LEVEL = 0.5
_STRIDE, _SHORT_STRIDE = 0.7, 0.3
_PIXELS_PER_VOXEL = 3.5
_SUPERSAMPLING = 2
_TALLEST = 1.25  # height of a picture over its width
# The veil's opacity where much was lost, and how much (as a fraction of the box) is much.
_VEIL, _VEIL_THICKNESS = 0.85, 0.045


@dataclass(frozen=True)
class View:
    """Direction from which the box is seen.

    Attributes:
        azimuth: turn about the z axis [degree].
        elevation: height above the xy plane [degree].

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
class _Rays:
    """Rays through the box: points `position(t)` for t in [enter, leave]."""

    origin: Vector  # (3, n)
    direction: Vector  # (3,)
    enter: Vector  # (n,)
    leave: Vector  # (n,), less than `enter` where a ray misses the box

    def position(self, t: Vector, which: NDArray[np.intp]) -> Vector:
        return self.origin[:, which] + t * self.direction[:, None]


@dataclass(frozen=True)
class _Scene:
    """What the rays through one bone see: depth of the surface and its colour."""

    depth: Vector  # (n,)
    picture: Array  # (n, 4), linear RGBA


def picture_of_bone(bone: Array, *, width: int = 560, view: View | None = None) -> Array:
    """Renders the surface of the bone in its box.

    Args:
        bone: bone volume fraction [z, y, x].
        width: width of the picture, less for a tall box [pixel].
        view: where it is seen from.

    Returns:
        The picture [row, column, RGBA], 0 to 1, transparent where there is nothing.
    """
    view = view or View()
    volume = _resampled(bone, width)
    rows, columns, rays = _camera(volume.shape, view, width)
    return _developed(_seen(volume, rays, view).picture, rows, columns)


def pictures_of_loss(
    before: Array, after: Array, *, width: int = 560, view: View | None = None
) -> tuple[Array, Array]:
    """Renders a bone before and after, with a coloured veil where it used to be.

    Args:
        before: bone volume fraction [z, y, x] at first.
        after: the same later.
        width: width of the pictures, less for a tall box [pixel].
        view: where they are seen from.

    Returns:
        Two pictures as from `picture_of_bone`, in the same light.
    """
    view = view or View()
    volume, remaining = _resampled(before, width), _resampled(after, width)
    rows, columns, rays = _camera(volume.shape, view, width)
    old, new = _seen(volume, rays, view), _seen(remaining, rays, view)
    lost = np.clip(volume - remaining, 0, 1)
    thickness = _thickness(lost, rays, new.depth) / max(volume.shape)
    # lit like the surface that was there, so that what is gone still has a shape
    light = np.where(np.isfinite(old.depth), old.picture[:, :3].mean(axis=1), 0.5)
    light = 0.2 + 0.8 * light
    veiled = new.picture.copy()
    _lay_over(veiled, _LOST * light[:, None], _VEIL * (1 - np.exp(-thickness / _VEIL_THICKNESS)))
    return _developed(old.picture, rows, columns), _developed(veiled, rows, columns)


def box_edges(
    shape: tuple[int, ...], view: View | None = None
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Edges of the box on the picture of `picture_of_bone`.

    Args:
        shape: number of voxels [z, y, x].
        view: where it is seen from.

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


def _resampled(values: Array, width: int) -> Array:
    """Enough voxels for a smooth surface, few enough to be quick."""
    values = np.clip(np.asarray(values, dtype=np.float32), 0, 1)
    factor = width / _PIXELS_PER_VOXEL / max(values.shape)
    if factor <= 1:
        return _block_means(values, round(1 / factor))
    smooth = ndimage.zoom(
        values, factor, order=2, mode="nearest", grid_mode=True, output=np.float32
    )
    clipped: Array = np.clip(smooth, 0, 1)
    return clipped


def _block_means(values: Array, block: int) -> Array:
    # the rim that fills no block is repeated, so that thin boxes keep a layer
    pad = [(0, -count % block) for count in values.shape]
    padded = np.pad(values, pad, mode="edge")
    nz, ny, nx = (count // block for count in padded.shape)
    means: Array = padded.reshape(nz, block, ny, block, nx, block).mean(axis=(1, 3, 5))
    return means


def _camera(shape: tuple[int, ...], view: View, width: int) -> tuple[int, int, _Rays]:
    right, up, towards = view.axes()
    size = np.array(shape, dtype=float)
    extent_across, extent_up = np.abs(right) @ size, np.abs(up) @ size
    pixel = max(extent_across / width, extent_up / (_TALLEST * width))
    columns = max(1, round(extent_across / pixel)) * _SUPERSAMPLING
    rows = max(1, round(extent_up / pixel)) * _SUPERSAMPLING
    across = (np.arange(columns) + 0.5) / columns * extent_across - 0.5 * extent_across
    upward = 0.5 * extent_up - (np.arange(rows) + 0.5) / rows * extent_up
    plane = upward[:, None, None] * up + across[None, :, None] * right
    origin = np.ascontiguousarray((plane + 0.5 * (size - 1)).reshape(-1, 3).T)
    first = (-0.5 - origin) / -towards[:, None]
    second = (size[:, None] - 0.5 - origin) / -towards[:, None]
    enter = np.minimum(first, second).max(axis=0)
    leave = np.maximum(first, second).min(axis=0)
    return rows, columns, _Rays(origin, -towards, enter, leave)


def _sampled(volume: Array, points: Vector, mode: str = "nearest") -> Array:
    values: Array = ndimage.map_coordinates(volume, points, order=1, mode=mode, output=np.float32)
    return values


def _free_steps(volume: Array) -> Array:
    """Distance that a ray may go from within a voxel and still not meet the level."""
    clear = ndimage.distance_transform_cdt(volume < _LEVEL, metric="chessboard")
    # half a diagonal to the voxel's centre, and a whole one as the level may lie before the next
    steps: Array = np.maximum(_STRIDE, clear - 1.5 * np.sqrt(3)).astype(np.float32)
    return steps


def _first_crossing(volume: Array, rays: _Rays) -> Vector:
    """Distance along each ray at which it meets the level; infinite where it never does."""
    depth = np.full(rays.enter.shape, np.inf)
    if volume.max() < _LEVEL:
        return depth
    free = _free_steps(volume)
    last = np.array(volume.shape)[:, None] - 1
    active = np.flatnonzero(rays.leave > rays.enter)
    t = rays.enter[active]
    points = rays.position(t, active)
    before = _sampled(volume, points)
    depth[active[before >= _LEVEL]] = t[before >= _LEVEL]
    keep = before < _LEVEL
    while keep.any():
        active, t, before, points = active[keep], t[keep], before[keep], points[:, keep]
        step = free[tuple(np.clip(np.rint(points).astype(np.intp), 0, last))]
        # plates about to vanish barely reach the level: long steps would comb them
        step[before > 0.6 * _LEVEL] = _SHORT_STRIDE
        t = t + step
        points = rays.position(t, active)
        value = _sampled(volume, points)
        hit = value >= _LEVEL
        back = (value[hit] - _LEVEL) / (value[hit] - before[hit])
        depth[active[hit]] = t[hit] - step[hit] * back
        keep = ~hit & (t < rays.leave[active])
        before = value
    depth[depth > rays.leave] = np.inf
    return depth


def _thickness(lost: Array, rays: _Rays, depth: Vector) -> Vector:
    """Length of lost bone in front of what a ray meets."""
    total = np.zeros(rays.enter.shape)
    end = np.minimum(depth, rays.leave)
    active = np.flatnonzero(end > rays.enter)
    # coarser than the surface: the veil is smooth and every ray runs its whole length
    stride = 3 * _STRIDE
    t = rays.enter[active]
    while active.size:
        # the last piece is shorter: whole ones would draw the steps as rings
        piece = np.minimum(stride, end[active] - t)
        total[active] += piece * _sampled(lost, rays.position(t + 0.5 * piece, active))
        t = t + stride
        keep = t < end[active]
        active, t = active[keep], t[keep]
    return total


def _seen(volume: Array, rays: _Rays, view: View) -> _Scene:
    depth = _first_crossing(volume, rays)
    return _Scene(depth, _shaded(volume, rays, depth, view))


def _shaded(volume: Array, rays: _Rays, depth: Vector, view: View) -> Array:
    picture = np.zeros((depth.size, 4), dtype=np.float32)
    hit = np.flatnonzero(np.isfinite(depth))
    if not hit.size:
        return picture
    points = rays.position(depth[hit], hit)
    cut = depth[hit] <= rays.enter[hit]
    normal = np.where(cut, _face_normals(points, volume.shape), _normals(volume, points))
    base = np.where(cut, _CUT[:, None], _BONE[:, None])
    colour = _lit(base, normal, _openness(volume, points, normal), view)
    # distance darkens, so that the front stands off the back
    far = (depth[hit] - rays.enter.min()) / (rays.leave.max() - rays.enter.min())
    picture[hit, :3] = (colour * (1.1 - 0.6 * far)).T
    picture[hit, 3] = 1
    return picture


def _normals(volume: Array, points: Vector) -> Vector:
    # about one voxel of the original: hides its stairs, keeps its struts
    smooth = ndimage.gaussian_filter(volume, 2.0, mode="nearest", truncate=2.5)
    gradient = np.stack([_sampled(part, points) for part in np.gradient(smooth)])
    normals: Vector = -gradient / np.maximum(np.linalg.norm(gradient, axis=0), 1e-6)
    return normals


def _face_normals(points: Vector, shape: tuple[int, ...]) -> Vector:
    """Outward normals of the side of the box that a point is nearest to."""
    size = np.array(shape)[:, None]
    distance = np.concatenate([np.abs(points + 0.5), np.abs(points - size + 0.5)])
    normals = np.concatenate([-np.eye(3), np.eye(3)], axis=1)
    return normals[:, np.argmin(distance, axis=0)]


def _openness(volume: Array, points: Vector, normal: Vector) -> Vector:
    """How much of its surroundings light can come from: 1 on a plain, less in a hollow."""
    openness = np.ones(points.shape[1])
    for scale, weight in ((2.0, 0.45), (5.0, 0.5), (11.0, 0.55)):
        # zero outside the box: the cut faces look into the open
        crowd = ndimage.gaussian_filter(volume, scale, mode="constant", truncate=2.5)
        ahead = _sampled(crowd, points + scale * normal, mode="constant")
        openness *= 1 - weight * np.clip(ahead / 0.5, 0, 1)
    return openness


def _lit(base: Vector, normal: Vector, openness: Vector, view: View) -> Vector:
    right, up, towards = view.axes()
    lamp = 0.60 * towards - 0.50 * right + 0.65 * up
    lamp /= np.linalg.norm(lamp)
    halfway = (lamp + towards) / np.linalg.norm(lamp + towards)
    facing = np.clip((lamp @ normal + 0.15) / 1.15, 0, 1)
    sky = 0.5 + 0.5 * up @ normal
    light = 1.0 * facing * (0.35 + 0.65 * openness) + (0.12 + 0.25 * sky) * openness
    shine = 0.12 * np.clip(halfway @ normal, 0, 1) ** 28 * openness
    return base * light + _SHADE[:, None] * (1 - openness) + shine


def _lay_over(picture: Array, colour: Vector, opacity: Vector) -> None:
    """Lays a transparent colour over a picture of straight (not premultiplied) colours."""
    under = picture[:, 3] * (1 - opacity)
    total = under + opacity
    mixed = picture[:, :3] * under[:, None] + colour * opacity[:, None]
    picture[:, :3] = mixed / np.maximum(total, 1e-6)[:, None]
    picture[:, 3] = total


def _developed(samples: Array, rows: int, columns: int) -> Array:
    """Mean of neighbouring samples against jagged edges, then sRGB."""
    picture = samples.reshape(rows, columns, 4)
    weighted = picture.copy()
    weighted[..., :3] *= picture[..., 3:]
    block = _SUPERSAMPLING
    mean = weighted.reshape(rows // block, block, columns // block, block, 4).mean(axis=(1, 3))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    mean = np.clip(mean, 0, 1)
    mean[..., :3] **= 1 / 2.2
    averaged: Array = mean.astype(np.float32)
    return averaged
