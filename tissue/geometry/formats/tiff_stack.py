"""The stack of pages of a TIFF file, once it is known which pages it is made of."""

import mmap
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tissue.geometry.formats import tiff_tags
from tissue.geometry.formats.imagej import StackFacts
from tissue.geometry.formats.raw import Calibration
from tissue.geometry.formats.tiff_codec import JPEG
from tissue.geometry.formats.tiff_layout import (
    BLACK_IS_ZERO,
    PALETTE,
    WHITE_IS_ZERO,
    Layout,
    layout_of,
)
from tissue.geometry.formats.tiff_pages import Page, pages_of, pixels
from tissue.geometry.formats.tiff_tags import Bytes, Directory
from tissue.geometry.image import Box, Image, Inventory, Parts, unreadable

MASK_VALUES = 2
"""Values of a mask; a calibrated 8-bit image with more of them is one of gray values."""
GRAY = (None, WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE)
"""Numbers of PhotometricInterpretation that gray values may have; None where it is not written."""
TOP_LEFT = 1
"""Orientation in which the first row is the upper one and the first column the left one."""
EXACT = 24
"""Bits of the integers that a float of 32 bits holds exactly."""
FORGET = getattr(mmap, "MADV_DONTNEED", None)
"""Advice to the system, where it takes it, that a part of a mapped file will not be needed soon."""


@dataclass(frozen=True)
class Contents:
    """Everything in a TIFF file but its voxels.

    Attributes:
        source: the file.
        pages: all pages in the order of the file, smaller copies among them.
        directories: the directory of each page.
    """

    source: Bytes
    pages: tuple[Page, ...]
    directories: tuple[Directory, ...]

    @property
    def copies(self) -> tuple[str, ...]:
        """Names of the other pages."""
        full = {page.number for page in self.main}
        return tuple(
            f"{page.name}, a smaller copy" for page in self.pages if page.number not in full
        )

    @property
    def first(self) -> Directory:
        """Directory of the first page, which holds what describes the file."""
        return self.directories[0]

    @property
    def descriptions(self) -> tuple[str, ...]:
        """Descriptions of the first page."""
        return self.first.texts.get(tiff_tags.DESCRIPTION, ())

    @cached_property
    def main(self) -> tuple[Page, ...]:
        """Pages that are no smaller copies of others."""
        full = tuple(page for page in self.pages if not page.reduced)
        kinds = {page.layout.kind for page in full}
        # a copy of the same size is none, whatever the file says
        return tuple(
            page for page in self.pages if not page.reduced or not full or page.layout.kind in kinds
        )


def contents_of(file: Path) -> Contents:
    """Header of a TIFF file.

    Raises:
        InputError: the file is damaged or cut short.
    """
    if not file.stat().st_size:
        raise unreadable(file, "it is empty")
    source = Bytes(file)
    pages, directories = zip(*pages_of(source), strict=True)
    return Contents(source, pages, directories)


def image_of(contents: Contents, program: str, pages: Sequence[Page], facts: StackFacts) -> Image:
    """The image that a stack of pages makes.

    Args:
        contents: the file.
        program: kind of TIFF, for the inventory.
        pages: the pages in the order of the axes.
        facts: facts of the stack beside its pages.
    """
    kinds = Counter(page.layout.kind for page in pages)
    kind = kinds.most_common(1)[0][0]
    stack = tuple(page for page in pages if page.layout.kind == kind)
    unlike = tuple(page.name for page in pages if page.layout.kind != kind)
    layout = stack[0].layout
    line = facts.line
    # a single slice may be one of a stack, and of one value where it lies outside of the bone
    if line is not None and layout.coding.dtype == np.uint8 and len(stack) > 1 and _is_mask(stack):
        line = None
    labels = layout.coding.dtype == np.dtype(bool) or line is not facts.line
    letters, sizes = _axes(facts.axes, len(stack), layout)
    parts = facts.parts
    if not any(part.kind == "pages" for part in parts) or unlike:
        parts = (*parts, Parts("pages", len(pages), len(stack), unlike))
    convert, dtype, words = _calibration(layout, line)
    assumed = list(facts.assumed)
    if any(page.layout.coding.compression == JPEG for page in stack):
        assumed.append("JPEG compression is lossy: gray values differ from the scan")
    if layout.photometric is None:
        assumed.append("PhotometricInterpretation is not written: 0 is taken as black")
    copies, larger = _sub_pages(contents)
    parts += (Parts("sub-pages", len(larger), 0, larger),) if larger else ()
    return Image(
        file=contents.source.file,
        shape=sizes,
        dtype=dtype,
        reader=_reader(stack, convert, dtype),
        inventory=Inventory(
            program,
            axes=letters,
            parts=parts,
            spacing_unit=facts.spacing_unit,
            calibration=words,
            ignored=(*facts.ignored, *copies),
            assumed=tuple(assumed),
            doubts=(*facts.doubts, *_doubts(contents, layout)),
        ),
        spacing=facts.spacing,
        frame=facts.frame,
        unit="" if labels else facts.unit,
        labels=labels,
    )


