"""How long the next step is: fixed by the user, or as long as the error of time stepping allows.

The error a step makes is estimated by the step itself. All estimates of a run together stay below
an allowance: a step may use what is left in proportion to its share of the time left. Time counts
by its logarithm since the forcing last changed, for that is how a tissue comes to rest: most of the
error is made in the first days.

A step that fails is replaced by shorter ones, whether steps are fixed or chosen.

References:
    Gustafsson 1991, ACM Trans Math Softw 17:533 (PI control of the step).
"""

import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tissue.scenario.config import RunConfig
from tissue.scenario.values import LONGEST_STEP, SHORTEST_STEP

SETTLING = 1.0
"""Time since the forcing changed from which its logarithm counts [day]: that of the fastest cells
is a few days."""

CELL_ERROR = 0.02
"""Largest error of the speed of resorption or formation in one step, relative."""

YEAR = 365.0
"""Length of a run the accuracy refers to [day]; longer ones may err in proportion."""

SHORTEST_SHARE = 0.01
"""Shortest adaptive step over the life of osteoblast precursors, the longest of all cells: 0.1
day in mouse, where a jump of IL-1 by 10 pM then costs 0.0003 points of BV/TV. In a shorter one so
few cells come and go that float32 could not tell whether their budget closes."""

ORDER = 3
"""The error of one step goes with this power of its length."""

DECIMALS = 12
"""Of the time [day] at which a step ends between two stop_times: 0.1 us."""

ROUNDING = 1e-5
"""Share of a step that is no reason for a further one: what rounding adds up to."""

SAFETY = 0.85  # of the step that would just meet its tolerance
GROWTH, SHRINKAGE = 2.5, 0.2  # most that a step changes from one to the next
PROPORTIONAL, INTEGRAL = 0.2, 0.7  # gains of the controller, over ORDER
RETREAT = 0.25  # of a step that fails: the length of the steps in its place
RECOVERY = 2.0  # by which they grow after each one that goes well
RESERVE = 0.01  # of the allowance, once it is spent
WORST = 1e6  # error over its tolerance that counts; also for one that is not finite
TRIFLE = 1e-9  # rounding of times, relative to a step


class TimeStep(NamedTuple):
    """A step to take: its length, and the exact time it ends at [day]."""

    length: float
    end: float


