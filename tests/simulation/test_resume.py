"""A run that is left and taken up again is the run that was never left."""

import os
import re
import shutil
import signal
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import InputError, RunError, RunStopped
from tissue.model import step
from tissue.scenario.config import RunConfig, parse_run, read_run_file
from tissue.simulation import beginning
from tissue.simulation import run as running
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.signal_handling import SignalHandler
from tissue.simulation.simulation import Record, Simulation
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.index import indices_are_current, write_index
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import rows_of

TINY = Path(__file__).parents[1] / "tiny.toml"
ILL: dict[str, Any] = {
    "disease": {"il1_excess": "3 pM", "estrogen": {}},
    "therapy": [
        {"drug": "anakinra", "dose": "10 mg/kg", "every": "1 day", "start": "0.5 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"},
    ],
    "output": {"snapshots": "1 day", "checkpoints": "0.5 day", "keep_every": 1},
}


def ill(
    preset: str = "mouse", precision: str = "float32", duration: str = "3 day", **tables: Any
) -> RunConfig:
    data = tomllib.loads(TINY.read_text(encoding="utf-8"))
    data["run"] |= {"preset": preset, "precision": precision, "duration": duration}
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
    assert len(list_checkpoints(whole.folder)) == 7
    for number in (0, 1, 4):
        folder = left_at(whole.folder, tmp_path / str(number), number)
        with (folder / "metrics.csv").open("a") as table:
            table.write("9,9,9")  # a row that the crash cut short
        (folder / "ckpt_day0009.000.h5.tmp").write_bytes(b"half")
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


def test_a_checkpoint_is_found_by_time_and_by_path(whole: Run, tmp_path: Path) -> None:
    third = list_checkpoints(whole.folder)[2]
    for number, wanted in enumerate(("1 day", "24 h", str(third))):
        folder = tmp_path / str(number)
        shutil.copytree(whole.folder, folder)
        run(ill(), folder, resume=wanted)
        same(whole.folder, folder)
    with pytest.raises(InputError, match=r"no checkpoint of day 7; there are those of days 0, 0.5"):
        run(ill(), whole.folder, resume="7 day")
    with pytest.raises(InputError, match=r"--resume '4': give latest, a time such as '7 day'"):
        run(ill(), whole.folder, resume="4")


def test_a_finished_run_can_be_extended(whole: Run, tmp_path: Path) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(whole.folder, folder)
    times = run(replace(ill(), duration=4.0), folder, resume="latest").metrics["time_day"]
    np.testing.assert_allclose(times, np.arange(0, 4.1, 0.5))
    with pytest.raises(InputError, match=r"is of day 4, after the end of the run at .* 3 day"):
        run(ill(), folder, resume="latest")
    run(ill(), folder, resume="3 day")
    same(whole.folder, folder)


def test_resuming_what_has_not_begun_starts_it(whole: Run, tmp_path: Path) -> None:
    for left in ((), ("run.toml",), ("run.toml", "run.log", "metrics.csv", "snap_day0000.000.hdf")):
        folder = tmp_path / f"{len(left)}"
        folder.mkdir()
        for name in left:
            shutil.copy(whole.folder / name, folder)
        if (folder / "metrics.csv").exists():
            lines = (folder / "metrics.csv").read_text().splitlines(keepends=True)
            (folder / "metrics.csv").write_text("".join(lines[:2]))
        run(ill(), folder, resume="latest")
        same(whole.folder, folder)


