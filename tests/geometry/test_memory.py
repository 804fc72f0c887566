"""A crop of a large file takes no more memory than twice the crop and a constant."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

SHAPE = (256, 512, 1024)
"""Voxels of 16 bits of a file: 268 MB, nearly all of it holes that take no room on the disk."""

START = (128, 256, 512)
SIZE = 64
"""Edge of the crop, half a megabyte."""

CONSTANT = 8 * 2**20
"""Bytes that a crop may take besides: the cache of HDF5 (1 MB), a slice (1 MB), tables of pages,
and code that is loaded on first use."""

LOADED = 32 * 2**20
"""Bytes that a run may take until it has its bone: 16 times the crop in numbers of 64 bits."""

CROP = np.random.default_rng(1).integers(1, 60000, (SIZE,) * 3, np.uint16)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a part"
)

LOOK = """
import json, re, sys
from pathlib import Path
import numpy as np
from tissue.geometry.images import read_image

def memory(name):
    return 1024 * int(re.search(rf"{name}:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

def crop(file, start, size):
    return read_image(Path(file)).voxels(tuple(slice(at, at + size) for at in start))

small, large, start, size = json.loads(sys.argv[1])
crop(small, [0, 0, 0], 2)  # loads all that is loaded on first use
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
before = memory("VmRSS")
values = crop(large, start, size)
told = memory("VmHWM") - before, int(values.sum(dtype=np.int64)), int(values[-1, 0, 1])
print(json.dumps(told))
"""

LOAD = LOOK.replace(
    "def crop(",
    """
from tissue.geometry.load import load_image
from tissue.geometry.settings import ImageSettings

def crop(file, start, size):
    box = tuple((at, at + size) for at in start)
    made = load_image(ImageSettings(Path(file), voxel_size=8.0, crop=box, threshold=30000.0))
    return made.bone_volume_fraction > 0.5

def voxels(""",
).replace("[0, 0, 0], 2)", "[0, 0, 0], 16)")

Make = Callable[[Path, tuple[int, ...]], np.ndarray]
"""Creates a file and gives the array of its voxels, on disk."""


def behind(file: Path, header: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """An array of holes behind a header."""
    file.write_bytes(header)
    return np.memmap(file, "<u2", "r+", len(header), shape)


def nrrd(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    z, y, x = shape
    text = (
        f"NRRD0004\ntype: uint16\ndimension: 3\nsizes: {x} {y} {z}\nendian: little\n"
        'encoding: raw\nspacings: 8 8 8\nspace dimension: 3\nspace units: "um" "um" "um"\n\n'
    )
    return behind(file, text.encode(), shape)


def meta_image(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    z, y, x = shape
    text = (
        f"ObjectType = Image\nNDims = 3\nDimSize = {x} {y} {z}\nElementType = MET_USHORT\n"
        "BinaryData = True\nBinaryDataByteOrderMSB = False\nElementSpacing = 0.008 0.008 0.008\n"
        "ElementDataFile = LOCAL\n"
    )
    return behind(file, text.encode(), shape)


def nifti(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    nibabel = pytest.importorskip("nibabel")
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape[::-1])
    header.set_data_dtype("<u2")
    header.set_zooms((0.008,) * 3)
    header.set_xyzt_units("mm")
    header["magic"], header["vox_offset"] = b"n+1", 352
    return behind(file, header.binaryblock + bytes(4), shape)


def npy(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    return np.lib.format.open_memmap(file, "w+", "<u2", shape)


def npy_of_fortran(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    return np.lib.format.open_memmap(file, "w+", "<u2", shape, fortran_order=True)


def tiff(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    return tifffile.memmap(
        file, shape=shape, dtype="u2", photometric="minisblack", metadata={"axes": "ZYX"}
    )


def hdf5(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    with h5py.File(file, "w") as opened:
        options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple(shape)
        made = h5py.h5d.create(opened.id, b"ct", h5py.h5t.STD_U16LE, space, options)
        place = made.get_offset()
    return np.memmap(file, "<u2", "r+", place, shape)


FILES: dict[str, Make] = {
    "nrrd": nrrd,
    "mha": meta_image,
    "nii": nifti,
    "npy": npy,
    "fortran.npy": npy_of_fortran,
    "tif": tiff,
    "h5": hdf5,
}


def fill(values: np.ndarray, start: tuple[int, ...]) -> None:
    values[tuple(slice(at, at + SIZE) for at in start)] = CROP
    values.flush()  # type: ignore[attr-defined]


def small_of(make: Make, file: Path) -> Path:
    make(file, (4, 5, 6))[...] = 7
    return file


def peak(small: Path, large: Path, program: str = LOOK, expected: np.ndarray = CROP) -> int:
    """Bytes that a crop took; its values are right."""
    made = subprocess.run(
        [sys.executable, "-c", program, json.dumps([str(small), str(large), START, SIZE])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    taken, total, one = json.loads(made.stdout)
    assert (total, one) == (int(expected.sum(dtype=np.int64)), int(expected[-1, 0, 1]))
    return int(taken)


LIMIT = 2 * CROP.nbytes + CONSTANT


@pytest.mark.parametrize("name", FILES)
def test_a_crop_of_a_file(tmp_path: Path, name: str) -> None:
    large = tmp_path / f"large.{name}"
    fill(FILES[name](large, SHAPE), START)
    assert large.stat().st_size > 2 * np.prod(SHAPE)
    assert peak(small_of(FILES[name], tmp_path / f"small.{name}"), large) <= LIMIT


def test_a_crop_of_compressed_blocks(tmp_path: Path) -> None:
    def make(file: Path, shape: tuple[int, ...]) -> None:
        with h5py.File(file, "w") as opened:
            made = opened.create_dataset(
                "ct", shape=shape, dtype="u2", chunks=(32, 64, 64), compression="gzip"
            )
            made[0:1, 0:1, 0:1] = 1
            block = made.id.read_direct_chunk((0, 0, 0))[1]
            for corner in np.ndindex(
                *(size // chunk for size, chunk in zip(shape, made.chunks, strict=True))
            ):
                place = tuple(at * chunk for at, chunk in zip(corner, made.chunks, strict=True))
                made.id.write_direct_chunk(place, block)
            if shape == SHAPE:
                made[tuple(slice(at, at + SIZE) for at in START)] = CROP

    make(tmp_path / "small.h5", (32, 64, 64))
    make(tmp_path / "large.h5", SHAPE)
    assert peak(tmp_path / "small.h5", tmp_path / "large.h5") <= LIMIT


def test_a_crop_of_a_folder(tmp_path: Path) -> None:
    def make(folder: Path, shape: tuple[int, ...]) -> Path:
        folder.mkdir()
        for number in range(shape[0]):
            page = tifffile.memmap(
                folder / f"s{number:04d}.tif", shape=shape[1:], dtype="u2", photometric="minisblack"
            )
            if shape == SHAPE and 0 <= number - START[0] < SIZE:
                y, x = (slice(at, at + SIZE) for at in START[1:])
                page[y, x] = CROP[number - START[0]]
            page.flush()
        return folder

    assert peak(make(tmp_path / "small", (4, 5, 6)), make(tmp_path / "large", SHAPE)) <= LIMIT


def test_a_run_on_a_crop(tmp_path: Path) -> None:
    small, large = tmp_path / "small.nrrd", tmp_path / "large.nrrd"
    blocks = np.zeros_like(CROP)
    blocks[np.arange(SIZE) % 16 < 8] = 60000
    nrrd(small, (16, 16, 16))[:8] = 60000
    nrrd(large, SHAPE)[tuple(slice(at, at + SIZE) for at in START)] = blocks
    settings = LOAD.replace("threshold=", "keep_largest=False, close_pockets=False, threshold=")
    assert peak(small, large, settings, blocks > 30000) <= LOADED
