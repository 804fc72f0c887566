"""Admission of images: complete, unambiguous volumes of real numbers."""

from tissue.errors import InputError
from tissue.geometry.image import Image, Parts, listed, refused
from tissue.geometry.journal import by

SHORTEST, LONGEST = 1e-3, 1e5
"""Voxel edges that scanners have [um]: from a nanometer to ten centimeters."""


def admit(image: Image) -> Image:
    """An image that may be used.

    Raises:
        InputError: the file is incomplete or ambiguous, or holds no volume; one sentence says why
            and what to do.
    """
    _refuse_other_axes(image)
    _refuse_other_shapes(image)
    _refuse_other_types(image)
    _refuse_cut_file(image)
    _refuse_other_edges(image)
    for part in image.inventory.parts:
        _refuse_unused(image, part)
    for doubt in image.inventory.doubts:
        raise refused(image.file, doubt)
    return image


def _refuse_other_axes(image: Image) -> None:
    axes = image.inventory.axes.lower()
    if axes == "zyx":
        return
    if set(axes) & set("sc"):
        raise refused(
            image.file,
            f"has the axes {axes.upper()}: several colors or channels; save one gray value per"
            " voxel, with the axes Z, Y, X",
        )
    raise refused(
        image.file,
        f"has the axes {axes.upper()} with {by(image.shape)} entries; a volume has the axes Z, Y,"
        " X: save one volume alone, or correct the axes in its header",
    )


def _refuse_other_shapes(image: Image) -> None:
    if len(image.shape) != 3 or min(image.shape) < 2:
        raise refused(
            image.file,
            f"has the shape {image.shape}; a volume with three axes z, y, x of at least two voxels"
            " each is needed",
        )


def _refuse_other_types(image: Image) -> None:
    if image.dtype.kind not in "buif":
        raise refused(
            image.file, f"holds values of type {image.dtype}; save it as one real number per voxel"
        )


def _refuse_other_edges(image: Image) -> None:
    for axis, edge in zip("zyx", image.spacing, strict=True):
        if edge is not None and not SHORTEST <= edge <= LONGEST:
            raise refused(
                image.file,
                f"gives a voxel edge of {edge:.4g} um along {axis}, which no scanner has; correct"
                " its header or its unit of length, or copy it again from its source",
            )


def _refuse_cut_file(image: Image) -> None:
    needed, found = image.inventory.bytes_needed, image.inventory.bytes_found
    if needed is not None and found is not None and found < needed:
        raise refused(
            image.file,
            f"is cut short: its header promises {needed} bytes of voxels and {found} are there;"
            " copy it again from its source",
        )


def _refuse_unused(image: Image, part: Parts) -> None:
    if part.used == part.found:
        return
    named = f" ({listed(part.unused)})" if part.unused else ""
    raise InputError(
        f"only {part.used} of the {part.found} {part.kind} of {image.name}"
        f" make one volume{named}; save the volume you want alone, as one stack",
        key="geometry.file",
    )
