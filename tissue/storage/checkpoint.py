"""Checkpoints: everything the rest of a run depends on, without loss, each array with its hash.

A checkpoint is not for viewers: snapshots are. It may be deleted at any time.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.deflate import write_dataset
from tissue.storage.frame import place_attributes, read_frame, vector
from tissue.storage.links import held
from tissue.storage.names import CHECKPOINTS, FAILED, file_name, in_order_of_time
from tissue.storage.publish import publish_sealed, remove_old, remove_temporary
from tissue.storage.reading import opened

FORMAT = "tissue-checkpoint"
FORMAT_VERSION = "1.2"
"""Version of the layout; 1.0 does not know the place of the scan, 1.1 the rows of tables."""
SUFFIX = ".h5"
KEPT = 2
"""Newest checkpoints that stay."""

Arrays = Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Checkpoint:
    """A run at one moment.

    Attributes:
        path: the file; None before it is written.
        grid: voxels of the fields.
        step: coupling steps done.
        time: simulated time [day].
        state: prognostic fields by name [z, y, x].
        healthy: references by name, fields and numbers.
        clock: what the choice of steps remembers, and BV/TV at the start.
        rows: number of rows, by table, that were on the disk before; empty before version 1.2.
        config: the complete run file.
        provenance: versions, device, hashes.
    """

    path: Path | None
    grid: Grid
    step: int
    time: float
    state: Mapping[str, NDArray[np.generic]]
    healthy: Mapping[str, NDArray[np.generic]]
    clock: Mapping[str, float]
    rows: Mapping[str, int]
    config: str
    provenance: Mapping[str, str]


def checkpoint_path(folder: Path, time: float) -> Path:
    """Path of the checkpoint of a simulated time [day]."""
    return folder / file_name(CHECKPOINTS, time)


def list_checkpoints(folder: Path) -> list[Path]:
    """Lists the checkpoints in the folder of a run, in order of time."""
    return in_order_of_time(Path(folder).glob(CHECKPOINTS))


def write_checkpoint(
    folder: Path,
    *,
    grid: Grid,
    step: int,
    time: float,
    state: Arrays,
    healthy: Arrays,
    clock: Mapping[str, float],
    rows: Mapping[str, int],
    config: str,
    provenance: Mapping[str, str],
    keep: bool = False,
    failed: bool = False,
) -> Path:
    """Writes the checkpoint of a time, then removes all but the newest ones.

    Args:
        folder: of the run.
        grid: voxels of the fields.
        step: coupling steps done.
        time: simulated time [day].
        state: prognostic fields.
        healthy: references.
        clock: numbers that the rest of the run depends on.
        rows: number of rows, by table, that are on the disk already.
        config: the complete run file.
        provenance: versions, device, hashes.
        keep: stays for good.
        failed: the state did not pass its checks: its name is that of no checkpoint.

    Raises:
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    made = BytesIO()
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        file.attrs["step"], file.attrs["time"] = np.int64(step), np.float64(time)
        file.attrs["shape"] = np.array(grid.shape, dtype="i8")
        file.attrs["spacing"] = np.float64(grid.spacing)
        file.attrs.update(place_attributes(grid))
        file.attrs["config"] = config
        for group, arrays in (("state", state), ("healthy", healthy)):
            _write_arrays(file.create_group(group), arrays)
        file.create_group("clock").attrs.update(clock)
        file.create_group("rows").attrs.update(rows)
        file.create_group("provenance").attrs.update(provenance)
        file.attrs["keep"] = np.int64(keep)
        file.attrs["complete"] = np.int64(1)
    path = folder / file_name(FAILED if failed else CHECKPOINTS, time)
    publish_sealed(path, made.getbuffer())
    for old in list_checkpoints(folder)[:-KEPT]:
        if old != path and not _stays(old):  # later ones may be of another course
            remove_old(old)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint and proves every array whole.

    Raises:
        InputError: it is absent, damaged, of another kind or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a checkpoint (ckpt_*.h5)")
    damaged = f"{path} is truncated, damaged or no checkpoint; resume from another one (ckpt_*.h5)"
    with opened(path, damaged, must_be_sealed=True) as file:
        if file.attrs.get("format") != FORMAT:
            raise InputError(f"{path} is HDF5 but no checkpoint; give a file named ckpt_*.h5")
        version = str(file.attrs["format_version"])
        if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
            raise InputError(
                f"{path} has format version {version}; install the tissue that wrote it"
            )
        nz, ny, nx = (int(n) for n in file.attrs["shape"])
        origin = vector(file.attrs["origin"])
        return Checkpoint(
            path=path,
            grid=Grid((nz, ny, nx), float(file.attrs["spacing"]), origin, read_frame(file)),
            step=int(file.attrs["step"]),
            time=float(file.attrs["time"]),
            state=_read_arrays(path, held(path, file, "state")),
            healthy=_read_arrays(path, held(path, file, "healthy")),
            clock={name: float(value) for name, value in held(path, file, "clock").attrs.items()},
            rows=_read_rows(path, file),
            config=str(file.attrs["config"]),
            provenance={k: str(v) for k, v in held(path, file, "provenance").attrs.items()},
        )


def _read_rows(path: Path, file: h5py.File) -> dict[str, int]:
    if "rows" not in file:
        return {}
    return {name: int(number) for name, number in held(path, file, "rows").attrs.items()}


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed writer left behind."""
    remove_temporary(folder, CHECKPOINTS)


def _stays(path: Path) -> bool:
    try:
        with opened(path, "damaged") as file:
            return bool(file.attrs["keep"])
    except InputError:  # whoever finds out why should find it
        return True


def _write_arrays(group: h5py.Group, arrays: Arrays) -> None:
    for name, values in arrays.items():
        whole = np.asarray(values, order="C")  # ascontiguousarray would give a number an axis
        if whole.ndim:
            dataset = write_dataset(group, name, whole, whole.dtype)
        else:
            dataset = group.create_dataset(name, data=whole)
        dataset.attrs["sha256"] = _digest(whole)


def _read_arrays(path: Path, group: h5py.Group) -> dict[str, NDArray[np.generic]]:
    found = {}
    for name in group:
        dataset = held(path, group, name)
        values = np.asarray(dataset[()])
        if _digest(values) != dataset.attrs["sha256"]:
            raise InputError(
                f"{path} is damaged in {name}; resume from an older checkpoint or delete it"
            )
        found[name] = values
    return found


def _digest(values: NDArray[np.generic]) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()
