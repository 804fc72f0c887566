"""Distance by which the surface of bone has moved, from two bones on one grid."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter, minimum_filter
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

Field = NDArray[np.floating]
Array = NDArray[np.float32]

LEVEL = 0.5
"""Bone volume fraction of the surface [1]."""

WINDOW = 1.5
"""Standard deviation of the window in which volume and surface are compared [voxel]."""

NEAR, FAR = 0.7, 1.4
"""Distances up to which volume over surface is the distance, and from which the way to the former
surface is; between them it is a mean of both [voxel]."""

FARTHEST = 6.0
"""Largest distance; larger ones count as this [voxel]."""


def moved(before: Field, after: Field, spacing: float) -> Array:
    """Distance by which the later surface lies off the earlier one [um].

    A small distance is the volume lost or formed over the surface near by, which the partial
    volumes of the voxels give exactly; a large one the way to the earlier surface.

    Args:
        before: bone volume fraction at first [z, y, x].
        after: bone volume fraction later [z, y, x].
        spacing: edge of a voxel [um].

    Returns:
        Negative where bone was lost, positive where it was formed, at voxels around the later
        surface; 0 elsewhere.
    """
    near = near_surface(after)
    found = np.zeros(after.shape, np.float32)
    if not near.any():
        return found
    change = _smooth(np.asarray(after, np.float32) - before)[near]
    area = 0.5 * (_smooth(_steepness(before)) + _smooth(_steepness(after)))[near]
    small = np.clip(change / np.maximum(area, 1e-6), -FARTHEST, FARTHEST)
    found[near] = spacing * small
    far = np.zeros(near.shape, bool)
    far[near] = np.abs(small) > NEAR
    if far.any():
        large = _way(before, far)
        share = np.clip((np.abs(found[far]) / spacing - NEAR) / (FAR - NEAR), 0, 1)
        found[far] += share * (spacing * large - found[far])
    return found


def near_surface(bone: Field) -> NDArray[np.bool_]:
    """Voxels between which the surface of a bone lies [z, y, x]."""
    solid = np.asarray(bone >= LEVEL)
    near: NDArray[np.bool_] = maximum_filter(solid, 3) & ~minimum_filter(solid, 3)
    return near


def at_surface(values: Field, bone: Field) -> NDArray[np.float64]:
    """Values on the surface of a bone, at the corners of its mesh; none where it has no surface."""
    if not bone.min() < LEVEL < bone.max():
        return np.empty(0)
    corners, *_ = marching_cubes(np.asarray(bone, np.float32), LEVEL)
    found: NDArray[np.float64] = map_coordinates(
        np.asarray(values, np.float64), corners.T, order=1, mode="nearest"
    )
    return found


def _smooth(values: Field) -> Array:
    found: Array = gaussian_filter(np.asarray(values, np.float32), WINDOW, mode="nearest")
    return found


def _steepness(bone: Field) -> Array:
    """Surface per volume, the size of the gradient of the bone volume fraction [1/voxel]."""
    steps = np.gradient(np.asarray(bone, np.float32))
    found: Array = np.sqrt(sum(step**2 for step in steps))
    return found


def _way(bone: Field, of: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distance of voxels from the surface of a bone, negative in it [voxel]."""
    solid = bone[of] >= LEVEL
    side = np.where(solid, -1.0, 1.0)
    if not bone.min() < LEVEL < bone.max():
        return side * FARTHEST
    points, *_ = marching_cubes(np.asarray(bone, np.float32), LEVEL)
    lengths, _ = cKDTree(points).query(np.argwhere(of), distance_upper_bound=FARTHEST)
    found: NDArray[np.float64] = side * np.minimum(lengths, FARTHEST)
    return found
