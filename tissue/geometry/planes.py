"""Volumes gone through a few planes at a time, so that what is made on the way stays small."""

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from scipy import ndimage

AT_ONCE = 2**20
"""Voxels of some planes that are looked at together; a plane may have more."""
TRUNCATED = 4.0
"""Standard deviations at which a Gaussian ends."""


def slabs(shape: tuple[int, ...], fewest: int = 0) -> Iterator[slice]:
    """Ranges of planes that together are all of a volume, from the first to the last.

    Args:
        shape: of the volume [z, y, x].
        fewest: voxels that a range should have, where that is more than `AT_ONCE`.
    """
    count = max(1, max(fewest, AT_ONCE) // max(1, prod(shape[1:])))
    for start in range(0, shape[0], count):
        yield slice(start, min(start + count, shape[0]))


def gray_type(values: np.ndarray) -> np.dtype:
    """Type of floating point numbers that gray values of a file are computed with.

    It holds whole numbers of up to 16 bits exactly in 32 bits, and all others in 64.
    """
    return np.result_type(values, np.float32)


def as_gray(values: np.ndarray) -> np.ndarray:
    """Values of a file as floating point numbers; those that are so already as they are."""
    return values.astype(gray_type(values), copy=False)


def least(values: np.ndarray, counted: np.ndarray) -> float:
    """Least of the values that count, as `gray_type` holds it.

    Args:
        values: of a file [z, y, x].
        counted: which ones count, bool [z, y, x]; at least one.
    """
    found = values.min(where=counted, initial=values.max())
    return float(gray_type(values).type(found))


def with_marrow(values: np.ndarray, scanned: np.ndarray | None, threshold: float) -> np.ndarray:
    """Gray values with one of marrow where nothing was scanned.

    Args:
        values: of a file [z, y, x].
        scanned: voxels that count, bool [z, y, x]; None for all.
        threshold: bone is above it.
    """
    if scanned is None:
        return as_gray(values)
    return np.where(scanned, as_gray(values), min(least(values, scanned), threshold))


def gaussian(
    values: np.ndarray,
    widths: Sequence[float],
    left_out: np.ndarray | None = None,
    instead: float = 0.0,
) -> np.ndarray:
    """Values smoothed by a Gaussian; those at the faces of the box continue beyond it.

    Args:
        values: of a file [z, y, x].
        widths: standard deviation along each axis [voxels].
        left_out: voxels whose values are replaced before, bool [z, y, x]; None for none.
        instead: value that they have then.

    Returns:
        Floating point numbers, the same whatever slabs they are computed in.
    """
    smooth = np.empty(values.shape, gray_type(values))
    reach = int(TRUNCATED * widths[0] + 0.5)
    for few in slabs(values.shape, 2 * reach * prod(values.shape[1:])):
        near = slice(max(0, few.start - reach), few.stop + reach)
        part = as_gray(values[near])
        if left_out is not None:
            part = np.where(left_out[near], instead, part)
        found = ndimage.gaussian_filter(part, widths, mode="nearest", truncate=TRUNCATED)
        smooth[few] = found[few.start - near.start :][: few.stop - few.start]
    return smooth


def above(values: np.ndarray, threshold: float) -> np.ndarray:
    """Voxels above a threshold, bool [z, y, x], in whatever type a file has its values.

    Both are compared as `gray_type` holds them.
    """
    return np.asarray(values > gray_type(values).type(threshold))
