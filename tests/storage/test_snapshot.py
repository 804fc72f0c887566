"""Snapshots must open in the tools people have, and survive a killed writer."""

import multiprocessing
import os
import re
import signal
from pathlib import Path

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
import SimpleITK
from numpy.typing import NDArray

from tissue.checksum import footer
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.snapshot import (
    is_snapshot,
    list_snapshots,
    read_snapshot,
    remove_unfinished,
    write_snapshot,
)

GRID = Grid((20, 33, 47), 8.2, (100.0, 20.0, 3.0))  # all different, larger than one chunk in z


def ball(grid: Grid) -> NDArray[np.float32]:
    z, y, x = np.ogrid[tuple(slice(0, count) for count in grid.shape)]
    center = [0.5 * (count - 1) for count in grid.shape]
    distance = np.sqrt((z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2)
    return np.clip(8.0 - distance, 0, 1).astype(np.float32)


def some_fields(grid: Grid) -> dict[str, NDArray[np.float32]]:
    random = np.random.default_rng(1)
    noise = {name: random.random(grid.shape, dtype=np.float32) for name in FIELDS}
    return noise | {"bone_volume_fraction": ball(grid)}


def write(folder: Path, step: int = 7, **changes: object) -> Path:
    arguments: dict[str, object] = {
        "grid": GRID,
        "fields": some_fields(GRID),
        "time": 0.5 * step,
        "provenance": {"config_json": "{}", "git_commit": "abc"},
    }
    return write_snapshot(folder, step=step, **(arguments | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("run"))


def test_what_was_written_is_read_back(snapshot: Path) -> None:
    found = read_snapshot(snapshot)
    assert snapshot.name == "snap_day0003.500.hdf"
    assert (found.grid, found.step, found.time) == (GRID, 7, 3.5)
    assert set(found.fields) == set(FIELDS)
    assert found.units["rankl"] == "pM"
    for name, values in some_fields(GRID).items():
        np.testing.assert_array_equal(found.field(name), values)


def test_any_real_type_is_stored_as_float32(tmp_path: Path) -> None:
    doubles = np.asfortranarray(ball(GRID).astype(np.float64))
    found = read_snapshot(write(tmp_path, fields={"bone_volume_fraction": doubles}))
    assert found.field("bone_volume_fraction").dtype == np.float32
    np.testing.assert_array_equal(found.field("bone_volume_fraction"), doubles.astype(np.float32))


def test_vtk_reads_every_array_bit_for_bit(snapshot: Path) -> None:
    vtk = pytest.importorskip("vtk")
    from vtk.util.numpy_support import vtk_to_numpy

    reader = vtk.vtkHDFReader()
    assert reader.CanReadFile(str(snapshot))
    reader.SetFileName(str(snapshot))
    reader.Update()
    image = reader.GetOutputDataObject(0)
    assert image.GetDimensions() == GRID.shape[::-1]
    assert image.GetSpacing() == pytest.approx((GRID.spacing,) * 3)
    assert image.GetOrigin() == pytest.approx(GRID.origin[::-1])
    with h5py.File(snapshot) as file:
        stored = {name: data[()] for name, data in file["VTKHDF/PointData"].items()}
    # a reader that dislikes the file may return no arrays and no error
    assert image.GetPointData().GetNumberOfArrays() == len(stored) == len(FIELDS)
    for name, values in stored.items():
        read = vtk_to_numpy(image.GetPointData().GetArray(name)).reshape(GRID.shape)
        np.testing.assert_array_equal(read, values)


def test_vtk_contours_the_bone(snapshot: Path) -> None:
    vtk = pytest.importorskip("vtk")
    reader = vtk.vtkHDFReader()
    reader.SetFileName(str(snapshot))
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputConnection(reader.GetOutputPort())
    contour.SetInputArrayToProcess(0, 0, 0, 0, "bone_volume_fraction")
    contour.SetValue(0, 0.5)
    contour.Update()
    assert contour.GetOutput().GetNumberOfPolys() > 100
    middle = [
        first + 0.5 * GRID.spacing * (count - 1)
        for first, count in zip(GRID.origin, GRID.shape, strict=True)
    ]
    assert contour.GetOutput().GetCenter() == pytest.approx(middle[::-1], abs=0.1)


def test_silx_shows_the_bone_at_once(snapshot: Path) -> None:
    nxdata = pytest.importorskip("silx.io.nxdata")
    with h5py.File(snapshot) as file:
        default = nxdata.get_default(file)
        assert default is not None
        assert default.is_valid
        assert default.signal_dataset_name == "bone_volume_fraction"
        assert default.axes_dataset_names == ["z", "y", "x"]
        assert [axis.shape[0] for axis in default.axes] == list(GRID.shape)


def test_itk_has_the_axes_in_the_right_order(snapshot: Path) -> None:
    image = SimpleITK.ReadImage(str(snapshot))
    assert image.GetSize() == GRID.shape[::-1]
    assert image.GetSpacing() == pytest.approx((GRID.spacing,) * 3)
    assert image.GetOrigin() == pytest.approx(GRID.origin[::-1])
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), ball(GRID))


def test_scales_are_voxel_centers(snapshot: Path) -> None:
    with h5py.File(snapshot) as file:
        bone = file["VTKHDF/PointData/bone_volume_fraction"]
        for axis, name in enumerate("zyx"):
            (scale,) = bone.dims[axis].values()
            assert scale == file[name]
            expected = GRID.origin[axis] + GRID.spacing * np.arange(GRID.shape[axis])
            np.testing.assert_allclose(scale[()], expected)


