"""NIfTI: voxels, units, place and calibration, against nibabel and SimpleITK."""

import gzip
import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from geometry.formats.nifti_made import AFFINE, VERSIONS, rewritten, written
from geometry.formats.volumes import (
    EDGES,
    EDGES_MM,
    SHAPE,
    TYPES,
    by_itk,
    by_nibabel,
    check_crops,
    check_same,
    gray,
    opened,
    peak_memory,
    refusal,
    written_by_itk,
)
from storage.places import DIRECTIONS

from tissue.geometry.formats.nifti import is_nifti, read, unpacked_head
from tissue.geometry.grid import Frame


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
@pytest.mark.parametrize("kind", VERSIONS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*TYPES, "i8", "u8"])
def test_types(tmp_path: Path, dtype: str, order: str, kind: Any, ending: str) -> None:
    values = gray(f"{order}{dtype}" if dtype[0] == "f" else dtype)
    file = written(tmp_path / f"a.{ending}", values, kind=kind, order=order)
    image = opened(read, file)
    check_same(image, by_nibabel(file))
    check_crops(image)
    np.testing.assert_array_equal(image.values, values)
    assert image.inventory.format == ("NIfTI-1" if kind is nib.Nifti1Image else "NIfTI-2")


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_place_of_itk(tmp_path: Path, direction: str, ending: str) -> None:
    file = tmp_path / f"a.{ending}"
    written_by_itk(file, gray(), direction)
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_same(image, by_nibabel(file))
    assert image.voxel_size == EDGES  # 0.0125 mm rather than the nearest float32


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kept", ["sform_code", "qform_code"])
def test_place_of_nibabel(tmp_path: Path, direction: str, kept: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = DIRECTIONS[direction] * EDGES_MM
    affine[:3, 3] = (1.5, -2.25, 3.0)
    file = written(tmp_path / "a.nii", gray(), affine, sform_code=0, qform_code=0)
    rewritten(file, **{kept: 1})
    check_same(opened(read, file), by_nibabel(file))
    check_same(opened(read, file), by_itk(file))


@pytest.mark.parametrize(
    ("unit", "scale"), [("meter", 1e-6), ("mm", 1e-3), ("micron", 1.0), ("unknown", 1e-3)]
)
def test_units(tmp_path: Path, unit: str, scale: float) -> None:
    affine = np.diag([8 * scale, 10 * scale, 12.5 * scale, 1.0])
    affine[:3, 3] = (5 * scale, 0, 0)
    header = nib.Nifti1Header()
    header.set_xyzt_units(unit, "sec")
    file = written(tmp_path / "a.nii", gray(), affine, xyzt_units=header["xyzt_units"])
    image = opened(read, file)
    assert image.voxel_size == EDGES
    assert image.frame is not None
    assert image.frame.origin == (0.0, 0.0, -5.0)
    said = any("mm is assumed" in line for line in image.inventory.assumed)
    assert said == (unit == "unknown")
    assert image.inventory.spacing_unit == {"meter": "m", "micron": "um", "mm": "mm"}.get(unit, "")


def test_unknown_unit_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray(), xyzt_units=5)
    assert "unit 5" in refusal(read, file)


@pytest.mark.parametrize("unit", [0, 2])
def test_one_millimeter_everywhere_is_no_voxel_size(tmp_path: Path, unit: int) -> None:
    image = opened(read, written(tmp_path / "a.nii", gray(), np.eye(4), xyzt_units=unit))
    assert image.spacing == (None, None, None)
    assert image.frame is None
    assert any("never set" in line for line in image.inventory.assumed)


def test_one_micrometer_everywhere_is_a_voxel_size(tmp_path: Path) -> None:
    image = opened(read, written(tmp_path / "a.nii", gray(), np.eye(4), xyzt_units=3))
    assert image.voxel_size == (1.0, 1.0, 1.0)


def test_one_millimeter_beside_short_edges_is_no_edge(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray(), np.diag([0.016, 0.016, 1.0, 1.0]))
    assert opened(read, file).spacing == (None, 16.0, 16.0)
    file = written(tmp_path / "b.nii", gray(), np.diag([0.3, 0.3, 1.0, 1.0]))  # a clinical scan
    assert opened(read, file).spacing == (1000.0, 300.0, 300.0)


