"""The one gate that every image passes, and the choice of a reader."""

import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from tissue.errors import InputError
from tissue.geometry.gate import admit
from tissue.geometry.image import Image, Inventory, Parts
from tissue.geometry.images import named_after, read_image


def test_demo_bone(shrew: Path) -> None:
    read = read_image(shrew)
    assert read.values.shape == (115, 114, 114)
    assert read.voxel_size == (4.1, 4.1, 4.1)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"geometry\.file: there is no .*none\.nrrd"):
        read_image(tmp_path / "none.nrrd")


def test_dataset_only_for_hdf5(tmp_path: Path, volume: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", volume)
    with pytest.raises(InputError, match=r"geometry\.dataset"):
        read_image(tmp_path / "a.npy", "scan")


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii.gz", "a.tif", "a.npy", "a.h5", "a.png"])
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no image at all")
    with pytest.raises(InputError, match=r"geometry\.file"):
        read_image(tmp_path / name)


def image_of(shape: tuple[int, ...] = (3, 4, 5), dtype: str = "u1", **facts: Any) -> Image:
    values = np.zeros(shape, dtype)
    inventory = Inventory("test", **facts)
    return Image(Path("a.tif"), shape, values.dtype, lambda box: values[box], inventory)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (image_of((3, 4)), r"has the shape \(3, 4\); a volume with three axes z, y, x"),
        (image_of((3, 1, 5)), r"has the shape \(3, 1, 5\)"),
        (image_of((2, 3, 4, 5)), r"has the shape \(2, 3, 4, 5\)"),
        (image_of(dtype="c8"), "values of type complex64; save it as one real number per voxel"),
        (image_of(dtype="S3"), "values of type"),
        (image_of(axes="tyx"), "has the axes TYX with 3 x 4 x 5 entries; .* save one volume alone"),
        (image_of(axes="cyx"), "several colors or channels"),
        (image_of(axes="xyz"), "has the axes XYZ"),
        (
            image_of(bytes_needed=100, bytes_found=99),
            "is cut short: its header promises 100 bytes of voxels and 99 are there",
        ),
        (
            image_of(parts=(Parts("pages", 24, 12, ("page 13", "page 14")),)),
            r"a.tif holds one volume in only 12 of the 24 pages \(page 13, page 14\); save",
        ),
        (image_of(doubts=("has two slices at 3 mm; remove one",)), "a.tif has two slices at 3 mm;"),
    ],
)
def test_the_gate_refuses_what_is_incomplete_or_ambiguous(image: Image, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        admit(image)
    assert "\n" not in str(refused.value)


def test_the_gate_admits_what_is_whole() -> None:
    image = image_of(
        parts=(Parts("pages", 24, 24),), bytes_needed=60, bytes_found=60, ignored=("a.log",)
    )
    assert admit(image) is image
    assert image.inventory.lines() == ("test; 24 of 24 pages used; not used: a.log",)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_where_they_are_read(
    tmp_path: Path, value: float
) -> None:
    values = np.ones((4, 5, 6), np.float32)
    values[3, 0, 0] = value
    np.save(tmp_path / "a.npy", values)
    image = read_image(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"a.npy holds 1 NaN or infinite values; .* crop"):
        image.voxels()
    assert (image.voxels((slice(0, 3), slice(0, 5), slice(0, 6))) == 1).all()


def test_content_decides_and_not_the_name(tmp_path: Path, volume: np.ndarray) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(volume), str(tmp_path / "a.nrrd"))
    shutil.copy(tmp_path / "a.nrrd", tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    np.testing.assert_array_equal(image.values, volume)
    assert "a.nii is NRRD, whatever its ending says" in image.inventory.lines()
    np.save(tmp_path / "b.npy", volume)
    shutil.copy(tmp_path / "b.npy", tmp_path / "b.dat")
    np.testing.assert_array_equal(read_image(tmp_path / "b.dat").values, volume)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.nrrd")
    with pytest.raises(InputError, match="is neither a file nor a folder"):
        read_image(tmp_path / "a.nrrd")
    for name in ("a" * 5000, "a\0b"):
        with pytest.raises(InputError, match=r"geometry\.file"):
            read_image(tmp_path / name)


def test_a_reader_may_fail_in_any_way() -> None:
    for error in (KeyError("x"), AssertionError(), TypeError("no"), RecursionError("deep")):

        def fail(box: object, error: Exception = error) -> np.ndarray:
            raise error

        image = replace(image_of(), reader=fail)
        with pytest.raises(InputError, match=r"a.tif cannot be read \(.*\); check"):
            image.voxels()
    short = replace(image_of(), reader=lambda box: np.zeros((1, 2, 3)))
    with pytest.raises(InputError, match=r"it gave \(1, 2, 3\) voxels in place of \(3, 4, 5\)"):
        short.voxels()


def test_an_error_has_its_key_and_its_reason_apart(tmp_path: Path) -> None:
    """Commands name an option of their own in place of the key of a run file."""
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 4)))
    with pytest.raises(InputError) as raised:
        read_image(tmp_path / "a.npy", dataset="b")
    assert raised.value.key == "geometry.dataset"
    assert str(raised.value) == f"geometry.dataset: {raised.value.reason}"
    error = InputError("= 0 um is not a length", key="geometry.resample")
    assert str(error) == "geometry.resample = 0 um is not a length"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.key) == (str(error), "geometry.resample")
    assert str(InputError("there is no run")) == "there is no run"


def test_the_key_that_named_an_image_is_named() -> None:
    for key in ("file", "voxel_size"):
        with pytest.raises(InputError) as raised, named_after("disease.pannus.mask"):
            raise InputError("a.tif is bad", key=f"geometry.{key}")
        assert str(raised.value) == "disease.pannus.mask: a.tif is bad"
