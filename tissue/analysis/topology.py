"""Euler characteristic and connectivity of bone."""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from skimage.measure import euler_number

Mask = NDArray[np.bool_]


def euler_characteristic(mask: Mask) -> int:
    """Pieces less tunnels plus cavities; voxels that touch at a corner are connected."""
    if mask.ndim == 0:
        return int(mask)
    if mask.ndim == 1:
        return int(np.diff(mask.astype(np.int8), prepend=0).clip(0).sum())
    return int(euler_number(mask, connectivity=mask.ndim))


def inner_euler_characteristic(mask: Mask) -> float:
    """Contribution of the inside of the box to the Euler characteristic.

    Each cell of a face of the box counts a half, of an edge a quarter, of a corner an eighth, so
    that the values of adjacent boxes add up to that of their union.

    References:
        Odgaard and Gundersen 1993, Bone 14:173.
    """
    found = float(euler_characteristic(mask))
    for fixed in (1, 2, 3):
        for axes in combinations(range(3), fixed):
            for ends in product((0, -1), repeat=fixed):
                index: list[slice | int] = [slice(None)] * 3
                for axis, end in zip(axes, ends, strict=True):
                    index[axis] = end
                found += (-0.5) ** fixed * euler_characteristic(mask[tuple(index)])
    return found


def connectivity(mask: Mask) -> float:
    """Trabecular connections: tunnels through one piece of bone without cavities."""
    return 1 - inner_euler_characteristic(mask)
