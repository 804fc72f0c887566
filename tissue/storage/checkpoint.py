"""Checkpoints: all data that the rest of a run depends on, without loss, each array with its hash.

Checkpoints are not made for viewers, as snapshots are. They may be deleted at any time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tissue.checksum import is_intact
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.atomic import remove_temporary, write_with_checksum
from tissue.storage.deflate import write_dataset
from tissue.storage.frame import frame_attributes, read_frame, vector
from tissue.storage.links import own_member
from tissue.storage.names import CHECKPOINTS, FAILED, file_name, in_order_of_time
from tissue.storage.reading import open_hdf5
from tissue.storage.shards import (
    Shard,
    refuse_bad_shards,
    refuse_other_planes,
    remove_unfinished_shards,
    remove_with_shards,
    shards_of,
)
from tissue.storage.stored_field import StoredField, digest_of

FORMAT = "tissue-checkpoint"
FORMAT_VERSION = "4.0"
"""Version of the layout; 2.x lacks lining cells and IL-6, 3.x mechanics."""
WRITERS = {"1": "0.1.0", "2": "0.2.0", "3": "0.3.0"}
"""Versions of this program that wrote older layouts, by the first number of the layout."""
SUFFIX = ".h5"
ARRAYS = ("state", "healthy", "mechanics")
"""Groups of the arrays of a checkpoint, by the names of its attributes."""
NEWEST_KEPT = 2
"""Number of the newest checkpoints that stay."""


class OldCheckpointError(InputError):
    """Checkpoint of an older version of the layout, which cannot be resumed.

    Attributes:
        origin: version of this program that wrote it, and that of the layout.
    """

    def __init__(self, path: Path, version: str) -> None:
        """Create the error.

        Args:
            path: of the checkpoint.
            version: of its layout.
        """
        writer = f"tissue {WRITERS[version.partition('.')[0]]}"
        super().__init__(
            f"{path} has the checkpoint format {version} of {writer}, which this version cannot "
            f"continue; finish the run with {writer}, or start it again in another folder (--out) "
            "or with --overwrite"
        )
        self.origin = f"of {writer} (format {version})"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """State of a run at one time.

    Attributes:
        path: the file; None before it is written.
        grid: voxels of the fields.
        step: coupling steps done.
        time: simulated time [day].
        state: prognostic fields by name [z, y, x].
        healthy: references by name, fields and numbers.
        mechanics: bone as finite elements solved it last, by name, fields and numbers; empty
            without them.
        controller: numbers of the step-size control, and BV/TV at the start of the run.
        rows: number of rows of each table that were on the disk before.
        config: the complete run file.
        provenance: versions, device, hashes.
    """

    path: Path | None = None
    grid: Grid
    step: int
    time: float
    state: Mapping[str, Any]
    healthy: Mapping[str, Any]
    mechanics: Mapping[str, Any] = field(default_factory=dict)
    controller: Mapping[str, float]
    rows: Mapping[str, int] = field(default_factory=dict)
    config: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)


def checkpoint_path(folder: Path, time: float) -> Path:
    """Path of the checkpoint of a simulated time [day]."""
    return folder / file_name(CHECKPOINTS, time)


def list_checkpoints(folder: Path) -> list[Path]:
    """Lists the checkpoints in the folder of a run, in order of time."""
    return in_order_of_time(Path(folder).glob(CHECKPOINTS))


def write_checkpoint(
    folder: Path, checkpoint: Checkpoint, *, keep: bool = False, failed: bool = False
) -> Path:
    """Writes a checkpoint, then removes older ones except the newest and those to be kept.

    Args:
        folder: of the run.
        checkpoint: its content; arrays on a device are fetched one after the other.
        keep: never remove it.
        failed: the state did not pass its checks: it is not named as a checkpoint.

    Raises:
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    path = folder / file_name(FAILED if failed else CHECKPOINTS, checkpoint.time)
    publish_checkpoint(path, checkpoint_content(checkpoint, keep))
    return path


def checkpoint_content(
    checkpoint: Checkpoint, keep: bool, finish: Callable[[h5py.File], None] = lambda file: None
) -> memoryview:
    """Content of the file of a checkpoint.

    Args:
        checkpoint: the checkpoint.
        keep: never remove it.
        finish: writes what else belongs into the file.
    """
    made = BytesIO()
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        file.attrs["step"] = np.int64(checkpoint.step)
        file.attrs["time"] = np.float64(checkpoint.time)
        file.attrs["shape"] = np.array(checkpoint.grid.shape, dtype="i8")
        file.attrs["spacing"] = np.float64(checkpoint.grid.spacing)
        file.attrs.update(frame_attributes(checkpoint.grid))
        file.attrs["config"] = checkpoint.config
        for group in ARRAYS:
            _write_arrays(file.create_group(group), getattr(checkpoint, group))
        for group in ("controller", "rows", "provenance"):
            file.create_group(group).attrs.update(getattr(checkpoint, group))
        file.attrs["keep"] = np.int64(keep)
        file.attrs["complete"] = np.int64(1)
        finish(file)
    return made.getbuffer()