def _axes(
    axes: Sequence[tuple[str, int]], planes: int, layout: Layout
) -> tuple[str, tuple[int, ...]]:
    """Letters and lengths of all axes of the array."""
    longer = [(axis, size) for axis, size in axes if size > 1]
    letters = "".join(axis for axis, _ in longer)
    if letters in ("", "z"):
        letters, outer = "z", [planes]
    else:
        outer = [size for _, size in longer]
    inner = (layout.rows, layout.columns)
    if layout.samples > 1:
        return f"{letters}yxs", (*outer, *inner, layout.samples)
    return f"{letters}yx", (*outer, *inner)


def _calibration(
    layout: Layout, line: Calibration | None
) -> tuple[Callable[[np.ndarray], np.ndarray], np.dtype, str]:
    """Function from stored numbers to gray values, with the type of its values and its words."""
    stored = layout.coding.dtype
    if layout.photometric == WHITE_IS_ZERO and _invertible(layout):
        if stored == np.dtype(bool):
            return np.logical_not, stored, "not stored (white is zero)"
        most = 2**layout.coding.bits - 1
        return lambda values: stored.type(most) - values, stored, f"{most} - stored (white is zero)"
    if line is None:
        return lambda values: values, stored, ""
    wide = np.dtype(np.float64 if layout.coding.bits > EXACT else np.float32)

    def on_line(values: np.ndarray) -> np.ndarray:
        return (line.offset + line.slope * values.astype(np.float64)).astype(wide)

    return on_line, wide, str(line)


def _invertible(layout: Layout) -> bool:
    """Whether programs agree on what white-is-zero means: they do for masks and for 8 bits."""
    return layout.coding.dtype in (np.dtype(bool), np.dtype(np.uint8))


def _reader(
    stack: Sequence[Page], convert: Callable[[np.ndarray], np.ndarray], dtype: np.dtype
) -> Callable[[Box], np.ndarray]:
    def box_of(box: Box) -> np.ndarray:
        planes, rows, columns = box
        values = np.empty([along.stop - along.start for along in box], dtype)
        for into, stored in zip(values, _stored(stack[planes], rows, columns), strict=True):
            into[...] = convert(stored)
        return values

    return box_of


def _stored(stack: Sequence[Page], rows: slice, columns: slice) -> Iterator[np.ndarray]:
    """Yield stored numbers of a part of each page; a file is opened once for all its pages."""
    source = None
    for page in stack:
        if source is None or source.file != page.file:
            source = Bytes(page.file)
        yield pixels(source, page, rows, columns)
        if FORGET is not None:  # else all that was read counts as memory until the end
            source.data.madvise(FORGET)


def _is_mask(stack: Sequence[Page]) -> bool:
    """Whether pages hold no more values than a mask does; stops at the first that shows more."""
    seen: set[int] = set()
    layout = stack[0].layout
    for stored in _stored(stack, slice(0, layout.rows), slice(0, layout.columns)):
        seen.update(np.unique(stored).tolist())
        if len(seen) > MASK_VALUES:
            return False
    return True


def _sub_pages(contents: Contents) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pages that hang on others: those that are smaller copies, and those that are not."""
    copies: list[str] = []
    larger: list[str] = []
    for page, directory in zip(contents.pages, contents.directories, strict=True):
        for place in directory.numbers.get(tiff_tags.SUB_PAGES, ()):
            sub = layout_of(contents.source, contents.source.directory(place))
            name = f"a page of {sub.words} under page {page.number}"
            smaller = sub.rows < page.layout.rows and sub.columns < page.layout.columns
            (copies if smaller else larger).append(name)
    return tuple(copies), tuple(larger)


def _doubts(contents: Contents, layout: Layout) -> list[str]:
    """Clauses on what the tags say of the gray values and readers do not agree on."""
    doubts = []
    if layout.samples == 1 and layout.photometric is None and _invertible(layout):
        doubts.append(
            "does not say whether 0 is black or white (PhotometricInterpretation); save it again"
            " with black as zero"
        )
    elif layout.samples == 1 and not layout.gray:
        doubts.append(
            "has a table of colors, so that its numbers are no gray values; in Fiji choose Image >"
            " Lookup Tables > Grays, and save again"
        )
    elif layout.samples == 1 and layout.photometric not in GRAY:
        doubts.append(
            f"has the PhotometricInterpretation {layout.photometric}, which is not one of gray"
            " values; save it as gray values with black as zero"
        )
    if layout.photometric == WHITE_IS_ZERO and not _invertible(layout):
        doubts.append(
            f"has {layout.coding.dtype} numbers with white as zero, which programs do not agree"
            " on; save it with black as zero"
        )
    if layout.orientation != TOP_LEFT:
        doubts.append(
            f"has turned or mirrored pages (Orientation {layout.orientation}); save it with the"
            " first row at the top and the first column at the left"
        )
    for text in contents.first.texts.get(tiff_tags.GDAL_METADATA, ()):
        if re.search(r'role="(scale|offset)"', text):
            doubts.append(
                "has a scale or offset of its values that is not read (GDAL metadata); save it"
                " with these applied"
            )
    return doubts
