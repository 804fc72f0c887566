"""Snapshot of a run: one immutable HDF5 file that viewers open directly, laid out by `layout`.

Where many processes have written it, the file joins their shards (see `shards`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tissue.errors import InputError, printable
from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.atomic import remove_temporary, write_with_checksum
from tissue.storage.checks import (
    edge_of,
    refuse_bad_position,
    shape_of,
    step_of,
    text_of,
    time_of,
    values_of,
)
from tissue.storage.deflate import write_dataset
from tissue.storage.frame import read_frame, vector
from tissue.storage.layout import DEFAULT_FIELD, FORMAT, FORMAT_VERSION, snapshot_content
from tissue.storage.links import own_member
from tissue.storage.names import SNAPSHOTS, file_name, in_order_of_time
from tissue.storage.reading import open_hdf5
from tissue.storage.shards import (
    Shard,
    open_shard,
    refuse_bad_shards,
    refuse_other_planes,
    remove_unfinished_shards,
    shards_of,
)
from tissue.suggestion import unknown_field

SHARD_FIELDS = "fields"
"""Group of the fields in the shard of a snapshot."""


@dataclass(frozen=True)
class Snapshot:
    """Snapshot on disk, whose fields are read on demand.

    Attributes:
        path: the file.
        grid: voxels of the fields.
        step: number of coupling steps done.
        time: simulated time [day].
        units: unit of each field.
        ignored: names among the fields that are not in `FIELDS`.
        shards: files that hold the fields; none where the snapshot itself does.
    """

    path: Path
    grid: Grid
    step: int
    time: float
    units: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    shards: tuple[Shard, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields in the file."""
        return tuple(self.units)

    def field(self, name: str) -> NDArray[np.float32]:
        """Reads one field.

        Args:
            name: one of `fields`.

        Returns:
            The values [z, y, x], in `units[name]`.

        Raises:
            InputError: there is no such field, its data are missing, damaged or not finite, or it
                has another shape than the bone or another unit than this program writes.
        """
        self.refuse_unknown(name)
        if self.units[name] != FIELDS[name].unit:
            raise InputError(
                f"{self.path} has {name} in {printable(self.units[name])!r}, and"
                f" {FIELDS[name].unit!r} is needed; give another snapshot (snap_*.hdf)"
            )
        if self.shards:
            return self._joined(name)
        with open_hdf5(self.path, f"{self.path} is damaged; delete it") as file:
            points = own_member(self.path, own_member(self.path, file, "VTKHDF"), "PointData")
            return values_of(self.path, own_member(self.path, points, name), name, self.grid.shape)

    def _joined(self, name: str) -> NDArray[np.float32]:
        values = np.empty(self.grid.shape, np.float32)
        for each in self.shards:
            place = self.path.with_name(each.name)
            with open_shard(self.path, each) as file:
                stored = own_member(place, own_member(place, file, SHARD_FIELDS), name)
                shape = (each.planes, *self.grid.shape[1:])
                values[each.first_plane : each.end] = values_of(place, stored, name, shape)
        return values

    def refuse_unknown(self, name: str) -> None:
        """Refuses the name of a field that is not in the file.

        Raises:
            InputError: with the names of its fields.
        """
        if name not in self.units:
            raise InputError(f"{self.path} has {unknown_field(name, self.fields)}")


def write_snapshot(
    folder: Path,
    *,
    grid: Grid,
    step: int,
    time: float,
    fields: Mapping[str, ArrayLike],
    provenance: Mapping[str, str],
    kept_bits: Mapping[str, int] | None = None,
) -> Path:
    """Writes the snapshot of a time; under its name the file is complete or absent, never partial.

    Args:
        folder: the run folder, which exists.
        grid: voxels of the fields.
        step: number of coupling steps done.
        time: simulated time [day].
        fields: arrays [z, y, x] by name, bone_volume_fraction among them; stored as float32.
            Arrays on a device are fetched one after the other.
        provenance: configuration, versions and hashes.
        kept_bits: bits of the mantissa that rounding has left, by field; all 23 by default.

    Returns:
        The path of the snapshot.

    Raises:
        ValueError: a field is unknown or has another shape than the grid, or bone is missing.
        OSError: the folder cannot be written to.
    """
    _check(grid, fields)
    content = snapshot_content(
        grid,
        step,
        time,
        fields,
        lambda points, name: write_dataset(points, name, fields[name]),
        provenance,
        kept_bits or {},
    )
    path = folder / file_name(SNAPSHOTS, time)
    with content:
        write_with_checksum(path, content)
    return path


