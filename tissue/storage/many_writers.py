"""Snapshots and checkpoints of a run of many processes, each of which writes its own planes.

Every process calls `write_snapshot_shard` or `write_checkpoint_shard` with the blocks it holds.
Process 0 then calls `write_joined_snapshot` or `write_joined_checkpoint`, which waits for the
shards of the others and publishes the file that joins them. No message between processes is
needed, so that these functions may run in the thread of a writer. All processes see one folder.

A process that is killed in between leaves shards that nothing joins: the snapshot does not exist.
Process 0 removes them before the run continues (`remove_unfinished` of `snapshot` and
`checkpoint`), when no other process writes yet. Only process 0 deletes files.

None of these functions knows devices: a block is an array of numpy, or one that it converts.
"""

import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike

from tissue.checksum import stored_digest
from tissue.errors import RunError
from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.atomic import remove_old, write_with_checksum
from tissue.storage.checkpoint import ARRAYS, Checkpoint, checkpoint_content, publish_checkpoint
from tissue.storage.layout import DEFAULT_FIELD, snapshot_content
from tissue.storage.names import (
    CHECKPOINTS,
    FAILED,
    SNAPSHOTS,
    file_name,
    shard_path,
    shards_beside,
)
from tissue.storage.shard_writing import Planes, join, write_shard, write_table
from tissue.storage.shards import Shard
from tissue.storage.snapshot import SHARD_FIELDS

PATIENCE = 600.0
"""Time for which process 0 waits for the shards of the others [s]: a disk may be as slow as that,
and a process that is gone ends the run earlier. Assumption."""

_PAUSE = 0.05  # seconds between two looks


def write_snapshot_shard(
    folder: Path,
    *,
    rank: int,
    first_plane: int,
    grid: Grid,
    time: float,
    fields: Mapping[str, ArrayLike],
) -> Path:
    """Writes the planes of one process in the snapshot of a time.

    Args:
        folder: of the run.
        rank: number of the process, from 0; a higher one holds higher planes.
        first_plane: index in the whole grid of the first plane of the blocks.
        grid: voxels of the whole grid.
        time: simulated time [day].
        fields: blocks [z, y, x] of the process by name, bone_volume_fraction among them; stored as
            float32. Planes beyond the grid, which fill up a slab, are left out.

    Returns:
        The path of the shard, complete.

    Raises:
        ValueError: a field is unknown or has other voxels than the grid, or bone is missing.
        OSError: the folder cannot be written to.
    """
    if DEFAULT_FIELD not in fields:
        raise ValueError(f"a snapshot needs {DEFAULT_FIELD}")
    for name in fields:
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}; add it to FIELDS")
    planes = Planes(rank, first_plane, grid.shape)
    path = folder / file_name(SNAPSHOTS, time)
    return write_shard(path, planes, {SHARD_FIELDS: fields}, time, np.float32)


def write_joined_snapshot(
    folder: Path,
    *,
    processes: int,
    grid: Grid,
    step: int,
    time: float,
    provenance: Mapping[str, str],
    kept_bits: Mapping[str, int] | None = None,
    patience: float = PATIENCE,
    waiting: Callable[[], None] | None = None,
) -> Path:
    """Writes the snapshot that joins the shards of all processes; process 0 calls this.

    Viewers open it as they open one that a single process has written.

    Args:
        folder: of the run.
        processes: number of processes, each of which writes a shard.
        grid: voxels of the whole grid.
        step: number of coupling steps done.
        time: simulated time [day].
        provenance: configuration, versions and hashes.
        kept_bits: bits of the mantissa that rounding has left, by field; all 23 by default.
        patience: time to wait for the shards of other processes [s].
        waiting: called again and again while it waits for them.

    Returns:
        The path of the snapshot.

    Raises:
        RunError: a shard did not come, or shards do not fit together.
        OSError: the folder cannot be written to.
    """
    path = folder / file_name(SNAPSHOTS, time)
    found = _written(path, processes, grid, time, patience, waiting)
    content = snapshot_content(
        grid,
        step,
        time,
        found.datasets[SHARD_FIELDS],
        lambda points, name: join(
            points, name, found.shards, f"{SHARD_FIELDS}/{name}", grid.shape, np.float32
        ),
        provenance,
        kept_bits or {},
        lambda file: write_table(file, found.shards),
    )
    with content:
        write_with_checksum(path, content)
    _remove_others(path, found.shards)
    return path


