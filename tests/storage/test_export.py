"""Images for other programs, read back with theirs: values, axes, voxel size and place."""

import errno
import os
import re
from collections.abc import Callable
from gzip import GzipFile as Gzip
from pathlib import Path
from xml.etree import ElementTree

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from storage.conftest import GRID, field
from storage.places import DIRECTIONS, scan
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOXML import vtkXMLImageDataReader

from tissue.cli import main
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage import export as exporting
from tissue.storage.deflate import GzipFile
from tissue.storage.export import KINDS, export
from tissue.storage.snapshot import list_snapshots, write_snapshot

SPECIAL = np.array([-0.0, 1e-40, 3.4e38, 1 / 3], "f4")
"""Numbers that a conversion on the way may change."""

FLOAT32 = 2.0**-24
"""Relative rounding of the places in NIfTI."""

Read = Callable[[Path, Grid], np.ndarray]


def assert_placed(affine: np.ndarray, grid: Grid, rounding: float = 0.0) -> None:
    """Each corner of a grid lies where its frame says.

    Args:
        affine: from voxel indices (x, y, z, 1) to places (x, y, z) [mm].
        grid: the voxels.
        rounding: relative rounding of the format.
    """
    for corner in np.ndindex(2, 2, 2):
        index = np.array(corner) * (np.array(grid.shape) - 1)
        offset = np.array(grid.origin) + index * grid.spacing
        expected = np.array(grid.frame.origin) + np.array(grid.frame.direction) @ offset
        found = (affine @ [*index[::-1], 1])[:3]
        np.testing.assert_allclose(found, expected[::-1] / 1e3, rtol=rounding, atol=1e-6)


def with_simpleitk(path: Path, grid: Grid) -> np.ndarray:
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    assert_placed(affine, grid, FLOAT32 if path.suffix == ".gz" else 0.0)
    np.testing.assert_allclose(image.GetSpacing(), grid.spacing / 1e3, rtol=1e-6)
    return np.asarray(sitk.GetArrayFromImage(image))


def with_nibabel(path: Path, grid: Grid) -> np.ndarray:
    image = nibabel.load(path)
    assert image.header.get_xyzt_units()[0] == "mm"
    values = np.asarray(image.dataobj)
    assert (image.header["cal_min"], image.header["cal_max"]) == (values.min(), values.max())
    day = re.search(r"day(\d+\.\d+)", path.name)
    assert day
    assert image.header["descrip"] == f"il1 [pM], day {float(day[1]):g}".encode()
    assert image.header["toffset"] == 86400 * float(day[1])
    np.testing.assert_allclose(image.header.get_zooms(), grid.spacing / 1e3, rtol=1e-6)
    for code in ("sform_code", "qform_code"):
        assert image.header[code] == 1  # places of the scanner
    for affine in (image.get_sform(), image.get_qform()):
        # NIfTI's axes point left to right and back to front, those of ITK the other way
        assert_placed(np.diag([-1, -1, 1, 1]) @ affine, grid, 2 * FLOAT32)
    return np.asarray(image.dataobj).T


def with_tifffile(path: Path, grid: Grid) -> np.ndarray:
    with tifffile.TiffFile(path) as file:
        reported = file.imagej_metadata
        assert reported is not None
        assert reported["unit"] == "um"
        assert reported["min"] == file.asarray().min()
        assert reported["max"] == file.asarray().max()
        np.testing.assert_allclose(reported["spacing"], grid.spacing, rtol=1e-6)
        for tag in ("XResolution", "YResolution"):
            voxels, units = file.pages[0].tags[tag].value
            np.testing.assert_allclose(units / voxels, grid.spacing, rtol=1e-6)
        assert file.series[0].axes == "ZYX"
        x, y, z = np.array(grid.first[::-1]) / 1e3
        for place in (reported["Info"], reported["place"]):
            assert f"first voxel at ({x:.9g}, {y:.9g}, {z:.9g}) mm" in place
        return np.asarray(file.asarray())


def with_numpy(path: Path, grid: Grid) -> np.ndarray:
    return np.asarray(np.load(path))


def with_vtk(path: Path, grid: Grid) -> np.ndarray:
    reader = vtkXMLImageDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    matrix = image.GetDirectionMatrix()
    affine = np.eye(4)
    affine[:3, :3] = [[matrix.GetElement(i, j) for j in range(3)] for i in range(3)]
    affine[:3, :3] *= image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    assert_placed(affine, grid)
    values = vtk_to_numpy(image.GetPointData().GetArray("il1"))
    return np.asarray(values).reshape(image.GetDimensions()[::-1])


READERS: list[tuple[str, Read]] = [
    ("nifti", with_simpleitk),
    ("nifti", with_nibabel),
    ("mha", with_simpleitk),
    ("nrrd", with_simpleitk),
    ("tiff", with_tifffile),
    ("npy", with_numpy),
    ("vti", with_vtk),
]