def test_the_views_share_one_copy(snapshot: Path) -> None:
    with h5py.File(snapshot) as file:
        bone = file["VTKHDF/PointData/bone_volume_fraction"]
        assert file["entry/bone_volume_fraction/bone_volume_fraction"] == bone
        assert file["ITKImage/0/VoxelData"] == bone
        assert file["provenance"].attrs["git_commit"] == "abc"
        assert file["provenance"].attrs["h5py"] == h5py.version.version


def _die_while_writing(folder: Path) -> None:
    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    # the last moment before the rename: everything is in the temporary file
    os.fsync = kill  # type: ignore[assignment]
    write(folder, step=2)


def test_a_killed_writer_leaves_no_broken_snapshot(tmp_path: Path) -> None:
    first = write(tmp_path, step=1)
    writer = multiprocessing.get_context("spawn").Process(
        target=_die_while_writing, args=(tmp_path,)
    )
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 2
    assert list_snapshots(tmp_path) == [first]
    remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [first]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_of_the_system(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.strerror
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_a_device_are_stored_as_others(tmp_path: Path) -> None:
    on_device = {name: jnp.asarray(values) for name, values in some_fields(GRID).items()}
    found = read_snapshot(write(tmp_path, fields=on_device))
    for name, values in some_fields(GRID).items():
        np.testing.assert_array_equal(found.field(name), values)


def test_snapshots_are_listed_in_order(tmp_path: Path) -> None:
    paths = [write(tmp_path, step=step) for step in (1000, 20, 3)]
    (tmp_path / "run.hdf").touch()
    assert list_snapshots(tmp_path) == paths[::-1]


def test_a_truncated_file_is_refused(snapshot: Path, tmp_path: Path) -> None:
    whole = snapshot.read_bytes()
    for length in (0, 100, len(whole) // 2):
        cut = tmp_path / f"snap_{length:010d}.hdf"
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match="truncated"):
            read_snapshot(cut)


def test_damaged_data_are_refused(snapshot: Path, tmp_path: Path) -> None:
    with h5py.File(snapshot) as file:
        chunk = file["VTKHDF/PointData/il1"].id.get_chunk_info(0)
    damaged = tmp_path / "snap_day0001.000.hdf"
    content = bytearray(snapshot.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 64] = bytes(64)
    damaged.write_bytes(content[: -len(footer(b""))])
    with pytest.raises(InputError, match="damaged"):
        read_snapshot(damaged).field("il1")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "snap_day0000.000.hdf"
    with h5py.File(foreign, "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(InputError, match="not a snapshot"):
        read_snapshot(foreign)
    with pytest.raises(InputError, match="does not exist"):
        read_snapshot(tmp_path / "absent.hdf")


def test_an_absent_field_is_named(snapshot: Path) -> None:
    with pytest.raises(InputError, match=re.escape("no field 'stress'")):
        read_snapshot(snapshot).field("stress")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"il1": ball(GRID)}, "needs bone_volume_fraction"),
        ({"bone_volume_fraction": ball(GRID).T}, "has shape"),
        ({"bone_volume_fraction": ball(GRID), "mineral": ball(GRID)}, "unknown field 'mineral'"),
    ],
)
def test_wrong_fields_are_refused(
    tmp_path: Path, fields: dict[str, NDArray[np.float32]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path, fields=fields)
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_is_known_by_what_it_holds(snapshot: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "bone.h5"
    renamed.write_bytes(snapshot.read_bytes())
    foreign = tmp_path / "snap_of_mine.hdf"
    with h5py.File(foreign, "w") as file:
        file["data"] = np.zeros(3)
    cut = tmp_path / "snap_day0001.000.hdf"
    cut.write_bytes(snapshot.read_bytes()[:1000])
    text = tmp_path / "bone.txt"
    text.write_text("hello")
    known = [is_snapshot(path) for path in (snapshot, renamed, foreign, cut, text)]
    assert known == [True, True, False, True, False]


def test_fields_of_other_files_are_not_followed(snapshot: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    secret.write_bytes(snapshot.read_bytes())
    numbers = tmp_path / "secret.raw"
    ball(GRID).tofile(numbers)
    there = "/VTKHDF/PointData/il1"

    def virtual(points: h5py.Group) -> None:
        layout = h5py.VirtualLayout(GRID.shape, "f4")
        layout[...] = h5py.VirtualSource(str(secret), there, GRID.shape)
        points.create_virtual_dataset("il1", layout)

    def external(points: h5py.Group) -> None:
        size = numbers.stat().st_size
        points.create_dataset("il1", GRID.shape, "f4", external=[(str(numbers), 0, size)])

    def linked(points: h5py.Group) -> None:
        points["il1"] = h5py.ExternalLink(str(secret), there)

    def soft(points: h5py.Group) -> None:
        points["il1"] = h5py.SoftLink("/entry/il1/il1")

    for number, change in enumerate((virtual, external, linked, soft)):
        path = tmp_path / f"snap_{number:010d}.hdf"
        path.write_bytes(snapshot.read_bytes())
        with h5py.File(path, "r+") as file:
            del file["VTKHDF/PointData/il1"]
            change(file["VTKHDF/PointData"])
        with pytest.raises(InputError, match="has only a link to another place for 'il1'"):
            read_snapshot(path)
    with h5py.File(path, "r+") as file:
        del file["VTKHDF"]
        file["VTKHDF"] = h5py.ExternalLink(str(secret), "/VTKHDF")
    with pytest.raises(InputError, match="has only a link to another place for 'VTKHDF'"):
        read_snapshot(path)
