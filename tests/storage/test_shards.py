"""Files that many processes write are read as those of one process are."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK
from storage.joined_run import (
    CHECKPOINT_SHARD,
    DAY,
    GRID,
    KEPT_BITS,
    NAMES,
    PROVENANCE,
    SHARD,
    TIMES,
    exact,
    whole,
)
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOHDF import vtkHDFReader

from tissue.errors import InputError
from tissue.simulation.checkpoints import newest
from tissue.storage.checkpoint import (
    Checkpoint,
    list_checkpoints,
    open_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tissue.storage.index import INDEX
from tissue.storage.names import list_shards
from tissue.storage.results import open_run
from tissue.storage.shards import ShardError
from tissue.storage.snapshot import read_snapshot, write_snapshot


def test_readers_get_every_field_bit_for_bit(run: Path) -> None:
    found = open_run(run)
    assert found.times.tolist() == list(TIMES)
    for index, time in enumerate(TIMES):
        for name in NAMES:
            np.testing.assert_array_equal(found.field(name, index), whole(name, time))
    assert found.grid == GRID
    assert found.units["il1"] == "pM"
    over_time = found.to_xarray("il1")["il1"]
    np.testing.assert_array_equal(over_time[1, 20], whole("il1", 7.0)[20])


def test_it_has_all_that_a_snapshot_of_one_process_has(run: Path, tmp_path: Path) -> None:
    fields = {name: whole(name, 7.0) for name in NAMES}
    alone = write_snapshot(
        tmp_path,
        grid=GRID,
        step=7,
        time=7.0,
        fields=fields,
        provenance=PROVENANCE,
        kept_bits=KEPT_BITS,
    )

    def content(path: Path) -> dict[str, tuple[Any, Any]]:
        found: dict[str, tuple[Any, Any]] = {}

        def add(name: str, node: Any) -> None:
            attributes = {
                key: str(value) for key, value in node.attrs.items() if "REFERENCE" not in key
            }
            values = node[()].tolist() if isinstance(node, h5py.Dataset) else None
            found[name] = attributes, values

        with h5py.File(path) as file:
            add("/", file)
            file.visititems(add)
            for name in NAMES:  # hard links, which are visited once
                point = file["VTKHDF/PointData"][name]
                assert file[f"entry/{name}/{name}"] == point
                assert [list(axis.keys()) for axis in point.dims] == [["z"], ["y"], ["x"]]
            assert file["ITKImage/0/VoxelData"] == file["VTKHDF/PointData/bone_volume_fraction"]
        return found

    joined = content(run / f"{DAY}.hdf")
    extra = {name for name in joined if name.startswith("shards")}
    assert len(extra) == 5
    expected = content(alone)
    assert set(joined) - extra == set(expected)
    # references between scales and fields are not texts, and differ
    for name, (attributes, values) in expected.items():
        assert joined[name][1] == values
        for key in attributes.keys() - {"DIMENSION_LIST", "_Netcdf4Dimid"}:
            assert joined[name][0][key] == attributes[key], (name, key)


def test_vtk_itk_and_silx_open_it_as_before(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    reader = vtkHDFReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutputDataObject(0)
    assert image.GetDimensions() == GRID.shape[::-1]
    assert image.GetOrigin() == pytest.approx(GRID.first[::-1])
    assert image.GetPointData().GetNumberOfArrays() == len(NAMES)
    for name in NAMES:
        values = vtk_to_numpy(image.GetPointData().GetArray(name)).reshape(GRID.shape)
        np.testing.assert_array_equal(values, whole(name, 7.0))
    itk = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(itk), whole(NAMES[0], 7.0))
    assert itk.GetOrigin() == pytest.approx(GRID.first[::-1])
    nxdata = pytest.importorskip("silx.io.nxdata")
    with h5py.File(path) as file:
        default = nxdata.get_default(file)
        assert default.axes_dataset_names == ["z", "y", "x"]
        np.testing.assert_array_equal(default.signal[()], whole(NAMES[0], 7.0))


def test_xarray_opens_a_snapshot_and_the_index_over_it(run: Path) -> None:
    xarray = pytest.importorskip("xarray")
    # the image of ITK has no names of axes
    how: dict[str, Any] = {"engine": "h5netcdf", "phony_dims": "sort", "group": "entry/il1"}
    with xarray.open_dataset(run / f"{DAY}.hdf", **how) as data:
        assert data["il1"].dims == ("z", "y", "x")
        np.testing.assert_array_equal(data["il1"], whole("il1", 7.0))
    with xarray.open_dataset(run / INDEX) as data:
        np.testing.assert_array_equal(data["il1"][2], whole("il1", 21.0))


def test_vtk_reads_the_index_through_the_snapshots(run: Path) -> None:
    reader = vtkHDFReader()
    reader.SetFileName(str(run / INDEX))
    reader.UpdateInformation()
    for time in TIMES:
        reader.UpdateTimeStep(time)
        points = reader.GetOutput().GetPointData()
        values = vtk_to_numpy(points.GetArray("il1")).reshape(GRID.shape)
        np.testing.assert_array_equal(values, whole("il1", time))


def test_the_folder_may_be_moved_beside_another_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run.rename(tmp_path / "moved")
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    for path in list_shards(there):
        shutil.copy(there / CHECKPOINT_SHARD, decoy / path.name)
    monkeypatch.chdir(decoy)
    for path in (there, Path("../moved")):
        np.testing.assert_array_equal(
            read_snapshot(path / f"{DAY}.hdf").field("il1"), whole("il1", 7.0)
        )
        with h5py.File(path / INDEX) as file:
            np.testing.assert_array_equal(file["il1"][1], whole("il1", 7.0))


def test_names_of_shards_are_in_no_other_folder(run: Path) -> None:
    for name in ("../x.shard", f"../{SHARD}", f"/{SHARD}", "x.hdf", f"\x1b[2J\n{SHARD}"):
        with h5py.File(run / f"{DAY}.hdf", "a") as file:
            file["shards/file"][1] = name
        with pytest.raises(InputError, match="damaged list of its shards"):
            read_snapshot(run / f"{DAY}.hdf")


def test_a_checkpoint_is_read_by_any_number_of_processes(run: Path, tmp_path: Path) -> None:
    path = list_checkpoints(run)[-1]
    joined = read_checkpoint(path)
    assert (joined.grid, joined.step, joined.time) == (GRID, 21, 21.0)
    assert joined.healthy["tgf_beta"] == np.float32(3.25)
    alone = write_checkpoint(tmp_path, joined)
    for each in (path, alone):
        found = open_checkpoint(each)
        assert found.grid == GRID
        for first, end in ((0, 29), (0, 10), (10, 20), (20, 29), (28, 29), (16, 16)):
            for name in NAMES:
                values = found.state[name].planes(first, end)
                assert values.dtype == found.state[name].dtype == np.float64
                np.testing.assert_array_equal(values, exact(name, 21.0)[first:end])
            np.testing.assert_array_equal(
                found.healthy["drive"].planes(first, end), exact("il1", 21.0)[first:end]
            )
        assert found.healthy["tgf_beta"] == np.float32(3.25)
        assert found.rows == {"metrics.csv": 1}


def test_only_the_shards_that_hold_the_planes_are_read(run: Path) -> None:
    found = open_checkpoint(list_checkpoints(run)[-1])
    (run / CHECKPOINT_SHARD).unlink()
    values = found.state["il1"].planes(3, 16)
    np.testing.assert_array_equal(values, exact("il1", 21.0)[3:16])
    with pytest.raises(ShardError, match="is missing"):
        found.state["il1"].planes(3, 17)


def test_a_joined_checkpoint_becomes_one_of_one_process(run: Path, tmp_path: Path) -> None:
    """A run of many processes continues on one, whose checkpoints are single files again."""
    found = newest(run)
    assert isinstance(found, Checkpoint)
    alone = read_checkpoint(write_checkpoint(tmp_path, found))
    for name in NAMES:
        np.testing.assert_array_equal(alone.state[name], exact(name, 21.0))