@dataclass(frozen=True)
class ControllerState:
    """The clock of a run and all that the choice of steps remembers; kept with the state.

    Attributes:
        time: simulated so far [day].
        steps: taken so far.
        next_length: length of the next step [day], before it is cut to land on a time; not used
            after a jump.
        error_used: sum of the estimated errors of the steps so far [percentage points of BV/TV
            change].
        previous_error: error of the last step over its tolerance.
        after_jump: the next step is the first after a change of forcing.
        jump_time: time of that change [day].
        length_limit: longest step up to `retry_until` [day].
        retry_until: end of the last step that failed [day]; up to there steps are shorter.
        failures: number of steps so far that failed and were tried again shorter.
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
        """The state where the forcing has just changed."""
        return replace(self, previous_error=1.0, after_jump=True, jump_time=self.time)

    @property
    def retrying(self) -> bool:
        """A step that failed is being replaced by shorter ones."""
        return self.retry_until > self.time


@dataclass(frozen=True)
class StepSizeController:
    """The rules a run paces by.

    Attributes:
        stop_times: times that a step must end at [day], in order; the last is the end of the run.
        longest: longest step [day].
        accuracy: error allowed [percentage points of BV/TV change] in a run of up to a year; None
            for steps of `longest`, as near as they land.
        shortest: first step after a change of forcing, and step that is accepted whatever its
            error [day].
    """

    stop_times: Sequence[float]
    longest: float
    accuracy: float | None = None
    shortest: float = 0.1

    @property
    def allowance(self) -> float:
        """Error allowed in the whole run [percentage points]."""
        return (self.accuracy or math.inf) * max(1.0, self.stop_times[-1] / YEAR)

    def next(self, state: ControllerState) -> TimeStep:
        """The step to try now."""
        goal = self.stop_times[bisect(self.stop_times, state.time)]
        if state.retrying:
            goal = min(goal, state.retry_until)
        left = goal - state.time
        wanted = self.shortest if state.after_jump else state.next_length
        wanted = self.longest if self.accuracy is None else min(wanted, self.longest)
        if state.retrying:
            wanted = min(wanted, state.length_limit)
        # equal steps when the goal is near: a tiny last one would be as dear as a long one
        number = math.ceil(left / wanted - ROUNDING)
        if number <= 1:
            return TimeStep(left, goal)
        length = left / number if self.accuracy is None or number == 2 else wanted
        # a time that rounding errors add up to is no name for a file
        return TimeStep(length, round(state.time + length, DECIMALS))

    def tolerance(self, state: ControllerState, step: TimeStep) -> float:
        """Error that a step may make [percentage points]."""
        age = state.time - state.jump_time + SETTLING
        to_come = math.log1p((self.stop_times[-1] - state.time) / age)
        share = math.log1p(step.length / age) / to_come
        left = self.allowance - state.error_used
        if left <= 0:  # steps that could not be shorter have spent it
            left = RESERVE * self.allowance
        return left * min(1.0, share)

    def evaluate(
        self, state: ControllerState, step: TimeStep, bone: float, cells: float
    ) -> tuple[bool, ControllerState]:
        """Whether a step was short enough, and the state after it or for its repetition.

        Args:
            state: before the step.
            step: the step.
            bone: estimated error of its change of BV/TV [percentage points].
            cells: estimated relative error of the cells' activity.
        """
        after = replace(state, time=step.end, steps=state.steps + 1, after_jump=False)
        after = (
            replace(after, length_limit=RECOVERY * state.length_limit) if after.retrying else after
        )
        if self.accuracy is None:
            return True, replace(
                after,
                error_used=state.error_used + (0 if state.after_jump else bone),
            )
        if state.after_jump:  # what is estimated is the jump itself, not the error
            return True, replace(after, next_length=max(GROWTH * step.length, self.shortest))
        worst = max(bone / self.tolerance(state, step), cells / CELL_ERROR)
        worst = min(max(worst, 1 / WORST), WORST) if math.isfinite(worst) else WORST
        enough = SAFETY * worst ** (-1 / ORDER)
        if not worst <= 1 and step.length > self.shortest * (1 + TRIFLE):
            shorter = step.length * max(enough, SHRINKAGE)
            return False, replace(state, next_length=max(shorter, self.shortest))
        smooth = worst ** (-INTEGRAL / ORDER) * (state.previous_error / worst) ** (
            PROPORTIONAL / ORDER
        )
        wanted = step.length * min(max(SAFETY * smooth, SHRINKAGE), GROWTH)
        if step.length < state.next_length:  # cut to land: no reason to go on with short steps
            wanted = max(wanted, min(state.next_length, step.length * enough))
        wanted = min(max(wanted, self.shortest), self.longest)
        return True, replace(
            after,
            next_length=wanted,
            previous_error=worst,
            error_used=state.error_used + bone,
        )

    def shorter(self, state: ControllerState, step: TimeStep) -> ControllerState | None:
        """The state to try a step again with that failed; None where it is as short as it may be.

        Up to the end of the step that failed first, steps are a quarter as long, and twice as long
        after each one that goes well; one ends there, so that steps of fixed length go on as if
        nothing had happened.

        Args:
            state: before the step.
            step: the step.
        """
        if step.length <= SHORTEST_STEP * (1 + TRIFLE):
            return None
        limit = max(RETREAT * step.length, SHORTEST_STEP)
        # of an adaptive step: it is not to fail again as soon as this one is over
        wanted = min(state.next_length, limit) if not state.after_jump else state.next_length
        until = state.retry_until if state.retrying else step.end
        failures = state.failures + 1
        return replace(
            state,
            length_limit=limit,
            retry_until=until,
            next_length=wanted,
            failures=failures,
        )


def step_size_controller(config: RunConfig, changes: Sequence[float] = ()) -> StepSizeController:
    """The rules by which a run chooses its steps, which end where what acts changes."""
    shortest = SHORTEST_SHARE / float(config.parameters.delta_P)
    snapshots = config.snapshot_times[1:]
    others = {t for t in changes if not any(same_time(t, s) for s in _beside(t, snapshots))}
    stop_times = sorted({*snapshots, *others})
    return StepSizeController(
        stop_times, config.step or LONGEST_STEP, config.allowed_error, shortest
    )


def _beside(time: float, times: Sequence[float]) -> Sequence[float]:
    """The times before and after one, of many in order."""
    place = bisect(times, time)
    return times[max(place - 1, 0) : place + 1]


def same_time(time: float, other: float) -> bool:
    """Whether two times [day] differ by rounding only."""
    return math.isclose(time, other, rel_tol=1e-9)
