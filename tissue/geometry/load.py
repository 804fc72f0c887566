"""From an image file to the partial volumes of bone that a run starts with."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.grid import Axes, Grid
from tissue.geometry.images import VoxelSize, read_image, told_of
from tissue.geometry.resample import (
    DIGITS,
    Sampling,
    binomial_pass,
    block_means,
    choose_sampling,
    grid_shape,
    interpolated_bone,
)
from tissue.geometry.segmentation import closed_pockets, components, mean_thickness, otsu

MANY_COMPONENTS = 20
THIN = 4.0
"""Mean thickness in voxels below which the surface of the bone is poorly resolved."""
MOST_VOXELS = 2**31
"""Components are numbered in 32 bits; such a volume fills about 12 GB."""

Crop = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class ImageSettings:
    """How to read and segment an image.

    Attributes:
        file: the image, or a folder of TIFF slices.
        dataset: path inside an HDF5 file.
        voxel_size: edges (z, y, x), or one for all [um]; overrides the file's own.
        crop: voxel ranges [start, stop) to keep in z, y, x.
        region: mask image of the region of interest, of the same voxels as the image.
        smooth: standard deviation of a Gaussian filter on the grey values [um].
        threshold: bone is above it [grey value of the file], or "otsu".
        resample: wanted edge of the cubic voxels [um]; None: the smallest of the file.
        keep_largest: drop every bone component but the largest.
        close_pockets: fill marrow pockets that reach no face of the box.
    """

    file: Path
    dataset: str | None = None
    voxel_size: float | VoxelSize | None = None
    crop: Crop | None = None
    region: Path | None = None
    smooth: float = 0.0
    threshold: float | Literal["otsu"] = "otsu"
    resample: float | None = None
    keep_largest: bool = True
    close_pockets: bool = True


@dataclass(frozen=True)
class Geometry:
    """The bone that a run starts with.

    Attributes:
        grid: where it lies; the origin counts from the first voxel of the file.
        bone_volume_fraction: share of bone in each voxel [z, y, x], float64 in [0, 1].
        log: one line for each step that led here.
        warnings: what the user should look at.
    """

    grid: Grid
    bone_volume_fraction: np.ndarray
    log: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass
class Journal:
    """Collects what the steps have to tell."""

    log: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_image(settings: ImageSettings, periodic: Axes = ()) -> Geometry:
    """Reads, crops, smooths, thresholds, resamples and cleans an image, in this order.

    Components and pockets are judged on the finest binary volume, before it is averaged.

    Raises:
        InputError: the file or a setting cannot be used.
    """
    journal = Journal()
    image = read_image(settings.file, settings.dataset)
    journal.log.append(
        f"read {settings.file.name}: {_by(image.values.shape)} voxels (z, y, x),"
        f" {image.values.dtype}, values {_range(image.values)}"
        + (f" ({image.unit})" if image.unit else "")
    )
    voxel = _voxel_size(image.voxel_size, settings.voxel_size, journal)
    inside, crop = _region(settings, image.values, journal)
    grey = _cropped(image.values, crop, journal)
    grey = _smoothed(grey, settings.smooth, voxel, journal)
    if inside is None:
        threshold = _threshold(grey, settings.threshold, journal)
    else:
        threshold = _threshold(grey[inside], settings.threshold, journal)
        grey = np.where(inside, grey, grey.min())
    sampling = _sampling(settings.resample, grey.shape, voxel, journal)
    bone = _segmented(grey, threshold, voxel, sampling, journal)
    bone = cleaned(bone, settings.keep_largest, settings.close_pockets, journal, periodic)
    _warn_if_thin(bone, sampling, journal)
    fraction = partial_volumes(bone, sampling.factor, sampling.spacing, journal, periodic)
    start = (0, 0, 0) if crop is None else tuple(first for first, _ in crop)
    oz, oy, ox = (
        round((first - 0.5) * edge + sampling.spacing / 2, DIGITS)
        for first, edge in zip(start, voxel, strict=True)
    )
    nz, ny, nx = fraction.shape
    grid = Grid((nz, ny, nx), sampling.spacing, (oz, oy, ox))
    return Geometry(grid, fraction, tuple(journal.log), tuple(journal.warnings))


def cleaned(
    bone: np.ndarray, largest: bool, pockets: bool, journal: Journal, periodic: Axes = ()
) -> np.ndarray:
    """Bone without loose components and closed marrow pockets, each where asked for.

    Raises:
        InputError: no marrow is left.
    """
    pieces = components(bone, periodic)
    share = pieces.voxels / int(bone.sum())
    fate = "dropped all but the largest" if largest else "kept all"
    journal.log.append(
        f"{pieces.count} bone components (26-connected), {fate}:"
        f" {pieces.voxels} voxels ({share:.2%} of the bone) lie outside the largest"
    )
    if pieces.count - 1 > MANY_COMPONENTS:
        journal.warnings.append(
            f"{pieces.count - 1} loose bone components ({share:.1%} of the bone):"
            " look whether the image needs smoothing, or another threshold"
        )
    if largest:
        bone = pieces.bone
    if pockets:
        filled = closed_pockets(bone, periodic)
        bone = filled.bone
        journal.log.append(
            f"closed {filled.count} marrow pockets that reach no face of the box:"
            f" {filled.voxels} voxels became bone"
        )
    if bone.all():
        raise InputError(
            "[geometry] close_pockets: true leaves no marrow, because bone seals every face of the"
            " box; set it to false, or crop the shell away."
        )
    journal.log.append(f"BV/TV {bone.mean():.4f} after cleaning")
    return bone


def partial_volumes(
    bone: np.ndarray, factor: int, spacing: float, journal: Journal, periodic: Axes = ()
) -> np.ndarray:
    """Share of bone in each grid voxel, from fine binary voxels or, at factor 1, their own."""
    if factor == 1:
        fraction = binomial_pass(bone, periodic)
        how = f"kept the grid of {spacing:g} um, one binomial pass (1 2 1)/4 along each axis"
    else:
        fraction = block_means(bone, factor)
        how = f"averaged blocks of {factor}^3 voxels to {spacing:g} um"
        beyond = tuple(size % factor for size in bone.shape)
        if any(beyond):
            how += f", cut {_by(beyond)} voxels (z, y, x) that fill no block"
    journal.log.append(f"{how}: {_by(fraction.shape)} voxels, BV/TV {fraction.mean():.4f}")
    return fraction


def _voxel_size(
    header: VoxelSize | None, given: float | VoxelSize | None, journal: Journal
) -> VoxelSize:
    if given is None:
        if header is None:
            raise InputError(
                "[geometry] voxel_size: it is missing, and the image itself gives none;"
                ' write the voxel edge of the scan, such as voxel_size = "10 um".'
            )
        journal.log.append(f"voxel size {_edges(header)} um (z, y, x), from the file")
        return header
    chosen = given if isinstance(given, tuple) else (given, given, given)
    if not all(np.isfinite(edge) and edge > 0 for edge in chosen):
        raise InputError(f"[geometry] voxel_size: {given} um is no length; give edges above 0.")
    journal.log.append(f"voxel size {_edges(chosen)} um (z, y, x), from the run file")
    if header and any(abs(a / b - 1) > 0.01 for a, b in zip(chosen, header, strict=True)):
        journal.warnings.append(
            f"voxel size: the run file says {_edges(chosen)} um (z, y, x), the image"
            f" {_edges(header)} um; the run file's is used"
        )
    return chosen


def _region(
    settings: ImageSettings, values: np.ndarray, journal: Journal
) -> tuple[np.ndarray | None, Crop | None]:
    """The region of interest within the crop, which without one is its bounding box."""
    if settings.region is None:
        return None, settings.crop
    with told_of("[geometry] region"):
        mask = read_image(settings.region).values > 0
    if mask.shape != values.shape:
        raise InputError(
            f"[geometry] region: {settings.region.name} has {_by(mask.shape)} voxels and the image"
            f" {_by(values.shape)}; give a mask of the same voxels."
        )
    if not mask.any():
        raise InputError(
            f"[geometry] region: {settings.region.name} marks no voxel; mark the region with values"
            " above 0."
        )
    crop = settings.crop
    if crop is None:
        places = [np.flatnonzero(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1))]
        z, y, x = ((int(along[0]), int(along[-1]) + 1) for along in places)
        crop = (z, y, x)
    inside = _cropped(mask, crop, Journal())
    journal.log.append(
        f"kept the region {settings.region.name}: {inside.mean():.1%} of its box; what lies outside"
        " counts as marrow"
    )
    return inside, crop


def _cropped(values: np.ndarray, crop: Crop | None, journal: Journal) -> np.ndarray:
    if crop is None:
        return values
    if any(not 0 <= a < b <= size for (a, b), size in zip(crop, values.shape, strict=True)):
        raise InputError(
            f"[geometry] crop: {[list(pair) for pair in crop]} does not fit the image of"
            f" {_by(values.shape)} voxels (z, y, x);"
            " give [start, stop) for each axis with 0 <= start < stop <= size."
        )
    values = values[tuple(slice(*pair) for pair in crop)]
    ranges = ", ".join(f"{a}:{b}" for a, b in crop)
    journal.log.append(f"cropped to voxels {ranges} (z, y, x): {_by(values.shape)}")
    return values


def _smoothed(values: np.ndarray, sigma: float, voxel: VoxelSize, journal: Journal) -> np.ndarray:
    """Grey values as floating point numbers that hold the file's exactly, smoothed if asked."""
    if not (np.isfinite(sigma) and sigma >= 0):
        raise InputError(f"[geometry] smooth: {sigma} um is no width; give 0 um (off) or more.")
    grey = values.astype(np.result_type(values, np.float32), copy=False)
    if sigma == 0:
        return grey
    journal.log.append(f"smoothed grey values with a Gaussian of sigma {sigma:g} um")
    widths = [sigma / edge for edge in voxel]
    return np.asarray(ndimage.gaussian_filter(grey, widths, mode="nearest"))


