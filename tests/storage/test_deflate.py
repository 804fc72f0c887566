"""Data compressed outside HDF5 are those that HDF5 would have made, to the byte once decoded."""

import importlib.util
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from tissue.storage import deflate

SHAPES = [(1, 1, 1), (16, 128, 128), (17, 129, 3), (40, 130, 257)]
COMPRESSORS = ["zlib_runs", "igzip"]


def compressor(name: str) -> Callable[[NDArray[np.uint8]], bytes]:
    if name == "igzip" and not importlib.util.find_spec("isal"):
        pytest.skip("isal is not installed")
    return getattr(deflate, name)


def smooth(shape: tuple[int, ...]) -> NDArray[np.float32]:
    z, y, x = np.indices(shape, dtype=np.float32)
    values = 2 + np.sin(0.11 * x + 0.07 * y + 0.05 * z) + np.cos(0.003 * x * y - 0.2 * z)
    return np.where(values > 1.5, values, 0).astype(np.float32)


@pytest.mark.parametrize("name", COMPRESSORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_hdf5_reads_what_was_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(deflate, "compress", compressor(name))
    values = smooth(shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        deflate.write_dataset(file, "field", values)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["field"][()], values)
        assert file["field"].dtype == np.float32


def test_filters_and_chunks_are_those_of_hdf5(tmp_path: Path) -> None:
    values = smooth((40, 130, 257))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        ours = deflate.write_dataset(file, "ours", values)
        theirs = file.create_dataset(
            "theirs",
            data=values,
            chunks=(16, 128, 128),
            shuffle=True,
            compression="gzip",
            compression_opts=1,
        )
        for name in ("chunks", "shuffle", "compression", "compression_opts", "dtype", "fletcher32"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert ours.id.get_num_chunks() == theirs.id.get_num_chunks() == 3 * 2 * 3
        for index in range(ours.id.get_num_chunks()):
            chunk, other = ours.id.get_chunk_info(index), theirs.id.get_chunk_info(index)
            assert (chunk.chunk_offset, chunk.filter_mask) == (other.chunk_offset, 0)
            decoded = [
                zlib.decompress(data.id.read_direct_chunk(chunk.chunk_offset)[1])
                for data in (ours, theirs)
            ]
            assert decoded[0] == decoded[1]


@pytest.mark.parametrize("name", COMPRESSORS)
def test_files_are_about_as_small_as_those_of_hdf5(name: str) -> None:
    shuffled = deflate.shuffle(smooth((16, 128, 128)))
    assert len(compressor(name)(shuffled)) < 1.1 * len(zlib.compress(shuffled.tobytes(), 1))


def test_any_order_and_type_of_array_is_taken(tmp_path: Path) -> None:
    values = np.asfortranarray(smooth((5, 6, 7)).astype(np.float64))[::2]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = deflate.write_dataset(file, "field", values)
        np.testing.assert_array_equal(dataset[()], values.astype(np.float32))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_size_of_a_dataset_is_known_without_a_file(
    tmp_path: Path, shape: tuple[int, ...], kind: type[np.floating[Any]]
) -> None:
    values = np.asarray(smooth(shape), kind)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = deflate.write_dataset(file, "field", values, kind).id.get_storage_size()
    assert deflate.compressed_size(values, kind) == stored
