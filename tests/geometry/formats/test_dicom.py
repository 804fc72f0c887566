"""DICOM series and volumes that are right: voxels, place and units, against other readers."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from geometry.formats.dicom_made import OBLIQUE, UPRIGHT, elements, frames, gray, save, series
from pydicom.dataset import Dataset

from tissue.errors import InputError
from tissue.geometry.formats import dicom
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

VOXEL = (30.0, 20.0, 10.0)


def read(folder: Path, chosen: str | None = None) -> Image:
    return admit(dicom.read_series(folder, chosen))


def by_itk(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def assert_as_itk(image: Image, other: sitk.Image) -> None:
    """Voxels and place are those that ITK finds."""
    np.testing.assert_array_equal(image.values, sitk.GetArrayFromImage(other))
    assert image.voxel_size == pytest.approx([1e3 * edge for edge in other.GetSpacing()[::-1]])
    frame = image.frame
    assert frame
    np.testing.assert_allclose(frame.origin, 1e3 * np.array(other.GetOrigin()[::-1]), atol=1e-3)
    turned = np.array(other.GetDirection()).reshape(3, 3)[::-1, ::-1]
    np.testing.assert_allclose(frame.direction, turned, atol=1e-5)


@pytest.mark.parametrize(
    "axes", [UPRIGHT, OBLIQUE, ((0, 1.0, 0), (0, 0, -1.0)), ((-1, 0, 0), (0, -1, 0))]
)
def test_a_series_lies_where_itk_says(tmp_path: Path, axes: Any) -> None:
    folder = series(tmp_path / "scan", axes=axes)
    image = read(folder)
    assert_as_itk(image, by_itk(folder))
    np.testing.assert_array_equal(image.values, gray())
    assert image.voxel_size == VOXEL
    assert image.inventory.lines() == ("DICOM CT; 5 of 5 slices used; lengths in mm", *UNCALIBRATED)


UNCALIBRATED = ("it holds no calibration to Hounsfield units",)


def test_slices_count_by_position_and_not_by_number_or_name(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z, name in enumerate("cadbe"):
        save(elements(gray(), z, InstanceNumber=37 - 3 * z), folder / name)
    image = read(folder)
    np.testing.assert_array_equal(image.values, gray())
    assert image.frame
    assert image.frame.origin == (3000, -2000, 1000)


def test_what_is_no_slice_is_named_and_left_alone(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan")
    report = Dataset()
    report.SOPClassUID, report.Modality = pydicom.uid.BasicTextSRStorage, "SR"
    report.SeriesInstanceUID = report.SOPInstanceUID = "1.2.9"
    save(report, folder / "report.dcm")
    directory = Dataset()
    directory.SOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    directory.SOPInstanceUID = "1.2.10"
    save(directory, folder / "DICOMDIR")
    (folder / "notes.txt").write_text("scanned on Monday")
    (folder / "._i90.dcm").write_bytes(b"\0\5\x16\7")
    (folder / "more").mkdir()
    shutil.copy(folder / "i90.dcm", folder / "more" / "i91.dcm")
    image = read(folder)
    np.testing.assert_array_equal(image.values, gray())
    assert image.inventory.ignored == (
        "DICOMDIR (Media Storage Directory Storage)",
        "report.dcm (Basic Text SR Storage)",
        "notes.txt",
        "folder more",
    )


def test_one_of_several_series_is_chosen(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan")
    for z in range(3):
        other: dict[str, Any] = {
            "SeriesInstanceUID": "1.2.4",
            "SeriesNumber": 8,
            "SeriesDescription": "scout",
        }
        save(elements(gray() + 9, z, **other), folder / f"scout{z}")
    with pytest.raises(
        InputError,
        match=r"holds 2 DICOM series: 1\.2\.3 \(number 7, 5 slices\),"
        r" 1\.2\.4 \(number 8, 'scout', 3 slices\); choose one with series = ",
    ):
        read(folder)
    for chosen in ("1.2.4", "8"):
        image = read(folder, chosen)
        np.testing.assert_array_equal(image.values, gray()[:3] + 9)
        assert image.inventory.ignored == ("series 1.2.3 (number 7, 5 slices)",)
    with pytest.raises(
        InputError,
        match=r"geometry\.series = '9' is not one of the DICOM series"
        r" of scan: 1\.2\.3 \(number 7, 5 slices\)",
    ):
        read(folder, "9")


def test_numbers_of_series_that_are_not_unique_choose_none(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan")
    for z in range(3):
        save(elements(gray(), z, SeriesInstanceUID="1.2.4"), folder / f"other{z}")
    with pytest.raises(InputError, match="'7' names several of the DICOM series"):
        read(folder, "7")
    assert read(folder, "1.2.4").shape == (3, 6, 7)


def test_a_file_with_frames_lies_where_itk_says(tmp_path: Path) -> None:
    values = gray()
    file = save(frames(values, axes=OBLIQUE), tmp_path / "volume.dcm")
    assert dicom.is_dicom(file.read_bytes()[:512])
    image = admit(dicom.read_file(file))
    scale = np.arange(2.0, 7.0)[:, None, None]
    np.testing.assert_allclose(image.values, values * scale - 10)
    assert image.voxel_size == VOXEL
    assert image.unit == "HU"
    other = sitk.ReadImage(str(file))
    frame = image.frame
    assert frame
    np.testing.assert_allclose(frame.origin, 1e3 * np.array(other.GetOrigin()[::-1]), atol=1e-3)
    turned = np.array(other.GetDirection()).reshape(3, 3)[::-1, ::-1]
    np.testing.assert_allclose(frame.direction, turned, atol=1e-5)


def test_frames_count_by_position(tmp_path: Path) -> None:
    values = gray()
    data = frames(values)
    groups = data.PerFrameFunctionalGroupsSequence
    data.PerFrameFunctionalGroupsSequence = [groups[z] for z in (4, 2, 0, 1, 3)]
    data.PixelData = values[[4, 2, 0, 1, 3]].tobytes()
    image = admit(dicom.read_file(save(data, tmp_path / "volume.dcm")))
    scale = np.arange(2.0, 7.0)[:, None, None]
    np.testing.assert_allclose(image.values, values * scale - 10)


def segmentation(values: np.ndarray, kept: tuple[int, ...], segments: int = 1) -> Dataset:
    data = frames(values)
    data.SOPClassUID, data.Modality = pydicom.uid.SegmentationStorage, "SEG"
    data.SegmentationType = "BINARY"
    data.BitsAllocated = data.BitsStored = 1
    data.HighBit = data.PixelRepresentation = 0
    groups = data.PerFrameFunctionalGroupsSequence
    for z, group in enumerate(groups):
        del group.PixelValueTransformationSequence
        identity = Dataset()
        identity.ReferencedSegmentNumber = 1 + z % segments
        group.SegmentIdentificationSequence = [identity]
    data.PerFrameFunctionalGroupsSequence = [groups[z] for z in kept]
    data.NumberOfFrames = len(kept)
    data.PixelData = pydicom.pixels.pack_bits(values[list(kept)].ravel())
    return data


def test_a_segmentation_holds_labels_and_may_leave_out_empty_slices(tmp_path: Path) -> None:
    marked = (gray("u1") % 3 == 0).astype("u1")
    marked[2] = 0
    file = save(segmentation(marked, (0, 1, 3, 4)), tmp_path / "mask.dcm")
    image = admit(dicom.read_file(file))
    np.testing.assert_array_equal(image.values, marked)
    assert image.labels
    assert image.unit == ""
    assert image.voxel_size == VOXEL
    assert image.inventory.assumed == ("1 slices that the segmentation leaves out are empty",)


def test_a_segmentation_with_several_segments_is_refused(tmp_path: Path) -> None:
    file = save(segmentation(gray("u1") % 2, (0, 1, 2, 3, 4), 2), tmp_path / "mask.dcm")
    with pytest.raises(InputError, match=r"slices of different segment: 1 in frame 1 of mask\.dcm"):
        dicom.read_file(file)


def test_locations_order_slices_without_positions(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        more: dict[str, Any] = {"ImagePositionPatient": None, "SliceLocation": 8 - 0.03 * z}
        save(elements(gray(), z, **more), folder / f"{z}")
    image = read(folder)
    np.testing.assert_array_equal(image.values, gray()[::-1])
    assert image.voxel_size == VOXEL
    assert image.frame is None
    assert any("SliceLocation orders them" in line for line in image.inventory.assumed)


@pytest.mark.parametrize("between", [None, 0.03])
def test_numbers_order_slices_without_positions(tmp_path: Path, between: float | None) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z, name in enumerate("cadbe"):
        more: dict[str, Any] = {"ImagePositionPatient": None, "SliceThickness": 0.9}
        if between:
            more["SpacingBetweenSlices"] = between
        save(elements(gray(), z, **more), folder / name)
    image = read(folder)
    np.testing.assert_array_equal(image.values, gray())
    assert image.spacing == (30.0 if between else None, 20, 10)
    assert image.frame is None
    assert any("InstanceNumber orders them" in line for line in image.inventory.assumed)


def test_a_box_reads_only_its_slices(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan", RescaleSlope=2.0, RescaleIntercept=1.0)
    image = read(folder)
    for z in (0, 1, 4):
        (folder / f"i{90 - z}.dcm").unlink()
    box = (slice(2, 4), slice(1, 5), slice(3, 6))
    np.testing.assert_array_equal(image.voxels(box), gray()[box] * 2 + 1)
    with pytest.raises(InputError, match=r"\.dcm cannot be read"):
        image.voxels()


def test_the_voxel_edge_in_z_is_the_step_and_not_the_thickness(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan", SliceThickness=0.9, SpacingBetweenSlices=0.8)
    assert read(folder).voxel_size == VOXEL


def test_rounding_of_positions_is_no_unevenness(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    values = gray("i2", (9, 6, 7))
    for z in range(9):
        # 8.2 um in positions of three decimals
        place = [0.0, 0.0, round(0.0082 * z, 3)]
        save(elements(values, z, ImagePositionPatient=place), folder / f"{z}")
    image = read(folder)
    assert image.spacing[0] == pytest.approx(8.2, rel=0.01)


def test_missing_numbers_between_even_positions_are_no_gap(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        save(elements(gray(), z, InstanceNumber=1 + 2 * z), folder / f"{z}")
    np.testing.assert_array_equal(read(folder).values, gray())


def test_parts_recorded_one_after_another_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(5):
        more: dict[str, Any] = {"AcquisitionNumber": 1 + z // 3, "ImagesInAcquisition": 8}
        save(elements(gray(), z, **more), folder / f"{z}")
    told = " ".join(read(folder).inventory.assumed)
    assert "recorded in 2 acquisitions" in told
    assert "had 8 images (ImagesInAcquisition), of which 5 are here" in told
