"""A run that has to stop says why, and everything it wrote before is whole."""

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jax.errors import JaxRuntimeError

from tissue.analysis.series import measured_run
from tissue.cli import main
from tissue.errors import InputError, RunError
from tissue.model import step
from tissue.model.state import State
from tissue.scenario.config import RunConfig
from tissue.simulation import output, run_start
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.simulation.state_checks import FAILURES_REPORTED, warn_of_failure, warn_of_failures
from tissue.simulation.step_size import ControllerState, TimeStep
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.index import write_indices
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import list_snapshots, read_snapshot, write_snapshot

TINY = Path(__file__).parents[1] / "tiny.toml"
VOXEL = (1, 2, 3)
STEP = 3


def put(name: str, value: float) -> Callable[[State], State]:
    """A change of one voxel of a field."""

    def changed(state: State) -> State:
        field = state.fields[name].at[VOXEL].set(value)
        return State.of_fields({**state.fields, name: field})

    return changed


def shrink(state: State) -> State:
    return replace(state, bone_volume_fraction=0.99 * state.bone_volume_fraction)


def spoil(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[State], State], times: int = 100
) -> None:
    """Changes what step STEP computes, as often as it is tried up to a number of times."""
    advance = step.advance
    calls = iter(range(1, 1000))

    def spoilt(*arguments: Any) -> Any:
        state, diagnostics = advance(*arguments)
        return (change(state) if STEP <= next(calls) < STEP + times else state), diagnostics

    monkeypatch.setattr(simulating, "advance", spoilt)


FAILURES = [
    (put("rankl", np.nan), r"rankl is nan in voxel \[1, 2, 3\] \(1 of 512 voxels wrong\)"),
    (put("il1", np.inf), r"il1 is inf in voxel \[1, 2, 3\]"),
    (put("osteoclasts", -1.0), r"osteoclasts is -1 in voxel \[1, 2, 3\]"),
    (put("bone_volume_fraction", 1.5), r"bone_volume_fraction is 1.5 in voxel \[1, 2, 3\]"),
    (shrink, r"the bone budget does not close: relative residual .* > 1e-05"),
]


@pytest.mark.parametrize(
    ("change", "message"), FAILURES, ids=["nan", "inf", "negative", "more than full", "budget"]
)
def test_the_message_names_what_is_wrong_and_what_is_safe(
    monkeypatch: pytest.MonkeyPatch,
    tiny: RunConfig,
    finished: Run,
    tmp_path: Path,
    change: Callable[[State], State],
    message: str,
) -> None:
    spoil(monkeypatch, change)
    pattern = f"stopped in step 3: {message}.*up to snap_day0001.000.hdf in .* are whole"
    with pytest.raises(RunError, match=pattern) as raised:
        run(tiny, tmp_path)
    assert "\n" not in str(raised.value)
    left = open_run(tmp_path)
    assert len(left.metrics["time_day"]) == STEP
    for name, column in left.metrics.items():
        np.testing.assert_array_equal(column, finished.metrics[name][:STEP])
    for name, column in left.ledger.items():
        np.testing.assert_array_equal(column, finished.ledger[name][: STEP - 1])
    assert [path.name for path in left.snapshots] == [
        "snap_day0000.000.hdf",
        "snap_day0001.000.hdf",
    ]
    for name in tiny.output.fields:
        np.testing.assert_array_equal(left.field(name), finished.field(name, 1))
    assert not list(tmp_path.glob("*.tmp"))


def test_a_failed_step_is_not_taken(monkeypatch: pytest.MonkeyPatch, tiny: RunConfig) -> None:
    spoil(monkeypatch, put("rankl", np.nan))
    simulation = Simulation(tiny)
    simulation.advance()
    simulation.advance()
    before = simulation.state
    with pytest.raises(RunError, match="step 3"):
        simulation.advance()
    assert simulation.step == 2
    assert simulation.state is before
    assert not simulation.controller_state.retrying
    monkeypatch.setattr(simulating, "advance", step.advance)
    simulation.advance()
    assert jnp.isfinite(simulation.state.solutes["rankl"]).all()


