"""Damage that once went unnoticed: each was found by changing files at random."""

import struct
from pathlib import Path

import h5py
import numpy as np
import pydicom
import pytest
import tifffile
from geometry.formats.scanco_made import isq
from geometry.formats.volumes import gray
from geometry.table_rows.base import Scan, refusal
from geometry.table_rows.containers import Hdf5, ItkHdf5, Snapshot
from geometry.table_rows.dicoms import Dicom, Frames
from geometry.table_rows.pictures import SkyScan
from geometry.table_rows.scanco import Aim
from geometry.table_rows.tiffs import ImageJ

from tissue.geometry.formats import hdf5
from tissue.geometry.images import read_image

LINE = (0.25, -391.5)


@pytest.fixture
def _without_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "tried", lambda *_: None)


@pytest.mark.parametrize("left", [135, 169, 180, 317])
def test_a_slice_at_an_end_of_which_little_is_left_is_no_other_object(
    tmp_path: Path, left: int
) -> None:
    """A stack without its last slice is even, so that nothing else would tell."""
    scan = Dicom().made(tmp_path, Scan())
    last = Dicom().slices(scan)[-1]
    last.write_bytes(last.read_bytes()[:left])
    assert last.name in refusal(scan)


def test_zero_bytes_in_a_description_of_imagej_do_not_end_it(tmp_path: Path) -> None:
    file = ImageJ().made(tmp_path, Scan(gray("u2"), line=LINE))
    data = file.read_bytes()
    file.write_bytes(data.replace(b"hyperstack=true", b"hyperstack=\0\0\0\0", 1))
    image = read_image(file)
    assert image.spacing == (12.5, 10.0, 8.0)
    assert image.unit == "mg HA/ccm"
    np.testing.assert_allclose(image.values, gray("u2") * 0.25 - 391.5)


def test_a_description_of_imagej_is_one_line_in_the_log(tmp_path: Path) -> None:
    file = ImageJ().made(tmp_path, Scan(gray("u2")))
    data = file.read_bytes()
    file.write_bytes(data.replace(b"ImageJ=1.11a", b"ImageJ\0\0\0\x001a", 1))
    assert all(line.isprintable() for line in read_image(file).inventory.lines())


@pytest.mark.parametrize("name", ["Mu_Scaling", "Density: slope", "Density: intercept"])
def test_a_part_of_a_calibration_is_none(tmp_path: Path, name: str) -> None:
    file = Aim().made(tmp_path, Scan(line=LINE))
    data = file.read_bytes()
    file.write_bytes(data.replace(name.encode(), name.encode().replace(b"i", b"j"), 1))
    assert f"without {name}" in refusal(file)


def test_zero_bytes_in_a_log_of_scanco_hide_no_calibration(tmp_path: Path) -> None:
    file = Aim().made(tmp_path, Scan(line=LINE))
    data = file.read_bytes()
    at = data.index(b"8192") - 4
    file.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    assert "zero byte" in refusal(file)


