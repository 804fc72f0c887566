"""MetaImage (.mha, and .mhd with data files beside it)."""

from math import isfinite
from pathlib import Path

import numpy as np

from tissue.errors import InputError
from tissue.geometry.formats.header import (
    check_files,
    lines,
    needed,
    numbered,
    numbers,
    sizes,
    whole_numbers,
)
from tissue.geometry.formats.place import Placed, placed, without_stand_ins
from tissue.geometry.formats.raw import Calibration, Stored, beside, counted
from tissue.geometry.formats.unpacking import Packing, Piece
from tissue.geometry.image import (
    Image,
    Inventory,
    Parts,
    micrometers,
    refused,
    shortened,
    unreadable,
)

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

SAME = {
    "origin": "offset",
    "position": "offset",
    "imageposition": "offset",
    "elementorigin": "offset",
    "orientation": "transformmatrix",
    "rotation": "transformmatrix",
    "elementdirection": "transformmatrix",
    "elementbyteordermsb": "binarydatabyteordermsb",
}
"""Second names of fields, in lower case."""

USED = {
    *("objecttype", "ndims", "dimsize", "elementtype", "elementdatafile", "headersize"),
    *("elementspacing", "elementsize", "offset", "transformmatrix", "distanceunits"),
    *("binarydata", "binarydatabyteordermsb", "compresseddata", "elementnumberofchannels"),
    *("elementtointensityfunctionslope", "elementtointensityfunctionoffset"),
}
"""Fields that are read, in lower case."""

HARMLESS = {
    *("objectsubtype", "fileformatversion", "comment", "acquisitiondate", "name", "id"),
    *("parentid", "color", "centerofrotation", "anatomicalorientation", "modality"),
    *("sequenceid", "elementmin", "elementmax", "elementsizevalid", "compresseddatasize"),
    *("itk_inputfiltername", "transformtype"),
}
"""Fields that say nothing that the others do not say, or nothing about the voxels."""

YES = ("true", "t", "1", "yes")
NO = ("false", "f", "0", "no")
UNKNOWN = ("", "?", "???", "none", "unknown")
"""Words in place of a unit that is not known."""

LIST = "LIST"
"""Word in place of a data file that says that names of files follow."""

MOST = 10
"""Most axes that the format allows."""


def is_metaimage(head: bytes) -> bool:
    """Whether the first bytes of a file are lines such as NDims = 3 of a MetaImage header."""
    for raw in head.splitlines():
        line = raw.decode("latin-1").strip()
        if not line or line.startswith("#"):
            continue
        key, found, _ = _split(line)
        if not found:
            return False
        if key in ("objecttype", "ndims", "dimsize"):
            return True
        if key not in USED | HARMLESS:
            return False
    return False


def read(file: Path) -> Image:
    """The volume in a MetaImage file.

    Raises:
        InputError: the header is damaged, or names voxels that cannot be read.
    """
    try:
        with np.errstate(all="ignore"):  # lengths beyond any number are no lengths
            return _read(file)
    except (InputError, MemoryError):
        raise
    except Exception as error:  # damaged in a way that nothing below foresees
        raise unreadable(file, error) from error


def _read(file: Path) -> Image:
    header = _Header(file)
    shape, axes = header.axes()
    dtype, packing, assumed = header.stored()
    names = header.data_files(shape[0])
    bare = Stored((Piece(file),) * max(len(names), 1), shape, dtype, packing)
    stored = Stored(header.pieces(names, bare), shape, dtype, packing, header.calibration())
    found, doubts = counted(file, stored)
    unit, place = header.place()
    return Image(
        file=file,
        shape=shape,
        dtype=stored.values,
        reader=stored.voxels,
        inventory=Inventory(
            format="MetaImage",
            axes=axes,
            parts=(Parts("data files", len(names), len(names)),) if len(names) > 1 else (),
            bytes_needed=stored.size,
            bytes_found=found,
            spacing_unit=unit,
            calibration="" if stored.calibration is None else str(stored.calibration),
            ignored=header.ignored,
            assumed=(*assumed, *place.assumed),
            doubts=(*doubts, *place.doubts),
        ),
        spacing=place.spacing,
        frame=place.frame,
    )


def _split(line: str) -> tuple[str, bool, str]:
    """Key in lower case, whether there is a sign behind it, and the text behind that."""
    at = min((line.index(sign) for sign in "=:" if sign in line), default=-1)
    if at < 0:
        return "", False, ""
    return line[:at].strip().lower(), True, line[at + 1 :].strip()


