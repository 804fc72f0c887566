"""AIM files of Scanco: gray values, which become densities, and segmentations, which do not."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, prod
from pathlib import Path

import numpy as np

from tissue.geometry.formats.scanco_numbers import (
    DENSITY,
    DENSITY_NAMES,
    UNCALIBRATED,
    packed_bits,
    runs_of_two_values,
    runs_of_values,
    vax_float,
    vax_floats,
)
from tissue.geometry.grid import Frame
from tissue.geometry.image import Box, Image, Inventory, edges, refused, shortened, unreadable

VERSION_3 = b"AIMDATA_V030   \0"
VERSION_2 = struct.pack("<2i", 20, 140)
"""Sizes of the two headers of version 2, with which its files begin."""

SIGNS = (VERSION_3, VERSION_2)

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

SMALL = 255
FEW = 16
"""Whole numbers of a segmentation: up to SMALL, and up to FEW of them. Gray values count
attenuation times 4096 or 8192 per cm; water is about 1000 or 2000, and noise gives thousands of
values."""


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


def read(file: Path) -> Image:
    """The volume in an AIM; its voxels are read when they are asked for.

    Raises:
        InputError: the file is damaged, or its voxels are of an unknown type.
    """
    try:
        return _image(file, _header(file))
    except (OSError, struct.error, ValueError, OverflowError) as error:
        raise unreadable(file, error) from error


def _header(file: Path) -> Header:
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
    return Header(
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


def _entries(text: str) -> tuple[dict[str, str], frozenset[str]]:
    """Entries of a processing log, and those that it gives two different values."""
    log: dict[str, str] = {}
    twice = set()
    for line in text.replace("\0", "\n").splitlines():
        key, _, value = line.strip().partition("  ")
        value = value.strip()
        if not value or key.startswith("!"):
            continue
        if log.get(key, value) != value:
            twice.add(key)
        log[key] = value
    return log, frozenset(twice)


def _image(file: Path, header: Header) -> Image:
    whole_box, dtype, needed, found, doubts = _storage(file, header)
    shape = tuple(size - 2 * out for size, out in zip(header.shape, header.border, strict=True))
    if min(header.border) < 0 or min(shape) < 1:
        raise ValueError(f"its border of {header.border} voxels leaves nothing of {header.shape}")
    complete = found >= needed and not doubts
    labels = dtype.itemsize == 1 or (complete and _is_segmentation(whole_box, header, dtype))
    slope, intercept, unit = (1.0, 0.0, "") if labels else _calibration(header)
    calibrated = unit not in ("", UNCALIBRATED)
    if calibrated and header.twice & {"Mu_Scaling", "Density: slope", "Density: intercept"}:
        doubts += ("has two different calibrations in its processing log; remove the wrong one",)
    precise = np.float64 if dtype.itemsize > 2 else np.float32

    def box_of(box: Box) -> np.ndarray:
        inner = tuple(
            slice(along.start + out, along.stop + out)
            for along, out in zip(box, header.border, strict=True)
        )
        values = whole_box(inner)  # type: ignore[arg-type]
        return values * precise(slope) + precise(intercept) if calibrated else values

    assumed = []
    if labels:
        assumed.append("its values are labels of a segmentation, so that no calibration applies")
    elif not calibrated:
        assumed.append("it holds no calibration to density")
    if any(header.border):
        out_z, out_y, out_x = header.border
        assumed.append(
            f"its border of {out_z}, {out_y} and {out_x} voxels (z, y, x) is invalid and left out"
        )
    starts = zip(header.position, header.border, header.edges, strict=True)
    z, y, x = ((at + out) * edge * 1e3 for at, out, edge in starts)
    return Image(
        file=file,
        shape=shape,
        dtype=np.dtype(precise) if calibrated else dtype,
        reader=box_of,
        inventory=Inventory(
            f"Scanco AIM version {header.version}",
            bytes_needed=needed,
            bytes_found=found,
            spacing_unit="mm",
            calibration=f"{slope:.9g} * stored {intercept:+.9g}" if calibrated else "",
            assumed=tuple(assumed),
            doubts=doubts,
        ),
        # headers hold lengths in single precision, which has seven digits
        spacing=edges([float(f"{edge:.7g}") for edge in header.edges], 1e3),
        frame=Frame((z, y, x)) if isfinite(z + y + x) else None,
        unit=unit,
        labels=labels,
    )


Storage = tuple[Callable[[Box], np.ndarray], np.dtype, int, int, tuple[str, ...]]
"""Reader of voxels, their type, the bytes of them that the header promises and that are there
after decompression, and doubts."""


def _storage(file: Path, header: Header) -> Storage:
    """Voxels with the border, as they are stored.

    Raises:
        ValueError: the voxels are of an unknown type.
    """
    if min(header.shape) < 1:
        raise ValueError(f"it has {header.shape} voxels")
    there = min(header.size, max(0, file.stat().st_size - header.start))
    voxels = prod(header.shape)
    kind = np.dtype(RAW.get(header.kind, "<u2"))
    if header.kind in RAW or header.kind == VAX_FLOATS:
        needed = voxels * (kind.itemsize if header.kind in RAW else 4)
        doubts = _unlike(needed, header.size)
        if there < needed or doubts:
            return _nothing, kind.newbyteorder("="), needed, there, doubts
        if header.kind == VAX_FLOATS:
            stored = np.memmap(file, kind, "r", header.start, (*header.shape, 2))
            return lambda box: vax_floats(stored[box]), np.dtype("f4"), needed, there, ()
        plain = np.memmap(file, kind, "r", header.start, header.shape)
        native = kind.newbyteorder("=")
        return lambda box: np.array(plain[box], native), native, needed, there, ()
    if header.kind not in (TWO_VALUES, VALUES, BITS):
        raise refused(
            file,
            f"holds voxels of the type {header.kind:#010x}, which is not known; save them as char"
            " or short",
        )
    return _packed(file, header, there)


def _packed(file: Path, header: Header, there: int) -> Storage:
    voxels, kind = prod(header.shape), np.dtype("i1")
    if header.kind == BITS:
        packed = prod((size + 1) // 2 for size in header.shape) + 1
        doubts = _unlike(packed, header.size)
        if there < packed or doubts:
            return _nothing, kind, packed, there, doubts
        stream = np.memmap(file, "u1", "r", header.start, packed)
        return packed_bits(stream, header.shape), kind, voxels, voxels, ()
    width = 8 if header.version == 3 else 4  # of the length of the stream, which stands before it
    begin = width + (2 if header.kind == TWO_VALUES else 0)
    if there <= begin:
        return _nothing, kind, voxels, 0, ()
    stream = np.memmap(file, "u1", "r", header.start, there)
    length = int.from_bytes(stream[:width].tobytes(), "little")
    unpack = runs_of_two_values if header.kind == TWO_VALUES else runs_of_values
    runs = unpack(np.array(stream[width : max(begin, length)]))
    doubts = ()
    if runs.voxels > voxels:
        doubts = (
            f"is damaged: its runs hold {runs.voxels} voxels and its header says {voxels};"
            " copy it again from its source",
        )
    return runs.box_of(header.shape), kind, voxels, runs.voxels, doubts


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


def _is_segmentation(voxels: Callable[[Box], np.ndarray], header: Header, dtype: np.dtype) -> bool:
    """Whether whole numbers of two bytes hold nothing but a few labels.

    Every voxel of a segmentation is looked at; the first slice of a scan shows that it is none.
    """
    if dtype.kind not in "iu":
        return False
    _, ny, nx = header.shape
    seen: set[int] = set()
    for z in range(header.shape[0]):
        seen.update(np.unique(voxels((slice(z, z + 1), slice(0, ny), slice(0, nx)))).tolist())
        if len(seen) > FEW or min(seen) < 0 or max(seen) > SMALL:
            return False
    return True


def _calibration(header: Header) -> tuple[float, float, str]:
    """Slope and intercept from stored numbers to density, and the unit of the result.

    Raises:
        ValueError: an entry of the log is no number.
    """
    names = ("Mu_Scaling", "Density: slope", "Density: intercept")
    if not all(name in header.log for name in names):
        return 1.0, 0.0, UNCALIBRATED
    scaling, slope, intercept = (_number(name, header.log[name]) for name in names)
    if scaling <= 0 or slope == 0:
        return 1.0, 0.0, UNCALIBRATED
    unit = header.log.get("Density: unit", "")
    return slope / scaling, intercept, DENSITY if unit in DENSITY_NAMES else shortened(unit)


def _number(name: str, text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise ValueError(f"{name} is {shortened(text)!r} in its processing log")
    return float(text)
