"""Shards: the parts of a snapshot or checkpoint that many processes write, each the planes it has.

HDF5 files have one writer, and no file system is asked for more. A process writes its planes to
`snap_day0007.000.0002.shard`; then one of them writes `snap_day0007.000.hdf`, whose virtual
datasets join the shards for viewers and which lists them with their checksums. Names are relative,
so that the folder may be moved.

HDF5 fills in NaN for a shard that is missing, without an error. So this program reads the shards
themselves, and refuses one that is missing, cut short, damaged or of another file.

`many_writers` has the functions that write them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tissue.checksum import stored_digest
from tissue.errors import InputError, printable
from tissue.storage.atomic import remove_old, remove_temporary, write_with_checksum
from tissue.storage.deflate import write_dataset
from tissue.storage.links import own_member
from tissue.storage.names import SHARD_SUFFIX, shard_path, shards_beside
from tissue.storage.reading import open_hdf5

FORMAT, FORMAT_VERSION = "tissue-shard", "1.0"

TABLE = "shards"
"""Group of a snapshot or checkpoint that lists its shards."""

_COLUMNS = ("file", "first_plane", "planes", "sha256")


class ShardError(InputError):
    """Shard that cannot be used, so that the file it belongs to is not complete.

    Attributes:
        name: of the shard.
    """

    def __init__(self, name: str, reason: str) -> None:
        """Create the error.

        Args:
            name: of the shard.
            reason: sentence that names it and its file.
        """
        super().__init__(reason)
        self.name = name


class Shard(NamedTuple):
    """Shard, as the file that joins it lists it.

    Attributes:
        name: of its file, in the same folder.
        first_plane: index in the whole grid of its first plane [z].
        planes: number of its planes.
        digest: SHA-256 of its content.
    """

    name: str
    first_plane: int
    planes: int
    digest: bytes

    @property
    def end(self) -> int:
        """Index of the first plane after it."""
        return self.first_plane + self.planes


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
    write_with_checksum(shard, made.getbuffer())
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


def shards_of(path: Path, file: h5py.File) -> tuple[Shard, ...]:
    """Shards that an open file joins, in order; none where it holds its numbers itself.

    Raises:
        InputError: their list is damaged.
    """
    if TABLE not in file:
        return ()
    table = own_member(path, file, TABLE)
    columns = [own_member(path, table, name)[()] for name in _COLUMNS]
    found = tuple(
        Shard(name.decode(), int(first), int(planes), bytes.fromhex(digest.decode()))
        for name, first, planes, digest in zip(*columns, strict=True)
    )
    end = 0
    for each in found:
        inside = Path(each.name).name == each.name and each.name.endswith(SHARD_SUFFIX)
        if not inside or each.first_plane != end or each.planes < 1:
            raise InputError(
                f"{path} has a damaged list of its shards, at {printable(each.name)!r}; use the"
                " file as the run wrote it"
            )
        end = each.end
    return found


def refuse_other_planes(path: Path, shards: Sequence[Shard], count: int) -> None:
    """Refuses a list of shards that does not have all planes of a grid.

    Raises:
        InputError: it has fewer or more than `count`.
    """
    if shards and shards[-1].end != count:
        raise InputError(
            f"{path} lists shards of {shards[-1].end} planes for a grid of {count}; use the file as"
            " the run wrote it"
        )


def missing_shards(path: Path) -> tuple[str, ...]:
    """Names of the shards of a snapshot or checkpoint that are not in its folder.

    Raises:
        InputError: the file is damaged.
    """
    with open_hdf5(path, f"{path} is truncated, damaged or not HDF5") as file:
        found = shards_of(path, file)
    return tuple(each.name for each in found if not path.with_name(each.name).is_file())


def refuse_bad_shards(path: Path, shards: Sequence[Shard]) -> None:
    """Refuses a file some of whose shards are missing, cut short or of another file.

    This does not read them: damage inside of them is found when they are read.

    Raises:
        ShardError: with the name of the first such shard.
    """
    for each in shards:
        _refuse_bad(path, each)


def _refuse_bad(path: Path, shard: Shard) -> None:
    place = path.with_name(shard.name)
    held = f"planes {shard.first_plane} to {shard.end - 1} of {path.name}"
    if not place.is_file():
        raise ShardError(
            shard.name,
            f"{place}, which holds {held}, is missing; copy it there from where the run wrote it, or"
            f" delete {path.name} too",
        )
    digest = stored_digest(place)
    if digest is None:
        raise ShardError(shard.name, _damaged(path, shard))
    if digest != shard.digest:
        raise ShardError(
            shard.name,
            f"{place} is not the shard with {held}, but one of another time, process or run; copy"
            " the one that the run wrote into the folder",
        )


def _damaged(path: Path, shard: Shard) -> str:
    return (
        f"{path.with_name(shard.name)}, which holds planes {shard.first_plane} to {shard.end - 1} "
        f"of {path.name}, is truncated or damaged; copy it again from where the run wrote it, or "
        "delete both"
    )


@contextmanager
def open_shard(path: Path, shard: Shard) -> Iterator[h5py.File]:
    """Opens a shard, all of whose bytes are checked.

    Args:
        path: of the file that joins it.
        shard: the shard.

    Raises:
        ShardError: it is missing, damaged or of another file, or reading it fails.
    """
    _refuse_bad(path, shard)
    damaged = _damaged(path, shard)
    try:
        with open_hdf5(path.with_name(shard.name), damaged) as file:
            yield file
    except InputError as error:
        raise ShardError(shard.name, error.reason) from error


def read_planes(
    path: Path,
    shards: Sequence[Shard],
    dataset: str,
    planes: slice,
    whole: tuple[int, int, int],
    kind: DTypeLike,
) -> NDArray[np.generic]:
    """Reads planes of a field from the shards that hold them, and from no other.

    Args:
        path: of the file that joins them.
        shards: all, in order.
        dataset: path of the field in a shard.
        planes: those to read.
        whole: shape of the whole grid.
        kind: type of its numbers.

    Raises:
        ShardError: a shard cannot be used.
    """
    start, stop, _ = planes.indices(whole[0])
    values = np.empty((max(stop - start, 0), *whole[1:]), kind)
    group, _, name = dataset.rpartition("/")
    for each in shards:
        first, end = max(start, each.first_plane), min(stop, each.end)
        if first >= end:
            continue
        with open_shard(path, each) as file:
            holder = own_member(path.with_name(each.name), file, group)
            stored = own_member(path.with_name(each.name), holder, name)
            part = slice(first - each.first_plane, end - each.first_plane)
            values[first - start : end - start] = stored[part]
    return values


def remove_with_shards(path: Path) -> None:
    """Removes a file that is no longer needed, then its shards; warns where that is refused."""
    remove_old(path)
    for shard in shards_beside(path):
        remove_old(shard)


def remove_unfinished_shards(folder: Path, pattern: str) -> None:
    """Removes shards that no file joins, as a killed run leaves them, and their temporary files.

    Args:
        folder: of a run that no process writes to.
        pattern: of the names of the files that join shards.
    """
    stem = Path(pattern).stem
    remove_temporary(folder, f"{stem}{SHARD_SUFFIX}")
    suffix = Path(pattern).suffix
    for shard in Path(folder).glob(f"{stem}{SHARD_SUFFIX}"):
        # a file that joins it, even a damaged one, is a matter for the user
        if not shard.with_name(Path(shard.stem).stem + suffix).exists():
            remove_old(shard)
