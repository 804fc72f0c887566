"""Courses of drugs: which, how much, when; and that they do not contradict each other."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tissue.errors import InputError
from tissue.model.drugs import BODY_WEIGHT, DRUGS, plausible_doses, standard_dose
from tissue.model.pharmacokinetics import Dosing
from tissue.scenario.schema import TherapyTable
from tissue.scenario.values import MOST_DOSES, SHORTEST_STEP, Dose

TRIFLE = 1e-9  # rounding of times, relative

FAR_RATE = 300.0
"""Mean dose per day over the usual one from which a schedule is doubted: mice get weekly doses of
drugs that people get once or twice a year, and those stay below (assumption)."""

WHOLE_BODY = 1e6
"""A dose as heavy as the body [mg/kg]."""


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
        return float(np.diff(self.times).min()) if len(self.times) > 1 else math.inf

    @property
    def per_day(self) -> float:
        """Mean dose per day from the first to the last [mg/(kg day)]; 0 for a single one."""
        given = len(self.times) - 1
        return given * self.dose / (self.times[-1] - self.times[0]) if given else 0.0


def read_therapies(
    tables: Sequence[TherapyTable], species: str, duration: float
) -> tuple[Therapy, ...]:
    """Check the [[therapy]] tables of a run file.

    Raises:
        InputError: a schedule is incomplete, lies outside the run or contradicts another.
    """
    found, number = [], 0
    for i, table in enumerate(tables, start=1):
        found.append(_read(table, f"therapy[{i}]", species, duration, MOST_DOSES - number))
        number += len(found[-1].times)
    _refuse_together(found, TRIFLE * duration)
    return tuple(found)


def doubtful_doses(therapies: Sequence[Therapy], species: str) -> tuple[str, ...]:
    """Doses and schedules far from what is usual, a sentence for the first of each drug.

    Args:
        therapies: as `read_therapies` gives them.
        species: "mouse" or "human".
    """
    found: dict[str, list[str]] = {}
    for number, each in enumerate(therapies, start=1):
        for doubt in _doubts(each, f"therapy[{number}]", species):
            found.setdefault(each.drug, []).append(doubt)
    return tuple(
        first + (f" ({len(others)} more of {drug} are as doubtful)" if others else "")
        for drug, (first, *others) in found.items()
    )


def dosing(therapies: Sequence[Therapy], drug: str) -> Dosing | None:
    """All doses of a drug, in order; None where it is not given."""
    given = [each for each in therapies if each.drug == drug]
    if not given:
        return None
    times = np.array(list(chain.from_iterable(each.times for each in given)))
    amounts = np.repeat([each.dose for each in given], [len(each.times) for each in given])
    order = np.lexsort((amounts, times))
    return Dosing(times[order], amounts[order])


def _read(table: TherapyTable, key: str, species: str, duration: float, most: int) -> Therapy:
    times = _times(table, key, duration, most)
    if len(times) > most:
        raise InputError(
            f"{key} brings the doses of the run to more than {MOST_DOSES}: give fewer, or larger "
            "ones less often"
        )
    _refuse_outside(key, times[0], duration)
    _refuse_outside(key, times[-1], duration)
    dose = _per_kg(table.dose, species)
    if dose >= WHOLE_BODY:
        raise InputError(
            f"{key}.dose is {dose * BODY_WEIGHT[species] / 1e6:.3g} kg for a {species} of "
            f"{BODY_WEIGHT[species]:g} kg: check its unit; {_usual(table.drug, species)}"
        )
    # from the times alone: a resolved run, which gives no more than these, is the same run
    gap = times[-1] - times[-2] if len(times) > 1 else 0.0
    return Therapy(table.drug, dose, times, times[-1] + gap)


def _refuse_outside(key: str, time: float, duration: float) -> None:
    if not 0 <= time <= duration:
        when = "before the start" if time < 0 else "after the end"
        raise InputError(
            f"{key} has a dose at {time:g} day, {when} of the run: doses must lie between 0 day "
            f"and run.duration = {duration:g} day"
        )


def _times(table: TherapyTable, key: str, duration: float, most: int) -> tuple[float, ...]:
    if table.times is not None:
        for other in ("every", "start", "stop"):
            if getattr(table, other) is not None:
                raise InputError(
                    f"{key}.{other} contradicts {key}.times: give either times or a schedule of "
                    "every, start and stop"
                )
        # less a trifle: times of a schedule that was written out are rounded
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
    count = math.ceil((min(stop, duration) - start) / table.every - TRIFLE)
    if count > most:
        raise InputError(
            f"{key}.every = {table.every:g} day makes {count} doses, and a run may have "
            f"{MOST_DOSES}: give larger ones less often"
        )
    return tuple((start + np.arange(max(count, 1)) * table.every).tolist())


def _refuse_together(therapies: Sequence[Therapy], trifle: float) -> None:
    """Refuses two courses of one drug at the same time."""
    last: dict[str, int] = {}
    for i in sorted(range(len(therapies)), key=lambda i: therapies[i].times[0]):
        second = therapies[i]
        j = last.get(second.drug, i)
        first = therapies[j]
        # courses are in order of their start, and those before do not overlap: one is left to ask
        if j != i and min(first.until - second.times[0], second.until - first.times[0]) > trifle:
            one, other = sorted((i + 1, j + 1))
            raise InputError(
                f"therapy[{one}] and therapy[{other}] both give {first.drug} from day "
                f"{second.times[0]:g} on: let one stop before the other starts, or put their "
                "doses into one table with times"
            )
        if second.until >= first.until:
            last[second.drug] = i


def _doubts(therapy: Therapy, key: str, species: str) -> Iterator[str]:
    every = DRUGS[therapy.drug].standard_regimen.interval
    usual = standard_dose(therapy.drug, species)
    low, high = plausible_doses(therapy.drug, species)
    # small doses in quick succession are as good as the usual one
    if therapy.dose > high or max(therapy.dose, every * therapy.per_day) < low:
        weight = BODY_WEIGHT[species]
        yield (
            f"{key}.dose is {_three(therapy.dose)} mg/kg of {therapy.drug}, or "
            f"{_three(therapy.dose * weight)} mg in a {species} of {weight:g} kg: check its unit "
            f"and run.preset; {_usual(therapy.drug, species)}"
        )
    if every * therapy.per_day > FAR_RATE * usual:
        yield (
            f"{key} gives {_three(therapy.per_day)} mg/kg of {therapy.drug} a day: check how often "
            f"it is given; {_usual(therapy.drug, species)}"
        )


def _usual(drug: str, species: str) -> str:
    """The usual dose in words."""
    amount, every = DRUGS[drug].standard_regimen
    own = f"{_three(standard_dose(drug, species))} mg/kg in a {species}"
    return f"{own} is usual (people get {amount:g} mg every {every:g} day)"


def _three(number: float) -> str:
    """A number of three significant digits, written out."""
    return f"{float(f'{number:.3g}'):g}"


def _per_kg(dose: Dose, species: str) -> float:
    return dose.amount if dose.per_kg else dose.amount / BODY_WEIGHT[species]