def publish_checkpoint(path: Path, content: memoryview) -> None:
    """Writes the file of a checkpoint, then removes older ones except the newest and the kept.

    Raises:
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    with content:
        write_with_checksum(path, content)
    for old in list_checkpoints(path.parent)[:-NEWEST_KEPT]:
        if old != path and not _stays(old):  # one may be later, after a branch
            remove_with_shards(old)


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint and checks that every array is intact.

    Raises:
        OldCheckpointError: an older version of this program wrote it.
        InputError: it is absent, damaged, of another kind or of a newer version, or a shard of it
            is missing or damaged.
    """
    found = open_checkpoint(path)
    arrays: dict[str, Any] = {
        group: {name: np.asarray(values) for name, values in getattr(found, group).items()}
        for group in ARRAYS
    }
    return replace(found, **arrays)


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a checkpoint and checks that its files are intact.

    Its fields stay on disk, as `StoredField`: any number of processes continues from it, however
    many have written it, and each reads the planes it needs.

    Raises:
        OldCheckpointError: an older version of this program wrote it.
        InputError: as of `read_checkpoint`.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a checkpoint (ckpt_*.h5)")
    damaged = (
        f"{path} is truncated, damaged or not a checkpoint; resume from another one (ckpt_*.h5)"
    )
    with open_hdf5(path, damaged) as file:
        if file.attrs.get("format") != FORMAT:
            raise InputError(f"{path} is HDF5 but not a checkpoint; give a file named ckpt_*.h5")
        version = str(file.attrs["format_version"])
        layout = version.partition(".")[0]
        if layout in WRITERS:
            raise OldCheckpointError(path, version)
        if layout != FORMAT_VERSION.partition(".")[0]:
            raise InputError(
                f"{path} has the checkpoint format {version} of a later tissue; install the "
                "version that wrote it"
            )
        if not is_intact(path):
            raise InputError(damaged)
        nz, ny, nx = (int(n) for n in file.attrs["shape"])
        shards = shards_of(path, file)
        refuse_other_planes(path, shards, nz)
        refuse_bad_shards(path, shards, wholly=True)
        arrays = {group: _arrays(path, file, group, (nz, ny, nx), shards) for group in ARRAYS}
        origin = vector(file.attrs["origin"])
        return Checkpoint(
            path=path,
            grid=Grid((nz, ny, nx), float(file.attrs["spacing"]), origin, read_frame(file)),
            step=int(file.attrs["step"]),
            time=float(file.attrs["time"]),
            **arrays,
            controller={k: float(v) for k, v in own_member(path, file, "controller").attrs.items()},
            rows={k: int(v) for k, v in own_member(path, file, "rows").attrs.items()},
            config=str(file.attrs["config"]),
            provenance={k: str(v) for k, v in own_member(path, file, "provenance").attrs.items()},
        )


def remove_unfinished(folder: Path) -> None:
    """Removes what killed writers have left, before a run writes to the folder."""
    remove_temporary(folder, CHECKPOINTS)
    for pattern in (CHECKPOINTS, FAILED):
        remove_unfinished_shards(folder, pattern)


def _stays(path: Path) -> bool:
    try:
        with open_hdf5(path, "damaged") as file:
            return bool(file.attrs["keep"])
    except InputError:  # damaged: kept for the user to examine
        return True


def _write_arrays(group: h5py.Group, arrays: Mapping[str, Any]) -> None:
    for name, values in arrays.items():
        array = np.asarray(values, order="C")  # ascontiguousarray would give a number an axis
        if array.ndim:
            dataset = write_dataset(group, name, array, array.dtype)
        else:
            dataset = group.create_dataset(name, data=array)
        dataset.attrs["sha256"] = digest_of(array)


def _arrays(
    path: Path,
    file: h5py.File,
    group: str,
    whole: tuple[int, int, int],
    shards: tuple[Shard, ...],
) -> dict[str, Any]:
    """Arrays of a group; those of the shape of the whole grid stay on disk."""
    found: dict[str, Any] = {}
    holder = own_member(path, file, group)
    for name in holder:
        dataset = own_member(path, holder, name, joined=bool(shards))
        place = path, group, name, whole, dataset.dtype
        if dataset.is_virtual:
            found[name] = StoredField(*place, shards)
            continue
        digest = str(dataset.attrs["sha256"])
        if dataset.shape == whole:
            found[name] = StoredField(*place, digest=digest)
            continue
        values = np.asarray(dataset[()])
        if digest_of(values) != digest:
            raise InputError(
                f"{path} is damaged in {name}; resume from an older checkpoint or delete it"
            )
        found[name] = values
    return found
