"""Separation of gray values into marrow and bone, and estimates of its errors."""

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from scipy import ndimage
from scipy.special import ndtr

BINS = 256
FEW_VALUES = 8
"""Up to as many distinct values are classes or labels, not gray values."""
SMOOTHING = 4.0
"""Gaussian width in bins: wide enough for the comb of integer gray values, narrow for a valley."""
MOST_SMOOTHING = 24.0
"""Gaussian width in bins at which two peaks at the ends of the histogram remain two."""
VALLEY_DEPTH = 0.8
"""A valley counts where it lies below this share of the lower one of its two peaks."""
CLEAR_DEPTH = 0.5
"""The same for more than two peaks, so that the steps of partial volumes make none."""
LEAST_PEAK = 0.02
"""Least share of the voxels that a peak stands for."""
BLOCKS = 3
"""Shading is looked at in as many blocks along each axis."""
DARK_QUANTILE = 0.1
"""Quantile of marrow that gives its level; partial volumes and bone lie above it."""
FEWEST_MARROW_VOXELS = 200
"""Number of voxels from which a block gives the level of marrow."""
FAR_WIDTHS, FAR_CONTRASTS = 5.0, 0.3
"""Metal lies above the peak of bone by more than so many standard deviations of that peak, and by
more than this share of the distance between marrow and bone."""
CUT_OFF = 0.25
"""The outer half of marrow is cut off, as values below 0 are, where it has less than this share of
the voxels of the inner half; the inner one counts then."""
CAP = 0.9
"""The cap of a peak is what lies above this share of its height."""
QUARTILE = 0.6745
"""Half of a normal distribution lies within as many standard deviations of its middle."""


@dataclass(frozen=True)
class Otsu:
    """The automatic threshold of a volume.

    Attributes:
        threshold: bone is above it [gray value].
        valley: whether the histogram really has two peaks for it to part.
    """

    threshold: float
    valley: bool


@dataclass(frozen=True)
class Classes:
    """The two peaks that a threshold parts.

    Attributes:
        marrow: gray value of the peak below the threshold.
        bone: gray value of the peak above it.
        error: estimated error of the share of bone, as a share of itself: 0.1 is 10 % too much.
        dense: share of the voxels that lie far above the peak of bone.
    """

    marrow: float
    bone: float
    error: float
    dense: float


def distinct(rising: np.ndarray) -> int:
    """Number of distinct values among values in rising order."""
    return 1 + int(np.count_nonzero(np.diff(rising)))


def otsu(values: np.ndarray) -> Otsu:
    """Threshold with the largest variance between the two classes of a 256-bin histogram.

    Two gray values only are parted in the middle.

    References:
        Otsu, IEEE Trans. Syst. Man Cybern. 9, 62 (1979).
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return Otsu(low, valley=False)
    if ((values == low) | (values == high)).all():
        return Otsu((low + high) / 2, valley=True)
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    cut = otsu_bin(counts)
    return Otsu(float(edges[cut + 1]), _has_valley(counts, cut))


def otsu_bin(counts: np.ndarray) -> int:
    """Last bin of the lower class; the middle one where empty bins make several equally good."""
    share = counts / counts.sum()
    bins = np.arange(len(counts))
    weight = np.cumsum(share)[:-1]
    mass = np.cumsum(share * bins)
    between = (mass[-1] * weight - mass[:-1]) ** 2 / np.maximum(weight * (1 - weight), 1e-300)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return int(best[len(best) // 2])


def histogram(rising: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges of 256 bins over the range of values in rising order."""
    edges = np.linspace(rising[0], rising[-1], BINS + 1)
    first = np.searchsorted(rising, edges[:-1])
    return np.diff(first, append=rising.size), edges


def classes(rising: np.ndarray, threshold: float) -> Classes:
    """Find the peaks on the two sides of a threshold, and estimate its error from them.

    The true share of bone is that above the value half way between the peaks, where a blurred edge
    lies, without the marrow that noise carries above it and with the bone that it carries below:
    estimated from the outer halves of the peaks, which partial volumes do not reach.

    Args:
        rising: gray values in rising order, some on each side of the threshold.
        threshold: bone is above it.
    """
    counts, edges = histogram(rising)
    smooth = _smoothed(counts)
    cut = int(np.searchsorted(edges, threshold)) - 1
    middles = (edges[:-1] + edges[1:]) / 2
    marrow = _top(middles[: cut + 1], smooth[: cut + 1])
    bone = _top(middles[cut + 1 :], smooth[cut + 1 :])
    half_way = (marrow + bone) / 2
    low, middle, high = np.searchsorted(rising, (marrow, half_way, bone))
    first = np.searchsorted(rising, rising[0], side="right")
    dark, bright = marrow - rising[:low], rising[high:] - bone
    if low - first < CUT_OFF * (middle - low):
        dark = rising[low:middle] - marrow
    narrow, wide = _width(dark), _width(bright)
    above = _above(rising, half_way)
    gained = 2 * dark.size / rising.size * _beyond(half_way - marrow, narrow)
    lost = above * _beyond(bone - half_way, wide)
    true = max(above - gained + lost, 1 / rising.size)
    dense = bone + max(FAR_WIDTHS * wide, FAR_CONTRASTS * (bone - marrow))
    return Classes(marrow, bone, _above(rising, threshold) / true - 1, _above(rising, dense))


