"""The course of a run: what acts on the tissue in each of its steps."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.model.forcing import Forcing, LocalForcing
from tissue.model.parameters import Parameters
from tissue.scenario.disease import Disease
from tissue.scenario.drugs import DRUGS, FULL_ZOLEDRONATE
from tissue.scenario.pharmacokinetics import Dosing, Kinetics
from tissue.scenario.therapy import TRIFLE, Therapy, dosing

FAST, SLOW = 8, 4
"""Concentrations that a step is averaged over, of drugs that come and go within a day and of those
that last for weeks."""

BLOCKERS = {
    "anakinra": ("il1ra_drug", FAST),
    "denosumab": ("denosumab", SLOW),
    "adalimumab": ("tnf_blocker", SLOW),
    "il4": ("il4", FAST),
}
"""Drugs that meet their target in marrow: what they are called in a forcing."""

FREQUENT = 7.0
"""Doses that come at least as often as this [day] are one course: only its start and its end change
what acts on the tissue."""

NULL = 1e-6
"""Production that stands for none: the relative error of a concentration that is zero has no
meaning, and a millionth of RANKL or OPG does nothing."""

EXPOSURES = ("il1ra_drug", "denosumab", "tnf_blocker", "il4")
COURSE_METRICS = ("estrogen_loss", *(f"{name}_pM" for name in EXPOSURES), "anabolic")

BISPHOSPHONATE = "zoledronate"
"""The drug that is bound to bone at the moment of its dose and stays there."""


class Course:
    """Disease and therapy over the time of a run.

    Attributes:
        changes: times at which what acts on the tissue jumps or bends [day], in order.
    """

    def __init__(
        self,
        disease: Disease,
        therapies: tuple[Therapy, ...],
        p: Parameters,
        species: str,
        duration: float,
        local: LocalForcing | None = None,
    ) -> None:
        """Prepares the drugs for a whole run [day]."""
        self._disease, self._p, self._local = disease, p, local
        given = {name: dosing(therapies, name) for name in DRUGS}
        self._kinetics = {
            name: Kinetics(DRUGS[name], doses, duration)
            for name, doses in given.items()
            if doses is not None and name != BISPHOSPHONATE
        }
        bound = given[BISPHOSPHONATE]
        self._bound = bound or Dosing(np.zeros(0), np.zeros(0))
        self._full = FULL_ZOLEDRONATE[species]
        self._usual = {
            name: _usual_share(name) for name in ("teriparatide",) if name in self._kinetics
        }
        inside = sorted(t for t in self._turns(therapies) if TRIFLE < t < duration * (1 - TRIFLE))
        self.changes = tuple(
            t for i, t in enumerate(inside) if i == 0 or t > inside[i - 1] * (1 + TRIFLE)
        )

    def _turns(self, therapies: tuple[Therapy, ...]) -> set[float]:
        found: set[float] = set()
        if self._disease.estrogen:
            onset, ramp = self._disease.estrogen.onset, self._disease.estrogen.ramp
            found |= {onset, onset + ramp}
        for each in therapies:
            frequent = each.interval <= FREQUENT
            found |= {each.times[0], each.until} if frequent else set(each.times)
        return found

    def dose_of_bisphosphonate(self, time: float) -> float:
        """What is bound to bone at a time [day] at once, 1 for a full dose."""
        here = np.abs(self._bound.times - time) <= 1e-9 * max(1.0, time)
        return float(self._bound.amounts[here].sum() / self._full)

    def forcing(self, time: float, length: float, precision: str) -> Forcing:
        """What acts in a step.

        Args:
            time: at its start [day].
            length: [day].
            precision: of the fields.
        """
        disease, p, out = self._disease, self._p, self._disease.knockout
        middle = time + 0.5 * length
        estrogen = disease.estrogen
        anabolic, rankl = self._anabolic(time, length)
        # where osteocytes make all RANKL, none is left without them
        osteocytes = NULL if p.w_Y == 1 else 0.0
        if disease.aging:
            anabolic *= np.exp(-float(p.r_age) * middle)
        values: dict[str, Any] = {
            "il1_excess": disease.il1_excess,
            "il1ra_excess": disease.il1ra_excess,
            "tnf": 0.0 if "tnf" in out else disease.tnf,
            "estrogen_loss": estrogen.lost(middle) if estrogen else 0.0,
            "relaxation": estrogen.relaxation(middle, p) if estrogen else 1.0,
            "anabolic": anabolic,
            "rankl": max(rankl * disease.rankl_production * ("rankl" not in out), NULL),
            "opg": max(disease.opg_production * ("opg" not in out), NULL),
            "il1": 0.0 if "il1" in out else 1.0,
            "il1ra": 0.0 if "il1ra" in out else 1.0,
            "il1_receptor": 0.0 if "il1_receptor" in out else 1.0,
            "osteocyte_rankl": osteocytes if "osteocyte_rankl" in out else 1.0,
        }
        arrays = {name: jnp.asarray(value, precision) for name, value in values.items()}
        for drug, (name, number) in BLOCKERS.items():
            if drug in self._kinetics:
                spread = self._kinetics[drug].spread(time, length, number)
                arrays[name] = jnp.asarray(spread, precision)
            else:
                arrays[name] = jnp.zeros(1, precision)
        return Forcing(**arrays, local=self._local)

    def _anabolic(self, time: float, length: float) -> tuple[float, float]:
        """Factors of teriparatide and romosozumab on formation and on RANKL."""
        p, kinetics, formation, rankl = self._p, self._kinetics, 1.0, 1.0
        if "teriparatide" in kinetics:
            pulse = kinetics["teriparatide"].mean_share(time, length) / self._usual["teriparatide"]
            formation *= 1 + float(p.a_P) * pulse
            rankl *= 1 + float(p.r_P) * pulse
        if "romosozumab" in kinetics:
            blocked = kinetics["romosozumab"].mean_share(time, length)
            formation *= 1 + float(p.a_S) * blocked
            rankl *= 1 - float(p.r_S) * blocked
        return formation, rankl


def exposure(forcing: Forcing) -> Mapping[str, Array]:
    """What acts, as columns of metrics.csv: means over the step."""
    means = {f"{name}_pM": _mean(getattr(forcing, name)) for name in EXPOSURES}
    return {"estrogen_loss": forcing.estrogen_loss, **means, "anabolic": forcing.anabolic}  # type: ignore[dict-item]


def _mean(concentrations: Array) -> Array:
    weights = np.polynomial.legendre.leggauss(concentrations.shape[0])[1] / 2
    return jnp.sum(concentrations * weights)


def _usual_share(name: str) -> float:
    """Mean share of the largest effect at the usual dose, long after its start."""
    drug = DRUGS[name]
    amount, every = drug.usual
    times = every * np.arange(40.0)
    kinetics = Kinetics(drug, Dosing(times, np.full(40, amount / 65.0)), 40 * every)
    return kinetics.mean_share(30 * every, every)
