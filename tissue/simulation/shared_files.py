"""Snapshots and checkpoints of a run, whose processes write their planes each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from tissue.geometry.grid import Grid
from tissue.kernels.programs import ReadLater, mesh_over
from tissue.machine import processes
from tissue.storage import checkpoint as checkpoint_files
from tissue.storage import snapshot as snapshot_files
from tissue.storage.checkpoint import ARRAYS, Checkpoint
from tissue.storage.many_writers import (
    write_checkpoint_shard,
    write_joined_checkpoint,
    write_joined_snapshot,
    write_snapshot_shard,
)


class OwnPlanes:
    """Planes of a field that lie on the devices of this process, read when numpy asks for them.

    Attributes:
        first: index of the first one in the whole grid.
    """

    def __init__(self, field: Array) -> None:
        """Prepares to read a field over a mesh, with the planes that fill its slabs up."""
        mesh = mesh_over(field)
        assert mesh
        own = [
            i
            for i, each in enumerate(mesh.devices.flat)
            if each.process_index == jax.process_index()
        ]
        count = field.shape[-3] // mesh.size
        self.first, self._count = own[0] * count, len(own) * count
        self._field = field

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        parts = {
            shard.index[-3].indices(self._field.shape[-3])[0]: shard.data
            for shard in self._field.addressable_shards
        }
        lowest = min(parts)
        every = np.concatenate([np.asarray(parts[i], dtype) for i in sorted(parts)], axis=-3)
        # a field that is the same everywhere may lie on each device as a whole
        return every[..., self.first - lowest : self.first - lowest + self._count, :, :]


def _own_planes(fields: Mapping[str, Any]) -> dict[str, OwnPlanes]:
    return {name: OwnPlanes(u.field) for name, u in fields.items() if isinstance(u, ReadLater)}


def write_snapshot(
    folder: Path,
    *,
    grid: Grid,
    step: int,
    time: float,
    fields: Mapping[str, Any],
    provenance: Mapping[str, str],
    kept_bits: Mapping[str, int],
) -> Path | None:
    """Writes a snapshot; all processes of a run do so.

    Args:
        folder: of the run.
        grid: voxels of the fields.
        step: number of coupling steps done.
        time: simulated time [day].
        fields: by name; with several processes as `read_later` gives them.
        provenance: configuration, versions and hashes.
        kept_bits: bits of the mantissa that rounding has left, by field.

    Returns:
        Its path, complete; None on all processes but the first.

    Raises:
        RunError: another process did not write its planes.
        OSError: the folder cannot be written to.
    """
    rank, count = processes.own()
    if count == 1:
        return snapshot_files.write_snapshot(
            folder,
            grid=grid,
            step=step,
            time=time,
            fields=fields,
            provenance=provenance,
            kept_bits=kept_bits,
        )
    blocks = _own_planes(fields)
    first_plane = next(iter(blocks.values())).first
    write_snapshot_shard(
        folder, rank=rank, first_plane=first_plane, grid=grid, time=time, fields=blocks
    )
    if rank:
        return None
    return write_joined_snapshot(
        folder,
        processes=count,
        grid=grid,
        step=step,
        time=time,
        provenance=provenance,
        kept_bits=kept_bits,
        waiting=processes.note_waiting,
    )


def write_checkpoint(
    folder: Path, checkpoint: Checkpoint, *, keep: bool = False, failed: bool = False
) -> Path | None:
    """Writes a checkpoint; all processes of a run do so.

    Args:
        folder: of the run.
        checkpoint: its content; with several processes fields are as `read_later` gives them.
        keep: never remove it.
        failed: the state did not pass its checks: it is not named as a checkpoint.

    Returns:
        Its path, complete; None on all processes but the first.

    Raises:
        RunError: another process did not write its planes.
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    rank, count = processes.own()
    if count == 1:
        return checkpoint_files.write_checkpoint(folder, checkpoint, keep=keep, failed=failed)
    arrays = {group: _own_planes(getattr(checkpoint, group)) for group in ARRAYS}
    write_checkpoint_shard(
        folder,
        rank=rank,
        first_plane=arrays["state"]["bone_volume_fraction"].first,
        grid=checkpoint.grid,
        time=checkpoint.time,
        arrays={group: blocks for group, blocks in arrays.items() if blocks},
        failed=failed,
    )
    if rank:
        return None
    return write_joined_checkpoint(
        folder,
        checkpoint,
        processes=count,
        keep=keep,
        failed=failed,
        waiting=processes.note_waiting,
    )
