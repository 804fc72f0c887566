"""Masks on the voxels of a scan: a region of interest, or the place of a pannus."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissue.errors import InputError
from tissue.geometry.grid import Frame
from tissue.geometry.image import Box, Image, Spacing, VoxelSize
from tissue.geometry.images import named_after, read_image
from tissue.geometry.journal import Journal, dims, in_um
from tissue.geometry.place import Lattice, Mask, lattice_of, nearest, overlap

EDGE_RTOL = 0.01
"""Relative difference up to which two voxel edges count as equal."""


@dataclass(frozen=True)
class Scan:
    """Voxels of a scan, or of a synthetic bone, that masks are resampled onto.

    Attributes:
        name: name of the scan in messages.
        shape: number of voxels (z, y, x).
        voxel_size: voxel edges that the run uses (z, y, x) [um].
        spacing: voxel edges that the file states (z, y, x) [um].
        frame: place that the file states.
    """

    name: str
    shape: tuple[int, ...]
    voxel_size: VoxelSize
    spacing: Spacing
    frame: Frame | None

    @property
    def lattice(self) -> Lattice:
        """Voxels in space, with the edges of the file: masks were drawn on these."""
        nz, ny, nx = self.shape
        z, y, x = (own or used for own, used in zip(self.spacing, self.voxel_size, strict=True))
        return Lattice((nz, ny, nx), (z, y, x), self.frame or Frame())


def read_mask(file: Path, key: str) -> Image:
    """A mask image; its voxels that are not 0 are marked.

    Args:
        file: the image.
        key: the key that names it, for complaints.

    Raises:
        InputError: it cannot be used as an image.
    """
    with named_after(key):
        try:
            return read_image(file)
        except InputError as error:
            if error.key in ("geometry.dataset", "geometry.series"):
                raise InputError(
                    f"{file.name} holds several volumes; save the mask alone in a file of its own"
                ) from None
            raise


def marked_part(mask: Image, scan: Scan, key: str, journal: Journal) -> tuple[Box, Mask]:
    """The box of scan voxels that a mask reaches, and which of them it marks.

    Args:
        mask: the mask, of any format, orientation and spacing.
        scan: the scan it belongs to.
        key: the key that names the mask.
        journal: receives the log lines and warnings.

    Raises:
        InputError: the mask lies elsewhere, or its place is not known.
    """
    source = lattice_of(mask)
    if source is None or scan.frame is None:
        _refuse_other_voxels(mask, scan, key)
        source = scan.lattice
        if mask.frame != scan.frame:
            which = scan.name if scan.frame is None else mask.name
            journal.log.append(
                f"{mask.name}: taken voxel by voxel as it is, since {which} does not say where"
                " it lies"
            )
    box = overlap(source, scan.lattice)
    if box is None:
        raise InputError(
            f"{mask.name} lies elsewhere: it fills {source.extent()}, and {scan.name}"
            f" {scan.lattice.extent()}; give the mask of this scan",
            key=key,
        )
    with named_after(key):
        part = nearest(mask, source, scan.lattice.part(box))
    inner = overlap(scan.lattice, source)
    beyond = 1 - (0 if inner is None else _voxels(inner) / np.prod(source.shape))
    if beyond > 0:
        journal.warnings.append(
            f"{key}: {beyond:.1%} of the voxels of {mask.name} lie beyond {scan.name} and are left"
            " out; look whether it is the mask of this scan"
        )
    if source != scan.lattice:
        share = _voxels(box) / np.prod(scan.shape)
        journal.log.append(
            f"{mask.name}: its {dims(source.shape)} voxels of {in_um(source.edges)} um were"
            f" brought onto the voxels of {scan.name} (nearest), {share:.1%} of which it reaches"
        )
    return box, part


def _refuse_other_voxels(mask: Image, scan: Scan, key: str) -> None:
    """Refuses a mask that cannot be placed and does not have the voxels of the scan."""
    if mask.shape != scan.shape:
        raise InputError(
            f"{mask.name} has {dims(mask.shape)} voxels and {scan.name} {dims(scan.shape)},"
            " and they do not both say where they lie; give a mask of the same voxels, or save both"
            " with their origin (NRRD, NIfTI or MetaImage)",
            key=key,
        )
    pairs = zip(mask.spacing, scan.spacing, strict=True)
    if any(a and b and abs(a / b - 1) > EDGE_RTOL for a, b in pairs):
        raise InputError(
            f"{mask.name} has voxels of {in_um(mask.spacing)} um and {scan.name} of"
            f" {in_um(scan.spacing)} um; give a mask of the same voxels",
            key=key,
        )


def _voxels(box: Box) -> int:
    """Number of voxels in a box."""
    z, y, x = (along.stop - along.start for along in box)
    return z * y * x
