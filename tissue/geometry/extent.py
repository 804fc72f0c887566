"""Part of an image that becomes bone, known before its voxels are read."""

import math
from dataclasses import dataclass

import numpy as np

from tissue.errors import InputError, RunError
from tissue.geometry.grid import Frame, Grid
from tissue.geometry.image import DIGITS, Box, Image, Spacing, VoxelSize
from tissue.geometry.images import read_image
from tissue.geometry.journal import Journal, dims, in_um
from tissue.geometry.masks import Scan, marked_part, read_mask
from tissue.geometry.place import Mask
from tissue.geometry.resample import Sampling, Shape, choose_sampling, grid_shape
from tissue.geometry.settings import Crop, ImageSettings

FINEST = 0.05
"""Voxels below it [um] are warned of: the finest scans of bone have some 0.06 (Langer et al., PLoS
ONE 7, e35691 (2012)), and 0.01 is what 10 um written in mm looks like."""
COARSEST = 500.0
"""Voxel edge of a file above which its unit is doubted [um]: trabeculae are 30 to 300 um thick."""
MOST_VOXELS = 2**31
"""Components are numbered in 32 bits; such a volume fills about 15 GB."""

BYTES_SOUGHT, BYTES_SMOOTHED = 6, 8
"""Memory beside the gray values of the file while their threshold is sought, and beside these and
the smoothed ones [bytes a voxel], where there is padding; a third less where there is none."""
BYTES_NUMBERED, BYTES_BONE, BYTES_GRID = 7, 2, 8
"""Memory while pieces of bone are numbered, which happens without gray values; of the bone while it
is averaged, and of the result [bytes a voxel]."""


@dataclass(frozen=True)
class Extent:
    """Part of an image that is read, and the grid that it is brought onto.

    Attributes:
        image: the file.
        voxel_size: its voxel edges (z, y, x) [um].
        box: voxels of the file that are read.
        inside: voxels of the box in the region of interest [z, y, x]; None for all.
        sampling: how the volume gets onto its grid.
        smoothed: whether its gray values are smoothed.
    """

    image: Image
    voxel_size: VoxelSize
    box: Box
    inside: Mask | None
    sampling: Sampling
    smoothed: bool

    @property
    def shape(self) -> Shape:
        """Voxels of the box (z, y, x)."""
        z, y, x = (along.stop - along.start for along in self.box)
        return z, y, x

    @property
    def grid(self) -> Grid:
        """The voxels that the bone is brought onto."""
        spacing = self.sampling.spacing
        oz, oy, ox = (
            round((along.start - 0.5) * edge + spacing / 2, DIGITS)
            for along, edge in zip(self.box, self.voxel_size, strict=True)
        )
        shape = grid_shape(self.shape, self.voxel_size, self.sampling)
        return Grid(shape, spacing, (oz, oy, ox), self.image.frame or Frame())

    @property
    def memory(self) -> int:
        """Memory that reading and segmenting it takes [bytes]."""
        voxels, grid = math.prod(self.shape), math.prod(self.grid.shape)
        fine = grid * self.sampling.factor**3 if self.sampling.interpolate else voxels
        stored = self.image.dtype.itemsize
        gray = BYTES_SOUGHT
        if self.smoothed:
            gray = BYTES_SMOOTHED + np.result_type(self.image.dtype, np.float32).itemsize
        return max(
            (stored + gray) * voxels,
            BYTES_NUMBERED * fine,
            BYTES_BONE * fine + BYTES_GRID * grid,
        )


def refuse_too_large(part: Extent, memory_limit: float) -> None:
    """Refuse an image that does not fit into memory, before the system ends the process.

    Args:
        part: of the image.
        memory_limit: memory that may be used [bytes].

    Raises:
        RunError: it takes more than that.
    """
    if part.memory > memory_limit:
        finer = "give a coarser geometry.resample, " if part.sampling.interpolate else ""
        raise RunError(
            f"reading {dims(part.shape)} voxels (z, y, x) of {part.image.name} takes about"
            f" {part.memory / 1e9:.3g} GB of memory and there are {memory_limit / 1e9:.3g} GB:"
            f" {finer}read a part of it (geometry.crop) or use a machine with more memory"
        )


