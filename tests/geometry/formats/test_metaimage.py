import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.volumes import (
    EDGES,
    TYPES,
    by_itk,
    check_crops,
    check_same,
    gray,
    opened,
    refusal,
    written_by_itk,
)
from storage.places import DIRECTIONS

from tissue.geometry.formats.metaimage import is_metaimage, read
from tissue.geometry.grid import UPRIGHT, Frame

NAMES = {
    "u1": "MET_UCHAR",
    "i1": "MET_CHAR",
    "u2": "MET_USHORT",
    "i2": "MET_SHORT",
    "u4": "MET_UINT",
    "i4": "MET_INT",
    "u8": "MET_ULONG_LONG",
    "i8": "MET_LONG_LONG",
    "f4": "MET_FLOAT",
    "f8": "MET_DOUBLE",
}
SPACED = "ElementSpacing = 0.008 0.01 0.0125\n"
PLACED = f"{SPACED}Offset = 1 2 3\n"


def header(lines: str = "", dtype: str = "i2", sizes: str = "8 7 6") -> str:
    """A header without its last line."""
    return (
        f"ObjectType = Image\nNDims = {len(sizes.split())}\nDimSize = {sizes}\n"
        f"ElementType = {NAMES[dtype]}\n{lines}"
    )


def written(file: Path, lines: str = PLACED, data: bytes | None = None) -> Path:
    """A file with these further lines of a header."""
    stored = gray().astype("<i2").tobytes() if data is None else data
    file.write_bytes(f"{header(lines)}ElementDataFile = LOCAL\n".encode() + stored)
    return file


