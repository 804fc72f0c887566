"""Single slices in BMP, PNG and JPEG files."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin
from PIL.Image import Exif
from PIL.Image import Image as Picture

from tissue.geometry.image import Box, Image, Inventory, guarded_reader, refused

SIGNS: dict[bytes, str] = {b"BM": "BMP", b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}
"""First bytes of a file of each format."""
OPENERS: dict[str, Callable[[BinaryIO], Picture]] = {
    "BMP": BmpImagePlugin.BmpImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
}
"""Readers of Pillow by format: those that refuse no image for its size."""

DTYPES = {"1": "bool", "L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I": "uint16"}
"""numpy types of Pillow's modes of gray values; older versions open PNG of 16 bits as "I"."""
COLORS = {"LA": 2, "La": 2, "PA": 2, "RGB": 3, "YCbCr": 3, "RGBA": 4, "RGBX": 4, "CMYK": 4}
"""Numbers of a pixel of Pillow's other modes."""
WINDOWS = 40
"""Bytes of the shorter of the headers of Windows; that of OS/2 has 12 and other fields."""
ORIENTATION, UPRIGHT = 0x0112, 1
"""Number of the entry of Exif of the orientation of a picture, and its value for upright."""
MOST_DEFLATED = 1032
"""Times that deflate, which PNG uses, makes bytes fewer at the very most (zlib's manual)."""


def format_of(head: bytes) -> str:
    """Name of the format that the first bytes of a file have; empty for another one."""
    return next((name for sign, name in SIGNS.items() if head.startswith(sign)), "")


@guarded_reader
def read(file: Path) -> Image:
    """The slice in a file, as a volume of one slice.

    Raises:
        InputError: the file is damaged or cut short.
    """
    with file.open("rb") as stream:
        kind = format_of(stream.read(8))
        stream.seek(0)
        _refuse_cut(file, stream, kind)
        stream.seek(0)
        with OPENERS[kind](stream) as picture:
            columns, rows = picture.size
            mode, gray = picture.mode, _is_gray(picture)
            frames = getattr(picture, "n_frames", 1)
            turned = _turned(picture)
    size = file.stat().st_size
    if kind == "PNG" and rows * columns > 8 * MOST_DEFLATED * size:
        raise refused(
            file, f"is damaged: {size} bytes cannot hold {rows} x {columns}; copy it again"
        )
    if frames > 1:
        raise refused(file, f"holds {frames} pictures; save one slice a file")
    doubts = []
    if not gray:
        doubts.append(
            "has a table of colors, so that its numbers are no gray values; save it as gray values"
        )
    if turned != UPRIGHT:
        doubts.append(
            f"is marked as turned or mirrored (Exif Orientation {turned}), which viewers follow;"
            " save it as it is to be seen, without this mark"
        )
    samples = COLORS.get(mode, 1)
    dtype = np.dtype(DTYPES.get(mode, "uint8"))
    lossy = ("JPEG compression is lossy: gray values differ from the scan",)

    def box_of(box: Box) -> np.ndarray:
        with file.open("rb") as stream:
            if kind == "PNG":
                _refuse_changed(stream)
                stream.seek(0)
            with OPENERS[kind](stream) as picture:
                values = np.asarray(picture)
        return values[None, box[1], box[2]].astype(dtype)

    return Image(
        file=file,
        shape=(1, rows, columns) if samples == 1 else (1, rows, columns, samples),
        dtype=dtype,
        reader=box_of,
        inventory=Inventory(
            kind,
            axes="zyx" if samples == 1 else "zyxs",
            assumed=lossy if kind == "JPEG" else (),
            doubts=tuple(doubts),
        ),
        labels=mode == "1",
    )


def _is_gray(picture: Picture) -> bool:
    """Whether a table of colors, if there is one, gives each number its own shade of gray."""
    if picture.mode != "P" or picture.palette is None:
        return True
    palette = picture.palette
    width = len(palette.rawmode or palette.mode)  # red, green, blue in any order, and a blank
    colors = np.frombuffer(bytes(palette.palette), np.uint8)
    colors = colors[: len(colors) // width * width].reshape(-1, width)[:, :3]
    return bool((colors == np.arange(len(colors))[:, None]).all())


def _turned(picture: Picture) -> int:
    """Orientation in which viewers show a picture, from the Exif data before its pixels."""
    exif = Exif()
    exif.load(picture.info.get("exif", b""))
    return int(exif.get(ORIENTATION, UPRIGHT))


def _refuse_cut(file: Path, stream: BinaryIO, kind: str) -> None:
    """Refuses a file that ends before its voxels do, by its header."""
    size = file.stat().st_size
    needed = size
    if kind == "BMP":
        head = stream.read(34)
        start, header, columns, rows, _, bits, packed = struct.unpack("<IIiiHHI", head[10:34])
        if packed == 0 and header >= WINDOWS:
            needed = start + (columns * bits + 31) // 32 * 4 * abs(rows)
    elif kind == "PNG":
        for name, start, length in _chunks(stream):
            needed = start + length + 4
            if name == b"IEND" or needed > size:
                break
        else:
            needed = size + 1
    if needed > size:
        raise refused(file, f"is cut short at byte {size}; copy it again from its source")


def _refuse_changed(stream: BinaryIO) -> None:
    """Refuses a PNG whose checksums do not fit its bytes, which Pillow does not check."""
    stream.seek(0)
    for name, start, length in _chunks(stream):
        stream.seek(start)
        data, checksum = stream.read(length), stream.read(4)
        if struct.pack(">I", zlib.crc32(data, zlib.crc32(name))) != checksum:
            raise ValueError("bytes of it were changed: a checksum is wrong")


def _chunks(stream: BinaryIO) -> list[tuple[bytes, int, int]]:
    """Names, first bytes and lengths of the chunks of a PNG file."""
    found: list[tuple[bytes, int, int]] = []
    start = 8
    while True:
        stream.seek(start)
        head = stream.read(8)
        if len(head) < 8:
            return found
        (length,) = struct.unpack(">I", head[:4])
        found.append((head[4:], start + 8, length))
        if head[4:] == b"IEND":
            return found
        start += 12 + length
