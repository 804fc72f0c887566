"""Scanco's AIM and ISQ that are cut or changed: refused, or read as py_aimio and numpy do."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry.formats.damaged_files import changed
from geometry.formats.scanco_made import (
    BITS,
    CHAR,
    GRAY,
    MARKED,
    SHORT,
    TWO,
    VALUES,
    aim,
    bits,
    isq,
    runs_of_two,
    runs_of_values,
)

from tissue.errors import InputError
from tissue.geometry.images import read_image

CUT = [
    (CHAR, MARKED, MARKED.tobytes()),
    (SHORT, GRAY, GRAY.tobytes()),
    (TWO, MARKED, runs_of_two(MARKED)),
    (VALUES, MARKED, runs_of_values(MARKED)),
    (BITS, MARKED, bits(MARKED)),
]


@pytest.mark.parametrize(("kind", "values", "data"), CUT)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_aim_is_refused(
    tmp_path: Path, kind: int, values: np.ndarray, data: bytes, share: float
) -> None:
    file = aim(tmp_path / "scan.aim", values, kind, data)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - len(data) + int(share * (len(data) - 1))])
    with pytest.raises(InputError, match=r"scan\.aim is cut short: its header promises \d+ bytes"):
        read_image(file)


@pytest.mark.parametrize(("kind", "values", "data"), CUT)
def test_a_header_that_lies_is_refused(
    tmp_path: Path, kind: int, values: np.ndarray, data: bytes
) -> None:
    file = tmp_path / "scan.aim"
    for shape in ((9, 10, 14), (2**30, 2**30, 2**30), (4, 5, 5), (0, 5, 6), (-4, 5, 6)):
        aim(file, np.broadcast_to(values.ravel()[0], (1, 1, 1)), kind, data)
        whole = bytearray(file.read_bytes())
        struct.pack_into("<3i", whole, 20 + 24 + 12, *shape[::-1])
        file.write_bytes(whole)
        with pytest.raises(InputError, match=r"^geometry\.file: scan\.aim "):
            read_image(file)


def test_unknown_voxels_are_refused(tmp_path: Path) -> None:
    file = aim(tmp_path / "scan.aim", GRAY, 0x00120003, bytes(3 * GRAY.size))
    with pytest.raises(InputError, match="voxels of the type 0x00120003, which is not known"):
        read_image(file)


@pytest.mark.parametrize("left", [600, 520, 300, 16])
def test_a_cut_isq_is_refused(tmp_path: Path, left: int) -> None:
    file = isq(tmp_path / "scan.isq", GRAY)
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=r"scan\.isq (is cut short|cannot be read)"):
        read_image(file)


@pytest.mark.parametrize(
    ("at", "number"), [(44, 0), (44, -6), (44, 2**31 - 1), (508, -1), (508, 2**22), (56, -1)]
)
def test_a_damaged_header_of_an_isq_is_refused(tmp_path: Path, at: int, number: int) -> None:
    file = isq(tmp_path / "scan.isq", GRAY)
    whole = bytearray(file.read_bytes())
    struct.pack_into("<i", whole, at, number)
    file.write_bytes(whole)
    with pytest.raises(InputError, match=r"scan\.isq (is cut short|cannot be read)"):
        read_image(file)


def test_voxels_beyond_two_gigabytes_are_counted(tmp_path: Path) -> None:
    file = isq(tmp_path / "scan.isq", GRAY)
    whole = bytearray(file.read_bytes())
    struct.pack_into("<3i", whole, 44, 2304, 2304, 1008)
    file.write_bytes(whole)
    with pytest.raises(InputError, match=r"promises 10701766656 bytes of voxels and 512 are there"):
        read_image(file)


def check_changed(folder: Path, seed: int) -> None:
    """A changed AIM is refused, or read as py_aimio reads it; a changed ISQ as numpy does."""
    aimio = pytest.importorskip("py_aimio")
    kind, values, data = CUT[seed % len(CUT)]
    file = aim(folder / "scan.aim", values, kind, data)
    whole = file.read_bytes()
    file.write_bytes(changed(whole, seed, 16, min(len(whole), 700)))
    try:
        image = read_image(file)
        found: Any = image.values
    except InputError:
        pass
    else:
        try:
            stored, header = aimio.read_aim(str(file))
        except UnicodeDecodeError:  # it takes no names with umlauts in the log
            return
        if image.inventory.calibration:
            log = header["processing_log"]
            slope = log["Density: slope"] / log["Mu_Scaling"]
            stored = stored * slope + log["Density: intercept"]
        z, y, x = header["offset"][::-1]
        nz, ny, nx = stored.shape
        stored = stored[z : nz - z, y : ny - y, x : nx - x]
        np.testing.assert_allclose(found, stored, rtol=1e-5, atol=1e-2)
    file = isq(folder / "scan.isq", GRAY, 1600, -390)
    whole = file.read_bytes()
    file.write_bytes(changed(whole, seed, 16, min(len(whole), 700)))
    try:
        image = read_image(file)
        found = image.values
    except InputError:
        return
    raw = file.read_bytes()
    start = 512 * (1 + struct.unpack_from("<i", raw, 508)[0])
    plain = np.frombuffer(raw, "<i2", found.size, start).reshape(found.shape)
    (scaling,) = struct.unpack_from("<i", raw, 88)
    slope, intercept = (
        struct.unpack(">d", b"".join(raw[at + i : at + i + 2][::-1] for i in (0, 2, 4, 6)))[0] / 4
        for at in (1024 + 664, 1024 + 672)
    )
    expected = plain * (slope / scaling) + intercept if image.inventory.calibration else plain
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize("seed", range(12))
def test_changed_files_are_refused_or_read_as_others_do(tmp_path: Path, seed: int) -> None:
    check_changed(tmp_path, seed)
