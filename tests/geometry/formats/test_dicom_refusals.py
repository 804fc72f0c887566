"""DICOM series that make no volume, damaged slices, and files changed at random."""

import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from geometry.formats.damaged_files import changed
from geometry.formats.dicom_made import SIZE, elements, frames, gray, save, series
from pydicom.dataset import Dataset

from tissue.errors import InputError
from tissue.geometry.formats import dicom
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

HEIGHT = SIZE[0]


def read(folder: Path) -> Image:
    return admit(dicom.read_series(folder, None))


def differing(folder: Path, odd: dict[int, dict[str, Any]], count: int = 6) -> Path:
    """A series in which some slices have elements of their own; x5 is the sixth slice."""
    folder.mkdir(exist_ok=True)
    values = gray("i2", (count, 6, 7))
    for z in range(count):
        save(elements(values, z, **odd.get(z, {})), folder / f"x{z}")
    return folder


def at(height: float) -> dict[str, Any]:
    return {"ImagePositionPatient": [1.0, -2.0, height]}


def every(**more: Any) -> dict[int, dict[str, Any]]:
    return dict.fromkeys(range(6), more)


TURNED = {"ImageOrientationPatient": [0.0, 1, 0, 0, 0, 1]}
SHEARED = every(ImageOrientationPatient=[1.0, 0, 0, 0.6, 0.8, 0])
LONG = every(ImageOrientationPatient=[2.0, 0, 0, 0, 1, 0])
UNTURNED = every(ImageOrientationPatient=None)
UNPLACED = every(ImagePositionPatient=None)
UNNUMBERED = every(ImagePositionPatient=None, InstanceNumber=None)
SCALED = {"RescaleSlope": 2.0, "RescaleIntercept": 1.0}
TILTED = {z: {"ImagePositionPatient": [0.0, 0.02 * z, 0.03 * z]} for z in range(6)}
SMALLER = {"Rows": 3, "Columns": 14}


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ({2: at(9.0)}, r"a gap between x1 .* and x3 .* for 1 missing slices and 1 more gaps;"),
        ({3: at(3.09 + HEIGHT / 4)}, r"unevenly spaced slices: x3 \(instance 4\) lies 0\.0075 mm"),
        ({3: at(3.06)}, r"at the same position: x2 \(instance 3\) and x3 \(instance 4\);"),
        (every(**at(3.0)), r"at the same position: x0 \(instance 1\) and x1 \(instance 2\);"),
        (
            {3: at(3.06) | {"AcquisitionNumber": 2}},
            r"x2 \(instance 3\) and x3 \(instance 4\) \(the acquisition is  and 2\)",
        ),
        (
            {4: TURNED},
            r"not parallel: x4 \(instance 5\) against x0 \(instance 1\); move loc",
        ),
        (SHEARED, "axes that are not at right angles"),
        (LONG, "not of length 1"),
        (UNTURNED, r"do not say how they are turned \(ImageOrientationPatient\): x0"),
        ({2: {"ImagePositionPatient": None}}, r"slices without a position .*: x2 \(instance 3\);"),
        (TILTED, r"not stacked along their normal: x5 .* gantry tilt of 33\.7 degrees"),
        (UNPLACED | {3: {"ImagePositionPatient": None, "InstanceNumber": 9}}, "not in sequence"),
        (UNNUMBERED, "neither a position nor a number"),
        ({1: SMALLER}, r"different size \(Rows\): 6 in x0 \(instance 1\) and 3 in x1"),
        ({1: {"PixelSpacing": [0.03, 0.01]}}, r"different PixelSpacing: 0\.02 x 0\.01 in x0"),
        (every(PixelSpacing=[0.0, 0.01]), "PixelSpacing of 0 x 0.01 mm"),
        ({1: {"BitsStored": 12}}, r"different bits per voxel \(BitsStored\): 16 in x0"),
        ({1: {"PixelRepresentation": 0}}, r"different sign \(PixelRepresentation\)"),
        ({1: {"Modality": "MR"}}, "different Modality: CT in x0"),
        ({1: {"EchoNumbers": 2}}, r"different echo: none in x0 \(instance 1\) and 2 in x1"),
        ({1: {"TemporalPositionIdentifier": 2}}, "different time: none in x0"),
        ({z: {"AcquisitionNumber": z % 2} for z in range(6)}, "of the acquisitions 0, 1"),
        (
            every(**SCALED) | {1: SCALED | {"RescaleType": "US"}},
            r"unit \(RescaleType\): none in x0",
        ),
        ({1: SCALED}, r"different calibration \(RescaleSlope\): none in x0"),
        ({1: {"RescaleSlope": 2.0}}, r"x1 cannot be read .*RescaleIntercept and not the other"),
        ({1: {"RescaleSlope": 0.0}}, r"x1 cannot be read .*RescaleSlope is 0"),
        ({1: {"RescaleIntercept": "1e999"}}, r"x1 cannot be read .*RescaleIntercept is"),
        (every(PhotometricInterpretation="PALETTE COLOR"), "holds colors; save it"),
        (every(Rows=4), "x0 holds 28 bytes of voxels more than its 1 x 4 x 7 voxels"),
        (every(SamplesPerPixel=3), "holds colors; save it"),
        (every(PhotometricInterpretation="MONOCHROME1", Modality="MR"), "may be inverted"),
        (every(ModalityLUTSequence=[Dataset()]), r"by a table \(Modality LUT\)"),
        ({z: {"FrameOfReferenceUID": f"1.{z // 3 + 1}"} for z in range(6)}, "different space"),
    ],
)
def test_slices_that_make_no_volume_are_named(
    tmp_path: Path, odd: dict[int, dict[str, Any]], told: str
) -> None:
    with pytest.raises(InputError, match=rf"^geometry\.file: .*{told}"):
        read(differing(tmp_path / "scan", odd))


