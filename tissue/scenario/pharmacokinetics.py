"""Concentration of a drug in the fluid of marrow, and how it is spread over a step."""

from collections.abc import Sequence
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

    def concentration(self, times: Times) -> Times:
        """In the fluid of marrow [pM]; a dose counts from its time on."""
        if self._curve is not None:
            plasma = np.interp(times, *self._curve, left=0.0)
        else:
            plasma = np.zeros(len(times))
            for time, amount in zip(*self.dosing, strict=True):
                after = np.maximum(times - time, 0.0)
                plasma += np.where(times >= time, _after_a_dose(self.drug, amount, after), 0.0)
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


def _after_a_dose(drug: Drug, amount: float, after: Times) -> Times:
    """Plasma concentration [mg/l]: Bateman's function, or a decay after an infusion."""
    initial = drug.bioavailability * amount / drug.volume
    if drug.absorption is None:
        return np.asarray(initial * np.exp(-drug.elimination * after))
    gain, loss = drug.absorption, drug.elimination
    factor = initial * gain / (gain - loss)
    return np.asarray(factor * (np.exp(-loss * after) - np.exp(-gain * after)))


def _saturable(drug: Drug, dosing: Dosing, end: float) -> tuple[Times, Times]:
    """Times [day] and plasma concentrations [mg/l] of a drug that is lost in two ways."""
    assert drug.absorption
    gain = drug.absorption

    def change(_: float, held: Sequence[float]) -> list[float]:
        waiting, plasma = held
        saturable = drug.highest_rate / drug.volume * plasma / (drug.half_rate + plasma)
        arriving = gain * waiting / drug.volume
        return [-gain * waiting, arriving - drug.elimination * plasma - saturable]

    held, times, plasma = np.zeros(2), [0.0], [0.0]
    edges = [*dosing.times.tolist(), max(end, dosing.times[-1] + 1)]
    for start, stop, amount in zip(edges[:-1], edges[1:], dosing.amounts, strict=True):
        held = held + np.array([drug.bioavailability * amount, 0.0])
        if stop <= start:
            continue
        wanted = np.linspace(start, stop, max(2, int(20 * (stop - start))))
        solved = solve_ivp(
            change, (start, stop), held, "LSODA", wanted, rtol=ACCURACY, atol=ACCURACY * 1e-3
        )
        times += solved.t.tolist()
        plasma += np.maximum(solved.y[1], 0).tolist()
        held = solved.y[:, -1]
    return np.array(times), np.array(plasma)
