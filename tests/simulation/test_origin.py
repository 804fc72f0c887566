"""A run remembers what it started from, and tells what has changed since."""

import hashlib
import importlib.metadata
import logging
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulation.diseased_run import TINY, assert_same

from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation import provenance
from tissue.simulation.provenance import fresh_start, log_changes, resumed_start
from tissue.simulation.run import run
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.snapshot import list_snapshots, read_provenance

IMAGE_RUN: dict[str, dict[str, Any]] = {
    "geometry": {"file": "scan.npy", "voxel_size": "10 um", "threshold": 100},
    "output": {"snapshots": "0.5 day", "checkpoints": "0.5 day"},
}


def of_image(folder: Path, days: float = 1.0, **tables: Any) -> RunConfig:
    """A run on the image in a folder."""
    tables = IMAGE_RUN | tables | {"run": {"duration": f"{days:g} day", "step": "0.5 day"}}
    return read_run_file(tables, folder=folder, name="scan")


def plate(height: int = 5) -> NDArray[np.uint8]:
    gray = np.zeros((8, 8, 8), np.uint8)
    gray[:, 2:height] = 200
    return gray


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start_of(run_or_folder: Path) -> dict[str, str]:
    """Provenance of the start in the newest snapshot."""
    made = read_provenance(list_snapshots(run_or_folder)[-1])
    keys = ("input_sha256", "bone_sha256", "region_sha256", "pannus_mask_sha256")
    return {key: made[key] for key in keys if key in made}


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on an image with a region of interest."""
    folder = tmp_path_factory.mktemp("scanned")
    np.save(folder / "scan.npy", plate())
    np.save(folder / "region.npy", np.ones((8, 8, 8), np.uint8))
    run(of_region(folder), folder / "out")
    return folder


def of_region(folder: Path, days: float = 1.0) -> RunConfig:
    return of_image(folder, days, geometry={**IMAGE_RUN["geometry"], "region": "region.npy"})


def test_the_provenance_of_the_start_does_not_change(scanned: Path, tmp_path: Path) -> None:
    whole = run(of_region(scanned, 2.0), tmp_path / "whole")
    shutil.copytree(scanned, tmp_path / "moved")
    resumed = run(of_region(tmp_path / "moved", 2.0), tmp_path / "moved/out", resume="latest")
    assert_same(whole.folder, resumed.folder)
    bone = whole.field("bone_volume_fraction", 0).astype("f8")
    assert start_of(resumed.folder) == {
        "input_sha256": hashed(scanned / "scan.npy"),
        "region_sha256": hashed(scanned / "region.npy"),
        "bone_sha256": hashlib.sha256(bone.tobytes()).hexdigest(),
    }
    assert "WARNING" not in (resumed.folder / "run.log").read_text()


def test_a_run_is_resumed_without_its_image(scanned: Path, tmp_path: Path) -> None:
    shutil.copytree(scanned / "out", tmp_path / "out")
    before = start_of(tmp_path / "out")
    run(of_region(tmp_path, 1.5), tmp_path / "out", resume="latest")
    assert start_of(tmp_path / "out") == before
    log = (tmp_path / "out/run.log").read_text()
    for name in ("scan.npy", "region.npy"):
        gone = f"{tmp_path / name} can no longer be read (No such file or directory)"
        assert f"INFO {gone} and is not needed: the bone is in the checkpoint" in log
    # nor does a branch, whose bone is that of its parent
    parent = read_checkpoint(list_checkpoints(tmp_path / "out")[-1])
    branch = run(of_region(tmp_path, 2.0), tmp_path / "branch", parent=parent)
    origin = start_of(branch.folder)
    assert origin["input_sha256"] == before["input_sha256"]
    assert origin["bone_sha256"] != before["bone_sha256"]
    left = read_provenance(branch.snapshots[0])["parent"]
    run(of_region(tmp_path, 2.5), branch.folder, resume="latest")
    assert start_of(branch.folder) == origin
    assert read_provenance(list_snapshots(branch.folder)[-1])["parent"] == left


def test_a_changed_image_is_logged_with_both_hashes(scanned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(scanned, folder)
    np.save(folder / "scan.npy", plate(height=6))
    before = start_of(folder / "out")
    longer = run(of_region(folder, 1.5), folder / "out", resume="latest")
    (line,) = [each for each in (folder / "out/run.log").read_text().splitlines() if "WARN" in each]
    assert line.endswith(
        f"{folder / 'scan.npy'} has changed since the run began (sha256 "
        f"{hashed(scanned / 'scan.npy')[:12]}... then, {hashed(folder / 'scan.npy')[:12]}... now): "
        "the run continues with the bone of the checkpoint, from the old file"
    )
    assert start_of(folder / "out") == before
    # the bone is the old one, of 3/8 and not of 4/8
    assert longer.metrics["bv_tv"][-1] == pytest.approx(3 / 8, rel=0.02)


def test_a_changed_pannus_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    scanned: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    for name in ("scan.npy", "pannus.npy"):
        np.save(tmp_path / name, plate())
    config = of_image(tmp_path, disease={"pannus": {"mask": "pannus.npy"}})
    start = fresh_start(config, plate() / 200, given=False)
    assert start["pannus_mask_sha256"] == hashed(tmp_path / "pannus.npy")
    made = read_checkpoint(list_checkpoints(scanned / "out")[-1])
    checkpoint = replace(made, provenance={**made.provenance, **start})
    log_changes(config, checkpoint, branch=False)
    assert caplog.messages == []
    np.save(tmp_path / "pannus.npy", plate(height=7))
    log_changes(config, checkpoint, branch=True)  # a branch may have another
    assert caplog.messages == []
    log_changes(config, checkpoint, branch=False)
    (message,) = caplog.messages
    assert f"{tmp_path / 'pannus.npy'} has changed since the run began" in message
    assert message.endswith("continues with the present file")
    assert resumed_start(checkpoint) == {**resumed_start(made), **start}


def test_a_bone_that_was_an_array_stays_one(tmp_path: Path) -> None:
    bone = Geometry(Grid((8, 8, 8), 10.0), (plate() > 0).astype(float), (), ())
    config = read_run_file(tomllib.loads(TINY.read_text()), folder=TINY.parent, name="tiny")
    run(config.changed({"run.duration": "1 day"}), tmp_path, geometry=bone)
    for days in (1.5, 2.0):  # the second resume knows it from the first
        run(config.changed({"run.duration": f"{days} day"}), tmp_path, resume="latest")
    made = read_provenance(list_snapshots(tmp_path)[-1])
    assert made["geometry"].startswith("given as an array")
    unread = fresh_start(of_region(tmp_path / "gone"), plate(), given=True)
    assert set(unread) == {"bone_sha256", "geometry"}
    assert made["bone_sha256"] == hashlib.sha256(bone.bone_volume_fraction.tobytes()).hexdigest()


def test_other_software_than_that_of_the_checkpoint_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, scanned: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    shutil.copytree(scanned, folder)
    real = importlib.metadata.version
    later = {"jax": "99.1", "numpy": "98.2"}
    monkeypatch.setattr(provenance, "version", lambda name: later.get(name) or real(name))
    run(of_region(folder, 1.5), folder / "out", resume="latest")
    (line,) = [each for each in (folder / "out/run.log").read_text().splitlines() if "WARN" in each]
    jax, numpy = real("jax"), real("numpy")
    assert f"(jax {jax} there, 99.1 here; numpy {numpy} there, 98.2 here)" in line
    assert read_provenance(list_snapshots(folder / "out")[-1])["jax"] == "99.1"