class _Header:
    """Text header; `fields` holds the text of each field by its name in lower case."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.fields: dict[str, str] = {}
        self.listed: list[str] = []
        unknown = []
        with file.open("rb") as stream:
            told = lines(file, stream)
            for line in told:
                if not line.strip() or line.lstrip().startswith("#"):
                    continue
                key, found, text = _split(line)
                if not found or not key:
                    raise refused(
                        file,
                        f'has the line "{shortened(line)}" in its header, which is no "key ='
                        ' value"; correct or remove it',
                    )
                key = SAME.get(key, key)
                if key not in USED | HARMLESS:
                    unknown.append(line.partition("=")[0].strip())
                    continue
                if key in USED and self.fields.get(key, text) != text:
                    raise refused(
                        file,
                        f"gives {key} twice, as {shortened(self.fields[key])} and"
                        f" {shortened(text)}; remove the wrong line",
                    )
                self.fields[key] = text
                if key == "elementdatafile":
                    if text.split()[:1] == [LIST]:
                        self.listed = [name.strip() for name in told if name.strip()]
                    break
            self.end = stream.tell()
        self.ignored = tuple(unknown)
        kind = self.fields.get("objecttype", "Image")
        if kind.lower() != "image":
            raise refused(file, f"holds a {shortened(kind)}; give an image")
        self.count = whole_numbers(file, "NDims", needed(file, self.fields, "NDims"), 1)[0]
        if not 1 <= self.count <= MOST:
            raise refused(file, f"has {self.count} axes; save one volume with the axes x, y, z")
        self.sizes = sizes(file, "DimSize", needed(file, self.fields, "DimSize"), self.count)

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
            self.file,
            "ElementNumberOfChannels",
            self.fields.get("elementnumberofchannels", "1"),
            1,
        )[0]
        return ((*shape, channels), f"{letters}c") if channels > 1 else (shape, letters)

    def yes(self, name: str, otherwise: bool) -> bool:
        """A field that says yes or no."""
        text = self.fields.get(name.lower())
        if text is None:
            return otherwise
        if text.lower() not in YES + NO:
            raise refused(
                self.file, f"has {name} = {shortened(text)}; write True or False into its header"
            )
        return text.lower() in YES

    def stored(self) -> tuple[np.dtype, Packing, tuple[str, ...]]:
        """Type of the stored numbers, their packing, and what was assumed about them."""
        name = needed(self.file, self.fields, "ElementType").upper()
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
        if dtype.itemsize == 1 or "binarydatabyteordermsb" in self.fields:
            return dtype.newbyteorder(">" if big else "<"), packing, ()
        told = "MetaImage: no byte order is written; the usual one (little-endian) is assumed"
        return dtype.newbyteorder("<"), packing, (told,)

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
        text = self.fields.get(name.lower())
        return otherwise if text is None else numbers(self.file, name, text, 1)[0]

    def data_files(self, slices: int) -> list[str]:
        """Names of the data files; none where the voxels follow the header."""
        text = needed(self.file, self.fields, "ElementDataFile")
        words = text.split()
        if text.lower() == "local":
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
        size = whole_numbers(self.file, "HeaderSize", self.fields.get("headersize", "0"), 1)[0]
        if size < -1 or (size == -1 and stored.packing != "raw"):
            raise refused(
                self.file,
                f"has HeaderSize = {size}; write the number of bytes before the voxels, or -1 for"
                " voxels that are not compressed and end with the file",
            )
        share = stored.size // len(stored.pieces)
        paths = [(beside(self.file, name), 0) for name in names] or [(self.file, self.end)]
        if size >= 0:
            return tuple(Piece(path, start=size or start) for path, start in paths)
        return tuple(
            Piece(path, start=max(path.stat().st_size - share, start)) for path, start in paths
        )

    def place(self) -> tuple[str, Placed]:
        """Unit of length as the header writes it, and the place of the volume."""
        if self.count < 3:
            return "", Placed()
        unit = self.fields.get("distanceunits", "")
        if unit.lower() in UNKNOWN:
            unit = ""
        scale = micrometers(self.file, unit or "mm")
        key = "ElementSpacing" if "elementspacing" in self.fields else "ElementSize"
        text = self.fields.get(key.lower())
        lengths = [np.nan] * 3 if text is None else numbers(self.file, key, text, self.count)[:3]
        place = placed(self._directions() * np.array(lengths) * scale, self._origin(scale))
        if unit or text is None:
            return unit, place
        told = "MetaImage: no unit of length is written; mm is assumed"
        return unit, without_stand_ins(
            Placed(place.spacing, place.frame, (told,), place.doubts), "MetaImage"
        )

    def _directions(self) -> np.ndarray:
        """Direction of each axis in space, one column an axis."""
        text = self.fields.get("transformmatrix")
        if text is None:
            return np.eye(3)
        found = numbers(self.file, "TransformMatrix", text, self.count**2)
        columns = np.array(found).reshape(self.count, self.count)[:3, :3].T
        lengths = np.linalg.norm(columns, axis=0)
        if not np.isfinite(lengths).all() or min(lengths) == 0:
            raise refused(
                self.file, "has a TransformMatrix that is no rotation; correct or remove it"
            )
        return columns / lengths

    def _origin(self, scale: float) -> list[float] | None:
        text = self.fields.get("offset")
        if text is None:
            return None
        return [scale * along for along in numbers(self.file, "Offset", text, self.count)[:3]]
