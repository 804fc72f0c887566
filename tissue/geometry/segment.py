"""Reads an image and tells bone from marrow in it."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.grid import Frame, Grid
from tissue.geometry.image import DIGITS, Box, Image, Spacing, VoxelSize
from tissue.geometry.images import read_image
from tissue.geometry.journal import Journal, by, in_um, span
from tissue.geometry.masks import Scan, marked_part, read_mask
from tissue.geometry.padding import find_padding
from tissue.geometry.place import Mask
from tissue.geometry.resample import (
    Sampling,
    choose_sampling,
    grid_shape,
    interpolated_bone,
)
from tissue.geometry.settings import Crop, ImageSettings
from tissue.geometry.threshold import MANY_PADDED, automatic_threshold, bone_share_warning

FINEST = 0.05
"""Voxels below it [um] are warned of: the finest scans of bone have some 0.06 (Langer et al., PLoS
ONE 7, e35691 (2012)), and 0.01 is what 10 um written in mm looks like."""
COARSEST = 500.0
"""Voxel edge of a file above which its unit is doubted [um]: trabeculae are 30 to 300 um thick."""
MOST_VOXELS = 2**31
"""Components are numbered in 32 bits; such a volume fills about 12 GB."""


@dataclass(frozen=True)
class Segmentation:
    """An image with bone told from marrow, before any cleaning.

    Attributes:
        image: the file.
        voxel_size: its voxel edges (z, y, x) [um].
        box: voxels of the file that were read.
        gray: gray values of the box [z, y, x], smoothed where that was asked for.
        scanned: voxels of the box that count: inside the region of interest and no padding of the
            scanner; None for all.
        threshold: bone is above it [gray value].
        bone: binary volume on the voxels of `sampling.fine`.
        sampling: how the volume gets onto its grid.
    """

    image: Image
    voxel_size: VoxelSize
    box: Box
    gray: np.ndarray
    scanned: Mask | None
    threshold: float
    bone: np.ndarray
    sampling: Sampling

    @property
    def bone_share(self) -> float:
        """BV/TV of the voxels that count."""
        counted = 1.0 if self.scanned is None else float(self.scanned.mean())
        return float(self.bone.mean()) / counted

    @property
    def grid(self) -> Grid:
        """The voxels that the bone is brought onto."""
        nz, ny, nx = (size // self.sampling.factor for size in self.bone.shape)
        spacing = self.sampling.spacing
        oz, oy, ox = (
            round((along.start - 0.5) * edge + spacing / 2, DIGITS)
            for along, edge in zip(self.box, self.voxel_size, strict=True)
        )
        return Grid((nz, ny, nx), spacing, (oz, oy, ox), self.image.frame or Frame())


def segment(settings: ImageSettings, journal: Journal) -> Segmentation:
    """Reads an image and tells bone from marrow; what was done goes into the journal.

    Raises:
        InputError: the file or a setting cannot be used.
    """
    image = read_image(settings.file, settings.dataset, settings.series)
    voxel = chosen_voxel_size(image.spacing, settings.voxel_size, journal)
    box = _box(settings.crop, image.shape)
    box, inside = _region(settings, image, voxel, box, journal)
    values = image.voxels(box)
    journal.log[:0] = _read_lines(image, values)
    if settings.crop is not None:
        journal.log.append(f"cropped to voxels {_ranges(box)} (z, y, x): {by(values.shape)}")
    # gray values as floating point numbers that hold those of the file exactly
    gray = values.astype(np.result_type(values, np.float32), copy=False)
    threshold, scanned, gray = _threshold(gray, settings, image.unit, inside, voxel, journal)
    filled = gray
    if scanned is not None:
        filled = np.where(scanned, gray, min(gray[scanned].min(), threshold))
    sampling = _sampling(settings.resample, gray.shape, voxel, journal)
    bone = _segmented(filled, threshold, voxel, sampling, journal)
    found = Segmentation(image, voxel, box, gray, scanned, threshold, bone, sampling)
    journal.warnings += filter(None, [bone_share_warning(found.bone_share)])
    return found


def _ranges(box: Box) -> str:
    return ", ".join(f"{along.start}:{along.stop}" for along in box)


def _read_lines(image: Image, values: np.ndarray) -> list[str]:
    unit = f" {image.unit}" if image.unit else ""
    kind = " labels" if image.labels else ""
    read = (
        f"read {image.name}: {by(image.shape)} voxels (z, y, x), {values.dtype}{kind}, values"
        f" {span(values)}{unit}"
    )
    return [read, *image.inventory.lines()]


def chosen_voxel_size(
    header: Spacing, given: float | VoxelSize | None, journal: Journal
) -> VoxelSize:
    """Voxel edges (z, y, x) [um]: those given in the run file, or else those of the image.

    Raises:
        InputError: there are none, or they are no lengths.
    """
    if given is None:
        z, y, x = header
        if z is None or y is None or x is None:
            known = f" but {in_um(header)} um (z, y, x)" if any(header) else ""
            raise InputError(
                f"[geometry] voxel_size: it is missing, and the image itself gives none{known};"
                ' write the voxel edge of the scan, such as voxel_size = "10 um".'
            )
        journal.log.append(f"voxel size {in_um(header)} um (z, y, x), from the file")
        doubt = ""
        if max(z, y, x) > COARSEST:
            doubt = "coarser than any trabecula is thick"
        elif min(z, y, x) < FINEST:
            doubt = "finer than any scan of bone"
        if doubt:
            journal.warnings.append(
                f"voxel size: the file says {in_um(header)} um (z, y, x), {doubt}; where its header"
                " means another unit, set [geometry] voxel_size"
            )
        return (z, y, x)
    chosen = given if isinstance(given, tuple) else (given, given, given)
    if not all(np.isfinite(edge) and edge > 0 for edge in chosen):
        raise InputError(f"[geometry] voxel_size: {given} um is no length; give edges above 0.")
    journal.log.append(f"voxel size {in_um(chosen)} um (z, y, x), as given")
    if any(own and abs(edge / own - 1) > 0.01 for edge, own in zip(chosen, header, strict=True)):
        journal.warnings.append(
            f"voxel size: the run file says {in_um(chosen)} um (z, y, x), the image"
            f" {in_um(header)} um; the run file's is used"
        )
    return chosen


def _box(crop: Crop | None, shape: tuple[int, ...]) -> Box:
    if crop is None:
        crop = tuple((0, size) for size in shape)  # type: ignore[assignment]
        assert crop
    if any(not 0 <= a < b <= size for (a, b), size in zip(crop, shape, strict=True)):
        raise InputError(
            f"[geometry] crop: {[list(pair) for pair in crop]} does not fit the image of"
            f" {by(shape)} voxels (z, y, x);"
            " give [start, stop) for each axis with 0 <= start < stop <= size."
        )
    z, y, x = (slice(*pair) for pair in crop)
    return (z, y, x)


def _region(
    settings: ImageSettings, image: Image, voxel: VoxelSize, box: Box, journal: Journal
) -> tuple[Box, Mask | None]:
    """The region of interest, and the box to read: the crop, or without one that of the region."""
    if settings.region is None:
        return box, None
    key = "[geometry] region"
    mask = read_mask(settings.region, key)
    scan = Scan(image.name, image.shape, voxel, image.spacing, image.frame)
    reached, inside = marked_part(mask, scan, key, journal)
    box, inside = (reached, inside) if settings.crop is None else (box, _put(inside, reached, box))
    if not inside.any():
        raise InputError(
            f"{key}: {mask.name} marks no voxel of {image.name}"
            f"{' in the crop' if settings.crop else ''}; mark the region with values above 0."
        )
    if settings.crop is None:
        places = [np.flatnonzero(inside.any(axis=rest)) for rest in ((1, 2), (0, 2), (0, 1))]
        z, y, x = (slice(int(along[0]), int(along[-1]) + 1) for along in places)
        inside = inside[z, y, x]
        z, y, x = (
            slice(outer.start + inner.start, outer.start + inner.stop)
            for outer, inner in zip(box, (z, y, x), strict=True)
        )
        box = (z, y, x)
    journal.log.append(
        f"kept the region {settings.region.name}: {inside.mean():.1%} of its box, voxels"
        f" {_ranges(box)} (z, y, x); what lies outside counts as marrow"
    )
    return box, inside


def _put(marked: Mask, reached: Box, box: Box) -> Mask:
    """Marked voxels of a box, taken from those of another box; False beyond it."""
    found = np.zeros([along.stop - along.start for along in box], dtype=bool)
    shared = [
        (max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(reached, box, strict=True)
    ]
    if all(start < stop for start, stop in shared):
        there, here = (
            tuple(
                slice(start - along.start, stop - along.start)
                for (start, stop), along in zip(shared, outer, strict=True)
            )
            for outer in (reached, box)
        )
        found[here] = marked[there]
    return found


def _threshold(
    gray: np.ndarray,
    settings: ImageSettings,
    unit: str,
    inside: Mask | None,
    voxel: VoxelSize,
    journal: Journal,
) -> tuple[float, Mask | None, np.ndarray]:
    """The threshold [gray value], the voxels that count, and the gray values, smoothed if asked."""
    if settings.threshold != "otsu":
        suffix = f" {unit}" if unit else ""
        journal.log.append(f"threshold {settings.threshold:g}{suffix}, as given")
        journal.warnings += filter(None, [_padding_warning(gray, settings.threshold, inside)])
        return settings.threshold, inside, _smoothed(gray, settings.smooth, voxel, journal)
    found = automatic_threshold(gray, unit, inside)
    scanned = _scanned(inside, found.left_out)
    if settings.smooth:
        if found.left_out is not None:  # or its values would spread into what was scanned
            gray = np.where(found.left_out, gray[scanned].min(), gray)
        gray = _smoothed(gray, settings.smooth, voxel, journal)
        padding = [line for line in found.log if line.startswith("left out")]
        found = automatic_threshold(gray, unit, scanned)
        journal.log += padding
    journal.log += found.log
    journal.warnings += found.warnings
    return found.threshold, scanned, gray


def _padding_warning(gray: np.ndarray, threshold: float, inside: Mask | None) -> str | None:
    """Warning that part of what counts was never scanned; None where at most a rim was not."""
    padding = find_padding(gray)
    if padding.voxels is None:
        return None
    share = float(np.mean(padding.voxels if inside is None else padding.voxels[inside]))
    if share <= MANY_PADDED:
        return None
    values = [value for value, _ in padding.values]
    kind = "bone" if max(values) > threshold else "marrow"
    return (
        f"threshold: {share:.1%} of the {'box' if inside is None else 'region'} hold the padding"
        f" value {', '.join(f'{value:g}' for value in values)}, outside the field of view, and"
        f" count as {kind}, so that BV/TV is not that of what was scanned; crop to that"
        " ([geometry] crop), or mark it ([geometry] region)"
    )


def _scanned(inside: Mask | None, left_out: Mask | None) -> Mask | None:
    """Voxels that count: inside the region and no padding of the scanner; None for all."""
    if left_out is None:
        return inside
    return ~left_out if inside is None else inside & ~left_out


def _smoothed(gray: np.ndarray, sigma: float, voxel: VoxelSize, journal: Journal) -> np.ndarray:
    if not (np.isfinite(sigma) and sigma >= 0):
        raise InputError(f"[geometry] smooth: {sigma} um is no width; give 0 um (off) or more.")
    if sigma == 0:
        return gray
    widths = [sigma / edge for edge in voxel]
    if any(width > size for width, size in zip(widths, gray.shape, strict=True)):
        extent = in_um(tuple(n * edge for n, edge in zip(gray.shape, voxel, strict=True)))
        raise InputError(
            f"[geometry] smooth: {sigma:g} um is wider than the box of {extent} um; give a width of"
            " some voxels."
        )
    journal.log.append(f"smoothed gray values with a Gaussian of sigma {sigma:g} um")
    return np.asarray(ndimage.gaussian_filter(gray, widths, mode="nearest"))


def _sampling(
    target: float | None, shape: tuple[int, ...], voxel: VoxelSize, journal: Journal
) -> Sampling:
    if target is not None and not (np.isfinite(target) and target > 0):
        raise InputError(f"[geometry] resample: {target} um is no length; give one above 0.")
    sampling = choose_sampling(voxel, target)
    nz, ny, nx = shape
    coarse = grid_shape((nz, ny, nx), voxel, sampling)
    extents = in_um(tuple(size * edge for size, edge in zip(shape, voxel, strict=True)))
    if min(shape) < 2:
        raise InputError(
            f"[geometry] crop: it leaves {by(shape)} voxels (z, y, x), alone or with the region;"
            " leave at least two along each axis."
        )
    if min(coarse) < 2:
        raise InputError(
            f"[geometry] resample: {sampling.spacing:g} um leaves {by(coarse)} voxels of a box of"
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
    gray: np.ndarray, threshold: float, voxel: VoxelSize, sampling: Sampling, journal: Journal
) -> np.ndarray:
    if sampling.interpolate:
        nz, ny, nx = gray.shape
        coarse = grid_shape((nz, ny, nx), voxel, sampling)
        fz, fy, fx = (size * sampling.factor for size in coarse)
        bone = interpolated_bone(gray, voxel, sampling.fine, (fz, fy, fx), threshold)
        journal.log.append(
            f"interpolated gray values to {by(bone.shape)} cubes of {sampling.fine:g} um"
        )
    else:
        bone = gray > threshold
    if not bone.any() or bone.all():
        raise InputError(
            f"[geometry] threshold: above {threshold:g} there is"
            f" {'nothing but bone' if bone.any() else 'no bone'};"
            f" the image holds values {span(gray)}, give a threshold between them."
        )
    journal.log.append(f"BV/TV {bone.mean():.4f} above the threshold")
    return bone
