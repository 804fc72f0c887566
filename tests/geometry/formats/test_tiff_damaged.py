"""TIFF files that were cut or changed are refused, or read as other programs read them."""

import logging
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from geometry.formats.tiff_made import (
    damaged,
    pillow_stack,
    read_by_another,
    retagged,
    structure,
    volume,
    written,
)
from geometry.formats.volumes import opened, refusal

from tissue.errors import InputError
from tissue.geometry.formats.tiff import read
from tissue.geometry.gate import admit


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def attempt(file: Path) -> tuple[np.ndarray, str]:
    """Voxels of a file, or the sentence that it is refused with."""
    try:
        return admit(read(file)).values, ""
    except InputError as error:
        return np.empty(0), str(error)


def test_cut_short(tmp_path: Path) -> None:
    """A file that is cut is refused, however many whole pages are left, or lacks no voxel."""
    for name, options in (
        ("a.tif", {}),
        ("b.tif", {"metadata": None, "compression": "zlib"}),
        ("c.tif", {"imagej": True, "metadata": {"axes": "ZYX"}}),
        ("d.ome.tif", {"bigtiff": True}),
    ):
        file = written(tmp_path / name, volume(), **options)
        data = file.read_bytes()
        for part in np.linspace(0, len(data) - 1, 25).astype(int):
            file.write_bytes(data[:part])
            values, sentence = attempt(file)
            assert sentence or (part > 0.99 * len(data) and np.array_equal(values, volume()))


def test_missing_page(tmp_path: Path) -> None:
    """The chain of pages ends before the description says."""
    for options in ({}, {"imagej": True, "metadata": {"axes": "ZYX"}}):
        file = written(tmp_path / "a.tif", volume(), **options)
        with tifffile.TiffFile(file) as tiff:
            last = tiff.pages[3]
            place = last.offset + 2 + 12 * len(last.tags)
        data = bytearray(file.read_bytes())
        data[place : place + 4] = bytes(4)
        file.write_bytes(data)
        assert "5 slices and holds 4 pages" in refusal(read, file)


def test_chain_in_a_circle(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tif", np.zeros((150, 2, 2), "u1"), metadata=None)
    with tifffile.TiffFile(file) as tiff:
        last, target = tiff.pages[149], tiff.pages[120].offset
        place = last.offset + 2 + 12 * len(last.tags)
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, place, target)
    file.write_bytes(data)
    start = time.process_time()
    assert "leads back" in refusal(read, file)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_voxels_named_twice(tmp_path: Path, compression: Any) -> None:
    """A slice in the place of another one, or of the header, is a damaged entry."""
    options = {"metadata": None, "compression": compression}
    for page, target in ((1, "voxels"), (3, "header")):
        file = written(tmp_path / "a.tif", volume(), **options)
        with tifffile.TiffFile(file) as tiff:
            entry = tiff.pages[page].tags[273]
            place = tiff.pages[3].dataoffsets[0] if target == "voxels" else tiff.pages[0].offset
        data = bytearray(file.read_bytes())
        struct.pack_into("<I", data, entry.valueoffset, place)
        file.write_bytes(data)
        assert "damaged header" in refusal(read, file)


def test_sparse_strips(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tif", volume(), rowsperstrip=20, metadata=None)
    assert "holds no voxels in a part of page 0" in refusal(read, retagged(file, t279=0))


def test_sizes_that_lie(tmp_path: Path) -> None:
    """A header of thousands of millions of voxels costs neither time nor memory."""
    file = written(tmp_path / "a.tif", volume("u1"), compression="zlib", metadata=None)
    big = 2**31 - 1
    for tags in ({"t257": big}, {"t256": big}, {"t256": big, "t257": big, "t278": big}):
        lying = tmp_path / "b.tif"
        lying.write_bytes(file.read_bytes())
        tracemalloc.start()
        start = time.process_time()
        refusal(read, _longer(lying, **tags))
        assert time.process_time() - start < 5
        assert tracemalloc.get_traced_memory()[1] < 50e6
        tracemalloc.stop()


def _longer(file: Path, **values: int) -> Path:
    """The same file with numbers of 32 bits in tags that have room for them."""
    with tifffile.TiffFile(file) as tiff:
        places = [tiff.pages[n].tags[int(name[1:])].offset for n in range(5) for name in values]
        numbers = list(values.values()) * 5
    data = bytearray(file.read_bytes())
    for place, number in zip(places, numbers, strict=True):
        struct.pack_into("<HII", data, place + 2, 4, 1, number)
    file.write_bytes(data)
    return file


FUZZED: dict[str, Callable[[Path], object]] = {
    "plain.tif": lambda file: written(file, volume()),
    "bare.tif": lambda file: written(file, volume(), metadata=None, rowsperstrip=7),
    "imagej.tif": lambda file: written(file, volume(), imagej=True, metadata={"axes": "ZYX"}),
    "a.ome.tif": lambda file: written(file, volume(), metadata={"axes": "ZYX"}),
    "big.tif": lambda file: written(file, volume(), bigtiff=True, byteorder=">"),
    "zlib.tif": lambda file: written(file, volume(), compression="zlib", predictor=True),
    "tiles.tif": lambda file: written(file, volume(), tile=(16, 16)),
    "lzw.tif": lambda file: pillow_stack(file, volume("u1"), compression="tiff_lzw"),
    "g4.tif": lambda file: pillow_stack(file, volume() > 30000, compression="group4"),
}
"""Files that are damaged on purpose."""


def check_damaged(file: Path, seeds: range) -> None:
    """Damaged files are refused in a sentence, or read as another program reads them."""
    FUZZED[file.name](file)
    data, places, whole = file.read_bytes(), structure(file), opened(read, file).values
    hurt = file.with_name(f"hurt_{file.name}")
    for seed in seeds:
        hurt.write_bytes(damaged(data, places, f"{file.name}{seed}"))
        start = time.process_time()
        values, sentence = attempt(hurt)
        assert time.process_time() - start < 10
        assert "\n" not in sentence
        if sentence:
            continue
        same = values.shape == whole.shape and np.array_equal(values, whole)
        assert same or read_by_another(hurt, values), f"seed {seed}"


@pytest.mark.parametrize("name", FUZZED)
def test_damaged_files(tmp_path: Path, name: str) -> None:
    check_damaged(tmp_path / name, range(12))
