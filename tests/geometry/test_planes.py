"""A scan becomes bone a few planes at a time: with the same bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry.made_scans import bone_of, outside_of, scan_of, stored
from scipy import ndimage

from tissue.geometry import planes, preparation
from tissue.geometry.load import load_image
from tissue.geometry.resample import binomial_pass, block_means
from tissue.geometry.segmentation import _distances
from tissue.geometry.settings import ImageSettings

SIZE = 56
ONE_PLANE = SIZE**2

OPTIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "threshold": {"threshold": 1100.123456789},
    "coarser": {"resample": 30.0},
    "smoothed": {"smooth": 12.0, "resample": 20.0},
    "interpolated": {"resample": 17.0, "voxel_size": (12.0, 10.0, 10.0)},
}


def scan(folder: Path, dtype: str, *, padded: bool) -> Path:
    """A scan of bone, alone or in a round field of view."""
    gray = scan_of(bone_of(0.25, SIZE), blur=0.7)
    if padded:
        gray[outside_of(gray.shape, "circle")] = 0
    np.save(folder / "scan.npy", stored(gray, dtype))
    return folder / "scan.npy"


def settings(file: Path, dtype: str, options: dict[str, Any]) -> ImageSettings:
    options = {"voxel_size": 10.0, **options}
    if dtype == "u1" and "threshold" in options:
        options["threshold"] /= 12
    return ImageSettings(file, **options)


@pytest.mark.parametrize(("dtype", "padded"), [("u1", False), ("i2", True), ("f4", True)])
def test_the_bone_does_not_depend_on_the_slabs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, padded: bool
) -> None:
    monkeypatch.setattr(preparation, "mean_thickness", lambda bone, samples: float(bone.sum()))
    file = scan(tmp_path, dtype, padded=padded)
    for options in OPTIONS.values():
        chosen, periodic = settings(file, dtype, options), (-3, -1)
        found = []
        for at_once in (2**40, 3 * ONE_PLANE):
            monkeypatch.setattr(planes, "AT_ONCE", at_once)
            found.append(load_image(chosen, periodic))
        whole, in_slabs = found
        assert in_slabs.bone_volume_fraction.tobytes() == whole.bone_volume_fraction.tobytes()
        assert (in_slabs.log, in_slabs.warnings) == (whole.log, whole.warnings)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "i4", "f8"])
@pytest.mark.parametrize("widths", [(1.3, 0.7, 2.0), (9.0, 1.0, 1.0), (0.0, 1.0, 0.0)])
def test_smoothing_in_slabs_is_that_of_scipy(
    monkeypatch: pytest.MonkeyPatch, dtype: str, widths: tuple[float, ...]
) -> None:
    monkeypatch.setattr(planes, "AT_ONCE", 5 * 48**2)
    values = stored(scan_of(bone_of(0.25)), "f4").astype(dtype)
    gray = values.astype(np.float64 if dtype in ("i4", "f8") else np.float32)
    expected = ndimage.gaussian_filter(gray, widths, mode="nearest")
    found = planes.gaussian(values, widths)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    outside = outside_of(values.shape, "circle")
    expected = ndimage.gaussian_filter(np.where(outside, gray.dtype.type(7), gray), widths)
    found = planes.gaussian(np.where(outside, values.dtype.type(7), values), widths)
    again = planes.gaussian(values, widths, outside, 7.0)
    np.testing.assert_array_equal(again, found)


def test_averages_in_slabs_are_those_of_shifted_and_cut_arrays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planes, "AT_ONCE", 7 * 48**2)
    bone = bone_of(0.25)[:41, :38]
    z, y, x = (size // 3 for size in bone.shape)
    cubes = bone[: 3 * z, : 3 * y, : 3 * x].reshape(z, 3, y, 3, x, 3)
    np.testing.assert_array_equal(block_means(bone, 3), cubes.sum(axis=(1, 3, 5)) / 27)
    expected = bone.astype(float)
    for axis, mode in ((0, "wrap"), (1, "nearest"), (2, "wrap")):
        expected = ndimage.correlate1d(expected, [0.25, 0.5, 0.25], axis, mode=mode)
    np.testing.assert_array_equal(binomial_pass(bone, (-3, -1)), expected)
    distances = ndimage.distance_transform_edt(bone).astype(np.float32)
    np.testing.assert_array_equal(_distances(bone), distances)
