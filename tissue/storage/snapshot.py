"""Snapshot of a run: one immutable HDF5 file that viewers open directly.

The same datasets are hard-linked into four layouts, so nothing is stored twice: VTKHDF (ParaView,
VTK, pyvista), NeXus (silx, h5web), dimension scales (xarray, netCDF) and ITK (SimpleITK).
Arrays are [z, y, x]. VTK and ITK metadata are (x, y, z), as those tools expect, in the space of the
scanner; the dimension scales start at the first voxel of the scan and follow its axes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
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
from tissue.storage.frame import direction_xyz, first_xyz, frame_attributes, read_frame, vector
from tissue.storage.links import own_member
from tissue.storage.names import SNAPSHOTS, file_name, in_order_of_time
from tissue.storage.reading import open_hdf5
from tissue.suggestion import unknown_field

FORMAT = "tissue-snapshot"
FORMAT_VERSION = "1.1"
"""Version of the layout; 1.1 stores the position in space, 1.0 only that in the scan."""
DEFAULT_FIELD = "bone_volume_fraction"
AXES = ("z", "y", "x")
FLOAT32_MANTISSA = 23  # bits


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
    """

    path: Path
    grid: Grid
    step: int
    time: float
    units: Mapping[str, str]
    ignored: tuple[str, ...] = ()

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
            InputError: there is no such field, its data are damaged or not finite, or it has
                another shape than the bone or another unit than this program writes.
        """
        self.refuse_unknown(name)
        with open_hdf5(self.path, f"{self.path} is damaged; delete it") as file:
            points = own_member(self.path, own_member(self.path, file, "VTKHDF"), "PointData")
            if self.units[name] != FIELDS[name].unit:
                raise InputError(
                    f"{self.path} has {name} in {printable(self.units[name])!r}, and"
                    f" {FIELDS[name].unit!r} is needed; give another snapshot (snap_*.hdf)"
                )
            return values_of(self.path, own_member(self.path, points, name), name, self.grid.shape)

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
    # in memory: HDF5 does not recover from a full disk and may crash the program
    made = BytesIO()
    # "latest" would make VTK read zero arrays without any error
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        _write_root(file, step, time)
        file.attrs.update(frame_attributes(grid))
        write_scales(file, grid)
        _write_vtk(file, grid, fields, kept_bits or {})
        _write_nexus(file, fields)
        _write_itk(file, grid)
        _write_provenance(file, provenance)
    path = folder / file_name(SNAPSHOTS, time)
    write_with_checksum(path, made.getbuffer())
    return path


def read_snapshot(path: Path) -> Snapshot:
    """Opens a snapshot.

    Args:
        path: a file that `write_snapshot` made.

    Returns:
        The snapshot; its arrays are still on disk.

    Raises:
        InputError: the file is absent, truncated, or not a snapshot.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the path of a snapshot (snap_*.hdf)")
    damaged = f"{path} is truncated, damaged or not HDF5; give another snapshot (snap_*.hdf)"
    with open_hdf5(path, damaged) as file:
        return _read_header(path, file)


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
    """Removes the temporary files of a killed writer, before a run writes to the folder."""
    remove_temporary(folder, SNAPSHOTS)


def _check(grid: Grid, fields: Mapping[str, ArrayLike]) -> None:
    if DEFAULT_FIELD not in fields:
        raise ValueError(f"a snapshot needs {DEFAULT_FIELD}")
    for name, values in fields.items():
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}; add it to FIELDS")
        if np.shape(values) != grid.shape:
            raise ValueError(f"{name} has shape {np.shape(values)}, the grid {grid.shape}")


def _write_root(file: h5py.File, step: int, time: float) -> None:
    file.attrs["NX_class"] = "NXroot"
    file.attrs["default"] = "entry"
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["Conventions"] = "VTKHDF NeXus"
    file.attrs["step"] = np.int64(step)
    file.attrs["time"] = np.float64(time)
    file["time"] = np.float64(time)
    file["time"].attrs["units"] = "d"


def write_scales(file: h5py.File, grid: Grid) -> None:
    """Writes positions of the voxel centers as dimension scales [um].

    They start at the center of the first voxel of the scan and follow its axes: the scale of one
    axis cannot hold a position in space, where the axes of the scan may be oblique.
    """
    for axis, count, first in zip(AXES, grid.shape, grid.origin, strict=True):
        scale = file.create_dataset(axis, data=first + grid.spacing * np.arange(count, dtype="f8"))
        scale.make_scale(axis)
        scale.attrs["units"] = "um"
        scale.attrs["long_name"] = scale_name(axis)


def scale_name(axis: str) -> str:
    """Full name of the positions along an axis, for labels of viewers."""
    return f"{axis} along the scan, from its first voxel [um]"


