"""Run of two processes: 29 planes over four slabs of eight, the last of which is filled up."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue.geometry.grid import Frame, Grid
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.index import write_indices
from tissue.storage.many_writers import (
    write_checkpoint_shard,
    write_joined_checkpoint,
    write_joined_snapshot,
    write_snapshot_shard,
)

GRID = Grid(
    (29, 6, 5),
    8.0,
    (100.0, 20.0, 4.0),
    Frame((1e3, 2e3, 3e3), ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))),
)
"""Grid of three different lengths in an odd place, so that a mix-up of axes is seen."""

PROCESSES, SLAB, SLABS = 2, 8, 4
TIMES = (0.0, 7.0, 21.0)
NAMES = ("bone_volume_fraction", "il1")
PROVENANCE = {"config_sha256": "abc", "git_commit": "def"}
KEPT_BITS = {"il1": 12}
NUMBERS = {"tgf_beta": np.float32(3.25)}

DAY = "snap_day0007.000"
SHARD = f"{DAY}.0001.shard"
CHECKPOINT_SHARD = "ckpt_day0021.000.0001.shard"


def whole(name: str, time: float) -> NDArray[np.float32]:
    """Values that tell every voxel, time and field from every other."""
    start = 1000.0 * time + (0.5 if name == "il1" else 0.0)
    return np.arange(GRID.voxels, dtype="f4").reshape(GRID.shape) + np.float32(start)


def exact(name: str, time: float) -> NDArray[np.float64]:
    """Values of a checkpoint, which single precision does not hold."""
    return whole(name, time).astype(np.float64) + 1e-9


def block(values: NDArray[Any], rank: int, processes: int = PROCESSES) -> NDArray[Any]:
    """Planes of a process as they lie on its devices: the last slab has copies of the last one."""
    count = SLAB * SLABS // processes
    index = np.arange(rank * count, (rank + 1) * count)
    return values[np.minimum(index, GRID.shape[0] - 1)]


def write_shards(folder: Path, rank: int, time: float, processes: int = PROCESSES) -> None:
    """Writes what one process writes at a time [day]."""
    place: dict[str, Any] = {
        "rank": rank,
        "first_plane": rank * SLAB * SLABS // processes,
        "grid": GRID,
        "time": time,
    }
    fields = {name: block(whole(name, time), rank, processes) for name in NAMES}
    write_snapshot_shard(folder, **place, fields=fields)
    exactly = {name: block(exact(name, time), rank, processes) for name in NAMES}
    arrays = {"state": exactly, "healthy": {"drive": exactly["il1"]}}
    write_checkpoint_shard(folder, **place, arrays=arrays)


def join_snapshot(folder: Path, time: float, processes: int = PROCESSES, **more: Any) -> Path:
    """Writes the snapshot that joins the shards of a time [day]."""
    return write_joined_snapshot(
        folder,
        processes=processes,
        grid=GRID,
        step=int(time),
        time=time,
        provenance=PROVENANCE,
        kept_bits=KEPT_BITS,
        **more,
    )


def join_checkpoint(folder: Path, time: float, processes: int = PROCESSES, **more: Any) -> Path:
    """Writes the checkpoint that joins the shards of a time [day]."""
    checkpoint = Checkpoint(
        grid=GRID,
        step=int(time),
        time=time,
        state={"bone_volume_fraction": "the array of all devices, which no process can read"},
        healthy=NUMBERS,
        controller={"time": time},
        rows={"metrics.csv": 1},
        provenance=PROVENANCE,
    )
    return write_joined_checkpoint(folder, checkpoint, processes=processes, **more)


def die_before_publishing(folder: Path) -> None:
    """Kills this process when a snapshot is written and has not its name yet."""

    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    os.fsync = kill  # type: ignore[assignment]
    join_snapshot(folder, 30.0)


def write_all(folder: Path, rank: int) -> None:
    """Writes all that one process of the run writes."""
    for time in TIMES:
        write_shards(folder, rank, time)
        if rank == 0:
            join_snapshot(folder, time)
            join_checkpoint(folder, time)


def write_run(folder: Path) -> Path:
    """Fills the folder of a run, by two processes at the same time."""
    start = multiprocessing.get_context("spawn").Process
    others = [start(target=write_all, args=(folder, rank)) for rank in range(PROCESSES)]
    for each in others:
        each.start()
    for each in others:
        each.join()
        assert each.exitcode == 0
    write_indices(folder)
    return folder
