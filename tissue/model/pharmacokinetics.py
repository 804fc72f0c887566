"""Pharmacokinetics: drug concentrations in marrow fluid, and the exposure of a target in a step."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from tissue.model.drugs import DRUGS, Drug, Kinetics
from tissue.model.forcing import quantiles
from tissue.model.targets import TARGETS, AnabolicEffect, BoneBinding

Times = NDArray[np.float64]

SAMPLES = 96
"""Samples of the concentration between one dose and the next [1], closer together after a dose."""

RESPONSE_TIME = 1.0
"""Time over which bone cells respond to a pulse of an anabolic drug [day]: expression of RANKL and
recruitment of osteoblasts take that long (assumption)."""

SOLVER_RTOL = 1e-8
"""Relative error of the saturable elimination [1]."""

SAMPLES_PER_DAY = 20
"""Samples of the concentration of a drug with saturable elimination [1/day]."""

LSODA_FROM = 7.0
"""Interval between doses from which a solver that chooses its steps pays [day]: it takes
milliseconds to start. In shorter ones the concentration changes so little from one sample to the
next that a Runge-Kutta step between them is more accurate than it."""


class Dosing(NamedTuple):
    """Doses of one drug.

    Attributes:
        times: times of the doses, in order [day].
        amounts: amount of each [mg/kg].
    """

    times: Times
    amounts: NDArray[np.float64]


class OneCompartmentPK:
    """One-compartment pharmacokinetics: absorption from under the skin, elimination in part
    saturable (Michaelis-Menten)."""

    def __init__(self, drug: Drug, species: str, dosing: Dosing, end: float) -> None:
        """Prepares the concentration from the first dose to the end of a run [day]."""
        self.kinetics, self.dosing = drug.kinetics[species], dosing
        self._to_pm = 1e9 * drug.marrow_plasma_ratio / drug.molar_mass  # of mg/l
        saturable = self.kinetics.vmax > 0
        self._curve = _saturable(self.kinetics, dosing, end) if saturable else None
        self._decays = [] if saturable else _decays(self.kinetics, dosing)

    def concentration(self, times: Times) -> Times:
        """Concentration in marrow fluid [pM]; a dose counts from its time on."""
        return np.asarray(self._to_pm * self.plasma(times))

    def plasma(self, times: Times) -> Times:
        """Concentration in plasma [mg/l]; a dose counts from its time on."""
        if self._curve is not None:
            return np.asarray(np.interp(times, *self._curve, left=0.0))
        last = np.searchsorted(self.dosing.times, times, side="right") - 1
        since = np.where(last >= 0, times - self.dosing.times[last], 0.0)
        plasma = np.zeros(len(times))
        for rate, after in self._decays:
            plasma += np.where(last >= 0, after[last] * np.exp(-rate * since), 0.0)
        return plasma


class Exposure:
    """Exposure of a target to all drugs that act on it: u(t) = sum over drugs of w c(t).

    c is the concentration of a drug in marrow; w is its relative potency, or 1 over its half effect
    where the action is a share of the largest effect.
    """

    def __init__(self, drugs: Sequence[tuple[float, OneCompartmentPK]]) -> None:
        """Adds the drugs, each with its weight w."""
        self._drugs = drugs
        self._doses = np.sort(np.concatenate([each.dosing.times for _, each in drugs]))
        self.nodes = max(each.kinetics.nodes for _, each in drugs)

    def at(self, times: Times) -> Times:
        """Exposure at some times [day]: [pM], or [1] over half effects."""
        parts = [weight * each.concentration(times) for weight, each in self._drugs]
        return np.asarray(sum(parts))

    def at_nodes(self, start: float, length: float) -> Times:
        """Exposures that represent a step in the mean of any response to them [pM].

        The k-th exceeds the share quantiles[k] of the step: a response that follows the drugs from
        peak to trough is averaged as it is, whatever its shape.
        """
        found, weights = self._samples(start, length)
        order = np.argsort(found)
        rank = np.cumsum(weights[order]) - 0.5 * weights[order]
        least = 1e-12 * max(found.max(), 1e-300)
        logarithm = np.log(np.maximum(found[order], least))
        return np.asarray(np.exp(np.interp(quantiles(self.nodes), rank, logarithm)))

    def mean_share(self, start: float, length: float) -> float:
        """Mean of u / (1 + u) during a step: the share of the largest effect.

        Cells respond over RESPONSE_TIME: in a shorter step to the mean over that time around it.
        """
        window = max(length, RESPONSE_TIME)
        found, weights = self._samples(start + 0.5 * (length - window), window)
        return float(np.sum(weights * found / (1 + found)))

    def _samples(self, start: float, length: float) -> tuple[Times, Times]:
        """Exposures during a step, and the share of the step that each stands for [1]."""
        end = start + length
        inner = self._doses[(self._doses > start) & (self._doses < end)]
        edges = np.concatenate([[start], inner, [end]])
        lengths = np.diff(edges)[:, None]
        nodes = (np.arange(SAMPLES) + 0.5) / SAMPLES
        times = (edges[:-1, None] + lengths * nodes**2).ravel()
        weights = (lengths * 2 * nodes / SAMPLES).ravel()
        return self.at(times), weights / weights.sum()


def exposures(doses: Mapping[str, Dosing], end: float, species: str) -> dict[str, Exposure]:
    """Exposure of every target that acts through a concentration in marrow, by target.

    Args:
        doses: doses of each drug that is given.
        end: end of the run [day].
        species: species whose kinetics hold, "mouse" or "human".
    """
    found: dict[str, list[tuple[float, OneCompartmentPK]]] = {}
    for name, dosing in doses.items():
        drug = DRUGS[name]
        action, weight = TARGETS[drug.target].action, drug.relative_potency
        if isinstance(action, BoneBinding):
            continue
        if isinstance(action, AnabolicEffect):
            assert drug.half_effect
            weight = 1 / drug.half_effect
        given = OneCompartmentPK(drug, species, dosing, end)
        found.setdefault(drug.target, []).append((weight, given))
    return {target: Exposure(drugs) for target, drugs in found.items()}


def _decays(kinetics: Kinetics, dosing: Dosing) -> list[tuple[float, Times]]:
    """Plasma concentration as a sum of decays: the rate of each [1/day], and its amplitude after
    each dose [mg/l]. Two make Bateman's function, one an infusion."""
    initial = kinetics.bioavailability * dosing.amounts / kinetics.volume
    if kinetics.absorption is None:
        parts = [(kinetics.elimination, initial)]
    else:
        gain, loss = kinetics.absorption, kinetics.elimination
        factor = gain / (gain - loss)
        parts = [(loss, factor * initial), (gain, -factor * initial)]
    found = []
    for rate, added in parts:
        kept = np.exp(-rate * np.diff(dosing.times, prepend=dosing.times[0])).tolist()
        steps = zip(kept, added.tolist(), strict=True)
        after = accumulate(steps, lambda held, step: held * step[0] + step[1], initial=0.0)
        found.append((rate, np.array(list(after)[1:])))
    return found


