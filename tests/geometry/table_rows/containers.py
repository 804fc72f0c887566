"""Rows of HDF5, netCDF, numpy arrays and snapshots of tissue, written by their own libraries."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
import SimpleITK as sitk
from geometry.formats.volumes import SHAPE, gray
from geometry.table_rows.base import REFUSED, Row, Scan, Told, refusal
from geometry.table_rows.voxel_files import by_itk, of_itk
from scipy.io import netcdf_file

from tissue.checksum import footer
from tissue.geometry.grid import Frame, Grid
from tissue.geometry.images import read_image
from tissue.storage.snapshot import write_snapshot

LENGTHS = {"um": 1.0, "mm": 1e3, "nm": 1e-3, "m": 1e6}
FILTERS: dict[str, dict[str, Any]] = {
    "": {},
    "gzip": {"compression": "gzip", "shuffle": True},
    "lzf": {"compression": "lzf"},
    "checked": {"fletcher32": True},
}


def packed(scan: Scan) -> dict[str, float]:
    """Attributes that make gray values of stored numbers, as netCDF has them."""
    if scan.line is None:
        return {}
    return {"scale_factor": scan.line[0], "add_offset": scan.line[1]}


class Hdf5(Row):
    """A dataset with the voxel size that ilastik and Fiji write beside it."""

    name = "HDF5 with element_size_um"
    fixed_unit = "um"
    orders = ("<", ">")
    packings: ClassVar[tuple[str, ...]] = ("gzip", "lzf", "checked")
    has: ClassVar[frozenset[str]] = frozenset({"edges", "line"})

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / "scan.h5"
        with h5py.File(file, "w") as opened:
            stored = scan.values.astype(scan.values.dtype.newbyteorder(scan.order))
            chunks = {"chunks": (2, 7, 4)} if scan.packing else {}
            made = opened.create_dataset("ct/gray", data=stored, **chunks, **FILTERS[scan.packing])
            made.attrs.update(packed(scan))
            self.place(opened, made, scan)
        return file

    def place(self, opened: h5py.File, made: h5py.Dataset, scan: Scan) -> None:
        """Writes the voxel size, and the place where there is one."""
        made.attrs["element_size_um"] = scan.edges

    def told(self, file: Path, scan: Scan) -> Told:
        with h5py.File(file) as opened:
            made = opened["ct/gray"]
            values = made[:]
            if scan.line is not None:
                slope, offset = made.attrs.get("scale_factor", 1), made.attrs.get("add_offset", 0)
                values = values * slope + offset
            return Told(values, *self.placed_by_h5py(opened, made))

    def placed_by_h5py(self, opened: h5py.File, made: h5py.Dataset) -> tuple[Any, Any, Any]:
        return made.attrs.get("element_size_um"), None, None

    def unit(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        with h5py.File(file, "r+") as opened:
            opened["ct/gray"].attrs["element_size_unit"] = "mm"
        assert "give both in um" in refusal(file)
        return super().unit(folder / "um")

    def axes(self, folder: Path) -> str:
        file = folder / "scan.h5"
        with h5py.File(file, "w") as opened:
            opened["t"] = np.zeros((2, *SHAPE))
        assert "no 3-D dataset" in refusal(file)
        with h5py.File(file, "w") as opened:
            opened["t"] = np.zeros(SHAPE)
            for axis, name in enumerate("tyx"):
                opened["t"].dims[axis].label = name
        assert "axes TYX" in refusal(file)
        return REFUSED


class Positions(Hdf5):
    """A dataset with the positions of its voxels along each axis, as netCDF-4 and NeXus have."""

    name = "netCDF-4, NeXus (HDF5)"
    fixed_unit = ""
    units: ClassVar[Mapping[str, float]] = LENGTHS
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "flip", "line"})

    def place(self, opened: h5py.File, made: h5py.Dataset, scan: Scan) -> None:
        for axis, (name, values) in enumerate(positions(scan).items()):
            opened[name] = values
            opened[name].make_scale(name)
            opened[name].attrs["units"] = scan.unit or "mm"
            made.dims[axis].attach_scale(opened[name])

    def placed_by_h5py(self, opened: h5py.File, made: h5py.Dataset) -> tuple[Any, Any, Any]:
        scales = [dimension[0] for dimension in made.dims if len(dimension)]
        units = [str(each.attrs.get("units")) for each in scales]
        return by_positions([each[:] for each in scales], units)

    def unit(self, folder: Path) -> str:
        return Row.unit(self, folder)


def positions(scan: Scan) -> dict[str, np.ndarray]:
    """Centers of the voxels along z, y and x in the unit of a scan."""
    scale = LENGTHS[scan.unit or "mm"]
    signs = np.diag(scan.matrix)[::-1]
    return {
        axis: (start + sign * edge * np.arange(count)) / scale
        for axis, start, sign, edge, count in zip(
            "zyx", scan.origin, signs, scan.edges, scan.values.shape, strict=True
        )
    }


def by_positions(places: list[np.ndarray], units: list[str]) -> tuple[Any, Any, Any]:
    """Edges, first voxel and direction by the positions along each axis."""
    if len(places) < 3 or any(unit not in LENGTHS for unit in units):
        return None, None, None
    scales = np.array([LENGTHS[unit] for unit in units])
    steps = np.array([(each[-1] - each[0]) / (len(each) - 1) for each in places]) * scales
    first = [each[0] * scale for each, scale in zip(places, scales, strict=True)]
    return np.abs(steps), first, np.diag(np.sign(steps))


class NetCdf(Row):
    """Variables that scipy writes; the format is big-endian."""

    name = "netCDF, classic"
    types: ClassVar[tuple[str, ...]] = ("i1", "i2", "i4", "f4", "f8")
    units: ClassVar[Mapping[str, float]] = LENGTHS
    orders = (">",)
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "flip", "line"})

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / "scan.nc"
        with netcdf_file(str(file), "w", version=2) as made:
            for name, values in positions(scan).items():
                made.createDimension(name, len(values))
                axis = made.createVariable(name, np.dtype("f8"), (name,))
                axis[:] = values
                axis.units = scan.unit or "mm"
            volume = made.createVariable("ct", scan.values.dtype, ("z", "y", "x"))
            volume[:] = scan.values
            for name, value in packed(scan).items():
                setattr(volume, name, value)
        return file

    def told(self, file: Path, scan: Scan) -> Told:
        with netcdf_file(str(file), mmap=False, maskandscale=scan.line is not None) as made:
            values = np.array(made.variables["ct"][:])
            axes = [made.variables[axis] for axis in "zyx" if axis in made.variables]
            places = [axis[:].copy() for axis in axes]
            units = [getattr(axis, "units", b"").decode("latin-1") for axis in axes]
        values = values.astype(values.dtype.newbyteorder("="))
        return Told(values, *by_positions(places, units))

    def axes(self, folder: Path) -> str:
        for names, word in (("tyx", "axes TYX"), ("tzyx", "no 3-D variable")):
            file = folder / f"{names}.nc"
            with netcdf_file(str(file), "w") as made:
                for name in names:
                    made.createDimension(name, 4)
                made.createVariable("ct", np.dtype("i2"), tuple(names))[:] = 1
            assert word in refusal(file)
        return REFUSED


class ItkHdf5(Row):
    name = "HDF5 of ITK"
    fixed_unit = "mm"
    packings: ClassVar[tuple[str, ...]] = ("gzip",)

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / "scan.h5"
        sitk.WriteImage(of_itk(scan), str(file), useCompression=bool(scan.packing))
        return file

    def told(self, file: Path, scan: Scan) -> Told:
        return by_itk(file)

    def axes(self, folder: Path) -> str:
        file = folder / "scan.h5"
        sitk.WriteImage(sitk.JoinSeries([of_itk(self.usual)] * 2), str(file))
        assert "no 3-D dataset" in refusal(file)
        return REFUSED


class Snapshot(Row):
    """Snapshot of a run; SimpleITK reads it too."""

    name = "snapshot of tissue"
    types: ClassVar[tuple[str, ...]] = ("f4",)
    fixed_unit = "um"
    usual = Scan(gray("f4") / 1e4, edges=(8.0, 8.0, 8.0))

    def write(self, folder: Path, scan: Scan) -> Path:
        nz, ny, nx = scan.values.shape
        rows = [(float(a), float(b), float(c)) for a, b, c in scan.matrix[::-1, ::-1]]
        frame = Frame(scan.origin, (rows[0], rows[1], rows[2]))
        return write_snapshot(
            folder,
            grid=Grid((nz, ny, nx), scan.edges[0], (0.0, 0.0, 0.0), frame),
            step=0,
            time=0.0,
            fields={"bone_volume_fraction": scan.values},
            provenance={},
        )

    def told(self, file: Path, scan: Scan) -> Told:
        return by_itk(file, micrometers=1.0)

    def spare(self, whole: bytes) -> int:
        """Checksum footer behind the voxels; a file without it counts as edited."""
        return len(footer(b"")) + 1

    def compression(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        with h5py.File(file) as opened:
            assert opened["VTKHDF/PointData/bone_volume_fraction"].compression == "gzip"
        return self.right(folder / "again", [self.usual])

    def axes(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        with h5py.File(file, "r+") as opened:
            del opened["VTKHDF/PointData/bone_volume_fraction"]
            opened["VTKHDF/PointData/bone_volume_fraction"] = np.zeros((2, *SHAPE), "f4")
        assert "4 axes" in refusal(file)
        return REFUSED


class Numpy(Row):
    name = "numpy array (.npy)"
    types: ClassVar[tuple[str, ...]] = (*Row.types, "?")
    orders = ("<", ">")
    has: ClassVar[frozenset[str]] = frozenset()

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / "scan.npy"
        np.save(file, scan.values.astype(scan.values.dtype.newbyteorder(scan.order)))
        return file

    def told(self, file: Path, scan: Scan) -> Told:
        values = np.load(file)
        return Told(values.astype(values.dtype.newbyteorder("=")))

    def axes(self, folder: Path) -> str:
        file = folder / "scan.npy"
        np.save(file, np.zeros((2, *SHAPE)))
        assert "three axes" in refusal(file)
        # an array of Fortran has the order of its axes in its header
        np.save(file, np.asfortranarray(self.usual.values))
        np.testing.assert_array_equal(read_image(file).values, self.usual.values)
        return REFUSED


ROWS: tuple[Row, ...] = (Hdf5(), Positions(), ItkHdf5(), Snapshot(), NetCdf(), Numpy())
