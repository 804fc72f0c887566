"""Step-size control: steps of fixed length, or as long as the error of time stepping allows.

Every step estimates its own error. The sum of all estimates of a run stays below an allowance: a
step may use a part of the remaining allowance, in proportion to its part of the remaining time.
Time is measured by its logarithm since the forcing last changed, because a tissue approaches its
new steady state that way: most of the error is made in the first days.

A step that fails is replaced by shorter ones, in runs of fixed and of adaptive steps.

References:
    Gustafsson 1991, ACM Trans Math Softw 17:533 (PI control of the step).
"""

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tissue.scenario.config import RunConfig
from tissue.scenario.values import LONGEST_STEP, SHORTEST_STEP, TIME_RTOL

TRANSIENT_TIME = 1.0
"""Time added to the time since the forcing changed before its logarithm is taken [day]: the
fastest cells respond within a few days."""

CELL_RTOL = 0.02
"""Largest error of the speed of resorption or formation in one step, relative [1]."""

YEAR = 365.0
"""Length of a run that the accuracy refers to [day]; a longer run may err in proportion."""

DT_MIN_PER_PRECURSOR_LIFE = 0.01
"""Shortest adaptive step over the life of osteoblast precursors, the longest of all cells [1]: 0.1
day in mouse, where a jump of IL-1 by 10 pM then costs 0.0003 points of BV/TV. A shorter step moves
so few cells that float32 could not show whether their budget closes."""

ERROR_ORDER = 3
"""Power of the step length that the error of one step is proportional to [1]."""

TIME_DECIMALS = 12
"""Decimals of the time [day] at which a step ends between two stop times: 0.1 us."""

ROUNDING_REMAINDER = 1e-5
"""Part of a step that accumulated rounding may leave: no reason for a further step [1]."""

SAFETY = 0.85  # step over the step that would just meet its tolerance [1]
FACTOR_MAX, FACTOR_MIN = 2.5, 0.2  # of the length of a step over that of the step before [1]
P_COEFF, I_COEFF = 0.2, 0.7  # proportional and integral gain, over ERROR_ORDER [1]
RETRY_FACTOR = 0.25  # length of the steps that replace a failed one, over its length [1]
RECOVERY_FACTOR = 2.0  # growth of their length after each step that does not fail [1]
RESERVED_ALLOWANCE = 0.01  # part of the allowance that steps may use once it is spent [1]
ERROR_RATIO_MAX = 1e6  # bound of error over tolerance, also where it is not finite [1]


class TimeStep(NamedTuple):
    """Length of a step, and the exact time at which it ends [day]."""

    length: float
    end: float


@dataclass(frozen=True)
class ControllerState:
    """Simulated time of a run and the memory of its step-size control; a part of each checkpoint.

    Attributes:
        time: simulated time [day].
        steps: number of steps taken.
        next_length: length of the next step [day], before it is shortened to end on a stop time;
            not used after a jump.
        error_used: sum of the estimated errors of all steps [percentage points of BV/TV change].
        previous_error: error of the last step over its tolerance [1].
        after_jump: the next step is the first after a change of forcing.
        jump_time: time of that change [day].
        length_limit: longest step up to `retry_until` [day].
        retry_until: end of the last step that failed [day]; up to there steps are shorter.
        failures: number of steps that failed and were repeated with shorter ones.
    """

    time: float = 0.0
    steps: int = 0
    next_length: float = 0.0
    error_used: float = 0.0
    previous_error: float = 1.0
    after_jump: bool = True
    jump_time: float = 0.0
    length_limit: float = math.inf
    retry_until: float = 0.0
    failures: int = 0

    def after_a_jump(self) -> "ControllerState":
        """State just after the forcing has changed."""
        return replace(self, previous_error=1.0, after_jump=True, jump_time=self.time)

    @property
    def retrying(self) -> bool:
        """Whether a step that failed is being replaced by shorter ones."""
        return self.retry_until > self.time