def read_snapshot(path: Path) -> Snapshot:
    """Opens a snapshot.

    Args:
        path: a file that `write_snapshot` made.

    Returns:
        The snapshot; its arrays are still on disk.

    Raises:
        InputError: the file is absent, truncated, or not a snapshot, or one of its shards is
            missing or of another file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a snapshot (snap_*.hdf)")
    damaged = f"{path} is truncated, damaged or not HDF5; give another snapshot (snap_*.hdf)"
    with open_hdf5(path, damaged) as file:
        found = _read_header(path, file)
    refuse_bad_shards(path, found.shards)
    return found


def is_snapshot(path: Path) -> bool:
    """Whether a file is a snapshot, by its content, or by its name where it is damaged."""
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(file.attrs.get("format") == FORMAT)
    except Exception:  # a damaged file may lead HDF5 and h5py to fail in any way
        return Path(path).match(SNAPSHOTS)


def read_provenance(path: Path) -> dict[str, str]:
    """Provenance of a snapshot: versions, hashes and the machine.

    Raises:
        InputError: the file is truncated, damaged or not a snapshot.
    """
    with open_hdf5(path, f"{path} is truncated, damaged or not HDF5") as file:
        return {k: str(v) for k, v in own_member(path, file, "provenance").attrs.items()}


def list_snapshots(folder: Path) -> list[Path]:
    """Lists the finished snapshots in a run folder, in order of time."""
    return in_order_of_time(Path(folder).glob(SNAPSHOTS))


def remove_unfinished(folder: Path) -> None:
    """Removes what killed writers have left, before a run writes to the folder."""
    remove_temporary(folder, SNAPSHOTS)
    remove_unfinished_shards(folder, SNAPSHOTS)


def _check(grid: Grid, fields: Mapping[str, ArrayLike]) -> None:
    if DEFAULT_FIELD not in fields:
        raise ValueError(f"a snapshot needs {DEFAULT_FIELD}")
    for name, values in fields.items():
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}; add it to FIELDS")
        if np.shape(values) != grid.shape:
            raise ValueError(f"{name} has shape {np.shape(values)}, the grid {grid.shape}")


def _read_header(path: Path, file: h5py.File) -> Snapshot:
    if file.attrs.get("format") != FORMAT:
        raise InputError(f"{path} is HDF5 but not a snapshot; give a file named snap_*.hdf")
    version = str(file.attrs["format_version"])
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise InputError(f"{path} has format version {version}; install a newer tissue to read it")
    shards = shards_of(path, file)
    image = own_member(path, file, "VTKHDF")
    points = own_member(path, image, "PointData")
    # an unknown name may be a path, or contain anything
    fields = {
        name: own_member(path, points, name, joined=bool(shards))
        for name in FIELDS
        if name in points
    }
    if DEFAULT_FIELD not in fields:
        raise InputError(f"{path} has no {DEFAULT_FIELD}; give another snapshot (snap_*.hdf)")
    # version 1.0 has only the origin of VTK, which is the offset from the first voxel
    origin = vector(file.attrs.get("origin", image.attrs["Origin"][::-1]))
    frame = read_frame(file)
    refuse_bad_position(path, origin, frame)
    shape = shape_of(path, fields[DEFAULT_FIELD], DEFAULT_FIELD)
    refuse_other_planes(path, shards, shape[0])
    return Snapshot(
        path=path,
        grid=Grid(shape, edge_of(path, image.attrs["Spacing"]), origin, frame),
        step=step_of(path, file.attrs["step"]),
        time=time_of(path, file.attrs["time"]),
        units={name: text_of(dataset.attrs["units"]) for name, dataset in fields.items()},
        ignored=tuple(name for name in points if name not in FIELDS),
        shards=shards,
    )
