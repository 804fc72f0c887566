"""Regimens of drugs: which drug, how much and when, without contradictions."""

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
from pydantic import ConfigDict, Field

from tissue.errors import InputError
from tissue.model.drugs import BODY_WEIGHT, DRUGS
from tissue.model.pharmacokinetics import Dosing
from tissue.scenario.dose_doubts import standard_regimen
from tissue.scenario.schema import INTERVAL, RunTable
from tissue.scenario.values import (
    MOST_DOSES,
    SHORTEST_STEP,
    TIME_RTOL,
    Dose,
    Interval,
    Table,
    Time,
    Times,
    one_of,
)

BODY_DOSE = 1e6
"""A dose as heavy as the body [mg/kg]."""


SCHEDULE = ("every", "start", "stop")
"""Keys that do not go with times."""


class Therapy(Table):
    """[[therapy]], a regimen of one drug; once it is read, its schedule is written out as times.

    Attributes:
        dose: every dose [mg/kg].
        times: times of the doses [day]; empty until a schedule is written out.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"stop": ["every"]},
            "dependentSchemas": {
                "times": {"not": {"anyOf": [{"required": [key]} for key in SCHEDULE]}}
            },
        }
    )

    drug: one_of(DRUGS, "drug") = Field(  # type: ignore[valid-type]
        description="one of " + ", ".join(DRUGS)
    )
    dose: Dose = Field(
        description="an amount, e.g. '60 mg', or one per body weight, e.g. '1 mg/kg'"
    )
    times: Times = Field(
        default=(), description=f"a list of 1 to {MOST_DOSES} times, e.g. ['0 day', '182 day']"
    )
    every: Interval | None = Field(default=None, description=f"{INTERVAL}, e.g. '1 day'")
    start: Time | None = Field(default=None, description="a time, e.g. '0 day'")
    stop: Time | None = Field(default=None, description="a time after start, e.g. '365 day'")

    @property
    def until(self) -> float:
        """Time at which the last dose has had its interval [day].

        The times alone decide: a resolved run file, which gives no more than these, is the same
        run.
        """
        gap = self.times[-1] - self.times[-2] if len(self.times) > 1 else 0.0
        return self.times[-1] + gap

    @property
    def interval(self) -> float:
        """Shortest time between two doses [day]; inf for a single one."""
        return float(np.diff(self.times).min()) if len(self.times) > 1 else math.inf

    @property
    def per_day(self) -> float:
        """Mean dose per day from the first to the last [mg/(kg day)]; 0 for a single one."""
        given = len(self.times) - 1
        return given * self.dose / (self.times[-1] - self.times[0]) if given else 0.0

    def at_times(self, times: Sequence[float]) -> "Therapy":
        """The same doses at other times [day]."""
        schedule = {"times": tuple(times), "every": None, "start": None, "stop": None}
        return self.model_copy(update=schedule)


def written_out(therapies: Sequence[Therapy], run: RunTable) -> tuple[Therapy, ...]:
    """Regimens with the times of their doses.

    Args:
        therapies: tables as a run file gives them.
        run: its table [run].

    Raises:
        InputError: a schedule is incomplete, lies outside the run or contradicts another.
    """
    found: list[Therapy] = []
    number = 0
    for i, table in enumerate(therapies, start=1):
        found.append(_written_out(table, f"therapy[{i}]", run, MOST_DOSES - number))
        number += len(found[-1].times)
    # a list of times is complete: the regimens of a branch begin where its parent's are cut
    ends = [
        new.times[-1] if table.times else new.until
        for table, new in zip(therapies, found, strict=True)
    ]
    _refuse_together(found, ends, TIME_RTOL * run.duration)
    return tuple(found)


def dosing(therapies: Sequence[Therapy], drug: str) -> Dosing | None:
    """Doses of a drug, in order; None where it is not given."""
    given = [each for each in therapies if each.drug == drug]
    if not given:
        return None
    times = np.array(list(chain.from_iterable(each.times for each in given)))
    amounts = np.repeat([each.dose for each in given], [len(each.times) for each in given])
    order = np.lexsort((amounts, times))
    return Dosing(times[order], amounts[order])


def _written_out(table: Therapy, key: str, run: RunTable, most: int) -> Therapy:
    times = _times(table, key, run.duration, most)
    if len(times) > most:
        raise InputError(
            f"{key} brings the doses of the run to more than {MOST_DOSES}: give fewer, or larger "
            "ones less often"
        )
    _refuse_outside(key, times[0], run.duration)
    _refuse_outside(key, times[-1], run.duration)
    if table.dose >= BODY_DOSE:
        weight = BODY_WEIGHT[run.preset]
        raise InputError(
            f"{key}.dose is {table.dose * weight / 1e6:.3g} kg for a {run.preset} of "
            f"{weight:g} kg: check its unit; {standard_regimen(table.drug, run.preset)}"
        )
    return table.at_times(times)


def _refuse_outside(key: str, time: float, duration: float) -> None:
    if not 0 <= time <= duration:
        when = "before the start" if time < 0 else "after the end"
        raise InputError(
            f"{key} has a dose at {time:g} day, {when} of the run: doses must lie between 0 day "
            f"and run.duration = {duration:g} day"
        )


def _times(table: Therapy, key: str, duration: float, most: int) -> tuple[float, ...]:
    if table.times:
        for other in SCHEDULE:
            if getattr(table, other) is not None:
                raise InputError(
                    f"{key}.{other} contradicts {key}.times: give either times or a schedule of "
                    "every, start and stop"
                )
        # with a tolerance: times of a schedule that was written out are rounded
        if np.any(np.diff(table.times) < SHORTEST_STEP * (1 - 1e-6)):
            raise InputError(
                f"{key}.times must be in order, each dose at least {SHORTEST_STEP} day after the "
                "one before"
            )
        return table.times
    start = table.start or 0.0
    _refuse_outside(key, start, duration)
    if table.every is None:
        if table.stop is not None:
            raise InputError(f"{key}.stop needs {key}.every, the time between two doses")
        return (start,)
    stop = duration if table.stop is None else table.stop
    if stop <= start:
        raise InputError(f"{key}.stop = {stop:g} day must be after {key}.start = {start:g} day")
    count = math.ceil((min(stop, duration) - start) / table.every - TIME_RTOL)
    if count > most:
        raise InputError(
            f"{key}.every = {table.every:g} day makes {count} doses, and a run may have "
            f"{MOST_DOSES}: give larger ones less often"
        )
    return tuple((start + np.arange(max(count, 1)) * table.every).tolist())


def _refuse_together(therapies: Sequence[Therapy], ends: Sequence[float], rounding: float) -> None:
    """Refuse two regimens of one drug at the same time."""
    last: dict[str, int] = {}
    for i in sorted(range(len(therapies)), key=lambda i: therapies[i].times[0]):
        second = therapies[i]
        j = last.get(second.drug, i)
        first = therapies[j]
        # in order of their start, and those before do not overlap: one is left to check
        if j != i and min(ends[j] - second.times[0], ends[i] - first.times[0]) > rounding:
            one, other = sorted((i + 1, j + 1))
            raise InputError(
                f"therapy[{one}] and therapy[{other}] both give {first.drug} from day "
                f"{second.times[0]:g} on: let one stop before the other starts, or put their "
                "doses into one table with times"
            )
        if ends[i] >= ends[j]:
            last[second.drug] = i
