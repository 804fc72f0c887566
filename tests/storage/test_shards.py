"""Files that many processes write: whole for every reader, or refused in one sentence."""

import logging
import multiprocessing
import shutil
import signal
import threading
import time as clock
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import SimpleITK
from faults.command_result import call_command
from storage.joined_run import (
    GRID,
    KEPT_BITS,
    NAMES,
    PROCESSES,
    PROVENANCE,
    TIMES,
    die_before_publishing,
    exact,
    join_checkpoint,
    join_snapshot,
    whole,
    write_run,
    write_shards,
)
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOHDF import vtkHDFReader

from tissue.errors import InputError, RunError
from tissue.geometry.formats import hdf5
from tissue.geometry.gate import admit
from tissue.model.observables import METRICS
from tissue.simulation.checkpoints import newest
from tissue.simulation.folder import clear_folder, remove_unfinished
from tissue.simulation.ledger import LEDGER
from tissue.simulation.superseded import remove_superseded, set_aside
from tissue.storage import many_writers
from tissue.storage.checkpoint import (
    Checkpoint,
    list_checkpoints,
    open_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from tissue.storage.index import INDEX
from tissue.storage.info import describe
from tissue.storage.many_writers import write_checkpoint_shard, write_snapshot_shard
from tissue.storage.names import list_shards
from tissue.storage.results import open_run
from tissue.storage.shards import ShardError, missing_shards
from tissue.storage.snapshot import list_snapshots, read_snapshot, write_snapshot

DAY = "snap_day0007.000"
SHARD = f"{DAY}.0001.shard"
CHECKPOINT_SHARD = "ckpt_day0021.000.0001.shard"


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("run"))
    for name, columns in (("metrics.csv", METRICS), ("ledger.csv", LEDGER)):
        rows = [",".join([f"{day:g}"] * len(columns)) for day in TIMES]
        (folder / name).write_text("\n".join((",".join(columns), *rows, "")))
    return folder


@pytest.fixture
def run(complete: Path, tmp_path: Path) -> Path:
    """Copy of the run elsewhere, away from where it was written."""
    return Path(shutil.copytree(complete, tmp_path / "copied"))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


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


Damage = Callable[[Path], object]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def _of_another_process(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace("0001.shard", "0000.shard")), path)


