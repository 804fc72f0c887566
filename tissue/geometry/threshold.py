"""Automatic threshold between marrow and bone, with warnings where it is uncertain."""

from dataclasses import dataclass

import numpy as np

from tissue.errors import InputError
from tissue.geometry.histogram import FEW_VALUES, Otsu, classes, distinct, moved_by_shading, peaks
from tissue.geometry.outliers import Rest, parted, without_outliers
from tissue.geometry.padding import find_padding
from tissue.geometry.planes import as_gray, gray_type

LARGEST_GRAY = 1e100
"""Gray values below it can be squared."""
SAMPLE_SIZE = 1 << 20
"""Number of voxels whose gray values make the histogram; BV/TV 3 % is known to 0.6 % of itself."""
THINNED = 128
"""Shading is looked at with at most as many voxels along each axis."""
WARNED_ERROR = 0.03
"""Estimated relative error of BV/TV from which the user is warned: of 7200 synthetic scans with
noise, blur, shading, metal and padding, 9 were off by 5 to 6.4 % without one, and none by more."""
MANY_PADDED = 0.02
"""Share of padding above which a warning says that it counts as marrow."""
RIM_WIDTH = 2
"""Width in voxels of the blurred edge of the field of view, which is left out of the histogram."""
SLAB = 16
"""Number of slices that the edge is looked for at once, for little memory."""
LEAST_INNER = 0.5
"""The edge is left out of the histogram where this share of what was scanned remains."""
LEAST_CLASS_SHARE = 0.03
"""A class with fewer voxels than this share is named."""

LEAST_BV_TV, MOST_BV_TV = 0.02, 0.60
"""Usual range of trabecular bone; means of human sites 0.08 to 0.27 (Hildebrand et al.,
J. Bone Miner. Res. 14, 1167 (1999)), dense subchondral bone up to 0.6."""


@dataclass(frozen=True)
class AutomaticThreshold:
    """Threshold of a scan, the voxels that were left out to find it, and its doubts.

    Attributes:
        threshold: bone is above it [gray value].
        left_out: padding outside the field of view, bool [z, y, x]: it counts as marrow and takes
            no part in the histogram; None where there is none.
        log: one line for each finding.
        warnings: sentences that the user should look at.
    """

    threshold: float
    left_out: np.ndarray | None
    log: tuple[str, ...]
    warnings: tuple[str, ...]


def bone_share_warning(bv_tv: float) -> str | None:
    """Warning that a share of bone is not that of trabecular bone; None where it is."""
    if LEAST_BV_TV <= bv_tv <= MOST_BV_TV:
        return None
    if bv_tv > MOST_BV_TV:
        cause = (
            "the threshold may be too low, cortical bone may be in the box, or bone may be the dark"
            " part of the image, such as the 0 of a mask; set geometry.threshold, crop the cortex"
            " away, or invert the image"
        )
    else:
        cause = (
            "the threshold may be too high, or much of the box may hold air or nothing; set"
            " geometry.threshold, or crop to the bone"
        )
    return (
        f"BV/TV {bv_tv:.3g} lies outside {LEAST_BV_TV:g} to {MOST_BV_TV:g}, the range of trabecular"
        f" bone: {cause}"
    )


def automatic_threshold(
    gray: np.ndarray, unit: str = "", inside: np.ndarray | None = None
) -> AutomaticThreshold:
    """Otsu's threshold of what was scanned, without padding, hot voxels and metal.

    Args:
        gray: gray values [z, y, x] in the type of the file, before any smoothing across the edge of
            the field of view.
        unit: of the gray values, for the messages.
        inside: region of interest, bool [z, y, x]; None: all.

    Raises:
        InputError: no value can part bone from marrow.
    """
    unit = f" {unit}" if unit else ""
    if not max(-float(gray.min()), float(gray.max())) < LARGEST_GRAY:
        raise InputError(
            f"the scan holds values that are not numbers or beyond"
            f" {LARGEST_GRAY:g}; replace them by the gray value of marrow",
            key="geometry.threshold",
        )
    log: list[str] = []
    warnings: list[str] = []
    counted, left_out = _scanned(gray, inside, unit, log, warnings)
    values = _sample(gray, counted)
    rest = without_outliers(values)
    hot = _name_outliers(gray, counted, rest, unit, log)
    if rest.values[0] == rest.values[-1]:
        raise InputError(
            f"all that was scanned has the one gray value"
            f" {rest.values[0]:g}{unit}, which no threshold parts into marrow and bone; give"
            " another image, crop or region",
            key="geometry.threshold",
        )
    found = parted(rest.values)
    share = float(np.mean(rest.values > found.threshold))
    log.append(
        f"threshold {found.threshold:g}{unit}, by Otsu's method: {share:.1%} of"
        f" {'the' if counted is None else 'the scanned'} voxels lie above it"
    )
    shading = _shading(gray, counted, found)
    warnings += _doubts(rest.values, found, share, hot, shading, unit)
    return AutomaticThreshold(found.threshold, left_out, tuple(log), tuple(warnings))