def write_image(file: h5py.File, grid: Grid, version: tuple[int, int]) -> h5py.Group:
    """Writes the metadata of a VTK image, in the space of the scanner [um].

    Returns:
        The group of the fields.
    """
    nz, ny, nx = grid.shape
    root = file.create_group("VTKHDF")
    root.attrs["Version"] = np.array(version, dtype="i8")
    root.attrs["Type"] = np.bytes_("ImageData")
    root.attrs["WholeExtent"] = np.array([0, nx - 1, 0, ny - 1, 0, nz - 1], dtype="i8")
    root.attrs["Origin"] = first_xyz(grid)
    root.attrs["Spacing"] = np.full(3, grid.spacing, dtype="f8")
    root.attrs["Direction"] = direction_xyz(grid).ravel()  # row by row
    # voxel values as point data: older readers fail on cell data of images
    return root.create_group("PointData")


def _write_vtk(
    file: h5py.File, grid: Grid, fields: Mapping[str, ArrayLike], kept_bits: Mapping[str, int]
) -> None:
    # static data must say 1.0: VTK 9.2 and ParaView 5.11 refuse a higher version
    points = write_image(file, grid, (1, 0))
    for name, values in fields.items():
        dataset = write_dataset(points, name, values)
        dataset.attrs["units"] = FIELDS[name].unit
        dataset.attrs["long_name"] = FIELDS[name].long_name
        dataset.attrs["keep_mantissa_bits"] = np.int64(kept_bits.get(name, FLOAT32_MANTISSA))
        for dimension, axis in enumerate(AXES):
            dataset.dims[dimension].attach_scale(file[axis])


def _write_nexus(file: h5py.File, fields: Mapping[str, ArrayLike]) -> None:
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry.attrs["default"] = DEFAULT_FIELD
    for name in fields:
        write_signal(file, name, AXES)


def write_signal(file: h5py.File, name: str, axes: Sequence[str]) -> None:
    """Links a field and its axes for NeXus readers, without a copy."""
    data = file["entry"].create_group(name)
    data.attrs["NX_class"], data.attrs["signal"] = "NXdata", name
    data.attrs["axes"] = list(axes)
    data.attrs["title"] = f"{FIELDS[name].long_name} [{FIELDS[name].unit}]"
    data[name] = file["VTKHDF/PointData"][name]
    for axis in axes:
        data[axis] = file[axis]


def _write_itk(file: h5py.File, grid: Grid) -> None:
    text = h5py.string_dtype("ascii")
    file.create_dataset("ITKVersion", data=["5.4.0"], dtype=text)
    file.create_dataset("HDFVersion", data=[h5py.version.hdf5_version], dtype=text)
    image = file.create_group("ITKImage/0")
    image["Origin"] = first_xyz(grid)
    image["Spacing"] = np.full(3, grid.spacing, dtype="f8")
    image["Directions"] = direction_xyz(grid).T  # ITK stores one axis of the image per row
    image["Dimension"] = np.array(grid.shape[::-1], dtype="u8")
    image.create_dataset("VoxelType", data=["FLOAT"], dtype=text)
    image["VoxelData"] = file["VTKHDF/PointData"][DEFAULT_FIELD]
    image.create_group("MetaData")


def _write_provenance(file: h5py.File, provenance: Mapping[str, str]) -> None:
    written_by = {"h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version}
    group = file.create_group("provenance")
    for name, value in {**written_by, **provenance}.items():
        group.attrs[name] = value


def _read_header(path: Path, file: h5py.File) -> Snapshot:
    if file.attrs.get("format") != FORMAT:
        raise InputError(f"{path} is HDF5 but not a snapshot; give a file named snap_*.hdf")
    version = str(file.attrs["format_version"])
    if version.partition(".")[0] != FORMAT_VERSION.partition(".")[0]:
        raise InputError(f"{path} has format version {version}; install a newer tissue to read it")
    image = own_member(path, file, "VTKHDF")
    points = own_member(path, image, "PointData")
    # an unknown name may be a path, or contain anything
    fields = {name: own_member(path, points, name) for name in FIELDS if name in points}
    if DEFAULT_FIELD not in fields:
        raise InputError(f"{path} has no {DEFAULT_FIELD}; give another snapshot (snap_*.hdf)")
    # version 1.0 has only the origin of VTK, which is the offset from the first voxel
    origin = vector(file.attrs.get("origin", image.attrs["Origin"][::-1]))
    frame = read_frame(file)
    refuse_bad_position(path, origin, frame)
    shape = shape_of(path, fields[DEFAULT_FIELD], DEFAULT_FIELD)
    return Snapshot(
        path=path,
        grid=Grid(shape, edge_of(path, image.attrs["Spacing"]), origin, frame),
        step=step_of(path, file.attrs["step"]),
        time=time_of(path, file.attrs["time"]),
        units={name: text_of(dataset.attrs["units"]) for name, dataset in fields.items()},
        ignored=tuple(name for name in points if name not in FIELDS),
    )
