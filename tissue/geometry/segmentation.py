"""Cleaning of a binary volume of bone, and the thickness of its bone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from tissue.geometry.grid import Axes
from tissue.geometry.planes import slabs

TOUCHING = np.ones((3, 3, 3), dtype=bool)
"""26 neighbors: bone voxels that share a corner are one piece."""
FACES = ndimage.generate_binary_structure(3, 1)
"""6 neighbors: marrow connects through faces, the counterpart of 26-connected bone."""
PARTS = 16
"""Parts of a large volume whose voxels are counted together."""


@dataclass(frozen=True)
class Pieces:
    """Result of cleaning a binary volume.

    Attributes:
        bone: the cleaned volume [z, y, x], bool.
        count: how many pieces there were: bone components, or closed marrow pockets.
        voxels: how many voxels changed.
    """

    bone: np.ndarray
    count: int
    voxels: int


def components(bone: np.ndarray, periodic: Axes = ()) -> Pieces:
    """The largest 26-connected piece of bone; `voxels` counts those outside it."""
    labels, count = _labeled(bone, TOUCHING, periodic)
    if count <= 1:
        return Pieces(bone, count, 0)
    sizes = piece_sizes(labels, count)
    return Pieces(labels == int(sizes.argmax()), count, int(sizes.sum() - sizes.max()))


def closed_pockets(bone: np.ndarray, periodic: Axes = ()) -> Pieces:
    """Bone with every 6-connected marrow pocket filled that reaches no face of the box.

    Where the box is periodic along all axes, and so has no face, the largest pocket stays.
    """
    labels, count = _labeled(~bone, FACES, periodic)
    closed = np.ones(count + 1, dtype=bool)
    closed[0] = False
    for axis in {-3, -2, -1}.difference(periodic):
        for end in (0, -1):
            closed[np.unique(np.take(labels, end, axis=axis))] = False
    if len(periodic) == 3 and count:
        closed[int(piece_sizes(labels, count).argmax())] = False
    if not closed.any():
        return Pieces(bone, 0, 0)
    filled, voxels = bone.copy(), 0
    for few in slabs(bone.shape):
        here = closed[labels[few]]
        filled[few] |= here
        voxels += int(np.count_nonzero(here))
    return Pieces(filled, int(closed.sum()), voxels)


def piece_sizes(labels: np.ndarray, count: int) -> np.ndarray:
    """Voxels of each piece by its number, from 1 to `count`; 0 for the number 0 between them."""
    sizes = np.zeros(count + 1, dtype=np.int64)
    # few parts, as each is as much work as there are pieces: noise has millions of them
    for few in slabs(labels.shape, labels.size // PARTS):
        sizes += np.bincount(labels[few].ravel(), minlength=count + 1)
    sizes[0] = 0
    return sizes


def _labeled(volume: np.ndarray, touching: np.ndarray, periodic: Axes) -> tuple[np.ndarray, int]:
    """The pieces of a binary volume, numbered from 1 with 0 between them, and their number."""
    if not periodic:
        labels, count = ndimage.label(volume, touching)
        return labels, int(count)
    # padded with a periodic layer; a voxel and its copy in it are one piece
    layer = [(1, 1) if axis in periodic else (0, 0) for axis in (-3, -2, -1)]
    labels, count = ndimage.label(np.pad(volume, layer, mode="wrap"), touching)
    copies = [(axis, *pair) for axis in periodic for pair in ((0, -2), (-1, 1))]
    one = np.concatenate([labels.take(copy, axis).ravel() for axis, copy, _ in copies])
    same = np.concatenate([labels.take(place, axis).ravel() for axis, _, place in copies])
    links = sparse.coo_array((np.ones(one.size), (one, same)), shape=(count + 1, count + 1))
    joined, number = sparse.csgraph.connected_components(links, directed=False)
    inner = tuple(slice(before, -after or None) for before, after in layer)
    labels = labels[inner]
    for few in slabs(labels.shape):
        labels[few] = number[labels[few]]
    return labels, int(joined) - 1


def mean_thickness(bone: np.ndarray, samples: int = 600, box: int = 160) -> float:
    """Mean diameter of the largest balls that fit into the bone around its points [voxels].

    Looks at some random bone voxels of a central box only: a few per cent off, but fast and of
    bounded memory at any size. Where that box holds no bone, or nothing else, the box is moved to
    a surface of bone near the middle along z. Reads plates up to half a voxel too thick and rods
    0.8 of a voxel too thin.

    Args:
        bone: binary volume [z, y, x] that holds bone and marrow.
        samples: number of bone voxels looked at.
        box: longest edge of that box [voxels], 3 or more.

    References:
        Hildebrand and Rueegsegger, J. Microsc. 185, 67 (1997).
    """
    part = _box_around([size // 2 for size in bone.shape], bone, box)
    if part.all() or not part.any():
        part = _box_around(_surface_voxel(bone), bone, box)
    points, radius = np.argwhere(part), _distances(part)
    chosen = np.random.default_rng(0).permutation(len(points))[:samples]
    largest = [_largest_ball(radius, point) for point in points[chosen]]
    return float(2 * np.mean(largest))


def _box_around(place: Sequence[int], volume: np.ndarray, edge: int) -> np.ndarray:
    """Box around a voxel, moved into the volume where it would reach beyond a face."""
    starts = [
        max(0, min(at - edge // 2, size - edge))
        for at, size in zip(place, volume.shape, strict=True)
    ]
    return volume[tuple(slice(start, start + edge) for start in starts)]


def _surface_voxel(bone: np.ndarray) -> tuple[int, int, int]:
    """A bone voxel [z, y, x] beside one of marrow, in a plane near the middle along z."""
    middle = [size // 2 for size in bone.shape]
    some, full = (np.asarray(of(bone, axis=(1, 2))) for of in (np.any, np.all))
    planes = np.flatnonzero(some & ~full)
    if len(planes):
        z = int(planes[np.abs(planes - middle[0]).argmin()])
        places = np.argwhere(bone[z] & ~ndimage.binary_erosion(bone[z], border_value=1))
        y, x = places[np.square(places - middle[1:]).sum(axis=1).argmin()]
        return z, int(y), int(x)
    # whole planes of bone beside whole planes of marrow
    beside = np.zeros_like(full)
    beside[1:] |= ~full[:-1]
    beside[:-1] |= ~full[1:]
    planes = np.flatnonzero(full & beside)
    return int(planes[np.abs(planes - middle[0]).argmin()]), middle[1], middle[2]


def _distances(volume: np.ndarray) -> np.ndarray:
    """Distance of each voxel to the nearest one that is not marked, float32 [voxels].

    That of `ndimage.distance_transform_edt`, which holds several whole arrays of 64 bits on its way
    from the places of these voxels to distances.
    """
    places = ndimage.distance_transform_edt(volume, return_distances=False, return_indices=True)
    distances = np.empty(volume.shape, np.float32)
    for few in slabs(volume.shape):
        here = np.ogrid[few, : volume.shape[1], : volume.shape[2]]
        steps = (near[few] - own for near, own in zip(places, here, strict=True))
        distances[few] = np.sqrt(sum(step.astype(np.float64) ** 2 for step in steps))
    return distances


def _largest_ball(radius: np.ndarray, point: np.ndarray) -> float:
    """Radius of the largest inscribed ball that covers a point."""
    reach = int(np.ceil(radius.max()))
    low = np.maximum(point - reach, 0)
    window = radius[tuple(slice(a, b + reach + 1) for a, b in zip(low, point, strict=True))]
    z, y, x = (
        np.arange(start, start + size, dtype=np.float32) - here
        for start, size, here in zip(low, window.shape, point, strict=True)
    )
    squared = (z * z)[:, None, None] + (y * y)[None, :, None] + (x * x)[None, None, :]
    return float(window[squared < window * window].max())
