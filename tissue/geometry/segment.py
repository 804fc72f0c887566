"""Separation of bone from marrow in an image."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tissue.errors import InputError
from tissue.geometry.extent import Extent, extent, ranges, refuse_too_large
from tissue.geometry.grid import Grid
from tissue.geometry.image import Image, VoxelSize
from tissue.geometry.journal import Journal, dims, in_um, value_range
from tissue.geometry.padding import find_padding
from tissue.geometry.place import Mask
from tissue.geometry.planes import above, gaussian, least, with_marrow
from tissue.geometry.resample import Sampling, grid_shape, interpolated_bone
from tissue.geometry.settings import ImageSettings
from tissue.geometry.threshold import MANY_PADDED, automatic_threshold, bone_share_warning


class Binary(NamedTuple):
    """Bone that was separated from marrow, without the image that it came from.

    Attributes:
        bone: binary volume [z, y, x] on the voxels of `sampling.fine`.
        grid: the voxels that it is brought onto.
        sampling: how it gets onto them.
    """

    bone: np.ndarray
    grid: Grid
    sampling: Sampling


@dataclass(frozen=True)
class Segmentation(Extent):
    """Image with bone separated from marrow, before any cleaning.

    Attributes:
        gray: gray values of the box [z, y, x] in the type of the file, or as floating point numbers
            where smoothing was asked for.
        scanned: voxels of the box that count: inside the region of interest and no padding of the
            scanner; None for all.
        threshold: bone is above it [gray value].
        bone: binary volume on the voxels of `sampling.fine`.
    """

    gray: np.ndarray
    scanned: Mask | None
    threshold: float
    bone: np.ndarray

    @property
    def binary(self) -> Binary:
        """The bone alone, so that the memory of the gray values can be used again."""
        return Binary(self.bone, self.grid, self.sampling)

    @property
    def bone_share(self) -> float:
        """BV/TV of the voxels that count."""
        counted = 1.0 if self.scanned is None else float(self.scanned.mean())
        return float(self.bone.mean()) / counted


def segment(
    settings: ImageSettings, journal: Journal, memory_limit: float = math.inf
) -> Segmentation:
    """Read an image and separate bone from marrow.

    Args:
        settings: the image.
        journal: receives the log lines and warnings.
        memory_limit: memory that may be used [bytes].

    Raises:
        InputError: the file or a setting cannot be used.
        RunError: the memory is too small for it.
    """
    part = extent(settings, journal)
    refuse_too_large(part, memory_limit)
    image, voxel, inside = part.image, part.voxel_size, part.inside
    values = image.voxels(part.box)
    journal.log[:0] = _read_lines(image, values)
    if settings.crop is not None:
        journal.log.append(f"cropped to voxels {ranges(part.box)} (z, y, x): {dims(values.shape)}")
    threshold, scanned, values = _threshold(values, settings, image.unit, inside, voxel, journal)
    bone = _segmented(values, scanned, threshold, voxel, part.sampling, journal)
    found = Segmentation(**vars(part), gray=values, scanned=scanned, threshold=threshold, bone=bone)
    journal.warnings += filter(None, [bone_share_warning(found.bone_share)])
    return found


def _read_lines(image: Image, values: np.ndarray) -> list[str]:
    unit = f" {image.unit}" if image.unit else ""
    kind = " labels" if image.labels else ""
    read = (
        f"read {image.name}: {dims(image.shape)} voxels (z, y, x), {values.dtype}{kind}, values"
        f" {value_range(values)}{unit}"
    )
    return [read, *image.inventory.lines()]


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
        instead = 0.0 if scanned is None else least(gray, scanned)
        # values of padding would spread into what was scanned
        gray = _smoothed(gray, settings.smooth, voxel, journal, found.left_out, instead)
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
        " (geometry.crop), or mark it (geometry.region)"
    )


def _scanned(inside: Mask | None, left_out: Mask | None) -> Mask | None:
    """Voxels that count: inside the region and no padding of the scanner; None for all."""
    if left_out is None:
        return inside
    return ~left_out if inside is None else inside & ~left_out


def _smoothed(
    gray: np.ndarray,
    sigma: float,
    voxel: VoxelSize,
    journal: Journal,
    left_out: Mask | None = None,
    instead: float = 0.0,
) -> np.ndarray:
    if not (np.isfinite(sigma) and sigma >= 0):
        raise InputError(
            f"= {sigma} um is not a width; give 0 um (off) or more", key="geometry.smooth"
        )
    if sigma == 0:
        return gray
    widths = [sigma / edge for edge in voxel]
    if any(width > size for width, size in zip(widths, gray.shape, strict=True)):
        extent = in_um(tuple(n * edge for n, edge in zip(gray.shape, voxel, strict=True)))
        raise InputError(
            f"= {sigma:g} um is wider than the box of {extent} um; give a width of some voxels",
            key="geometry.smooth",
        )
    journal.log.append(f"smoothed gray values with a Gaussian of sigma {sigma:g} um")
    return gaussian(gray, widths, left_out, instead)


def _segmented(
    gray: np.ndarray,
    scanned: Mask | None,
    threshold: float,
    voxel: VoxelSize,
    sampling: Sampling,
    journal: Journal,
) -> np.ndarray:
    if sampling.interpolate:
        nz, ny, nx = gray.shape
        coarse = grid_shape((nz, ny, nx), voxel, sampling)
        fz, fy, fx = (size * sampling.factor for size in coarse)
        bone = interpolated_bone(gray, voxel, sampling.fine, (fz, fy, fx), threshold, scanned)
        journal.log.append(
            f"interpolated gray values to {dims(bone.shape)} cubes of {sampling.fine:g} um"
        )
    else:
        bone = above(gray, threshold)
        if scanned is not None:
            bone &= scanned
    if not bone.any() or bone.all():
        raise InputError(
            f"above {threshold:g} there is"
            f" {'nothing but bone' if bone.any() else 'no bone'}; the image holds values"
            f" {value_range(with_marrow(gray, scanned, threshold))}, give a threshold between them",
            key="geometry.threshold",
        )
    journal.log.append(f"BV/TV {bone.mean():.4f} above the threshold")
    return bone
