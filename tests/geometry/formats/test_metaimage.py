"""MetaImage: voxels, units, place and calibration, against SimpleITK."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.metaimage_made import PLACED, SPACED, header, written
from geometry.formats.volumes import (
    EDGES,
    TYPES,
    by_itk,
    check_crops,
    check_same,
    gray,
    opened,
    peak_memory,
    refusal,
    written_by_itk,
)
from storage.places import DIRECTIONS

from tissue.geometry.formats.metaimage import is_metaimage, read
from tissue.geometry.grid import UPRIGHT, Frame


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
    crop, most = peak_memory(lambda: opened(read, file).voxels(box))
    assert most <= 2 * crop.nbytes
    np.testing.assert_array_equal(crop[8, 10], np.arange(100, 612))
