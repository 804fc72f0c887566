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
from tissue.simulation.pace import GROWTH, Pace, Pacing, Stride, pacing

Errors = Callable[[Pace, Stride], float]


def cubic(rate: float) -> Errors:
    """A problem whose error per step goes with the cube of the step."""
    return lambda _, stride: rate * stride.length**3


SHORTEST = 0.1  # day
QUIET = cubic(1e-5)


def march(
    pacing: Pacing, errors: Errors = QUIET, cells: float = 0.0
) -> tuple[list[Pace], list[Stride], int]:
    pace, paces, strides, rejected = Pace(), [Pace()], [], 0
    while pace.time < pacing.landings[-1]:
        stride = pacing.next(pace)
        accepted, pace = pacing.judge(pace, stride, errors(pace, stride), cells)
        if accepted:
            strides.append(stride)
            paces.append(pace)
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
    landings = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    paces, strides, _ = march(Pacing(landings, longest, accuracy))
    times = [pace.time for pace in paces]
    assert set(landings) <= set(times)
    assert times[-1] == landings[-1]
    assert all(stride.length <= longest * (1 + 1e-6) for stride in strides)
    assert sum(stride.length for stride in strides) == pytest.approx(landings[-1])
    assert [pace.steps for pace in paces] == list(range(len(paces)))


def test_fixed_steps_are_equal_between_landings() -> None:
    _, strides, _ = march(Pacing((4.0, 10.0), 2.5))
    assert [stride.length for stride in strides] == [2, 2, 2, 2, 2]
    _, strides, rejected = march(Pacing((28.0,), 0.1), cubic(1e9))
    assert (len(strides), rejected) == (280, 0)


@pytest.mark.parametrize("rate", [1e-6, 1e-4, 1e-2])
def test_estimates_never_add_up_to_more_than_allowed(rate: float) -> None:
    pacing = Pacing((90.0, 180.0), 14.0, 0.2)
    paces, strides, rejected = march(pacing, cubic(rate))
    assert paces[-1].spent <= pacing.allowance == 0.2
    assert rejected <= 5 + len(strides) // 20
    # the step is neither far shorter than it might be, nor at its limit for no reason
    assert paces[-1].spent > 0.3 * 0.2 or max(s.length for s in strides) == 14


def test_a_burst_gets_short_steps_and_the_quiet_after_it_long_ones() -> None:
    def burst(pace: Pace, stride: Stride) -> float:
        return (1e-2 if 20 <= pace.time < 25 else 1e-5) * stride.length**3

    paces, strides, rejected = march(Pacing((100.0,), 14.0, 0.2), burst)
    lengths = {p.time: s.length for p, s in zip(paces[:-1], strides, strict=True)}
    assert max(length for time, length in lengths.items() if 20 <= time < 25) < 3
    assert max(length for time, length in lengths.items() if time > 40) > 4
    assert 1 <= rejected <= 6


