"""What cells make of the concentrations around them: receptors and responses.

Every response is 1 in health, so that no parameter shifts the healthy state and looks like
disease. Sources stand with the parameters.
"""

import jax.numpy as jnp
from jax import Array

from tissue.kernels.response import antagonised, hill_activation, hill_repression, saturation
from tissue.model.parameters import Parameters


def il1_signal(il1: Array, p: Parameters) -> Array:
    """s, the share of the largest IL-1 response [0, 1): Gaddum occupancy with IL-1Ra.

    With the functional EC50, not the binding constant: spare receptors make cells respond far
    below it, and anakinra would come out two to eight times too potent.
    """
    return antagonised(il1, p.EC50, p.A_0, p.K_A)


def excess_signal(signal: Array, p: Parameters) -> Array:
    """s_h, the signal above health: 0 in health, 1 at saturation, slightly negative below."""
    return (signal - p.s_0) / (1 - p.s_0)


def raised(excess: Array) -> Array:
    """s+^2: osteoblasts answer to the square, so mild IL-1 leaves remodeling nearly coupled."""
    return jnp.maximum(excess, 0) ** 2


def rank_occupancy(rankl: Array, p: Parameters) -> Array:
    """rho, the share of RANK on osteoclast precursors that free RANKL occupies."""
    return saturation(rankl, p.K_R)


def rankl_induction(excess: Array, p: Parameters) -> Array:
    """f_R, IL-1 raises RANKL expression."""
    return 1 + p.a_R * excess


def opg_suppression(excess: Array, p: Parameters) -> Array:
    """f_O, IL-1 lowers OPG expression (raises it where a_O < 0)."""
    return 1 / (1 + p.a_O * jnp.maximum(excess, -0.5))


def osteoclastogenic_drive(rankl: Array, signal: Array, p: Parameters) -> Array:
    """G = rho + a_d s gate + leak: RANKL, and IL-1 directly where some RANKL permits it.

    References:
        Kim 2009, Wei 2005, Moon 2013: IL-1 alone makes no osteoclasts.
    """
    gate = hill_activation(rankl, p.R_perm, p.n_perm)
    return rank_occupancy(rankl, p) + p.a_d * signal * gate + p.leak


def resorption_activity(
    rankl: Array, signal: Array, healthy_occupancy: Array, p: Parameters
) -> Array:
    """Resorption per osteoclast over the healthy one: raised by IL-1, lost without RANKL."""
    stimulus = rank_occupancy(rankl, p) + p.a_d * jnp.maximum(signal - p.s_0, 0)
    relative = stimulus / healthy_occupancy
    permitted = (1 + p.chi_act) * saturation(relative, p.chi_act)
    return permitted * (1 + p.a_a * excess_signal(signal, p))


def osteoclast_loss(excess: Array, p: Parameters) -> Array:
    """Death rate of osteoclasts [1/day]: IL-1 prolongs their life (Jimi 1998)."""
    return p.delta_C / (1 + p.a_s * excess)


def osteoblast_differentiation(excess: Array, p: Parameters) -> Array:
    """Osteoblasts per unit of coupling signal, without the supply of precursors."""
    return hill_repression(raised(excess), p.g_d, 1) * osteoblast_motility(excess, p)


def osteoblast_motility(excess: Array, p: Parameters) -> Array:
    """mu, motility of the osteoblast lineage: IL-1 slows it (Hengartner 2013)."""
    return hill_repression(raised(excess), p.g_m, 1)


def matrix_formation(excess: Array, p: Parameters) -> Array:
    """Matrix formed per osteoblast over the healthy one: IL-1 lowers it (Stashenko 1987)."""
    return hill_repression(raised(excess), p.g_f, 1)
