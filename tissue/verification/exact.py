"""What receptors and drugs do, from the functions of the model themselves: no bone needed."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from tissue.model import signals
from tissue.model.forcing import Forcing, averaged
from tissue.model.parameters import Parameters, preset
from tissue.model.signals import Environment
from tissue.scenario.drugs import BODY_WEIGHT, DRUGS
from tissue.scenario.pharmacokinetics import Dosing, Kinetics
from tissue.verification.lab import Lab, Measured

Found = Sequence[Measured]

MOUSE = preset("mouse")
CULTURE = Forcing(il1ra=0.0)
"""Cells in a dish: none of the IL-1Ra of marrow."""
PLENTY = 1e5
"""IL-1 that leaves nothing to gain [pM]."""


def signal(il1: float, f: Forcing, p: Parameters = MOUSE, tnf: float = 0.0) -> float:
    """s of a concentration [pM]."""
    return float(signals.il1_signal(Environment(jnp.asarray(il1), tnf), f, p))


def excess(il1: float, f: Forcing, p: Parameters = MOUSE, tnf: float = 0.0) -> float:
    """The signal above health."""
    return float(signals.excess_signal(jnp.asarray(signal(il1, f, p, tnf)), p))


def drug(concentration: float) -> Forcing:
    """IL-1Ra given on top of that of marrow [pM]."""
    return Forcing(il1ra_drug=jnp.full(1, concentration))


def in_culture(concentration: float) -> Forcing:
    """Cells in a dish with IL-1Ra [pM]."""
    return replace(CULTURE, il1ra_drug=jnp.full(1, concentration))


def stromal_rankl(_: Lab) -> Found:
    """V09: RANKL that TNF induces with IL-1Ra over that without."""
    tnf = 20.0

    def induced(f: Forcing) -> float:
        made = []
        for level in (0.0, tnf):
            il1 = float(MOUSE.I_0 * signals.il1_production(level, 0.0, f, MOUSE))
            above = jnp.asarray(excess(il1, f, tnf=level))
            made.append(float(signals.rankl_induction(above, level, f, MOUSE)))
        return made[1] - made[0]

    return [Measured(induced(drug(1e5)) / induced(Forcing()))]


def lifetime(_: Lab) -> Found:
    """V14."""
    rates = [float(signals.osteoclast_loss(jnp.asarray(s), 0.0, Forcing(), MOUSE)) for s in (0, 1)]
    return [Measured(rates[0] / rates[1])]


def _half_maximal(response: Callable[[float], float]) -> float:
    """IL-1 [pM] at half of the largest effect."""
    none, most = response(0.0), response(PLENTY)
    return float(10 ** brentq(lambda x: response(10**x) - 0.5 * (none + most), -3, 4))


def _formed(il1: float) -> float:
    """Bone that osteoblasts form in a dish over that without IL-1."""
    above = jnp.asarray(max(excess(il1, CULTURE), 0.0))
    differentiation = signals.osteoblast_differentiation(above, 0.0, CULTURE, MOUSE)
    return float(differentiation * signals.matrix_formation(above, MOUSE))


def resorbed(il1: float, p: Parameters) -> float:
    """Resorption of bone in a dish, at rest, with the osteoblasts that it started with."""
    above = jnp.asarray(excess(il1, CULTURE, p))
    made = float(p.S_R0 * signals.rankl_induction(above, 0.0, CULTURE, p))
    opg_made = float(p.S_O0 * signals.opg_suppression(above, CULTURE, p))
    # in balance R (k_R + kappa O) and O (k_O + kappa R) are what is made of each
    k_r, k_o, kappa = float(p.k_R), float(p.k_O), float(p.kappa)

    def surplus(rankl: float) -> float:
        return rankl * (k_r + kappa * opg_made / (k_o + kappa * rankl)) - made

    rankl = jnp.asarray(brentq(surplus, 0, made / k_r))
    s = jnp.asarray(signal(il1, CULTURE, p))
    drive = signals.osteoclastogenic_drive(rankl, s, 0.0, CULTURE, p)
    healthy = jnp.asarray(p.R_0) / (p.R_0 + p.K_R)
    loss = signals.osteoclast_loss(above, 0.0, CULTURE, p)
    return float(drive / loss * signals.resorption_activity(rankl, s, healthy, CULTURE, p))


def potencies(_: Lab) -> Found:
    """V15."""
    return [
        Measured(_half_maximal(_formed)),
        Measured(_half_maximal(lambda il1: resorbed(il1, MOUSE))),
    ]


def il1_alpha(_: Lab) -> Found:
    """V16."""
    alpha = replace(MOUSE, alpha_share=1.0)
    return [Measured(_half_maximal(lambda il1: resorbed(il1, alpha)))]


def blocked(_: Lab) -> Found:
    """V19: share of the excess signal that IL-1Ra at 100 times IL-1, at least 10 nM, takes away."""
    shares = [
        1 - excess(il1, drug(max(100 * il1, 1e4))) / excess(il1, Forcing()) for il1 in (3, 10, 30)
    ]
    return [Measured(100 * min(shares))]


def _halving(il1: float) -> float:
    """IL-1Ra that halves the signal [pM]."""
    goal = 0.5 * signal(il1, CULTURE)
    return float(brentq(lambda ra: signal(il1, in_culture(ra)) - goal, 1, 1e6))


def excess_needed(_: Lab) -> Found:
    """V23: IL-1Ra over IL-1 that halves the signal, the lowest and the highest."""
    ratios = []
    for il1 in (3.0, 10.0, 30.0, 100.0):
        ratios.append(_halving(il1) / il1)
    return [Measured(min(ratios)), Measured(max(ratios))]


def two_forms(_: Lab) -> Found:
    """V24: share of the signal that a hundredfold of IL-1Ra takes away, of either form."""
    shares = []
    for p, half in (
        (MOUSE, float(MOUSE.EC50)),
        (replace(MOUSE, alpha_share=1.0), float(MOUSE.EC50_alpha)),
    ):
        left = signal(half, in_culture(100 * half), p) / signal(half, CULTURE, p)
        shares.append(Measured(100 * (1 - left)))
    return shares


def pannus_signal(species: str, il1: float) -> tuple[float, float]:
    """IL-1Ra in a pannus [pM], and the signal of IL-1 [pM] there above health."""
    p = preset(species)
    around = Environment(jnp.asarray(il1), 0.0, p.F_0)
    s = signals.il1_signal(around, Forcing(), p)
    return float(signals.antagonist(around, Forcing(), p)), float(signals.excess_signal(s, p))


def _anakinra(times: np.ndarray) -> Kinetics:
    amounts = np.full(len(times), 100 / BODY_WEIGHT["human"])
    # the share of plasma that these facts were computed with; what reaches bone is another matter
    plain = DRUGS["anakinra"]._replace(reach=0.3)
    return Kinetics(plain, Dosing(times, amounts), float(times[-1]) + 10)


def anakinra_kinetics(_: Lab) -> Found:
    """V25."""
    one = _anakinra(np.zeros(1))
    hours = np.linspace(0.0, 48.0, 4801)
    level = one.concentration(hours / 24)
    peak = int(np.argmax(level))
    late = (hours > 24) & (hours < 36)
    slope = np.polyfit(hours[late], np.log(level[late]), 1)[0]
    area = np.trapezoid(one.concentration(np.linspace(0, 10, 100001)), dx=1e-4)
    given = 1e9 * one.drug.reach / one.drug.molar_mass * 100 / BODY_WEIGHT["human"]
    cleared = area * one.drug.volume * one.drug.elimination
    return [
        Measured(float(np.log(2) / -slope)),
        Measured(float(hours[peak])),
        Measured(100 * float(cleared / given)),
    ]


def one_day_step(_: Lab) -> Found:
    """V26: the mean signal of a day over that at the mean drug, and as the step takes it."""
    kinetics, p, il1 = _anakinra(np.arange(10.0)), preset("human"), 5.0
    times = 9 + (np.arange(20000) + 0.5) / 20000
    levels = kinetics.concentration(times)
    reach = il1 * np.asarray(p.potency(jnp.asarray(float(p.A_0) + levels)))
    mean = float(np.mean(reach / (1 + reach)))
    at_mean = signal(il1, drug(float(levels.mean())), p)
    found = jnp.asarray(kinetics.spread(9.0, 1.0, 8))
    step = averaged(lambda a: jnp.asarray(signal(il1, drug(float(a)), p)), found)
    return [Measured(mean / at_mean), Measured(float(step) / mean)]
