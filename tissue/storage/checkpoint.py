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
from tissue.storage.publish import publish, remove_temporary

FORMAT = "tissue-checkpoint"
FORMAT_VERSION = "1.0"
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
    config: str
    provenance: Mapping[str, str]


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"ckpt_{step:010d}.h5"


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in the folder of a run, oldest first."""
    return sorted(Path(folder).glob("ckpt_*.h5"))


def write_checkpoint(
    folder: Path,
    *,
    grid: Grid,
    step: int,
    time: float,
    state: Arrays,
    healthy: Arrays,
    clock: Mapping[str, float],
    config: str,
    provenance: Mapping[str, str],
    spare: frozenset[int] = frozenset(),
) -> Path:
    """Writes `ckpt_<step>.h5`, then removes all but the newest ones.

    Args:
        folder: of the run.
        grid: voxels of the fields.
        step: coupling steps done.
        time: simulated time [day].
        state: prognostic fields.
        healthy: references.
        clock: numbers that the rest of the run depends on.
        config: the complete run file.
        provenance: versions, device, hashes.
        spare: steps whose checkpoints stay for good.

    Raises:
        OSError: the folder cannot be written to; older checkpoints are untouched.
    """
    made = BytesIO()
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
        file.attrs["step"], file.attrs["time"] = np.int64(step), np.float64(time)
        file.attrs["shape"] = np.array(grid.shape, dtype="i8")
        file.attrs["spacing"] = np.float64(grid.spacing)
        file.attrs["origin"] = np.array(grid.origin, dtype="f8")
        file.attrs["config"] = config
        for name, arrays in (("state", state), ("healthy", healthy)):
            _write_arrays(file.create_group(name), arrays)
        file.create_group("clock").attrs.update(clock)
        file.create_group("provenance").attrs.update(provenance)
        file.attrs["complete"] = np.int64(1)
    path = checkpoint_path(folder, step)
    publish(path, made.getbuffer())
    for old in list_checkpoints(folder)[:-KEPT]:
        if _step(old) not in spare:
            old.unlink(missing_ok=True)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint and proves every array whole.

    Raises:
        InputError: it is absent, damaged, of another kind or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a checkpoint (ckpt_*.h5)")
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise InputError(f"{path} is HDF5 but no checkpoint; give a file named ckpt_*.h5")
            version = str(file.attrs["format_version"])
            if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
                raise InputError(
                    f"{path} has format version {version}; install the tissue that wrote it"
                )
            nz, ny, nx = (int(n) for n in file.attrs["shape"])
            oz, oy, ox = (float(x) for x in file.attrs["origin"])
            return Checkpoint(
                path=path,
                grid=Grid((nz, ny, nx), float(file.attrs["spacing"]), (oz, oy, ox)),
                step=int(file.attrs["step"]),
                time=float(file.attrs["time"]),
                state=_read_arrays(path, file["state"]),
                healthy=_read_arrays(path, file["healthy"]),
                clock={name: float(value) for name, value in file["clock"].attrs.items()},
                config=str(file.attrs["config"]),
                provenance={k: str(v) for k, v in file["provenance"].attrs.items()},
            )
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is truncated or damaged; resume from an older checkpoint or delete it"
        ) from error


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed writer left behind."""
    remove_temporary(folder, "ckpt_*.h5")


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("ckpt_"))


def _write_arrays(group: h5py.Group, arrays: Arrays) -> None:
    for name, values in arrays.items():
        whole = np.ascontiguousarray(np.asarray(values))
        packed = {"shuffle": True, "compression": "gzip", "compression_opts": 1, "fletcher32": True}
        dataset = group.create_dataset(name, data=whole, **(packed if whole.ndim else {}))
        dataset.attrs["sha256"] = _digest(whole)


def _read_arrays(path: Path, group: h5py.Group) -> dict[str, NDArray[np.generic]]:
    found = {}
    for name, dataset in group.items():
        values = np.asarray(dataset[()])
        if _digest(values) != dataset.attrs["sha256"]:
            raise InputError(
                f"{path} is damaged in {name}; resume from an older checkpoint or delete it"
            )
        found[name] = values
    return found


def _digest(values: NDArray[np.generic]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