@dataclass(frozen=True)
class StepSizeController:
    """PI control of the step size, with an allowance of error for the complete run.

    Attributes:
        stop_times: times at which a step must end [day], in order; the last is the end of the run.
        dt_max: longest step [day].
        accuracy: allowed error [percentage points of BV/TV change] of a run of up to a year; None
            for equal steps of at most `dt_max` that end on the stop times.
        dt_min: first step after a change of forcing, and step that is accepted whatever its
            error [day].
    """

    stop_times: Sequence[float]
    dt_max: float
    accuracy: float | None = None
    dt_min: float = 0.1

    @property
    def allowance(self) -> float:
        """Allowed error of the complete run [percentage points]."""
        return (self.accuracy or math.inf) * max(1.0, self.stop_times[-1] / YEAR)

    def next(self, state: ControllerState) -> TimeStep:
        """Step to try now."""
        stop = self.stop_times[bisect(self.stop_times, state.time)]
        if state.retrying:
            stop = min(stop, state.retry_until)
        remaining = stop - state.time
        dt = self.dt_min if state.after_jump else state.next_length
        dt = self.dt_max if self.accuracy is None else min(dt, self.dt_max)
        if state.retrying:
            dt = min(dt, state.length_limit)
        # equal steps when the stop is near: a tiny last one would cost as much as a long one
        number = math.ceil(remaining / dt - ROUNDING_REMAINDER)
        if number <= 1:
            return TimeStep(remaining, stop)
        length = remaining / number if self.accuracy is None or number == 2 else dt
        # files are named by their time, which must not show accumulated rounding errors
        return TimeStep(length, round(state.time + length, TIME_DECIMALS))

    def tolerance(self, state: ControllerState, step: TimeStep) -> float:
        """Allowed error of a step [percentage points]."""
        since_jump = state.time - state.jump_time + TRANSIENT_TIME
        log_remaining = math.log1p((self.stop_times[-1] - state.time) / since_jump)
        log_step = math.log1p(step.length / since_jump)
        unspent = self.allowance - state.error_used
        if unspent <= 0:  # spent by steps that could not be shorter
            unspent = RESERVED_ALLOWANCE * self.allowance
        return unspent * min(1.0, log_step / log_remaining)

    def evaluate(
        self, state: ControllerState, step: TimeStep, bone: float, cells: float
    ) -> tuple[bool, ControllerState]:
        """Decides whether a step was short enough.

        Args:
            state: before the step.
            step: the step.
            bone: estimated error of its change of BV/TV [percentage points].
            cells: estimated error of the activity of the cells, relative [1].

        Returns:
            Whether it is accepted, and the state after it, or for its repetition.
        """
        after = replace(state, time=step.end, steps=state.steps + 1, after_jump=False)
        if after.retrying:
            after = replace(after, length_limit=RECOVERY_FACTOR * state.length_limit)
        if self.accuracy is None:
            error = 0 if state.after_jump else bone
            return True, replace(after, error_used=state.error_used + error)
        if state.after_jump:  # the estimate is of the jump itself, not of the error
            return True, replace(after, next_length=max(FACTOR_MAX * step.length, self.dt_min))
        ratio = max(bone / self.tolerance(state, step), cells / CELL_RTOL)
        ratio = max(ratio, 1 / ERROR_RATIO_MAX) if math.isfinite(ratio) else ERROR_RATIO_MAX
        ratio = min(ratio, ERROR_RATIO_MAX)
        factor = SAFETY * ratio ** (-1 / ERROR_ORDER)
        if not ratio <= 1 and step.length > self.dt_min * (1 + TIME_RTOL):
            shorter = step.length * max(factor, FACTOR_MIN)
            return False, replace(state, next_length=max(shorter, self.dt_min))
        change = (state.previous_error / ratio) ** (P_COEFF / ERROR_ORDER)
        smoothed = ratio ** (-I_COEFF / ERROR_ORDER) * change
        dt = step.length * min(max(SAFETY * smoothed, FACTOR_MIN), FACTOR_MAX)
        if step.length < state.next_length:  # shortened for a stop time only
            dt = max(dt, min(state.next_length, step.length * factor))
        return True, replace(
            after,
            next_length=min(max(dt, self.dt_min), self.dt_max),
            previous_error=ratio,
            error_used=state.error_used + bone,
        )

    def shorter(self, state: ControllerState, step: TimeStep) -> ControllerState | None:
        """State in which a failed step is repeated with shorter ones.

        Up to the end of the step that failed first, steps are a quarter as long, and twice as long
        after each one that does not fail; one ends there, so that steps of fixed length continue
        on the same times.

        Args:
            state: before the step.
            step: the step.

        Returns:
            The state; None where the step is already as short as it may be.
        """
        if step.length <= SHORTEST_STEP * (1 + TIME_RTOL):
            return None
        limit = max(RETRY_FACTOR * step.length, SHORTEST_STEP)
        # an adaptive step is not to fail again as soon as this one is over
        dt = state.next_length if state.after_jump else min(state.next_length, limit)
        return replace(
            state,
            length_limit=limit,
            retry_until=state.retry_until if state.retrying else step.end,
            next_length=dt,
            failures=state.failures + 1,
        )


def step_size_controller(config: RunConfig, changes: Sequence[float] = ()) -> StepSizeController:
    """Step-size control of a run, whose steps end where the forcing changes."""
    dt_min = DT_MIN_PER_PRECURSOR_LIFE / float(config.parameters.delta_P)
    snapshots = config.snapshot_times[1:]
    others = {t for t in changes if not any(same_time(t, s) for s in _neighbors(t, snapshots))}
    stop_times = sorted({*snapshots, *others})
    return StepSizeController(
        stop_times, config.run.fixed_step or LONGEST_STEP, config.allowed_error, dt_min
    )


def _neighbors(time: float, times: Sequence[float]) -> Sequence[float]:
    """Last of some times in order up to a time, and the first one after it."""
    after = bisect(times, time)
    return times[max(after - 1, 0) : after + 1]


def same_time(time: float, other: float) -> bool:
    """Whether two times [day] differ by rounding only."""
    return math.isclose(time, other, rel_tol=TIME_RTOL)
