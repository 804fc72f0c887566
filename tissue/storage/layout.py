"""Layout of a snapshot: one file whose fields several families of viewers find.

The same datasets are hard-linked into four layouts, so nothing is stored twice: VTKHDF (ParaView,
VTK, pyvista), NeXus (silx, h5web), dimension scales (xarray, netCDF) and ITK (SimpleITK).
Arrays are [z, y, x]. VTK and ITK metadata are (x, y, z), as those tools expect, in the space of the
scanner; the dimension scales start at the first voxel of the scan and follow its axes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO

import h5py
import numpy as np

from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.frame import direction_xyz, first_xyz, frame_attributes

FORMAT = "tissue-snapshot"
FORMAT_VERSION = "1.1"
"""Version of the layout; 1.1 stores the position in space, 1.0 only that in the scan."""
DEFAULT_FIELD = "bone_volume_fraction"
AXES = ("z", "y", "x")
FLOAT32_MANTISSA = 23  # bits

Store = Callable[[h5py.Group, str], h5py.Dataset]
"""Function that makes the dataset of a field of a name in a group."""


def snapshot_content(
    grid: Grid,
    step: int,
    time: float,
    names: Iterable[str],
    store: Store,
    provenance: Mapping[str, str],
    kept_bits: Mapping[str, int],
    finish: Callable[[h5py.File], None] = lambda file: None,
) -> memoryview:
    """Content of the file of a snapshot.

    Args:
        grid: voxels of the fields.
        step: number of coupling steps done.
        time: simulated time [day].
        names: of the fields.
        store: makes the dataset of a field.
        provenance: configuration, versions and hashes.
        kept_bits: bits of the mantissa that rounding has left, by field; all 23 by default.
        finish: writes what else belongs into the file.
    """
    # in memory: HDF5 does not recover from a full disk and may crash the program
    made, names = BytesIO(), tuple(names)
    # "latest" would make VTK read zero arrays without any error
    with h5py.File(made, "w", libver=("earliest", "v110")) as file:
        _write_root(file, step, time)
        file.attrs.update(frame_attributes(grid))
        write_scales(file, grid)
        _write_vtk(file, grid, names, store, kept_bits)
        _write_nexus(file, names)
        _write_itk(file, grid)
        _write_provenance(file, provenance)
        finish(file)
    return made.getbuffer()


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
    file: h5py.File, grid: Grid, names: Iterable[str], store: Store, kept_bits: Mapping[str, int]
) -> None:
    # static data must say 1.0: VTK 9.2 and ParaView 5.11 refuse a higher version
    points = write_image(file, grid, (1, 0))
    for name in names:
        dataset = store(points, name)
        dataset.attrs["units"] = FIELDS[name].unit
        dataset.attrs["long_name"] = FIELDS[name].long_name
        dataset.attrs["keep_mantissa_bits"] = np.int64(kept_bits.get(name, FLOAT32_MANTISSA))
        for dimension, axis in enumerate(AXES):
            dataset.dims[dimension].attach_scale(file[axis])


def _write_nexus(file: h5py.File, names: Iterable[str]) -> None:
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry.attrs["default"] = DEFAULT_FIELD
    for name in names:
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