def detached(folder: Path, last: str, lines: str = PLACED) -> Path:
    """A header whose voxels are elsewhere."""
    file = folder / "a.mhd"
    file.write_text(f"{header(lines)}ElementDataFile = {last}\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["a.mha", "a_packed.mha", "a.mhd", "a_packed.mhd"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_place_of_itk(tmp_path: Path, direction: str, name: str) -> None:
    written_by_itk(tmp_path / name, gray(), direction)
    image = opened(read, tmp_path / name)
    check_same(image, by_itk(tmp_path / name))
    check_crops(image)
    np.testing.assert_allclose(np.array(image.voxel_size), EDGES, rtol=1e-12)


@pytest.mark.parametrize("form", ["raw", "packed", "text"])
@pytest.mark.parametrize("order", ["False", "True"])
@pytest.mark.parametrize("dtype", [*TYPES, "i8", "u8"])
def test_types(tmp_path: Path, dtype: str, order: str, form: str) -> None:
    values = gray(dtype)
    stored = values.astype(f"{'>' if order == 'True' else '<'}{dtype}").tobytes()
    lines = f"{PLACED}BinaryDataByteOrderMSB = {order}\n"
    if form == "packed":
        stored = zlib.compress(stored)
        lines += f"CompressedData = True\nCompressedDataSize = {len(stored)}\n"
    elif form == "text":
        stored = " ".join(str(value) for value in values.ravel().tolist()).encode() + b"\n"
        lines += "BinaryData = False\n"
    file = tmp_path / "a.mha"
    file.write_bytes(f"{header(lines, dtype)}ElementDataFile = LOCAL\n".encode() + stored)
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == np.dtype(dtype)
    check_crops(image)
    # SimpleITK rounds whole numbers of text to double, and swaps the bytes of text
    if form != "text" or (order == "False" and dtype not in ("u8", "i8")):
        check_same(image, by_itk(file))


def test_long_has_four_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.mha"
    for name, dtype in (("MET_LONG", "<i4"), ("MET_ULONG", "<u4")):
        text = header(PLACED).replace("MET_SHORT", name)
        stored = gray(dtype).astype(dtype).tobytes()
        file.write_bytes(f"{text}ElementDataFile = LOCAL\n".encode() + stored)
        check_same(opened(read, file), by_itk(file))


@pytest.mark.parametrize(
    ("unit", "scale"), [("um", 1e3), ("mm", 1.0), ("cm", 0.1), ("micron", 1e3), ("µm", 1e3)]
)
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_units(tmp_path: Path, unit: str, scale: float, coding: str, end: str) -> None:
    lines = (
        f"\nDistanceUnits = {unit}\n# by hand\n"
        f"ElementSpacing = {0.008 * scale} {0.01 * scale} {0.0125 * scale}\nOffset = {scale} 0 0\n"
    )
    text = f"{header(lines)}ElementDataFile = LOCAL\n".replace("\n", end)
    file = tmp_path / "a.mha"
    file.write_bytes(text.encode(coding) + gray().astype("<i2").tobytes())
    image = opened(read, file)
    assert image.voxel_size == pytest.approx(EDGES)
    assert image.frame is not None
    assert image.frame.origin == pytest.approx((0, 0, 1000))
    assert image.inventory.spacing_unit == unit
    assert not any("mm is assumed" in line for line in image.inventory.assumed)
    np.testing.assert_array_equal(image.values, gray())


def test_unknown_unit_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.mha", SPACED + "DistanceUnits = furlong\n")
    assert "furlong" in refusal(read, file)


@pytest.mark.parametrize("unit", ["", "DistanceUnits = ?\n", "DistanceUnits = none\n"])
def test_millimeters_are_assumed_and_said(tmp_path: Path, unit: str) -> None:
    image = opened(read, written(tmp_path / "a.mha", SPACED + unit))
    assert image.voxel_size == EDGES
    assert "MetaImage: no unit of length is written; mm is assumed" in image.inventory.assumed


def test_spacing_that_nobody_wrote(tmp_path: Path) -> None:
    file = tmp_path / "a.mha"
    assert opened(read, written(file, "")).spacing == (None, None, None)
    one = "ElementSpacing = 1 1 1\nOffset = 0 0 0\n"
    image = opened(read, written(file, one))
    assert image.spacing == (None, None, None)
    assert image.frame is None
    image = opened(read, written(file, f"{one}DistanceUnits = mm\n"))
    assert image.voxel_size == (1000.0, 1000.0, 1000.0)
    assert image.frame == Frame()
    image = opened(read, written(file, "ElementSpacing = 0.016 0.016 1\n"))
    assert image.spacing == (None, 16.0, 16.0)
    image = opened(read, written(file, "ElementSpacing = 0.016 0 nan\n"))
    assert image.spacing == (None, None, 16.0)


def test_header_saved_by_an_editor_of_windows(tmp_path: Path) -> None:
    file = written(tmp_path / "a.mha")
    check = by_itk(file)
    file.write_bytes("\ufeff".encode() + file.read_bytes())
    check_same(opened(read, file), check)


def test_element_size_stands_for_spacing(tmp_path: Path) -> None:
    lines = "ElementSize = 0.008 0.01 0.0125\n"
    file = written(tmp_path / "a.mha", f"{lines}Offset = 0 0 0\n")
    check_same(opened(read, file), by_itk(file))
    file = written(tmp_path / "a.mha", f"ElementSize = 1 2 3\n{PLACED}")
    check_same(opened(read, file), by_itk(file))


def test_place_that_nobody_wrote(tmp_path: Path) -> None:
    assert opened(read, written(tmp_path / "a.mha", SPACED)).frame is None


@pytest.mark.parametrize("name", ["Offset", "Position", "Origin"])
@pytest.mark.parametrize("matrix", ["TransformMatrix", "Orientation", "Rotation"])
def test_second_names(tmp_path: Path, name: str, matrix: str) -> None:
    lines = f"{SPACED}{name} = 1 2 3\n{matrix} = 0 1 0 0 0 1 1 0 0\nElementByteOrderMSB = False\n"
    file = written(tmp_path / "a.mha", lines)
    image = opened(read, file)
    check_same(image, by_itk(file))
    assert image.frame is not None
    assert image.frame.origin == (3000.0, 2000.0, 1000.0)


def test_negative_spacing_turns_the_axis(tmp_path: Path) -> None:
    file = written(tmp_path / "a.mha", "ElementSpacing = 0.008 -0.01 0.0125\nOffset = 1 2 3\n")
    image = opened(read, file)
    assert image.voxel_size == EDGES
    assert image.frame is not None
    # the second voxel along y lies 10 um before the first
    assert image.frame.at((0.0, 10.0, 0.0)) == pytest.approx((3000.0, 1990.0, 1000.0))


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    lines = f"{PLACED}TransformMatrix = 1 0 0 0.05 0.99874922 0 0 0 1\n"
    assert "not orthogonal: x and y meet at 87.13 degrees" in refusal(
        read, written(tmp_path / "a.mha", lines)
    )


def test_calibration(tmp_path: Path) -> None:
    lines = (
        f"{PLACED}ElementToIntensityFunctionSlope = 0.5\nElementToIntensityFunctionOffset = -1000\n"
    )
    image = opened(read, written(tmp_path / "a.mha", lines))
    np.testing.assert_array_equal(image.values, (gray() * 0.5 - 1000).astype(np.float32))
    assert image.inventory.calibration == "0.5 * stored - 1000"
    assert "slope 0" in refusal(
        read, written(tmp_path / "a.mha", "ElementToIntensityFunctionSlope = 0\n")
    )


def test_other_axes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.mha"
    for sizes, lines, letters in (
        ("8 7 6 2", "", "TZYX"),
        ("8 7 6", "ElementNumberOfChannels = 3\n", "ZYXC"),
        ("8 7", "", "YX"),
    ):
        text = f"{header(lines, 'u1', sizes)}ElementDataFile = LOCAL\n"
        count = int(np.prod([int(size) for size in sizes.split()]))
        file.write_bytes(text.encode() + bytes(count * (3 if "Channels" in lines else 1)))
        assert f"has the axes {letters}" in refusal(read, file)
    text = f"{header(PLACED.replace('3', '3 0').replace('25', '25 1'), sizes='8 7 6 1')}"
    file.write_bytes(f"{text}ElementDataFile = LOCAL\n".encode() + gray().astype("<i2").tobytes())
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, gray())
    assert image.voxel_size == EDGES
    assert image.frame == Frame((3000.0, 2000.0, 1000.0), UPRIGHT)


