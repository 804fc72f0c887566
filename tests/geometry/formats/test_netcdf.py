"""Volumes in netCDF classic files, against scipy, xarray and a file of the netCDF library."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry.formats import volumes
from geometry.formats.damaged_files import outcome
from scipy.io import netcdf_file

from tissue.geometry.formats import netcdf
from tissue.geometry.gate import admit
from tissue.geometry.grid import Frame
from tissue.geometry.image import Image

VOLUME = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
BOX = (slice(1, 3), slice(0, 2), slice(2, 5))

CDF5 = bytes.fromhex(
    "4344460500000000000000000000000a000000000000000300000000000000017a000000000000000000000200000000"
    "00000001790000000000000000000002000000000000000178000000000000000000000300000000000000000000000000"
    "00000b000000000000000100000000000000026374000000000000000000030000000000000000000000000000000100"
    "0000000000000200000000000000000000000000000008000000000000001800000000000000b8ea60ea61ea62ea63ea"
    "64ea65ea66ea67ea68ea69ea6aea6b"
)
"""Unsigned 16-bit numbers from 60000, of shape (2, 2, 3), written by the netCDF library 4.9."""


def read(file: Path, dataset: str | None = None) -> Image:
    return admit(netcdf.read(file, dataset))


def refusal(file: Path, dataset: str | None = None) -> str:
    return volumes.refusal(read, file, dataset)


def written(
    file: Path,
    values: np.ndarray = VOLUME,
    version: int = 1,
    records: bool = False,
    steps: dict[str, float] | None = None,
    axes: str = "zyx",
    top: dict[str, Any] | None = None,
    more: str = "",
    **attributes: Any,
) -> Path:
    with netcdf_file(str(file), "w", version=version) as made:
        for name, value in (top or {}).items():
            setattr(made, name, value)
        for number, (axis, count) in enumerate(zip(axes, values.shape, strict=True)):
            made.createDimension(axis, None if records and not number else count)
        for name in ("ct", *more):
            variable = made.createVariable(name, values.dtype, tuple(axes))
            variable[:] = values
            for key, value in attributes.items():
                setattr(variable, key, value)
        for axis, step in (steps or {}).items():
            places = made.createVariable(axis, np.dtype("f4"), (axis,))
            places[:] = 0.5 + step * np.arange(values.shape[axes.index(axis)])
            places.units = "mm"
    return file


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("more", ["", "v"])
def test_values_are_those_of_scipy(
    tmp_path: Path, kind: str, version: int, records: bool, more: str
) -> None:
    values = VOLUME.astype(kind)
    file = written(tmp_path / "a.nc", values, version, records, more=more)
    image = read(file, "ct")
    with netcdf_file(str(file), mmap=False) as expected:
        np.testing.assert_array_equal(image.values, expected.variables["ct"][:])
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == image.dtype == np.dtype(kind)
    assert image.values.dtype.isnative
    np.testing.assert_array_equal(image.voxels(BOX), values[BOX])
    assert (image.spacing, image.frame) == ((None, None, None), None)


def test_the_third_version_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(CDF5)
    expected = 60000 + np.arange(12).reshape(2, 2, 3)
    np.testing.assert_array_equal(read(tmp_path / "a.nc").values, expected)


def test_the_number_of_records_may_be_open(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nc", records=True)
    content = bytearray(file.read_bytes())
    content[4:8] = b"\xff" * 4
    file.write_bytes(content)
    np.testing.assert_array_equal(read(file).values, VOLUME)


@pytest.mark.parametrize("records", [False, True])
def test_positions_give_size_and_place(tmp_path: Path, records: bool) -> None:
    steps = {"z": 0.03, "y": -0.02, "x": 0.01}
    image = read(written(tmp_path / "a.nc", records=records, steps=steps))
    np.testing.assert_array_equal(image.values, VOLUME)
    assert image.spacing == (30, 20, 10)
    turned = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    assert image.frame == Frame((500.0, 500.0, 500.0), turned)
    assert image.inventory.spacing_unit == "mm"


def test_axes_are_put_in_order(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nc", VOLUME.transpose(2, 1, 0), axes="xyz", steps={"x": 0.01})
    image = read(file)
    np.testing.assert_array_equal(image.values, VOLUME)
    np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])
    assert image.spacing == (None, None, 10)
    assert "TYX" in refusal(written(tmp_path / "b.nc", axes="tyx"))
    single = written(tmp_path / "c.nc", VOLUME[None], axes="tzyx")
    np.testing.assert_array_equal(read(single).voxels(BOX), VOLUME[BOX])
    assert "4 axes" in refusal(
        written(tmp_path / "d.nc", np.stack([VOLUME] * 2), axes="tzyx"), "ct"
    )


@pytest.mark.parametrize("kind", ["i2", "i4", "f4"])
def test_packed_values_are_those_of_xarray(tmp_path: Path, kind: str) -> None:
    xarray = pytest.importorskip("xarray")
    file = written(
        tmp_path / "a.nc",
        VOLUME.astype(kind),
        scale_factor=np.float64(0.1),
        add_offset=np.float64(-1000.0),
        units="mg/cm^3",
    )
    image = read(file)
    with xarray.open_dataset(file, engine="scipy") as data:
        np.testing.assert_allclose(image.values, data["ct"].values, rtol=1e-6)
    assert image.values.dtype == image.dtype
    assert image.unit == "mg/cm^3"
    assert image.inventory.calibration == "0.1 * stored -1000"
    assert "missing (_FillValue 7)" in refusal(
        written(tmp_path / "b.nc", VOLUME.astype(kind), _FillValue=np.dtype(kind).type(7))
    )


def test_one_of_several_must_be_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nc", more="v")
    assert "holds several 3-D variables; name one of ct, v" in refusal(file)
    np.testing.assert_array_equal(read(file, "/v").values, VOLUME)
    assert "holds the 3-D variables ct, v" in refusal(file, "w")
    flat = written(tmp_path / "b.nc", VOLUME[0], axes="yx")
    assert "holds no 3-D variable, but ct (4 x 5)" in refusal(flat)


def test_mango_gives_its_voxel_size_and_means_unsigned_numbers(tmp_path: Path) -> None:
    top = {
        "voxel_size_xyz": np.array([0.01, 0.02, 0.03]),
        "voxel_unit": "mm",
        "number_of_files": np.array([1], "i4"),
        "zdim_total": np.array([3], "i4"),
    }
    assert read(written(tmp_path / "a.nc", top=top)).spacing == (30, 20, 10)
    large = (VOLUME.astype("u2") + 40000).view("i2")
    assert "mango" in refusal(written(tmp_path / "b.nc", large, top=top))
    image = read(written(tmp_path / "c.nc", large, top=top, _Unsigned="true"))
    np.testing.assert_array_equal(image.values, VOLUME.astype(int) + 40000)
    top["zdim_total"] = np.array([30], "i4")
    assert "only 3 of the 30 slices" in refusal(written(tmp_path / "d.nc", top=top))


@pytest.mark.parametrize("records", [False, True])
def test_a_file_that_is_cut_is_told(tmp_path: Path, records: bool) -> None:
    whole = written(tmp_path / "whole.nc", records=records).read_bytes()
    for keep in range(4, len(whole)):
        file = tmp_path / "cut.nc"
        file.write_bytes(whole[:keep])
        assert "cut" in refusal(file).replace("cut.nc", "")
    (tmp_path / "cut.nc").write_bytes(whole + b"more")
    np.testing.assert_array_equal(read(tmp_path / "cut.nc").values, VOLUME)


def test_damaged_files_are_one_sentence_or_read_as_scipy_does(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.nc", steps={"z": 0.03, "y": 0.02, "x": 0.01}).read_bytes()
    chance = random.Random(12)
    for number in range(12):
        content = bytearray(whole)
        content[chance.randrange(4, len(whole) - VOLUME.nbytes)] = chance.randrange(256)
        file = tmp_path / f"{number}.nc"
        file.write_bytes(content)
        values = outcome(read, file)
        if values is None:
            continue
        try:
            made = netcdf_file(io.BytesIO(bytes(content)), mmap=False)
            expected = next(each for each in made.variables.values() if len(each.shape) == 3)[:]
        except Exception:  # scipy reads all variables, and one of the others is damaged
            expected = VOLUME
        np.testing.assert_array_equal(values, expected)