def test_a_missing_slice_is_told_with_the_numbers_around_it(tmp_path: Path) -> None:
    folder = differing(tmp_path / "scan", {}, 12)
    for z in (6, 7, 8):
        (folder / f"x{z}").unlink()
    with pytest.raises(
        InputError,
        match=r"a gap between x5 \(instance 6\) and x9 \(instance 10\): 0\.12 mm where the others"
        r" are 0\.03 mm apart, room for 3 missing slices; copy all slices",
    ):
        read(folder)


def test_a_copy_of_a_slice_is_told(tmp_path: Path) -> None:
    folder = differing(tmp_path / "scan", {})
    shutil.copy(folder / "x4", folder / "x4_copy")
    with pytest.raises(InputError, match=r"same position: x4 \(instance 5\) and x4_copy"):
        read(folder)


@pytest.mark.parametrize("left", [0, 100, 200, 600, -84, -1])
def test_a_slice_that_is_cut_short_is_named(tmp_path: Path, left: int) -> None:
    folder = differing(tmp_path / "scan", {})
    file = folder / "x5"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InputError, match=r"\bx5\b"):
        read(folder)


def test_compressed_slices_that_are_cut_short_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    values = gray("u2", (4, 16, 16))
    for z in range(4):
        data = elements(values, z)
        data.compress(pydicom.uid.RLELossless, values[z], generate_instance_uid=False)
        save(data, folder / f"x{z}", pydicom.uid.RLELossless)
    file = folder / "x2"
    whole = file.read_bytes()
    file.write_bytes(whole[:-40])
    with pytest.raises(InputError, match=r"cut short: x2 holds 0 of 1 bytes .* \(frames"):
        read(folder)
    # the end of the frame is there, and what it says is not
    file.write_bytes(whole[:-40] + bytes(32) + whole[-8:])
    with pytest.raises(InputError, match="x2 cannot be read"):
        assert not np.array_equal(read(folder).values, values)


def test_damage_behind_the_slices_of_a_box_is_not_looked_for(tmp_path: Path) -> None:
    image = read(differing(tmp_path / "scan", {}))
    box = (slice(0, 2), slice(0, 6), slice(0, 7))
    assert image.voxels(box).shape == (2, 6, 7)


def test_deflated_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(3):
        save(elements(gray(), z), folder / f"x{z}", pydicom.uid.DeflatedExplicitVRLittleEndian)
    with pytest.raises(InputError, match="x0 is deflated as a whole; save it uncompressed"):
        read(folder)


def test_compressed_slices_that_do_not_say_how_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(3):
        data = elements(gray(), z)
        data.PixelData = pydicom.encaps.encapsulate([bytes(90)])
        file = save(data, folder / f"x{z}", pydicom.uid.RLELossless)
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0"))
    with pytest.raises(InputError, match=r"x0 cannot be read .*, and it does not say how"):
        read(folder)


def test_a_compression_without_a_decoder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    for z in range(3):
        data = elements(gray(), z)
        data.PixelData = pydicom.encaps.encapsulate([b"no such codestream"])
        save(data, folder / f"x{z}", pydicom.uid.HTJ2KLossless)
    image = read(folder)
    with pytest.raises(InputError, match="x0 is compressed as High-Throughput JPEG 2000"):
        _ = image.values


