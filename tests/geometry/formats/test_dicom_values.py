"""Voxels of DICOM slices: types, byte order, compression, calibration, against other readers."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pydicom
import pytest
import SimpleITK as sitk
from geometry.formats.dicom_made import elements, frames, gray, save, series

from tissue.geometry.formats import dicom
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

VOXEL = (30.0, 20.0, 10.0)


def read(folder: Path) -> Image:
    return admit(dicom.read_series(folder, None))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
def test_every_whole_number_type_is_kept(tmp_path: Path, dtype: str) -> None:
    image = read(series(tmp_path / "scan", gray(dtype)))
    np.testing.assert_array_equal(image.values, gray(dtype))
    assert image.values.dtype == image.dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floating_point_voxels_are_kept(tmp_path: Path, dtype: str) -> None:
    values = gray(dtype) / 7
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        data = elements(values, z)
        del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
        name = "FloatPixelData" if dtype == "f4" else "DoubleFloatPixelData"
        setattr(data, name, values[z].tobytes())
        save(data, folder / f"{z}")
    image = read(folder)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == image.dtype == np.dtype(dtype)


def test_bits_that_do_not_count_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    values = gray("i2")
    for z in range(5):
        # the upper four bits hold an overlay
        data = elements(values, z, BitsStored=12, HighBit=11)
        data.PixelData = ((values[z] & 0x0FFF) | 0x5000).astype("<u2").tobytes()
        save(data, folder / f"{z}")
    np.testing.assert_array_equal(read(folder).values, values)


@pytest.mark.parametrize(
    ("syntax", "bare"),
    [
        (pydicom.uid.ImplicitVRLittleEndian, False),
        (pydicom.uid.ExplicitVRBigEndian, False),
        (pydicom.uid.ImplicitVRLittleEndian, True),
        (pydicom.uid.ExplicitVRLittleEndian, True),
    ],
)
def test_every_plain_syntax_is_read(tmp_path: Path, syntax: str, bare: bool) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    stored = gray(">i2") if syntax == pydicom.uid.ExplicitVRBigEndian else gray()
    for z in range(5):
        save(elements(stored, z), folder / f"{z}", syntax, bare)
    assert len(dicom.files_in(folder)) == 5
    image = read(folder)
    np.testing.assert_array_equal(image.values, gray())
    assert image.voxel_size == VOXEL
    assert image.values.dtype.isnative


@pytest.mark.parametrize("syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless])
def test_compressed_slices_are_read(tmp_path: Path, syntax: str) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    values = gray("u2", (4, 16, 16))
    for z in range(4):
        data = elements(values, z)
        if syntax == pydicom.uid.RLELossless:
            data.compress(syntax, values[z], generate_instance_uid=False)
        else:
            data.PixelData = pydicom.encaps.encapsulate([jpeg_2000(values[z])])
        save(data, folder / f"{z}", syntax)
    np.testing.assert_array_equal(read(folder).values, values)


def jpeg_2000(plane: np.ndarray) -> bytes:
    stream = BytesIO()
    PIL.Image.fromarray(plane).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    return stream.getvalue()


@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_is_decoded_by_itk(
    tmp_path: Path, signed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    values = gray("i2" if signed else "u2", (4, 16, 16))
    folder = tmp_path / "scan"
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    for z, plane in enumerate(values):
        image = sitk.GetImageFromArray(plane)
        for tag, value in tags(z).items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{z}.dcm"))
        writer.Execute(image)
    file = pydicom.dcmread(folder / "0.dcm", stop_before_pixels=True)
    assert file.file_meta.TransferSyntaxUID == pydicom.uid.JPEGLosslessSV1
    capfd.readouterr()
    np.testing.assert_array_equal(read(folder).values, values)
    assert capfd.readouterr() == ("", "")


def test_compressed_frames_are_read_one_by_one(tmp_path: Path) -> None:
    values = gray("u2", (4, 16, 16))
    for syntax, packed in (
        (pydicom.uid.JPEG2000Lossless, [jpeg_2000(plane) for plane in values]),
        (pydicom.uid.JPEGLosslessSV1, [jpeg_lossless(plane, tmp_path) for plane in values]),
    ):
        data = frames(values)
        data.PixelData = pydicom.encaps.encapsulate(packed)
        image = admit(dicom.read_file(save(data, tmp_path / "volume.dcm", syntax)))
        scale = np.arange(2.0, 6.0)[:, None, None]
        np.testing.assert_allclose(image.values, values * scale - 10)
        box = (slice(2, 3), slice(4, 9), slice(0, 16))
        np.testing.assert_array_equal(image.voxels(box), image.values[box])


def jpeg_lossless(plane: np.ndarray, folder: Path) -> bytes:
    writer = sitk.ImageFileWriter()
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.SetFileName(str(folder / "plane.dcm"))
    writer.Execute(sitk.GetImageFromArray(plane))
    data = pydicom.dcmread(folder / "plane.dcm")
    return next(pydicom.encaps.generate_frames(data.PixelData, number_of_frames=1))


def tags(z: int) -> dict[str, str]:
    return {
        "0008|0060": "CT",
        "0020|000e": "1.2.3",
        "0020|0013": str(z),
        "0020|0032": f"0\\0\\{0.03 * z:.3f}",
        "0020|0037": "1\\0\\0\\0\\1\\0",
        "0008|0018": f"1.2.3.4.{z}",
    }


def test_each_slice_has_its_own_calibration(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        scale: dict[str, Any] = {
            "RescaleSlope": 1.5 + z,
            "RescaleIntercept": -1000.0 + z,
            "RescaleType": "HU",
        }
        save(elements(gray(), z, **scale), folder / f"{z}")
    image = read(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = []
        for z in range(5):
            data = pydicom.dcmread(folder / f"{z}")
            expected.append(pydicom.pixels.apply_rescale(data.pixel_array, data))
    np.testing.assert_allclose(image.values, expected, rtol=1e-6)
    assert image.values.dtype == image.dtype == np.float32
    assert image.unit == "HU"
    assert "slopes 1.5 to 5.5, intercepts -1000 to -996" in image.inventory.calibration


@pytest.mark.parametrize(
    ("more", "unit"),
    [
        ({"RescaleType": "HU"}, "HU"),
        ({}, "HU"),
        ({"RescaleType": "US"}, ""),
        ({"RescaleType": "mgHA/cm3"}, "mgHA/cm3"),
        ({"Modality": "OT"}, ""),
    ],
)
def test_the_unit_is_that_of_the_rescale_type(
    tmp_path: Path, more: dict[str, Any], unit: str
) -> None:
    image = read(series(tmp_path / "scan", RescaleSlope=0.5, RescaleIntercept=-7.0, **more))
    assert image.unit == unit
    np.testing.assert_allclose(image.values, gray() * 0.5 - 7)
    assert image.inventory.calibration == "0.5 * stored -7"


def test_numbers_that_single_precision_cannot_hold_are_calibrated_in_double(
    tmp_path: Path,
) -> None:
    values = gray("i4") + 2**28 + 1
    image = read(
        series(tmp_path / "scan", values.astype("i4"), RescaleSlope=1.0, RescaleIntercept=1.0)
    )
    np.testing.assert_array_equal(image.values, values + 1)
    assert image.values.dtype == np.float64


@pytest.mark.parametrize(("dtype", "written"), [("i2", -2000), ("i2", 63536), ("u2", 9)])
def test_padding_is_named_in_gray_values(tmp_path: Path, dtype: str, written: int) -> None:
    scale: dict[str, Any] = {"RescaleSlope": 2.0, "RescaleIntercept": -1000.0}
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        data = elements(gray(dtype), z, **scale)
        data.add_new("PixelPaddingValue", "SS" if written < 0 else "US", written)
        save(data, folder / f"{z}")
    told = "voxels of -5000 lie outside" if dtype == "i2" else "voxels of -982 lie outside"
    assert any(told in line for line in read(folder).inventory.assumed)


def test_inverted_screens_do_not_change_a_ct(tmp_path: Path) -> None:
    image = read(series(tmp_path / "scan", PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(image.values, gray())
    assert any("MONOCHROME1" in line for line in image.inventory.assumed)