def test_edges_count_without_a_place(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray())
    rewritten(file, sform_code=0, qform_code=0)
    image = opened(read, file)
    assert image.voxel_size == EDGES
    assert image.frame is None
    rewritten(file, pixdim=[1, 0, np.nan, 0.0125, 1, 1, 1, 1])
    assert opened(read, file).spacing == (12.5, None, None)


def test_two_places_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray(), sform_code=1)
    rewritten(file, qform_code=1, qoffset_x=0.0044)  # of an edge of 0.008 mm
    assert "0.55 voxels apart" in refusal(read, file)
    rewritten(file, qoffset_x=0.0039)
    assert opened(read, file).frame == Frame(
        (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0))
    )


def test_two_edges_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray())
    rewritten(file, pixdim=[1, 0.008, 0.01, 0.025, 1, 1, 1, 1])
    text = refusal(read, file)
    assert "z edge" in text
    assert "25 um (pixdim) and 12.5 um (sform)" in text


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    shear = np.eye(4)
    shear[0, 1] = 0.05
    file = written(tmp_path / "a.nii", gray(), AFFINE @ shear, qform_code=0)
    rewritten(file, qform_code=0)
    text = refusal(read, file)
    assert "not orthogonal: x and y meet at 87.71 degrees" in text
    assert "resample" in text


def test_slight_shear_beside_a_rotation(tmp_path: Path) -> None:
    shear = np.eye(4)
    shear[0, 1] = 0.01  # moves the far edge by 0.06 voxels
    file = written(tmp_path / "a.nii", gray(), AFFINE @ shear)
    rewritten(file, qform_code=1, quatern_b=0, quatern_c=0, quatern_d=0)
    check_same(opened(read, file), by_itk(file))


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "i4", "u4", "f8"])
def test_calibration(tmp_path: Path, dtype: str) -> None:
    file = written(tmp_path / "a.nii", gray(dtype))
    rewritten(file, scl_slope=0.5, scl_inter=-1000)
    image = opened(read, file)
    # whole numbers of 32 bits need float64
    assert image.dtype == (np.float32 if dtype in ("i2", "u1", "f4") else np.float64)
    expected = nib.load(file).get_fdata().T
    np.testing.assert_array_equal(image.values, expected.astype(image.dtype))
    check_crops(image)
    assert image.inventory.calibration == "0.5 * stored - 1000"


@pytest.mark.parametrize(("slope", "offset"), [(1e-300, 0), (1.0, 1e9), (1e300, 0)])
def test_calibration_that_needs_float64(tmp_path: Path, slope: float, offset: float) -> None:
    file = written(tmp_path / "a.nii", gray(), kind=nib.Nifti2Image)
    header = nib.Nifti2Header(file.read_bytes()[:540])
    header["scl_slope"], header["scl_inter"] = slope, offset
    file.write_bytes(header.binaryblock + file.read_bytes()[540:])
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, nib.load(file).get_fdata().T)
    assert len(np.unique(image.values)) == len(np.unique(gray()))


@pytest.mark.parametrize("slope", [0.0, np.nan, 1.0])
def test_no_calibration(tmp_path: Path, slope: float) -> None:
    file = rewritten(written(tmp_path / "a.nii", gray()), scl_slope=slope, scl_inter=0)
    image = opened(read, file)
    assert image.dtype == np.int16
    assert image.inventory.calibration == ""
    np.testing.assert_array_equal(image.values, np.asarray(nib.load(file).dataobj).T)


def test_labels_are_not_calibrated(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray("u1"), intent_code=1002)
    assert opened(read, file).labels
    rewritten(file, scl_slope=2, scl_inter=5)
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, gray("u1"))
    assert any("2 * stored + 5" in line for line in image.inventory.assumed)
    assert not opened(read, written(tmp_path / "b.nii", gray("u1"))).labels


def test_nan_is_refused(tmp_path: Path) -> None:
    values = gray("f4")
    values[1, 2, :3] = np.nan
    assert "holds 3 NaN" in refusal(read, written(tmp_path / "a.nii.gz", values))


def test_one_time_point_is_a_volume(tmp_path: Path) -> None:
    values = gray()
    file = written(tmp_path / "a.nii", values[None, None])
    assert nib.load(file).shape == (8, 7, 6, 1, 1)
    np.testing.assert_array_equal(opened(read, file).values, values)


