"""AIM files of Scanco: gray values, which become densities, and segmentations, which do not."""

import re
from math import isfinite
from pathlib import Path

import numpy as np

from tissue.geometry.formats.scanco_header import Header, header_of
from tissue.geometry.formats.scanco_numbers import DENSITY, DENSITY_NAMES, UNCALIBRATED
from tissue.geometry.formats.scanco_storage import Stored, Triple, stored_voxels
from tissue.geometry.grid import Frame
from tissue.geometry.image import Box, Image, Inventory, edges, guarded_reader, shortened

LARGEST_LABEL = 255
MOST_LABELS = 16
"""Largest whole number of a segmentation, and most different ones. Gray values count attenuation
times 4096 or 8192 per cm; water is about 1000 or 2000, and noise gives thousands of
values."""


ENTRIES = ("Mu_Scaling", "Density: slope", "Density: intercept")
"""Entries of the processing log that make densities of stored numbers."""


@guarded_reader
def read(file: Path) -> Image:
    """The volume in an AIM; its voxels are read when they are asked for.

    Raises:
        InputError: the file is damaged, or its voxels are of an unknown type.
    """
    return _image(file, header_of(file))


def _image(file: Path, header: Header) -> Image:
    stored = stored_voxels(file, header)
    complete = stored.found >= stored.needed and not stored.doubts
    labels = stored.dtype.itemsize == 1 or (complete and _is_segmentation(stored, header))
    slope, intercept, unit = (1.0, 0.0, "") if labels else _calibration(header)
    calibrated = unit not in ("", UNCALIBRATED)
    doubts = stored.doubts
    if calibrated and header.twice & set(ENTRIES):
        doubts += ("has two different calibrations in its processing log; remove the wrong one",)
    precise = np.float64 if stored.dtype.itemsize > 2 else np.float32

    def box_of(box: Box) -> np.ndarray:
        values = stored.read(_shifted(box, stored.border))
        return values * precise(slope) + precise(intercept) if calibrated else values

    starts = zip(header.position, header.border, header.edges, strict=True)
    z, y, x = ((at + out) * edge * 1e3 for at, out, edge in starts)
    return Image(
        file=file,
        shape=header.inner,
        dtype=np.dtype(precise) if calibrated else stored.dtype,
        reader=box_of,
        inventory=Inventory(
            f"Scanco AIM version {header.version}",
            bytes_needed=stored.needed,
            bytes_found=stored.found,
            spacing_unit="mm",
            calibration=f"{slope:.9g} * stored {intercept:+.9g}" if calibrated else "",
            assumed=_remarks(header, labels, calibrated),
            doubts=doubts,
        ),
        # headers hold lengths in single precision, which has seven digits
        spacing=edges([float(f"{edge:.7g}") for edge in header.edges], 1e3),
        frame=Frame((z, y, x)) if isfinite(z + y + x) else None,
        unit=unit,
        labels=labels,
    )


def _shifted(box: Box, border: Triple) -> Box:
    z, y, x = (
        slice(along.start + out, along.stop + out) for along, out in zip(box, border, strict=True)
    )
    return (z, y, x)


def _remarks(header: Header, labels: bool, calibrated: bool) -> tuple[str, ...]:
    notes = []
    if labels:
        notes.append("its values are labels of a segmentation, so that no calibration applies")
    elif not calibrated:
        notes.append("it holds no calibration to density")
    if any(header.border):
        z, y, x = header.border
        notes.append(f"its border of {z}, {y} and {x} voxels (z, y, x) is invalid and left out")
    return tuple(notes)


def _is_segmentation(stored: Stored, header: Header) -> bool:
    """Whether whole numbers of two bytes hold nothing but a few labels.

    Every voxel of a segmentation is looked at; the first slice of a scan shows that it is not one.
    """
    if stored.dtype.kind not in "iu":
        return False
    nz, ny, nx = header.inner
    seen: set[int] = set()
    for z in range(nz):
        box = _shifted((slice(z, z + 1), slice(0, ny), slice(0, nx)), stored.border)
        seen.update(np.unique(stored.read(box)).tolist())
        if len(seen) > MOST_LABELS or min(seen) < 0 or max(seen) > LARGEST_LABEL:
            return False
    return True


def _calibration(header: Header) -> tuple[float, float, str]:
    """Slope and intercept from stored numbers to density, and the unit of the result.

    Raises:
        ValueError: an entry of the log is not a number.
    """
    missing = [name for name in ENTRIES if name not in header.log]
    if missing and ENTRIES[1] not in header.log and ENTRIES[2] not in header.log:
        return 1.0, 0.0, UNCALIBRATED
    if missing:
        raise ValueError(f"its processing log has a part of a calibration, without {missing[0]}")
    scaling, slope, intercept = (_number(name, header.log[name]) for name in ENTRIES)
    if scaling <= 0 or slope == 0:
        return 1.0, 0.0, UNCALIBRATED
    unit = header.log.get("Density: unit", "")
    return slope / scaling, intercept, DENSITY if unit in DENSITY_NAMES else shortened(unit)


def _number(name: str, text: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise ValueError(f"{name} is {shortened(text)!r} in its processing log")
    return float(text)
