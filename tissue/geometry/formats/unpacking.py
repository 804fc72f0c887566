"""Bytes of voxels out of files: as they are, packed, or written as text."""

import bz2
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import numpy as np

BLOCK = 1 << 20
"""Bytes that are read or unpacked at a time."""

GZIP = b"\x1f\x8b"
"""First bytes of a gzip file."""

Packing = Literal["raw", "zlib", "bzip2", "text", "hex"]
"""Form of the bytes: as in memory, zlib or gzip, bzip2, decimal numbers, hexadecimal digits."""


@dataclass(frozen=True)
class Piece:
    """A file, or a part of it, that holds an equal share of the voxels.

    Attributes:
        file: the file.
        start: number of bytes before the data.
        skip: number of bytes before the voxels after unpacking.
        after: number of bytes of the file after unpacked data that are none of them.
    """

    file: Path
    start: int = 0
    skip: int = 0
    after: int = 0


class DamagedError(Exception):
    """Packed bytes that cannot be unpacked; `cut` where they only end too early."""

    def __init__(self, reason: str, cut: bool = False) -> None:
        super().__init__(reason)
        self.cut = cut


class Source(Protocol):
    """Bytes of the voxels of a piece."""

    def take(self, begin: int, size: int) -> bytes:
        """Bytes from `begin` on; packed ones only forward."""


def opened(piece: Piece, packing: Packing, dtype: np.dtype, closing: ExitStack) -> Source:
    """Bytes of the voxels of a piece, as they are in memory; `closing` closes its file.

    Raises:
        DamagedError: text is not that of numbers of this type.
    """
    if packing in ("zlib", "bzip2"):
        return _Forward(_unpacked(piece, packing), piece.skip)
    if packing == "raw":
        return _Anywhere(closing.enter_context(piece.file.open("rb")), piece.start)
    decoded = _from_hex(piece) if packing == "hex" else _from_text(piece, dtype)
    return _Anywhere(BytesIO(decoded), 0)


def length(piece: Piece, packing: Packing, dtype: np.dtype, share: int) -> int:
    """Number of bytes of voxels in a piece, unpacked.

    Args:
        piece: the piece.
        packing: form of its bytes.
        dtype: type of a voxel.
        share: number that is needed; packed bytes are counted up to the first surplus.

    Raises:
        DamagedError: packed bytes cannot be unpacked.
    """
    if packing == "raw":
        return max(piece.file.stat().st_size - piece.start - piece.after, 0)
    if packing == "text":
        return len(b"".join(_blocks(piece)).split()) * dtype.itemsize
    if packing == "hex":
        return len(_from_hex(piece))
    found = -piece.skip
    try:
        for block in _unpacked(piece, packing):
            found += len(block)
            if found > share:
                break
    except DamagedError as error:
        if not error.cut or found >= share:
            raise
    return max(found, 0)


class _Anywhere:
    """Bytes that can be read in any order."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self._start = start

    def take(self, begin: int, size: int) -> bytes:
        self._stream.seek(self._start + begin)
        return self._stream.read(size)


class _Forward:
    """Bytes that come one block after the other and are not kept."""

    def __init__(self, blocks: Iterator[bytes], skip: int) -> None:
        self._blocks = blocks
        self._block = b""
        self._at = -skip  # place of the first byte of the block

    def take(self, begin: int, size: int) -> bytes:
        parts = []
        while size > 0:
            inside = begin - self._at
            if inside < len(self._block):
                part = self._block[inside : inside + size]
                parts.append(part)
                begin += len(part)
                size -= len(part)
            else:
                self._at += len(self._block)
                block = next(self._blocks, None)
                if block is None:
                    raise DamagedError("the packed bytes end too early", cut=True)
                self._block = block
        return b"".join(parts)


def _blocks(piece: Piece) -> Iterator[bytes]:
    with piece.file.open("rb") as stream:
        stream.seek(piece.start)
        while block := stream.read(BLOCK):
            yield block


def _unpacked(piece: Piece, packing: Packing) -> Iterator[bytes]:
    return _unpacked_bzip2(piece) if packing == "bzip2" else _unpacked_zlib(piece)


def _unpacked_zlib(piece: Piece) -> Iterator[bytes]:
    """Blocks of zlib or gzip data; a gzip file may have several members."""

    def fresh() -> "zlib._Decompress":
        return zlib.decompressobj(zlib.MAX_WBITS | 32)  # either header

    unpacker = fresh()
    for read in _blocks(piece):
        block = read
        while block:
            if unpacker.eof:
                block = block.lstrip(b"\0")  # zeros that fill the blocks of a tape
                if not block:
                    break
                if not block.startswith(GZIP[: len(block)]):
                    raise DamagedError("other bytes follow the packed ones")
                unpacker = fresh()
            try:
                yield unpacker.decompress(block, BLOCK)
            except zlib.error as error:
                raise DamagedError(str(error)) from error
            block = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    # the last block may hold more than was asked for
    while not unpacker.eof and (rest := unpacker.decompress(b"", BLOCK)):
        yield rest
    if not unpacker.eof:
        raise DamagedError("the packed bytes end too early", cut=True)


def _unpacked_bzip2(piece: Piece) -> Iterator[bytes]:
    with piece.file.open("rb") as stream:
        stream.seek(piece.start)
        unpacker = bz2.BZ2File(stream)
        try:
            while block := unpacker.read(BLOCK):
                yield block
        except EOFError as error:
            raise DamagedError("the packed bytes end too early", cut=True) from error
        except (OSError, ValueError) as error:
            raise DamagedError(str(error)) from error


def _from_hex(piece: Piece) -> bytes:
    digits = b"".join(b"".join(_blocks(piece)).split())
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii"))
    except ValueError as error:
        raise DamagedError("its text holds other signs than hexadecimal digits") from error


def _from_text(piece: Piece, dtype: np.dtype) -> bytes:
    words = b"".join(_blocks(piece)).split()
    if dtype.kind == "f":
        return np.array([float(word) for word in words], dtype).tobytes()
    numbers = [_whole(word) for word in words]
    limits = np.iinfo(dtype)
    if numbers and not (limits.min <= min(numbers) and max(numbers) <= limits.max):
        raise DamagedError(f"its text holds numbers beyond {dtype}")
    return np.array(numbers, dtype).tobytes()


def _whole(word: bytes) -> int:
    try:
        return int(word)
    except ValueError:
        value = float(word)
        if not value.is_integer():
            raise DamagedError("its text holds fractions of whole numbers") from None
        return int(value)