def _scanned(
    gray: np.ndarray, inside: np.ndarray | None, unit: str, log: list[str], warnings: list[str]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The voxels that count for the histogram (None: all), and the padding (None: none)."""
    padding = find_padding(gray)
    for value, count in padding.doubtful:
        warnings.append(
            f"threshold: {count / gray.size:.1%} of the voxels hold exactly {value:g}{unit} and lie"
            " around the rest; they count as what they are, bone or marrow; if they are padding,"
            " crop (geometry.crop) or mark what was scanned (geometry.region)"
        )
    if padding.voxels is None:
        return inside, None
    for value, count in padding.values:
        log.append(
            f"left out {count} voxels ({count / gray.size:.1%}) of the padding value"
            f" {value:g}{unit}, outside the field of view: they count as marrow"
        )
    scanned = ~padding.voxels
    if inside is not None:
        scanned &= inside
    number = int(np.count_nonzero(scanned))
    padded = 1 - number / (gray.size if inside is None else np.count_nonzero(inside))
    if not number:
        raise InputError(
            "nothing but padding lies in the region; give another region", key="geometry.threshold"
        )
    if padded > MANY_PADDED:
        warnings.append(
            f"threshold: {padded:.1%} of the {'box' if inside is None else 'region'} lie outside"
            " the field of view and count as marrow, so that BV/TV is lower than in what was"
            " scanned; crop to that (geometry.crop), or mark it (geometry.region)"
        )
    inner = _without_rim(scanned, padding.voxels)
    kept = np.count_nonzero(inner) >= LEAST_INNER * number
    return inner if kept else scanned, padding.voxels


def _without_rim(scanned: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Scanned voxels farther from the padding than the width of the rim, slab by slab."""
    inner = scanned.copy()
    for start in range(0, scanned.shape[0], SLAB):
        first = max(start - RIM_WIDTH, 0)
        grown = padding[first : start + SLAB + RIM_WIDTH]
        for axis in range(3):
            before = np.moveaxis(grown, axis, 0)
            along = before.copy()
            for step in range(1, RIM_WIDTH + 1):
                along[step:] |= before[:-step]
                along[:-step] |= before[step:]
            grown = np.moveaxis(along, 0, axis)
        inner[start : start + SLAB] &= ~grown[start - first :][:SLAB]
    return inner


def _sample(gray: np.ndarray, counted: np.ndarray | None) -> np.ndarray:
    """Gray values of all voxels, or of many drawn at random and the extremes, in rising order."""
    number = gray.size if counted is None else np.count_nonzero(counted)
    if number <= SAMPLE_SIZE:
        return np.sort(gray if counted is None else gray[counted], axis=None).astype(float)
    random, draws = np.random.default_rng(0), SAMPLE_SIZE * gray.size // number
    places = tuple(random.integers(0, size, draws, np.int32) for size in gray.shape)
    drawn = gray[places] if counted is None else gray[places][counted[places]]
    where = True if counted is None else counted
    ends = gray.min(where=where, initial=drawn[0]), gray.max(where=where, initial=drawn[0])
    return np.sort(np.append(drawn, ends)).astype(float)


def _name_outliers(
    gray: np.ndarray, counted: np.ndarray | None, rest: Rest, unit: str, log: list[str]
) -> float:
    """Log the outliers; return the share of the voxels that lie far above the rest."""
    number = gray.size if counted is None else np.count_nonzero(counted)
    shares = []
    for side, bound in (("below", rest.low), ("above", rest.high)):
        if np.isinf(bound):
            shares.append(0.0)
            continue
        bound = gray_type(gray).type(bound)
        out = gray < bound if side == "below" else gray >= bound
        if counted is not None:
            out &= counted
        found = gray[out]
        shares.append(found.size / number)
        if found.size:
            least, most = float(found.min()), float(found.max())
            values = f"{least:g}" if least == most else f"{least:g} to {most:g}"
            log.append(
                f"left out {found.size} voxels ({found.size / number:.2g} of all) of"
                f" {values}{unit}, far {side} the rest ({rest.values[0]:g} to"
                f" {rest.values[-1]:g}{unit})"
            )
    return shares[1]


def _shading(gray: np.ndarray, counted: np.ndarray | None, found: Otsu) -> float:
    """Share of the voxels that shading makes bone, from at most 128 voxels along each axis."""
    if not found.valley:
        return 0.0
    thin = tuple(slice(None, None, -(-size // THINNED)) for size in gray.shape)
    counted = None if counted is None else counted[thin]
    return moved_by_shading(as_gray(gray[thin]), counted, found.threshold)


def _doubts(
    rising: np.ndarray, found: Otsu, share: float, hot: float, shading: float, unit: str
) -> list[str]:
    """Reasons why Otsu's threshold may be wrong, each with the remedy.

    Args:
        rising: gray values without outliers, in rising order.
        found: the threshold.
        share: share of the values above it.
        hot: share of the voxels that lie far above all values.
        shading: share of the voxels that shading makes bone.
        unit: of the gray values.
    """
    doubts = []
    threshold, number = f"{found.threshold:g}{unit}", distinct(rising)
    if min(share, 1 - share) < LEAST_CLASS_SHARE:
        doubts.append(
            f"threshold: only {min(share, 1 - share):.2%} of the scanned voxels lie"
            f" {'above' if share < 0.5 else 'below'} Otsu's {threshold}; set geometry.threshold,"
            " or crop to the bone"
        )
    error, way_out = 0.0, ""
    if 2 < number <= FEW_VALUES:
        levels, counts = np.unique(rising, return_counts=True)
        named = (
            f"{level:g} ({count / rising.size:.1%})"
            for level, count in zip(levels, counts, strict=True)
        )
        doubts.append(
            f"threshold: the image has only the {number} values {', '.join(named)}, like labels"
            f" of several tissues; those above {threshold} count as bone; set geometry.threshold"
            " if that is wrong"
        )
    elif not found.valley:
        doubts.append(
            f"threshold: the histogram shows no valley between bone and marrow, so Otsu's"
            f" {threshold} can double or halve the bone; set geometry.threshold in the file's"
            f" units (values {rising[0]:g} to {rising[-1]:g})"
        )
    elif number > 2:
        tops = [f"{top:.4g}" for top in peaks(rising)]
        if len(tops) > 2:
            doubts.append(
                f"threshold: the histogram has {len(tops)} peaks ({', '.join(tops)}{unit}), so"
                f" Otsu's {threshold} may part air from tissue, or metal from bone; crop to bone"
                " and marrow, or set geometry.threshold"
            )
        two = classes(rising, found.threshold)
        error, hot = two.error + shading / share, hot + two.dense
        way_out = (
            f", judged by the peaks of marrow ({two.marrow:.4g}) and bone ({two.bone:.4g}), their"
            f" widths and shading; set geometry.threshold (half way between the peaks:"
            f" {(two.marrow + two.bone) / 2:.4g}), or smooth the noise away (geometry.smooth)"
        )
    hot /= share + hot
    if abs(error) + hot > WARNED_ERROR:
        if hot > WARNED_ERROR / 2:
            doubts.append(
                f"threshold: {hot:.1%} of what counts as bone is far brighter than bone, like metal"
                " or hot voxels; crop it away (geometry.crop)"
            )
        if abs(error) > WARNED_ERROR / 2:
            doubts.append(
                f"threshold: Otsu's {threshold} makes about {abs(error):.0%} too"
                f" {'much' if error > 0 else 'little'} bone{way_out}"
            )
    return doubts
