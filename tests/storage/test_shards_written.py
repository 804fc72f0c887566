"""Many processes write one file: whole for every reader, or none; old shards go."""

import multiprocessing
import shutil
import signal
import threading
import time as clock
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from storage.joined_run import (
    DAY,
    GRID,
    PROCESSES,
    SHARD,
    TIMES,
    die_before_publishing,
    exact,
    join_checkpoint,
    join_snapshot,
    whole,
    write_shards,
)

from tissue.errors import RunError
from tissue.simulation.checkpoints import newest
from tissue.simulation.folder import clear_folder, remove_unfinished
from tissue.simulation.superseded import remove_superseded, set_aside
from tissue.storage import many_writers
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.info import describe
from tissue.storage.many_writers import write_checkpoint_shard, write_snapshot_shard
from tissue.storage.snapshot import list_snapshots, read_snapshot


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_old_checkpoints_go_with_their_shards(tmp_path: Path) -> None:
    for number, time in enumerate((1.0, 2.0, 3.0, 4.0)):
        for rank in range(PROCESSES):
            write_shards(tmp_path, rank, time)
        join_checkpoint(tmp_path, time, keep=number == 0)
    left = {name for name in names(tmp_path) if name.startswith("ckpt")}
    assert left == {
        f"ckpt_day000{time:.3f}.{end}"
        for time in (1, 3, 4)
        for end in ("h5", "0000.shard", "0001.shard")
    }
    for path in list_checkpoints(tmp_path):
        read_checkpoint(path)


def test_a_snapshot_written_again_by_fewer_processes_keeps_no_old_shard(tmp_path: Path) -> None:
    for processes in (4, 1, 2):
        for rank in range(processes):
            write_shards(tmp_path, rank, 7.0, processes)
        path = join_snapshot(tmp_path, 7.0, processes)
        np.testing.assert_array_equal(read_snapshot(path).field("il1"), whole("il1", 7.0))
        assert len([name for name in names(tmp_path) if name.startswith(DAY)]) == processes + 1


def test_a_kill_between_shards_and_snapshot_leaves_no_half_snapshot(run: Path) -> None:
    before = names(run)
    for rank in range(PROCESSES):
        write_shards(run, rank, 30.0)
    killed = multiprocessing.get_context("spawn").Process(target=die_before_publishing, args=(run,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    (run / "snap_day0030.000.0000.shard.7-0a1b2c3d.tmp").touch()
    assert len(names(run) - before) == 2 * PROCESSES + 2
    assert [path.name for path in list_snapshots(run)] == [
        f"snap_day00{time:06.3f}.hdf" for time in TIMES
    ]
    last = newest(run)
    assert last is not None
    assert last.time == TIMES[-1]
    remove_unfinished(run)
    assert names(run) == before
    assert all("all intact" in line for line in list(describe(run))[2:])


def test_shards_of_a_damaged_snapshot_stay(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    path.write_bytes(path.read_bytes()[:-1000])
    before = names(run)
    remove_unfinished(run)
    assert names(run) == before


def test_later_files_are_set_aside_with_their_shards(run: Path) -> None:
    aside = set_aside(run, 7.0)
    assert aside is not None
    assert {name for name in names(run) if "0021" in name} == set()
    np.testing.assert_array_equal(
        read_snapshot(aside / "snap_day0021.000.hdf").field("il1"), whole("il1", 21.0)
    )
    np.testing.assert_array_equal(
        read_checkpoint(aside / "ckpt_day0021.000.h5").state["il1"], exact("il1", 21.0)
    )
    (run / "mine.shard").touch()
    clear_folder(run)
    assert names(run) == {"mine.shard"}


def test_shards_of_a_failed_state_do_not_spoil_the_next(tmp_path: Path) -> None:
    files = [
        f"failed_day{day}{end}"
        for day in ("0001.000", "0007.000", "0007.500")
        for end in (".h5", ".0000.shard", ".0001.shard")
    ]
    for name in files:
        (tmp_path / name).touch()
    aside = set_aside(tmp_path, 7.0)
    assert aside is not None
    assert names(aside) == set(files[3:])
    assert names(tmp_path).isdisjoint(files[3:])
    assert names(tmp_path).issuperset(files[:3])
    remove_superseded(tmp_path)
    assert not aside.exists()


def test_process_0_waits_for_the_others(tmp_path: Path) -> None:
    write_shards(tmp_path, 0, 7.0)

    def later() -> None:
        clock.sleep(0.3)
        write_shards(tmp_path, 1, 7.0)

    other = threading.Thread(target=later)
    other.start()
    told: list[float] = []
    path = join_snapshot(tmp_path, 7.0, waiting=lambda: told.append(clock.monotonic()))
    other.join()
    # its supervisor must hear of it each half second
    assert 1 <= len(told) <= 12
    np.testing.assert_array_equal(read_snapshot(path).field("il1"), whole("il1", 7.0))


def test_shards_that_do_not_come_or_fit_publish_nothing(tmp_path: Path) -> None:
    write_shards(tmp_path, 0, 7.0)
    with pytest.raises(RunError, match="all processes need one folder, on a file system that"):
        join_snapshot(tmp_path, 7.0, patience=0.1)
    write_shards(tmp_path, 1, 7.0, processes=4)
    with pytest.raises(RunError, match="has the planes 8 to 15, and 16 is the next"):
        join_snapshot(tmp_path, 7.0)
    write_shards(tmp_path, 1, 21.0)
    shutil.copy(tmp_path / "snap_day0021.000.0001.shard", tmp_path / SHARD)
    with pytest.raises(RunError, match="does not fit"):
        join_snapshot(tmp_path, 7.0)
    with pytest.raises(RunError, match="has 16 of 29 planes in the shards of 1 processes"):
        join_snapshot(tmp_path, 7.0, processes=1)
    (tmp_path / SHARD).write_bytes(b"no HDF5")
    with pytest.raises(RunError, match="cannot be read again"):
        join_snapshot(tmp_path, 7.0)
    assert list_snapshots(tmp_path) == []
    assert many_writers.PATIENCE > 60


def test_blocks_that_cannot_be_are_refused(tmp_path: Path) -> None:
    def write(values: Any, first: int = 0) -> None:
        write_checkpoint_shard(
            tmp_path, rank=0, first_plane=first, grid=GRID, time=0.0, arrays={"state": values}
        )

    bone = np.zeros((8, 6, 5))
    for values, first, message in (
        ({"a": np.zeros((8, 6, 4))}, 0, "has shape"),
        ({"a": bone[0]}, 0, "has shape"),
        ({"a": bone}, 29, "has 0 planes from 29 on in a grid of 29"),
        ({"a": bone}, -1, "planes from -1 on"),
        ({"a": bone, "b": bone[:4]}, 0, "b has 4 planes"),
    ):
        with pytest.raises(ValueError, match=message):
            write(values, first)
    place: dict[str, Any] = {"rank": 0, "first_plane": 0, "grid": GRID, "time": 0.0}
    with pytest.raises(ValueError, match="needs bone_volume_fraction"):
        write_snapshot_shard(tmp_path, **place, fields={"il1": bone})
    with pytest.raises(ValueError, match="unknown field 'stress'"):
        write_snapshot_shard(
            tmp_path, **place, fields={"bone_volume_fraction": bone, "stress": bone}
        )
    assert names(tmp_path) == set()
