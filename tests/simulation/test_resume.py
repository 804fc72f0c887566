"""A run that is left and taken up again is the run that was never left."""

import os
import shutil
import signal
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import InputError, RunError, RunStopped
from tissue.model import step
from tissue.scenario.config import RunConfig, parse_run
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.simulation import Record
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run
from tissue.storage.snapshot import read_snapshot

TINY = Path(__file__).parents[1] / "tiny.toml"
ILL = {
    "disease": {"il1_excess": "3 pM", "estrogen": {}},
    "therapy": [
        {"drug": "anakinra", "dose": "10 mg/kg", "every": "1 day", "start": "0.5 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"},
    ],
    "output": {"snapshots": "1 day", "checkpoints": "0.5 day", "keep_every": 1},
}


def ill(preset: str = "mouse", precision: str = "float32", **tables: Any) -> RunConfig:
    data = tomllib.loads(TINY.read_text(encoding="utf-8"))
    data["run"] |= {"preset": preset, "precision": precision, "duration": "3 day"}
    return parse_run(data | ILL | tables, TINY.parent, "ill")


def same(one: Path, other: Path) -> None:
    """Two finished runs are the same, bit for bit."""
    for name in ("metrics.csv", "ledger.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    mine, theirs = (read_checkpoint(list_checkpoints(folder)[-1]) for folder in (one, other))
    assert mine.clock == theirs.clock
    for group in ("state", "healthy"):
        for name, values in getattr(mine, group).items():
            np.testing.assert_array_equal(values, getattr(theirs, group)[name], err_msg=name)


def left_at(source: Path, folder: Path, number: int) -> Path:
    """A copy of a run as it was when its checkpoint of that number was the last."""
    shutil.copytree(source, folder)
    for later in list_checkpoints(folder)[number + 1 :]:
        later.unlink()
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(ill(), tmp_path_factory.mktemp("whole"))


def test_a_resumed_run_is_the_same_bit_for_bit(whole: Run, tmp_path: Path) -> None:
    assert len(list_checkpoints(whole.folder)) == 6
    for number in (0, 3):
        folder = left_at(whole.folder, tmp_path / str(number), number)
        with (folder / "metrics.csv").open("a") as table:
            table.write("9,9,9")  # a row that the crash cut short
        (folder / "ckpt_0000000009.h5.tmp").write_bytes(b"half")
        run(ill(), folder, resume="latest")
        same(whole.folder, folder)
        assert not list(folder.glob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["mouse", "human"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("steps", [{}, {"step": "adaptive"}])
def test_resuming_is_exact_for_every_kind_of_run(
    preset: str, precision: str, steps: dict[str, str], tmp_path: Path
) -> None:
    data = tomllib.loads(TINY.read_text(encoding="utf-8"))
    data["run"] |= {"preset": preset, "precision": precision, "duration": "3 day"} | steps
    config = parse_run(data | ILL, TINY.parent, "ill")
    made = run(config, tmp_path / "whole")
    folder = left_at(made.folder, tmp_path / "left", 1)
    run(config, folder, resume="latest")
    same(made.folder, folder)


@pytest.mark.slow
def test_resuming_is_exact_in_a_periodic_box(tmp_path: Path) -> None:
    config = ill(boundary={"periodic": ["z", "x"]})
    made = run(config, tmp_path / "whole")
    folder = left_at(made.folder, tmp_path / "left", 1)
    run(config, folder, resume="latest")
    same(made.folder, folder)


def test_a_damaged_checkpoint_is_passed_over(
    whole: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = left_at(whole.folder, tmp_path / "run", 4)
    newest = list_checkpoints(folder)[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0xFF
    newest.write_bytes(content)
    with caplog.at_level("WARNING"):
        run(ill(), folder, resume="latest")
    assert "passed over" in caplog.text
    same(whole.folder, folder)


def test_a_checkpoint_is_found_by_step_and_by_path(whole: Run, tmp_path: Path) -> None:
    third = list_checkpoints(whole.folder)[2]
    for number, wanted in enumerate((str(read_checkpoint(third).step), str(third))):
        folder = tmp_path / str(number)
        shutil.copytree(whole.folder, folder)
        run(ill(), folder, resume=wanted)
        same(whole.folder, folder)
    with pytest.raises(InputError, match=r"no checkpoint of step 77; there are those of steps 1, "):
        run(ill(), whole.folder, resume="77")


def test_a_finished_run_can_be_extended(whole: Run, tmp_path: Path) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(whole.folder, folder)
    longer = replace(ill(), duration=4.0)
    with pytest.raises(InputError, match=r"the run is finished: .* give a longer duration"):
        run(ill(), folder, resume="latest")
    times = run(longer, folder, resume="latest").metrics["time_day"]
    np.testing.assert_allclose(times, np.arange(0, 4.1, 0.5))


def test_another_run_file_is_refused_by_its_keys(whole: Run) -> None:
    other = ill(disease={"il1_excess": "5 pM", "estrogen": {}})
    message = r"differs in disease.il1_excess \(\"3 pM\" there, \"5 pM\" here\); use the same file"
    with pytest.raises(InputError, match=message):
        run(other, whole.folder, resume="latest")
    with pytest.raises(InputError, match=r"differs in parameters.a_R \(3 there, 4 here\)"):
        run(ill(parameters={"a_R": 4}), whole.folder, resume="latest")


def test_a_branch_without_changes_is_the_parent(whole: Run, tmp_path: Path) -> None:
    parent = read_checkpoint(list_checkpoints(whole.folder)[1])
    later = [
        {"drug": "anakinra", "dose": "10 mg/kg", "every": "1 day", "start": "1.5 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"},
    ]
    branch = run(ill(therapy=later), tmp_path / "branch", parent=parent)
    assert branch.metrics["time_day"][0] == 1.5
    # the branch begins with a damped step: what acts may have changed
    np.testing.assert_allclose(branch.metrics["bv_tv"][-1], whole.metrics["bv_tv"][-1], rtol=1e-4)
    origin = read_checkpoint(list_checkpoints(branch.folder)[-1]).provenance
    assert origin["parent"] == str(parent.path)
    assert origin["parent_time"] == "1 day"


def test_a_branch_takes_another_course(whole: Run, tmp_path: Path) -> None:
    parent = read_checkpoint(list_checkpoints(whole.folder)[1])
    worse = ill(disease={"il1_excess": "30 pM"}, therapy=[])
    branch = run(worse, tmp_path / "worse", parent=parent)
    assert branch.metrics["bv_tv"][-1] < whole.metrics["bv_tv"][-1]
    assert branch.metrics["il1ra_drug_pM"][0] > 0  # what was given before is still there
    early = ill(therapy=[{"drug": "denosumab", "dose": "1 mg/kg", "start": "0.5 day"}])
    with pytest.raises(InputError, match="before the branch at 1 day"):
        run(early, tmp_path / "early", parent=parent)
    with pytest.raises(InputError, match=r"differs in parameters.a_R"):
        run(ill(parameters={"a_R": 4}), tmp_path / "other", parent=parent)
    with pytest.raises(InputError, match=r"differs in boundary.periodic \(absent there, \[\"z\"\]"):
        run(ill(boundary={"periodic": ["z"]}), tmp_path / "other", parent=parent)


def test_a_branch_by_the_command(whole: Run, tmp_path: Path, capfd: Any) -> None:
    out, change = tmp_path / "out", "disease.il1_excess=30 pM"
    text = (whole.folder / "run.toml").read_text(encoding="utf-8")
    file = tmp_path / "worse.toml"
    file.write_text(text.partition("[[therapy]]")[0], encoding="utf-8")
    words = ["branch", str(whole.folder), str(file), "--quiet"]
    given = [*words, "--out", str(out), "--set", change]
    assert main([*given, "--at", "1 day"]) == 0
    assert main([*given, "--at", "1.2 day"]) == 2
    assert "no checkpoint of day 1.2; there are those of days 0.5, 1, 1.5" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_a_run_that_can_be_resumed(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, whole: Run, tmp_path: Path
) -> None:
    # a test run in the background hands down an ignored SIGINT
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)

    def at_step_three(record: Record) -> None:
        if record.metrics["time_day"] == 1.5:
            os.kill(os.getpid(), number)

    with pytest.raises(RunStopped, match=f"stopped by {number.name} after step 3, day 1.5"):
        run(ill(), tmp_path, watch=at_step_three)
    run(ill(), tmp_path, resume="latest")
    same(whole.folder, tmp_path)


def test_usr1_writes_a_checkpoint_and_goes_on(tmp_path: Path) -> None:
    def ask(record: Record) -> None:
        if record.metrics["time_day"] == 1.0:
            os.kill(os.getpid(), signal.SIGUSR1)

    rarely = ill(output={"snapshots": "3 day", "keep_every": 1, "checkpoints": "3 day"})
    made = run(rarely, tmp_path, watch=ask)
    assert made.metrics["time_day"][-1] == 3
    steps = [read_checkpoint(path).step for path in list_checkpoints(tmp_path)]
    assert steps == [3, 6]


def test_the_clock_on_the_wall_makes_checkpoints(tmp_path: Path) -> None:
    often = ill(output={"snapshots": "3 day", "checkpoint_every_wall": "0.000001 s"})
    run(often, tmp_path)
    assert [read_checkpoint(p).step for p in list_checkpoints(tmp_path)] == [5, 6]  # the last two


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    refused: list[str] = []

    def second(record: Record) -> None:
        with pytest.raises(InputError, match="another run is writing to") as error:
            run(ill(), tmp_path, overwrite=True)
        refused.append(str(error.value))

    run(ill(), tmp_path, watch=second)
    assert len(refused) == 6


def test_a_bad_state_is_set_aside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    advance, calls = step.advance, iter(range(1, 100))

    def spoilt(*arguments: Any) -> Any:
        state, account = advance(*arguments)
        if next(calls) == 3:
            state = replace(state, rankl=state.rankl.at[1, 2, 3].set(np.nan))
        return state, account

    monkeypatch.setattr(simulating, "advance", spoilt)
    with pytest.raises(RunError, match=r"ckpt_0000000002.h5 is the last good checkpoint"):
        run(ill(), tmp_path)
    bad = read_checkpoint(tmp_path / "failed_0000000003.h5")
    assert np.isnan(bad.state["rankl"][1, 2, 3])
    monkeypatch.undo()
    made = run(ill(), tmp_path, resume="latest")
    assert made.metrics["time_day"][-1] == 3


FOREIGN: dict[str, Callable[[Path], object]] = {
    "absent": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("hello"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_no_checkpoint_is_refused(kind: str, whole: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    FOREIGN[kind](path)
    with pytest.raises(InputError, match=r"x\.h5 (does not exist|is truncated, damaged)"):
        run(ill(), whole.folder, resume=str(path))


def test_a_snapshot_is_no_checkpoint(whole: Run) -> None:
    with pytest.raises(InputError, match="is HDF5 but no checkpoint"):
        run(ill(), whole.folder, resume=str(whole.snapshots[0]))
    assert read_snapshot(whole.snapshots[0]).time == 0