@pytest.mark.parametrize(("kind", "read"), READERS)
def test_other_programs_read_what_was_written(folder: Path, kind: str, read: Read) -> None:
    (made,) = export(list_snapshots(folder)[1], folder / "images", ("il1",), kind)
    assert made.name == "il1_day0007.000" + KINDS[kind][0]
    np.testing.assert_array_equal(read(made, GRID), field("il1", 1))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("kind", "read"), READERS)
def test_images_keep_every_bit_and_the_place_of_the_scan(
    tmp_path: Path, kind: str, read: Read, direction: str
) -> None:
    grid = scan(direction, (12.3, 8.2, 8.2)).grid((3, 5, 2), (6, 5, 4), 16.4)
    values = np.random.default_rng(1).random(grid.shape, "f4")
    values.flat[: len(SPECIAL)] = SPECIAL
    (made,) = export(snapshot(tmp_path, grid, {"il1": values}), tmp_path, ("il1",), kind)
    found = np.ascontiguousarray(read(made, grid)).astype("f4")
    np.testing.assert_array_equal(found.view("u4"), values.view("u4"))


def snapshot(folder: Path, grid: Grid, fields: dict[str, np.ndarray]) -> Path:
    bone = {"bone_volume_fraction": np.zeros(grid.shape)}
    return write_snapshot(folder, grid=grid, step=0, time=0.0, fields=bone | fields, provenance={})


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_bone_of_the_voxels_of_the_scan_covers_it(
    tmp_path: Path, direction: str, kind: str
) -> None:
    placed = scan(direction)
    part = (slice(3, 20), slice(5, 26), slice(2, 29))
    bone = placed.bone[part]
    grid = placed.grid((3, 5, 2), bone.shape, 8.0)
    made = export(snapshot(tmp_path, grid, {"bone_volume_fraction": bone}), tmp_path, (), kind)
    on_scan = sitk.Resample(
        sitk.ReadImage(str(made[0])), placed.image, sitk.Transform(), sitk.sitkNearestNeighbor, 7.0
    )
    expected = np.full(placed.bone.shape, 7.0)  # outside of the crop
    expected[part] = bone
    np.testing.assert_array_equal(sitk.GetArrayFromImage(on_scan), expected)


