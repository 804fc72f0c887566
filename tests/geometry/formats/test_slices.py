"""Folders of slices: all of them, of one kind, in the order of their numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from geometry.formats import volumes
from geometry.formats.tiff_made import retagged, volume
from PIL import Image as Picture

from tissue.geometry.formats import folder
from tissue.geometry.gate import admit
from tissue.geometry.image import Image


def opened(place: Path, series: str | None = None) -> Image:
    return admit(folder.read(place, series))


def refusal(place: Path, series: str | None = None) -> str:
    return volumes.refusal(folder.read, place, series)


def tiffs(place: Path, values: np.ndarray, form: str = "rec{:04d}.tif", **options: Any) -> Path:
    """A folder of TIFF slices."""
    place.mkdir(exist_ok=True)
    for number, page in enumerate(values):
        tifffile.imwrite(place / form.format(number), page, photometric="minisblack", **options)
    return place


def pictures(place: Path, values: np.ndarray, ending: str) -> Path:
    """A folder of slices that Pillow writes."""
    place.mkdir(exist_ok=True)
    for number, page in enumerate(values):
        Picture.fromarray(page).save(place / f"rec{number:04d}.{ending}")
    return place


def check_crops(image: Image, values: np.ndarray) -> None:
    for box in (
        (slice(0, 5), slice(0, 20), slice(0, 24)),
        (slice(1, 3), slice(2, 9), slice(20, 24)),
        (slice(4, 5), slice(19, 20), slice(0, 1)),
    ):
        np.testing.assert_array_equal(image.voxels(box), values[box])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "f4", "f8"])
def test_tiffs(tmp_path: Path, dtype: str) -> None:
    image = opened(tiffs(tmp_path / "scan", volume(dtype)))
    np.testing.assert_array_equal(image.values, volume(dtype))
    check_crops(image, volume(dtype))
    assert image.dtype == np.dtype(dtype)
    assert image.spacing == (None, None, None)
    assert image.frame is None
    assert image.inventory.lines()[0] == (
        "folder of TIFF slices, rec0000.tif to rec0004.tif; 5 of 5 slices used"
    )


@pytest.mark.parametrize(("ending", "dtype"), [("bmp", "u1"), ("png", "u1"), ("png", "u2")])
def test_pictures(tmp_path: Path, ending: str, dtype: str) -> None:
    image = opened(pictures(tmp_path / "scan", volume(dtype), ending))
    np.testing.assert_array_equal(image.values, volume(dtype))
    check_crops(image, volume(dtype))
    reader = sitk.ImageSeriesReader()
    reader.SetOutputPixelType(sitk.sitkUInt8 if dtype == "u1" else sitk.sitkUInt16)
    reader.SetFileNames([str(file) for file in sorted((tmp_path / "scan").iterdir())])
    np.testing.assert_array_equal(image.values, sitk.GetArrayFromImage(reader.Execute()))


def test_jpegs_are_told(tmp_path: Path) -> None:
    image = opened(pictures(tmp_path / "scan", volume("u1"), "jpg"))
    assert any("lossy" in sentence for sentence in image.inventory.assumed)


def test_masks_of_group_4(tmp_path: Path) -> None:
    place = tmp_path / "scan"
    place.mkdir()
    mask = volume() > 30000
    for number, page in enumerate(mask):
        Picture.fromarray(page).save(place / f"s{number}.tif", compression="group4")
    image = opened(place)
    np.testing.assert_array_equal(image.values, mask)
    assert image.labels


def test_order_of_numbers(tmp_path: Path) -> None:
    values = np.arange(12 * 6, dtype="u1").reshape(12, 2, 3)
    image = opened(tiffs(tmp_path / "a", values, "s{}.tif"))
    np.testing.assert_array_equal(image.values, values)
    place = tmp_path / "b"
    place.mkdir()
    for number, page in enumerate(values):
        tifffile.imwrite(place / f"slice_{0.5 * number - 3:.1f}mm.tif", page)
    image = opened(place)
    np.testing.assert_array_equal(image.values, values)
    assert image.spacing == (None, None, None)
    assert any("positions 0.5 apart" in sentence for sentence in image.inventory.assumed)
    for number in range(12):
        (tmp_path / "a" / f"s{number}.tif").rename(tmp_path / "a" / f"n{20 + 5 * number}.tif")
    image = opened(tmp_path / "a")
    np.testing.assert_array_equal(image.values, values)
    assert any("5 apart" in sentence for sentence in image.inventory.assumed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda place: (place / "rec0002.tif").unlink(), ("rec0001.tif", "rec0003.tif", "gap")),
        (
            lambda place: (place / "rec1.tif").write_bytes((place / "rec0001.tif").read_bytes()),
            ("rec0001.tif", "rec1.tif", "same number"),
        ),
        (
            lambda place: (place / "rec0001 (1).tif").write_bytes(
                (place / "rec0001.tif").read_bytes()
            ),
            ("copies", "rec0001 (1).tif"),
        ),
        (
            lambda place: (place / "rec0001 - Copy.tif").write_bytes(
                (place / "rec0001.tif").read_bytes()
            ),
            ("copies", "rec0001 - Copy.tif"),
        ),
        (lambda place: tiffs(place, volume(), "tibia{}.tif"), ("rec*", "tibia*", "series")),
        (
            lambda place: tifffile.imwrite(place / "rec0003.tif", volume("u1")[3]),
            ("rec0003.tif", "uint8", "rec0000.tif", "uint16"),
        ),
        (
            lambda place: tifffile.imwrite(place / "rec0003.tif", volume()[3, :9]),
            ("rec0003.tif", "(9, 24)", "rec0000.tif", "(20, 24)"),
        ),
        (
            lambda place: tifffile.imwrite(place / "rec0003.tif", volume()[3:]),
            ("rec0003.tif", "2 pages"),
        ),
        (
            lambda place: tifffile.imwrite(
                place / "rec0003.tif", np.resize(volume("u1"), (20, 24, 3)), photometric="rgb"
            ),
            ("rec0003.tif", "YXS"),
        ),
        (
            lambda place: (place / "rec0003.tif").write_bytes(
                (place / "rec0003.tif").read_bytes()[:-700]
            ),
            ("rec0003.tif", "cut short"),
        ),
        (lambda place: (place / "rec0003.tif").write_bytes(b""), ("rec0003.tif", "begin")),
        (lambda place: (place / "rec0003.tif").write_bytes(b"nothing"), ("rec0003.tif", "begin")),
        (
            lambda place: tifffile.imwrite(
                place / "rec0005.tif", volume()[0], imagej=True, resolution=(1 / 9, 1 / 9),
                metadata={"unit": "um", "axes": "YX"},
            ),
            (),
        ),
        (
            lambda place: retagged(place / "rec0003.tif", t262=0),
            ("rec0003.tif", "white as zero"),
        ),
    ],
)  # fmt: skip
def test_what_is_no_single_stack(
    tmp_path: Path, change: Callable[[Path], Any], words: tuple[str, ...]
) -> None:
    place = tiffs(tmp_path / "scan", volume(), metadata=None)
    change(place)
    if not words:
        assert opened(place).spacing == (None, 9.0, 9.0)
        return
    text = refusal(place)
    for word in words:
        assert word in text


def test_edges_of_slices(tmp_path: Path) -> None:
    options: dict[str, Any] = {"imagej": True, "resolution": (1 / 8, 1 / 9)}
    keys: dict[str, Any] = {"unit": "um", "axes": "YX"}
    image = opened(tiffs(tmp_path / "a", volume(), **options, metadata=keys))
    assert image.spacing == (None, 9.0, 8.0)
    image = opened(tiffs(tmp_path / "b", volume(), **options, metadata={**keys, "spacing": 16}))
    assert image.spacing == (16.0, 9.0, 8.0)
    tiffs(tmp_path / "b", volume()[:1], **options, metadata={**keys, "unit": "mm", "spacing": 16})
    text = refusal(tmp_path / "b")
    assert "rec0001.tif" in text
    assert "edge" in text


def test_calibrated_slices(tmp_path: Path) -> None:
    """Slices without bone have one value, and are calibrated as the others are."""
    values = volume("u1")
    values[0] = 0
    keys = {"axes": "YX", "cf": 0, "c0": -5.0, "c1": 2.0, "vunit": "mg"}
    image = opened(tiffs(tmp_path / "scan", values, imagej=True, metadata=keys))
    np.testing.assert_array_equal(image.values, -5 + 2.0 * values)
    assert image.unit == "mg"
    keys["c1"] = 3.0
    tiffs(tmp_path / "scan", values[:1], imagej=True, metadata=keys)
    assert "3 * stored - 5" in refusal(tmp_path / "scan")


def test_white_is_zero(tmp_path: Path) -> None:
    place = tiffs(tmp_path / "scan", volume("u1"), metadata=None)
    for file in place.iterdir():
        retagged(file, t262=0)
    np.testing.assert_array_equal(opened(place).values, 255 - volume("u1"))
    retagged(place / "rec0002.tif", t262=1)
    assert "rec0002.tif" in refusal(place)


def test_names_of_other_axes(tmp_path: Path) -> None:
    for number, (form, told) in enumerate(
        [("scan_t{:03d}.tif", True), ("ch{}.tif", True), ("cut{}.tif", False), ("z{}.tif", False)]
    ):
        image = opened(tiffs(tmp_path / str(number), volume(), form))
        assert any("time" in sentence for sentence in image.inventory.assumed) == told


def test_names_without_endings(tmp_path: Path) -> None:
    image = opened(tiffs(tmp_path / "scan", volume(), "slice_{:03d}"))
    np.testing.assert_array_equal(image.values, volume())


def test_a_crop_opens_its_slices_alone(tmp_path: Path) -> None:
    values = np.zeros((30, 500, 400), "u2")
    values[:, 5, 7] = np.arange(30)
    place = tiffs(tmp_path / "scan", values, rowsperstrip=8)
    image = opened(place)
    for number in (*range(10), *range(20, 30)):
        (place / f"rec{number:04d}.tif").unlink()
    box = (slice(10, 20), slice(0, 300), slice(0, 300))
    crop, peak = volumes.peak_memory(lambda: image.voxels(box))
    np.testing.assert_array_equal(crop, values[box])
    assert peak < 2 * crop.nbytes
