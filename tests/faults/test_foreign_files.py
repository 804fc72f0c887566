"""Files of other people, from the command line on: nothing elsewhere is read or written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tissue.cli import main
from tissue.geometry.grid import Frame, Grid
from tissue.geometry.images import read_image
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

SECRET = b"secret-of-another-user" * 100
GRID = Grid((5, 4, 3), 8.0, (16.0, 8.0, 0.0), Frame((100.0, 200.0, 300.0)))
BONE = np.linspace(0, 1, 60, dtype="f4").reshape(GRID.shape)
POINTS = "VTKHDF/PointData"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "private" / "secret.h5"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["x"] = np.frombuffer(SECRET[:240], "f4").reshape(GRID.shape)
        file.attrs["created"] = SECRET[:22].decode()
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of one snapshot."""
    folder = tmp_path / "run"
    folder.mkdir()
    fields = {"bone_volume_fraction": BONE, "il1": BONE}
    write_snapshot(folder, grid=GRID, step=1, time=1.0, fields=fields, provenance={})
    for name in ("metrics.csv", "ledger.csv"):
        with Table(folder / name, ("time_day", "bv_tv_change_percent")) as table:
            table.append({"time_day": 1, "bv_tv_change_percent": 0})
    return folder


def external(points: h5py.Group, secret: Path) -> None:
    points.create_dataset("il1", GRID.shape, "f4", external=[(str(secret), 0, 240)])


def linked(points: h5py.Group, secret: Path) -> None:
    points["il1"] = h5py.ExternalLink(str(secret), "/x")


def virtual(points: h5py.Group, secret: Path) -> None:
    layout = h5py.VirtualLayout(GRID.shape, "f4")
    layout[...] = h5py.VirtualSource(str(secret), "x", GRID.shape)
    points.create_virtual_dataset("il1", layout)


WAYS: tuple[Callable[[h5py.Group, Path], None], ...] = (external, linked, virtual)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("command", ["info", "info run", "export", "index", "report", "metrics"])
def test_no_command_takes_numbers_from_elsewhere(
    run: Path,
    secret: Path,
    way: Callable[[h5py.Group, Path], None],
    command: str,
    capfd: Capture,
) -> None:
    (path,) = run.glob("snap_*.hdf")
    with h5py.File(path, "r+") as file:
        del file[POINTS]["il1"]
        way(file[POINTS], secret)
    words = {
        "info": ["info", str(path)],
        "info run": ["info", str(run)],
        "export": ["export", str(run), "--to", "npy"],
        "index": ["index", str(run)],
        "report": ["report", str(run)],
        "metrics": ["metrics", str(path)],
    }[command]
    before = {each.name for each in run.iterdir()}
    code = main(words)
    out, reported = capfd.readouterr()
    assert "Traceback" not in reported
    if command == "info run":
        assert f"damaged: {path.name}" in out
    else:
        assert code == 2
        assert "has only a link to another place for 'il1'" in reported
        assert {each.name for each in run.iterdir()} - before <= {"export", "morphometry.csv"}


@pytest.mark.parametrize("way", WAYS)
def test_no_image_takes_voxels_from_elsewhere(
    tmp_path: Path, secret: Path, way: Callable[[h5py.Group, Path], None], capfd: Capture
) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    with h5py.File(folder / "scan.h5", "w") as file:
        way(file, secret)
    code = main(["metrics", str(folder / "scan.h5"), "--voxel-size", "8 um", "--dataset", "il1"])
    reported = capfd.readouterr().err
    assert code == 2
    assert "secret.h5" in reported
    assert "not followed" in reported


def test_a_snapshot_of_any_name_is_the_image_of_its_bone(run: Path, tmp_path: Path) -> None:
    (path,) = run.glob("snap_*.hdf")
    for name in ("day28.hdf", "bone.h5", "bone", "bone.nrrd"):
        shutil.copy(path, tmp_path / name)
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.values, BONE)
        assert image.spacing == (8, 8, 8)
        assert image.frame is not None
        assert image.frame.origin == (116.0, 208.0, 300.0)


@pytest.mark.parametrize("size", [0, 512, 1024, 2048])
def test_hdf5_behind_a_block_of_the_user_is_known(tmp_path: Path, size: int) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=size) as file:
        file["a"] = BONE
    np.testing.assert_array_equal(read_image(tmp_path / "a.mat").values, BONE)