def test_results_without_a_checkpoint_are_not_started_anew(whole: Run, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    shutil.copytree(whole.folder, folder)
    for path in list_checkpoints(folder):
        path.unlink()
    before = contents(folder)
    with pytest.raises(InputError, match=r"holds results \(4 snapshots, 7 rows .*--overwrite"):
        run(ill(), folder, resume="latest")
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder and below."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


LAST = ("run.hdf", "run.xmf", "run.hdf.series", "run.toml")


@pytest.mark.parametrize("lost", [*((name,) for name in LAST), LAST, ("run.hdf, an old one",)])
def test_a_finished_run_is_completed_and_else_left_alone(
    whole: Run, tmp_path: Path, lost: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Simulation, "advance", None)
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    run(ill(), folder, resume="latest")  # run.toml speaks of its folder
    before = contents(folder)
    for name in lost:
        (folder / name.partition(",")[0]).unlink()
    if "run.hdf, an old one" in lost:
        write_index(folder, [read_snapshot(path) for path in list_snapshots(folder)[:2]])
    for _ in range(2):
        run(ill(), folder, resume="latest")
        after = contents(folder)
        assert indices_are_current(folder)
        assert after.keys() == before.keys()
        changed = {name for name, content in after.items() if content != before[name]}
        # HDF5 notes when an index was made
        assert changed <= {"run.log", "run.hdf"}
        before = after
    assert after["run.log"].count(b"the run is finished: ") == 3


def test_a_finished_run_gets_its_picture_and_measures(whole: Run, tmp_path: Path) -> None:
    folder, file = tmp_path / "run", tmp_path / "own.toml"
    shutil.copytree(whole.folder, folder)
    text = (whole.folder / "run.toml").read_text(encoding="utf-8")
    file.write_text(re.sub("morphometry = false", "morphometry = true", text), encoding="utf-8")
    assert main(["run", str(file), "--out", str(folder), "--resume", "--quiet"]) == 0
    assert (folder / "summary.png").stat().st_size > 10_000
    assert rows_of(folder / "morphometry.csv") == 4


def test_going_back_sets_aside_what_is_later(whole: Run, tmp_path: Path) -> None:
    """Snapshots at other times than before do not mix with those of the first course."""
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    before = contents(folder)
    other = ill(output=ILL["output"] | {"snapshots": "0.75 day"})
    back = run(other, folder, resume="1 day")
    assert list(back.times) == [0, 1, 1.5, 2.25, 3]
    aside = folder / "superseded_1"
    kept = contents(aside)
    assert kept.keys() == {
        *("metrics.csv", "ledger.csv", "snap_day0002.000.hdf", "snap_day0003.000.hdf"),
        *(f"ckpt_day000{t:.3f}.h5" for t in (1.5, 2, 2.5, 3)),
    }
    assert all(before[name] == content for name, content in kept.items())
    assert "superseded_1 now, which may be deleted" in (folder / "run.log").read_text()
    run(ill(), folder, resume="1 day")
    same(whole.folder, folder)
    assert (folder / "superseded_2").is_dir()
    (aside / "mine.txt").touch()
    run(ill(), folder, overwrite=True)
    assert [path.name for path in folder.glob("superseded_*/*")] == ["mine.txt"]


@pytest.mark.parametrize("moves", range(1, 8))
def test_going_back_may_be_interrupted_anywhere(
    whole: Run, tmp_path: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any number of moves the newest checkpoint that is left leads to the same end."""
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    rename, calls = Path.rename, iter(range(1, 100))

    def killed(path: Path, target: Path) -> Path:
        if next(calls) == moves:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            run(ill(), folder, resume="0.5 day")
    run(ill(), folder, resume="latest")
    same(whole.folder, folder)
    assert list(open_run(folder).times) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["metrics.csv", "ledger.csv"])
def test_a_table_without_the_rows_of_a_checkpoint_is_refused(
    whole: Run, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    lines = (folder / name).read_text().splitlines(keepends=True)
    (folder / name).write_text("".join(lines[:4]))
    before = contents(folder)
    with pytest.raises(InputError, match=rf"{name} holds 3 and not the [67] rows that .*ckpt_day"):
        run(replace(ill(), duration=4.0), folder, resume="latest")
    assert contents(folder) == before
    run(ill(), folder, resume="1 day")  # as the message proposes
    same(whole.folder, folder)


def test_another_run_file_is_refused_by_its_keys(whole: Run) -> None:
    other = ill(disease={"il1_excess": "5 pM", "estrogen": {}})
    message = r"differs in disease.il1_excess \(\"3 pM\" there, \"5 pM\" here\); use the same file"
    with pytest.raises(InputError, match=message):
        run(other, whole.folder, resume="latest")
    with pytest.raises(InputError, match=r"differs in parameters.a_R \(3 there, 4 here\)"):
        run(ill(parameters={"a_R": 4}), whole.folder, resume="latest")


def test_a_branch_without_changes_is_the_parent(whole: Run, tmp_path: Path) -> None:
    parent = read_checkpoint(list_checkpoints(whole.folder)[2])
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
    parent = read_checkpoint(list_checkpoints(whole.folder)[2])
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
    assert "no checkpoint of day 1.2; there are those of days 0, 0.5, 1" in capfd.readouterr().err


@pytest.mark.parametrize("own", [False, True], ids=["the file it was made with", "its run.toml"])
def test_a_branch_is_resumed(whole: Run, tmp_path: Path, own: bool) -> None:
    parent = read_checkpoint(list_checkpoints(whole.folder)[2])
    worse = ill(therapy=[{"drug": "denosumab", "dose": "1 mg/kg", "start": "2 day"}])
    branch = run(worse, tmp_path / "out", parent=parent, resume="latest")
    again = run(worse, branch.folder, parent=parent, resume="latest")
    assert again.metrics["il1ra_drug_pM"][0] > 0  # what was given before is still there
    for number in (0, 2):
        folder = left_at(branch.folder, tmp_path / f"{number}", number)
        run(read_run_file(folder / "run.toml") if own else worse, folder, resume="latest")
        same(branch.folder, folder)
    with pytest.raises(InputError, match=r"differs in therapy\[2\]"):
        run(ill(therapy=[]), branch.folder, resume="latest")


def test_a_bisphosphonate_given_at_the_moment_of_a_branch_is_given_once(
    whole: Run, tmp_path: Path
) -> None:
    parent = read_checkpoint(list_checkpoints(whole.folder)[3])
    assert parent.time == 1.5
    same_dose = {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"}
    for number, therapy in enumerate(([], [same_dose])):
        branch = run(ill(therapy=therapy), tmp_path / f"{number}", parent=parent)
        first = read_checkpoint(list_checkpoints(branch.folder)[0])
        np.testing.assert_array_equal(first.state["bisphosphonate"], parent.state["bisphosphonate"])
        again = left_at(branch.folder, tmp_path / f"again {number}", 1)
        run(ill(therapy=therapy), again, resume="latest")
        same(branch.folder, again)
    with pytest.raises(InputError, match=r"gives 0.2 mg/kg of zoledronate at 1.5 day, where the"):
        run(ill(therapy=[same_dose | {"dose": "0.2 mg/kg"}]), tmp_path / "more", parent=parent)
    untreated = run(ill(therapy=[]), tmp_path / "untreated")
    free = read_checkpoint(list_checkpoints(untreated.folder)[3])
    treated = run(ill(therapy=[same_dose]), tmp_path / "treated", parent=free)
    start = read_checkpoint(list_checkpoints(treated.folder)[0])
    assert np.max(start.state["bisphosphonate"]) > 0
    assert np.max(free.state["bisphosphonate"]) == 0


def test_a_branch_is_resumed_without_its_parent_and_not_as_another(
    whole: Run, tmp_path: Path, capfd: Any
) -> None:
    folder, parent = tmp_path / "branch", tmp_path / "parent"
    shutil.copytree(whole.folder, parent)
    file = tmp_path / "other.toml"
    text = (parent / "run.toml").read_text(encoding="utf-8")
    file.write_text(text.partition("[[therapy]]")[0], encoding="utf-8")
    words = ["branch", str(parent), str(file), "--out", str(folder), "--resume", "--quiet", "--at"]
    assert main([*words, "1 day"]) == 0
    shutil.rmtree(parent)
    assert main([*words, "1 day"]) == 0
    assert main([*words, "1.5 day"]) == 2
    assert "holds a branch of day 1 and no branch of day 1.5; choose" in capfd.readouterr().err
    shutil.copytree(whole.folder, parent)
    words[4] = str(parent)
    assert main([*words, "1 day"]) == 2
    assert "holds a run and no branch of day 1; choose" in capfd.readouterr().err


def test_other_fields_from_some_day_on_are_left_out_of_the_index(
    whole: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = left_at(whole.folder, tmp_path / "run", 2)
    few = ill(output=ILL["output"] | {"fields": ["bone_volume_fraction", "il1"]})
    with caplog.at_level("WARNING"):
        run(few, folder, resume="latest")
    assert "run.hdf leaves out what not all snapshots have: " in caplog.text
    with h5py.File(folder / "run.hdf") as index:
        assert set(index["VTKHDF/PointData"]) == {"bone_volume_fraction", "il1"}


def test_a_damaged_snapshot_does_not_keep_a_run_from_going_on(
    whole: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = left_at(whole.folder, tmp_path / "run", 4)
    (folder / "snap_day0001.000.hdf").write_bytes(b"half")
    for _ in range(2):
        with caplog.at_level("WARNING"):
            run(ill(), folder, resume="latest")
        same(whole.folder, folder)
    assert "left out of run.hdf: " in caplog.text
    with h5py.File(folder / "run.hdf") as index:
        assert list(index["time"]) == [0, 2, 3]


def test_morphometry_goes_back_with_the_run(whole: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    text = "time_day,bv_tv\n0,0.3\n1,0.2\n2,0.1\n"
    (folder / "morphometry.csv").write_text(text)
    run(ill(), folder, resume="1 day")
    assert (folder / "morphometry.csv").read_text() == "time_day,bv_tv\n0,0.3\n1,0.2\n"
    assert (folder / "superseded_1" / "morphometry.csv").read_text() == text


def test_a_run_that_is_cut_short_says_so_in_its_run_file(whole: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(whole.folder, folder)
    run(ill(duration="2 day"), folder, resume="2 day")
    assert read_run_file(folder / "run.toml").duration == 2
    assert list(open_run(folder).times) == [0, 1, 2]


def test_checkpoints_at_multiples_that_a_step_crosses_are_kept(tmp_path: Path) -> None:
    often = ill(output={"snapshots": "3 day", "checkpoints": "0.2 day", "keep_every": 3})
    run(often, tmp_path)
    times = [read_checkpoint(path).time for path in list_checkpoints(tmp_path)]
    assert times == [0, 1, 1.5, 2, 2.5, 3]


def test_a_branch_does_not_replace_its_parent(whole: Run, capfd: Any) -> None:
    file, folder = str(whole.folder / "run.toml"), str(whole.folder)
    words = ["branch", folder, file, "--at", "1 day", "--out", folder, "--overwrite", "--quiet"]
    before = contents(whole.folder)
    assert main([*words, "--set", "disease.il1_excess=9 pM"]) == 2
    assert "the run reads" in capfd.readouterr().err
    assert contents(whole.folder) == before


STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture
def heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test run in the background hands down ignored signals."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_a_run_that_can_be_resumed(
    number: signal.Signals, whole: Run, tmp_path: Path
) -> None:
    def at_step_three(record: Record) -> None:
        if record.metrics["time_day"] == 1.5:
            os.kill(os.getpid(), number)

    with pytest.raises(RunStopped, match=f"stopped by {number.name} after step 3, day 1.5"):
        run(ill(), tmp_path, watch=at_step_three)
    assert read_checkpoint(list_checkpoints(tmp_path)[-1]).step == 3
    run(ill(), tmp_path, resume="latest")
    same(whole.folder, tmp_path)


PHASES: dict[str, tuple[object, str, str]] = {
    "image": (beginning, "load_geometry", "before the first step: nothing was written"),
    "healthy set-up": (simulating, "healthy_state", "before the first step: nothing was written"),
    "clearing": (running, "clear_folder", "after step 0, day 0"),
    "first step": (simulating, "advance", "in its first step"),
    "indices": (running, "write_indices", ""),
}


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", [*STOPS, signal.SIGUSR1])
@pytest.mark.parametrize("phase", PHASES)
def test_a_signal_at_any_moment_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, phase: str, number: signal.Signals, whole: Run, tmp_path: Path
) -> None:
    module, name, told = PHASES[phase]
    function = getattr(module, name)

    def signaled(*given: Any, **more: Any) -> Any:
        try:
            os.kill(os.getpid(), number)
        except Exception:  # as code does that takes the failures of others for bad input
            raise AssertionError from None
        return function(*given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, signaled)
        if told and number != signal.SIGUSR1:
            with pytest.raises(RunStopped, match=f"stopped by {number.name} {told}.*--resume"):
                run(ill(), tmp_path)
        else:
            run(ill(), tmp_path)
    if "nothing" in told and number != signal.SIGUSR1:
        assert list(tmp_path.iterdir()) == []
    run(ill(), tmp_path, resume="latest")
    same(whole.folder, tmp_path)


@pytest.mark.usefixtures("heeded")
def test_signals_are_told_and_handlers_put_back(tmp_path: Path) -> None:
    every = (*STOPS, signal.SIGUSR1)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in every}
    try:
        for _ in range(2):
            with SignalHandler() as signals:
                os.kill(os.getpid(), signal.SIGUSR1)
                os.kill(os.getpid(), signal.SIGTERM)
                assert signals.take_received() == ["SIGUSR1", "SIGTERM"]
                assert signals.take_received() == []
                assert (signals.stop, signals.checkpoint_requested) == (signal.SIGTERM, True)
                os.kill(os.getpid(), signal.SIGTERM)  # a second one is heeded as the first
                with pytest.raises(RunStopped, match="SIGTERM here"), signals.raising_on_stop("here"):
                    raise AssertionError("not reached")
                os.kill(os.getpid(), signal.SIGINT)  # one is not yet a second one
                with pytest.raises(KeyboardInterrupt):
                    os.kill(os.getpid(), signal.SIGINT)
                assert signals.stop == signal.SIGTERM
            assert signal.signal(signal.SIGTERM, signal.SIG_DFL) == signal.SIG_DFL
        with SignalHandler(ends_program=True):
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # nothing is left to stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", STOPS)
def test_a_stop_that_a_callback_swallows_comes_again(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    class Collected:
        def __del__(self) -> None:
            os.kill(os.getpid(), number)
            time.sleep(0)  # Python raises here, where nobody can take it up

    def start() -> None:
        waste: Any = Collected()
        del waste
        time.sleep(20)

    with SignalHandler() as signals, pytest.raises(RunStopped), signals.raising_on_stop("here"):
        start()
    assert signals.take_received() == [number.name]
    assert capfd.readouterr().err == ""


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalHandler() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.stop is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_usr1_writes_a_checkpoint_and_goes_on(tmp_path: Path) -> None:
    def ask(record: Record) -> None:
        if record.metrics["time_day"] == 1.0:
            os.kill(os.getpid(), signal.SIGUSR1)

    rarely = ill(output={"snapshots": "3 day", "keep_every": 1, "checkpoints": "3 day"})
    made = run(rarely, tmp_path, watch=ask)
    assert made.metrics["time_day"][-1] == 3
    steps = [read_checkpoint(path).step for path in list_checkpoints(tmp_path)]
    assert steps == [0, 3, 6]


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
        state, diagnostics = advance(*arguments)
        if next(calls) >= 3:
            state = replace(state, rankl=state.rankl.at[1, 2, 3].set(np.nan))
        return state, diagnostics

    monkeypatch.setattr(simulating, "advance", spoilt)
    with pytest.raises(RunError, match=r"ckpt_day0001.000.h5 is the last good checkpoint"):
        run(ill(), tmp_path)
    bad = read_checkpoint(tmp_path / "failed_day0001.000.h5")
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
