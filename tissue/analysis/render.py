"""Pictures of bone in 3-D by ray casting in numpy: no display, no graphics driver.

Orthographic rays meet the 0.5 level of the bone volume fraction; light, ambient occlusion and
depth then make trabeculae stand out. Lost bone is drawn over it as a colored absorbing medium. In
this file lengths are in voxels and vectors are (z, y, x), like array indices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tissue.analysis.blocks import block_means
from tissue.analysis.rays import (
    SUPERSAMPLING,
    Rays,
    View,
    camera,
    first_crossing,
    sampled,
    thickness,
)

Array = NDArray[np.float32]
Vector = NDArray[np.float64]
Paint = Callable[[Vector, Vector], Vector]
"""Color (3, n) of points (3, n) of a surface, from that of bone."""

# colors in linear light, not sRGB
_BONE = np.array([0.92, 0.81, 0.64])
_CUT = np.array([0.78, 0.55, 0.36])
_SHADE = np.array([0.10, 0.055, 0.035])
_LOST = np.array([1.7, 0.30, 0.01])  # above 1: the shade of the lost surface multiplies it
_PIXELS_PER_VOXEL = 3.5
_FINEST = 4.0  # parts of a voxel along an edge: more take longer and show no more
# opacity of the veil where much was lost, and the loss (over the box) of 63 % of it
_VEIL, _VEIL_THICKNESS = 0.85, 0.008


@dataclass(frozen=True)
class _Scene:
    """Surface that the rays through a bone meet."""

    depth: Vector  # (n,), along each ray [voxel]
    picture: Array  # (n, 4), linear RGBA


def picture_of_bone(bone: Array, *, width: int = 560, view: View | None = None) -> Array:
    """Render the surface of the bone in its box.

    Args:
        bone: bone volume fraction [z, y, x].
        width: width of the picture, less for a tall box [pixel].
        view: direction of view.

    Returns:
        The picture [row, column, RGBA], 0 to 1, transparent where there is nothing.
    """
    view = view or View()
    volume = _resampled(bone, width)
    rows, columns, rays = camera(volume.shape, view, width)
    return _finished(_scene(volume, rays, view).picture, rows, columns)


def pictures_of_loss(
    before: Array, after: Array, *, width: int = 560, view: View | None = None
) -> tuple[Array, Array]:
    """Render a bone before and after, with a colored veil where bone was lost.

    Args:
        before: bone volume fraction at first [z, y, x].
        after: bone volume fraction later [z, y, x].
        width: width of the pictures, less for a tall box [pixel].
        view: direction of view.

    Returns:
        Two pictures as from `picture_of_bone`, in the same light.
    """
    view = view or View()
    volume, remaining = _resampled(before, width), _resampled(after, width)
    rows, columns, rays = camera(volume.shape, view, width)
    old, new = _scene(volume, rays, view), _scene(remaining, rays, view)
    lost = np.clip(volume - remaining, 0, 1)
    through = thickness(lost, rays, new.depth) / max(volume.shape)
    # lit like the former surface, so that lost bone keeps its shape
    light = np.where(np.isfinite(old.depth), old.picture[:, :3].mean(axis=1), 0.5)
    light = 0.2 + 0.8 * light
    veiled = new.picture.copy()
    _lay_over(veiled, _LOST * light[:, None], _VEIL * (1 - np.exp(-through / _VEIL_THICKNESS)))
    return _finished(old.picture, rows, columns), _finished(veiled, rows, columns)


def picture_of_values(
    bone: Array,
    values: Array,
    color: Callable[[Vector], Vector],
    *,
    inside: bool = True,
    width: int = 560,
    view: View | None = None,
) -> Array:
    """Render the surface of the bone in the colors of a field.

    Args:
        bone: bone volume fraction [z, y, x].
        values: a field [z, y, x].
        color: colors (n, 3) in sRGB of values (n,).
        inside: the field is one of bone: a voxel counts with its bone, and cut faces show it.
        width: width of the picture, less for a tall box [pixel].
        view: direction of view.

    Returns:
        A picture as from `picture_of_bone`.
    """
    view = view or View()
    volume = _resampled(bone, width)
    rows, columns, rays = camera(volume.shape, view, width)
    depth = first_crossing(volume, rays)
    finer = (np.array(bone.shape) / volume.shape)[:, None]
    weight = np.asarray(bone if inside else np.ones_like(bone), np.float32)
    amount = np.asarray(weight * values, np.float32)

    def painted(points: Vector, base: Vector) -> Vector:
        there = (points + 0.5) * finer - 0.5
        share = np.maximum(sampled(weight, there), 1e-3)
        linear: Vector = color(np.asarray(sampled(amount, there) / share, float)).T ** 2.2
        cut = (base == _CUT[:, None]).all(axis=0)
        return linear if inside else np.where(cut, base, linear)

    return _finished(_shaded(volume, rays, depth, view, painted), rows, columns)


def _resampled(values: Array, width: int) -> Array:
    """Resample to enough voxels for a smooth surface, and few enough for speed."""
    values = np.clip(np.asarray(values, dtype=np.float32), 0, 1)
    factor = min(width / _PIXELS_PER_VOXEL / max(values.shape), _FINEST)
    if factor <= 1:
        return block_means(values, round(1 / factor))
    smooth = ndimage.zoom(
        values, factor, order=2, mode="nearest", grid_mode=True, output=np.float32
    )
    clipped: Array = np.clip(smooth, 0, 1)
    return clipped


def _scene(volume: Array, rays: Rays, view: View) -> _Scene:
    depth = first_crossing(volume, rays)
    return _Scene(depth, _shaded(volume, rays, depth, view))


def _shaded(
    volume: Array,
    rays: Rays,
    depth: Vector,
    view: View,
    paint: Paint | None = None,
) -> Array:
    picture = np.zeros((depth.size, 4), dtype=np.float32)
    hit = np.flatnonzero(np.isfinite(depth))
    if not hit.size:
        return picture
    points = rays.position(depth[hit], hit)
    cut = depth[hit] <= rays.enter[hit]
    normal = np.where(cut, _face_normals(points, volume.shape), _normals(volume, points))
    base = np.where(cut, _CUT[:, None], _BONE[:, None])
    if paint:
        base = paint(points, base)
    color = _lit(base, normal, _openness(volume, points, normal), view)
    # darker with distance, so that the front stands out
    far = (depth[hit] - rays.enter.min()) / (rays.leave.max() - rays.enter.min())
    picture[hit, :3] = (color * (1.1 - 0.6 * far)).T
    picture[hit, 3] = 1
    return picture


def _normals(volume: Array, points: Vector) -> Vector:
    # about one voxel of the original, which hides its steps and keeps its struts
    smooth = ndimage.gaussian_filter(volume, 2.0, mode="nearest", truncate=2.5)
    gradient = np.stack([sampled(part, points) for part in np.gradient(smooth)])
    normals: Vector = -gradient / np.maximum(np.linalg.norm(gradient, axis=0), 1e-6)
    return normals


def _face_normals(points: Vector, shape: tuple[int, ...]) -> Vector:
    """Outward normals of the side of the box nearest to each point."""
    size = np.array(shape)[:, None]
    distance = np.concatenate([np.abs(points + 0.5), np.abs(points - size + 0.5)])
    normals = np.concatenate([-np.eye(3), np.eye(3)], axis=1)
    return normals[:, np.argmin(distance, axis=0)]


def _openness(volume: Array, points: Vector, normal: Vector) -> Vector:
    """Share of the surroundings that light a point [1]: 1 on a plane, less in a hollow."""
    openness = np.ones(points.shape[1])
    for scale, weight in ((2.0, 0.45), (5.0, 0.5), (11.0, 0.55)):
        # zero outside the box, as no bone shades its cut faces
        density = ndimage.gaussian_filter(volume, scale, mode="constant", truncate=2.5)
        ahead = sampled(density, points + scale * normal, mode="constant")
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


def _lay_over(picture: Array, color: Vector, opacity: Vector) -> None:
    """Blend a transparent color over a picture of straight (not premultiplied) colors."""
    under = picture[:, 3] * (1 - opacity)
    total = under + opacity
    mixed = picture[:, :3] * under[:, None] + color * opacity[:, None]
    picture[:, :3] = mixed / np.maximum(total, 1e-6)[:, None]
    picture[:, 3] = total


def _finished(samples: Array, rows: int, columns: int) -> Array:
    """Average the samples of a pixel against jagged edges, and convert to sRGB."""
    picture = samples.reshape(rows, columns, 4)
    weighted = picture.copy()
    weighted[..., :3] *= picture[..., 3:]
    block = SUPERSAMPLING
    mean = weighted.reshape(rows // block, block, columns // block, block, 4).mean(axis=(1, 3))
    mean[..., :3] /= np.maximum(mean[..., 3:], 1e-6)
    mean = np.clip(mean, 0, 1)
    mean[..., :3] **= 1 / 2.2
    averaged: Array = mean.astype(np.float32)
    return averaged
