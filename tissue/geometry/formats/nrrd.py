"""NRRD (.nrrd, and .nhdr with data files beside it), versions 1 to 6."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tissue.geometry.formats.header import (
    BLANKS,
    check_files,
    lines,
    needed,
    numbered,
    whole_numbers,
    words_of,
)
from tissue.geometry.formats.nrrd_axes import Axes
from tissue.geometry.formats.raw import Stored, after_lines, beside, counted
from tissue.geometry.formats.unpacking import Packing, Piece
from tissue.geometry.image import (
    Image,
    Inventory,
    Parts,
    guarded_reader,
    refused,
    shortened,
    unreadable,
)

MAGIC = ("NRRD00.01", *(f"NRRD000{version}" for version in range(1, 7)))
"""First lines of the versions of the format."""

FIELDS = {
    *("content", "number", "type", "blocksize", "dimension", "sizes", "min", "max"),
    *("oldmin", "oldmax", "endian", "encoding", "lineskip", "byteskip", "datafile", "sampleunits"),
    *("spacings", "thicknesses", "axismins", "axismaxs", "centerings", "kinds", "labels", "units"),
    *("space", "spacedimension", "spacedirections", "spaceunits", "spaceorigin"),
    "measurementframe",
}
"""Names of the fields, in lower case and without blanks."""

SYNONYMS = {"centers": "centerings"}
"""Second names of fields."""

TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": (
        *("longlong", "long long", "long long int", "signed long long", "signed long long int"),
        *("int64", "int64_t"),
    ),
    "u8": (*("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),),
    "f4": ("float",),
    "f8": ("double",),
}
"""Names of each type of values."""

TYPE_OF = {name: code for code, names in TYPES.items() for name in names}

PACKINGS: dict[str, Packing] = {
    "raw": "raw",
    "txt": "text",
    "text": "text",
    "ascii": "text",
    "hex": "hex",
    "gz": "zlib",
    "gzip": "zlib",
    "bz2": "bzip2",
    "bzip2": "bzip2",
}
"""Encodings that are read."""

LIST = "LIST"
"""Word in place of a data file that says that names of files follow."""

UNUSED = {
    "axismins": "axis mins",
    "axismaxs": "axis maxs",
    "oldmin": "old min (before the numbers were quantized)",
    "oldmax": "old max (before the numbers were quantized)",
}
"""Fields that might change numbers and that no reader uses."""


@dataclass
class _Header:
    """Text header.

    Attributes:
        fields: text of each field, by its name in lower case without blanks.
        keys: keys of the key/value pairs.
        files: names of data files that follow the header, one a line.
        end: number of bytes of the header.
    """

    fields: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    end: int = 0


@guarded_reader
def read(file: Path) -> Image:
    """The volume in an NRRD file.

    Raises:
        InputError: the header is damaged, or names voxels that cannot be read.
    """
    header = _header(file)
    axes = Axes(file, header.fields)
    shape = axes.shape
    dtype, packing = _stored(file, header.fields)
    names = _data_files(file, header, *shape[:1])
    bare = Stored((Piece(file),) * max(len(names), 1), shape, dtype, packing)
    pieces = _pieces(file, header, names, bare)
    stored = Stored(pieces, shape, dtype, packing)
    found, doubts = counted(file, stored)
    length_unit, place = axes.place()
    unit = header.fields.get("sampleunits", "").strip().strip('"')
    return Image(
        file=file,
        shape=shape,
        dtype=stored.values,
        reader=stored.voxels,
        inventory=Inventory(
            format="NRRD",
            axes=axes.letters,
            parts=(Parts("data files", len(names), len(names)),) if len(names) > 1 else (),
            bytes_needed=stored.size,
            bytes_found=found,
            spacing_unit=length_unit,
            ignored=tuple(title for name, title in UNUSED.items() if name in header.fields),
            assumed=place.assumed,
            doubts=(*doubts, *place.doubts),
        ),
        spacing=place.spacing,
        frame=place.frame,
        unit="" if unit in ("", "???", "none") else shortened(unit),
        # as 3D Slicer writes a segmentation
        labels=dtype.kind in "iu" and any(key.startswith("Segment0_") for key in header.keys),
    )


def _header(file: Path) -> _Header:
    header = _Header()
    with file.open("rb") as stream:
        text_lines = lines(file, stream)
        first = next(text_lines, "")
        if first not in MAGIC:
            raise unreadable(file, f"its first line is {shortened(first, 20)!r}")
        for line in text_lines:
            if not line:
                break
            if line.startswith("#"):
                continue
            _take(file, header, line)
            if words_of(header.fields.get("datafile", ""))[:1] == [LIST]:
                header.files = [name for name in text_lines if name]
                break
        header.end = stream.tell()
    return header


def _take(file: Path, header: _Header, line: str) -> None:
    name, colon, text = line.partition(": ")
    key = name.lower().replace(" ", "")
    key = SYNONYMS.get(key, key)
    if colon and key in FIELDS:
        if key in header.fields:
            raise refused(file, f"gives the field {shortened(name)!r} twice; remove the wrong line")
        header.fields[key] = text.strip(BLANKS)
        return
    key, pair, _ = line.partition(":=")
    if not pair:
        raise refused(
            file,
            f'has the line "{shortened(line)}" in its header, which is not a field of NRRD such as'
            ' "encoding: raw"; correct or remove it',
        )
    header.keys.append(key)


def _stored(file: Path, fields: dict[str, str]) -> tuple[np.dtype, Packing]:
    kind = " ".join(needed(file, fields, "type").lower().split())
    encoding = needed(file, fields, "encoding").lower()
    if kind not in TYPE_OF:
        raise refused(
            file,
            f"holds values of the type {shortened(kind)!r}; save it as whole numbers or as 32- or"
            " 64-bit real numbers",
        )
    if encoding not in PACKINGS:
        raise refused(
            file, f"has the encoding {shortened(encoding)!r}; save it with the encoding raw or gzip"
        )
    dtype, packing = np.dtype(TYPE_OF[kind]), PACKINGS[encoding]
    order = fields.get("endian", "").lower()
    if order not in ("", "little", "big"):
        raise refused(
            file, f'has the endian {shortened(order)!r}; write "little" or "big" into its header'
        )
    if dtype.itemsize == 1 or packing == "text":
        return dtype, packing
    if not order:
        raise refused(
            file,
            f'has no line "endian:" in its header, which {kind} needs; add "endian: little" or, for'
            ' voxels of old workstations, "endian: big"',
        )
    return dtype.newbyteorder("<" if order == "little" else ">"), packing


def _data_files(file: Path, header: _Header, slices: int = 1) -> list[str]:
    """Names of the data files; none where the voxels follow the header."""
    text = header.fields.get("datafile")
    if text is None:
        return []
    words = words_of(text)
    if words[:1] == [LIST]:
        check_files(file, len(header.files), slices)
        return header.files
    if "%" in text and len(words) in (4, 5):
        first, last, step = whole_numbers(file, "data file", " ".join(words[1:4]), 3)
        return numbered(file, words[0], first, last, step, slices)
    return [text]


def _pieces(file: Path, header: _Header, names: list[str], stored: Stored) -> tuple[Piece, ...]:
    skip = _number(file, header, "line skip", "lineskip")
    bytes_skip = _number(file, header, "byte skip", "byteskip")
    if skip < 0:
        raise refused(file, f"has the line skip {skip}; write 0 or more into its header")
    paths = [(beside(file, name), 0) for name in names] or [(file, header.end)]
    pieces = []
    for path, start in paths:
        begin = after_lines(file, path, start, skip)
        if bytes_skip < 0:
            pieces.append(_from_the_end(file, path, begin, stored, bytes_skip))
        elif stored.packing in ("zlib", "bzip2"):
            pieces.append(Piece(path, start=begin, skip=bytes_skip))
        else:
            pieces.append(Piece(path, start=begin + bytes_skip))
    return tuple(pieces)


def _number(file: Path, header: _Header, name: str, key: str) -> int:
    text = header.fields.get(key)
    return 0 if text is None else whole_numbers(file, name, text, 1)[0]


def _from_the_end(file: Path, path: Path, first: int, stored: Stored, skip: int) -> Piece:
    """A piece whose voxels end -skip - 1 bytes before the end of its file."""
    if stored.packing != "raw":
        raise refused(
            file, f"has the byte skip {skip}, which fits only the encoding raw; correct it"
        )
    after = -skip - 1
    share = stored.size // len(stored.pieces)
    return Piece(path, start=max(path.stat().st_size - after - share, first), after=after)