@pytest.mark.parametrize("at", [165, 400, 700])
def test_an_aim_that_is_shifted_by_some_bytes_is_damaged(tmp_path: Path, at: int) -> None:
    file = Aim().made(tmp_path, Scan())
    data = file.read_bytes()
    file.write_bytes(data[:at] + b"12345" + data[at:])
    assert "and its header promises" in refusal(file)
    file.write_bytes(data.ljust(-(-len(data) // 512) * 512, b"\0"))
    np.testing.assert_array_equal(read_image(file).values, gray())


def test_bits_that_mark_voxels_with_nothing_are_damaged(tmp_path: Path) -> None:
    file = Aim().made(tmp_path, Aim().packed("bits"))
    data = file.read_bytes()
    file.write_bytes(data[:-1] + b"\0")
    assert "marks voxels with the value 0" in refusal(file)


@pytest.mark.parametrize("bits", [0x6C20, 12, 24])
def test_bits_that_no_number_has_are_refused(tmp_path: Path, bits: int) -> None:
    file = Frames().made(tmp_path, Scan())
    data = pydicom.dcmread(file)
    data.BitsAllocated = bits
    data.save_as(file)
    assert f"gives {bits} bits a voxel" in refusal(file)


def test_a_compressed_slice_whose_end_is_elsewhere_is_damaged(tmp_path: Path) -> None:
    """Slices that pydicom reads differently, depending on the call."""
    scan = Dicom().made(tmp_path, Scan(packing="RLE"))
    third = Dicom().slices(scan)[2]
    data = third.read_bytes()
    third.write_bytes(data[:-20] + data[-14:])
    assert third.name in refusal(scan)


@pytest.mark.parametrize("at", [400, 600, 1500])
def test_an_isq_that_is_shifted_by_some_bytes_is_damaged(tmp_path: Path, at: int) -> None:
    file = isq(tmp_path / "scan.isq", gray(), 1600, -390)
    data = file.read_bytes()
    file.write_bytes(data[:at] + b"12345" + data[at:])
    assert "no whole number of blocks" in refusal(file)


def test_a_log_of_skyscan_without_its_headings_gives_the_size_of_the_slices(
    tmp_path: Path,
) -> None:
    scan = SkyScan().made(tmp_path, SkyScan.usual)
    log = scan / "femur_rec.log"
    log.write_text(log.read_text().replace("[Reconstruction]", "[Reconstructi"))
    assert read_image(scan).spacing == (8.13, 8.13, 8.13)


@pytest.mark.usefixtures("_without_trial")
def test_hdf5_with_less_room_than_its_voxels_take_is_cut(tmp_path: Path) -> None:
    file = Hdf5().made(tmp_path, Scan())
    data = file.read_bytes()
    with h5py.File(file) as opened:
        place = struct.pack("<Q", opened["ct/gray"].id.get_offset())
    layout = b"\x03\x01" + place + struct.pack("<Q", gray().nbytes)
    assert data.count(layout) == 1
    file.write_bytes(data.replace(layout, layout[:-8] + struct.pack("<Q", 160)))
    assert "160 are there" in refusal(file)


@pytest.mark.usefixtures("_without_trial")
def test_an_attribute_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    file = Hdf5().made(tmp_path, Scan(line=LINE))
    data = bytearray(file.read_bytes())
    at = data.index(b"scale_factor") + 16
    double = struct.pack("<BBBBIHHBBBBI", 0x11, 0x20, 0x3F, 0, 8, 0, 64, 52, 11, 0, 52, 1023)
    assert data[at : at + 20] == double
    data[at + 17] = 34  # an exponent that no number of numpy has
    file.write_bytes(data)
    assert "scale_factor" in refusal(file)


@pytest.mark.usefixtures("_without_trial")
def test_gray_values_too_large_for_their_type_are_refused_without_a_warning(
    tmp_path: Path,
) -> None:
    file = Hdf5().made(tmp_path, Scan(line=(1e300, 0.0)))
    assert "infinite" in refusal(file)


@pytest.mark.usefixtures("_without_trial")
def test_a_direction_beyond_all_numbers_gives_no_edge_and_no_warning(tmp_path: Path) -> None:
    file = ItkHdf5().made(tmp_path, Scan())
    with h5py.File(file, "r+") as opened:
        opened["ITKImage/0/Directions"][0, 0] = 1e300
    image = read_image(file)
    assert image.spacing == (12.5, 10.0, None)
    assert image.frame is None


@pytest.mark.usefixtures("_without_trial")
def test_a_snapshot_that_does_not_say_so_is_no_image_of_itk(tmp_path: Path) -> None:
    """Its lengths are um, where those of ITK are mm."""
    file = Snapshot().made(tmp_path, Snapshot.usual)
    with h5py.File(file, "r+") as opened:
        del opened.attrs["format"]
    assert "snapshot of tissue" in refusal(file)


@pytest.mark.parametrize("edge", [1e-6, 1e7])
def test_edges_that_no_scanner_has_are_refused(tmp_path: Path, edge: float) -> None:
    options = {"spacing": edge, "unit": "um", "axes": "ZYX"}
    tifffile.imwrite(
        tmp_path / "a.tif", gray("u2"), imagej=True, resolution=(0.1, 0.1), metadata=options
    )
    assert "along z, which no scanner has" in refusal(tmp_path / "a.tif")
