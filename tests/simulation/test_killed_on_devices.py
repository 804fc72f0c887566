"""A run of the shrew that is killed on four devices, resumed on two and finished on one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from simulation.compared_runs import BONE, FIELDS, VOLUME, differences
from virtual_devices import xla_flags

from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run, open_run

ROOT = Path(__file__).parents[2]
DAYS = 4
LONGEST = 900.0
"""Longest time that one part of a run may take on a busy machine [s]."""


def started(folder: Path, devices: int, days: float, *options: str) -> subprocess.Popen[str]:
    """Run on virtual devices, in a process of its own."""
    keys = {
        "run.devices": devices,
        "run.duration": f"{days} day",
        # 28^3 voxels: most of the time goes into programs for each number of devices
        "geometry.resample": "16.4 um",
        "load.mechanics": "fe",
        # equal steps, so that only rounding is compared
        "run.step": "1 day",
        "output.snapshots": "1 day",
        "output.checkpoints": "1 day",
    }
    command = [sys.executable, "-m", "tissue", "run", str(ROOT / "runs" / "shrew.toml")]
    command += [part for key, value in keys.items() for part in ("--set", f"{key}={value}")]
    command += ["--out", str(folder), "--quiet", *options]
    environment = {
        **os.environ,
        "XLA_FLAGS": xla_flags(devices),
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, errors


def kill_after(process: subprocess.Popen[str], folder: Path, checkpoints: int) -> None:
    """Kills a run once it has written a number of checkpoints."""
    end = time.monotonic() + LONGEST
    while len(list_checkpoints(folder)) < checkpoints:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Run on one device, and the other one."""
    folder = tmp_path_factory.mktemp("shrew")
    one, other = folder / "one", folder / "other"
    finished(started(one, 1, DAYS))
    kill_after(started(other, 4, DAYS), other, 2)
    assert read_checkpoint(list_checkpoints(other)[-1]).time < DAYS - 1
    finished(started(other, 2, DAYS - 1, "--resume"))
    finished(started(other, 1, DAYS, "--resume"))
    return open_run(one), open_run(other)


@pytest.mark.slow
def test_bone_and_fields_are_those_of_one_device(runs: tuple[Run, Run]) -> None:
    mine, theirs = (read_checkpoint(list_checkpoints(each.folder)[-1]) for each in runs)
    assert mine.time == theirs.time == DAYS
    apart = differences(*(each.folder for each in runs))
    assert len(apart) > 12
    assert apart["bone_volume_fraction"] < BONE
    assert {name: each for name, each in apart.items() if each >= FIELDS} == {}


@pytest.mark.slow
def test_volume_and_steps_are_those_of_one_device(runs: tuple[Run, Run]) -> None:
    mine, theirs = (each.metrics for each in runs)
    np.testing.assert_array_equal(mine["time_day"], theirs["time_day"])
    np.testing.assert_allclose(theirs["bv_tv"], mine["bv_tv"], rtol=VOLUME, atol=0)
    assert mine["bv_tv_change_percent"][-1] < -1
    assert mine["fe_iterations"][0] > 0  # load is that of finite elements
