"""Headers of AIM files.

Their layout is that of two public readers: Numerics88/AimIO (source/AimIO.cxx) and dgobbi/vtk-dicom
(Source/vtkScancoCTReader.cxx).
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from tissue.geometry.formats.scanco_numbers import vax_float

VERSION_3 = b"AIMDATA_V030   \0"
VERSION_2 = struct.pack("<2i", 20, 140)
"""Sizes of the two headers of version 2, with which its files begin."""

SIGNS = (VERSION_3, VERSION_2)

BLOCK = 512
"""Multiple to which the scanner's computer may fill up a file [bytes]."""


@dataclass(frozen=True)
class Header:
    """Facts of the header of an AIM.

    Attributes:
        version: 2 or 3.
        kind: code of the type of the voxels.
        position: place of the first voxel in the scan it was cut from (z, y, x) [voxels].
        shape: number of voxels (z, y, x), with the border.
        border: voxels at either end of each axis without a valid value (z, y, x).
        edges: voxel edges (z, y, x) [mm].
        log: entries of the processing log.
        twice: entries that the log gives two different values.
        start: place of the voxels in the file [bytes].
        size: length of the voxels in the file [bytes].
    """

    version: int
    kind: int
    position: tuple[int, int, int]
    shape: tuple[int, int, int]
    border: tuple[int, int, int]
    edges: tuple[float, float, float]
    log: dict[str, str]
    twice: frozenset[str]
    start: int
    size: int

    @property
    def inner(self) -> tuple[int, int, int]:
        """Number of valid voxels (z, y, x)."""
        z, y, x = (size - 2 * out for size, out in zip(self.shape, self.border, strict=True))
        return (z, y, x)


def header_of(file: Path) -> Header:
    """The header of an AIM.

    Raises:
        ValueError, struct.error, OSError: it is damaged.
    """
    with file.open("rb") as stream:
        size = file.stat().st_size
        modern = stream.read(len(VERSION_3)) == VERSION_3
        whole, width, begin = ("<5q", 8, len(VERSION_3)) if modern else ("<5i", 4, 0)
        stream.seek(begin)
        lengths = struct.unpack(whole, stream.read(5 * width))
        if lengths[:2] != ((40, 224) if modern else (20, 140)) or min(lengths) < 0:
            raise ValueError("the sizes at its start are not those of an AIM")
        facts = stream.read(lengths[1])
        log_size = min(lengths[2], max(0, size - stream.tell()))
        text = stream.read(log_size).decode("latin-1")
    fixed = 4 if modern else 6
    kind = struct.unpack_from("<i", facts, 4 * fixed - 4)[0]
    triples = struct.unpack_from("<9q" if modern else "<9i", facts, 4 * fixed)
    position, shape, border = (tuple(triples[i : i + 3][::-1]) for i in (0, 3, 6))
    at = 4 * fixed + 21 * width
    if modern:
        lengths_mm = [nanometers / 1e6 for nanometers in struct.unpack_from("<3q", facts, at)]
    else:
        lengths_mm = [vax_float(facts[at + 4 * i : at + 4 * i + 4]) for i in range(3)]
    log, twice = _entries(text)
    header = Header(
        version=3 if modern else 2,
        kind=kind,
        position=position,
        shape=shape,
        border=border,
        edges=(lengths_mm[2], lengths_mm[1], lengths_mm[0]),
        log=log,
        twice=twice,
        start=begin + sum(lengths[:3]),
        size=lengths[3],
    )
    promised = begin + sum(lengths)
    if size > promised and size % BLOCK:  # bytes were put into it, so that its voxels lie elsewhere
        raise ValueError(f"it has {size} bytes and its header promises {promised}")
    if min(border) < 0 or min(header.inner) < 1:
        raise ValueError(f"it has {shape} voxels with a border of {border}")
    return header


def _entries(text: str) -> tuple[dict[str, str], frozenset[str]]:
    """Entries of a processing log, and those that it gives two different values."""
    log: dict[str, str] = {}
    twice = set()
    entries, _, rest = text.partition("\0")
    if re.search(r"[A-Za-z]{4}", rest):  # zeros fill the log up, and stand in no entry
        raise ValueError("its processing log holds a zero byte")
    for line in entries.splitlines():
        key, _, value = line.strip().partition("  ")
        value = value.strip()
        if not value or key.startswith("!"):
            continue
        if log.get(key, value) != value:
            twice.add(key)
        log[key] = value
    return log, frozenset(twice)
