"""Distance by which the surface of bone has moved, from two bones on one grid."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

Field = NDArray[np.floating]
Array = NDArray[np.float32]

LEVEL = 0.5
"""Bone volume fraction of the surface [1]."""

MOST_QUERIES = 200_000
"""Voxels whose distances are computed together, for the memory [1]."""


def signed_distance(bone: Field, spacing: float, reach: float, of: NDArray[np.bool_]) -> Array:
    """Distance of voxel centers from the surface of a bone [um], negative in the bone.

    It is that along the normal of the surface, of its point next to the voxel.

    Args:
        bone: bone volume fraction [z, y, x].
        spacing: edge of a voxel [um].
        reach: largest distance; farther voxels have it, with their sign [um].
        of: voxels whose distance is wanted [z, y, x]; others have the reach.

    Returns:
        The distances [z, y, x].
    """
    distance = np.where(bone >= LEVEL, -reach, reach).astype(np.float32)
    if not bone.min() < LEVEL < bone.max():
        return distance
    points, _, normals, _ = marching_cubes(
        np.asarray(bone, np.float32), LEVEL, gradient_direction="descent"
    )
    tree = cKDTree(points)
    wanted = np.argwhere(of)
    for first in range(0, len(wanted), MOST_QUERIES):
        voxels = wanted[first : first + MOST_QUERIES]
        lengths, nearest = tree.query(voxels, distance_upper_bound=reach / spacing)
        near = np.isfinite(lengths)
        steps = voxels[near] - points[nearest[near]]
        along = np.einsum("ij,ij->i", steps, normals[nearest[near]])
        # around an edge the normal says little
        length = np.where(np.abs(along) > 0.7 * lengths[near], np.abs(along), lengths[near])
        side = np.where(bone[tuple(voxels[near].T)] >= LEVEL, -1, 1)
        side = np.where(lengths[near] < 1, np.sign(along), side)  # next to the surface it is exact
        found = np.clip(spacing * side * length, -reach, reach)
        distance[tuple(voxels[near].T)] = found
    return distance


def near_surface(bone: Field) -> NDArray[np.bool_]:
    """Voxels between which the surface of a bone lies [z, y, x]."""
    solid = np.asarray(bone >= LEVEL)
    near: NDArray[np.bool_] = maximum_filter(solid, 3) & ~minimum_filter(solid, 3)
    return near


def at_surface(values: Field, bone: Field) -> NDArray[np.float64]:
    """Values on the surface of a bone, which must have one, at the corners of its mesh."""
    corners, *_ = marching_cubes(np.asarray(bone, np.float32), LEVEL)
    found: NDArray[np.float64] = map_coordinates(
        np.asarray(values, np.float64), corners.T, order=1, mode="nearest"
    )
    return found