def _threshold(grey: np.ndarray, wanted: float | Literal["otsu"], journal: Journal) -> float:
    if wanted != "otsu":
        journal.log.append(f"threshold {wanted:g}, from the run file")
        return wanted
    found = otsu(grey)
    journal.log.append(f"threshold {found.threshold:g}, by Otsu's method")
    if not found.valley:
        journal.warnings.append(
            f"threshold: the histogram shows no valley between bone and marrow, so Otsu's"
            f" {found.threshold:g} can double or halve the bone; set [geometry] threshold in the"
            f" file's units (values {_range(grey)})"
        )
    return found.threshold


def _sampling(
    target: float | None, shape: tuple[int, ...], voxel: VoxelSize, journal: Journal
) -> Sampling:
    if target is not None and not (np.isfinite(target) and target > 0):
        raise InputError(f"[geometry] resample: {target} um is no length; give one above 0.")
    sampling = choose_sampling(voxel, target)
    nz, ny, nx = shape
    coarse = grid_shape((nz, ny, nx), voxel, sampling)
    extents = _edges(tuple(size * edge for size, edge in zip(shape, voxel, strict=True)))
    if min(coarse) < 2:
        raise InputError(
            f"[geometry] resample: {sampling.spacing:g} um leaves {_by(coarse)} voxels of a box of"
            f" {extents} um; give an edge of which at least two fit."
        )
    fine_voxels = float(np.prod(coarse, dtype=float)) * sampling.factor**3
    if fine_voxels > MOST_VOXELS:
        raise InputError(
            f"[geometry] resample: {sampling.spacing:g} um over a box of {extents} um asks for"
            f" {fine_voxels:.2g} voxels of {sampling.fine:g} um, more than {MOST_VOXELS:.2g};"
            " give a coarser edge, or crop."
        )
    if target is not None and not sampling.interpolate and sampling.spacing != target:
        journal.log.append(
            f"resampling to {sampling.spacing:g} um, the multiple of the voxel next to {target:g}"
        )
    return sampling


