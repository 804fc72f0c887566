"""NRRD headers whose voxels are in other files, against SimpleITK."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.nrrd_made import detached
from geometry.formats.volumes import (
    by_itk,
    check_crops,
    check_same,
    check_slices,
    gray,
    opened,
    refusal,
    slices,
)

from tissue.geometry.formats.nrrd import read


def test_data_file(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "my scan.raw").write_bytes(gray().astype("<i2").tobytes())
    file = detached(tmp_path, "data file: below/my scan.raw\n")
    image = opened(read, file)
    check_same(image, by_itk(file))
    assert image.inventory.parts == ()


@pytest.mark.parametrize(
    "spec",
    [
        "LIST\n" + "".join(f"s{number:02d}.raw\n" for number in range(3, 9)),
        "LIST 2\n" + "".join(f"s{number:02d}.raw\n" for number in range(3, 9)),
        "s%02d.raw 3 8 1\n",
        "s%02d.raw 3 8 1 2\n",
    ],
)
def test_slices_as_data_files(tmp_path: Path, spec: str) -> None:
    slices(tmp_path, "s%02d.raw", 3)
    check_slices(read, detached(tmp_path, f"data file: {spec}"))


def test_slices_with_steps_and_backwards(tmp_path: Path) -> None:
    slices(tmp_path, "s%d.raw", 10, 10)
    file = detached(tmp_path, "data file: s%d.raw 10 60 10\n")
    np.testing.assert_array_equal(opened(read, file).values, gray())
    file = detached(tmp_path, "data file: s%d.raw 60 10 -10\n")
    np.testing.assert_array_equal(opened(read, file).values, gray()[::-1])


def test_slabs_as_packed_data_files(tmp_path: Path) -> None:
    for number, slab in enumerate(np.split(gray().astype("<i2"), 2)):
        (tmp_path / f"{number}.raw.gz").write_bytes(gzip.compress(slab.tobytes()))
    file = detached(tmp_path, "data file: LIST 3\n0.raw.gz\n1.raw.gz\n", "gzip")
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_crops(image)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("s%02d.raw 1 5 1\n", "5 data files for 6 slices"),
        ("s%02d.raw 1 60000000 1\n", "60000000 data files"),
        ("s%02d.raw 6 1 1\n", "-4 data files"),
        ("s%02d.raw 1 6 0\n", "0 data files"),
        ("s%02s.raw 1 6 1\n", "not a pattern"),
        ("s%02d_%d.raw 1 6 1\n", "not a pattern"),
        ("s%02d.raw 2 7 1\n", "s07.raw, which is not there"),
        ("LIST\ns01.raw\n", "s01.raw, which is cut short: 672 bytes are needed and 112"),
        ("LIST\n", "0 data files"),
        ("gone.raw\n", "gone.raw, which is not there"),
        ("\n", "not there"),
    ],
)
def test_data_files_that_do_not_fit(tmp_path: Path, spec: str, words: str) -> None:
    slices(tmp_path, "s%02d.raw")
    assert words in refusal(read, detached(tmp_path, f"data file: {spec}"))


def test_cut_data_file_is_named(tmp_path: Path) -> None:
    slices(tmp_path, "s%d.raw")
    file = detached(tmp_path, "data file: s%d.raw 1 6 1\n")
    data = (tmp_path / "s4.raw").read_bytes()
    (tmp_path / "s4.raw").write_bytes(data[:-7])
    assert "s4.raw, which is cut short: 112 bytes are needed and 105" in refusal(read, file)
    (tmp_path / "s4.raw").write_bytes(data + b"1234567")
    assert "more bytes in s4.raw" in refusal(read, file)


def test_files_outside_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (tmp_path, inside):
        (folder / "v.raw").write_bytes(gray().astype("<i2").tobytes())
    (inside / "link.raw").symlink_to(tmp_path / "v.raw")
    (inside / "near.raw").symlink_to("v.raw")
    (inside / "loop.raw").symlink_to("loop.raw")
    for name in (str(tmp_path / "v.raw"), "../v.raw", "link.raw"):
        assert "lies outside its folder" in refusal(read, detached(inside, f"data file: {name}\n"))
    for name in (str(inside / "v.raw"), "v.raw", "../inside/v.raw", "near.raw"):
        image = opened(read, detached(inside, f"data file: {name}\n"))
        np.testing.assert_array_equal(image.values, gray())
    assert "loop.raw" in refusal(read, detached(inside, "data file: loop.raw\n"))
    os.mkfifo(inside / "pipe.raw")
    assert "not there" in refusal(read, detached(inside, "data file: pipe.raw\n"))


def test_skips(tmp_path: Path) -> None:
    stored = gray().astype("<i2").tobytes()
    (tmp_path / "v.raw").write_bytes(b"one\ntwo\nHEAD" + stored)
    file = detached(tmp_path, "data file: v.raw\nline skip: 2\nbyte skip: 4\n")
    check_same(opened(read, file), by_itk(file))
    file = detached(tmp_path, "data file: v.raw\nbyte skip: -1\n")
    check_same(opened(read, file), by_itk(file))
    (tmp_path / "v.raw").write_bytes(b"HEAD" + stored + b"TAIL")
    file = detached(tmp_path, "data file: v.raw\nbyte skip: -5\n")
    check_same(opened(read, file), by_itk(file))
    (tmp_path / "v.raw").write_bytes(b"line\n" + gzip.compress(b"HEAD" + stored))
    file = detached(tmp_path, "data file: v.raw\nline skip: 1\nbyte skip: 4\n", "gzip")
    check_same(opened(read, file), by_itk(file))
    check_crops(opened(read, file))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("byte skip: 3\n", "cut short: 672 bytes are needed and 669"),
        ("line skip: 9\n", "fewer lines"),
        ("line skip: -1\n", "line skip -1"),
        ("byte skip: one\n", "byte skip: one"),
    ],
)
def test_skips_that_do_not_fit(tmp_path: Path, lines: str, words: str) -> None:
    (tmp_path / "v.raw").write_bytes(np.ones(336, "<i2").tobytes())
    assert words in refusal(read, detached(tmp_path, f"data file: v.raw\n{lines}"))