def test_a_failed_step_is_taken_in_shorter_ones(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    spoil(monkeypatch, put("rankl", np.nan), times=2)
    done = run(tiny, tmp_path)
    times, lengths = done.metrics["time_day"], done.metrics["step_day"][1:]
    np.testing.assert_allclose(np.diff(times), lengths, rtol=1e-6)
    assert (list(times[:3]), list(times[-2:])) == ([0, 0.5, 1], [1.5, 2])
    short = lengths[2:-1]
    assert short[0] == 0.5 / 16, "0.5 and 0.125 day failed"
    assert len(short) == 5
    assert (short[1:] >= short[:-1]).all()
    assert (short[1:] <= (2 + 1e-6) * short[:-1]).all()
    assert [snapshot.time for snapshot in map(read_snapshot, done.snapshots)] == [0, 1, 2]
    change, wanted = (r.metrics["bv_tv_change_percent"][-1] for r in (done, finished))
    assert change == pytest.approx(wanted, rel=0.05)
    told = (tmp_path / "run.log").read_text()
    assert "step 3 of 0.5 day from day 1 failed: rankl is nan in voxel [1, 2, 3]" in told
    assert "replaced by shorter ones, the first of at most 0.125 day, up to day 1.5" in told
    assert told.count("WARNING step 3 of ") == 2


def test_many_failures_are_summed_up(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 1001):
        warn_of_failure(
            ControllerState(time=1.0), TimeStep(0.5, 1.5), "wrong", ControllerState(failures=number)
        )
    warn_of_failures(1000)
    assert len(caplog.messages) == FAILURES_REPORTED + 3 + 1
    assert caplog.messages[-2].startswith("1000 steps so far failed")
    assert caplog.messages[-1] == "1000 steps of this run failed and were replaced by shorter ones"


def test_a_run_left_among_short_steps_goes_on_the_same(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig
) -> None:
    spoil(monkeypatch, put("rankl", np.nan), times=1)
    whole = Simulation(tiny)
    for _ in range(3):
        whole.advance()
    assert whole.controller_state.retrying
    other = Simulation(tiny, whole.geometry, whole.start)
    while not whole.finished:
        assert whole.advance() == other.advance()
    for name, field in whole.state.fields.items():
        np.testing.assert_array_equal(field, other.state.fields[name])


def test_solves_go_on_from_where_they_gave_up(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig
) -> None:
    advance, guesses = step.advance, []

    def gives_up_once(*arguments: Any) -> Any:
        guesses.append(arguments[0].solutes["rankl"])
        following, diagnostics = advance(*arguments)
        if len(guesses) == 1:
            fluid = diagnostics.terms.fluid
            stats = fluid.pair.stats._replace(relative_error=jnp.asarray(1.0))
            fluid = fluid._replace(pair=fluid.pair._replace(stats=stats))
            diagnostics = diagnostics._replace(terms=diagnostics.terms._replace(fluid=fluid))
            guesses.append(following.solutes["rankl"])
        return following, diagnostics

    monkeypatch.setattr(simulating, "advance", gives_up_once)
    simulation = Simulation(tiny)
    record = simulation.advance()
    assert len(guesses) == 3
    assert guesses[2] is guesses[1]
    assert (record.rejected, simulation.controller_state.failures, simulation.time) == (0, 0, 0.5)


def test_the_command_tells_it_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spoil(monkeypatch, put("rankl", np.nan))
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    *warnings, last = err.splitlines()
    assert last.startswith("tissue: stopped in step 3: rankl is nan")
    assert all("step 3 of " in line for line in warnings)
    assert len(warnings) <= FAILURES_REPORTED


def test_a_full_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    def full(folder: Path, **given: Any) -> Path:
        if given["step"]:
            raise OSError(28, "No space left on device")
        return write_snapshot(folder, **given)

    monkeypatch.setattr(output, "write_snapshot", full)
    with pytest.raises(
        RunError, match=r"after step [234]: .* cannot be written to \(No space left"
    ):
        run(tiny, tmp_path)
    assert len(open_run(tmp_path).snapshots) == 1


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (False, r"stopped while writing: .*snap_day0000.000.hdf is spoilt; .* are whole"),
        (True, r"cannot be written to \(No such file or directory\)"),
    ],
)
def test_a_file_of_the_run_that_cannot_be_read_again_is_no_bad_input(
    tiny: RunConfig, tmp_path: Path, gone: bool, told: str
) -> None:
    def spoilt(folder: Path) -> None:
        path = list_snapshots(folder)[0]
        if gone:
            folder.rename(tmp_path / "elsewhere")
        raise InputError(f"{path} is spoilt")

    with pytest.raises(RunError, match=told):
        run(tiny, tmp_path / "run", measure=spoilt)


