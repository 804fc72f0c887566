"""NIfTI-1 and NIfTI-2 (.nii, .nii.gz, and pairs of .hdr and .img)."""

import re
import zlib
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from tissue.geometry.formats.nifti_place import place_of
from tissue.geometry.formats.raw import Calibration, Stored, beside, counted
from tissue.geometry.formats.unpacking import GZIP, Packing, Piece
from tissue.geometry.image import Image, Inventory, guarded_reader, refused, unreadable

SIZES = {348: "NIfTI-1", 540: "NIfTI-2"}
"""Bytes of the header of each version, which are its first number."""

MAGIC_AT = {348: 344, 540: 4}
"""Place of the sign of the format in each header."""

FLAGS = 4
"""Bytes after the header that state whether extensions follow."""

LINE_ENDS = b"\r\n\x1a\n"
"""Bytes of a NIfTI-2 header that a transfer in text mode changes."""

LABELS = 1002
"""Intent code of a segmentation (NIFTI_INTENT_LABEL)."""

EXTRA_AXES = "tcuv"
"""Letters of the fourth axis (time), the fifth (parts of a vector) and the others."""


def unpacked_head(raw: bytes, size: int) -> bytes:
    """First bytes of a file, unpacked where it starts as gzip; as they are where that fails."""
    head = b""
    rest = raw
    try:
        while rest.startswith(GZIP) and len(head) < size:
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            head += unpacker.decompress(rest, size - len(head))
            rest = unpacker.unused_data  # the next member of the file
    except zlib.error:
        pass
    return head or raw[:size]


