"""Slices in BMP, PNG and JPEG files, against Pillow and SimpleITK."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometry.formats.tiff_made import volume
from geometry.formats.volumes import refusal
from PIL import Image

from tissue.errors import InputError
from tissue.geometry.formats.raster import format_of, read

GRAY = volume("u1")[0]
DEEP = volume("u2")[0]


def saved(file: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(file)
    return file


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file, with its check sum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(values: np.ndarray, bits: int, color: int = 0, extra: bytes = b"") -> bytes:
    """A PNG file of some bits a number, made by hand."""
    rows = []
    for row in values:
        text = "".join(f"{number:0{bits}b}" for number in row)
        rows.append(b"\0" + int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(
            -(-len(text) // 8), "big"
        ))  # fmt: skip
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, color, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


@pytest.mark.parametrize("ending", ["bmp", "png"])
def test_gray(tmp_path: Path, ending: str) -> None:
    image = read(saved(tmp_path / f"a.{ending}", GRAY))
    assert image.shape == (1, 20, 24)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image.voxels()[0], GRAY)
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(image.file), sitk.sitkUInt8))
    np.testing.assert_array_equal(image.voxels()[0], other)
    box = (slice(0, 1), slice(3, 9), slice(5, 20))
    np.testing.assert_array_equal(image.voxels(box)[0], GRAY[3:9, 5:20])


def test_16_bits(tmp_path: Path) -> None:
    image = read(saved(tmp_path / "a.png", DEEP))
    assert image.dtype == image.voxels().dtype == np.uint16
    np.testing.assert_array_equal(image.voxels()[0], DEEP)
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(image.file)))
    np.testing.assert_array_equal(image.voxels()[0], other)


@pytest.mark.parametrize("ending", ["bmp", "png"])
def test_masks(tmp_path: Path, ending: str) -> None:
    mask = DEEP > 30000
    image = read(saved(tmp_path / f"a.{ending}", mask))
    assert image.dtype == bool
    assert image.labels
    np.testing.assert_array_equal(image.voxels()[0], mask)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits(tmp_path: Path, bits: int) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(GRAY >> (8 - bits), bits))
    values = read(file).voxels()[0]
    other = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))
    np.testing.assert_array_equal(values * (255 if bits == 1 else 1), other)


def test_jpeg_is_told(tmp_path: Path) -> None:
    image = read(saved(tmp_path / "a.jpg", GRAY))
    np.testing.assert_array_equal(image.voxels()[0], np.array(Image.open(tmp_path / "a.jpg")))
    assert "lossy" in image.inventory.assumed[0]


@pytest.mark.parametrize("ending", ["bmp", "png", "jpg"])
def test_colors(tmp_path: Path, ending: str) -> None:
    image = read(saved(tmp_path / f"a.{ending}", np.stack([GRAY] * 3, axis=-1)))
    assert image.inventory.axes == "zyxs"
    assert image.shape == (1, 20, 24, 3)


def test_color_tables(tmp_path: Path) -> None:
    ramp = [shade for shade in range(256) for _ in "RGB"]
    for name, table, right in (("ramp", ramp, True), ("inverted", ramp[::-1], False)):
        for ending in ("bmp", "png"):
            picture = Image.fromarray(GRAY).convert("P")
            picture.putpalette(table)
            picture.putdata(GRAY.ravel().tolist())
            picture.save(tmp_path / f"{name}.{ending}")
            image = read(tmp_path / f"{name}.{ending}")
            assert bool(image.inventory.doubts) != right
            if right:
                np.testing.assert_array_equal(image.voxels()[0], GRAY)


def test_header_of_skyscan(tmp_path: Path) -> None:
    """BMP files of NRecon begin their voxels at byte 1134, not 1078."""
    data = bytearray(saved(tmp_path / "a.bmp", GRAY).read_bytes())
    assert struct.unpack_from("<I", data, 10) == (1078,)
    struct.pack_into("<I", data, 10, 1134)
    data[1078:1078] = bytes(56)
    (tmp_path / "a.bmp").write_bytes(data)
    np.testing.assert_array_equal(read(tmp_path / "a.bmp").voxels()[0], GRAY)


def test_moving_pictures(tmp_path: Path) -> None:
    pages = [Image.fromarray(page) for page in volume("u1")]
    pages[0].save(tmp_path / "a.png", save_all=True, append_images=pages[1:])
    assert "5 pictures" in refusal(read, tmp_path / "a.png")


def test_sizes_that_lie(tmp_path: Path) -> None:
    data = bytearray(png(GRAY, 8))
    head = struct.pack(">IIBBBBB", 2**20, 2**20, 8, 0, 0, 0, 0)
    data[8:33] = chunk(b"IHDR", head)
    (tmp_path / "a.png").write_bytes(data)
    assert "cannot hold" in refusal(read, tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["bmp", "png", "jpg"])
def test_cut_short(tmp_path: Path, ending: str) -> None:
    file = saved(tmp_path / f"a.{ending}", GRAY)
    data = file.read_bytes()
    for part in np.linspace(8, len(data) - (1 if ending == "bmp" else 3), 40).astype(int):
        file.write_bytes(data[:part])
        refusal_of_slice(file)


def refusal_of_slice(file: Path) -> str:
    """The sentence that a slice is refused with, before or while its voxels are read."""
    with pytest.raises(InputError) as caught:
        read(file).voxels()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_changed_png(tmp_path: Path) -> None:
    """PNG guards its bytes by check sums, at which Pillow does not look."""
    file = saved(tmp_path / "a.png", GRAY)
    data = file.read_bytes()
    start = data.index(b"IDAT") + 4
    for place in range(start, start + 60, 7):
        file.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        assert "checksum" in refusal_of_slice(file)


def test_beginnings() -> None:
    assert format_of(b"BM6\0") == "BMP"
    assert format_of(b"\x89PNG\r\n\x1a\n\0") == "PNG"
    assert format_of(b"\xff\xd8\xff\xe0") == "JPEG"
    assert format_of(b"GIF89a") == format_of(b"") == ""