def write_checkpoint_shard(
    folder: Path,
    *,
    rank: int,
    first_plane: int,
    grid: Grid,
    time: float,
    arrays: Mapping[str, Mapping[str, ArrayLike]],
    failed: bool = False,
) -> Path:
    """Writes the planes of one process in the checkpoint of a time, without loss.

    Args:
        folder: of the run.
        rank: number of the process, from 0; a higher one holds higher planes.
        first_plane: index in the whole grid of the first plane of the blocks.
        grid: voxels of the whole grid.
        time: simulated time [day].
        arrays: blocks [z, y, x] of the process by name, by group: "state", "healthy" and
            "mechanics". Planes beyond the grid, which fill up a slab, are left out.
        failed: the state did not pass its checks.

    Returns:
        The path of the shard, complete.

    Raises:
        ValueError: a block has other voxels than the grid.
        OSError: the folder cannot be written to.
    """
    path = folder / file_name(FAILED if failed else CHECKPOINTS, time)
    return write_shard(path, Planes(rank, first_plane, grid.shape), arrays, time)


def write_joined_checkpoint(
    folder: Path,
    checkpoint: Checkpoint,
    *,
    processes: int,
    keep: bool = False,
    failed: bool = False,
    patience: float = PATIENCE,
    waiting: Callable[[], None] | None = None,
) -> Path:
    """Writes the checkpoint that joins the shards of all processes; process 0 calls this.

    It removes older checkpoints and their shards, as `write_checkpoint` does.

    Args:
        folder: of the run.
        checkpoint: its content. Arrays that the shards hold are taken from these, and may be
            absent; all others, such as numbers, are written as they are.
        processes: number of processes, each of which writes a shard.
        keep: never remove it.
        failed: the state did not pass its checks: it is not named as a checkpoint.
        patience: time to wait for the shards of other processes [s].
        waiting: called again and again while it waits for them.

    Raises:
        RunError: a shard did not come, or shards do not fit together.
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    path = folder / file_name(FAILED if failed else CHECKPOINTS, checkpoint.time)
    grid = checkpoint.grid
    found = _written(path, processes, grid, checkpoint.time, patience, waiting)
    own: dict[str, Any] = {
        group: {
            name: values
            for name, values in getattr(checkpoint, group).items()
            if name not in found.datasets.get(group, ())
        }
        for group in ARRAYS
    }

    def finish(file: h5py.File) -> None:
        for group, kinds in found.datasets.items():
            for name, kind in kinds.items():
                join(file[group], name, found.shards, f"{group}/{name}", grid.shape, kind)
        write_table(file, found.shards)

    content = checkpoint_content(replace(checkpoint, **own), keep, finish)
    publish_checkpoint(path, content)
    _remove_others(path, found.shards)
    return path


class _Written(NamedTuple):
    """Shards of all processes.

    Attributes:
        shards: in order of their planes.
        datasets: types of the numbers by name, by group.
    """

    shards: tuple[Shard, ...]
    datasets: Mapping[str, Mapping[str, np.dtype[Any]]]


def _written(
    path: Path,
    processes: int,
    grid: Grid,
    time: float,
    patience: float,
    waiting: Callable[[], None] | None,
) -> _Written:
    """Waits for the shards of all processes, and checks that they fit together.

    Raises:
        RunError: one did not come, or they do not.
    """
    places = [shard_path(path, rank) for rank in range(processes)]
    _wait(places, patience, waiting)
    shards: list[Shard] = []
    datasets: dict[str, dict[str, np.dtype[Any]]] = {}
    end = 0
    for place in places:
        digest = stored_digest(place)
        try:
            with h5py.File(place, "r", locking=False) as file:
                first, count = int(file.attrs["first_plane"]), int(file.attrs["planes"])
                fits = float(file.attrs["time"]) == time and (
                    tuple(file.attrs["shape"]) == grid.shape
                )
                own = {
                    group: {name: each.dtype for name, each in file[group].items()}
                    for group in file
                }
        except Exception as error:  # a damaged file may lead HDF5 and h5py to fail in any way
            raise RunError(f"{place} cannot be read again: {error}") from None
        datasets = datasets or own
        if digest is None or first != end or not fits or own != datasets:
            raise RunError(
                f"{place} does not fit to the shards of the processes before it: it has the planes "
                f"{first} to {first + count - 1}, and {end} is the next; do two runs write to this "
                "folder?"
            )
        end = first + count
        shards.append(Shard(place.name, first, count, digest))
    if end != grid.shape[0]:
        raise RunError(
            f"{path} has {end} of {grid.shape[0]} planes in the shards of {processes} processes"
        )
    return _Written(tuple(shards), datasets)


def _wait(places: Sequence[Path], patience: float, waiting: Callable[[], None] | None) -> None:
    """Waits until all files are there.

    Raises:
        RunError: one is not.
    """
    until = clock.monotonic() + patience
    for place in places:
        while not place.is_file():
            if clock.monotonic() >= until:
                raise RunError(
                    f"{place} is not there {patience:g} s after process 0 has written its part: all"
                    " processes need one folder, on a file system that their hosts share"
                )
            if waiting:
                waiting()
            clock.sleep(_PAUSE)


def _remove_others(path: Path, shards: Sequence[Shard]) -> None:
    """Removes shards of this name that the file does not join, of another number of processes."""
    joined = {each.name for each in shards}
    for place in shards_beside(path):
        if place.name not in joined:
            remove_old(place)