def _of_another_time(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace(path.name[8:16], "0000.000")), path)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "missing": (Path.unlink, "which holds planes 16 to 28 of {file}, is missing"),
    "cut": (_cut, "which holds planes 16 to 28 of {file}, is truncated or damaged"),
    "flipped": (_flip, "which holds planes 16 to 28 of {file}, is truncated or damaged"),
    "of another process": (
        _of_another_process,
        "is not the shard with planes 16 to 28 of {file}",
    ),
    "of another time": (_of_another_time, "is not the shard with planes 16 to 28 of {file}"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_shard_is_named_in_one_sentence(run: Path, damage: str) -> None:
    harm, text = DAMAGES[damage]
    expected = text.format(file=f"{DAY}.hdf")
    harm(run / SHARD)
    with pytest.raises(ShardError) as refusal:
        read_snapshot(run / f"{DAY}.hdf").field("il1")
    assert str(refusal.value).startswith(f"{run / SHARD}")
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert f"snapshots   3, not complete: {DAY}.hdf (see {SHARD})" in "\n".join(describe(run))
    commands: list[tuple[object, ...]] = [
        ("info", run / f"{DAY}.hdf"),
        ("export", run, "--to", "npy", "--out", run / "images"),
        ("export", run, "--to", "nifti-4d", "--out", run / "images"),
        ("view", run, "--with", "paraview", "--write-only"),
        ("metrics", run / f"{DAY}.hdf"),
        ("report", run),
        ("plot", run, "--kind", "slices"),
        ("strength", run / f"{DAY}.hdf"),
    ]
    if damage != "flipped":  # napari reads the fields later, by the same function
        commands.append(("view", run, "--with", "napari", "--write-only"))
    for command in commands:
        result = call_command(*command)
        assert (result.code, result.trouble) == (2, ""), command
        assert str(run / SHARD) in result.err
        assert expected in result.err


def test_it_is_an_image_for_another_run(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    image = read_image(path, hdf5.BONE)
    np.testing.assert_array_equal(image.values, whole(NAMES[0], 7.0))
    with pytest.raises(InputError, match=r"0001\.shard is a shard of a run of tissue; give one of"):
        read_image(run / SHARD, None)
    content = (run / SHARD).read_bytes()
    for harm, text in (
        (Path.unlink, "is missing"),
        (_cut, "is damaged or belongs to another file"),
        (_flip, "is damaged or belongs to another file"),
        (_of_another_time, "is damaged or belongs to another file"),
    ):
        harm(run / SHARD)
        with pytest.raises(InputError, match=rf"takes data from {SHARD}, which {text}"):
            read_image(path, hdf5.BONE)
        (run / SHARD).write_bytes(content)


def read_image(path: Path, dataset: str | None) -> Any:
    # without the process that tries a file first, which takes a third of a second each time
    return admit(hdf5.volume_at(path, hdf5.choose(path, dataset)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_resumes_from_the_checkpoint_before_a_bad_one(
    run: Path, damage: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    harm, text = DAMAGES[damage]
    if damage == "of another time":  # the first checkpoint is gone
        shutil.copy(run / CHECKPOINT_SHARD.replace("0021", "0007"), run / CHECKPOINT_SHARD)
    else:
        harm(run / CHECKPOINT_SHARD)
    expected = text.format(file="ckpt_day0021.000.h5")
    with pytest.raises(ShardError, match=expected):
        read_checkpoint(run / "ckpt_day0021.000.h5")
    found = newest(run)
    assert found is not None
    assert found.time == 7.0
    (message,) = caplog.messages
    assert message.startswith(f"skipped: {run / CHECKPOINT_SHARD}")
    assert "checkpoints 2, not complete: ckpt_day0021.000.h5" in "\n".join(describe(run))


def test_missing_shards_are_listed(run: Path) -> None:
    path = run / f"{DAY}.hdf"
    assert missing_shards(path) == ()
    (run / SHARD).unlink()
    assert missing_shards(path) == (SHARD,)
    assert list(describe(run / INDEX))[-1] == f"missing     ./{SHARD}"
    assert call_command("index", run).code == 2
    with h5py.File(path) as file:  # the reason for all of this
        assert np.isnan(file["VTKHDF/PointData/il1"][16:]).all()


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


def test_old_checkpoints_go_with_their_shards(tmp_path: Path) -> None:
    for number, time in enumerate((1.0, 2.0, 3.0, 4.0)):
        for rank in range(PROCESSES):
            write_shards(tmp_path, rank, time)
        join_checkpoint(tmp_path, time, keep=number == 0)
    left = {name for name in names(tmp_path) if name.startswith("ckpt")}
    assert left == {
        f"ckpt_day000{time:.3f}.{end}"
        for time in (1, 3, 4)
        for end in ("h5", "0000.shard", "0001.shard")
    }
    for path in list_checkpoints(tmp_path):
        read_checkpoint(path)


def test_a_snapshot_written_again_by_fewer_processes_keeps_no_old_shard(tmp_path: Path) -> None:
    for processes in (4, 1, 2):
        for rank in range(processes):
            write_shards(tmp_path, rank, 7.0, processes)
        path = join_snapshot(tmp_path, 7.0, processes)
        np.testing.assert_array_equal(read_snapshot(path).field("il1"), whole("il1", 7.0))
        assert len([name for name in names(tmp_path) if name.startswith(DAY)]) == processes + 1


def test_a_kill_between_shards_and_snapshot_leaves_no_half_snapshot(run: Path) -> None:
    before = names(run)
    for rank in range(PROCESSES):
        write_shards(run, rank, 30.0)
    killed = multiprocessing.get_context("spawn").Process(target=die_before_publishing, args=(run,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    (run / "snap_day0030.000.0000.shard.7-0a1b2c3d.tmp").touch()
    assert len(names(run) - before) == 2 * PROCESSES + 2
    assert [path.name for path in list_snapshots(run)] == [
        f"snap_day00{time:06.3f}.hdf" for time in TIMES
    ]
    last = newest(run)
    assert last is not None
    assert last.time == TIMES[-1]
    remove_unfinished(run)
    assert names(run) == before
    assert all("all intact" in line for line in list(describe(run))[2:])


def test_shards_of_a_damaged_snapshot_stay(run: Path) -> None:
    _cut(run / f"{DAY}.hdf")
    before = names(run)
    remove_unfinished(run)
    assert names(run) == before


def test_later_files_are_set_aside_with_their_shards(run: Path) -> None:
    aside = set_aside(run, 7.0)
    assert aside is not None
    assert {name for name in names(run) if "0021" in name} == set()
    np.testing.assert_array_equal(
        read_snapshot(aside / "snap_day0021.000.hdf").field("il1"), whole("il1", 21.0)
    )
    np.testing.assert_array_equal(
        read_checkpoint(aside / "ckpt_day0021.000.h5").state["il1"], exact("il1", 21.0)
    )
    (run / "mine.shard").touch()
    clear_folder(run)
    assert names(run) == {"mine.shard"}


def test_shards_of_a_failed_state_do_not_spoil_the_next(tmp_path: Path) -> None:
    files = [
        f"failed_day{day}{end}"
        for day in ("0001.000", "0007.000", "0007.500")
        for end in (".h5", ".0000.shard", ".0001.shard")
    ]
    for name in files:
        (tmp_path / name).touch()
    aside = set_aside(tmp_path, 7.0)
    assert aside is not None
    assert names(aside) == set(files[3:])
    assert names(tmp_path).isdisjoint(files[3:])
    assert names(tmp_path).issuperset(files[:3])
    remove_superseded(tmp_path)
    assert not aside.exists()


def test_process_0_waits_for_the_others(tmp_path: Path) -> None:
    write_shards(tmp_path, 0, 7.0)

    def later() -> None:
        clock.sleep(0.3)
        write_shards(tmp_path, 1, 7.0)

    other = threading.Thread(target=later)
    other.start()
    told: list[float] = []
    path = join_snapshot(tmp_path, 7.0, waiting=lambda: told.append(clock.monotonic()))
    other.join()
    # its supervisor must hear of it each half second
    assert 1 <= len(told) <= 12
    np.testing.assert_array_equal(read_snapshot(path).field("il1"), whole("il1", 7.0))


def test_shards_that_do_not_come_or_fit_publish_nothing(tmp_path: Path) -> None:
    write_shards(tmp_path, 0, 7.0)
    with pytest.raises(RunError, match="all processes need one folder, on a file system that"):
        join_snapshot(tmp_path, 7.0, patience=0.1)
    write_shards(tmp_path, 1, 7.0, processes=4)
    with pytest.raises(RunError, match="has the planes 8 to 15, and 16 is the next"):
        join_snapshot(tmp_path, 7.0)
    write_shards(tmp_path, 1, 21.0)
    shutil.copy(tmp_path / "snap_day0021.000.0001.shard", tmp_path / SHARD)
    with pytest.raises(RunError, match="does not fit"):
        join_snapshot(tmp_path, 7.0)
    with pytest.raises(RunError, match="has 16 of 29 planes in the shards of 1 processes"):
        join_snapshot(tmp_path, 7.0, processes=1)
    (tmp_path / SHARD).write_bytes(b"no HDF5")
    with pytest.raises(RunError, match="cannot be read again"):
        join_snapshot(tmp_path, 7.0)
    assert list_snapshots(tmp_path) == []
    assert many_writers.PATIENCE > 60


def test_blocks_that_cannot_be_are_refused(tmp_path: Path) -> None:
    def write(values: Any, first: int = 0) -> None:
        write_checkpoint_shard(
            tmp_path, rank=0, first_plane=first, grid=GRID, time=0.0, arrays={"state": values}
        )

    bone = np.zeros((8, 6, 5))
    for values, first, message in (
        ({"a": np.zeros((8, 6, 4))}, 0, "has shape"),
        ({"a": bone[0]}, 0, "has shape"),
        ({"a": bone}, 29, "has 0 planes from 29 on in a grid of 29"),
        ({"a": bone}, -1, "planes from -1 on"),
        ({"a": bone, "b": bone[:4]}, 0, "b has 4 planes"),
    ):
        with pytest.raises(ValueError, match=message):
            write(values, first)
    place: dict[str, Any] = {"rank": 0, "first_plane": 0, "grid": GRID, "time": 0.0}
    with pytest.raises(ValueError, match="needs bone_volume_fraction"):
        write_snapshot_shard(tmp_path, **place, fields={"il1": bone})
    with pytest.raises(ValueError, match="unknown field 'stress'"):
        write_snapshot_shard(
            tmp_path, **place, fields={"bone_volume_fraction": bone, "stress": bone}
        )
    assert names(tmp_path) == set()


def test_a_joined_checkpoint_becomes_one_of_one_process(run: Path, tmp_path: Path) -> None:
    """A run of many processes continues on one, whose checkpoints are single files again."""
    found = newest(run)
    assert isinstance(found, Checkpoint)
    alone = read_checkpoint(write_checkpoint(tmp_path, found))
    for name in NAMES:
        np.testing.assert_array_equal(alone.state[name], exact(name, 21.0))