def test_an_old_checkpoint_that_cannot_be_removed_stays(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    unlink = Path.unlink

    def refused(path: Path, **how: bool) -> None:
        if path.name.startswith("ckpt_"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, **how)

    monkeypatch.setattr(Path, "unlink", refused)
    done = run(tiny.changed({"output.checkpoints": "0.5 day"}), tmp_path)
    assert len(list_checkpoints(tmp_path)) == 5
    np.testing.assert_array_equal(done.metrics["bv_tv"], finished.metrics["bv_tv"])
    log = (tmp_path / "run.log").read_text()
    assert log.count("cannot be removed (Operation not permitted): they stay") == 1


def test_an_error_of_the_watcher_is_none_of_the_folder(tiny: RunConfig, tmp_path: Path) -> None:
    broken = BrokenPipeError(errno.EPIPE, "Broken pipe")
    with pytest.raises(BrokenPipeError) as told:
        run(tiny, tmp_path, watch=raising(broken))
    assert told.value is broken
    assert len(open_run(tmp_path).metrics["time_day"]) == 2


def test_without_locks_and_fsync_a_run_is_the_same(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    def absent(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", absent)
    monkeypatch.setattr(os, "fsync", absent)
    done = run(tiny, tmp_path)
    for name in ("metrics.csv", "ledger.csv"):
        assert (tmp_path / name).read_bytes() == (finished.folder / name).read_bytes()
    assert len(done.snapshots) == len(finished.snapshots)
    log = (tmp_path / "run.log").read_text()
    assert log.count("WARNING the file system of") == 2
    assert "has no locks (Function not implemented)" in log
    assert "does not tell when files are on the disk (Function not implemented)" in log


def test_readers_that_write_beside_a_run_do_not_stop_it(
    tiny: RunConfig, finished: Run, tmp_path: Path
) -> None:
    """As `tissue metrics` and `tissue index` do, repeated while the run measures itself."""
    over, failed = threading.Event(), list[BaseException]()

    def read() -> None:
        while not over.is_set():
            (tmp_path / "morphometry.csv").unlink(missing_ok=True)
            try:
                measured_run(tmp_path)
                write_indices(tmp_path)
            except InputError:
                continue  # nothing is there yet
            except Exception as error:
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    done = run(tiny, tmp_path, measure=measured_run)
    over.set()
    for reader in readers:
        reader.join()
    assert failed == []
    np.testing.assert_array_equal(done.metrics["bv_tv"], finished.metrics["bv_tv"])


def test_a_dangling_link_counts_as_a_file_of_a_run(tiny: RunConfig, tmp_path: Path) -> None:
    """Links that lead to files are in tests/faults/odd_links.py."""
    outside = tmp_path / "precious"
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("run.lock", "run.toml"):
        (folder / name).symlink_to(outside)
    with pytest.raises(InputError, match=r"already holds a run \(run.toml\)"):
        run(tiny, folder)
    with pytest.raises(InputError, match=r"run\.lock is a link, .* remove the link"):
        run(tiny, folder, overwrite=True)
    assert not outside.exists()


@pytest.mark.parametrize("name", ["metrics.csv", "ledger.csv", "run.log"])
def test_a_run_that_goes_on_follows_no_link(
    tiny: RunConfig, finished: Run, tmp_path: Path, name: str
) -> None:
    folder, outside = tmp_path / "run", tmp_path / "precious"
    shutil.copytree(finished.folder, folder)
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match=rf"{name} is a link"):
        run(tiny.changed({"run.duration": "3 day"}), folder, resume="2")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_too_little_memory_is_told(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig, tmp_path: Path
) -> None:
    for error in (MemoryError(), JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")):
        monkeypatch.setattr(run_start, "Simulation", raising(error))
        with pytest.raises(RunError, match="memory is too small for this grid; use coarser"):
            run(tiny, tmp_path)
    monkeypatch.setattr(run_start, "Simulation", raising(JaxRuntimeError("INTERNAL: a bug")))
    with pytest.raises(JaxRuntimeError, match="INTERNAL"):
        run(tiny, tmp_path)


def raising(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_an_interrupted_run_is_whole(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    finished: Run,
    tmp_path: Path,
) -> None:
    advance = Simulation.advance

    def interrupted(self: Simulation) -> Any:
        if self.step == STEP:
            raise KeyboardInterrupt
        return advance(self)

    monkeypatch.setattr(Simulation, "advance", interrupted)
    assert main(["run", str(TINY), "--out", str(tmp_path), "--quiet"]) == 130
    assert capfd.readouterr() == ("", "tissue: interrupted; what is on disk is whole\n")
    left = open_run(tmp_path)
    assert len(left.snapshots) == 2
    np.testing.assert_array_equal(left.metrics["bv_tv"], finished.metrics["bv_tv"][: STEP + 1])