def test_one_slice_alone_is_refused(tmp_path: Path) -> None:
    folder = series(tmp_path / "scan")
    with pytest.raises(InputError, match=r"i90\.dcm holds one slice .*; give the folder that"):
        dicom.read_file(folder / "i90.dcm")


def test_frames_without_places_are_refused(tmp_path: Path) -> None:
    data = elements(gray(), 0, NumberOfFrames=5)
    data.PixelData = gray().tobytes()
    with pytest.raises(InputError, match=r"frames that do not say where they lie \(they may be"):
        dicom.read_file(save(data, tmp_path / "film.dcm"))


def test_a_file_without_an_image_is_refused(tmp_path: Path) -> None:
    plan = Dataset()
    plan.SOPClassUID, plan.SOPInstanceUID = pydicom.uid.RTStructureSetStorage, "1.2"
    file = save(plan, tmp_path / "rs.dcm")
    with pytest.raises(InputError, match=r"rs\.dcm holds no image \(RT Structure Set Storage\)"):
        dicom.read_file(file)
    (tmp_path / "series").mkdir()
    told = r"without an image: rs\.dcm \(RT .*folder series; give the folder of a series \(series\)"
    with pytest.raises(InputError, match=told):
        read(tmp_path)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = differing(tmp_path / "scan", {})
    (folder / "x5").rename(tmp_path / "x5")
    (folder / "x5").symlink_to(tmp_path / "x5")
    with pytest.raises(InputError, match="links that lead out of it: x5"):
        read(folder)
    (folder / "x5").unlink()
    (folder / "below").mkdir()
    (tmp_path / "x5").rename(folder / "below" / "x5")
    (folder / "x5").symlink_to(Path("below") / "x5")
    assert read(folder).shape == (6, 6, 7)


def test_a_file_named_like_a_slice_that_is_none_is_told(tmp_path: Path) -> None:
    folder = differing(tmp_path / "scan", {})
    (folder / "x6").write_bytes(bytes(400))
    with pytest.raises(InputError, match="called like slices and are no DICOM: x6; they may be"):
        read(folder)


def by_pydicom(file: Path) -> Dataset:
    data = pydicom.dcmread(file, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    return data


def gray_by_pydicom(folder: Path) -> np.ndarray:
    slices = [by_pydicom(file) for file in folder.iterdir()]
    slices.sort(key=lambda each: each.ImagePositionPatient[2])
    return np.array([pydicom.pixels.apply_rescale(each.pixel_array, each) for each in slices])


def check_changed_series(folder: Path, seed: int) -> None:
    """A changed slice is refused, or read as pydicom reads it."""
    file = differing(folder, every(RescaleSlope=2.0, RescaleIntercept=-5.0)) / "x3"
    whole = file.read_bytes()
    file.write_bytes(changed(whole, seed, 128, len(whole)))
    try:
        image = read(folder)
        values = image.values
    except InputError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_allclose(values, gray_by_pydicom(folder), rtol=1e-6)
    assert image.voxel_size == pytest.approx((30, 20, 10), rel=0.01)


def check_changed_frames(file: Path, seed: int) -> None:
    """A changed volume of one file is refused, or read as pydicom reads it."""
    save(frames(gray()), file)
    whole = file.read_bytes()
    file.write_bytes(changed(whole, seed, 128, len(whole)))
    try:
        image = admit(dicom.read_file(file))
        values = image.values
    except InputError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = by_pydicom(file)
        stored = data.pixel_array.astype(float)
    groups = data.PerFrameFunctionalGroupsSequence
    for plane, group in zip(stored, groups, strict=True):
        if scale := group.get("PixelValueTransformationSequence"):
            plane *= float(scale[0].get("RescaleSlope") or 1)
            plane += float(scale[0].get("RescaleIntercept") or 0)
    normal = np.array(image.frame.direction)[::-1, 0] if image.frame else np.zeros(3)
    places = [group.PlanePositionSequence[0].ImagePositionPatient for group in groups]
    order = np.argsort(np.array(places, float) @ normal, kind="stable")
    np.testing.assert_allclose(values, stored[order], rtol=1e-5)


@pytest.mark.parametrize("seed", range(12))
def test_changed_slices_are_refused_or_read_as_pydicom_does(tmp_path: Path, seed: int) -> None:
    check_changed_series(tmp_path / "scan", seed)
    check_changed_frames(tmp_path / "volume.dcm", seed)


def test_a_long_series_is_checked_quickly(tmp_path: Path) -> None:
    folder = differing(tmp_path / "scan", {}, 300)
    start = time.process_time()
    assert read(folder).shape == (300, 6, 7)
    assert time.process_time() - start < 10
