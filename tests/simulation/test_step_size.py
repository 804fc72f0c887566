"""Step-size control: ends on stop times, keeps to its allowance, starts again after a jump."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tissue.scenario.config import read_run_file
from tissue.scenario.values import SHORTEST_STEP
from tissue.simulation.step_size import (
    FACTOR_MAX,
    ControllerState,
    StepSizeController,
    TimeStep,
    step_size_controller,
)

Errors = Callable[[ControllerState, TimeStep], float]


def cubic(rate: float) -> Errors:
    """A problem whose error per step goes with the cube of the step."""
    return lambda _, step: rate * step.length**3


DT_MIN = 0.1  # day
QUIET = cubic(1e-5)


def march(
    controller: StepSizeController, errors: Errors = QUIET, cells: float = 0.0
) -> tuple[list[ControllerState], list[TimeStep], int]:
    state, states, steps, rejected = ControllerState(), [ControllerState()], [], 0
    while state.time < controller.stop_times[-1]:
        step = controller.next(state)
        accepted, state = controller.evaluate(state, step, errors(state, step), cells)
        if accepted:
            steps.append(step)
            states.append(state)
        else:
            rejected += 1
        assert rejected < 1000
    return states, steps, rejected


@given(
    st.lists(st.floats(0.05, 20), min_size=1, max_size=6),
    st.floats(0.1, 14),
    st.sampled_from([None, 0.02, 0.2]),
)
def test_steps_end_exactly_on_every_stop_time(
    gaps: list[float], longest: float, accuracy: float | None
) -> None:
    stop_times = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    states, steps, _ = march(StepSizeController(stop_times, longest, accuracy))
    times = [state.time for state in states]
    assert set(stop_times) <= set(times)
    assert times[-1] == stop_times[-1]
    assert all(step.length <= longest * (1 + 1e-6) for step in steps)
    assert sum(step.length for step in steps) == pytest.approx(stop_times[-1])
    assert [state.steps for state in states] == list(range(len(states)))


def test_fixed_steps_are_equal_between_stop_times() -> None:
    _, steps, _ = march(StepSizeController((4.0, 10.0), 2.5))
    assert [step.length for step in steps] == [2, 2, 2, 2, 2]
    _, steps, rejected = march(StepSizeController((28.0,), 0.1), cubic(1e9))
    assert (len(steps), rejected) == (280, 0)


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 1e-2])
def test_estimates_never_add_up_to_more_than_allowed(rate: float) -> None:
    controller = StepSizeController((90.0, 180.0), 14.0, 0.2)
    states, steps, rejected = march(controller, cubic(rate))
    assert states[-1].error_used <= controller.allowance == 0.2
    assert rejected <= 5 + len(steps) // 20
    # the step is neither far shorter than it might be, nor at its limit for no reason
    assert states[-1].error_used > 0.3 * 0.2 or max(s.length for s in steps) == 14


def test_a_burst_gets_short_steps_and_the_quiet_after_it_long_ones() -> None:
    def burst(state: ControllerState, step: TimeStep) -> float:
        return (1e-2 if 20 <= state.time < 25 else 1e-5) * step.length**3

    states, steps, rejected = march(StepSizeController((100.0,), 14.0, 0.2), burst)
    lengths = {p.time: s.length for p, s in zip(states[:-1], steps, strict=True)}
    assert max(length for time, length in lengths.items() if 20 <= time < 25) < 3
    assert max(length for time, length in lengths.items() if time > 40) > 4
    assert 1 <= rejected <= 6


def test_a_step_grows_by_no_more_than_a_factor() -> None:
    _, steps, _ = march(StepSizeController((365.0,), 14.0, 0.2), cubic(0.0))
    lengths = [step.length for step in steps]
    assert lengths[0] == DT_MIN
    assert all(b <= FACTOR_MAX * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert max(lengths) == 14
    assert len(lengths) < 40


def test_a_long_run_may_err_in_proportion() -> None:
    assert StepSizeController((28.0,), 14.0, 0.2).allowance == 0.2
    assert StepSizeController((730.0,), 14.0, 0.2).allowance == 0.4


def test_a_rejected_step_is_repeated_shorter_from_the_same_time() -> None:
    controller, state = (
        StepSizeController((100.0,), 14.0, 0.2),
        ControllerState(time=10, steps=7, next_length=4, after_jump=False),
    )
    step = controller.next(state)
    assert step == TimeStep(4, 14)
    accepted, again = controller.evaluate(state, step, 1.0, 0.0)
    assert not accepted
    assert again == replace(state, next_length=again.next_length)
    assert again.next_length < 3
    accepted, _ = controller.evaluate(state, step, 0.001, 1.0)
    assert not accepted, "the cells have a limit of their own"


def test_the_shortest_step_is_taken_whatever_its_error() -> None:
    controller, state = (
        StepSizeController((1.0,), 14.0, 0.2),
        ControllerState(next_length=DT_MIN, after_jump=False),
    )
    accepted, after = controller.evaluate(state, controller.next(state), 1e9, 0.0)
    assert accepted
    assert after.next_length == DT_MIN
    _, _, rejected = march(StepSizeController((0.3,), 14.0, 0.2), lambda *_: float("nan"))
    assert rejected < 10


def test_a_restart_begins_with_a_short_step_whose_estimate_does_not_count() -> None:
    controller = StepSizeController((100.0,), 14.0, 0.2)
    state = ControllerState(
        time=50, steps=9, next_length=10, error_used=0.05, previous_error=0.3, after_jump=False
    ).after_a_jump()
    step = controller.next(state)
    assert step.length == DT_MIN
    accepted, after = controller.evaluate(state, step, 5.0, 5.0)
    assert accepted
    assert (after.error_used, after.after_jump) == (0.05, False)
    assert after.jump_time == 50
    assert after.next_length == pytest.approx(FACTOR_MAX * DT_MIN)


def test_a_stop_time_does_not_shorten_the_steps_after_it() -> None:
    controller = StepSizeController((10.1, 100.0), 14.0, 0.2)
    state = ControllerState(time=10, steps=5, next_length=6, after_jump=False)
    step = controller.next(state)
    assert step.end == 10.1
    _, after = controller.evaluate(state, step, 1e-9, 0.0)
    assert after.next_length == 6


def test_no_tiny_step_is_left_before_a_stop_time() -> None:
    controller = StepSizeController((10.0,), 14.0, 0.2)
    assert controller.next(
        ControllerState(time=4, next_length=5.9, after_jump=False)
    ).length == pytest.approx(3)


def test_early_days_may_err_more_than_late_ones() -> None:
    controller = StepSizeController((365.0,), 14.0, 0.2)
    tolerances = [
        controller.tolerance(ControllerState(time=time, after_jump=False), TimeStep(1.0, time + 1))
        for time in (0.1, 1.0, 10.0, 100.0)
    ]
    assert tolerances == sorted(tolerances, reverse=True)
    assert tolerances[0] > 10 * tolerances[3]
    late = ControllerState(time=100, after_jump=False).after_a_jump()
    assert controller.tolerance(late, TimeStep(1.0, 101)) > 5 * tolerances[3]


def test_all_of_the_allowance_may_be_used_at_the_end() -> None:
    controller = StepSizeController((10.0,), 14.0, 0.2)
    state = ControllerState(time=7, error_used=0.15, after_jump=False)
    assert controller.tolerance(state, TimeStep(3, 10)) == pytest.approx(0.05)
    assert controller.tolerance(replace(state, error_used=0.3), TimeStep(3, 10)) > 0


def test_changes_that_are_snapshots_but_for_rounding_are_no_stop_times() -> None:
    data = {"run": {"duration": "100 day"}, "geometry": {"synthetic": {}}}
    config = read_run_file(data | {"output": {"snapshots": "0.001 day"}}, name="dense")
    moved = [t * (1 + shift) for t in (0.5, 7.25, 50.0, 99.999) for shift in (-5e-10, 0, 5e-10)]
    other = [0.5 * (1 + 3e-9), 7.2505, 1e-5]
    start = perf_counter()
    stop_times = step_size_controller(config, moved + other * 3000).stop_times
    assert perf_counter() - start < 2
    assert list(stop_times) == sorted({*config.snapshot_times[1:], *other})


@pytest.mark.parametrize("accuracy", [None, 0.2])
@pytest.mark.parametrize("after_jump", [False, True])
def test_a_failed_step_is_replaced_by_shorter_ones_that_end_where_it_ends(
    accuracy: float | None, after_jump: bool
) -> None:
    controller = StepSizeController((4.0, 10.0), 2.0, accuracy, dt_min=2.0)
    state = ControllerState(time=2.0, steps=9, next_length=2.0, after_jump=after_jump)
    failed = controller.next(state)
    assert failed == TimeStep(2.0, 4.0)
    found = controller.shorter(state, failed)
    assert found is not None
    assert (found.time, found.steps, found.after_jump, found.failures) == (2.0, 9, after_jump, 1)
    state, lengths = found, []
    while state.retrying:
        step = controller.next(state)
        accepted, state = controller.evaluate(state, step, 0.0, 0.0)
        assert accepted
        lengths.append(step.length)
    assert lengths[0] == 2.0 / 4
    assert all(b <= 2 * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert 3 <= len(lengths) <= 4
    assert state.time == 4.0
    assert controller.next(state).length == 2.0


def test_a_step_is_tried_shorter_down_to_the_shortest_of_a_run_file() -> None:
    controller, lengths = StepSizeController((14.0,), 14.0), list[float]()
    state: ControllerState | None = ControllerState()
    while state:
        step = controller.next(state)
        lengths.append(step.length)
        state = controller.shorter(state, step)
    assert lengths[:3] == [14.0, 3.5, 0.875]
    assert lengths[-1] == pytest.approx(SHORTEST_STEP)
    assert len(lengths) == 8


def test_short_steps_end_on_a_new_stop_time() -> None:
    state = ControllerState(time=1.0, length_limit=0.5, retry_until=2.0, after_jump=False)
    assert StepSizeController((1.25, 4.0), 2.0).next(state) == TimeStep(0.25, 1.25)


@pytest.mark.parametrize("parts", [3, 7, 12, 24, 49, 96, 144, 999])
def test_a_step_that_divides_the_day_is_not_cut(parts: int) -> None:
    controller, state = StepSizeController((1.0, 2.0), 1 / parts), ControllerState()
    while state.time < 2:
        step = controller.next(state)
        assert step.length == pytest.approx(1 / parts, rel=1e-5)
        _, state = controller.evaluate(state, step, 0.0, 0.0)
    assert state.steps == 2 * parts


def test_rounding_errors_do_not_add_up() -> None:
    """The step number 2000 ends on the exact decimal, not near it."""
    controller, state = StepSizeController((2000.0,), 0.02), ControllerState()
    for number in range(1, 2001):
        step = controller.next(state)
        assert step.length == pytest.approx(0.02, rel=1e-9)
        accepted, state = controller.evaluate(state, step, 0.0, 0.0)
        assert accepted
        assert state.time == number / 50
