"""Results lie on the scan: every viewer shows each voxel of a run where it was scanned."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk
from storage.places import DIRECTIONS, scan
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkIOHDF import vtkHDFReader

from tissue.checksum import footer
from tissue.geometry.grid import Frame, Grid
from tissue.storage.atomic import write_with_checksum
from tissue.storage.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tissue.storage.index import INDEX, write_indices
from tissue.storage.results import open_run
from tissue.storage.snapshot import list_snapshots, read_snapshot, write_snapshot
from tissue.storage.tables import Table

START, SHAPE, SPACING = (3, 5, 2), (7, 6, 5), 16.0
"""Corner of the grid in the scan (z, y, x), its voxels, and their edge [um]."""

CORNERS = [(0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (6, 5, 4)]
"""Voxels of the grid (z, y, x) that tell its axes apart."""

TURNED = ((0.36, 0.48, -0.8), (-0.8, 0.6, 0.0), (0.48, 0.64, 0.6))
ANY = Grid((4, 3, 2), 8.2, (1 / 3, -2 / 7, 1e-17), Frame((np.pi, -1e5 / 3, 2**0.5), TURNED))
"""Numbers that no rounding keeps."""


@pytest.fixture(params=DIRECTIONS)
def placed(request: pytest.FixtureRequest) -> tuple[str, Grid]:
    """The name of a direction, and a grid of a scan that has it."""
    return request.param, scan(request.param).grid(START, SHAPE, SPACING)


def snapshot(folder: Path, grid: Grid, step: int = 0) -> Path:
    values = np.arange(grid.voxels, dtype="f4").reshape(grid.shape)
    return write_snapshot(
        folder,
        grid=grid,
        step=step,
        time=float(step),
        fields={"bone_volume_fraction": values},
        provenance={},
    )


def assert_on_scan(image: vtkImageData, direction: str) -> None:
    """An image of VTK has each corner of the grid where the scan has it [um]."""
    for index in CORNERS:
        at = [0.0, 0.0, 0.0]
        image.TransformIndexToPhysicalPoint(index[::-1], at)
        expected = 1e3 * scan(direction).center(START, SPACING, index)
        np.testing.assert_allclose(at, expected, rtol=0, atol=1e-3)  # 1e-6 mm


def test_snapshots_keep_every_bit_of_the_place(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    for grid in (placed[1], ANY):
        assert read_snapshot(snapshot(tmp_path, grid)).grid == grid


def test_checkpoints_keep_every_bit_of_the_place(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    for grid in (placed[1], ANY):
        assert read_checkpoint(checkpoint(tmp_path, grid)).grid == grid


def checkpoint(folder: Path, grid: Grid) -> Path:
    state = {"bone_volume_fraction": np.zeros(grid.shape)}
    made = Checkpoint(grid=grid, step=0, time=0.0, state=state, healthy={}, controller={})
    return write_checkpoint(folder, made)


def test_vtk_shows_a_snapshot_on_the_scan(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    direction, grid = placed
    reader = vtkHDFReader()
    reader.SetFileName(str(snapshot(tmp_path, grid)))
    reader.Update()
    image = reader.GetOutputDataObject(0)
    matrix = image.GetDirectionMatrix()
    read = [[matrix.GetElement(row, column) for column in range(3)] for row in range(3)]
    np.testing.assert_array_equal(read, DIRECTIONS[direction])
    assert_on_scan(image, direction)


def test_vtk_shows_a_run_on_the_scan(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    direction, grid = placed
    for step in range(2):
        snapshot(tmp_path, grid, step)
    write_indices(tmp_path)
    reader = vtkHDFReader()
    reader.SetFileName(str(tmp_path / INDEX))
    reader.UpdateInformation()
    reader.UpdateTimeStep(1.0)
    assert_on_scan(reader.GetOutput(), direction)


def test_itk_shows_a_snapshot_on_the_scan(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    direction, grid = placed
    image = sitk.ReadImage(str(snapshot(tmp_path, grid)))
    for index in CORNERS:
        at = image.TransformIndexToPhysicalPoint(index[::-1])
        expected = 1e3 * scan(direction).center(START, SPACING, index)
        np.testing.assert_allclose(at, expected, rtol=0, atol=1e-3)


def test_labeled_axes_count_along_the_scan(tmp_path: Path, placed: tuple[str, Grid]) -> None:
    xarray = pytest.importorskip("xarray")
    direction, grid = placed
    path = snapshot(tmp_path, grid)
    for name in ("metrics.csv", "ledger.csv"):
        with Table(tmp_path / name, ("time_day",)) as table:
            table.append({"time_day": 0})
    group = "entry/bone_volume_fraction"
    with xarray.open_dataset(path, engine="h5netcdf", group=group, phony_dims="sort") as data:
        axes = {axis: data[axis].values for axis in "zyx"}
        assert data["z"].attrs["long_name"] == "z along the scan, from its first voxel [um]"
    again = open_run(tmp_path).to_xarray()
    for axis, first, size in zip("zyx", START, SHAPE, strict=True):
        # the corner of the grid is that of a voxel of 8 um
        expected = 8.0 * (first - 0.5) + SPACING * (np.arange(size) + 0.5)
        np.testing.assert_allclose(axes[axis], expected)
        np.testing.assert_array_equal(again[axis], axes[axis])
    # what the attributes say leads from there to the place in space
    matrix = np.reshape(again.attrs["frame_direction"], (3, 3))
    at = again.attrs["frame_origin"] + matrix @ [axes[axis][-1] for axis in "zyx"]
    np.testing.assert_allclose(at[::-1] / 1e3, scan(direction).center(START, SPACING, CORNERS[-1]))
    again.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")


def test_a_snapshot_of_version_1_0_is_read_without_a_position(tmp_path: Path) -> None:
    grid = Grid((4, 3, 2), 8.2, (100.0, 20.0, 3.0))
    path = snapshot(tmp_path, grid)
    with h5py.File(path, "r+") as file:
        assert file.attrs["format_version"] == "1.1"
        file.attrs["format_version"] = "1.0"
        for name in ("frame_origin", "frame_direction", "frame_rule", "origin"):
            del file.attrs[name]
    write_with_checksum(path, path.read_bytes())
    assert path.read_bytes().endswith(footer(path.read_bytes()[: -len(footer(b""))]))
    assert read_snapshot(path).grid == grid
    assert len(list_snapshots(tmp_path)) == 1
