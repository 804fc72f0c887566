"""A simulation that chooses its steps keeps its promises."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from tissue.model import step
from tissue.model.integrators import THETA_MIN
from tissue.scenario.config import RunConfig
from tissue.simulation import simulation as simulating
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record
from tissue.simulation.step_size import ControllerState, step_size_controller


@pytest.fixture(scope="module")
def adaptive(tiny: RunConfig) -> RunConfig:
    ill = {"il1_excess": "10 pM"}
    return tiny.changed(
        {
            "run.step": "adaptive",
            "run.duration": "14 day",
            "output.snapshots": "5 day",
            "run.precision": "float64",
            "disease": ill,
        }
    )


def finish(simulation: Simulation) -> list[Record]:
    records = []
    while not simulation.finished:
        records.append(simulation.advance())
    return records


def change(config: RunConfig) -> float:
    return finish(Simulation(config))[-1].metrics["bv_tv_change_percent"]


@pytest.mark.slow
def test_adaptive_steps_keep_to_the_accuracy_asked(adaptive: RunConfig) -> None:
    truth = change(adaptive.changed({"run.step": "0.125 day"}))
    steps = {}
    for accuracy in (0.002, 0.0005):
        simulation = Simulation(adaptive.changed({"run.accuracy": f"{accuracy}"}))
        last = finish(simulation)[-1].metrics["bv_tv_change_percent"]
        assert abs(last - truth) < 100 * accuracy
        assert simulation.controller_state.error_used <= 100 * accuracy
        steps[accuracy] = simulation.step
    assert steps[0.002] < steps[0.0005] < 14 / 0.125
    assert steps[0.002] < 30


def test_adaptive_steps_land_on_snapshots_and_tell_their_length(adaptive: RunConfig) -> None:
    records = finish(Simulation(adaptive))
    times = [0.0, *(record.metrics["time_day"] for record in records)]
    assert {5.0, 10.0, 14.0} <= set(times)
    lengths = [record.metrics["step_day"] for record in records]
    assert lengths[0] == pytest.approx(0.1)
    np.testing.assert_allclose(np.diff(times), lengths, rtol=1e-9)
    assert max(lengths) > 0.5


def test_health_takes_long_steps_and_stands_still(adaptive: RunConfig) -> None:
    simulation = Simulation(
        adaptive.changed({"disease": {}, "run.duration": "200 day", "output.snapshots": "200 day"})
    )
    records = finish(simulation)
    assert abs(records[-1].metrics["bv_tv_change_percent"]) < 1e-4
    assert len(records) < 25


def test_a_rejected_step_leaves_the_state_alone(
    monkeypatch: pytest.MonkeyPatch, adaptive: RunConfig
) -> None:
    simulation = Simulation(adaptive)
    for _ in range(5):
        simulation.advance()
    state, controller_state = simulation.state, simulation.controller_state
    advance, seen = step.advance, []

    def judged_wrong_at_first(*arguments: Any) -> Any:
        following, diagnostics = advance(*arguments)
        seen.append((arguments[0], arguments[2]))
        if len(seen) == 1:
            diagnostics = diagnostics._replace(
                error=diagnostics.error._replace(bone=jax.numpy.asarray(1.0))
            )
        return following, diagnostics

    monkeypatch.setattr(simulating, "advance", judged_wrong_at_first)
    record = simulation.advance()
    assert record.rejected == 1
    assert [start is state for start, _ in seen] == [True, True]
    assert seen[1][1] < seen[0][1]
    assert simulation.step == controller_state.steps + 1
    assert simulation.time == pytest.approx(controller_state.time + seen[1][1])
    assert record.metrics["step_day"] == seen[1][1]


def test_a_run_continues_from_its_state_and_clock(adaptive: RunConfig) -> None:
    whole, other = Simulation(adaptive), Simulation(adaptive)
    for _ in range(8):
        whole.advance()
    other.state = jax.tree.map(lambda leaf: jax.numpy.asarray(np.asarray(leaf)), whole.state)
    other.controller_state = whole.controller_state
    a, b = finish(whole)[-1], finish(other)[-1]
    assert a == b
    for name, field in whole.state.fields.items():
        np.testing.assert_array_equal(field, other.state.fields[name])


def test_a_population_that_vanishes_is_stepped_with_damping(
    monkeypatch: pytest.MonkeyPatch, tiny: RunConfig
) -> None:
    simulation = Simulation(tiny.changed({"run.step": "1 day"}))
    simulation.advance()
    advance, shares = step.advance, []

    def overshooting(*arguments: Any) -> Any:
        following, diagnostics = advance(*arguments)
        shares.append(arguments[3])
        if arguments[3] < 1:
            few = -following.osteoclast_precursors
            following = replace(following, osteoclast_precursors=few)
        return following, diagnostics

    monkeypatch.setattr(simulating, "advance", overshooting)
    simulation.advance()
    assert shares == [THETA_MIN, 1.0]
    assert float(simulation.state.osteoclast_precursors.min()) > 0


def test_the_first_step_is_damped(monkeypatch: pytest.MonkeyPatch, tiny: RunConfig) -> None:
    advance, shares = step.advance, []

    def watched(*arguments: Any) -> Any:
        shares.append(arguments[3])
        return advance(*arguments)

    monkeypatch.setattr(simulating, "advance", watched)
    simulation = Simulation(tiny)
    simulation.advance()
    simulation.advance()
    simulation.controller_state = simulation.controller_state.after_a_jump()
    simulation.advance()
    assert shares == [1.0, THETA_MIN, 1.0]


def test_times_that_differ_by_rounding_are_one_stop_time(adaptive: RunConfig) -> None:
    # 50 doses every 0.1 day end a rounding error before or after the snapshot at 5 days
    for change in (5 * (1 - 1e-15), 5.0, 5 * (1 + 1e-15)):
        assert step_size_controller(adaptive, (3.0, change)).stop_times == [3.0, 5.0, 10.0, 14.0]


def test_a_step_cut_short_after_a_change_is_followed_by_a_usual_one(adaptive: RunConfig) -> None:
    controller = step_size_controller(adaptive, (4.999,))
    state = ControllerState(time=4.999, steps=7, after_jump=True, jump_time=4.999)
    step = controller.next(state)
    assert step.length == pytest.approx(0.001)
    _, after = controller.evaluate(state, step, 0.0, 0.0)
    assert controller.next(after).length >= controller.dt_min


def test_programs_of_a_step_are_sent_no_numbers(adaptive: RunConfig) -> None:
    simulation = Simulation(adaptive)
    simulation.advance()
    with jax.transfer_guard_host_to_device("disallow"):  # of what is not put there on purpose
        simulation.advance()
