"""A stack of files that hold one slice each, read slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissue.geometry.formats import raster, tiff
from tissue.geometry.formats.tiff_tags import is_tiff
from tissue.geometry.image import Box, Image, Spacing, guarded, listed, refused, shortened

HEAD = 16
"""Bytes at the start of a file that show its format."""
TOLERANCE = 1e-4
"""Part by which edges of the same voxel may differ, for headers that round them."""


@dataclass(frozen=True)
class Slices:
    """Facts that the headers of all slices state.

    Attributes:
        files: the files in the order of the stack.
        first: the first slice, a volume of one slice.
        spacing: voxel edges (z, y, x) [um] that the slices write; None where none does.
        kinds: names of the formats of the files.
        ignored: what the files hold beside their slice.
        assumed: assumptions about facts that they do not state.
    """

    files: tuple[Path, ...]
    first: Image
    spacing: Spacing
    kinds: tuple[str, ...]
    ignored: tuple[str, ...]
    assumed: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the stack."""
        return (len(self.files), *self.first.shape[1:])

    def voxels(self, box: Box) -> np.ndarray:
        """Gray values of a box [z, y, x]; opens its slices only.

        Raises:
            InputError: a slice cannot be read, or is no longer as its header was.
        """
        planes, rows, columns = box
        shape = tuple(along.stop - along.start for along in box)
        values = np.empty(shape, self.first.dtype)
        for into, file in zip(values, self.files[planes], strict=True):
            image = _slice(file)
            _refuse_unlike(self.files[0], self.first, file, image)
            into[...] = image.voxels((slice(0, 1), rows, columns))[0]
        return values


def format_of(file: Path) -> str:
    """Format of a slice by its first bytes; empty where the file is none.

    Raises:
        InputError: the file cannot be opened.
    """
    with guarded(file), file.open("rb") as stream:
        head = stream.read(HEAD)
    return "TIFF" if is_tiff(head) else raster.format_of(head)


def opened(files: Sequence[Path]) -> Slices:
    """The slices in files, from their headers.

    Raises:
        InputError: a file is damaged, holds no slice of gray values or several, or is not as the
            others are.
    """
    first = _slice(files[0])
    kinds: dict[str, None] = {}
    ignored: dict[str, None] = {}
    assumed: dict[str, None] = {}
    spacing: Spacing = (None, None, None)
    for file in files:
        image = first if file == files[0] else _slice(file)
        _refuse_unlike(files[0], first, file, image)
        spacing = _agreed(files[0], spacing, file, image.spacing)
        kinds[image.inventory.format] = None
        ignored.update(dict.fromkeys(image.inventory.ignored))
        assumed.update(dict.fromkeys(image.inventory.assumed))
    return Slices(tuple(files), first, spacing, tuple(kinds), tuple(ignored), tuple(assumed))


def _slice(file: Path) -> Image:
    """The slice in one file, which must be one of gray values."""
    image = tiff.read(file) if format_of(file) == "TIFF" else raster.read(file)
    inventory = image.inventory
    for doubt in inventory.doubts:
        raise refused(file, doubt)
    for part in inventory.parts:
        if part.found != part.used:
            raise refused(
                file,
                f"holds {part.found} {part.kind}, of which {listed(part.unused)} belong to no"
                " single slice; save one slice a file",
            )
    if inventory.axes != "zyx":
        raise refused(
            file,
            f"has the axes {inventory.axes[1:].upper()}: several colors or channels; save one gray"
            " value per voxel",
        )
    if image.shape[0] != 1:
        raise refused(
            file,
            f"holds {image.shape[0]} pages, and a folder of slices must hold one page a file; give"
            " the file itself, or save one slice a file",
        )
    return image


def _refuse_unlike(one: Path, first: Image, other: Path, image: Image) -> None:
    """Refuses two slices whose gray values cannot be compared, or that differ in shape."""
    for what, a, b in (
        ("shape", first.shape[1:], image.shape[1:]),
        ("type", first.dtype, image.dtype),
        ("gray value", first.inventory.calibration, image.inventory.calibration),
        ("unit of gray values", first.unit, image.unit),
    ):
        if a != b:
            raise refused(
                other,
                f"has the {what} {_shown(b)} and {one.name} {_shown(a)}; a folder must hold slices"
                " of one kind only",
            )


def _agreed(one: Path, spacing: Spacing, other: Path, another: Spacing) -> Spacing:
    """Edges that slices write alike."""
    for axis, a, b in zip("zyx", spacing, another, strict=True):
        if a is not None and b is not None and abs(a - b) > TOLERANCE * a:
            raise refused(
                other,
                f"writes an edge of {b:g} um along {axis}, and slices from {one.name} on {a:g} um;"
                " a folder must hold slices of one scan only",
            )
    z, y, x = (b if a is None else a for a, b in zip(spacing, another, strict=True))
    return (z, y, x)


def _shown(value: object) -> str:
    return shortened(str(value)) or "as stored"
