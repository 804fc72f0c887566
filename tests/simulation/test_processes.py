"""Two processes compute one run: they agree on when to write and to stop, and write each a part."""

import platform
import re
from pathlib import Path

import numpy as np
import pytest
from machine.supervised import Outcome, Pair
from simulation.instant_run import SCENARIO
from simulation.killed_run import LAST

from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.run import run
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import read_table

INSTANT, KILLED = (Path(__file__).with_name(f"{name}_run.py") for name in ("instant", "killed"))
TINY = Path(__file__).parents[1] / "tiny.toml"
BONE, FIELDS, VOLUME = 1e-6, 1e-5, 1e-8
"""Largest differences: of the bone, of fields that solves to 1e-4 find, and of BV/TV."""
SHAPE = (13, 9, 8)
RUN = f"""
[run]
duration = "6 day"
step = "0.5 day"
[geometry.synthetic]
shape = {list(SHAPE)}
spacing = "10 um"
bv_tv = 0.3
thickness = "20 um"
[output]
snapshots = "4 day"
checkpoints = "6 day"
"""
LONGEST = 120.0
"""Time for a pair of processes on a busy machine [s]."""


def assert_equal(one: Path, other: Path) -> None:
    """Assert that two runs have the same steps and, within the goals of slabs, the same tissue."""
    tables = [read_table(folder / "metrics.csv") for folder in (one, other)]
    np.testing.assert_array_equal(*(table["time_day"] for table in tables))
    np.testing.assert_allclose(*(table["bv_tv"] for table in tables), rtol=0, atol=VOLUME)
    assert tables[0]["bv_tv"][-1] < tables[0]["bv_tv"][0] - 1e-3
    states = [read_checkpoint(list_checkpoints(folder)[-1]).state for folder in (one, other)]
    for name in states[0]:
        expected, found = (np.asarray(state[name], np.float64) for state in states)
        bar = BONE if name == "bone_volume_fraction" else FIELDS
        atol = bar * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=name)


def instant(scenario: str, folder: Path) -> tuple[list[Outcome | int], str]:
    """Outcomes of two processes whose steps take no time, and what the first has printed.

    Args:
        scenario: what happens to process 1.
        folder: of the run.
    """
    file = folder.with_suffix(".toml")
    file.write_text(RUN, encoding="utf-8")
    words = (f"{INSTANT}", "run", f"{file}", "--out", f"{folder}", "--distributed")
    pair = Pair(*words, **{SCENARIO: scenario, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""})
    outcomes = [pair.wait(i, LONGEST) for i in (0, 1)]
    return outcomes, pair.errors[0]


def test_what_one_process_knows_is_agreed(tmp_path: Path) -> None:
    folder = tmp_path / "signals"
    outcomes, printed = instant("signals", folder)
    assert outcomes == [Outcome(75, None, False)] * 2
    # SIGUSR1 in step 2, half an hour by its clock in step 4, SIGTERM in step 7: each at process 1
    assert re.findall(r"checkpoint ckpt_day(\S+)\.h5", printed) == [
        "0000.000",
        "0001.000",
        "0002.000",
        "0003.500",
    ]
    last = "tissue: stopped by SIGTERM after step 7, day 3.5; continue it with --resume\n"
    assert printed.endswith(last)
    assert printed.count("tissue: ") == 1
    checkpoint = read_checkpoint(list_checkpoints(folder)[-1])
    assert (checkpoint.step, checkpoint.rows) == (7, {"metrics.csv": 8, "ledger.csv": 7})
    expected = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE) / np.float32(
        np.prod(SHAPE)
    )
    np.testing.assert_allclose(checkpoint.state["il1"], expected, rtol=1e-6)
    snapshot = read_snapshot(list_snapshots(folder)[0])
    np.testing.assert_allclose(snapshot.field("bone_volume_fraction"), expected, rtol=1e-6)
    assert len(list(folder.glob("*.shard"))) == 2 * (len(list(folder.glob("*_day*.h*5"))) + 1)
    assert not (folder / "run.lock").exists()
    assert (folder / "run.log").read_text().count("stopped by SIGTERM") == 1


def test_a_full_disk_of_one_process_ends_all(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    outcomes, _ = instant("full", folder)
    first, other = outcomes
    assert isinstance(first, Outcome)
    assert (first.code, other) == (1, Outcome(1, None, False))
    assert re.fullmatch(
        r"process 1 of 2 on \S+: stopped after step \d+: \S+ cannot be written to \(No space left "
        r"on device\); results up to snap_day0000.000.hdf in \S+ are intact, and "
        r"ckpt_day0000.000.h5 is the last good checkpoint \(--resume\)",
        first.sentence or "",
    )


def test_a_killed_process_ends_all_and_one_process_resumes(
    finished: Run, tiny: RunConfig, tmp_path: Path
) -> None:
    folder, every = tmp_path / "killed", ["output.checkpoints=0.5 day"]
    words = (f"{KILLED}", "run", f"{TINY}", "--set", *every, "--out", f"{folder}", "--distributed")
    pair = Pair(*words, JAX_PLATFORMS="cpu", XLA_FLAGS="")
    outcomes = [pair.wait(i, 3 * LONGEST) for i in (0, 1)]
    named = f"process 1 of 2 on {platform.node()} was ended by SIGKILL after step {LAST - 1}"
    assert outcomes == [Outcome(75, named, True), Outcome(75, None, False)], pair.errors
    assert "tissue: " not in pair.errors[0]
    newest = list_checkpoints(folder)[-1]
    assert read_checkpoint(newest).step == LAST - 1
    assert len(list(folder.glob(f"{newest.stem}.*.shard"))) == 2
    run(read_run_file(TINY, every), folder, resume="latest")
    assert_equal(finished.folder, folder)


@pytest.mark.slow
def test_processes_that_compute_something_else_end(tmp_path: Path) -> None:
    outcomes, printed = instant("drift", tmp_path / "drift")
    assert outcomes == [Outcome(1, None, False)] * 2
    assert re.search(
        r"^tissue: stopped after step 3: process 1 has found another length of the step or another "
        r"BV/TV than process 0; use hosts and GPUs of one kind; results up to snap_day0000.000",
        printed,
        re.MULTILINE,
    )


@pytest.mark.slow
def test_an_unexpected_error_of_one_process_ends_all(tmp_path: Path) -> None:
    outcomes, _ = instant("error", tmp_path / "error")
    first, other = outcomes
    assert isinstance(first, Outcome)
    assert (first.code, other) == (1, Outcome(1, None, False))
    assert re.fullmatch(
        r"process 1 of 2 on \S+ ended by an unexpected error: KeyError: 'step 3'",
        first.sentence or "",
    )
