"""Pages of a TIFF file, and the voxels of a part of one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from tissue.geometry.formats import tiff_tags as tag
from tissue.geometry.formats.tiff_codec import CCITT, NONE, decoded
from tissue.geometry.formats.tiff_layout import Layout, layout_of
from tissue.geometry.formats.tiff_tags import Bytes, Directory
from tissue.geometry.image import refused

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a smaller copy of another page, a mask of transparency."""
OLD_REDUCED = 2
"""Number of the old tag SubfileType for a smaller copy."""
PLACES = (tag.STRIP_OFFSETS, tag.STRIP_COUNTS, tag.TILE_OFFSETS, tag.TILE_COUNTS)
"""Tags of the places of the voxels of a page."""
MOST_SAVED = 2**16
"""Times that a compression makes bytes fewer, at the very most: Zstandard stores 2^17 equal bytes
in 4. CCITT stores a row in a bit, however long it is."""


@dataclass(frozen=True)
class Page:
    """One page of a TIFF file.

    Attributes:
        file: the file.
        number: number of the page in the file, from 0.
        place: byte at which its directory begins.
        layout: how it stores its voxels.
        reduced: whether it is a smaller copy of another page or a mask of transparency.
        shift: bytes from the voxels of the directory to those of this page, in files that describe
            their first page only.
    """

    file: Path
    number: int
    place: int
    layout: Layout
    reduced: bool = False
    shift: int = 0

    @property
    def name(self) -> str:
        """The page in words."""
        return f"page {self.number} ({self.layout.words})"


def following(source: Bytes, page: Page, count: int) -> tuple[Page, ...]:
    """A page and those after it that have no directory of their own; their voxels follow on.

    Raises:
        InputError: the file is too short, or the voxels cannot lie one after the other.
    """
    places, counts = _segments(source, page, source.directory(page.place))
    one_by_one = (places[1:] == places[:-1] + counts[:-1]).all()
    if not page.layout.coding.plain or page.layout.tiled or not one_by_one:
        raise refused(
            source.file,
            f"describes {count} slices and has one page; save it again with a page for each slice",
        )
    size = int(counts.sum())
    if (end := int(places[0]) + size * count) > source.size:
        raise refused(
            source.file,
            f"is cut short: its {count} slices end at byte {end} and the file has {source.size};"
            " copy it again from its source",
        )
    return tuple(
        replace(page, number=page.number + step, shift=step * size) for step in range(count)
    )


def pages_of(source: Bytes) -> Iterator[tuple[Page, Directory]]:
    """Pages of a file, each with its directory, but for the places of its voxels.

    Raises:
        InputError: the file is damaged or cut short, stores numbers in a way that is not known, or
            names voxels where other ones or its header are.
    """
    shared = cache(lambda layout: layout)
    heads, spans = [], []
    for number, directory in enumerate(source.directories()):
        layout = shared(layout_of(source, directory))
        kind = directory.number(tag.SUBFILE, 0)
        old = directory.number(tag.OLD_SUBFILE, 0)
        reduced = bool(kind & (REDUCED | MASK)) or old == OLD_REDUCED
        page = Page(source.file, number, directory.place, layout, reduced)
        places, counts = _segments(source, page, directory)
        # the lengths of compressed ones may be rough
        exact = layout.coding.compression == NONE
        spans.append(np.stack([places, places + (counts if exact else 1)], axis=1))
        heads.append((directory.place, directory.end))
        yield page, directory.without(PLACES)  # there may be millions of them
    _refuse_overlaps(source, np.array(heads, np.int64), np.concatenate(spans))


def _refuse_overlaps(source: Bytes, heads: np.ndarray, spans: np.ndarray) -> None:
    """Refuses voxels that lie where other voxels or the header are.

    Args:
        source: the file.
        heads: first byte of each directory, and the one after its last.
        spans: the same of each strip or tile.
    """
    heads, spans = heads[np.argsort(heads[:, 0])], spans[np.argsort(spans[:, 0])]
    before = np.searchsorted(heads[:, 0], spans[:, 0], side="right") - 1
    if ((before >= 0) & (spans[:, 0] < heads[before, 1])).any():
        raise source.damaged("a page names voxels where the header is")
    if (spans[1:, 0] < spans[:-1, 1]).any():
        raise source.damaged("several pages name the same voxels")


