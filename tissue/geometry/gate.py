"""Admission of images: complete, unambiguous volumes of real numbers."""

from collections.abc import Iterator

from tissue.geometry.image import Image, listed, refused
from tissue.geometry.journal import dims

SHORTEST, LONGEST = 1e-3, 1e5
"""Voxel edges that scanners have [um]: from a nanometer to ten centimeters."""


def admit(image: Image) -> Image:
    """An image that may be used.

    Raises:
        InputError: the file is incomplete or ambiguous, or holds no volume; one sentence says why
            and what to do.
    """
    for fault in _faults(image):
        raise refused(image.file, fault)
    return image


def _faults(image: Image) -> Iterator[str]:
    """Reasons to refuse an image, the most basic one first, each with its remedy."""
    found, axes = image.inventory, image.inventory.axes.lower()
    if set(axes) & set("sc"):
        yield (
            f"has the axes {axes.upper()}: several colors or channels; save one gray value per"
            " voxel, with the axes Z, Y, X"
        )
    if axes != "zyx":
        yield (
            f"has the axes {axes.upper()} with {dims(image.shape)} entries; a volume has the axes"
            " Z, Y, X: save one volume alone, or correct the axes in its header"
        )
    if len(image.shape) != 3 or min(image.shape) < 2:
        yield (
            f"has the shape {image.shape}; a volume with three axes z, y, x of at least two voxels"
            " each is needed"
        )
    if image.dtype.kind not in "buif":
        yield f"holds values of type {image.dtype}; save it as one real number per voxel"
    needed, there = found.bytes_needed, found.bytes_found
    if needed is not None and there is not None and there < needed:
        yield (
            f"is cut short: its header promises {needed} bytes of voxels and {there} are there;"
            " copy it again from its source"
        )
    for axis, edge in zip("zyx", image.spacing, strict=True):
        if edge is not None and not SHORTEST <= edge <= LONGEST:
            yield (
                f"gives a voxel edge of {edge:.4g} um along {axis}, which no scanner has; correct"
                " its header or its unit of length, or copy it again from its source"
            )
    for part in found.parts:
        if part.used != part.found:
            named = f" ({listed(part.unused)})" if part.unused else ""
            yield (
                f"holds one volume in only {part.used} of the {part.found} {part.kind}{named};"
                " save the volume you want alone, as one stack"
            )
    yield from found.doubts
