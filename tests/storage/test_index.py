"""A whole run in one file, as each viewer sees it."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from storage.conftest import GRID, TIMES, field
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonExecutionModel import vtkStreamingDemandDrivenPipeline as Pipeline
from vtkmodules.vtkIOHDF import vtkHDFReader

from tissue.errors import InputError
from tissue.storage.index import INDEX, SERIES, write_indices
from tissue.storage.snapshot import list_snapshots, write_snapshot


def test_vtk_shows_every_time(folder: Path) -> None:
    reader = vtkHDFReader()
    reader.SetFileName(str(folder / INDEX))
    reader.UpdateInformation()
    found = reader.GetOutputInformation(0).Get(Pipeline.TIME_STEPS())
    assert tuple(found) == TIMES
    for index, time in enumerate(TIMES):
        reader.UpdateTimeStep(time)
        image = reader.GetOutput()
        assert image.GetDimensions() == GRID.shape[::-1]
        assert image.GetOrigin() == GRID.origin[::-1]
        assert image.GetSpacing() == (GRID.spacing,) * 3
        points = image.GetPointData()
        assert points.GetNumberOfArrays() == 2  # readers of VTK may fail with no word
        for name in ("bone_volume_fraction", "il1"):
            values = vtk_to_numpy(points.GetArray(name)).reshape(GRID.shape)
            np.testing.assert_array_equal(values, field(name, index))


def test_xarray_reads_labeled_axes_over_time(folder: Path) -> None:
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(folder / INDEX) as data:
        assert set(data.data_vars) == {"bone_volume_fraction", "il1", "step"}
        assert data["time"].values.tolist() == list(TIMES)
        assert data["time"].attrs == {"units": "d", "long_name": "simulated time"}
        assert data["step"].dims == ("time",)
        assert data["il1"].attrs["units"] == "pM"
        assert data["il1"].sel(time=TIMES[1], z=GRID.origin[0] + 16.0).shape == GRID.shape[1:]
        np.testing.assert_array_equal(data["il1"][2], field("il1", 2))
        np.testing.assert_array_equal(data["z"], GRID.origin[0] + 8.0 * np.arange(5))
    with xarray.open_dataset(folder / INDEX, engine="h5netcdf", group="entry/il1") as data:
        assert data["il1"].dims == ("time", "z", "y", "x")
        assert data["il1"].attrs["units"] == "pM"
    with h5py.File(folder / INDEX) as file:
        np.testing.assert_array_equal(file["time"], TIMES)
        np.testing.assert_array_equal(file["VTKHDF/PointData/il1"][2], field("il1", 2))


def test_the_folder_may_be_moved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    there = tmp_path_factory.mktemp("moved") / "there"
    shutil.move(folder, there)
    with h5py.File(there / INDEX) as file:
        np.testing.assert_array_equal(file["VTKHDF/PointData/il1"][1], field("il1", 1))
    folder.mkdir()


def test_the_series_names_snapshots_and_times(folder: Path) -> None:
    files = json.loads((folder / SERIES).read_text())["files"]
    assert [each["time"] for each in files] == list(TIMES)
    assert all((folder / each["name"]).is_file() for each in files)


def test_a_single_snapshot_gets_no_index_over_time(folder: Path) -> None:
    for path in list_snapshots(folder)[1:]:
        path.unlink()
    (folder / INDEX).unlink()
    assert {path.name for path in write_indices(folder)} == {SERIES}


def test_snapshots_of_another_run_are_reported(folder: Path) -> None:
    other = {"bone_volume_fraction": np.zeros((2, 2, 2))}
    write_snapshot(
        folder, grid=type(GRID)((2, 2, 2), 8.0), step=99, time=30, fields=other, provenance={}
    )
    with pytest.raises(InputError, match="another grid than"):
        write_indices(folder)
    with pytest.raises(InputError, match="holds no snapshots to index"):
        write_indices(folder / "nowhere")
