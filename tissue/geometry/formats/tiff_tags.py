"""Directories of a TIFF file: the chain of its pages and the entries (tags) of each.

Damage is refused here and never passed over: a reader that continues after it leaves pages out or
fills them with zeros.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tissue.geometry.image import refused, shortened

SUBFILE, OLD_SUBFILE = 254, 255
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES = 266, 270, 273, 274, 277
ROWS_PER_STRIP, STRIP_COUNTS, X_RESOLUTION, Y_RESOLUTION = 278, 279, 282, 283
PLANAR, T4_OPTIONS, RESOLUTION_UNIT, SOFTWARE, PREDICTOR, COLOR_MAP = 284, 292, 296, 305, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS, SUB_PAGES = 322, 323, 324, 325, 330
SAMPLE_FORMAT, JPEG_TABLES, DEPTH, GDAL_METADATA = 339, 347, 32997, 42112
STK, FLUOVIEW, LSM, NIH, MICRO_MANAGER = 33628, 34362, 34412, 43314, 51123
"""Numbers of the tags that describe the storage of voxels, and of those that only some programs
write (TIFF 6.0, its supplement 1, and the lists of libtiff and tifffile)."""

TEXTS = (DESCRIPTION, SOFTWARE, GDAL_METADATA)
RATIONALS = (X_RESOLUTION, Y_RESOLUTION)
SIGNS = (STK, FLUOVIEW, LSM, NIH, MICRO_MANAGER)
"""Tags of which only the presence is noted."""
NUMBERS = (
    *(SUBFILE, OLD_SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER),
    *(STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_COUNTS, PLANAR, T4_OPTIONS),
    *(RESOLUTION_UNIT, PREDICTOR, COLOR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS),
    *(SUB_PAGES, SAMPLE_FORMAT, JPEG_TABLES, DEPTH),
)

LISTS = (
    *(BITS, STRIP_OFFSETS, STRIP_COUNTS, COLOR_MAP, TILE_OFFSETS, TILE_COUNTS),
    *(SUB_PAGES, SAMPLE_FORMAT, JPEG_TABLES),
)
"""Tags that may have several numbers."""

WHOLE = {1: "B", 7: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q", 6: "b", 8: "h", 9: "i", 17: "q"}
"""Types of entries that hold whole numbers, as the codes of `struct`."""
TEXT, BYTES, RATIONAL = 2, (1, 2, 7), 5
MOST_ENTRIES = 4096
"""Entries of a directory; real ones hold some tens."""

CLASSIC, BIG = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
"""Beginnings of files whose offsets have 32 bits, and 64."""

Tags = dict[int, tuple[int, ...]]


@dataclass(frozen=True)
class Directory:
    """Entries of one page.

    Attributes:
        place: byte of the file at which the directory begins.
        end: byte after its last one.
        following: byte at which the next one begins; 0 after the last one.
        numbers: whole numbers of an entry by its tag; both terms of a rational one.
        texts: texts by tag; an entry may occur several times.
    """

    place: int
    end: int
    following: int
    numbers: Tags
    texts: dict[int, tuple[str, ...]]

    def number(self, tag: int, default: int) -> int:
        """First number of an entry, or what is meant where it is not there."""
        found = self.numbers.get(tag)
        return found[0] if found else default

    def without(self, tags: tuple[int, ...]) -> "Directory":
        """This directory without some entries."""
        kept = {tag: found for tag, found in self.numbers.items() if tag not in tags}
        return replace(self, numbers=kept)


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a TIFF or BigTIFF file."""
    return head.startswith((*CLASSIC, *BIG))