def _saturable(kinetics: Kinetics, dosing: Dosing, end: float) -> tuple[Times, Times]:
    """Times [day] and plasma concentrations c [mg/l] with saturable elimination.

    dc/dt = k_a w / V - k_e c - v_max / V c / (k_m + c), with w the dose under the skin [mg/kg]; an
    infusion raises c at once.
    """
    assert kinetics.km
    gain, km = kinetics.absorption or 0.0, kinetics.km

    def change(waiting: float, plasma: float) -> float:
        saturable = kinetics.vmax / kinetics.volume * plasma / (km + plasma)
        return gain * waiting / kinetics.volume - kinetics.elimination * plasma - saturable

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

    waiting, level = 0.0, 0.0
    times: list[float] = []
    plasma: list[float] = []
    edges = [*dosing.times.tolist(), max(end, dosing.times[-1] + 1)]
    amounts = dosing.amounts.tolist()
    for start, stop, amount in zip(edges[:-1], edges[1:], amounts, strict=True):
        if kinetics.absorption is None:
            level += kinetics.bioavailability * amount / kinetics.volume
        else:
            waiting += kinetics.bioavailability * amount
        if stop <= start:
            continue
        number = max(2, int(SAMPLES_PER_DAY * (stop - start)))
        if stop - start < LSODA_FROM:
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
                rtol=SOLVER_RTOL,
                atol=SOLVER_RTOL * 1e-3,
            )
            times += solved.t.tolist()
            levels, waiting = solved.y[1].tolist(), float(solved.y[0, -1])
        plasma += [max(0.0, each) for each in levels]
        level = levels[-1]
    return np.array(times), np.array(plasma)
