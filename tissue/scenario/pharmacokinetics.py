"""Concentration of a drug in the fluid of marrow, and how it is spread over a step."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from tissue.model.forcing import quantiles
from tissue.scenario.drugs import Drug

Times = NDArray[np.float64]

SAMPLES = 96
"""Of the concentration between one dose and the next, closer together after a dose."""

ANSWER = 1.0
"""Time over which bone cells answer to a pulse of an anabolic drug [day]: expression of RANKL and
recruitment of osteoblasts take that long (assumption)."""

ACCURACY = 1e-8  # relative, of the saturable elimination

SAMPLES_A_DAY = 20
"""Samples of the concentration of a drug that is lost in a saturable way [1/day]."""

RARE = 7.0
"""Time between doses from which a solver that chooses its steps pays [day]: it takes milliseconds
to start. In shorter gaps the concentration changes so little from one sample to the next that a
step of Runge and Kutta's between them is more accurate than it."""


class Dosing(NamedTuple):
    """Doses of one drug.

    Attributes:
        times: in order [day].
        amounts: of each [mg/kg].
    """

    times: Times
    amounts: NDArray[np.float64]


class Kinetics:
    """One compartment that fills from under the skin and empties, in part by a saturable way."""

    def __init__(self, drug: Drug, dosing: Dosing, end: float) -> None:
        """Prepares the concentration from the first dose to the end of a run [day]."""
        self.drug, self.dosing = drug, dosing
        self._to_pm = 1e9 * drug.reach / drug.molar_mass  # of mg/l
        self._curve = _saturable(drug, dosing, end) if drug.highest_rate else None
        self._decays = [] if drug.highest_rate else _decays(drug, dosing)

    def concentration(self, times: Times) -> Times:
        """In the fluid of marrow [pM]; a dose counts from its time on."""
        if self._curve is not None:
            return np.asarray(self._to_pm * np.interp(times, *self._curve, left=0.0))
        last = np.searchsorted(self.dosing.times, times, side="right") - 1
        since = np.where(last >= 0, times - self.dosing.times[last], 0.0)
        plasma = np.zeros(len(times))
        for rate, after in self._decays:
            plasma += np.where(last >= 0, after[last] * np.exp(-rate * since), 0.0)
        return np.asarray(self._to_pm * plasma)

    def spread(self, start: float, length: float, number: int) -> Times:
        """Concentrations that stand for a step in the mean of any response to them [pM].

        They exceed all but the `quantiles` of the step: a response that follows the drug from its
        peak to its trough is averaged as it stands, whatever the shape of the response.
        """
        found, weights = self._samples(start, length)
        order = np.argsort(found)
        rank = np.cumsum(weights[order]) - 0.5 * weights[order]
        least = 1e-12 * max(found.max(), 1e-300)
        logarithm = np.log(np.maximum(found[order], least))
        return np.asarray(np.exp(np.interp(quantiles(number), rank, logarithm)))

    def mean_share(self, start: float, length: float) -> float:
        """Mean share of the largest effect during a step, for a drug with a half effect.

        Cells answer to it over a day: in a shorter step they feel the day around its middle.
        """
        half = self.drug.half_effect
        assert half
        window = max(length, ANSWER)
        found, weights = self._samples(start + 0.5 * (length - window), window)
        return float(np.sum(weights * found / (found + half)))

    def _samples(self, start: float, length: float) -> tuple[Times, Times]:
        """Concentrations during a step [pM], and the share of it that each stands for."""
        end = start + length
        inner = self.dosing.times[(self.dosing.times > start) & (self.dosing.times < end)]
        edges = np.concatenate([[start], inner, [end]])
        lengths = np.diff(edges)[:, None]
        places = (np.arange(SAMPLES) + 0.5) / SAMPLES
        times = (edges[:-1, None] + lengths * places**2).ravel()
        weights = (lengths * 2 * places / SAMPLES).ravel()
        return self.concentration(times), weights / weights.sum()


def _decays(drug: Drug, dosing: Dosing) -> list[tuple[float, Times]]:
    """Plasma concentration as a sum of decays: the rate of each [1/day], and what there is of it
    after each dose [mg/l]. Two make Bateman's function, one an infusion."""
    initial = drug.bioavailability * dosing.amounts / drug.volume
    if drug.absorption is None:
        parts = [(drug.elimination, initial)]
    else:
        gain, loss = drug.absorption, drug.elimination
        factor = gain / (gain - loss)
        parts = [(loss, factor * initial), (gain, -factor * initial)]
    found = []
    for rate, added in parts:
        kept = np.exp(-rate * np.diff(dosing.times, prepend=dosing.times[0])).tolist()
        steps = zip(kept, added.tolist(), strict=True)
        after = accumulate(steps, lambda held, step: held * step[0] + step[1], initial=0.0)
        found.append((rate, np.array(list(after)[1:])))
    return found


def _saturable(drug: Drug, dosing: Dosing, end: float) -> tuple[Times, Times]:
    """Times [day] and plasma concentrations [mg/l] of a drug that is lost in two ways."""
    assert drug.absorption
    gain = drug.absorption

    def change(waiting: float, plasma: float) -> float:
        saturable = drug.highest_rate / drug.volume * plasma / (drug.half_rate + plasma)
        return gain * waiting / drug.volume - drug.elimination * plasma - saturable

    def both(_: float, held: Sequence[float]) -> list[float]:
        return [-gain * held[0], change(*held)]

    def in_steps(waiting: float, levels: list[float], length: float, number: int) -> float:
        """Adds the levels after each of some steps; what waits under the skin is known exactly."""
        decay = math.exp(-0.5 * gain * length)
        for _ in range(number):
            start, middle, stop = waiting, waiting * decay, waiting * decay**2
            level = levels[-1]
            a = change(start, level)
            b = change(middle, level + 0.5 * length * a)
            c = change(middle, level + 0.5 * length * b)
            d = change(stop, level + length * c)
            levels.append(level + length / 6 * (a + 2 * b + 2 * c + d))
            waiting = stop
        return waiting

    waiting, level, times, plasma = 0.0, 0.0, [0.0], [0.0]
    edges = [*dosing.times.tolist(), max(end, dosing.times[-1] + 1)]
    amounts = dosing.amounts.tolist()
    for start, stop, amount in zip(edges[:-1], edges[1:], amounts, strict=True):
        waiting += drug.bioavailability * amount
        if stop <= start:
            continue
        number = max(2, int(SAMPLES_A_DAY * (stop - start)))
        if stop - start < RARE:
            levels = [level]
            waiting = in_steps(waiting, levels, (stop - start) / (number - 1), number - 1)
            times += [start + i * (stop - start) / (number - 1) for i in range(number - 1)]
            times.append(stop)
        else:
            wanted = np.linspace(start, stop, number)
            solved = solve_ivp(
                both,
                (start, stop),
                [waiting, level],
                "LSODA",
                wanted,
                rtol=ACCURACY,
                atol=ACCURACY * 1e-3,
            )
            times += solved.t.tolist()
            levels, waiting = solved.y[1].tolist(), float(solved.y[0, -1])
        plasma += [max(0.0, each) for each in levels]
        level = levels[-1]
    return np.array(times), np.array(plasma)