def test_what_is_not_used_is_said(tmp_path: Path) -> None:
    lines = f"{PLACED}Comment = a = b\nProbeToTracker = 1 0 0\nAnatomicalOrientation = RAI\n"
    image = opened(read, written(tmp_path / "a.mha", lines))
    assert image.inventory.ignored == ("ProbeToTracker",)
    assert any("byte order" in line for line in image.inventory.assumed)


def slices(folder: Path, pattern: str, first: int = 1, step: int = 1) -> None:
    """One file a slice."""
    for index, plane in enumerate(gray().astype("<i2")):
        (folder / (pattern % (first + index * step))).write_bytes(plane.tobytes())


@pytest.mark.parametrize(
    "last",
    [
        "LIST\n" + "\n".join(f"s{number:02d}.raw" for number in range(1, 7)),
        "LIST 2\n" + "\n".join(f"s{number:02d}.raw" for number in range(1, 7)),
        "s%02d.raw 1 6 1",
        "s%02d.raw 1",
        "s%02d.raw",
    ],
)
def test_slices_as_data_files(tmp_path: Path, last: str) -> None:
    slices(tmp_path, "s%02d.raw")
    file = detached(tmp_path, last)
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_crops(image)
    assert [(part.kind, part.found, part.used) for part in image.inventory.parts] == [
        ("data files", 6, 6)
    ]


def test_pattern_with_a_blank_and_steps(tmp_path: Path) -> None:
    slices(tmp_path, "my scan %03d.raw", 10, 10)
    file = detached(tmp_path, "my scan %03d.raw 10 60 10")
    check_same(opened(read, file), by_itk(file))


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ("s%02d.raw 1 7 1", "7 data files for 6 slices"),  # which SimpleITK leaves out
        ("s%02d.raw 1 5 1", "5 data files"),
        ("s%02d.raw 2 7 1", "s07.raw, which is not there"),
        ("LIST\ns01.raw", "s01.raw, which is cut short"),
        ("LIST", "0 data files"),
        ("gone.raw", "gone.raw, which is not there"),
        ("", "not there"),
    ],
)
def test_data_files_that_do_not_fit(tmp_path: Path, last: str, words: str) -> None:
    slices(tmp_path, "s%02d.raw")
    assert words in refusal(read, detached(tmp_path, last))


def test_files_outside_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (tmp_path, inside):
        (folder / "v.raw").write_bytes(gray().astype("<i2").tobytes())
    (inside / "link.raw").symlink_to(tmp_path / "v.raw")
    for name in (str(tmp_path / "v.raw"), "../v.raw", "link.raw", "/etc/passwd"):
        assert "lies outside its folder" in refusal(read, detached(inside, name))
    np.testing.assert_array_equal(opened(read, detached(inside, "v.raw")).values, gray())


def test_header_size(tmp_path: Path) -> None:
    stored = gray().astype("<i2").tobytes()
    (tmp_path / "v.raw").write_bytes(b"a scanner's own header" + stored)
    assert "more bytes in v.raw" in refusal(read, detached(tmp_path, "v.raw"))
    for size in (22, -1):
        file = detached(tmp_path, "v.raw", f"{PLACED}HeaderSize = {size}\n")
        check_same(opened(read, file), by_itk(file))
    assert "HeaderSize = -2" in refusal(
        read, detached(tmp_path, "v.raw", f"{PLACED}HeaderSize = -2\n")
    )