def pixels(source: Bytes, page: Page, rows: slice, columns: slice) -> np.ndarray:
    """Stored numbers of a part of a page of one sample [y, x].

    Raises:
        InputError: voxels of the part are missing.
        ValueError: they are damaged.
    """
    layout, coding = page.layout, page.layout.coding
    places, counts = _segments(source, page, source.directory(page.place))
    part = np.empty((rows.stop - rows.start, columns.stop - columns.start), coding.dtype)
    tall, wide = layout.segment_rows, layout.segment_columns
    for down in range(rows.start // tall, -(-rows.stop // tall)):
        for across in range(columns.start // wide, -(-columns.stop // wide)):
            index = down * layout.grid[1] + across
            place, height = int(places[index]), layout.segment_size(down)
            if coding.plain:
                stored = coding.dtype.newbyteorder(coding.order)
                values = np.frombuffer(source.data, stored, height * wide, place)
                values = values.reshape(height, wide)
            else:
                data = source.data[place : place + int(counts[index])]
                values = decoded(data, coding, height, wide)
            into, taken = zip(
                _overlap(rows, down * tall, height), _overlap(columns, across * wide, wide),
                strict=True,
            )  # fmt: skip
            part[into] = values[taken]
    return part


def _overlap(wanted: slice, start: int, size: int) -> tuple[slice, slice]:
    """Place of a segment in the wanted part, and the entries of it that are used."""
    first, last = max(wanted.start, start), min(wanted.stop, start + size)
    return slice(first - wanted.start, last - wanted.start), slice(first - start, last - start)


def _segments(source: Bytes, page: Page, directory: Directory) -> tuple[np.ndarray, np.ndarray]:
    """First bytes and numbers of bytes of the strips or tiles of a page, all within the file."""
    layout, coding = page.layout, page.layout.coding
    down, across = layout.grid
    needed = down * across * (layout.samples if layout.separate else 1)
    tags = (
        (tag.TILE_OFFSETS, tag.TILE_COUNTS)
        if tag.TILE_OFFSETS in directory.numbers
        else (tag.STRIP_OFFSETS, tag.STRIP_COUNTS)
    )
    places = np.array(directory.numbers.get(tags[0], ()), np.int64)
    given = directory.numbers.get(tags[1])
    known = given is not None or coding.compression == NONE
    if len(places) < needed or (given is not None and len(given) < needed) or not known:
        raise source.damaged(f"page {page.number} names {len(places)} of {needed} strips or tiles")
    together = layout.samples if not layout.separate else 1
    row = coding.row_bytes(layout.segment_columns * together)
    sizes = np.array([layout.segment_size(index) * row for index in range(down)], np.int64)
    full = np.tile(np.repeat(sizes, across), layout.samples if layout.separate else 1)
    counts = full if given is None else np.array(given[:needed], np.int64)
    places = places[:needed] + page.shift
    if min(places.min() - page.shift, counts.min()) < 1:
        raise refused(
            source.file,
            f"holds no voxels in a part of page {page.number}; save it again with all of them",
        )
    if (full > counts * MOST_SAVED * (row if coding.compression in CCITT else 1)).any():
        raise source.damaged(f"page {page.number} cannot hold {layout.words} in so few bytes")
    if coding.compression == NONE:
        if (counts < full).any():
            raise source.damaged(f"page {page.number} has strips or tiles that are too short")
        counts = full
    if (end := int((places + counts).max())) > source.size:
        raise refused(
            source.file,
            f"is cut short: the voxels of page {page.number} end at byte {end} and the file has"
            f" {source.size}; copy it again from its source",
        )
    return places, counts
