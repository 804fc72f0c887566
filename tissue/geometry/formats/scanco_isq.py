"""ISQ files of Scanco: scans as they were reconstructed, in whole numbers of two bytes."""

import struct
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path

import numpy as np

from tissue.geometry.formats.scanco_numbers import DENSITY, DENSITY_NAMES, UNCALIBRATED, vax_double
from tissue.geometry.grid import Frame
from tissue.geometry.image import (
    Box,
    Image,
    Inventory,
    Spacing,
    edges,
    guarded_reader,
    refused,
    shortened,
)

SIGN = b"CTDATA-HEADER_V1"
BLOCK = 512
"""Size of the blocks that the file consists of [bytes]."""

VOLUME = 3
"""Type of a reconstructed volume."""

OTHERS = {6: "contours (GOBJ)", 9: "one radiograph (RAD)"}
"""Types of other files that begin alike (wallematthias/aimio-py, dgobbi/vtk-dicom)."""

DIGITS = 7
"""Significant digits of an edge: lengths are whole micrometers of the whole axis."""


@dataclass(frozen=True)
class Header:
    """Facts of the header of an ISQ.

    Attributes:
        shape: number of voxels (z, y, x).
        spacing: voxel edges (z, y, x) [um].
        start: place of the voxels in the file [bytes].
        slope: density for a stored number, 0 where the file holds no calibration.
        intercept: density of a stored zero.
        unit: unit of the density, as the file writes it.
    """

    shape: tuple[int, int, int]
    spacing: Spacing
    start: int
    slope: float
    intercept: float
    unit: str


@guarded_reader
def read(file: Path) -> Image:
    """The volume in an ISQ; its voxels are read when they are asked for.

    Raises:
        InputError: the file is damaged, or is another kind of file that begins alike.
    """
    return _image(file, _header(file))


def _header(file: Path) -> Header:
    with file.open("rb") as stream:
        first = stream.read(BLOCK)
        kind = struct.unpack_from("<i", first, 16)[0]
        pixels = struct.unpack_from("<3i", first, 44)[::-1]
        lengths = struct.unpack_from("<3i", first, 56)[::-1]
        scaling = struct.unpack_from("<i", first, 88)[0]
        blocks = struct.unpack_from("<i", first, BLOCK - 4)[0]
        start = BLOCK * (1 + blocks)
        if blocks < 0 or start > file.stat().st_size:
            raise ValueError("its voxels would begin outside the file")
        # the further blocks hold names and calibrations: a few, whatever their number says
        more = stream.read(min(start - BLOCK, 64 * BLOCK))
    if file.name.lower().partition(";")[0].endswith(".rsq"):
        raise refused(file, "holds projections (RSQ) and no volume; give the ISQ made from them")
    if kind != VOLUME:
        what = OTHERS.get(kind, f"data of the type {kind}")
        raise refused(file, f"holds {what} and no volume; give an ISQ or AIM")
    if min(pixels) < 1 or min(lengths) < 0:
        raise ValueError(f"it has {pixels} voxels of {lengths} um in all")
    whole = [length / count for length, count in zip(lengths, pixels, strict=True)]
    slope, intercept, unit = _calibration(more)
    return Header(
        shape=pixels,
        spacing=edges([float(f"{edge:.{DIGITS}g}") for edge in whole]),
        start=start,
        slope=slope / scaling if scaling > 0 else 0.0,
        intercept=intercept,
        unit=unit,
    )


def _calibration(more: bytes) -> tuple[float, float, str]:
    """Slope for attenuation [cm/1], intercept and unit of the density; slope 0 where none is held.

    A directory names the blocks that follow it, in four entries of 128 bytes; another block may
    stand before it (dgobbi/vtk-dicom, Source/vtkScancoCTReader.cxx).
    """
    directory = BLOCK if more[8:24] == b"MultiHeader     " else 0
    block = directory + BLOCK
    for entry in range(directory, directory + BLOCK, 128):
        if len(more) < entry + 28:
            break
        size = BLOCK * max(0, struct.unpack_from("<i", more, entry + 24)[0])
        if more[entry + 8 : entry + 24] == b"Calibration     " and len(more) >= block + 1024:
            unit = more[block + 648 : block + 664].split(b"\0")[0].decode("latin-1").strip()
            slope, intercept = (vax_double(more[block + at :][:8]) for at in (664, 672))
            if not isfinite(slope) or not isfinite(intercept):
                raise ValueError("its calibration holds no numbers")
            return slope, intercept, unit
        block += size
    return 0.0, 0.0, ""


def _image(file: Path, header: Header) -> Image:
    needed = prod(header.shape) * 2
    found = max(0, file.stat().st_size - header.start)
    calibrated = header.slope != 0

    def box_of(box: Box) -> np.ndarray:
        stored = np.memmap(file, "<i2", "r", header.start, header.shape)[box]
        if not calibrated:
            return np.array(stored, "i2")
        return stored * np.float32(header.slope) + np.float32(header.intercept)

    doubts: tuple[str, ...] = ()
    if found > needed and (header.start + found) % BLOCK:
        doubts = (
            f"is damaged: {header.start + found} bytes are no whole number of blocks of {BLOCK};"
            " copy it again from its source",
        )
    ignored: tuple[str, ...] = ()
    if found >= needed + BLOCK:  # the last block is filled up
        ignored = (f"{found - needed} bytes behind the voxels",)
    unit = DENSITY if header.unit in DENSITY_NAMES else shortened(header.unit)
    return Image(
        file=file,
        shape=header.shape,
        dtype=np.dtype("f4" if calibrated else "i2"),
        reader=box_of,
        inventory=Inventory(
            "Scanco ISQ",
            bytes_needed=needed,
            bytes_found=min(found, needed),
            spacing_unit="um",
            calibration=(
                f"{header.slope:.9g} * stored {header.intercept:+.9g}" if calibrated else ""
            ),
            ignored=ignored,
            doubts=doubts,
            assumed=() if calibrated else ("it holds no calibration to density",),
        ),
        spacing=header.spacing,
        # places of AIM files are counted from the first voxel of the ISQ that they were cut from
        frame=Frame(),
        unit=unit if calibrated else UNCALIBRATED,
    )
