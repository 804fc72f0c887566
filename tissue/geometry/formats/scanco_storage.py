"""Voxels of AIM files as they are stored: plain, in floating point of a VAX, or packed."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from tissue.geometry.formats.scanco_header import Header
from tissue.geometry.formats.scanco_numbers import (
    packed_bits,
    runs_of_two_values,
    runs_of_values,
    vax_floats,
)
from tissue.geometry.image import Box, refused

RAW = {
    0x00010001: "i1",
    0x000D0001: "u1",
    0x00160001: "u1",
    0x00020002: "<i2",
    0x00170002: "<u2",
    0x00030004: "<i4",
    0x001A0004: "<f4",
}
"""Types of voxels that lie in the file as they are (vtk-dicom and ITKIOScanco)."""

VAX_FLOATS = 0x00040004
TWO_VALUES = 0x00150001
VALUES = 0x00080002
BITS = 0x00060001
"""Types of voxels that are converted or unpacked (AimIO)."""


Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Stored:
    """Voxels in a file.

    Attributes:
        dtype: type of the voxels that `read` returns.
        needed: bytes of voxels that the header promises, after decompression.
        found: bytes of voxels that are there, after decompression.
        border: voxels at either end of each axis (z, y, x) that are stored and not valid.
        read: returns the voxels of a box [z, y, x], counted from the border.
        doubts: reasons why the voxels must not be used.
    """

    dtype: np.dtype
    needed: int
    found: int
    border: Triple
    read: Callable[[Box], np.ndarray]
    doubts: tuple[str, ...] = ()


def stored_voxels(file: Path, header: Header) -> Stored:
    """The voxels behind a header.

    Raises:
        InputError: they are of an unknown type.
    """
    there = min(header.size, max(0, file.stat().st_size - header.start))
    if header.kind in RAW or header.kind == VAX_FLOATS:
        return _plain(file, header, there)
    if header.kind == BITS:
        return _bits(file, header, there)
    if header.kind in (TWO_VALUES, VALUES):
        return _runs(file, header, there)
    raise refused(
        file,
        f"holds voxels of the type {header.kind:#010x}, which is not known; save them as char or"
        " short",
    )


def _plain(file: Path, header: Header, there: int) -> Stored:
    real = header.kind == VAX_FLOATS
    kind = np.dtype("<u2" if real else RAW[header.kind])
    native = np.dtype("f4") if real else kind.newbyteorder("=")
    needed = prod(header.shape) * native.itemsize
    doubts = _unlike(needed, header.size)
    if there < needed or doubts:
        return Stored(native, needed, there, header.border, _nothing, doubts)
    shape = (*header.shape, 2) if real else header.shape
    voxels = np.memmap(file, kind, "r", header.start, shape)

    def read(box: Box) -> np.ndarray:
        return vax_floats(voxels[box]) if real else np.array(voxels[box], native)

    return Stored(native, needed, there, header.border, read)


def _bits(file: Path, header: Header, there: int) -> Stored:
    packed = prod((size + 1) // 2 for size in header.shape) + 1
    kind, doubts = np.dtype("i1"), _unlike(packed, header.size)
    if there < packed or doubts:
        return Stored(kind, packed, there, header.border, _nothing, doubts)
    stream = np.memmap(file, "u1", "r", header.start, packed)
    if stream[-1] == 0 and stream.any():
        doubts = ("is damaged: it marks voxels with the value 0; copy it again from its source",)
    voxels = prod(header.shape)
    return Stored(kind, voxels, voxels, header.border, packed_bits(stream, header.shape), doubts)


def _runs(file: Path, header: Header, there: int) -> Stored:
    """Voxels in runs, which hold none of the border."""
    kind, voxels, border = np.dtype("i1"), prod(header.inner), (0, 0, 0)
    width = 8 if header.version == 3 else 4  # of the length of the stream, which stands before it
    begin = width + (2 if header.kind == TWO_VALUES else 0)
    if there <= begin:
        return Stored(kind, voxels, 0, border, _nothing)
    stream = np.memmap(file, "u1", "r", header.start, there)
    length = int.from_bytes(stream[:width].tobytes(), "little")
    unpack = runs_of_two_values if header.kind == TWO_VALUES else runs_of_values
    runs = unpack(np.array(stream[width : max(begin, length)]))
    doubts: tuple[str, ...] = ()
    if runs.voxels > voxels:
        doubts = (
            f"is damaged: its runs hold {runs.voxels} voxels and its header says {voxels};"
            " copy it again from its source",
        )
    return Stored(kind, voxels, runs.voxels, border, runs.box_of(header.inner), doubts)


def _nothing(_: Box) -> np.ndarray:
    raise ValueError("its voxels are not there")


def _unlike(needed: int, stated: int) -> tuple[str, ...]:
    """A doubt where the two lengths of the voxels that a header states differ."""
    if needed == stated:
        return ()
    return (
        f"is damaged: its header says that the voxels take {stated} bytes, and for its shape it"
        f" must be {needed}; copy it again from its source",
    )
