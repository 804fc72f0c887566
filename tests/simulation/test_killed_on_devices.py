"""A run of the shrew that is killed on four devices, resumed on two and finished on one."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import ArrayLike
from virtual_devices import xla_flags

from tissue.model.bone import cell_porosity
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run, open_run

ROOT = Path(__file__).parents[2]
DAYS = 4
BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of other fields, and of BV/TV."""

PRECURSORS = ("osteoclast_precursors", "osteoblast_precursors")
"""Densities per volume of marrow: where that is 0.1 % of a voxel, the last bit of its bone changes
them by 6e-5. Their number per volume of tissue is compared everywhere, and the density where a
difference of BONE in the bone is less than one of FIELDS in the marrow."""

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


def largest(values: ArrayLike) -> float:
    return float(np.abs(np.asarray(values)).max())


def compared(state: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """Fields of a state, those of precursors as two: per volume of tissue and of ample marrow."""
    fields = {name: np.asarray(values) for name, values in state.items()}
    porosity = np.asarray(cell_porosity(jnp.asarray(fields["bone_volume_fraction"])))
    for name in PRECURSORS:
        density = fields.pop(name)
        fields[f"{name} per tissue"] = density * porosity
        fields[f"{name} of ample marrow"] = np.where(porosity > BONE / FIELDS, density, 0)
    return fields


@pytest.mark.slow
def test_bone_and_fields_are_those_of_one_device(runs: tuple[Run, Run]) -> None:
    mine, theirs = (read_checkpoint(list_checkpoints(each.folder)[-1]) for each in runs)
    assert mine.time == theirs.time == DAYS
    expected, found = compared(mine.state), compared(theirs.state)
    apart = {
        name: largest(values - found[name]) / largest(values)
        for name, values in expected.items()
        if largest(values) > 0
    }
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
