"""Numbers in TIFF files are those that were stored, whatever their type and compression."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from geometry.formats.tiff_made import (
    by_itk,
    by_pillow,
    by_tifffile,
    itk_stack,
    pillow_stack,
    volume,
    written,
)
from geometry.formats.volumes import check_crops, opened

from tissue.geometry.formats.tiff import read

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")


@pytest.mark.parametrize(("order", "big"), [("<", False), ("<", True), (">", False), (">", True)])
@pytest.mark.parametrize("dtype", TYPES)
def test_types(tmp_path: Path, dtype: str, order: Any, big: bool) -> None:
    values = volume(dtype)
    layouts: list[dict[str, Any]] = [
        {},
        {"rowsperstrip": 7, "metadata": None},
        {"tile": (16, 16)},
        {"compression": "zlib", "rowsperstrip": 3},
        {"compression": "lzma", "tile": (16, 16)},
    ]
    if dtype[1] != "8" and dtype[0] != "f":
        layouts.append({"compression": "zlib", "predictor": True})
    for number, layout in enumerate(layouts):
        file = written(tmp_path / f"{number}.tif", values, byteorder=order, bigtiff=big, **layout)
        image = opened(read, file)
        np.testing.assert_array_equal(image.values, by_tifffile(file))
        np.testing.assert_array_equal(image.values, values)
        assert image.values.dtype == image.dtype == np.dtype(dtype)
        assert image.dtype.isnative
        assert image.spacing == (None, None, None)
        assert image.frame is None
        check_crops(image)


@pytest.mark.parametrize("compressor", ["LZW", "Deflate", "PackBits", "NoCompression"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4"])
def test_of_itk(tmp_path: Path, dtype: str, compressor: str) -> None:
    """Compressions of libtiff, for numbers of all types."""
    file = itk_stack(tmp_path / "a.tif", volume(dtype), compressor)
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, by_itk(file))
    np.testing.assert_array_equal(image.values, volume(dtype))
    check_crops(image)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "packbits", "tiff_lzw"])
def test_masks_of_one_bit(tmp_path: Path, compression: str) -> None:
    mask = volume() > 30000
    file = pillow_stack(tmp_path / "a.tif", mask, compression=compression)
    image = opened(read, file)
    assert image.dtype == bool
    assert image.labels
    np.testing.assert_array_equal(image.values, mask)
    np.testing.assert_array_equal(image.values, by_pillow(file))
    check_crops(image)


@pytest.mark.parametrize(
    ("dtype", "predictor"), [("u1", 2), ("u2", 2), ("f4", 3), ("f4", 2), ("i4", 2)]
)
@pytest.mark.parametrize("compression", ["tiff_lzw", "zstd", "tiff_adobe_deflate"])
def test_predictors(tmp_path: Path, dtype: str, predictor: int, compression: str) -> None:
    file = tmp_path / "a.tif"
    pillow_stack(file, volume(dtype), compression=compression, tiffinfo={317: predictor})
    image = opened(read, file)
    with tifffile.TiffFile(file) as tiff:
        assert tiff.pages[0].predictor == predictor
    np.testing.assert_array_equal(image.values, by_pillow(file))
    np.testing.assert_array_equal(image.values, volume(dtype))


def test_jpeg_is_told(tmp_path: Path) -> None:
    file = itk_stack(tmp_path / "a.tif", volume("u1"), "JPEG")
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, by_itk(file))
    assert any("JPEG" in sentence for sentence in image.inventory.assumed)


@pytest.mark.parametrize("bits", [4, 10, 12, 14])
def test_packed_integers(tmp_path: Path, bits: int) -> None:
    """Numbers whose bits follow each other: packed here by hand, as TIFF 6.0 lays down."""
    values = volume("u2")[:2, :5, :7] >> (16 - bits)
    width = -(-7 * bits // 8)
    body, pages = struct.pack("<2sHI", b"II", 42, 8 + 2 * 5 * width), []
    for page in values:
        pages.append(len(body))
        for row in page:
            text = "".join(f"{number:0{bits}b}" for number in row).ljust(8 * width, "0")
            body += int(text, 2).to_bytes(width, "big")
    for number, start in enumerate(pages):
        entries = [(256, 7), (257, 5), (258, bits), (259, 1), (262, 1), (273, start), (278, 5)]
        entries.append((279, 5 * width))
        table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
        following = 0 if number else len(body) + 2 + len(table) + 4
        body += struct.pack("<H", len(entries)) + table + struct.pack("<I", following)
    (tmp_path / "a.tif").write_bytes(body)
    image = opened(read, tmp_path / "a.tif")
    np.testing.assert_array_equal(image.values, values)
    crop = image.voxels((slice(1, 2), slice(2, 4), slice(3, 6)))
    np.testing.assert_array_equal(crop[0], values[1, 2:4, 3:6])
