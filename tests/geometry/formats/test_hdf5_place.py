"""Volumes in HDF5 files lie where the conventions of other programs say."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK as sitk
from geometry.formats.hdf5_made import BOX, VOLUME, made, plain, read, refusal

from tissue.geometry.grid import Frame


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_images_of_itk_lie_where_simpleitk_says(tmp_path: Path, angle: float) -> None:
    image = sitk.GetImageFromArray(VOLUME)
    image.SetSpacing((0.01, 0.02, 0.03))
    image.SetOrigin((1.0, -2.0, 3.5))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    file = tmp_path / "a.h5"
    sitk.WriteImage(image, str(file))
    found = read(file)
    np.testing.assert_array_equal(found.values, VOLUME)
    assert found.spacing == (30, 20, 10)
    assert found.inventory.spacing_unit == "mm"
    assert found.frame is not None
    for index in ((0, 0, 0), (4, 0, 0), (0, 3, 0), (1, 2, 2)):  # x, y, z
        x, y, z = index
        there = np.array(image.TransformIndexToPhysicalPoint(index)) * 1000
        np.testing.assert_allclose(
            np.array(found.frame.at((30.0 * z, 20.0 * y, 10.0 * x))), there[::-1]
        )


def test_a_spacing_of_one_is_none_that_was_written(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(VOLUME)
    file = tmp_path / "a.h5"
    sitk.WriteImage(image, str(file))
    assert (read(file).spacing, read(file).frame) == ((None, None, None), None)
    image.SetSpacing((0.01, 0.01, 1.0))
    sitk.WriteImage(image, str(file))
    assert read(file).spacing == (None, 10, 10)


def test_colors_of_itk_are_refused(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), "u1"), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "a.h5"))
    assert "4 axes" in refusal(tmp_path / "a.h5", "ITKImage/0/VoxelData")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ([3.0, 2.0, 1.0], (3, 2, 1)),
        (8.0, (8, 8, 8)),
        ([8.0], (8, 8, 8)),
        ([[8.0, 4.0, 2.0]], (8, 4, 2)),
        (np.float32(4.1), (pytest.approx(4.1),) * 3),
        ("[8, 4, 2]", (8, 4, 2)),
        (b"8.5", (8.5, 8.5, 8.5)),
        ([0.0, 2.0, np.nan], (None, 2, None)),
        (h5py.Empty("f4"), (None, None, None)),
    ],
)
def test_element_size(tmp_path: Path, size: Any, expected: tuple[object, ...]) -> None:
    assert read(plain(tmp_path, element_size_um=size)).spacing == expected


@pytest.mark.parametrize("size", [[8.0, 8.0], [1.0, 2, 3, 4], "wide", [], np.zeros((2, 2))])
def test_element_size_that_is_none_is_named(tmp_path: Path, size: Any) -> None:
    assert "element_size_um" in refusal(plain(tmp_path, element_size_um=size))


def test_element_size_in_another_unit_is_refused(tmp_path: Path) -> None:
    file = plain(tmp_path, element_size_um=[8.0] * 3, element_size_unit="mm")
    assert "element_size_unit 'mm'" in refusal(file)
    assert read(plain(tmp_path, element_size_um=8.0, element_size_unit="um")).spacing == (8, 8, 8)


def test_axes_by_ilastik_are_put_in_order(tmp_path: Path) -> None:
    def tags(keys: str) -> str:
        steps = {"z": 3.0, "y": 2.0, "x": 1.0}
        return json.dumps({"axes": [{"key": key, "resolution": steps.get(key, 0)} for key in keys]})

    units = json.dumps({"z": "um", "y": "um", "x": "um", "c": ""})
    turned = VOLUME.transpose(2, 1, 0)[..., None]  # stored x, y, z, c
    image = read(plain(tmp_path, turned, axistags=tags("xyzc"), axis_units=units))
    np.testing.assert_array_equal(image.values, VOLUME)
    np.testing.assert_array_equal(image.voxels(BOX), VOLUME[BOX])
    assert image.spacing == (3, 2, 1)
    assert read(plain(tmp_path, VOLUME, axistags=tags("zyx"))).spacing == (None, None, None)
    image = read(plain(tmp_path, turned, axistags=tags("xyzc"), element_size_um=[1.0, 2, 3]))
    assert image.spacing == (3, 2, 1)
    assert "TYX" in refusal(plain(tmp_path, VOLUME, axistags=tags("tyx")))
    assert "YXC" in refusal(plain(tmp_path, VOLUME, axistags=tags("yxc")))
    for broken in ("{", "[" * 5000, "1", '{"axes": 3}'):
        assert read(plain(tmp_path, VOLUME, axistags=broken)).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("labels", "word"),
    [
        (("time", "y", "x"), "TYX"),
        (("y", "x", "channel"), "YXC"),
        (("rotation_angle", "y", "x"), "rotation_angle"),
        (("temperature", "y", "x"), "temperature"),
        (("z", "y", "y"), "ZYY"),
    ],
)
def test_axes_that_are_none_of_space_are_refused(
    tmp_path: Path, labels: tuple[str, ...], word: str
) -> None:
    def write(file: h5py.File) -> None:
        file["a"] = VOLUME
        for dimension, label in zip(file["a"].dims, labels, strict=True):
            dimension.label = label

    assert word in refusal(made(tmp_path / "a.h5", write))


def test_axes_without_names_are_assumed(tmp_path: Path) -> None:
    said = " ".join(read(plain(tmp_path)).inventory.lines())
    assert "dataset a names no axes: they are taken as z, y, x" in said

    def write(file: h5py.File) -> None:
        file["a"] = VOLUME
        for dimension, label in zip(file["a"].dims, ("", "row", "column"), strict=True):
            dimension.label = label

    said = " ".join(read(made(tmp_path / "a.h5", write)).inventory.lines())
    assert "axis 1 of dataset a has no name: it is taken as z" in said


def nexus(tmp_path: Path, edges: bool = False, wrong: bool = False, unit: str = "mm") -> Path:
    def write(file: h5py.File) -> None:
        group = file.create_group("entry/data")
        group.attrs["NX_class"], group.attrs["signal"] = "NXdata", "ct"
        group.attrs["axes"] = ["z", "y", "x"]
        group["ct"] = VOLUME
        for axis, count, step in zip("zyx", VOLUME.shape, (0.03, -0.02, 0.01), strict=True):
            places = 0.5 + step * (np.arange(count + edges) - 0.5 * edges)
            if wrong and axis == "z":
                places[-1] += step
            group[axis] = places.astype("f4")
            group[axis].attrs["units"] = unit

    return made(tmp_path / "a.nxs", write)


@pytest.mark.parametrize("edges", [False, True])
def test_axes_of_nexus_give_size_and_place(tmp_path: Path, edges: bool) -> None:
    image = read(nexus(tmp_path, edges))
    assert image.spacing == (30, 20, 10)
    turned = ((1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    assert image.frame == Frame((500.0, 500.0, 500.0), turned)
    assert image.inventory.assumed == ()


def test_axes_of_nexus_must_be_even_lengths(tmp_path: Path) -> None:
    assert "uneven positions along z" in refusal(nexus(tmp_path, wrong=True))
    image = read(nexus(tmp_path, unit="pixel"))
    assert (image.spacing, image.frame) == ((None, None, None), None)
    assert "no unit of length ('pixel')" in " ".join(image.inventory.ignored)


def test_projections_are_no_volume(tmp_path: Path) -> None:
    def tomo(file: h5py.File) -> None:
        file["entry/definition"] = "NXtomo"
        file["entry/data/data"] = VOLUME

    assert "raw projections (NXtomo)" in refusal(made(tmp_path / "a.h5", tomo))

    def exchange(file: h5py.File) -> None:
        file["exchange/data"], file["exchange/data_white"] = VOLUME, VOLUME
        file["exchange/theta"] = np.arange(3.0)

    assert "each angle theta" in refusal(made(tmp_path / "b.h5", exchange), "exchange/data")

    def named(file: h5py.File) -> None:
        file["data"] = VOLUME
        file["data"].attrs["axes"] = "theta:y:x"

    assert "theta, y, x" in refusal(made(tmp_path / "c.h5", named))


def test_a_color_image_is_no_volume(tmp_path: Path) -> None:
    marks = {"CLASS": "IMAGE", "IMAGE_SUBCLASS": "IMAGE_TRUECOLOR"}
    file = plain(tmp_path, np.zeros((4, 5, 3), "u1"), INTERLACE_MODE="INTERLACE_PIXEL", **marks)
    assert "colors" in refusal(file)
    assert "white" in refusal(plain(tmp_path, VOLUME, IMAGE_WHITE_IS_ZERO=1))


def test_the_order_of_matlab_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    with h5py.File(file, "w", userblock_size=512) as opened:
        opened["ct"] = VOLUME
        opened["ct"].attrs["MATLAB_class"] = np.bytes_("int16")
    image = read(file)
    np.testing.assert_array_equal(image.values, VOLUME)
    assert "A(i, j, k) is read with i along x" in " ".join(image.inventory.lines())


def test_mango_gives_its_voxel_size_and_its_other_files(tmp_path: Path) -> None:
    def write(file: h5py.File, files: int = 1, total: int = 3) -> None:
        file["tomo"] = VOLUME
        for dimension, axis in zip(file["tomo"].dims, "zyx", strict=True):
            dimension.label = f"tomo_{axis}dim"
        sizes = {"voxel_size_xyz": [0.01, 0.02, 0.03], "voxel_unit": "mm"}
        file.attrs.update(sizes | {"number_of_files": files, "zdim_total": total})

    image = read(made(tmp_path / "a.nc", write))
    assert image.spacing == (30, 20, 10)
    assert image.inventory.assumed == ()
    assert "only 1 of the 4 files" in refusal(made(tmp_path / "b.nc", lambda f: write(f, 4, 12)))
    assert "only 3 of the 12 slices" in refusal(made(tmp_path / "c.nc", lambda f: write(f, 1, 12)))


# --- calibration -------------------------------------------------------------------------------