def extent(settings: ImageSettings, journal: Journal) -> Extent:
    """Part of an image that will be read; only its header and a region of interest are read now.

    Raises:
        InputError: the file or a setting cannot be used.
    """
    image = read_image(settings.file, settings.dataset, settings.series)
    voxel = chosen_voxel_size(image.spacing, settings.voxel_size, journal)
    box = _box(settings.crop, image.shape)
    box, inside = _region(settings, image, voxel, box, journal)
    z, y, x = (along.stop - along.start for along in box)
    sampling = _sampling(settings.resample, (z, y, x), voxel, journal)
    return Extent(image, voxel, box, inside, sampling, settings.smooth != 0)


def ranges(box: Box) -> str:
    """Voxels of a box: "0:64, 8:72, 0:100"."""
    return ", ".join(f"{along.start}:{along.stop}" for along in box)


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
                f"it is missing, and the image itself gives none{known};"
                ' write the voxel edge of the scan, such as voxel_size = "10 um"',
                key="geometry.voxel_size",
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
                " means another unit, set geometry.voxel_size"
            )
        return (z, y, x)
    chosen = given if isinstance(given, tuple) else (given, given, given)
    if not all(np.isfinite(edge) and edge > 0 for edge in chosen):
        raise InputError(
            f"= {given} um is not a length; give edges above 0", key="geometry.voxel_size"
        )
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
            f"= {[list(pair) for pair in crop]} does not fit the image of"
            f" {dims(shape)} voxels (z, y, x);"
            " give [start, stop) for each axis with 0 <= start < stop <= size",
            key="geometry.crop",
        )
    z, y, x = (slice(*pair) for pair in crop)
    return (z, y, x)


def _region(
    settings: ImageSettings, image: Image, voxel: VoxelSize, box: Box, journal: Journal
) -> tuple[Box, Mask | None]:
    """The region of interest, and the box to read: the crop, or without one that of the region."""
    if settings.region is None:
        return box, None
    key = "geometry.region"
    mask = read_mask(settings.region, key)
    scan = Scan(image.name, image.shape, voxel, image.spacing, image.frame)
    reached, inside = marked_part(mask, scan, key, journal)
    box, inside = (reached, inside) if settings.crop is None else (box, _put(inside, reached, box))
    if not inside.any():
        raise InputError(
            f"{mask.name} marks no voxel of {image.name}"
            f"{' in the crop' if settings.crop else ''}; mark the region with values above 0",
            key=key,
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
        f" {ranges(box)} (z, y, x); what lies outside counts as marrow"
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


def _sampling(target: float | None, shape: Shape, voxel: VoxelSize, journal: Journal) -> Sampling:
    if target is not None and not (np.isfinite(target) and target > 0):
        raise InputError(
            f"= {target} um is not a length; give one above 0", key="geometry.resample"
        )
    sampling = choose_sampling(voxel, target)
    coarse = grid_shape(shape, voxel, sampling)
    extents = in_um(tuple(size * edge for size, edge in zip(shape, voxel, strict=True)))
    if min(shape) < 2:
        raise InputError(
            f"it leaves {dims(shape)} voxels (z, y, x), alone or with the region;"
            " leave at least two along each axis",
            key="geometry.crop",
        )
    if min(coarse) < 2:
        raise InputError(
            f"{sampling.spacing:g} um leaves {dims(coarse)} voxels of a box of"
            f" {extents} um; give an edge of which at least two fit",
            key="geometry.resample",
        )
    fine_voxels = float(np.prod(coarse, dtype=float)) * sampling.factor**3
    if fine_voxels > MOST_VOXELS:
        raise InputError(
            f"{sampling.spacing:g} um over a box of {extents} um asks for"
            f" {fine_voxels:.2g} voxels of {sampling.fine:g} um, more than {MOST_VOXELS:.2g};"
            " give a coarser edge, or crop",
            key="geometry.resample",
        )
    if target is not None and not sampling.interpolate and sampling.spacing != target:
        journal.log.append(
            f"resampling to {sampling.spacing:g} um, the multiple of the voxel next to {target:g}"
        )
    return sampling
