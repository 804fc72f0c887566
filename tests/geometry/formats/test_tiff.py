"""Stacks in one TIFF file: every page counts, and what is ambiguous is refused."""

import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from geometry.formats.tiff_made import (
    SHAPE,
    by_itk,
    by_pillow,
    by_tifffile,
    pillow_stack,
    retagged,
    volume,
    written,
)
from geometry.formats.volumes import check_crops, opened, peak_memory, refusal

from tissue.geometry.formats.tiff import is_tiff, read
from tissue.geometry.image import Image


def used(image: Image, kind: str = "pages") -> tuple[int, int]:
    """Numbers of parts that were found and used."""
    part = next(part for part in image.inventory.parts if part.kind == kind)
    return part.found, part.used


def _two_compressions(file: Path, values: np.ndarray) -> None:
    with tifffile.TiffWriter(file) as tiff:
        for number, page in enumerate(values):
            packed = None if number < 2 else "zlib"
            tiff.write(page, compression=packed, metadata=None, contiguous=False)


def _two_writes(file: Path, values: np.ndarray) -> None:
    with tifffile.TiffWriter(file) as tiff:
        tiff.write(values[:2], photometric="minisblack")
        tiff.write(values[2:], photometric="minisblack")


def _appended(file: Path, values: np.ndarray) -> None:
    for number, page in enumerate(values):
        tifffile.imwrite(file, page, append=number > 0)


@pytest.mark.parametrize("write", [_two_compressions, _two_writes, _appended])
def test_every_page_counts(tmp_path: Path, write: Callable[[Path, np.ndarray], None]) -> None:
    write(tmp_path / "a.tif", volume())
    image = opened(read, tmp_path / "a.tif")
    np.testing.assert_array_equal(image.values, volume())
    np.testing.assert_array_equal(image.values, by_itk(tmp_path / "a.tif"))
    assert used(image) == (5, 5)
    assert any("are taken as z" in sentence for sentence in image.inventory.assumed)


def test_slices_behind_one_page(tmp_path: Path) -> None:
    """A shape of five slices, of which the first one alone has a directory."""
    file = written(tmp_path / "a.tif", volume(), truncate=True)
    with tifffile.TiffFile(file) as tiff:
        assert len(tiff.pages) == 1
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, volume())
    check_crops(image)
    data = file.read_bytes()
    file.write_bytes(data[:-10])
    assert "cut short" in refusal(read, file)


