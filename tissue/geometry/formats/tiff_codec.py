"""Stored bytes of a strip or tile of a TIFF page, as the numbers they stand for."""

import contextlib
import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import TiffImagePlugin

NONE, DEFLATE, OLD_DEFLATE = 1, 8, 32946
CCITT = (2, 3, 4)
JPEG = 7
BY_LIBTIFF = (*CCITT, 5, JPEG, 32773, 34925, 50000)
"""Compressions that libtiff undoes: CCITT, LZW, JPEG, PackBits, LZMA and Zstandard."""
KNOWN = (NONE, DEFLATE, OLD_DEFLATE, *BY_LIBTIFF)
"""Numbers of the TIFF tag Compression that can be undone (TIFF 6.0 and libtiff's tiff.h)."""

HORIZONTAL, FLOATING_POINT = 2, 3
"""Predictors: each number is stored as the difference to its left neighbor (TIFF 6.0 section 14);
the same of the bytes of floats, most significant first (Adobe's technical note 3)."""

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in reverse order, which FillOrder 2 stores."""

LONG, SHORT, UNDEFINED = 4, 3, 7
"""Types of TIFF entries: unsigned 32 bits, unsigned 16 bits, bytes."""


@dataclass(frozen=True)
class Coding:
    """The way in which the numbers of a strip or tile are stored.

    Attributes:
        dtype: type of the numbers, in the byte order of this machine.
        bits: bits of a number.
        order: byte order of the file, "<" or ">".
        compression: number of the TIFF tag Compression.
        predictor: number of the TIFF tag Predictor.
        fill_order: 2 where the first bit of a byte is the least significant one.
        options: T4Options of CCITT group 3.
        tables: JPEGTables that the segments of a page share.
    """

    dtype: np.dtype
    bits: int
    order: Literal["<", ">"]
    compression: int = NONE
    predictor: int = 1
    fill_order: int = 1
    options: int = 0
    tables: bytes = b""

    def row_bytes(self, columns: int) -> int:
        """Bytes of a row after decompression; rows begin on a byte."""
        return (columns * self.bits + 7) // 8

    @property
    def plain(self) -> bool:
        """Whether the bytes in the file are the numbers, but for their byte order."""
        return (
            (self.compression, self.predictor, self.fill_order) == (NONE, 1, 1)
            and self.bits % 8 == 0
            and self.dtype.itemsize * 8 == self.bits
        )


def decoded(stored: bytes, coding: Coding, rows: int, columns: int) -> np.ndarray:
    """Numbers of a strip or tile [rows, columns], in the byte order of this machine.

    Raises:
        ValueError: the bytes are too few, or their compression is damaged.
    """
    needed = rows * coding.row_bytes(columns)
    if coding.compression in BY_LIBTIFF:
        data = _by_libtiff(stored, coding, rows, columns)
    else:
        if coding.fill_order == 2:
            stored = bytes(stored).translate(REVERSED)
        data = stored if coding.compression == NONE else _inflated(stored, needed)
    if len(data) < needed:
        raise ValueError(f"a strip or tile holds {len(data)} of {needed} bytes")
    return _predicted(np.frombuffer(data, np.uint8, needed), coding, rows, columns)


def _inflated(stored: bytes, needed: int) -> bytes:
    unpacker = zlib.decompressobj()
    # one more than needed, so that the check sum at the end is reached
    data = unpacker.decompress(stored, needed + 1)
    if not unpacker.eof and len(data) <= needed:
        raise ValueError("compressed voxels are cut short")
    return data


def _predicted(data: np.ndarray, coding: Coding, rows: int, columns: int) -> np.ndarray:
    """Undoes the differences to the left neighbors."""
    if coding.predictor == FLOATING_POINT:
        size = coding.dtype.itemsize
        summed = np.cumsum(data.reshape(rows, -1), axis=1, dtype=np.uint8)
        shuffled = summed.reshape(rows, size, columns).transpose(0, 2, 1)
        floats = np.ascontiguousarray(shuffled).view(coding.dtype.newbyteorder(">"))
        return floats.reshape(rows, columns).astype(coding.dtype)
    numbers = _unpacked(data, coding, rows, columns)
    if coding.predictor == HORIZONTAL:
        # differences are those of the bit patterns, also where these stand for floats
        patterns = numbers.view(f"u{coding.dtype.itemsize}")
        return np.cumsum(patterns, axis=1, dtype=patterns.dtype).view(coding.dtype)
    return numbers


def _unpacked(data: np.ndarray, coding: Coding, rows: int, columns: int) -> np.ndarray:
    if coding.bits == 8 * coding.dtype.itemsize:
        stored = data.view(coding.dtype.newbyteorder(coding.order))
        return stored.reshape(rows, columns).astype(coding.dtype)
    bits = np.unpackbits(data.reshape(rows, -1), axis=1)[:, : columns * coding.bits]
    if coding.bits == 1:
        return bits.astype(bool)
    places = 1 << np.arange(coding.bits - 1, -1, -1, dtype=np.uint32)
    numbers = bits.reshape(rows, columns, coding.bits).astype(np.uint32) @ places
    return numbers.astype(coding.dtype)


def _by_libtiff(stored: bytes, coding: Coding, rows: int, columns: int) -> bytes:
    """Bytes of a segment after decompression by libtiff.

    The segment is given to Pillow as a small file of its own: bytes as an image of 8 bits, bilevel
    ones as one of 1 bit. So libtiff sees nothing but bytes, whatever numbers they stand for.
    """
    bilevel = coding.compression in CCITT
    width = columns if bilevel else coding.row_bytes(columns)
    entries = [
        (256, LONG, width),
        (257, LONG, rows),
        (258, SHORT, 1 if bilevel else 8),
        (259, SHORT, coding.compression),
        (262, SHORT, 1),  # black is zero: as stored, nothing is inverted
        (266, SHORT, coding.fill_order),
        (273, LONG, 0),  # the place of the bytes, known below
        (277, SHORT, 1),
        (278, LONG, rows),
        (279, LONG, len(stored)),
    ]
    if coding.compression == 3:
        entries.append((292, LONG, coding.options))
    start = 8 + 2 + 12 * (len(entries) + bool(coding.tables)) + 4
    header = struct.pack("<2sHIH", b"II", 42, 8, len(entries) + bool(coding.tables))
    for tag, kind, value in entries:
        place = start + len(coding.tables)
        header += struct.pack("<HHII", tag, kind, 1, place if tag == 273 else value)
    if coding.tables:
        header += struct.pack("<HHII", 347, UNDEFINED, len(coding.tables), start)
    file = io.BytesIO(header + bytes(4) + coding.tables + bytes(stored))
    with captured_messages() as messages, TiffImagePlugin.TiffImageFile(file) as image:
        data = image.tobytes()
    if messages and coding.compression in (*CCITT, JPEG):
        # libtiff continues after damage to these and reports it on standard error alone
        raise ValueError(messages[0])
    return data


@contextlib.contextmanager
def captured_messages() -> Iterator[list[str]]:
    """Collect the messages that decoders write to standard error themselves, line by line."""
    lines: list[str] = []
    try:
        screen = os.dup(2)
    except OSError:  # there is no standard error
        yield lines
        return
    with tempfile.TemporaryFile() as said:
        try:
            os.dup2(said.fileno(), 2)
            yield lines
        finally:
            os.dup2(screen, 2)
            os.close(screen)
            said.seek(0)
            lines += said.read().decode("utf-8", "replace").splitlines()
