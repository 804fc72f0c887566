"""Scanco's AIM and ISQ: voxels, place and calibration, against py_aimio and numpy."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry.formats.scanco_made import (
    BITS,
    CALIBRATION,
    CHAR,
    GRAY,
    INT,
    MARKED,
    SHORT,
    TWO,
    VALUES,
    VAX,
    aim,
    bits,
    isq,
    runs_of_two,
    runs_of_values,
    vax,
)
from geometry.formats.volumes import peak_memory

from tissue.errors import InputError
from tissue.geometry.grid import UPRIGHT
from tissue.geometry.image import Image
from tissue.geometry.images import read_image

DENSITY = GRAY / 8192 * 1600 - 390
BOX = (slice(1, 3), slice(2, 5), slice(3, 5))


def read(file: Path) -> Image:
    return read_image(file)


def assert_as_aimio(image: Image, file: Path, density: bool = False) -> None:
    """Voxels, edges and place are those that py_aimio finds."""
    aimio = pytest.importorskip("py_aimio")
    values, header = aimio.read_aim(str(file), density=density)
    np.testing.assert_allclose(image.values, values, rtol=1e-6, atol=1e-3)
    assert image.voxel_size == pytest.approx([1e3 * edge for edge in header["spacing"][::-1]])
    assert image.frame
    assert image.frame.origin == pytest.approx([1e3 * part for part in header["origin"][::-1]])
    assert image.frame.direction == UPRIGHT


@pytest.mark.parametrize("name", ["scan.aim", "SCAN.AIM;1"])
def test_gray_values_become_densities(tmp_path: Path, name: str) -> None:
    file = aim(tmp_path / name, GRAY, SHORT, GRAY.tobytes())
    image = read(file)
    np.testing.assert_allclose(image.values, DENSITY, rtol=1e-6, atol=1e-3)
    assert_as_aimio(image, file, density=True)
    assert image.unit == "mg HA/cm^3"
    assert not image.labels
    assert image.dtype == image.values.dtype == np.float32
    assert image.voxel_size == (30, 20, 10)
    assert image.frame
    assert image.frame.origin == pytest.approx((150, 80, 30))
    assert image.inventory.lines() == (
        "Scanco AIM version 2; lengths in mm; gray value = 0.1953125 * stored -390",
    )
    np.testing.assert_array_equal(image.voxels(BOX), image.values[BOX])


def test_version_3_is_read(tmp_path: Path) -> None:
    aimio = pytest.importorskip("py_aimio")
    header = {
        "element_size": (0.0082, 0.0083, 0.0084),
        "position": (7, -8, 9),
        "processing_log": aimio.dict_to_log(CALIBRATION),
    }
    file = tmp_path / "scan.aim"
    for values in (GRAY, GRAY.astype("f4") / 3, MARKED, (GRAY % 50 - 20).astype("i1")):
        aimio.write_aim(str(file), values, header, unit="native")
        image = read(file)
        assert_as_aimio(image, file, density=values.dtype.itemsize > 1)
        assert image.labels == (values.dtype.itemsize == 1)
        assert image.inventory.format == "Scanco AIM version 3"
        box = (slice(1, 3), slice(0, 5), slice(3, 6))
        np.testing.assert_array_equal(image.voxels(box), image.values[box])


@pytest.mark.parametrize(
    ("kind", "values", "data"),
    [
        (CHAR, MARKED, MARKED.tobytes()),
        (TWO, MARKED, runs_of_two(MARKED)),
        (TWO, MARKED[:1] * 0 + 5, runs_of_two(MARKED[:1] * 0 + 5)),
        (VALUES, MARKED, runs_of_values(MARKED)),
        (BITS, MARKED, bits(MARKED)),
        (BITS, MARKED // 127, bits(MARKED, 1)),
    ],
)
def test_a_segmentation_is_never_calibrated(
    tmp_path: Path, kind: int, values: np.ndarray, data: bytes
) -> None:
    values = np.repeat(values, 2, axis=0)[:9] if len(values) == 1 else values
    if kind == TWO:
        data = runs_of_two(values)
    file = aim(tmp_path / "seg.aim", values, kind, data)
    image = read(file)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == image.dtype == np.int8
    assert_as_aimio(image, file)
    assert image.labels
    assert (image.unit, image.inventory.calibration) == ("", "")
    assert "no calibration applies" in image.inventory.assumed[0]
    if len(values) > 2:
        np.testing.assert_array_equal(image.voxels(BOX), values[BOX])


def test_few_small_whole_numbers_are_labels_and_others_are_not(tmp_path: Path) -> None:
    file = tmp_path / "seg.aim"
    labels = (MARKED.astype("i2") // 127) * 2
    assert read(aim(file, labels, SHORT, labels.tobytes())).labels
    np.testing.assert_array_equal(read(file).values, labels)
    for gray in (labels * 3000, labels - 1, GRAY // 100 + 40):
        image = read(aim(file, gray, SHORT, gray.astype("i2").tobytes()))
        assert not image.labels
        np.testing.assert_allclose(image.values, gray / 8192 * 1600 - 390, rtol=1e-6)


def test_floating_point_and_long_numbers_are_calibrated(tmp_path: Path) -> None:
    values = GRAY.astype("f4") / 7
    data = b"".join(vax(float(value)) for value in values.ravel())
    file = aim(tmp_path / "scan.aim", values, VAX, data)
    image = read(file)
    assert_as_aimio(image, file, density=True)
    np.testing.assert_array_equal(image.voxels(BOX), image.values[BOX])
    long = GRAY.astype("<i4") + 2**28
    image = read(aim(tmp_path / "long.aim", long, INT, long.tobytes()))
    np.testing.assert_allclose(image.values, long / 8192 * 1600 - 390, rtol=1e-14)


def test_a_border_of_invalid_voxels_is_left_out(tmp_path: Path) -> None:
    file = aim(tmp_path / "scan.aim", GRAY, SHORT, GRAY.tobytes(), border=(1, 0, 2))
    image = read(file)
    np.testing.assert_allclose(image.values, DENSITY[1:-1, :, 2:-2], rtol=1e-6, atol=1e-3)
    assert image.frame
    assert image.frame.origin == pytest.approx((180, 80, 50))
    assert image.inventory.assumed == (
        "its border of 1, 0 and 2 voxels (z, y, x) is invalid and left out",
    )


@pytest.mark.parametrize(("kind", "pack"), [(TWO, runs_of_two), (VALUES, runs_of_values)])
def test_runs_hold_no_border(tmp_path: Path, kind: int, pack: Any) -> None:
    inner = MARKED[1:-1, 2:-2]
    file = aim(tmp_path / "seg.aim", MARKED, kind, pack(inner), border=(1, 2, 0))
    image = read(file)
    np.testing.assert_array_equal(image.values, inner)
    aimio = pytest.importorskip("py_aimio")
    np.testing.assert_array_equal(aimio.read_aim(str(file))[0][1:-1, 2:-2], inner)
    aim(file, MARKED, kind, pack(MARKED), border=(1, 2, 0))
    with pytest.raises(InputError, match="its runs hold 990 voxels and its header says 462"):
        read(file)


def test_without_a_calibration_numbers_stay_as_they_are(tmp_path: Path) -> None:
    logs: list[dict[str, object]] = [{}, {"Mu_Scaling": 8192}, CALIBRATION | {"Density: slope": 0}]
    for log in logs:
        image = read(aim(tmp_path / "scan.aim", GRAY, SHORT, GRAY.tobytes(), log=log))
        np.testing.assert_array_equal(image.values, GRAY)
        assert image.unit == "the scanner's own unit"
        assert image.inventory.assumed == ("it holds no calibration to density",)


def test_the_log_is_read_entry_by_entry(tmp_path: Path) -> None:
    # an entry whose name ends like another one is another one
    log = {"Original Density: intercept": -1.0} | CALIBRATION
    file = aim(tmp_path / "scan.aim", GRAY, SHORT, GRAY.tobytes(), log=log)
    np.testing.assert_allclose(read(file).values, DENSITY, rtol=1e-6, atol=1e-3)
    aim(file, GRAY, SHORT, GRAY.tobytes(), log=CALIBRATION | {"Density: unit": "1/cm"})
    assert read(file).unit == "1/cm"
    aim(file, GRAY, SHORT, GRAY.tobytes(), log=CALIBRATION | {"Density: slope": "many"})
    with pytest.raises(InputError, match="Density: slope is 'many' in its processing log"):
        read(file)
    twice = {"Density: slope": 1.0, "Density: slope ": 2.0} | CALIBRATION
    aim(file, GRAY, SHORT, GRAY.tobytes(), log=twice)
    with pytest.raises(InputError, match="two different calibrations in its processing log"):
        read(file)


def test_an_isq_is_read_with_its_voxels(tmp_path: Path) -> None:
    file = isq(tmp_path / "SCAN.ISQ;1", GRAY)
    image = read(file)
    np.testing.assert_array_equal(image.values, GRAY)
    assert image.voxel_size == (30, 20, 10)
    assert image.unit == "the scanner's own unit"
    assert image.inventory.format == "Scanco ISQ"
    np.testing.assert_array_equal(image.voxels(BOX), GRAY[BOX])


@pytest.mark.parametrize("ahead", [False, True])
def test_a_calibrated_isq_is_read_as_density(tmp_path: Path, ahead: bool) -> None:
    file = isq(tmp_path / "scan.isq", GRAY, 1600, -390, ahead=ahead)
    image = read(file)
    np.testing.assert_allclose(image.values, DENSITY, rtol=1e-6, atol=1e-3)
    assert image.values.dtype == image.dtype == np.float32
    assert image.unit == "mg HA/cm^3"
    assert image.inventory.calibration == "0.1953125 * stored -390"
    np.testing.assert_array_equal(image.voxels(BOX), image.values[BOX])
    aimio = pytest.importorskip("py_aimio")
    header = aimio.isq_info(str(file))
    assert (header["rescale_slope"], header["rescale_intercept"]) == (1600, -390)
    assert read(isq(file, GRAY, 1600, -390, b"1/cm", ahead)).unit == "1/cm"


def test_places_of_an_aim_count_from_the_isq_it_was_cut_from(tmp_path: Path) -> None:
    scan = read(isq(tmp_path / "scan.isq", GRAY))
    part = GRAY[1:3, 2:5, 3:6]
    cut = read(aim(tmp_path / "cut.aim", part, SHORT, part.tobytes(), position=(1, 2, 3), log={}))
    assert scan.frame
    assert cut.frame
    places = np.subtract(cut.frame.origin, scan.frame.origin) / scan.voxel_size
    z, y, x = np.rint(places).astype(int)
    np.testing.assert_array_equal(scan.values[z : z + 2, y : y + 3, x : x + 3], cut.values)


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("scan.rsq", 3, r"holds projections \(RSQ\) and no volume; give the ISQ"),
        ("SCAN.RSQ;2", 3, r"holds projections \(RSQ\)"),
        ("scan.rad", 9, r"holds one radiograph \(RAD\) and no volume"),
        ("mask.gobj", 6, r"holds contours \(GOBJ\) and no volume"),
        ("what.isq", 77, "holds data of the type 77 and no volume"),
    ],
)
def test_relatives_of_an_isq_are_refused(tmp_path: Path, name: str, kind: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(isq(tmp_path / name, GRAY, kind=kind))


def test_a_box_of_a_file_reads_its_pages_only(tmp_path: Path) -> None:
    values = np.zeros((64, 256, 256), "i2")
    values[40:44, 10:20, 30:60] = 7
    packed = (values != 0).astype("i1")
    box = (slice(40, 50), slice(0, 64), slice(0, 64))
    for file in (
        isq(tmp_path / "scan.isq", values, 1600, -390),
        aim(tmp_path / "scan.aim", values, SHORT, values.tobytes()),
        aim(tmp_path / "seg.aim", packed, TWO, runs_of_two(packed)),
        aim(tmp_path / "bits.aim", packed, BITS, bits(packed)),
    ):
        image = read(file)
        part, peak = peak_memory(partial(image.voxels, box))
        assert peak < 3 * part.size * 4 < values.nbytes / 16
        assert np.count_nonzero(part != part[-1, -1, -1]) == 4 * 10 * 30