def test_a_step_grows_by_no_more_than_a_factor() -> None:
    _, strides, _ = march(Pacing((365.0,), 14.0, 0.2), cubic(0.0))
    lengths = [stride.length for stride in strides]
    assert lengths[0] == SHORTEST
    assert all(b <= GROWTH * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert max(lengths) == 14
    assert len(lengths) < 40


def test_a_long_run_may_err_in_proportion() -> None:
    assert Pacing((28.0,), 14.0, 0.2).allowance == 0.2
    assert Pacing((730.0,), 14.0, 0.2).allowance == 0.4


def test_a_rejected_step_is_repeated_shorter_from_the_same_time() -> None:
    pacing, pace = Pacing((100.0,), 14.0, 0.2), Pace(time=10, steps=7, wanted=4, fresh=False)
    stride = pacing.next(pace)
    assert stride == Stride(4, 14)
    accepted, again = pacing.judge(pace, stride, 1.0, 0.0)
    assert not accepted
    assert again == replace(pace, wanted=again.wanted)
    assert again.wanted < 3
    accepted, _ = pacing.judge(pace, stride, 0.001, 1.0)
    assert not accepted, "the cells have a limit of their own"


def test_the_shortest_step_is_taken_whatever_its_error() -> None:
    pacing, pace = Pacing((1.0,), 14.0, 0.2), Pace(wanted=SHORTEST, fresh=False)
    accepted, after = pacing.judge(pace, pacing.next(pace), 1e9, 0.0)
    assert accepted
    assert after.wanted == SHORTEST
    _, _, rejected = march(Pacing((0.3,), 14.0, 0.2), lambda *_: float("nan"))
    assert rejected < 10


def test_a_restart_begins_with_a_short_step_whose_estimate_is_not_judged() -> None:
    pacing = Pacing((100.0,), 14.0, 0.2)
    pace = Pace(time=50, steps=9, wanted=10, spent=0.05, last=0.3, fresh=False).restart()
    stride = pacing.next(pace)
    assert stride.length == SHORTEST
    accepted, after = pacing.judge(pace, stride, 5.0, 5.0)
    assert accepted
    assert (after.spent, after.fresh) == (0.05, False)
    assert after.changed == 50
    assert after.wanted == pytest.approx(GROWTH * SHORTEST)


def test_a_landing_does_not_shorten_the_steps_after_it() -> None:
    pacing = Pacing((10.1, 100.0), 14.0, 0.2)
    pace = Pace(time=10, steps=5, wanted=6, fresh=False)
    stride = pacing.next(pace)
    assert stride.end == 10.1
    _, after = pacing.judge(pace, stride, 1e-9, 0.0)
    assert after.wanted == 6


def test_no_tiny_step_is_left_before_a_landing() -> None:
    pacing = Pacing((10.0,), 14.0, 0.2)
    assert pacing.next(Pace(time=4, wanted=5.9, fresh=False)).length == pytest.approx(3)


def test_early_days_may_err_more_than_late_ones() -> None:
    pacing = Pacing((365.0,), 14.0, 0.2)
    tolerances = [
        pacing.tolerance(Pace(time=time, fresh=False), Stride(1.0, time + 1))
        for time in (0.1, 1.0, 10.0, 100.0)
    ]
    assert tolerances == sorted(tolerances, reverse=True)
    assert tolerances[0] > 10 * tolerances[3]
    late = Pace(time=100, fresh=False).restart()
    assert pacing.tolerance(late, Stride(1.0, 101)) > 5 * tolerances[3]


def test_what_is_left_at_the_end_may_be_used() -> None:
    pacing = Pacing((10.0,), 14.0, 0.2)
    pace = Pace(time=7, spent=0.15, fresh=False)
    assert pacing.tolerance(pace, Stride(3, 10)) == pytest.approx(0.05)
    assert pacing.tolerance(replace(pace, spent=0.3), Stride(3, 10)) > 0


def test_changes_that_are_snapshots_but_for_rounding_are_no_landings() -> None:
    data = {"run": {"duration": "100 day"}, "geometry": {"synthetic": {}}}
    config = parse_run(data | {"output": {"snapshots": "0.001 day"}}, Path(), "dense")
    moved = [t * (1 + shift) for t in (0.5, 7.25, 50.0, 99.999) for shift in (-5e-10, 0, 5e-10)]
    other = [0.5 * (1 + 3e-9), 7.2505, 1e-5]
    start = perf_counter()
    landings = pacing(config, moved + other * 3000).landings
    assert perf_counter() - start < 2
    assert list(landings) == sorted({*config.snapshot_times[1:], *other})


@pytest.mark.parametrize("accuracy", [None, 0.2])
@pytest.mark.parametrize("fresh", [False, True])
def test_a_failed_step_is_replaced_by_shorter_ones_that_end_where_it_ends(
    accuracy: float | None, fresh: bool
) -> None:
    rules = Pacing((4.0, 10.0), 2.0, accuracy, shortest=2.0)
    pace = Pace(time=2.0, steps=9, wanted=2.0, fresh=fresh)
    failed = rules.next(pace)
    assert failed == Stride(2.0, 4.0)
    found = rules.shorter(pace, failed)
    assert found is not None
    assert (found.time, found.steps, found.fresh, found.failures) == (2.0, 9, fresh, 1)
    pace, lengths = found, []
    while pace.mending:
        stride = rules.next(pace)
        accepted, pace = rules.judge(pace, stride, 0.0, 0.0)
        assert accepted
        lengths.append(stride.length)
    assert lengths[0] == 2.0 / 4
    assert all(b <= 2 * a * (1 + 1e-9) for a, b in pairwise(lengths))
    assert 3 <= len(lengths) <= 4
    assert pace.time == 4.0
    assert rules.next(pace).length == 2.0


def test_a_step_is_tried_shorter_down_to_the_shortest_of_a_run_file() -> None:
    rules, lengths = Pacing((14.0,), 14.0), list[float]()
    pace: Pace | None = Pace()
    while pace:
        stride = rules.next(pace)
        lengths.append(stride.length)
        pace = rules.shorter(pace, stride)
    assert lengths[:3] == [14.0, 3.5, 0.875]
    assert lengths[-1] == pytest.approx(SHORTEST_STEP)
    assert len(lengths) == 8


def test_short_steps_heed_a_landing_that_has_come_since() -> None:
    pace = Pace(time=1.0, limit=0.5, until=2.0, fresh=False)
    assert Pacing((1.25, 4.0), 2.0).next(pace) == Stride(0.25, 1.25)


@pytest.mark.parametrize("parts", [3, 7, 12, 24, 49, 96, 144, 999])
def test_a_step_that_divides_the_day_is_not_cut(parts: int) -> None:
    pacing, pace = Pacing((1.0, 2.0), 1 / parts), Pace()
    while pace.time < 2:
        stride = pacing.next(pace)
        assert stride.length == pytest.approx(1 / parts, rel=1e-5)
        _, pace = pacing.judge(pace, stride, 0.0, 0.0)
    assert pace.steps == 2 * parts


def test_rounding_errors_do_not_add_up() -> None:
    """The two thousandth step ends where a person would say, not near it."""
    pacing, pace = Pacing((2000.0,), 0.02), Pace()
    for number in range(1, 2001):
        stride = pacing.next(pace)
        assert stride.length == pytest.approx(0.02, rel=1e-9)
        accepted, pace = pacing.judge(pace, stride, 0.0, 0.0)
        assert accepted
        assert pace.time == number / 50
