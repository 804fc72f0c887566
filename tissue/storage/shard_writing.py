"""Writing of shards, and of what a file that joins them has: their list, and virtual datasets."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tissue.storage.atomic import write_with_checksum
from tissue.storage.deflate import write_dataset
from tissue.storage.names import shard_path
from tissue.storage.shards import TABLE, Shard

FORMAT, FORMAT_VERSION = "tissue-shard", "1.0"


class Planes(NamedTuple):
    """Planes of the whole grid that one process holds.

    Attributes:
        rank: number of the process, from 0; a higher one holds higher planes.
        first: index of its first plane.
        whole: shape of the whole grid [z, y, x].
    """

    rank: int
    first: int
    whole: tuple[int, int, int]


def write_shard(
    path: Path,
    planes: Planes,
    content: Mapping[str, Mapping[str, ArrayLike]],
    time: float,
    kind: DTypeLike | None = None,
) -> Path:
    """Writes the planes of one process; under its name a shard is complete or absent.

    Args:
        path: of the snapshot or checkpoint that it belongs to.
        planes: those of the blocks. Planes beyond the grid, which fill up a slab, are left out.
        content: blocks [z, y, x] by name, by group.
        time: simulated time [day].
        kind: type of the numbers on disk; that of each block by default.

    Returns:
        The path of the shard.

    Raises:
        ValueError: a block has other voxels than the grid, or lies outside.
        OSError: the folder cannot be written to.
    """
    depth = planes.whole[0] - planes.first
    count = 0
    made = BytesIO()
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        for group, blocks in content.items():
            holder = file.create_group(group)
            for name, values in blocks.items():
                block = np.asarray(values)
                if block.ndim != 3 or block.shape[1:] != planes.whole[1:]:
                    raise ValueError(f"{name} has shape {block.shape}, the grid {planes.whole}")
                block = block[: max(depth, 0)]
                count = count or len(block)
                if not 0 < len(block) == count or planes.first < 0:
                    raise ValueError(
                        f"{name} has {len(block)} planes from {planes.first} on in a grid of "
                        f"{planes.whole[0]}, other blocks {count}"
                    )
                write_dataset(holder, name, block, block.dtype if kind is None else kind)
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        file.attrs["rank"], file.attrs["first_plane"] = np.int64(planes.rank), planes.first
        file.attrs["planes"], file.attrs["time"] = count, np.float64(time)
        file.attrs["shape"] = np.array(planes.whole, dtype="i8")
    shard = shard_path(path, planes.rank)
    with made.getbuffer() as whole:
        write_with_checksum(shard, whole)
    return shard


def write_table(file: h5py.File, shards: Sequence[Shard]) -> None:
    """Writes the list of the shards that a file joins."""
    table = file.create_group(TABLE)
    names = [each.name for each in shards]
    table.create_dataset("file", data=names, dtype=h5py.string_dtype())
    table["first_plane"] = np.array([each.first_plane for each in shards], dtype="i8")
    table["planes"] = np.array([each.planes for each in shards], dtype="i8")
    digests = [each.digest.hex() for each in shards]
    table.create_dataset("sha256", data=digests, dtype=h5py.string_dtype())


def join(
    group: h5py.Group,
    name: str,
    shards: Sequence[Shard],
    source: str,
    whole: tuple[int, ...],
    kind: DTypeLike,
) -> h5py.Dataset:
    """Makes a virtual dataset of the planes in the shards, for viewers.

    Args:
        group: its place.
        name: of the dataset.
        shards: all, in order.
        source: path of the dataset in each of them.
        whole: shape of the whole grid.
        kind: type of its numbers.
    """
    layout = h5py.VirtualLayout(whole, dtype=kind)
    for each in shards:
        # relative, so that the folder can be moved
        part = h5py.VirtualSource(f"./{each.name}", source, (each.planes, *whole[1:]))
        layout[each.first_plane : each.end] = part
    return group.create_virtual_dataset(name, layout, fillvalue=np.nan)
