"""Text header of MetaImage files (.mha, .mhd)."""

from difflib import get_close_matches
from math import isfinite
from pathlib import Path

import numpy as np

from tissue.geometry.formats.header import (
    BLANKS,
    check_files,
    lines,
    needed,
    numbered,
    numbers,
    sizes,
    whole_numbers,
    words_of,
)
from tissue.geometry.formats.place import Placed, placed, without_stand_ins
from tissue.geometry.formats.raw import Calibration, Stored, beside
from tissue.geometry.formats.unpacking import Packing, Piece
from tissue.geometry.image import listed, micrometers, refused, shortened

TYPES = {
    "MET_CHAR": "i1",
    "MET_ASCII_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # the format lays down 4 bytes, on every machine
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""Types of values by their names."""

SYNONYMS = {
    "Origin": "Offset",
    "Position": "Offset",
    "ImagePosition": "Offset",
    "ElementOrigin": "Offset",
    "Orientation": "TransformMatrix",
    "Rotation": "TransformMatrix",
    "ElementDirection": "TransformMatrix",
    "ElementByteOrderMSB": "BinaryDataByteOrderMSB",
}
"""Second names of fields."""

USED = (
    *("ObjectType", "NDims", "DimSize", "ElementType", "ElementDataFile", "HeaderSize"),
    *("ElementSpacing", "ElementSize", "Offset", "TransformMatrix", "DistanceUnits"),
    *("BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "CompressedDataSize"),
    *("ElementNumberOfChannels", "ElementToIntensityFunctionSlope"),
    "ElementToIntensityFunctionOffset",
)
"""Fields that are read."""

HARMLESS = (
    *("ObjectSubType", "FileFormatVersion", "Comment", "AcquisitionDate", "Name", "ID"),
    *("ParentID", "Color", "CenterOfRotation", "AnatomicalOrientation", "Modality"),
    *("SequenceID", "ElementMin", "ElementMax", "ElementSizeValid", "TransformType"),
    "ITK_InputFilterName",
)
"""Fields that say nothing that the others do not say, or nothing about the voxels."""

MISSPELLING_SIMILARITY = 0.85
"""Likeness of a key to that of a field (1: the same letters) above which it is a misspelled one."""

LOCAL = ("LOCAL", "Local", "local")
"""Words in place of a data file that say that the voxels follow the header."""

LENGTH_TOLERANCE = 1e-3
"""Deviation of the length of a direction from 1 that comes from rounding."""

YES = ("true", "t", "1", "yes")
NO = ("false", "f", "0", "no")
UNKNOWN = ("", "?", "???", "none", "unknown")
"""Words in place of a unit that is not known."""

LIST = "LIST"
"""Word in place of a data file that says that names of files follow."""

MOST_AXES = 10
"""Most axes that the format allows."""


def split(line: str) -> tuple[str, bool, str]:
    """Key, whether there is a sign behind it, and the text behind that."""
    at = min((line.index(sign) for sign in "=:" if sign in line), default=-1)
    if at < 0:
        return "", False, ""
    return line[:at].strip(BLANKS), True, line[at + 1 :].strip(BLANKS)


class Header:
    """Text header; `fields` holds the text of each field by its name."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.fields: dict[str, str] = {}
        self.listed: list[str] = []
        unknown = []
        with file.open("rb") as stream:
            text_lines = lines(file, stream)
            for line in text_lines:
                if not line.strip(BLANKS) or line.lstrip(BLANKS).startswith("#"):
                    continue
                key, text = self._field(line)
                if key not in (*USED, *HARMLESS):
                    unknown.append(key)
                elif key in USED and self.fields.setdefault(key, text) != text:
                    raise refused(
                        file,
                        f"gives {key} twice, as {shortened(self.fields[key])} and"
                        f" {shortened(text)}; remove the wrong line",
                    )
                if key == "ElementDataFile":
                    if words_of(text)[:1] == [LIST]:
                        self.listed = [
                            name.strip(BLANKS) for name in text_lines if name.strip(BLANKS)
                        ]
                    break
            self.end = stream.tell()
        self.ignored = tuple(unknown)
        kind = self.fields.get("ObjectType", "Image")
        if kind != "Image":
            raise refused(file, f"holds a {shortened(kind)}; give an image")
        self.count = whole_numbers(file, "NDims", needed(file, self.fields, "NDims"), 1)[0]
        if not 1 <= self.count <= MOST_AXES:
            raise refused(file, f"has {self.count} axes; save one volume with the axes x, y, z")
        self.sizes = sizes(file, "DimSize", needed(file, self.fields, "DimSize"), self.count)

    def _field(self, line: str) -> tuple[str, str]:
        """Key and text of a line; the key is the first name of a field that has several."""
        key, found, text = split(line)
        if not found or not key:
            raise refused(
                self.file,
                f'has the line "{shortened(line)}" in its header, which is not "key = value";'
                " correct or remove it",
            )
        known = (*USED, *SYNONYMS, *HARMLESS)
        likely = [] if key in known else get_close_matches(key, known, 1, MISSPELLING_SIMILARITY)
        if likely:
            raise refused(
                self.file,
                f"has the line {shortened(key)!r} in its header; write {likely[0]}, or remove the"
                " line",
            )
        return SYNONYMS.get(key, key), text

    def axes(self) -> tuple[tuple[int, ...], str]:
        """Number of entries along each axis, the slowest first, and the letters of the axes."""
        kept = [
            (size, "xyzt"[axis] if axis < 4 else "?")
            for axis, size in enumerate(self.sizes)
            if axis < 3 or size > 1
        ]
        shape = tuple(size for size, _ in kept[::-1])
        letters = "".join(letter for _, letter in kept[::-1])
        channels = sizes(
            self.file, "ElementNumberOfChannels", self.fields.get("ElementNumberOfChannels", "1"), 1
        )[0]
        return ((*shape, channels), f"{letters}c") if channels > 1 else (shape, letters)

    def yes(self, name: str, otherwise: bool) -> bool:
        """A field that says yes or no."""
        text = self.fields.get(name)
        if text is None:
            return otherwise
        if text.lower() not in YES + NO:
            raise refused(
                self.file, f"has {name} = {shortened(text)}; write True or False into its header"
            )
        return text.lower() in YES

    def stored(self) -> tuple[np.dtype, Packing, tuple[str, ...]]:
        """Type of the stored numbers, their packing, and what was assumed about them."""
        name = needed(self.file, self.fields, "ElementType")
        if name not in TYPES:
            raise refused(
                self.file,
                f"holds values of the type {shortened(name)}; save it as whole numbers or as 32- or"
                " 64-bit real numbers",
            )
        dtype = np.dtype(TYPES[name])
        if not self.yes("BinaryData", True):
            if self.yes("CompressedData", False):
                raise refused(self.file, "says that its text is compressed; correct CompressedData")
            return dtype, "text", ()
        packing: Packing = "zlib" if self.yes("CompressedData", False) else "raw"
        big = self.yes("BinaryDataByteOrderMSB", False)
        if dtype.itemsize == 1 or "BinaryDataByteOrderMSB" in self.fields:
            return dtype.newbyteorder(">" if big else "<"), packing, ()
        note = "MetaImage: no byte order is written; the usual one (little-endian) is assumed"
        return dtype.newbyteorder("<"), packing, (note,)

    def calibration(self) -> Calibration | None:
        """Straight line from the stored numbers to gray values, where the header gives one."""
        slope = self._number("ElementToIntensityFunctionSlope", 1.0)
        offset = self._number("ElementToIntensityFunctionOffset", 0.0)
        if not isfinite(slope) or not isfinite(offset) or slope == 0:
            raise refused(
                self.file,
                f"has a calibration with the slope {slope:g} and the offset {offset:g}; correct"
                " its ElementToIntensityFunction lines",
            )
        return None if (slope, offset) == (1.0, 0.0) else Calibration(slope, offset)

    def _number(self, name: str, otherwise: float) -> float:
        text = self.fields.get(name)
        return otherwise if text is None else numbers(self.file, name, text, 1)[0]

    def data_files(self, slices: int) -> list[str]:
        """Names of the data files; none where the voxels follow the header."""
        text = needed(self.file, self.fields, "ElementDataFile")
        words = words_of(text)
        if text in LOCAL:
            return []
        if words[:1] == [LIST]:
            check_files(self.file, len(self.listed), slices)
            return self.listed
        if "%" not in text:
            return [text]
        count = sum(word.lstrip("-").isdigit() for word in words[1:][-3:])
        pattern = " ".join(words[: len(words) - count])
        given = whole_numbers(
            self.file, "ElementDataFile", " ".join(words[len(words) - count :]), count
        )
        first = given[0] if count else 1
        last = given[1] if count > 1 else first + slices - 1
        step = given[2] if count > 2 else 1
        return numbered(self.file, pattern, first, last, step, slices)

    def pieces(self, names: list[str], stored: Stored) -> tuple[Piece, ...]:
        """Places of the voxels in the files."""
        size = whole_numbers(self.file, "HeaderSize", self.fields.get("HeaderSize", "0"), 1)[0]
        if size < -1 or (size == -1 and stored.packing != "raw"):
            raise refused(
                self.file,
                f"has HeaderSize = {size}; write the number of bytes before the voxels, or -1 for"
                " voxels that are not compressed and end with the file",
            )
        share = stored.size // len(stored.pieces)
        paths = [(beside(self.file, name), 0) for name in names] or [(self.file, self.end)]
        self._check_packed_size(paths)
        if size >= 0:
            return tuple(Piece(path, start=size or start) for path, start in paths)
        return tuple(
            Piece(path, start=max(path.stat().st_size - share, start)) for path, start in paths
        )

    def _check_packed_size(self, paths: list[tuple[Path, int]]) -> None:
        text = self.fields.get("CompressedDataSize")
        if len(paths) > 1 or not self.yes("CompressedData", False):
            return
        if text is None and self.ignored:
            raise refused(
                self.file,
                "is compressed and has no CompressedDataSize in its header, unless it is"
                f" {listed(self.ignored)}; correct its name, or save the volume again",
            )
        if text is None:
            return
        given = whole_numbers(self.file, "CompressedDataSize", text, 1)[0]
        path, start = paths[0]
        found = path.stat().st_size - start
        if given != found:
            raise refused(
                self.file,
                f"says that {given} bytes of voxels are packed in {shortened(path.name)} and"
                f" {found} are there; copy it again from its source",
            )

    def place(self) -> tuple[str, Placed]:
        """Unit of length as the header writes it, and the place of the volume."""
        if self.count < 3:
            return "", Placed()
        unit = self.fields.get("DistanceUnits", "")
        if unit.lower() in UNKNOWN:
            unit = ""
        scale = micrometers(self.file, unit or "mm")
        key = "ElementSpacing" if "ElementSpacing" in self.fields else "ElementSize"
        text = self.fields.get(key)
        lengths = [np.nan] * 3 if text is None else numbers(self.file, key, text, self.count)[:3]
        place = placed(self._directions() * np.array(lengths) * scale, self._origin(scale))
        if unit or text is None:
            return unit, place
        note = "MetaImage: no unit of length is written; mm is assumed"
        return unit, without_stand_ins(
            Placed(place.spacing, place.frame, (note,), place.doubts), "MetaImage"
        )

    def _directions(self) -> np.ndarray:
        """Direction of each axis in space, one column an axis."""
        text = self.fields.get("TransformMatrix")
        if text is None:
            return np.eye(3)
        found = numbers(self.file, "TransformMatrix", text, self.count**2)
        columns = np.array(found).reshape(self.count, self.count)[:3, :3].T
        lengths = np.linalg.norm(columns, axis=0)
        if not (np.abs(lengths - 1) <= LENGTH_TOLERANCE).all():
            raise refused(
                self.file, "has a TransformMatrix that is not a rotation; correct or remove it"
            )
        return columns / lengths

    def _origin(self, scale: float) -> list[float] | None:
        text = self.fields.get("Offset")
        if text is None:
            return None
        return [scale * along for along in numbers(self.file, "Offset", text, self.count)[:3]]
