"""Volumes as scanners write them, and regions of interest."""

import struct
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tissue.errors import InputError
from tissue.geometry.images import read_image
from tissue.geometry.load import ImageSettings, load_image

VALUES = np.arange(4 * 5 * 6, dtype="i2").reshape(4, 5, 6)


def dicom(folder: Path, series: str = "1.2.3") -> Path:
    """A series of slices whose names run against their places."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for z, plane in enumerate(VALUES):
        image = sitk.GetImageFromArray(plane)
        image.SetSpacing((0.01, 0.02))
        tags = {
            "0008|0060": "CT",
            "0020|000e": series,
            "0020|0032": f"0\\0\\{0.03 * z}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(z),
            "0018|0050": "0.03",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{series}_{9 - z}.dcm"))
        writer.Execute(image)
    return folder


def test_a_dicom_series_is_read_in_the_order_of_its_places(tmp_path: Path) -> None:
    image = read_image(dicom(tmp_path / "scan"))
    np.testing.assert_array_equal(image.values, VALUES)
    assert image.voxel_size == pytest.approx((30, 20, 10))


def test_several_dicom_series_are_told(tmp_path: Path) -> None:
    dicom(tmp_path / "scan")
    dicom(tmp_path / "scan", series="1.2.4")
    with pytest.raises(InputError, match="holds 2 DICOM series; keep one"):
        read_image(tmp_path / "scan")


def test_a_scanco_aim_is_read_with_its_voxels(tmp_path: Path) -> None:
    aimio = pytest.importorskip("py_aimio")
    for name in ("scan.aim", "SCAN.AIM;1"):
        path = tmp_path / name
        aimio.write_aim(
            str(path), VALUES, {"element_size": (0.0082, 0.0082, 0.0082)}, unit="native"
        )
        image = read_image(path)
        np.testing.assert_array_equal(image.values, VALUES)
        assert image.voxel_size == pytest.approx((8.2, 8.2, 8.2), rel=1e-5)
        assert image.unit == "the scanner's own unit"


def test_a_calibrated_aim_is_read_as_density(tmp_path: Path) -> None:
    aimio = pytest.importorskip("py_aimio")
    log = aimio.dict_to_log(
        {
            "Mu_Scaling": 8192,
            "HU: mu water": 0.24,
            "Density: slope": 1600.0,
            "Density: intercept": -390.0,
            "Density: unit": "mg HA/ccm",
        }
    )
    path = tmp_path / "scan.aim"
    header = {"element_size": (0.01, 0.01, 0.01), "processing_log": log}
    aimio.write_aim(str(path), VALUES, header, unit="native")
    image = read_image(path)
    assert image.unit == "mg HA/cm^3"
    np.testing.assert_allclose(image.values, VALUES / 8192 * 1600 - 390, rtol=1e-5)


def isq(path: Path, slope: float = 0.0, intercept: float = 0.0) -> Path:
    """An ISQ as ITK's reader knows it: its first block, calibration if any, and values."""
    nz, ny, nx = VALUES.shape
    size = VALUES.nbytes
    file = bytearray(512)
    struct.pack_into("<16s7i", file, 0, b"CTDATA-HEADER_V1", 3, size, -(-size // 512), 1, 2, 0, 0)
    struct.pack_into("<6i", file, 44, nx, ny, nz, 10 * nx, 20 * ny, 30 * nz)  # pixels, um
    struct.pack_into("<6i", file, 68, 30, 30, 0, int(VALUES.min()), int(VALUES.max()), 8192)
    if slope:
        names, numbers = bytearray(512), bytearray(1024)
        struct.pack_into("<16si", names, 8, b"Calibration     ", 2)
        numbers[648:664] = b"mg HA/ccm       "
        for place, value in ((664, slope), (672, intercept), (688, 0.24)):
            numbers[place : place + 8] = vax(value)
        file += names + numbers
    struct.pack_into("<i", file, 508, len(file) // 512 - 1)  # blocks before the values
    path.write_bytes(bytes(file) + VALUES.tobytes().ljust(-(-size // 512) * 512, b"\0"))
    return path


def vax(value: float) -> bytes:
    """A number as the VAX of the scanner writes it (G_floating)."""
    ieee = struct.pack(">d", 4 * value)
    return b"".join(ieee[i : i + 2][::-1] for i in range(0, 8, 2))


def test_a_scanco_isq_is_read_with_its_voxels(tmp_path: Path) -> None:
    pytest.importorskip("py_aimio")
    image = read_image(isq(tmp_path / "SCAN.ISQ;1"))
    np.testing.assert_array_equal(image.values, VALUES)
    assert image.voxel_size == pytest.approx((30, 20, 10))
    assert image.unit == "the scanner's own unit"


def test_a_calibrated_isq_is_read_as_density(tmp_path: Path) -> None:
    pytest.importorskip("py_aimio")
    image = read_image(isq(tmp_path / "scan.isq", 1600.0, -390.0))
    assert image.unit == "mg HA/cm^3"
    np.testing.assert_allclose(image.values, VALUES / 8192 * 1600 - 390, rtol=1e-5)


@pytest.mark.parametrize("name", ["broken.aim", "broken.isq"])
def test_a_damaged_scan_is_told(tmp_path: Path, name: str) -> None:
    pytest.importorskip("py_aimio")
    (tmp_path / name).write_bytes(b"hello" * 100)
    with pytest.raises(InputError, match=rf"{name} cannot be read as"):
        read_image(tmp_path / name)


def test_a_damaged_isq_is_told(tmp_path: Path) -> None:
    pytest.importorskip("py_aimio")
    path = isq(tmp_path / "scan.isq")
    whole = path.read_bytes()
    for damaged in (whole[:600], whole[:44] + bytes(4) + whole[48:]):  # half of it, and no voxels
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"scan\.isq cannot be read as"):
            read_image(path)


def test_without_its_package_a_scan_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py_aimio", None)
    (tmp_path / "scan.isq").write_bytes(b"")
    with pytest.raises(InputError, match=r"needs the package aimio-py: pip install"):
        read_image(tmp_path / "scan.isq")


def bone_and_region(folder: Path) -> tuple[Path, Path]:
    """A plate of bone, and a region that holds the middle of it."""
    grey = np.full((12, 12, 12), 10, "u1")
    grey[4:8] = 200
    region = np.zeros_like(grey)
    region[2:10, 3:9, 1:11] = 1
    for name, values in (("bone.nrrd", grey), ("roi.nrrd", region)):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((0.01,) * 3)
        sitk.WriteImage(image, str(folder / name))
    return folder / "bone.nrrd", folder / "roi.nrrd"


def test_a_region_is_cut_out_of_its_place(tmp_path: Path) -> None:
    file, region = bone_and_region(tmp_path)
    found = load_image(ImageSettings(file, region=region, threshold=100.0))
    assert found.grid.shape == (8, 6, 10)
    assert found.grid.origin == (20, 30, 10)
    assert found.bone_volume_fraction[2:6].all()
    assert found.bone_volume_fraction.mean() == 0.5
    assert any("kept the region roi.nrrd: 100.0% of its box" in line for line in found.log)


def test_outside_a_region_there_is_marrow(tmp_path: Path) -> None:
    file, region = bone_and_region(tmp_path)
    whole = ((0, 12),) * 3
    found = load_image(ImageSettings(file, region=region, crop=whole, threshold="otsu"))
    bone = found.bone_volume_fraction
    assert bone[4:8, 3:9, 1:11].all()
    assert bone.sum() == 4 * 6 * 10


def test_a_region_that_does_not_fit_is_told(tmp_path: Path) -> None:
    file, _ = bone_and_region(tmp_path)
    np.save(tmp_path / "small.npy", np.ones((3, 3, 3)))
    np.save(tmp_path / "none.npy", np.zeros((12, 12, 12)))
    for name, told in (
        ("small.npy", "small.npy has 3 x 3 x 3 voxels and the image 12 x 12 x 12"),
        ("none.npy", "none.npy marks no voxel"),
        ("gone.npy", "there is no .*gone.npy"),
    ):
        with pytest.raises(InputError, match=rf"\[geometry\] region: .*{told}"):
            load_image(ImageSettings(file, region=tmp_path / name, threshold=100.0))