def moved_by_shading(gray: np.ndarray, counted: np.ndarray | None, threshold: float) -> float:
    """Share of the voxels that one threshold makes bone, and one that follows the marrow does not.

    Beam hardening and shading lift and lower the gray values of marrow and bone slowly across a
    scan; negative where the one threshold takes bone away.

    Args:
        gray: gray values [z, y, x].
        counted: voxels to look at, bool [z, y, x]; None: all.
        threshold: bone is above it.
    """
    values = gray if counted is None else gray[counted]
    marrow = values[values <= threshold]
    level = float(np.quantile(marrow, DARK_QUANTILE))
    moved = 0
    for block in product(*(_thirds(size) for size in gray.shape)):
        values = gray[block].ravel() if counted is None else gray[block][counted[block]]
        marrow = values[values <= threshold]
        if marrow.size >= FEWEST_MARROW_VOXELS:
            follows = threshold + float(np.quantile(marrow, DARK_QUANTILE)) - level
            moved += int(np.count_nonzero(values > threshold) - np.count_nonzero(values > follows))
    return moved / (gray.size if counted is None else np.count_nonzero(counted))


def _thirds(size: int) -> list[slice]:
    edges = [size * i // BLOCKS for i in range(BLOCKS + 1)]
    return [slice(a, b) for a, b in pairwise(edges)]


def peaks(rising: np.ndarray) -> list[float]:
    """Gray values of the peaks that valleys part and that stand for enough voxels."""
    from scipy.signal import find_peaks  # takes half a second to load, and few runs need it

    counts, edges = histogram(rising)
    smooth = _smoothed(counts)
    found, traits = find_peaks(np.pad(smooth, 1), prominence=0)
    clear = found[traits["prominences"] > (1 - CLEAR_DEPTH) * np.pad(smooth, 1)[found]] - 1
    valleys = [a + int(np.argmin(smooth[a:b])) for a, b in pairwise(clear)]
    shares = np.add.reduceat(counts, [0, *valleys]) / counts.sum()
    return [
        float((edges[peak] + edges[peak + 1]) / 2)
        for peak, share in zip(clear, shares, strict=True)
        if share >= LEAST_PEAK
    ]


def _top(middles: np.ndarray, smooth: np.ndarray) -> float:
    """Gray value of the highest peak, as the center of its cap, which noise hardly moves."""
    peak = int(np.argmax(smooth))
    low = np.flatnonzero(smooth < CAP * smooth[peak])
    side = int(np.searchsorted(low, peak))
    first = low[side - 1] + 1 if side else 0
    stop = low[side] if side < low.size else smooth.size
    return float(np.average(middles[first:stop], weights=smooth[first:stop]))


def _above(rising: np.ndarray, value: float) -> float:
    return 1 - float(np.searchsorted(rising, value, side="right")) / rising.size


def _width(half: np.ndarray) -> float:
    """Standard deviation of a normal distribution from the distances in one half of it."""
    return float(np.median(half)) / QUARTILE if half.size else 0.0


def _beyond(distance: float, width: float) -> float:
    """Share of a normal distribution beyond a distance from its middle."""
    return float(ndtr(-distance / width)) if width > 0 else 0.0


def _smoothed(counts: np.ndarray) -> np.ndarray:
    """The histogram without the comb that few gray levels make of it."""
    spacing = len(counts) / np.count_nonzero(counts)
    width = min(max(SMOOTHING, spacing), MOST_SMOOTHING)
    return np.asarray(ndimage.gaussian_filter1d(counts.astype(float), width))


def _has_valley(counts: np.ndarray, cut: int) -> bool:
    """Whether two peaks, one on each side of the cut, have a clear minimum between them."""
    smooth = _smoothed(counts)
    lower = int(np.argmax(smooth[: cut + 1]))
    upper = cut + 1 + int(np.argmax(smooth[cut + 1 :]))
    valley = smooth[lower : upper + 1].min()
    return bool(valley < VALLEY_DEPTH * min(smooth[lower], smooth[upper]))