@pytest.mark.parametrize(
    ("shape", "letters"), [((2, *SHAPE), "TZYX"), ((3, 1, *SHAPE), "CZYX"), ((7, 8), "YX")]
)
def test_other_axes_are_refused(tmp_path: Path, shape: tuple[int, ...], letters: str) -> None:
    file = written(tmp_path / "a.nii", np.zeros(shape, np.uint8))
    assert f"has the axes {letters}" in refusal(read, file)


def test_colors_are_refused(tmp_path: Path) -> None:
    colors = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "ZYXC" in refusal(read, written(tmp_path / "a.nii", colors))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", np.ones(SHAPE, np.complex64))
    assert "complex64" in refusal(read, file)
    assert "complex64" in refusal(read, rewritten(file, scl_slope=2))


def test_packed_in_members(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nii", gray())
    data = file.read_bytes()
    parts = [data[at : at + 100] for at in range(0, len(data), 100)]
    members = b"".join(gzip.compress(part) for part in parts)
    (tmp_path / "b.nii.gz").write_bytes(members)
    image = opened(read, tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(image.values, gray())
    check_crops(image)


def test_file_beside_another_of_its_name(tmp_path: Path) -> None:
    written(tmp_path / "n.nii", gray()[::-1] // 2)
    file = written(tmp_path / "n.nii.gz", gray())
    np.testing.assert_array_equal(opened(read, file).values, gray())


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_extensions_are_no_voxels(tmp_path: Path, ending: str) -> None:
    image = nib.Nifti1Image(gray().T, AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"scanned " * 20))
    nib.save(image, tmp_path / f"a.{ending}")
    found = opened(read, tmp_path / f"a.{ending}")
    np.testing.assert_array_equal(found.values, gray())
    assert found.inventory.ignored == ("176 bytes of header extensions",)


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_pair_of_files(tmp_path: Path, packed: str) -> None:
    nib.save(nib.Nifti1Pair(gray().T, AFFINE), tmp_path / f"a.img{packed}")
    file = tmp_path / f"a.hdr{packed}"
    image = opened(read, file)
    check_same(image, by_nibabel(file))
    data = tmp_path / f"a.img{packed}"
    data.write_bytes(data.read_bytes()[:-20])
    assert data.name in refusal(read, file)
    data.unlink()
    assert "a.img holds the voxels" in refusal(read, file)


@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_crop_of_a_large_file_reads_little(tmp_path: Path, ending: str) -> None:
    shape = (40, 512, 1024)  # 40 MiB, of which the crop needs 2 MiB
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint16)
    header.set_data_shape(shape[::-1])
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    file = tmp_path / f"a.{ending}"
    values = np.zeros(shape, "<u2")
    values[30, 256, :] = np.arange(1024)
    data = header.binaryblock + bytes(4) + values.tobytes()
    file.write_bytes(gzip.compress(data, 1) if ending == "nii.gz" else data)
    del data, values
    box = (slice(20, 36), slice(200, 328), slice(0, 512))
    crop, most = peak_memory(lambda: opened(read, file).voxels(box))
    assert crop.nbytes == 2 << 20
    assert most <= 2 * crop.nbytes + (4 << 20 if ending == "nii.gz" else 0)
    np.testing.assert_array_equal(crop[10, 56], np.arange(512))


def test_head_of_a_file() -> None:
    data = b"n" * 4000
    assert unpacked_head(data, 512) == data[:512]
    packed = gzip.compress(bytes(range(256)) * 40)
    assert unpacked_head(packed[:300], 512) == (bytes(range(256)) * 2)
    broken = packed[:10] + b"\xff" * 90
    assert unpacked_head(broken, 512) == broken
    assert unpacked_head(packed[:10], 512) == packed[:10]


def test_signs(tmp_path: Path) -> None:
    for kind, order in itertools.product(VERSIONS, "<>"):
        data = written(tmp_path / "a.nii", gray(), kind=kind, order=order).read_bytes()
        assert is_nifti(data[:512])
        assert not is_nifti(data[:300]) or kind is nib.Nifti2Image
    assert not is_nifti(b"")
    assert not is_nifti(bytes(512))
    # the format before NIfTI, which does not say left from right
    assert not is_nifti(nib.AnalyzeHeader().binaryblock)
