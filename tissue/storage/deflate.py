"""HDF5's own shuffle and deflate, made outside HDF5.

HDF5 knows one way to search for what repeats. Made outside, the search fits the data: in the byte
planes of shuffled numbers what repeats are runs, which zlib finds in two thirds of the time of its
level 1, in smaller files. Every reader decodes the result like any other deflate.
"""

import gzip
import zlib
from collections.abc import Iterator
from itertools import product

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

try:
    from isal import igzip as isal_gzip
    from isal import isal_zlib
except ImportError:  # the extra `fast`: three times as fast
    isal_gzip = isal_zlib = None  # type: ignore[assignment,unused-ignore]

FILTERS = {"shuffle": True, "compression": "gzip", "compression_opts": 1}
"""What datasets written by `write_dataset` declare."""

_CHUNK = (16, 128, 128)  # slabs of about 1 MiB: viewers read whole arrays or z slices


def write_dataset(
    group: h5py.Group, name: str, values: ArrayLike, kind: DTypeLike = np.float32
) -> h5py.Dataset:
    """Writes a compressed dataset [z, y, x].

    Args:
        group: where it goes.
        name: of the dataset.
        values: anything that numpy takes for a 3-D array of real numbers.
        kind: of the numbers on disk.
    """
    array = np.asarray(values)
    chunk = chunk_shape(array.shape)
    dataset = group.create_dataset(name, shape=array.shape, dtype=kind, chunks=chunk, **FILTERS)
    for corner, part in _parts(array, chunk, kind):
        dataset.id.write_direct_chunk(corner, compress(shuffle(part)))
    return dataset


def compressed_size(values: ArrayLike, kind: DTypeLike = np.float32) -> int:
    """Bytes that `write_dataset` would take for an array [z, y, x]."""
    array = np.asarray(values)
    parts = _parts(array, chunk_shape(array.shape), kind)
    return sum(len(compress(shuffle(part))) for _, part in parts)


def chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The chunk of a dataset [z, y, x]."""
    return tuple(min(limit, count) for limit, count in zip(_CHUNK, shape, strict=True))


def _parts(
    array: NDArray[np.generic], chunk: tuple[int, ...], kind: DTypeLike
) -> Iterator[tuple[tuple[int, ...], NDArray[np.generic]]]:
    """The chunks of an array, each with its first index; filled up where they stick out."""
    ranges = (range(0, count, size) for count, size in zip(array.shape, chunk, strict=True))
    for corner in product(*ranges):
        ends = (first + size for first, size in zip(corner, chunk, strict=True))
        inside = array[tuple(slice(*bounds) for bounds in zip(corner, ends, strict=True))]
        part = np.zeros(chunk, kind)
        part[tuple(slice(count) for count in inside.shape)] = inside
        yield corner, part


def shuffle(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """The bytes of an array by significance: all lowest ones first, as HDF5's shuffle has them."""
    return np.ascontiguousarray(values.reshape(-1).view(np.uint8).reshape(values.size, -1).T)


def zlib_runs(data: NDArray[np.uint8]) -> bytes:
    """A zlib stream that knows of runs only: all that shuffled numbers repeat."""
    engine = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return engine.compress(data.data) + engine.flush()


def igzip(data: NDArray[np.uint8]) -> bytes:
    """A zlib stream made by ISA-L; larger by 4 %, made in a third of the time."""
    return bytes(isal_zlib.compress(data.data, 1))


compress = igzip if isal_zlib else zlib_runs
"""The best there is."""

GzipFile: type[gzip.GzipFile] = isal_gzip.IGzipFile if isal_gzip else gzip.GzipFile
"""The fastest writer of gzip files there is."""