def is_nifti(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a NIfTI header, of either byte order."""
    size = _header_size(head)
    if size is None:
        return False
    magic = head[MAGIC_AT[size] :][:4]
    return magic in ((b"n+1\0", b"ni1\0") if size == 348 else (b"n+2\0", b"ni2\0"))


def _header_size(head: bytes) -> int | None:
    first = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    return next((size for size in SIZES if size in first), None)


@guarded_reader
def read(file: Path) -> Image:
    """The volume in a NIfTI file.

    Raises:
        InputError: the header is damaged, or names voxels that cannot be read.
    """
    header = _Header(file)
    shape, axes = header.axes()
    dtype, channels = header.stored()
    if channels > 1:
        shape, axes = (*shape, channels), f"{axes}c"
    labels = header.code("intent_code") == LABELS and dtype.kind in "iu"
    calibration = header.calibration()
    assumed: tuple[str, ...] = ()
    if labels and calibration is not None:
        assumed = (f"NIfTI: its labels are taken as stored, not as {calibration}",)
        calibration = None
    piece, packing = header.data()
    stored = Stored((piece,), shape, dtype, packing, calibration)
    found, doubts = counted(file, stored)
    unit, place = place_of(file, header.fields, header.sizes())
    return Image(
        file=file,
        shape=shape,
        dtype=stored.values,
        reader=stored.voxels,
        inventory=Inventory(
            format=header.format,
            axes=axes,
            bytes_needed=stored.size,
            bytes_found=found,
            spacing_unit=unit,
            calibration="" if calibration is None else str(calibration),
            ignored=header.extensions(piece),
            assumed=(*assumed, *place.assumed),
            doubts=(*doubts, *place.doubts),
        ),
        spacing=place.spacing,
        frame=place.frame,
        labels=labels,
    )


class _Header:
    """Header of either version; nibabel knows where its fields are."""

    def __init__(self, file: Path) -> None:
        import nibabel as nib

        self.file = file
        longest = max(SIZES) + FLAGS
        with file.open("rb") as stream:
            raw = stream.read(4 * longest)
        self.packed = raw.startswith(GZIP)
        head = unpacked_head(raw, longest)
        size = _header_size(head)
        if size is None or not is_nifti(head):
            raise unreadable(file, "it does not begin as NIfTI files do")
        if len(head) < size:
            raise unreadable(file, "its header is cut short")
        if size == 540 and head[8:12] not in (LINE_ENDS, bytes(4)):
            raise unreadable(file, "its line ends were changed, as by a transfer in text mode")
        self.size = size
        self.format = SIZES[size]
        self.alone = head[MAGIC_AT[size] + 1 :][:1] == b"+"
        self.order = "<" if int.from_bytes(head[:4], "little") == size else ">"
        kind = nib.Nifti1Header if size == 348 else nib.Nifti2Header
        self.fields: Any = kind(head[:size], self.order, check=False)

    def code(self, name: str) -> int:
        """A whole number of the header."""
        return int(self.fields[name])

    def sizes(self) -> list[int]:
        """Number of entries along each axis, the fastest first."""
        count, *sizes = (int(size) for size in self.fields["dim"])
        if not 1 <= count <= 7 or min(sizes[:count]) < 1:
            raise unreadable(self.file, f"its header gives {count} axes of the sizes {sizes}")
        return sizes[:count]

    def axes(self) -> tuple[tuple[int, ...], str]:
        """Number of entries along each axis, the slowest first, and the letters of the axes."""
        kept = [
            (size, ("xyz" + EXTRA_AXES)[axis])
            for axis, size in enumerate(self.sizes())
            if axis < 3 or size > 1
        ]
        return tuple(size for size, _ in kept[::-1]), "".join(letter for _, letter in kept[::-1])

    def stored(self) -> tuple[np.dtype, int]:
        """Type of the stored numbers and how many of them a voxel has."""
        from nibabel.nifti1 import data_type_codes

        code = self.code("datatype")
        known = data_type_codes.dtype.get(code)
        if known is not None and known.names:  # red, green, blue
            return np.dtype(np.uint8), len(known.names)
        if known is None or known.kind == "V" or known.itemsize > 16:
            raise refused(
                self.file,
                f"holds values of the NIfTI type {code}, which cannot be read here; save it as"
                " whole numbers or as 32- or 64-bit real numbers",
            )
        return np.dtype(known).newbyteorder(self.order), 1

    def calibration(self) -> Calibration | None:
        """Straight line from the stored numbers to gray values, where the header gives one."""
        slope, offset = float(self.fields["scl_slope"]), float(self.fields["scl_inter"])
        if slope == 0 or not isfinite(slope):  # the sign of an unset line
            return None
        if not isfinite(offset):
            raise refused(
                self.file,
                f"has the offset {offset} in its calibration (scl_inter); write 0 or the true"
                " offset into its header",
            )
        return None if (slope, offset) == (1, 0) else Calibration(slope, offset)

    def data(self) -> tuple[Piece, Packing]:
        """Place of the voxels, and their packing."""
        offset = float(self.fields["vox_offset"])
        if not isfinite(offset) or offset < 0 or not offset.is_integer():
            raise unreadable(self.file, f"its voxels begin at byte {offset}")
        start = int(offset)
        file, packed = self.file, self.packed
        if self.alone:
            if start < self.size + FLAGS:
                raise unreadable(file, f"its voxels begin at byte {start}, inside its header")
        else:
            file = self._partner()
            with file.open("rb") as stream:
                packed = stream.read(len(GZIP)) == GZIP
        if packed:
            return Piece(file, skip=start), "zlib"
        return Piece(file, start=start), "raw"

    def _partner(self) -> Path:
        stem = re.sub(r"\.hdr(\.gz)?$", "", self.file.name, flags=re.IGNORECASE)
        names = [f"{stem}{ending}" for ending in (".img", ".img.gz", ".IMG")]
        there = [name for name in names if (self.file.parent / name).exists()]
        if len(there) != 1:
            raise refused(
                self.file,
                f"is the header of a pair of files, of which {stem}.img holds the voxels, and"
                f" {len(there)} such files are beside it; save the volume as one .nii file",
            )
        return beside(self.file, there[0])

    def extensions(self, piece: Piece) -> tuple[str, ...]:
        """Bytes between the header and the voxels, in words."""
        size = piece.start + piece.skip - self.size - FLAGS
        if not self.alone or size <= 0:
            return ()
        return (f"{size} bytes of header extensions",)