def test_cut_files(tmp_path: Path) -> None:
    file = written(tmp_path / "a.mha")
    data = file.read_bytes()
    for kept in range(0, len(data), 37):
        file.write_bytes(data[:kept])
        refusal(read, file)
    file.write_bytes(data[:-1])
    assert "promises 672 bytes of voxels and 671 are there" in refusal(read, file)
    file.write_bytes(data + b"\0")
    assert "more bytes than the 672 bytes" in refusal(read, file)
    (tmp_path / "v.raw").write_bytes(gray().tobytes()[:-2])
    assert "v.raw, which is cut short: 672 bytes are needed and 670" in refusal(
        read, detached(tmp_path, "v.raw")
    )


@pytest.mark.parametrize("sized", [True, False])
def test_cut_packed_files(tmp_path: Path, sized: bool) -> None:
    packed = zlib.compress(gray().astype("<i2").tobytes())
    size = f"CompressedDataSize = {len(packed)}\n" if sized else ""
    lines = f"{PLACED}CompressedData = True\n{size}"
    file = written(tmp_path / "a.mha", lines, packed)
    np.testing.assert_array_equal(opened(read, file).values, gray())
    for kept in (0, 10, len(packed) // 2, len(packed) - 2):
        text = refusal(read, written(file, lines, packed[:kept]))
        assert ("are there" if sized else "cut short" if kept < 600 else "too early") in text
    other = packed[:60] + b"~~~~" + packed[64:]
    assert "damaged" in refusal(read, written(file, lines, other))
    assert ("are there" if sized else "other bytes") in refusal(
        read, written(file, lines, packed + b"more")
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ObjectType = Image", "ObjectType = Tube", "Tube"),
        ("NDims = 3\n", "", "no line 'NDims'"),
        ("DimSize = 8 7 6\n", "", "no line 'DimSize'"),
        ("ElementType = MET_SHORT\n", "", "no line 'ElementType'"),
        ("ElementDataFile = LOCAL\n", "", "header"),
        ("MET_SHORT", "MET_OTHER", "MET_OTHER"),
        ("8 7 6", "8 7", "DimSize: 8 7"),
        ("8 7 6", "8 7 0", "above 0"),
        ("8 7 6", "800000 700000 600000", "cut short"),
        ("NDims = 3", "NDims = 99", "99 axes"),
        ("0.008 0.01", "0,008 0,01", "ElementSpacing: 0,008"),
        ("ElementSpacing", "Elementspacing", "write ElementSpacing"),
        ("Offset", "Ofset", "write Offset"),
        ("NDims = 3", "NDims = 3\nNDims = 4", "NDims twice, as 3 and 4"),
        ("Offset = 1 2 3", "Offset = 1 2 3\nOrigin = 0 0 0", "Offset twice"),
        ("Offset = 1 2 3", "a line of words", "a line of words"),
        ("Offset = 1 2 3", "BinaryData = perhaps", "perhaps"),
        ("Offset = 1 2 3", "TransformMatrix = 2 0 0 0 1 0 0 0 1", "not a rotation"),
    ],
)
def test_damaged_headers(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = written(tmp_path / "a.mha")
    data = file.read_bytes()
    assert old.encode() in data
    file.write_bytes(data.replace(old.encode(), new.encode(), 1))
    assert words in refusal(read, file)


def test_signs() -> None:
    text = f"\n# by hand\nComment = bone\n{header()}".encode()
    assert is_metaimage(text)
    assert is_metaimage(text.replace(b"\n", b"\r\n"))
    assert is_metaimage(header().encode("utf-8-sig"))  # as an editor of Windows saves it
    for other in (b"", b"\0" * 512, b"NRRD0004\ntype: short", b"[System]\nScanner=SkyScan1172\n"):
        assert not is_metaimage(other)
    assert not is_metaimage(b"some words\nNDims = 3\n")


def test_crop_of_a_large_file_reads_little(tmp_path: Path) -> None:
    row = np.arange(4096, dtype="<i2").tobytes()
    with (tmp_path / "v.raw").open("wb") as stream:  # 64 GiB of zeros that take no room
        stream.seek(2 * 4096 * (1000 * 4096 + 2000))
        stream.write(row)
        stream.truncate(2 * 4096 * 4096 * 2048)
    file = tmp_path / "a.mhd"
    text = header(PLACED, sizes="4096 4096 2048")
    file.write_text(f"{text}ElementDataFile = v.raw\n", encoding="utf-8")
    box = (slice(992, 1024), slice(1990, 2118), slice(100, 612))
    tracemalloc.start()
    crop = opened(read, file).voxels(box)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most <= 2 * crop.nbytes
    np.testing.assert_array_equal(crop[8, 10], np.arange(100, 612))
