"""Steps that fail are repeated shorter, or stop the run with a message and intact output."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.cli import main
from tissue.errors import RunError
from tissue.model import step
from tissue.model.state import State
from tissue.scenario.config import RunConfig
from tissue.simulation import simulation as simulating
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.simulation.state_checks import FAILURES_REPORTED, warn_of_failure, warn_of_failures
from tissue.simulation.step_size import ControllerState, TimeStep
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import read_snapshot

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

    def spoiled(*arguments: Any) -> Any:
        state, diagnostics = advance(*arguments)
        return (change(state) if STEP <= next(calls) < STEP + times else state), diagnostics

    monkeypatch.setattr(simulating, "advance", spoiled)


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
    pattern = f"stopped in step 3: {message}.*up to snap_day0001.000.hdf in .* are intact"
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
    text = (tmp_path / "run.log").read_text()
    assert "step 3 of 0.5 day from day 1 failed: rankl is nan in voxel [1, 2, 3]" in text
    assert "replaced by shorter ones, the first of at most 0.125 day, up to day 1.5" in text
    assert text.count("WARNING step 3 of ") == 2


def test_many_failures_are_summed_up(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1, 1001):
        warn_of_failure(
            ControllerState(time=1.0), TimeStep(0.5, 1.5), "wrong", ControllerState(failures=number)
        )
    warn_of_failures(1000)
    assert len(caplog.messages) == FAILURES_REPORTED + 3 + 1
    assert caplog.messages[-2].startswith("1000 steps so far failed")
    assert caplog.messages[-1] == "1000 steps of this run failed and were replaced by shorter ones"


def test_a_run_interrupted_among_short_steps_continues_unchanged(
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


def test_solves_continue_from_their_last_iterate(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig
) -> None:
    advance, guesses = step.advance, []

    def fails_once(*arguments: Any) -> Any:
        guesses.append(arguments[0].solutes["rankl"])
        following, diagnostics = advance(*arguments)
        if len(guesses) == 1:
            solved = diagnostics.solver_stats
            stats = solved["rankl and opg"]._replace(relative_error=jnp.asarray(1.0))
            diagnostics = diagnostics._replace(solver_stats={**solved, "rankl and opg": stats})
            guesses.append(following.solutes["rankl"])
        return following, diagnostics

    monkeypatch.setattr(simulating, "advance", fails_once)
    simulation = Simulation(tiny)
    record = simulation.advance()
    assert len(guesses) == 3
    assert guesses[2] is guesses[1]
    assert (record.rejected, simulation.controller_state.failures, simulation.time) == (0, 0, 0.5)


def test_the_command_reports_it_in_one_line(
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
