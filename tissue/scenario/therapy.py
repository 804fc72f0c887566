"""Courses of drugs: which, how much, when; and that they do not contradict each other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tissue.errors import InputError
from tissue.scenario.drugs import BODY_WEIGHT
from tissue.scenario.pharmacokinetics import Dosing
from tissue.scenario.schema import TherapyTable
from tissue.scenario.values import Dose

TRIFLE = 1e-9  # rounding of times, relative


@dataclass(frozen=True)
class Therapy:
    """One course of a drug.

    Attributes:
        drug: its name in `drugs.DRUGS`.
        dose: [mg/kg].
        times: of the doses [day].
        until: when the last one has had its interval [day].
    """

    drug: str
    dose: float
    times: tuple[float, ...]
    until: float

    @property
    def interval(self) -> float:
        """Shortest time between two doses [day]; inf for a single one."""
        return min(np.diff(self.times), default=math.inf)


def read_therapies(
    tables: Sequence[TherapyTable], species: str, duration: float
) -> tuple[Therapy, ...]:
    """Check the [[therapy]] tables of a run file.

    Raises:
        InputError: a schedule is incomplete, lies outside the run or contradicts another.
    """
    found = [
        _read(table, f"therapy[{i}]", species, duration) for i, table in enumerate(tables, start=1)
    ]
    for i, first in enumerate(found):
        for j, second in enumerate(found[:i]):
            shared = min(first.until - second.times[0], second.until - first.times[0])
            together = shared > TRIFLE * duration
            if first.drug == second.drug and together:
                raise InputError(
                    f"therapy[{j + 1}] and therapy[{i + 1}] both give {first.drug} from day "
                    f"{max(first.times[0], second.times[0]):g} on: let one stop before the other "
                    "starts, or put their doses into one table with times"
                )
    return tuple(found)


def dosing(therapies: Sequence[Therapy], drug: str) -> Dosing | None:
    """All doses of a drug, in order; None where it is not given."""
    doses = sorted((t, each.dose) for each in therapies if each.drug == drug for t in each.times)
    if not doses:
        return None
    times, amounts = np.array(doses).T
    return Dosing(times, amounts)


def _read(table: TherapyTable, key: str, species: str, duration: float) -> Therapy:
    times = _times(table, key, duration)
    for time in times:
        if time < 0:
            raise InputError(
                f"{key} has a dose at {time:g} day, before the start of the run: doses must lie "
                f"between 0 day and run.duration = {duration:g} day"
            )
        if time > duration:
            raise InputError(
                f"{key} has a dose at {time:g} day, after the end of the run: doses must lie "
                f"between 0 day and run.duration = {duration:g} day"
            )
    # from the times alone: a resolved run, which gives no more than these, is the same run
    gap = times[-1] - times[-2] if len(times) > 1 else 0.0
    return Therapy(table.drug, _per_kg(table.dose, species), times, times[-1] + gap)


def _times(table: TherapyTable, key: str, duration: float) -> tuple[float, ...]:
    if table.times is not None:
        for other in ("every", "start", "stop"):
            if getattr(table, other) is not None:
                raise InputError(
                    f"{key}.{other} contradicts {key}.times: give either times or a schedule of "
                    "every, start and stop"
                )
        if any(b <= a for a, b in zip(table.times, table.times[1:], strict=False)):
            raise InputError(f"{key}.times must be in order, each dose after the one before")
        return table.times
    start = table.start or 0.0
    if table.every is None:
        if table.stop is not None:
            raise InputError(f"{key}.stop needs {key}.every, the time between two doses")
        return (start,)
    stop = duration if table.stop is None else table.stop
    if stop <= start:
        raise InputError(f"{key}.stop = {stop:g} day must be after {key}.start = {start:g} day")
    count = math.ceil((min(stop, duration) - start) / table.every - TRIFLE)
    return tuple(start + i * table.every for i in range(max(count, 1)))


def _per_kg(dose: Dose, species: str) -> float:
    return dose.amount if dose.per_kg else dose.amount / BODY_WEIGHT[species]
