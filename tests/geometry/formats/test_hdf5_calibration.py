"""Volumes in HDF5 files: packed values, and voxels that are marked as missing."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from geometry.formats.hdf5_made import BOX, VOLUME, made, plain, read, refusal

from tissue.geometry.grid import UPRIGHT, Frame


def packed(tmp_path: Path, values: np.ndarray, **attributes: Any) -> Path:
    def write(file: h5py.File) -> None:
        file["ct"] = values
        file["ct"].attrs.update(attributes)
        for axis, count in zip("zyx", values.shape, strict=True):
            file[axis] = np.arange(count) * 0.01
            file[axis].make_scale(axis)
            file[axis].attrs["units"] = "mm"
        for axis, dimension in zip("zyx", file["ct"].dims, strict=True):
            dimension.attach_scale(file[axis])

    return made(tmp_path / "a.nc", write)


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "i4", "f4"])
def test_packed_values_are_those_of_xarray(tmp_path: Path, kind: str) -> None:
    xarray = pytest.importorskip("xarray")
    file = packed(
        tmp_path, VOLUME.astype(kind), scale_factor=0.1, add_offset=-1000.0, units="mg/cm^3"
    )
    image = read(file)
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        np.testing.assert_allclose(image.values, data["ct"].values, rtol=1e-6)
        assert image.dtype.itemsize >= (8 if kind == "i4" else 4)
    assert image.values.dtype == image.dtype
    assert image.unit == "mg/cm^3"
    assert image.inventory.calibration == "0.1 * stored -1000"
    assert image.spacing == (10, 10, 10)
    assert image.frame == Frame((0.0, 0.0, 0.0), UPRIGHT)
    np.testing.assert_array_equal(image.voxels(BOX), image.values[BOX])


def test_unsigned_numbers_in_a_signed_type(tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    stored = np.arange(100, 160, dtype="u1").reshape(3, 4, 5)
    file = packed(tmp_path, stored.view("i1"), _Unsigned="true", scale_factor=2.0)
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        np.testing.assert_array_equal(read(file).values, data["ct"].values)
    assert read(file).values.max() == 318
    plain_signed = packed(tmp_path, stored.view("i1"), _Unsigned="true")
    np.testing.assert_array_equal(read(plain_signed).values, stored)


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ({"_FillValue": np.int16(7)}, 1),
        ({"missing_value": np.array([7, 8], "i2")}, 1),
        ({"_FillValue": np.int16(7), "scale_factor": 0.1}, 1),
        ({"valid_range": np.array([0, 57], "i2")}, 2),
        ({"valid_min": np.int16(4)}, 4),
        ({"valid_max": 57.0}, 2),
        ({"valid_range": [-1000.0, -994.3], "scale_factor": 0.1, "add_offset": -1000.0}, 2),
    ],
)
def test_voxels_marked_as_missing_are_no_values(
    tmp_path: Path, attributes: dict[str, Any], count: int
) -> None:
    file = plain(tmp_path, VOLUME, **attributes)
    assert f"holds {count} voxels that it marks as missing" in refusal(file)


def test_a_mark_that_no_voxel_bears_does_no_harm(tmp_path: Path) -> None:
    file = plain(tmp_path, VOLUME, _FillValue=np.int16(-1), valid_range=np.array([0, 59], "i2"))
    np.testing.assert_array_equal(read(file).values, VOLUME)
    whole = read(plain(tmp_path, VOLUME, _FillValue=np.int16(0)))
    np.testing.assert_array_equal(whole.voxels(BOX), VOLUME[BOX])  # the mark lies elsewhere
    file = plain(tmp_path, VOLUME.astype("f4"), _FillValue=np.float32(9.96921e36))
    np.testing.assert_array_equal(read(file).values, VOLUME)


@pytest.mark.parametrize("value", ["one", [1.0, 2.0], np.nan, 0.0])
def test_a_scale_that_is_none_is_named(tmp_path: Path, value: Any) -> None:
    assert "scale_factor" in refusal(plain(tmp_path, VOLUME, scale_factor=value))


# --- our own files ----------------------------------------------------------------------------