class Bytes:
    """A TIFF file whose bytes are read when they are looked at.

    Attributes:
        file: the file.
        data: its bytes.
        size: number of its bytes.
        order: byte order, "<" or ">".
        big: whether offsets have 64 bits.
    """

    def __init__(self, file: Path) -> None:
        """Opens a file.

        Raises:
            InputError: the file does not begin as TIFF files do.
            OSError: the file cannot be opened.
            ValueError: the file is empty.
        """
        self.file = file
        with file.open("rb") as stream:
            self.data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self.size = len(self.data)
        head = self.data[:16]
        self.order: Literal["<", ">"] = ">" if head[:2] == b"MM" else "<"
        self.big = head[:4] in BIG
        # the size of an offset, and two bytes of nothing
        sound = self.numbers("H", 4, 2) == (8, 0) if self.big else True
        if not is_tiff(head) or not sound:
            raise refused(file, "does not begin as a TIFF file does; copy it again from its source")

    def numbers(self, code: str, place: int, count: int = 1) -> tuple[int, ...]:
        """Whole numbers at a place of the file.

        Raises:
            InputError: the place lies beyond the end of the file.
        """
        form = f"{self.order}{count}{code}"
        if place < 0 or place + struct.calcsize(form) > self.size:
            raise refused(
                self.file,
                f"is cut short or damaged: its header names byte {place} and the file has"
                f" {self.size}; copy it again from its source",
            )
        return struct.unpack_from(form, self.data, place)

    def directories(self) -> Iterator[Directory]:
        """Directories of all pages in the order of the file.

        Raises:
            InputError: the chain of pages is broken.
        """
        (place,) = self.numbers("Q", 8) if self.big else self.numbers("I", 4)
        seen: set[int] = set()
        while place:
            if place in seen:
                raise self.damaged(f"its page {len(seen)} leads back to an earlier one")
            seen.add(place)
            found = self.directory(place)
            yield found
            place = found.following
        if not seen:
            raise self.damaged("it names no page")

    def directory(self, place: int) -> Directory:
        """Directory at a place of the file.

        Raises:
            InputError: the directory is damaged.
        """
        entry, code = (20, "Q") if self.big else (12, "I")
        (count,) = self.numbers("Q" if self.big else "H", place)
        first = place + (8 if self.big else 2)
        if not 0 < count <= MOST_ENTRIES:
            raise self.damaged(f"a page has {count} entries")
        (following,) = self.numbers(code, first + count * entry)
        numbers: Tags = {}
        texts: dict[int, tuple[str, ...]] = {}
        for at in range(first, first + count * entry, entry):
            tag, kind = self.numbers("H", at, 2)
            if tag in NUMBERS or tag in RATIONALS:
                if tag in numbers:
                    raise self.damaged(f"a page has its entry {tag} twice")
                numbers[tag] = self._whole(tag, kind, at)
            elif tag in TEXTS:
                texts[tag] = (*texts.get(tag, ()), self._text(tag, kind, at))
            elif tag in SIGNS:
                numbers[tag] = ()
        end = first + count * entry + struct.calcsize(code)
        return Directory(place, end, following, numbers, texts)

    def damaged(self, reason: str) -> Exception:
        """The refusal of a file whose header contradicts itself."""
        return refused(
            self.file, f"has a damaged header ({shortened(reason)}); copy it again from its source"
        )

    def _whole(self, tag: int, kind: int, at: int) -> tuple[int, ...]:
        pairs = tag in RATIONALS
        code = "I" if pairs and kind == RATIONAL else "" if pairs else WHOLE.get(kind, "")
        if not code:
            raise self.damaged(f"its entry {tag} has the type {kind}")
        count, place = self._values(struct.calcsize(code) * (2 if pairs else 1), at)
        if not count or (count > 1 and tag not in LISTS):
            raise self.damaged(f"its entry {tag} has {count} numbers")
        return self.numbers(code, place, count * (2 if pairs else 1))

    def _text(self, tag: int, kind: int, at: int) -> str:
        if kind not in BYTES:
            raise self.damaged(f"its entry {tag} has the type {kind}")
        count, place = self._values(1, at)
        self.numbers("B", place + max(count, 1) - 1)  # its end is there
        stored = self.data[place : place + count].rstrip(b"\0")
        try:
            return stored.decode("utf-8")
        except UnicodeDecodeError:
            return stored.decode("latin-1")

    def _values(self, size: int, at: int) -> tuple[int, int]:
        """Number of values of an entry, and their place: the entry itself where they fit."""
        code, room = ("Q", 8) if self.big else ("I", 4)
        (count,) = self.numbers(code, at + 4)
        place = at + 4 + room
        if count * size > self.size:
            raise self.damaged(f"an entry has {count} values")
        return count, place if count * size <= room else self.numbers(code, place)[0]
