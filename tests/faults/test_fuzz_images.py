"""Images that were cut or changed are refused in a sentence, or read as another program does."""

import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from faults.damage import damaged
from faults.worker_process import Answer, WorkerProcess
from geometry.format_table import rows
from geometry.table_rows.base import Row, Scan, Told

from tissue.errors import InputError
from tissue.geometry.image import Spacing

ROWS = {row.name: row for row in rows()}

SLOWEST = 10.0
"""Longest time that an image may take [s]."""
USUAL = 2.0
"""Time after which HDF5 is taken to have no end with a file of some kilobytes [s]."""

BY_ITSELF = ("NRRD", "MetaImage", "folder of SkyScan")
"""Rows whose independent program does not know calibrations."""

TELLS = ("Scanco",)
"""Rows that tell of a file without a calibration that it has none."""


class Read(NamedTuple):
    """Answer of tissue to an image; `refused` is the sentence, and then there is no more."""

    refused: str
    values: np.ndarray | None = None
    spacing: Spacing = (None, None, None)
    frame: Any = None
    calibrated: bool = False


def read_by_tissue(file: Path, tried: bool) -> Read:
    """An image as tissue reads it, with or without the trial of HDF5 in a process of its own."""
    from tissue.geometry.formats import hdf5, hdf5_trial
    from tissue.geometry.images import read_image

    vars(hdf5)["tried"] = hdf5_trial.tried if tried else lambda *_: None
    warnings.simplefilter("always")
    try:
        image = read_image(file)
        calibrated = bool(image.inventory.calibration)
        return Read("", image.values, image.spacing, image.frame, calibrated)
    except InputError as error:
        return Read(str(error))


Programs = tuple[WorkerProcess, WorkerProcess]
"""Processes that read images with tissue and with other programs."""


def read_by_others(name: str, file: Path, scan: Scan) -> list[Told]:
    """An image as the independent programs of its row read it; none where none does."""
    warnings.simplefilter("ignore")
    found = []
    with suppress(Exception):  # of a damaged file they may raise anything
        found.append(ROWS[name].told(file, scan))
    with suppress(Exception):
        found += ROWS[name].seconds(file, scan)
    return found


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    """Tissue and the independent programs, each in a process that may crash."""
    both = WorkerProcess(read_by_tissue), WorkerProcess(read_by_others)
    yield both
    for each in both:
        each.close()


def full(row: Row) -> Scan:
    """The scan that is damaged, with everything that the format holds."""
    scan = row.usual
    if "turn" in row.has:
        scan = replace(scan, direction="turned")
    if "line" in row.has and not row.name.startswith(BY_ITSELF):
        scan = replace(scan, line=(0.25, -391.5))
    return scan


PACKED = [
    (name, packing)
    for name, row in ROWS.items()
    for packing in row.packings
    if packing and (name, packing) != ("NRRD, gzip", "bzip2")  # which no other program reads
]
"""Compressions that the usual files of a row do not have."""


def busy() -> float:
    """Number of processes that share a processor: everything takes so many times longer."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def outcome(tissue: WorkerProcess, file: Path) -> Read:
    """Answer of tissue to a damaged image: in time, without a crash, a word or a traceback."""
    answer: Answer = tissue.ask(file, False, seconds=USUAL)
    if answer.trouble:
        answer = tissue.ask(file, True, seconds=SLOWEST * busy())
    assert answer.trouble == ""
    assert answer.said == ""
    read: Read = answer.value
    assert "\n" not in read.refused
    return read


def differs(read: Read, given: Told) -> str:
    """In what an image differs from what another program reads; empty where it does not."""
    assert read.values is not None
    if read.values.shape != given.values.shape:
        return f"shape {read.values.shape} and {given.values.shape}"
    if not np.allclose(read.values, given.values, rtol=1e-5, atol=1e-3):
        return "values"
    if given.edges is not None:
        pairs = list(zip(read.spacing, np.abs(given.edges), strict=True))
        if any(own is not None and abs(own - other) > 1e-5 * own for own, other in pairs):
            return f"edges {pairs}"
    if read.frame is None or given.origin is None or given.direction is None:
        return ""
    away = np.abs(np.array(read.frame.origin) - given.origin)
    if (away > 1e-3 + 1e-5 * np.abs(given.origin)).any():
        return f"origin {read.frame.origin} and {given.origin}"
    # a matrix beside a rotation may be off by half a voxel, see test_nifti.py
    if np.abs(np.array(read.frame.direction) - given.direction).max() > 0.05:
        return f"direction {read.frame.direction} and {given.direction}"
    return ""


def check(row: Row, scan: Scan, folder: Path, programs: Programs, seeds: range) -> None:
    """Damaged images of one format, one a seed."""
    tissue, other = programs
    whole = row.made(folder / "whole", scan)
    right = outcome(tissue, whole)
    assert right.refused == ""
    assert right.values is not None
    kept = Told(right.values, [edge or np.nan for edge in right.spacing])
    for seed in seeds:
        hurt = damaged(whole, folder / f"{seed}", f"{row.name} {scan.packing} {seed}")
        read = outcome(tissue, hurt)
        if read.refused:
            continue
        line = scan.line if read.calibrated or not row.name.startswith(TELLS) else None
        given = other.ask(row.name, hurt, replace(scan, line=line), seconds=SLOWEST * busy()).value
        # where no other program takes it, nothing that counts may have changed
        reasons = [differs(read, each) for each in given or [kept]]
        assert "" in reasons, f"seed {seed}: {reasons}"


@pytest.mark.parametrize("name", ROWS)
def test_damaged_images(tmp_path: Path, programs: Programs, name: str) -> None:
    check(ROWS[name], full(ROWS[name]), tmp_path, programs, range(12))


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
def test_many_damaged_images(tmp_path: Path, programs: Programs, name: str) -> None:
    check(ROWS[name], full(ROWS[name]), tmp_path, programs, range(12, 212))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "packing"), PACKED)
def test_many_damaged_packed_images(
    tmp_path: Path, programs: Programs, name: str, packing: str
) -> None:
    check(ROWS[name], ROWS[name].packed(packing), tmp_path, programs, range(200))
