"""Arrays of numpy (.npy): voxels alone, without a voxel size or a place."""

from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from tissue.geometry.image import Box, Image, Inventory, Parts, guarded_reader, refused

SIGN = b"\x93NUMPY"
ARCHIVE = b"PK\x03\x04"
"""First bytes of an archive of arrays (.npz), which is a zip file."""


@dataclass(frozen=True)
class _Array:
    """An array in a file: where it begins and how it is laid out."""

    file: Path
    begin: int
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype

    def plane(self, number: int) -> np.ndarray:
        """One entry along the slowest axis, on disk until it is used."""
        shape = self.shape[:-1] if self.fortran else self.shape[1:]
        begin = self.begin + number * prod(shape) * self.dtype.itemsize
        return np.memmap(self.file, self.dtype, "r", begin, shape, "F" if self.fortran else "C")


@guarded_reader
def read(file: Path) -> Image:
    """The array in a .npy file.

    Raises:
        InputError: the file holds Python objects, several arrays, or no array.
    """
    array = _opened(file)
    size = file.stat().st_size
    if array is None:
        raise refused(
            file, "is an archive of arrays (.npz); save the one you want alone, with numpy.save"
        )
    if array.dtype.hasobject:
        raise refused(file, "holds Python objects, which are not read; save an array of numbers")
    needed = prod(array.shape) * array.dtype.itemsize
    behind = size - array.begin - needed
    # axes of length 1 around a volume stand for one time point or one channel
    order = tuple(axis for axis, length in enumerate(array.shape) if length > 1)
    if len(array.shape) <= 3 or len(order) != 3:
        order = tuple(range(len(array.shape)))
    assumed = "a numpy array names no axes: they are taken as z, y, x"
    native = array.dtype.newbyteorder("=")
    if native.kind == "f" and native.itemsize > 8:
        native = np.dtype(np.float64)
    return Image(
        file=file,
        shape=tuple(array.shape[axis] for axis in order),
        dtype=native,
        reader=partial(_box_of, array, order, native),
        inventory=Inventory(
            "numpy array",
            parts=(Parts("arrays", 2, 1),) if behind > 0 and _another(array, needed) else (),
            bytes_needed=needed,
            bytes_found=min(needed, max(0, size - array.begin)),
            ignored=(f"{behind} bytes behind the array",) if behind > 0 else (),
            assumed=(assumed,),
        ),
    )


def _opened(file: Path) -> _Array | None:
    """The header of the array; None for an archive of arrays."""
    with file.open("rb") as stream:
        if stream.read(len(ARCHIVE)) == ARCHIVE:
            return None
        stream.seek(0)
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            # version 3.0 differs only in names of fields, of which an image has none
            raise ValueError(f"its format version is {version[0]}.{version[1]}")
        if any(length < 0 for length in shape):
            raise ValueError(f"its shape is {shape}")
        return _Array(file, stream.tell(), tuple(map(int, shape)), bool(fortran), dtype)


def _another(array: _Array, needed: int) -> bool:
    """Whether a second array follows, as when numpy.save wrote twice to one file."""
    with array.file.open("rb") as stream:
        stream.seek(array.begin + needed)
        return stream.read(len(SIGN)) == SIGN


def _box_of(array: _Array, order: tuple[int, ...], native: np.dtype, box: Box) -> np.ndarray:
    """Values of a box, one entry of the slowest axis at a time, in this machine's byte order."""
    ranges = [slice(0, 1)] * len(array.shape)
    for axis, along in zip(order, box, strict=True):
        ranges[axis] = along
    lengths = [along.stop - along.start for along in ranges]
    values = np.empty(lengths, native, order="F" if array.fortran else "C")
    slowest = len(lengths) - 1 if array.fortran else 0
    others = tuple(along for axis, along in enumerate(ranges) if axis != slowest)
    target = np.moveaxis(values, slowest, 0)
    for number in range(ranges[slowest].start, ranges[slowest].stop):
        target[number - ranges[slowest].start] = array.plane(number)[others]
    return values.squeeze(tuple(axis for axis in range(len(lengths)) if axis not in order))
