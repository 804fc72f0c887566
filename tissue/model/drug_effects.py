"""Effects of drugs on osteoblasts, RANKL and the bone surface, from their exposure."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from tissue.model.drugs import DRUGS
from tissue.model.forcing import Value
from tissue.model.parameters import Parameters
from tissue.model.pharmacokinetics import Dosing, Exposure, exposures
from tissue.model.targets import TARGETS, AnabolicEffect, BoneBinding

STEADY, DOSES = 30, 40
"""Standard doses after which an effect is steady, and number of those that are computed [1]."""

HALF_EFFECT_SHARE = 1.0
"""Share of the largest effect of a drug at its receptor at which bone answers by half, over that
share under the standard regimen of the species [1] (assumption)."""


class AnabolicActions(NamedTuple):
    """Actions of anabolic drugs.

    Attributes:
        recruitment: factor on osteoblasts per resorption [1].
        activation: rate at which they activate lining cells [1/day].
        osteoblast_rankl: RANKL that osteoblasts express, over all RANKL in health [1].
        rankl: factor on all production of RANKL [1].
    """

    recruitment: float = 1.0
    activation: float = 0.0
    osteoblast_rankl: float = 0.0
    rankl: float = 1.0


def anabolic_actions(effects: Mapping[str, float], p: Parameters) -> AnabolicActions:
    """Actions of anabolic drugs in a step.

    (k_A) k_A = k_P e_P + k_S e_S, b_a = 1 + a_P e_P, r_A = r_P e_P, b_R = 1 - r_S e_S

    Args:
        effects: effect e of the drugs of each target, see `anabolic_effect`: e_P at the PTH
            receptor, e_S on sclerostin.
        p: parameters.
    """
    found = AnabolicActions()
    for target, effect in effects.items():
        action = TARGETS[target].action
        assert isinstance(action, AnabolicEffect)

        def size(symbol: str | None, effect: float = effect) -> float:
            return float(getattr(p, symbol)) * effect if symbol else 0.0

        found = AnabolicActions(
            found.recruitment * (1 + size(action.recruitment)),
            found.activation + size(action.activation),
            found.osteoblast_rankl + size(action.osteoblast_rankl),
            found.rankl * (1 - size(action.rankl_reduction)),
        )
    return found


def anabolic_effect(
    target: str, exposure: Exposure, start: float, length: float, species: str
) -> float:
    """e, the effect of a target in a step: 1 under the standard regimen of its reference [1].

    (effect) e = (1 + e_half) e_share / (e_share + e_half)

    e_share is the mean share of the largest effect over that of the reference, e_half
    HALF_EFFECT_SHARE: bone answers a dose that is many times the usual one little more. Without a
    reference e is the mean share.

    Args:
        target: its name in `targets.TARGETS`.
        exposure: drugs of the target.
        start: start of the step [day].
        length: length of the step [day].
        species: species whose standard regimen is the reference, "mouse" or "human".
    """
    action = TARGETS[target].action
    assert isinstance(action, AnabolicEffect)
    share = exposure.mean_share(start, length)
    if action.reference is None:
        return share
    over = share / _steady_share(action.reference, species)
    return (1 + HALF_EFFECT_SHARE) * over / (over + HALF_EFFECT_SHARE)


@cache
def _steady_share(drug: str, species: str) -> float:
    """Mean share of the largest effect under the standard regimen, long after its start [1]."""
    dose, interval = DRUGS[drug].regimen[species]
    doses = {drug: Dosing(interval * np.arange(float(DOSES)), np.full(DOSES, dose))}
    (exposure,) = exposures(doses, DOSES * interval, species).values()
    return exposure.mean_share(STEADY * interval, interval)


def binds_to_bone(drug: str) -> bool:
    """Whether a drug binds to bone at the moment of its dose and stays there."""
    return isinstance(TARGETS[DRUGS[drug].target].action, BoneBinding)


def bone_bound_share(drug: str, amount: float, species: str) -> float:
    """Share of a full dose [1] that an amount [mg/kg] of a drug that binds to bone is."""
    full = DRUGS[drug].full_dose
    assert full
    return amount / full[species]


def bound_after_dose(bound: Value, dose: float) -> Value:
    """Bone-bound bisphosphonate after a dose [1], which finds the sites that are still free.

    (dose) q after a dose = q + min(dose, 1) (1 - q)

    Args:
        bound: bone-bound bisphosphonate q before the dose [1].
        dose: share of a full dose [1].
    """
    return bound + min(dose, 1.0) * (1 - bound)