def _segmented(
    grey: np.ndarray, threshold: float, voxel: VoxelSize, sampling: Sampling, journal: Journal
) -> np.ndarray:
    if sampling.interpolate:
        nz, ny, nx = grey.shape
        coarse = grid_shape((nz, ny, nx), voxel, sampling)
        fz, fy, fx = (size * sampling.factor for size in coarse)
        bone = interpolated_bone(grey, voxel, sampling.fine, (fz, fy, fx), threshold)
        journal.log.append(
            f"interpolated grey values to {_by(bone.shape)} cubes of {sampling.fine:g} um"
        )
    else:
        bone = grey > threshold
    if not bone.any() or bone.all():
        raise InputError(
            f"[geometry] threshold: above {threshold:g} there is"
            f" {'nothing but bone' if bone.any() else 'no bone'};"
            f" the image holds values {_range(grey)}, give a threshold between them."
        )
    journal.log.append(f"BV/TV {bone.mean():.4f} above the threshold")
    return bone


def _warn_if_thin(bone: np.ndarray, sampling: Sampling, journal: Journal) -> None:
    thickness = mean_thickness(bone) * sampling.fine
    voxels = thickness / sampling.spacing
    journal.log.append(f"mean trabecular thickness {thickness:.3g} um, {voxels:.1f} grid voxels")
    if voxels < THIN:
        journal.warnings.append(
            f"trabeculae are {voxels:.1f} voxels thick on average, below {THIN:g}: their surface"
            f" is poorly resolved; set [geometry] resample to {thickness / THIN:.2g} um or less"
        )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _edges(size: tuple[float, ...]) -> str:
    return " x ".join(f"{edge:.4g}" for edge in size)


def _range(values: np.ndarray) -> str:
    return f"{float(values.min()):g} to {float(values.max()):g}"
