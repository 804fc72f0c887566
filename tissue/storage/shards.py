"""Shards: the parts of a snapshot or checkpoint that many processes write, each the planes it has.

HDF5 files have one writer, and no file system is asked for more. A process writes its planes to
`snap_day0007.000.0002.shard`; then one of them writes `snap_day0007.000.hdf`, whose virtual
datasets join the shards for viewers and which lists them with their checksums. Names are relative,
so that the folder may be moved.

HDF5 fills in NaN for a shard that is missing, without an error. So this program reads the shards
themselves, and refuses one that is missing, cut short, damaged or of another file.

`many_writers` has the functions that a run writes them with.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import DTypeLike, NDArray

from tissue.checksum import is_intact, stored_digest
from tissue.errors import InputError, printable
from tissue.storage.atomic import remove_old, remove_temporary
from tissue.storage.links import own_member
from tissue.storage.names import SHARD_SUFFIX, is_shard_name, shards_beside
from tissue.storage.reading import open_hdf5

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
        if not is_shard_name(each.name) or each.first_plane != end or each.planes < 1:
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


def refuse_bad_shards(path: Path, shards: Sequence[Shard], *, wholly: bool = False) -> None:
    """Refuses a file some of whose shards are missing, cut short or of another file.

    Args:
        path: the file.
        shards: all of them.
        wholly: read them, and refuse damage anywhere; otherwise it is found when they are read.

    Raises:
        ShardError: with the name of the first such shard.
    """
    for each in shards:
        _refuse_bad(path, each)
        if wholly and not is_intact(path.with_name(each.name)):
            raise ShardError(each.name, _damaged(path, each))


def _refuse_bad(path: Path, shard: Shard) -> None:
    place = path.with_name(shard.name)
    held = f"planes {shard.first_plane} to {shard.end - 1} of {path.name}"
    if not place.is_file():
        raise ShardError(
            shard.name,
            f"{place}, which holds {held}, is missing; copy it there from where the run wrote it,"
            f" or delete {path.name} too",
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
