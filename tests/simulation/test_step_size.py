"""The choice of steps: lands where it must, spends no more than allowed, begins anew."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tissue.scenario.config import parse_run
from tissue.scenario.values import SHORTEST_STEP
from tissue.simulation.step_size import (
    GROWTH,
    ControllerState,
    StepSizeController,
    TimeStep,
    step_size_controller,
)

Errors = Callable[[ControllerState, TimeStep], float]


def cubic(rate: float) -> Errors:
    """A problem whose error per step goes with the cube of the step."""
    return lambda _, stride: rate * stride.length**3


SHORTEST = 0.1  # day
QUIET = cubic(1e-5)


def march(
    pacing: StepSizeController, errors: Errors = QUIET, cells: float = 0.0
) -> tuple[list[ControllerState], list[TimeStep], int]:
    controller_state, paces, strides, rejected = ControllerState(), [ControllerState()], [], 0
    while controller_state.time < pacing.stop_times[-1]:
        stride = pacing.next(controller_state)
        accepted, controller_state = pacing.evaluate(
            controller_state, stride, errors(controller_state, stride), cells
        )
        if accepted:
            strides.append(stride)
            paces.append(controller_state)
        else:
            rejected += 1
        assert rejected < 1000
    return paces, strides, rejected


@given(
    st.lists(st.floats(0.05, 20), min_size=1, max_size=6),
    st.floats(0.1, 14),
    st.sampled_from([None, 0.02, 0.2]),
)
def test_steps_end_exactly_on_every_landing(
    gaps: list[float], longest: float, accuracy: float | None
) -> None:
    stop_times = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    paces, strides, _ = march(StepSizeController(stop_times, longest, accuracy))
    times = [controller_state.time for controller_state in paces]
    assert set(stop_times) <= set(times)
    assert times[-1] == stop_times[-1]
    assert all(stride.length <= longest * (1 + 1e-6) for stride in strides)
    assert sum(stride.length for stride in strides) == pytest.approx(stop_times[-1])
    assert [controller_state.steps for controller_state in paces] == list(range(len(paces)))


def test_fixed_steps_are_equal_between_landings() -> None:
    _, strides, _ = march(StepSizeController((4.0, 10.0), 2.5))
    assert [stride.length for stride in strides] == [2, 2, 2, 2, 2]
    _, strides, rejected = march(StepSizeController((28.0,), 0.1), cubic(1e9))
    assert (len(strides), rejected) == (280, 0)


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 1e-2])
def test_estimates_never_add_up_to_more_than_allowed(rate: float) -> None:
    pacing = StepSizeController((90.0, 180.0), 14.0, 0.2)
    paces, strides, rejected = march(pacing, cubic(rate))
    assert paces[-1].error_used <= pacing.allowance == 0.2
    assert rejected <= 5 + len(strides) // 20
    # the step is neither far shorter than it might be, nor at its limit for no reason
    assert paces[-1].error_used > 0.3 * 0.2 or max(s.length for s in strides) == 14


def test_a_burst_gets_short_steps_and_the_quiet_after_it_long_ones() -> None:
    def burst(controller_state: ControllerState, stride: TimeStep) -> float:
        return (1e-2 if 20 <= controller_state.time < 25 else 1e-5) * stride.length**3

    paces, strides, rejected = march(StepSizeController((100.0,), 14.0, 0.2), burst)
    lengths = {p.time: s.length for p, s in zip(paces[:-1], strides, strict=True)}
    assert max(length for time, length in lengths.items() if 20 <= time < 25) < 3
    assert max(length for time, length in lengths.items() if time > 40) > 4
    assert 1 <= rejected <= 6


def test_a_step_grows_by_no_more_than_a_factor() -> None:
    _, strides, _ = march(StepSizeController((365.0,), 14.0, 0.2), cubic(0.0))
    lengths = [stride.length for stride in strides]
    assert lengths[0] == SHORTEST
    assert all(b <= GROWTH * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert max(lengths) == 14
    assert len(lengths) < 40


def test_a_long_run_may_err_in_proportion() -> None:
    assert StepSizeController((28.0,), 14.0, 0.2).allowance == 0.2
    assert StepSizeController((730.0,), 14.0, 0.2).allowance == 0.4


def test_a_rejected_step_is_repeated_shorter_from_the_same_time() -> None:
    pacing, controller_state = (
        StepSizeController((100.0,), 14.0, 0.2),
        ControllerState(time=10, steps=7, next_length=4, after_jump=False),
    )
    stride = pacing.next(controller_state)
    assert stride == TimeStep(4, 14)
    accepted, again = pacing.evaluate(controller_state, stride, 1.0, 0.0)
    assert not accepted
    assert again == replace(controller_state, next_length=again.next_length)
    assert again.next_length < 3
    accepted, _ = pacing.evaluate(controller_state, stride, 0.001, 1.0)
    assert not accepted, "the cells have a limit of their own"


def test_the_shortest_step_is_taken_whatever_its_error() -> None:
    pacing, controller_state = (
        StepSizeController((1.0,), 14.0, 0.2),
        ControllerState(next_length=SHORTEST, after_jump=False),
    )
    accepted, after = pacing.evaluate(controller_state, pacing.next(controller_state), 1e9, 0.0)
    assert accepted
    assert after.next_length == SHORTEST
    _, _, rejected = march(StepSizeController((0.3,), 14.0, 0.2), lambda *_: float("nan"))
    assert rejected < 10


def test_a_restart_begins_with_a_short_step_whose_estimate_is_not_judged() -> None:
    pacing = StepSizeController((100.0,), 14.0, 0.2)
    controller_state = ControllerState(
        time=50, steps=9, next_length=10, error_used=0.05, previous_error=0.3, after_jump=False
    ).after_a_jump()
    stride = pacing.next(controller_state)
    assert stride.length == SHORTEST
    accepted, after = pacing.evaluate(controller_state, stride, 5.0, 5.0)
    assert accepted
    assert (after.error_used, after.after_jump) == (0.05, False)
    assert after.jump_time == 50
    assert after.next_length == pytest.approx(GROWTH * SHORTEST)


def test_a_landing_does_not_shorten_the_steps_after_it() -> None:
    pacing = StepSizeController((10.1, 100.0), 14.0, 0.2)
    controller_state = ControllerState(time=10, steps=5, next_length=6, after_jump=False)
    stride = pacing.next(controller_state)
    assert stride.end == 10.1
    _, after = pacing.evaluate(controller_state, stride, 1e-9, 0.0)
    assert after.next_length == 6


def test_no_tiny_step_is_left_before_a_landing() -> None:
    pacing = StepSizeController((10.0,), 14.0, 0.2)
    assert pacing.next(
        ControllerState(time=4, next_length=5.9, after_jump=False)
    ).length == pytest.approx(3)


def test_early_days_may_err_more_than_late_ones() -> None:
    pacing = StepSizeController((365.0,), 14.0, 0.2)
    tolerances = [
        pacing.tolerance(ControllerState(time=time, after_jump=False), TimeStep(1.0, time + 1))
        for time in (0.1, 1.0, 10.0, 100.0)
    ]
    assert tolerances == sorted(tolerances, reverse=True)
    assert tolerances[0] > 10 * tolerances[3]
    late = ControllerState(time=100, after_jump=False).after_a_jump()
    assert pacing.tolerance(late, TimeStep(1.0, 101)) > 5 * tolerances[3]


def test_what_is_left_at_the_end_may_be_used() -> None:
    pacing = StepSizeController((10.0,), 14.0, 0.2)
    controller_state = ControllerState(time=7, error_used=0.15, after_jump=False)
    assert pacing.tolerance(controller_state, TimeStep(3, 10)) == pytest.approx(0.05)
    assert pacing.tolerance(replace(controller_state, error_used=0.3), TimeStep(3, 10)) > 0


def test_changes_that_are_snapshots_but_for_rounding_are_no_landings() -> None:
    data = {"run": {"duration": "100 day"}, "geometry": {"synthetic": {}}}
    config = parse_run(data | {"output": {"snapshots": "0.001 day"}}, Path(), "dense")
    moved = [t * (1 + shift) for t in (0.5, 7.25, 50.0, 99.999) for shift in (-5e-10, 0, 5e-10)]
    other = [0.5 * (1 + 3e-9), 7.2505, 1e-5]
    start = perf_counter()
    stop_times = step_size_controller(config, moved + other * 3000).stop_times
    assert perf_counter() - start < 2
    assert list(stop_times) == sorted({*config.snapshot_times[1:], *other})


@pytest.mark.parametrize("accuracy", [None, 0.2])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_failed_step_is_replaced_by_shorter_ones_that_end_where_it_ends(
    accuracy: float | None, fresh: bool
) -> None:
    rules = StepSizeController((4.0, 10.0), 2.0, accuracy, shortest=2.0)
    controller_state = ControllerState(time=2.0, steps=9, next_length=2.0, after_jump=fresh)
    failed = rules.next(controller_state)
    assert failed == TimeStep(2.0, 4.0)
    found = rules.shorter(controller_state, failed)
    assert found is not None
    assert (found.time, found.steps, found.after_jump, found.failures) == (2.0, 9, fresh, 1)
    controller_state, lengths = found, []
    while controller_state.retrying:
        stride = rules.next(controller_state)
        accepted, controller_state = rules.evaluate(controller_state, stride, 0.0, 0.0)
        assert accepted
        lengths.append(stride.length)
    assert lengths[0] == 2.0 / 4
    assert all(b <= 2 * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert 3 <= len(lengths) <= 4
    assert controller_state.time == 4.0
    assert rules.next(controller_state).length == 2.0


def test_a_step_is_tried_shorter_down_to_the_shortest_of_a_run_file() -> None:
    rules, lengths = StepSizeController((14.0,), 14.0), list[float]()
    controller_state: ControllerState | None = ControllerState()
    while controller_state:
        stride = rules.next(controller_state)
        lengths.append(stride.length)
        controller_state = rules.shorter(controller_state, stride)
    assert lengths[:3] == [14.0, 3.5, 0.875]
    assert lengths[-1] == pytest.approx(SHORTEST_STEP)
    assert len(lengths) == 8


def test_short_steps_heed_a_landing_that_has_come_since() -> None:
    controller_state = ControllerState(
        time=1.0, length_limit=0.5, retry_until=2.0, after_jump=False
    )
    assert StepSizeController((1.25, 4.0), 2.0).next(controller_state) == TimeStep(0.25, 1.25)


@pytest.mark.parametrize("parts", [3, 7, 12, 24, 49, 96, 144, 999])
def test_a_step_that_divides_the_day_is_not_cut(parts: int) -> None:
    pacing, controller_state = StepSizeController((1.0, 2.0), 1 / parts), ControllerState()
    while controller_state.time < 2:
        stride = pacing.next(controller_state)
        assert stride.length == pytest.approx(1 / parts, rel=1e-5)
        _, controller_state = pacing.evaluate(controller_state, stride, 0.0, 0.0)
    assert controller_state.steps == 2 * parts


def test_rounding_errors_do_not_add_up() -> None:
    """The two thousandth step ends where a person would say, not near it."""
    pacing, controller_state = StepSizeController((2000.0,), 0.02), ControllerState()
    for number in range(1, 2001):
        stride = pacing.next(controller_state)
        assert stride.length == pytest.approx(0.02, rel=1e-9)
        accepted, controller_state = pacing.evaluate(controller_state, stride, 0.0, 0.0)
        assert accepted
        assert controller_state.time == number / 50
