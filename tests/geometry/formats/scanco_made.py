"""Scanco files made for tests, byte by byte."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np

CALIBRATION = {
    "Mu_Scaling": 8192,
    "HU: mu water": 0.24,
    "Density: unit": "mg HA/ccm",
    "Density: slope": 1600.0,
    "Density: intercept": -390.0,
}
"""Entries of a processing log, as an XtremeCT II writes them."""

GRAY = (np.arange(4 * 5 * 6, dtype="i2").reshape(4, 5, 6) - 40) * 100
MARKED = np.where(np.arange(9 * 10 * 11).reshape(9, 10, 11) // 300 % 2, 127, 0).astype("i1")
CHAR, SHORT, INT, VAX, TWO, VALUES, BITS = (
    *(0x00010001, 0x00020002, 0x00030004, 0x00040004),
    *(0x00150001, 0x00080002, 0x00060001),
)
"""Numbers of the types of voxels, the last three packed."""


def vax(value: float, kind: str = "f") -> bytes:
    """A number as the computer of the scanner writes it: F floating (f) or G floating (d)."""
    ieee = struct.pack(f">{kind}", 4 * value)
    return b"".join(ieee[i : i + 2][::-1] for i in range(0, len(ieee), 2))


def log_of(entries: dict[str, object]) -> bytes:
    """A processing log."""
    lines = ["! Processing Log", "!", *(f"{key:30}{value:>23}" for key, value in entries.items())]
    return "\n".join([*lines, ""]).encode("latin-1")


def aim(
    file: Path,
    values: np.ndarray,
    kind: int,
    data: bytes,
    edges: tuple[float, float, float] = (0.03, 0.02, 0.01),
    position: tuple[int, int, int] = (5, 4, 3),
    border: tuple[int, int, int] = (0, 0, 0),
    log: dict[str, object] | None = None,
) -> Path:
    """An AIM of version 2 with the voxels in `data`; edges [mm] and places are (z, y, x)."""
    text = log_of(CALIBRATION if log is None else log)
    triples = (*position[::-1], *values.shape[::-1], *border[::-1], *12 * (0,))
    facts = struct.pack("<6i21i", 16, 0, 0, 0, 0, kind, *triples)
    facts += b"".join(map(vax, edges[::-1])) + bytes(20)
    sizes = struct.pack("<5i", 20, len(facts), len(text), len(data), 0)
    file.write_bytes(sizes + facts + text + data)
    return file


def runs_of_two(values: np.ndarray) -> bytes:
    """Voxels of two values as lengths of runs; 255 says that 254 follow and then more."""
    flat = values.ravel()
    pair = [int(flat[0]), *(int(value) for value in np.unique(flat) if value != flat[0]), 0][:2]
    borders = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *borders, flat.size])
    out = bytearray(struct.pack("<2b", *pair))
    for length in lengths:
        out += bytes([255]) * ((length - 1) // 254) + bytes([(length - 1) % 254 + 1])
    return struct.pack("<i", len(out) + 4) + bytes(out)


def runs_of_values(values: np.ndarray) -> bytes:
    """Voxels as pairs of a value and the length of its run."""
    flat = values.ravel()
    borders = [0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]
    out = bytearray()
    for start, stop in pairwise(borders):
        for at in range(start, stop, 255):
            out += struct.pack("<bB", flat[start], min(255, stop - at))
    return struct.pack("<i", len(out) + 4) + bytes(out)


def bits(values: np.ndarray, mark: int = 127) -> bytes:
    """Marked voxels as one bit each, eight neighbors to a byte."""
    halves = [(size + 1) // 2 for size in values.shape]
    out = np.zeros(halves, "u1")
    for z, y, x in np.argwhere(values):
        out[z // 2, y // 2, x // 2] |= 1 << (z % 2 * 4 + y % 2 * 2 + x % 2)
    return out.tobytes() + bytes([mark])


def isq(
    file: Path,
    values: np.ndarray,
    slope: float = 0.0,
    intercept: float = 0.0,
    unit: bytes = b"mg HA/ccm",
    ahead: bool = False,
    kind: int = 3,
) -> Path:
    """An ISQ with voxels of 30 x 20 x 10 um, with a calibration where a slope is given.

    `ahead` puts another block before the directory of the blocks, as newer scanners do.
    """
    nz, ny, nx = values.shape
    size = values.nbytes
    data = bytearray(512)
    struct.pack_into(
        "<16s7i", data, 0, b"CTDATA-HEADER_V1", kind, size, -(-size // 512), 1, 2, 0, 0
    )
    struct.pack_into("<6i", data, 44, nx, ny, nz, 10 * nx, 20 * ny, 30 * nz)  # pixels, um
    struct.pack_into("<6i", data, 68, 30, 30, 0, int(values.min()), int(values.max()), 8192)
    if slope:
        first, names, numbers = bytearray(512), bytearray(512), bytearray(1024)
        struct.pack_into("<16si", first, 8, b"MultiHeader     ", 1)
        struct.pack_into("<16si", names, 8, b"Calibration     ", 2)
        numbers[648:664] = unit.ljust(16)
        for place, value in ((664, slope), (672, intercept), (688, 0.24)):
            numbers[place : place + 8] = vax(value, "d")
        data += (first if ahead else b"") + names + numbers
    struct.pack_into("<i", data, 508, len(data) // 512 - 1)  # blocks before the values
    file.write_bytes(
        bytes(data) + values.astype("<i2").tobytes().ljust(-(-size // 512) * 512, b"\0")
    )
    return file