@pytest.mark.parametrize("kind", ["nifti", "nrrd", "mha"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_averaged_bone_lies_on_the_scan(tmp_path: Path, direction: str, kind: str) -> None:
    placed = scan(direction)
    start, shape = (4, 2, 6), (8, 9, 11)
    bone = placed.bone[4:20, 2:20, 6:28]
    share = bone.reshape(8, 2, 9, 2, 11, 2).mean(axis=(1, 3, 5))
    grid = placed.grid(start, shape, 16.0)
    made = export(snapshot(tmp_path, grid, {"bone_volume_fraction": share}), tmp_path, (), kind)
    averaged = sitk.ReadImage(str(made[0]))
    # amid eight voxels linear interpolation is their mean; NIfTI rounds places to 1.5e-5 mm here
    image = sitk.GetImageFromArray(placed.bone.astype("f4"))
    image.CopyInformation(placed.image)
    expected = sitk.Resample(image, averaged, sitk.Transform(), sitk.sitkLinear, 7.0)
    np.testing.assert_allclose(sitk.GetArrayFromImage(expected), share, atol=5e-3)
    on_scan = sitk.GetArrayFromImage(
        sitk.Resample(averaged, placed.image, sitk.Transform(), sitk.sitkNearestNeighbor, 7.0)
    )[4:20, 2:20, 6:28]
    # bone and marrow differ nowhere but in blocks that hold both
    assert np.isin(on_scan, np.arange(9) / 8).all()
    np.testing.assert_array_equal(bone[on_scan == 1], True)
    np.testing.assert_array_equal(bone[on_scan == 0], False)


def test_a_large_tiff_is_ome_with_its_voxel_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "MAX_CLASSIC_TIFF", 10)
    grid = scan("oblique").grid((3, 5, 2), (6, 5, 4), 16.4)
    values = np.random.default_rng(1).random(grid.shape, "f4")
    (made,) = export(snapshot(tmp_path, grid, {"il1": values}), tmp_path, ("il1",), "tiff")
    with tifffile.TiffFile(made) as file:
        assert file.is_bigtiff
        np.testing.assert_array_equal(file.asarray(), values)
        assert file.series[0].axes == "ZYX"
        image = ElementTree.fromstring(file.ome_metadata or "").find("{*}Image")
        assert image is not None
        pixels = image.find("{*}Pixels")
        assert pixels is not None
        for axis in "XYZ":
            assert float(pixels.attrib[f"PhysicalSize{axis}"]) == 16.4
            assert pixels.attrib[f"PhysicalSize{axis}Unit"] == "µm"
        assert "voxel edge 16.4 um, center of the first voxel at (" in (
            image.findtext("{*}Description") or ""
        )


def test_only_fields_of_the_program_become_files(tmp_path: Path) -> None:
    path = snapshot(tmp_path, GRID, {"il1": np.ones(GRID.shape)})
    with h5py.File(path, "r+") as file:
        points = file["VTKHDF/PointData"]
        points[".."] = points["il1"]
        points["..\\mine"] = points["il1"]
    for name in ("..", "..\\mine"):
        with pytest.raises(InputError, match="has no field"):
            export(path, tmp_path / "images", (name,), "npy")
    with pytest.raises(InputError, match="--fields bone_volume_fraction,il1"):
        export(path, tmp_path / "images", (), "npy")
    assert not (tmp_path / "images").exists()
    (made,) = export(path, tmp_path / "images", ("il1",), "npy")
    assert made.parent == tmp_path / "images"


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    path = snapshot(tmp_path, GRID, {"il1": np.ones(GRID.shape)})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    images = tmp_path / "images"
    images.mkdir()
    for suffix, _ in KINDS.values():
        (images / f"il1_day0000.000{suffix}").symlink_to(elsewhere)
    for kind in KINDS:
        (made,) = export(path, images, ("il1",), kind)
        assert not made.is_symlink()
    assert elsewhere.read_text() == "mine"
    assert len(list(images.iterdir())) == len(KINDS)  # nothing unfinished stays


@pytest.mark.parametrize(
    ("kind", "packer"), [*((kind, GzipFile) for kind in KINDS), ("nifti", Gzip), ("nrrd", Gzip)]
)
def test_a_full_disk_is_reported_and_leaves_no_part_of_an_image(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    packer: type[Gzip],
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exporting, "GzipFile", packer)
    resource = pytest.importorskip("resource")
    grid = Grid((20, 30, 40), 8.0)
    values = np.random.default_rng(1).random(grid.shape, "f4")
    path = snapshot(tmp_path, grid, {"il1": values})
    (whole,) = export(path, tmp_path / "whole", ("il1",), kind)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # a disk that is full at the start, amid the voxels, or one byte before the end
    for room in (0, 50_000, whole.stat().st_size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(OSError, match=whole.name) as raised:
                export(path, tmp_path / "part", ("il1",), kind)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert raised.value.filename == str(tmp_path / "part" / whole.name)
        assert raised.value.strerror
        assert list((tmp_path / "part").iterdir()) == []
    capfd.readouterr()  # what libraries say of it themselves


def test_a_late_error_of_a_disk_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = snapshot(tmp_path, GRID, {"il1": np.ones(GRID.shape)})

    def refuse(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", refuse)
    for kind in KINDS:
        with pytest.raises(OSError, match="Disk quota exceeded"):
            export(path, tmp_path / "images", ("il1",), kind)
    assert list((tmp_path / "images").iterdir()) == []


def test_every_format_is_read_back() -> None:
    assert {kind for kind, _ in READERS} == set(KINDS)


def test_the_command_exports_what_is_asked_for(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = ["export", str(folder), "--to", "npy", "--times", "7,21", "--fields", "il1"]
    assert main(asked) == 0
    reported = capfd.readouterr()
    made = [Path(line) for line in reported.out.splitlines()]
    assert [path.name for path in made] == ["il1_day0007.000.npy", "il1_day0021.000.npy"]
    assert reported.err == (
        "note: npy holds neither the voxel edge nor the position in the scan: voxel edge 8 um,"
        " center of the first voxel at (0.004, 0.02, 0.1) mm (x, y, z; LPS),"
        " axes x (1, 0, 0), y (0, 1, 0), z (0, 0, 1)\n"
    )
    assert all(path.parent == folder / "export" for path in made)
    assert main(["export", str(folder), "--to", "tiff", "--fields", "il1"]) == 0
    assert "note: TIFF holds the voxel edge, but the position in the" in capfd.readouterr().err
    assert main(["export", str(folder), "--to", "mha", "--out", str(folder / "all")]) == 0
    assert capfd.readouterr().err == ""
    assert len(list((folder / "all").iterdir())) == 6


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["--to", "jpeg"], "--to 'jpeg' is not a known format; it must be one of nifti, mha"),
        (["--to", "npy", "--fields", "il2"], "has no field 'il2'; it has bone_volume_fraction"),
        (["--to", "npy", "--times", "8"], "there is no snapshot of day 8; there are 0, 7, 21"),
    ],
)
def test_fields_that_cannot_be_exported_are_reported(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], reported: str
) -> None:
    assert main(["export", str(folder), *words]) == 2
    assert reported in capfd.readouterr().err
    assert not (folder / "export").exists()


def test_a_folder_without_snapshots_is_refused(tmp_path: Path) -> None:
    assert main(["export", str(tmp_path), "--to", "npy"]) == 2
    with pytest.raises(InputError, match="does not exist"):
        export(tmp_path / "snap_0.hdf", tmp_path, (), "npy")
