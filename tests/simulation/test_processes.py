"""Two processes compute one run: they agree on when to write and to stop, and write each a part."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from machine.supervised import PATHS, SUPERVISOR, Outcome, Pair, free_port
from simulation.compared_runs import assert_equal
from simulation.instant_run import KILLED_IN, SCENARIO, Instant, planes, spread_il1
from simulation.killed_run import LAST
from virtual_devices import xla_flags

from tissue.cli import main
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation import checkpoints, run_start
from tissue.simulation.run import run
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.snapshot import list_snapshots, read_snapshot

INSTANT, KILLED = (Path(__file__).with_name(f"{name}_run.py") for name in ("instant", "killed"))
TINY = Path(__file__).parents[1] / "tiny.toml"
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
LONGEST, MINUTES = 120.0, 1200.0
"""Times for a pair of processes on a busy machine [s]."""


def two(*words: str) -> list[subprocess.Popen[str]]:
    """Two processes of one command, as two users would start them by hand."""
    place = ("--coordinator", f"localhost:{free_port()}", "--processes", "2")
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tissue", *words, *place, "--process", f"{i}"],
            env=os.environ
            | {"PYTHONPATH": PATHS, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": xla_flags(1)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in (0, 1)
    ]


def ended(process: subprocess.Popen[str]) -> int:
    """Exit code of a process, whose pipes are closed."""
    process.communicate(timeout=MINUTES)
    return process.returncode


def test_bad_input_is_told_once(tmp_path: Path) -> None:
    words = (f"{TINY}", "--set", "run.step=0 day", "--out", f"{tmp_path / 'new'}")
    started = two("run", *words, "--distributed")
    told = [each.communicate(timeout=LONGEST) for each in started]
    assert [each.returncode for each in started] == [2, 2], told
    (printed, errors), other = told
    assert (printed, other) == ("", ("", ""))
    assert errors.startswith("tissue: run.step = '0 day'")
    assert errors.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_options_that_need_others_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, reason in (
        (["--process", "1"], "--process is for runs of several processes: add --distributed"),
        (["--distributed", "--process", "1"], "--coordinator and --processes must be given too"),
        (["--distributed", "--coordinator", "a:1", "--processes", "2", "--process", "2"], "0 to 1"),
        (
            ["--distributed", "--coordinator", "a", "--processes", "2", "--process", "1"],
            "HOST:PORT",
        ),
    ):
        assert main(["run", f"{TINY}", *words]) == 2
        errors = capsys.readouterr().err
        assert reason in errors
        assert errors.count("tissue: ") == 1


def instant(scenario: str, folder: Path, *more: str) -> tuple[list[Outcome | int], str]:
    """Outcomes of two processes whose steps take no time, and what the first has printed.

    Args:
        scenario: what happens to process 1.
        folder: of the run.
        more: options of the command.
    """
    file = folder.with_suffix(".toml")
    file.write_text(RUN, encoding="utf-8")
    words = (f"{INSTANT}", "run", f"{file}", "--out", f"{folder}", "--distributed", *more)
    pair = Pair(*words, **{SCENARIO: scenario, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": xla_flags(1)})
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
    np.testing.assert_allclose(checkpoint.state["il1"], spread_il1(SHAPE, 7), rtol=1e-6)
    snapshot = read_snapshot(list_snapshots(folder)[0])
    np.testing.assert_array_equal(snapshot.field("bone_volume_fraction"), planes(SHAPE))
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "killed"
    outcomes, printed = instant("killed", folder, "--set", "output.checkpoints=0.5 day")
    named = f"process 1 of 2 on {platform.node()} was ended by SIGKILL after step {KILLED_IN - 1}"
    assert outcomes == [Outcome(75, named, True), Outcome(75, None, False)], printed
    assert "tissue: " not in printed
    newest = list_checkpoints(folder)[-1]
    assert read_checkpoint(newest).step == KILLED_IN - 1
    assert len(list(folder.glob(f"{newest.stem}.*.shard"))) == 2
    for module in (run_start, checkpoints):
        monkeypatch.setattr(module, "Simulation", Instant)
    run(read_run_file(folder.with_suffix(".toml")), folder, resume="latest")
    found = read_checkpoint(list_checkpoints(folder)[-1])
    assert found.rows == {"metrics.csv": 13, "ledger.csv": 12}
    np.testing.assert_allclose(found.state["il1"], spread_il1(SHAPE, 12), rtol=1e-6)


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


@pytest.mark.slow
def test_one_process_may_be_all(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    file.write_text(RUN, encoding="utf-8")
    words = (f"{INSTANT}", "run", f"{file}", "--out", f"{tmp_path / 'one'}", "--distributed")
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, f"localhost:{free_port()}", "1", "0", *words],
        env=os.environ | {"PYTHONPATH": PATHS, "JAX_PLATFORMS": "cpu", SCENARIO: "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [0, None, False], done.stderr
    assert len(list_snapshots(tmp_path / "one")) == 3
    assert not list((tmp_path / "one").glob("*.shard"))


@pytest.mark.slow
def test_the_shrew_goes_from_two_processes_to_two_and_to_one(tmp_path: Path) -> None:
    changes = [
        *("run.duration=1.5 day", "run.step=0.25 day", "output.snapshots=0.5 day"),
        *("output.checkpoints=0.25 day", "output.morphometry=false"),
        *("geometry.resample=16.4 um", "load.mechanics=fe"),  # 28^3 voxels
    ]
    config = read_run_file(examples()["shrew"], changes)
    folder, whole = tmp_path / "parts", tmp_path / "whole"
    command = ["run", "shrew", "--out", f"{folder}", "--distributed", "--progress", "json"]
    for change in changes:
        command += ["--set", change]
    pair = Pair(f"{KILLED}", *command, JAX_PLATFORMS="cpu", XLA_FLAGS=xla_flags(1))
    outcomes = [pair.wait(i, MINUTES) for i in (0, 1)]
    assert [each.code for each in outcomes if isinstance(each, Outcome)] == [75, 75]
    assert read_checkpoint(list_checkpoints(folder)[-1]).step == LAST - 1
    supervisors = two(*command, "--resume")
    assert supervisors[0].stdout
    for line in supervisors[0].stdout:
        if json.loads(line)["event"] == "first_step":
            supervisors[1].send_signal(signal.SIGTERM)
    assert [ended(each) for each in supervisors] == [75, 75]
    done = read_checkpoint(list_checkpoints(folder)[-1]).step
    assert LAST - 1 <= done < 6
    run(config, folder, resume="latest")
    run(config, whole)
    # two solutions to 1e-4 of the fields: on 57^3 voxels precursors differed by 4.7e-5
    assert_equal(whole, folder, fields=1e-4)