def test_pages_of_unlike_kind(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in volume()[:4]:
            tiff.write(page, metadata=None, contiguous=False)
        tiff.write(volume("u1")[4], metadata=None, contiguous=False)
        tiff.write(volume()[0, :9], metadata=None, contiguous=False)
    text = refusal(read, tmp_path / "a.tif")
    assert "only 4 of the 6 pages" in text
    assert "page 4 (20 x 24 uint8)" in text
    assert "page 5 (9 x 24 uint16)" in text


def test_smaller_copies_are_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in volume():
            tiff.write(page, metadata=None, contiguous=False)
        tiff.write(volume()[0, ::2, ::2], subfiletype=1, metadata=None)
    image = opened(read, tmp_path / "a.tif")
    np.testing.assert_array_equal(image.values, volume())
    assert image.inventory.ignored == ("page 5 (10 x 12 uint16), a smaller copy",)


def test_a_copy_of_full_size_is_none(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for number, page in enumerate(volume()):
            tiff.write(page, subfiletype=int(number == 4), metadata=None, contiguous=False)
    assert opened(read, tmp_path / "a.tif").shape == SHAPE


def test_pyramids_are_named(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for page in volume():
            tiff.write(page, subifds=1, metadata=None, contiguous=False)
            tiff.write(page[::2, ::2], subfiletype=1, metadata=None)
    image = opened(read, tmp_path / "a.tif")
    np.testing.assert_array_equal(image.values, volume())
    assert len(image.inventory.ignored) == 5
    with tifffile.TiffWriter(tmp_path / "b.tif") as tiff:
        for page in volume():
            tiff.write(page, subifds=1, metadata=None, contiguous=False)
            tiff.write(page, metadata=None)
    assert "sub-pages" in refusal(read, tmp_path / "b.tif")


@pytest.mark.parametrize(
    ("axes", "shape"), [("TYX", None), ("CYX", None), ("TZYX", (2, 5)), ("ZCYX", (5, 2))]
)
def test_other_axes(tmp_path: Path, axes: str, shape: tuple[int, int] | None) -> None:
    values = volume() if shape is None else np.resize(volume(), (*shape, 20, 24))
    for name, options in (
        ("plain.tif", {"metadata": {"axes": axes}}),
        ("a.ome.tif", {"metadata": {"axes": axes}}),
        ("imagej.tif", {"metadata": {"axes": axes}, "imagej": True}),
    ):
        tifffile.imwrite(tmp_path / name, values, photometric="minisblack", **options)
        text = refusal(read, tmp_path / name)
        assert axes in text
        if "T" in axes:
            assert " x ".join(map(str, values.shape)) in text


def test_axes_nobody_named(tmp_path: Path) -> None:
    written(tmp_path / "a.tif", np.resize(volume(), (2, 5, 20, 24)))
    assert "QQYX" in refusal(read, tmp_path / "a.tif")


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colors(tmp_path: Path, planar: Any) -> None:
    shape = (5, 20, 24, 3) if planar == "contig" else (5, 3, 20, 24)
    values = np.resize(volume("u1"), shape)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar)
    assert "colors" in refusal(read, tmp_path / "a.tif")


def test_color_tables(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype="u2") * 257, (3, 1))
    for name, table, right in (("a", ramp, True), ("b", ramp[:, ::-1].copy(), False)):
        file = tmp_path / f"{name}.tif"
        tifffile.imwrite(file, volume("u1"), photometric="palette", colormap=table)
        if right:
            np.testing.assert_array_equal(opened(read, file).values, volume("u1"))
        else:
            assert "table of colors" in refusal(read, file)


def test_white_is_zero(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tif", volume("u1"), photometric="miniswhite")
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, by_pillow(file))
    np.testing.assert_array_equal(image.values, 255 - volume("u1"))
    assert image.inventory.calibration == "255 - stored (white is zero)"
    check_crops(image)
    mask = volume() > 30000
    for compression in ("group4", "packbits"):
        file = pillow_stack(tmp_path / "b.tif", mask, compression=compression)
        file = retagged(file, t262=0)
        image = opened(read, file)
        np.testing.assert_array_equal(image.values, by_pillow(file))
        np.testing.assert_array_equal(image.values, ~mask)
    for dtype in ("u2", "i1", "f4"):
        file = written(tmp_path / "c.tif", volume(dtype), photometric="miniswhite")
        assert "white as zero" in refusal(read, file)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"t262": 34892}, "PhotometricInterpretation"),
        ({"t274": 4}, "mirrored"),
        ({"t274": 6}, "mirrored"),
        ({"t259": 34712}, "JPEG 2000"),
        ({"t259": 9999}, "number 9999"),
        ({"t339": 6}, "sample format 6"),
        ({"t258": 24}, "24 bits"),
    ],
)
def test_what_is_not_known(tmp_path: Path, tags: dict[str, int], word: str) -> None:
    file = written(
        tmp_path / "a.tif",
        volume("i2"),
        metadata=None,
        extratags=[(274, "H", 1, 1, False)],
    )
    assert word in refusal(read, retagged(file, **tags))


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_missing_photometric(tmp_path: Path, dtype: str) -> None:
    """Pillow takes 8 bits without it as white-is-zero, others do not; more bits none inverts."""
    file = written(tmp_path / "a.tif", volume(dtype), metadata=None)
    data = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tiff:
        places = [page.tags[262].offset for page in tiff.pages]
    for place in places:
        struct.pack_into("<H", data, place, 263)  # Thresholding, which is of no account
    file.write_bytes(data)
    if dtype == "u1":
        assert not np.array_equal(by_pillow(file), by_tifffile(file))
        assert "black or white" in refusal(read, file)
    else:
        image = opened(read, file)
        np.testing.assert_array_equal(image.values, by_tifffile(file))
        np.testing.assert_array_equal(image.values, by_pillow(file))
        assert any("0 is taken as black" in sentence for sentence in image.inventory.assumed)


def test_scale_of_gdal(tmp_path: Path) -> None:
    text = '<GDALMetadata><Item name="SCALE" sample="0" role="scale">0.5</Item></GDALMetadata>'
    written(tmp_path / "a.tif", volume(), extratags=[(42112, "s", 0, text, True)], metadata=None)
    assert "GDAL" in refusal(read, tmp_path / "a.tif")


def test_entries_of_vendors(tmp_path: Path) -> None:
    written(tmp_path / "a.tif", volume(), extratags=[(33628, "I", 1, 1, True)], metadata=None)
    assert "MetaMorph" in refusal(read, tmp_path / "a.tif")


def test_volumes_in_one_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", volume(), volumetric=True, tile=(16, 16, 16))
    assert "several slices in one page" in refusal(read, tmp_path / "a.tif")


def test_beginnings() -> None:
    for head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        assert is_tiff(head + bytes(12))
    for head in (b"", b"II", b"IIU\0", b"II\0*", b"BM*\0"):
        assert not is_tiff(head)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_memory_of_a_crop(tmp_path: Path, compression: Any) -> None:
    values = np.zeros((40, 600, 700), "u2")
    values[20:30, 300:340] = 7
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, values, compression=compression, rowsperstrip=8)
    box = (slice(20, 30), slice(200, 500), slice(100, 600))
    image = opened(read, file)
    crop, peak = peak_memory(lambda: image.voxels(box))
    np.testing.assert_array_equal(crop, values[box])
    assert peak < 2 * crop.nbytes


def test_many_pages_open_quickly(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tif", np.zeros((2000, 4, 4), "u1"), metadata=None)
    start = time.process_time()
    assert opened(read, file).shape == (2000, 4, 4)
    assert time.process_time() - start < 5
