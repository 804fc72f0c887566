"""MetaImage headers whose voxels are in other files, and files that are cut or damaged."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.damaged_files import check_cut
from geometry.formats.metaimage_made import PLACED, detached, written
from geometry.formats.volumes import (
    by_itk,
    check_same,
    check_slices,
    gray,
    opened,
    refusal,
    slices,
)

from tissue.geometry.formats.metaimage import read


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
    check_slices(read, detached(tmp_path, last))


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
    check_cut(read, written(tmp_path / "a.mha"))
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
