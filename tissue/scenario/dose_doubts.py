"""Doses and schedules that are far from the usual ones of their drug."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tissue.model.drugs import BODY_WEIGHT, DRUGS, plausible_doses, standard_dose
from tissue.numerals import short

if TYPE_CHECKING:
    from tissue.scenario.therapy import Therapy

DOUBTED_RATE = 300.0
"""Mean dose per day over the usual one from which a schedule is doubted [1]: mice get weekly doses
of drugs that people get once or twice a year, and those stay below (assumption)."""


def doubtful_doses(therapies: "Sequence[Therapy]", species: str) -> tuple[str, ...]:
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


def _doubts(therapy: "Therapy", key: str, species: str) -> Iterator[str]:
    every = DRUGS[therapy.drug].regimen[species].interval
    usual = standard_dose(therapy.drug, species)
    low, high = plausible_doses(therapy.drug, species)
    # small doses in quick succession are as good as the usual one
    if therapy.dose > high or max(therapy.dose, every * therapy.per_day) < low:
        weight = BODY_WEIGHT[species]
        yield (
            f"{key}.dose is {short(therapy.dose)} mg/kg of {therapy.drug}, or "
            f"{short(therapy.dose * weight)} mg in a {species} of {weight:g} kg: check its unit "
            f"and run.preset; {standard_regimen(therapy.drug, species)}"
        )
    if every * therapy.per_day > DOUBTED_RATE * usual:
        yield (
            f"{key} gives {short(therapy.per_day)} mg/kg of {therapy.drug} a day: check how often "
            f"it is given; {standard_regimen(therapy.drug, species)}"
        )


def standard_regimen(drug: str, species: str) -> str:
    """The standard dose of a drug in words."""
    (own, every), people = (DRUGS[drug].regimen[name] for name in (species, "human"))
    amount = short(people.dose * BODY_WEIGHT["human"])
    return (
        f"{short(own)} mg/kg every {short(every)} day is usual in a {species} (people get "
        f"{amount} mg every {short(people.interval)} day)"
    )
