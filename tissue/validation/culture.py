"""Findings on cell and organ cultures, from the functions of the model: no bone is simulated."""

from collections.abc import Callable
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from tissue.model import osteoblast_responses, osteoclast_responses, production, signals
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, preset
from tissue.model.signals import Environment
from tissue.validation.simulations import Estimate, Estimates, SimulationCache

MOUSE = preset("mouse")
CULTURE = Forcing(il1ra=0.0)
"""Cells in a dish, without the IL-1Ra of marrow."""
SATURATING = 1e5
"""IL-1 far above every half-effect concentration [pM]."""
SUBOPTIMAL = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Concentrations of IL-1 and TNF that cause less than the largest resorption [pM]."""


def signal(il1: float, f: Forcing, p: Parameters = MOUSE, tnf: float = 0.0) -> float:
    """IL-1 signal s [0, 1) of a concentration of IL-1 [pM]."""
    return float(signals.il1_signal(Environment({"il1": il1, "tnf": tnf}), f, p))


def medium(il1: float, tnf: float, f: Forcing, p: Parameters) -> Environment:
    """Medium with concentrations of IL-1 and TNF [pM], and the IL-6 that cells make in it."""
    given = Environment({"il1": il1, "tnf": tnf})
    il6 = production.il6_production(given, 0.0, f, p) / p.k_I6
    return given.with_solute("il6", il6)


def excess(il1: float, f: Forcing, p: Parameters = MOUSE, tnf: float = 0.0) -> float:
    """IL-1 signal above health of a concentration of IL-1 [pM]."""
    return float(signals.excess_signal(jnp.asarray(signal(il1, f, p, tnf)), p))


def drug(concentration: float) -> Forcing:
    """Marrow with a concentration of IL-1Ra as drug [pM]."""
    return Forcing(exposure={"il1_receptor": jnp.full(1, concentration)})


def in_culture(concentration: float) -> Forcing:
    """Cells in a dish with a concentration of IL-1Ra [pM]."""
    return replace(drug(concentration), il1ra=0.0)


def _made_il1(tnf: float, f: Forcing, p: Parameters) -> float:
    """IL-1 that cells make with a concentration of TNF [pM]."""
    return float(production.il1_production(Environment({"tnf": tnf}), 0.0, f, p) / p.k_I)


def stromal_rankl(_: SimulationCache) -> Estimates:
    """V09: RANKL that TNF induces with IL-1Ra over that without."""

    def induced(f: Forcing) -> float:
        made = []
        for tnf in (0.0, 20.0):
            around = medium(_made_il1(tnf, f, MOUSE), tnf, f, MOUSE)
            made.append(float(osteoclast_responses.rankl_induction(around, f, MOUSE)))
        return made[1] - made[0]

    return [Estimate(induced(drug(1e5)) / induced(Forcing()))]


def lifetime(_: SimulationCache) -> Estimates:
    """V14: life of osteoclasts at saturating IL-1 over that in health."""
    rates = [
        float(osteoclast_responses.osteoclast_loss(jnp.asarray(s), 0.0, Forcing(), MOUSE))
        for s in (0, 1)
    ]
    return [Estimate(rates[0] / rates[1])]


def _half_maximal(response: Callable[[float], float], highest: float = SATURATING) -> float:
    """Concentration [pM] at half of the largest response."""
    none, most = response(0.0), response(highest)
    return float(10 ** brentq(lambda x: response(10**x) - 0.5 * (none + most), -3, 5))


def _formed(il1: float) -> float:
    """Formation of osteoblasts in a dish over that in health [1]."""
    around = Environment({"il1": il1, "tnf": 0.0})
    sensitive = signals.sensitive_excess(around, CULTURE, MOUSE)
    inhibition = osteoblast_responses.lineage_inhibition(sensitive, 0.0, CULTURE, MOUSE)
    return float(inhibition * osteoblast_responses.matrix_formation(sensitive, CULTURE, MOUSE))


def resorbed(il1: float, p: Parameters, tnf: float = 0.0) -> float:
    """Resorption of bone in a dish at steady state, with the osteoblasts of health.

    No marrow is there that could supply more precursors of osteoclasts.

    Args:
        il1: given [pM], besides what cells make in answer to TNF.
        p: parameters.
        tnf: given [pM].
    """
    from_tnf = _made_il1(tnf, CULTURE, p) - _made_il1(0.0, CULTURE, p)
    around = medium(il1 + from_tnf, tnf, CULTURE, p)
    made = float(p.S_R0 * osteoclast_responses.rankl_induction(around, CULTURE, p))
    opg_made = float(p.S_O0 * osteoclast_responses.opg_production(around, CULTURE, p))
    # at steady state R (k_R + kappa O) and O (k_O + kappa R) equal the productions
    k_r, k_o, kappa = float(p.k_R), float(p.k_O), float(p.kappa)

    def surplus(rankl: float) -> float:
        return rankl * (k_r + kappa * opg_made / (k_o + kappa * rankl)) - made

    rankl = jnp.asarray(brentq(surplus, 0, made / k_r))
    s = signals.il1_signal(around, CULTURE, p)
    drive = osteoclast_responses.osteoclastogenic_drive(rankl, s, tnf, CULTURE, p)
    healthy = jnp.asarray(p.R_0) / (p.R_0 + p.K_R)
    loss = osteoclast_responses.osteoclast_loss(signals.excess_signal(s, p), 0.0, CULTURE, p)
    activity = osteoclast_responses.resorption_activity(rankl, s, healthy, CULTURE, p)
    return float(drive / loss * activity)


def potencies(_: SimulationCache) -> Estimates:
    """V15: half-effect concentrations of IL-1 beta on formation and resorption."""
    return [
        Estimate(_half_maximal(_formed)),
        Estimate(_half_maximal(lambda il1: resorbed(il1, MOUSE))),
    ]


def synergy(_: SimulationCache) -> Estimates:
    """V58: rise of resorption by a pair of IL-1 and TNF over the sum of both alone, at its best."""
    none = resorbed(0.0, MOUSE)

    def over_sum(il1: float, tnf: float) -> float:
        alone = resorbed(il1, MOUSE) + resorbed(0.0, MOUSE, tnf) - 2 * none
        return (resorbed(il1, MOUSE, tnf) - none) / alone

    pairs = ((il1, tnf) for il1 in SUBOPTIMAL for tnf in SUBOPTIMAL)
    return [Estimate(max(over_sum(*pair) for pair in pairs))]


def tnf_potency(_: SimulationCache) -> Estimates:
    """V59: TNF over IL-1 beta that cause as much resorption as IL-1 of half effect."""
    il1 = _half_maximal(lambda level: resorbed(level, MOUSE))
    goal = resorbed(il1, MOUSE)
    if resorbed(0.0, MOUSE, SATURATING) < goal:
        return [Estimate(np.inf)]
    tnf = 10 ** brentq(lambda x: resorbed(0.0, MOUSE, 10**x) - goal, -3, 5)
    return [Estimate(tnf / il1)]


def il1_alpha(_: SimulationCache) -> Estimates:
    """V16: half-effect concentration of IL-1 alpha on resorption."""
    alpha = replace(MOUSE, alpha_share=1.0)
    return [Estimate(_half_maximal(lambda il1: resorbed(il1, alpha)))]


def blocked(_: SimulationCache) -> Estimates:
    """V19, first part: least share of the excess signal blocked by a hundredfold of IL-1Ra [%]."""
    shares = [
        1 - excess(il1, drug(max(100 * il1, 1e4))) / excess(il1, Forcing()) for il1 in (3, 10, 30)
    ]
    return [Estimate(100 * min(shares))]


def _halving(il1: float) -> float:
    """IL-1Ra that halves the signal [pM]."""
    goal = 0.5 * signal(il1, CULTURE)
    return float(brentq(lambda ra: signal(il1, in_culture(ra)) - goal, 1, 1e6))


def excess_needed(_: SimulationCache) -> Estimates:
    """V23: ratio of IL-1Ra to IL-1 that halves the signal, the lowest and the highest."""
    ratios = [_halving(il1) / il1 for il1 in (3.0, 10.0, 30.0, 100.0)]
    return [Estimate(min(ratios)), Estimate(max(ratios))]


def two_forms(_: SimulationCache) -> Estimates:
    """V24: share of the signal of each form of IL-1 that a hundredfold of IL-1Ra blocks."""
    shares = []
    for p, half in (
        (MOUSE, float(MOUSE.EC50)),
        (replace(MOUSE, alpha_share=1.0), float(MOUSE.EC50_alpha)),
    ):
        left = signal(half, in_culture(100 * half), p) / signal(half, CULTURE, p)
        shares.append(Estimate(100 * (1 - left)))
    return shares


def pannus_signal(species: str, il1: float) -> tuple[float, float]:
    """IL-1Ra in a pannus [pM], and the signal of IL-1 [pM] there above health."""
    p = preset(species)
    pannus = Environment({"il1": il1, "tnf": 0.0}, p.F_0)
    s = signals.il1_signal(pannus, Forcing(), p)
    return float(signals.antagonist(pannus, Forcing(), p)), float(signals.excess_signal(s, p))
