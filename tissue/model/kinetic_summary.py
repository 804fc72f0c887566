"""Peak, time of the peak, area and half-life of a drug in plasma, beside what was published."""

import math
from typing import NamedTuple

import numpy as np

from tissue.model.drugs import DRUGS, Drug, Published, Value
from tissue.model.pharmacokinetics import Dosing, OneCompartmentPK

POINTS = 20_000
"""Points of time after a dose [1], closer together at its start."""

HALF_LIVES = 20
"""Half-lives after which nothing of a dose is left, and before which doses are steady [1]."""

HIGH, LOW = 0.8, 0.2
"""Shares of the peak between which the half-life of a saturable elimination is measured [1]: two
half-lives."""


class Summary(NamedTuple):
    """Plasma concentrations after a dose.

    Attributes:
        peak: highest concentration [mg/l].
        peak_time: time from the dose to it [day].
        area: area under the concentration [mg day/l].
        half_life: half-life of the decline [day].
    """

    peak: float
    peak_time: float
    area: float
    half_life: float


def summary(
    drug: Drug, species: str, dose: float, interval: float | None = None, until: float = math.inf
) -> Summary:
    """Plasma concentrations after a single dose, or in an interval of the steady state.

    Args:
        drug: the drug.
        species: "mouse" or "human".
        dose: dose [mg/kg].
        interval: interval between doses in the steady state [day]; None for a single dose.
        until: end of the area after a single dose [day].
    """
    kinetics = drug.kinetics[species]
    lasting = HALF_LIVES * kinetics.half_life
    number = math.ceil(lasting / interval) if interval else 1
    given = Dosing((interval or 0.0) * np.arange(float(number)), np.full(number, dose))
    length = interval or min(until, lasting)
    start = given.times[-1]
    curve = OneCompartmentPK(drug, species, given, start + length)
    nodes = (np.arange(POINTS) + 0.5) / POINTS
    times = length * nodes**2
    plasma = curve.plasma(start + times)
    highest = int(np.argmax(plasma))
    half_life = kinetics.half_life
    if kinetics.vmax:
        after = times[highest:]
        high, low = (after[plasma[highest:] >= x * plasma[highest]][-1] for x in (HIGH, LOW))
        half_life = float(low - high) / 2
    area = float(np.sum(plasma * 2 * nodes)) * length / POINTS
    peak_time = float(times[highest]) if kinetics.absorption else 0.0
    return Summary(float(plasma[highest]), peak_time, area, half_life)


class Comparison(NamedTuple):
    """A computed number beside the published one, over whose nearer end it is `ratio`."""

    computed: float
    published: Value
    ratio: float


def comparisons(drug: str, species: str, published: Published) -> dict[str, Comparison]:
    """The published numbers of a drug beside those computed, by attribute of `Summary`."""
    row = DRUGS[drug]
    found = summary(row, species, published.dose, published.interval, published.until)
    compared = {}
    for name, computed in found._asdict().items():
        wanted = getattr(published, name)
        if wanted is not None:
            low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
            nearest = min(max(computed, low), high)
            compared[name] = Comparison(computed, wanted, computed / nearest)
    return compared
