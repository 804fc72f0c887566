"""Exclusion of hot and cold voxels and metal from a histogram before it is thresholded."""

from dataclasses import dataclass, replace

import numpy as np

from tissue.geometry.histogram import FEW_VALUES, Otsu, distinct, histogram, otsu, otsu_bin

LEAST_SHARE = 0.02
"""Least share of a class: below it lie hot voxels and metal, not trabecular bone."""
MOST_OUT = 0.03
"""Most outliers in all; where more voxels lie far outside, they may be bone."""
OUTLIER_DISTANCE = 4.0
"""Distance of outliers from the mean of the rest, in its standard deviations."""
STRAY_QUANTILE = 0.001
"""Quantiles of the gray values; what lies beyond them by more than their distance is astray."""
MOST_METAL = 0.04
"""Most metal, where what lies below it has a peak of bone of its own."""
METAL_CONTRAST = 3.0
"""Metal is brighter than bone by more than so many times what bone is brighter than marrow."""
LEAST_BONE = 0.01
"""Least share of the peak of bone below metal."""
SPIKE = 4.0
"""The largest value is cut off where it is so many times as frequent as all values beside it:"""
BESIDE, LEVELS = 0.03, 4
"""those in this share of the way from it to the threshold, but at least so many values."""


@dataclass(frozen=True)
class Rest:
    """Gray values without outliers.

    Attributes:
        values: in rising order.
        low: outliers lie below it.
        high: outliers lie at it or above.
    """

    values: np.ndarray
    low: float
    high: float


def without_outliers(rising: np.ndarray) -> Rest:
    """Gray values without the few that lie so far out that Otsu's method would part them.

    Args:
        rising: gray values in rising order.
    """
    first, stop = 0, rising.size
    low, high = -np.inf, np.inf
    while distinct(rest := rising[first:stop]) > 2:
        counts, edges = histogram(rest)
        cut = float(edges[otsu_bin(counts) + 1])
        middle = first + int(np.searchsorted(rest, cut))
        below, above = rising[first:middle], rising[middle:stop]
        left = MOST_OUT * rising.size - (rising.size - rest.size)
        if _far(above, below, left) or _metal(above, below):
            stop, high = middle, cut
        elif _far(below, above, left):
            first, low = middle, cut
        else:
            break
    return _without_full_scale(_without_strays(Rest(rising[first:stop], low, high)))


def _without_strays(rest: Rest) -> Rest:
    """Gray values without single ones far out, which Otsu's method does not part but stretch."""
    rising = rest.values
    low, high = np.quantile(rising, (STRAY_QUANTILE, 1 - STRAY_QUANTILE))
    first = int(np.searchsorted(rising, low - (high - low)))
    stop = int(np.searchsorted(rising, high + (high - low), side="right"))
    if low == high or (first == 0 and stop == rising.size):
        return rest
    return Rest(
        rising[first:stop],
        float((rising[first - 1] + rising[first]) / 2) if first else rest.low,
        float((rising[stop - 1] + rising[stop]) / 2) if stop < rising.size else rest.high,
    )


def _far(outer: np.ndarray, inner: np.ndarray, left: float) -> bool:
    """Whether a class is too small for bone and far from the other, which has values to part."""
    few = outer.size <= min(LEAST_SHARE * (outer.size + inner.size), left)
    if not few or inner[0] == inner[-1]:
        return False
    return bool(abs(outer.mean() - inner.mean()) > OUTLIER_DISTANCE * inner.std())


def _metal(above: np.ndarray, below: np.ndarray) -> bool:
    """Whether marrow and bone part below a class that is far brighter than both."""
    if above.size > MOST_METAL * (above.size + below.size) or below[0] == below[-1]:
        return False
    found = parted(below)
    middle = int(np.searchsorted(below, found.threshold, side="right"))
    if not found.valley or below.size - middle < LEAST_BONE * below.size:
        return False
    marrow, bone = below[:middle].mean(), below[middle:].mean()
    return bool(above.mean() - bone > METAL_CONTRAST * (bone - marrow))


def parted(rising: np.ndarray) -> Otsu:
    """Otsu's threshold, with a valley only where it is not one beside values cut off at an end.

    Args:
        rising: gray values in rising order.
    """
    found = otsu(rising)
    if not found.valley:
        return found
    middle = int(np.searchsorted(rising, found.threshold, side="right"))
    first = int(np.searchsorted(rising, rising[0], side="right"))
    stop = int(np.searchsorted(rising, rising[-1]))
    # an end that holds most of its class is the class, such as marrow of one value
    mirrored = -rising[::-1]
    most = 2 * first > middle
    if most or not _cut_off(mirrored, mirrored[: rising.size - first], -found.threshold):
        first = 0
    most = 2 * (rising.size - stop) > rising.size - middle
    if most or not _cut_off(rising, rising[:stop], found.threshold):
        stop = rising.size
    return replace(found, valley=otsu(rising[first:stop]).valley)


def _cut_off(rising: np.ndarray, below: np.ndarray, threshold: float) -> bool:
    """Whether the largest value, which `below` lacks, stands alone at the end of the histogram."""
    first = int(np.searchsorted(below, rising[-1] - BESIDE * (rising[-1] - threshold)))
    level = below.size
    for _ in range(LEVELS):
        level = int(np.searchsorted(below, below[max(level - 1, 0)]))
    alone = rising.size - below.size > SPIKE * (below.size - min(first, level))
    return alone and distinct(rising) > FEW_VALUES


def _without_full_scale(rest: Rest) -> Rest:
    """Gray values without those that metal cuts off at the largest that the file can hold.

    They stand alone at the end of the histogram, with a peak of bone below them.
    """
    rising = rest.values
    below = rising[: np.searchsorted(rising, rising[-1])]
    if below.size < max((1 - MOST_METAL) * rising.size, 1):
        return rest
    found = parted(below)
    bone = below.size - int(np.searchsorted(below, found.threshold, side="right"))
    metal = _cut_off(rising, below, found.threshold)
    if not (metal and found.valley and bone > LEAST_BONE * rising.size):
        return rest
    return Rest(below, rest.low, float(rising[-1]))
