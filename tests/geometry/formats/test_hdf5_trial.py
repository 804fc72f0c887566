"""HDF5 files that were cut or changed: one sentence, or the values that h5py reads, and no hang."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from geometry.formats import damaged_files

from tissue.errors import InputError
from tissue.geometry.formats import hdf5, hdf5_trial
from tissue.geometry.gate import admit
from tissue.geometry.grid import Grid
from tissue.storage.snapshot import write_snapshot

VOLUME = np.arange(6 * 7 * 8, dtype=np.uint16).reshape(6, 7, 8)


def plain(file: Path) -> None:
    with h5py.File(file, "w") as opened:
        opened["a"] = VOLUME
        opened["a"].attrs["units"] = "mg/cm^3"
        opened["a"].attrs["element_size_um"] = [8.0, 8.0, 8.0]


def packed(file: Path) -> None:
    with h5py.File(file, "w", libver="latest") as opened:
        opened.create_dataset("a", data=VOLUME, chunks=(4, 4, 4), compression="gzip")
        opened["link"] = h5py.SoftLink("/a")


def scaled(file: Path) -> None:
    with h5py.File(file, "w") as opened:
        opened.create_dataset("a", data=VOLUME, chunks=(4, 4, 4), compression="gzip", shuffle=True)
        for axis, count, dimension in zip("zyx", VOLUME.shape, opened["a"].dims, strict=True):
            opened[axis] = 0.01 * np.arange(count)
            opened[axis].make_scale(axis)
            opened[axis].attrs["units"] = "mm"
            dimension.attach_scale(opened[axis])


def snapshot(file: Path) -> None:
    fields = {"bone_volume_fraction": VOLUME / 400}
    made = write_snapshot(
        file.parent, grid=Grid((6, 7, 8), 8.0), step=1, time=1.0, fields=fields, provenance={}
    )
    made.rename(file)


KINDS: dict[str, Callable[[Path], None]] = {
    "plain": plain,
    "packed": packed,
    "scaled": scaled,
    "snapshot": snapshot,
}


def outcome(file: Path) -> np.ndarray | None:
    """Values of a file; None where it is refused in one sentence."""
    started = time.perf_counter()
    values = damaged_files.outcome(lambda tried: hdf5.read(tried, None), file)
    assert time.perf_counter() - started < 60  # of a busy machine
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_read(tmp_path: Path, kind: str) -> None:
    KINDS[kind](tmp_path / "a.h5")
    values = outcome(tmp_path / "a.h5")
    expected = (VOLUME / 400).astype("f4") if kind == "snapshot" else VOLUME
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_one_sentence_or_read_as_h5py_does(
    tmp_path: Path, kind: str, rounds: int
) -> None:
    KINDS[kind](tmp_path / "whole.h5")
    whole = (tmp_path / "whole.h5").read_bytes()
    chance = random.Random(f"{kind} {rounds}")
    for number in range(rounds):
        content = bytearray(whole)
        if number % 4 == 0:
            del content[chance.randrange(len(whole)) :]
        else:
            for _ in range(chance.choice((1, 1, 4))):
                content[chance.randrange(len(whole))] = chance.randrange(256)
        file = tmp_path / f"{number}.h5"
        file.write_bytes(content)
        values = outcome(file)
        if values is not None:
            with h5py.File(file) as opened:
                path = hdf5.BONE if kind == "snapshot" else "a"
                np.testing.assert_array_equal(values, opened[path][()])


def changed(file: Path, place: int, value: bytes) -> None:
    content = bytearray(file.read_bytes())
    content[place : place + len(value)] = value
    file.write_bytes(content)


def test_a_file_that_hdf5_never_comes_to_an_end_with(tmp_path: Path) -> None:
    """The length of a text is such that HDF5 goes on to the same text for ever."""
    file = tmp_path / "a.h5"
    plain(file)
    heap = file.read_bytes().index(b"GCOL")
    changed(file, heap + 24, (2**64 - 16).to_bytes(8, "little"))
    with pytest.raises(InputError, match=r"a\.h5 cannot be read \(HDF5 does not come to an end"):
        hdf5.read(file, None)


def test_a_file_that_asks_for_all_memory(tmp_path: Path) -> None:
    """The list of scales is said to hold a thousand million of them."""
    file = tmp_path / "a.h5"
    scaled(file)
    content = file.read_bytes()
    heap = content.index(b"GCOL").to_bytes(8, "little")
    changed(file, content.index((1).to_bytes(4, "little") + heap), (2**30).to_bytes(4, "little"))
    with pytest.raises(InputError, match=r"a\.h5"):
        hdf5.read(file, None)


def test_a_snapshot_that_is_not_as_it_was_sealed_is_refused(tmp_path: Path) -> None:
    """HDF5 would read another voxel size without a word."""
    file = tmp_path / "a.hdf"
    snapshot(file)
    content = file.read_bytes()
    size = np.full(3, 8.0).tobytes()
    changed(file, content.index(size), np.full(3, 9.0).tobytes())
    with pytest.raises(InputError, match="its checksum does not match"):
        hdf5.read(file, None)


def test_a_block_that_was_not_unpacked_is_told(tmp_path: Path) -> None:
    """HDF5 would fill it up with what lies in its memory."""
    file = tmp_path / "a.h5"
    scaled(file)
    with h5py.File(file) as opened:
        chunk = opened["a"].id.get_chunk_info(0)
    # the key of a block in its table: bytes, mask of filters, place
    key = chunk.size.to_bytes(4, "little") + bytes(4) + bytes(8 * 4)
    changed(file, file.read_bytes().index(key) + 4, (3).to_bytes(4, "little"))
    with h5py.File(file) as opened:
        assert opened["a"].id.get_chunk_info(0).filter_mask == 3
    with pytest.raises(InputError, match=r"1 blocks .* cannot be as the file says"):
        admit(hdf5.read(file, None)).values  # noqa: B018


def test_a_block_without_compression_is_read(tmp_path: Path) -> None:
    """HDF5 leaves out what does not make a block smaller."""
    file = tmp_path / "a.h5"
    with h5py.File(file, "w") as opened:
        made = opened.create_dataset(
            "a", shape=VOLUME.shape, dtype="u2", chunks=VOLUME.shape, compression="gzip"
        )
        made.id.write_direct_chunk((0, 0, 0), VOLUME.tobytes(), filter_mask=1)
    np.testing.assert_array_equal(outcome(file), VOLUME)


def test_without_another_process_a_file_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain(tmp_path / "a.h5")
    for program in (str(tmp_path / "no-python"), "/bin/true", ""):
        monkeypatch.setattr("sys.executable", program)
        assert hdf5_trial.tried(tmp_path / "a.h5", None) is None
        np.testing.assert_array_equal(outcome(tmp_path / "a.h5"), VOLUME)


def test_refusals_of_the_other_process_come_back_whole(tmp_path: Path) -> None:
    plain(tmp_path / "ä b.h5")
    with pytest.raises(InputError, match=r"'nothing' is not a dataset of ä b\.h5; it") as raised:
        hdf5.read(tmp_path / "ä b.h5", "nothing")
    assert raised.value.key == "geometry.dataset"
