"""Responses of osteoblasts, their precursors and lining cells; every one is 1 in health."""

import jax.numpy as jnp
from jax import Array

from tissue.kernels.response import hill_repression
from tissue.model.forcing import Forcing, Value, averaged
from tissue.model.parameters import Parameters
from tissue.model.signals import (
    glucocorticoid_inhibition,
    il4_signal,
    raised,
    tnf_inhibition,
)


def osteoblast_loss(f: Forcing, p: Parameters) -> Value:
    """Rate at which osteoblasts die or retire [1/day]: estrogen prolongs their life.

    (delta_B) loss of osteoblasts = delta_B (1 + omega_B l)
    """
    return p.delta_B * (1 + p.omega_B * f.estrogen_loss)


def osteoblast_motility(sensitive: Array, p: Parameters) -> Array:
    """Motility of the osteoblast lineage over the healthy one [1]: IL-1 slows it.

    (mu) mu = 1 / (1 + g_m s_B+)

    References:
        Hengartner 2013.
    """
    return hill_repression(raised(sensitive), p.g_m, 1)


def lineage_inhibition(sensitive: Array, tnf: Value, f: Forcing, p: Parameters) -> Array:
    """Factor of cytokines on the making of osteoblasts, of precursors and of lining cells [1].

    (i_B) i_B = mu i_T / ((1 + g_d s_B+) (1 + x_B x / (1 + x)))

    IL-1 (Stashenko 1987), TNF (Gilbert 2000), IL-4 and IL-10 (Lewis 1993) lower it.
    """
    by_il1 = hill_repression(raised(sensitive), p.g_d, 1) * osteoblast_motility(sensitive, p)
    by_il4 = averaged(lambda x: 1 / (1 + p.x_B * x / (1 + x)), il4_signal(f, p))
    return by_il1 * tnf_inhibition(tnf, f, p) * by_il4


def osteoblast_differentiation(inhibition: Array, load: Value, f: Forcing, p: Parameters) -> Array:
    """Osteoblasts per unit of coupling signal, without the supply of precursors [1].

    (g) g = max(1 + u_B u, 0) b_a i_B

    Cytokines lower it; load and anabolic drugs raise it.
    """
    return inhibition * jnp.maximum(1 + p.u_B * load, 0) * f.anabolic


def coupling_response(store: Array, p: Parameters) -> Array:
    """Recruitment of osteoblasts by the coupling store over the healthy one [1]; it saturates.

    (h_E) h_E = (1 + kappa_E) E / (E + kappa_E E_0)

    Args:
        store: E [um].
        p: parameters.
    """
    relative = store / p.E_0
    return (1 + p.kappa_E) * relative / (relative + p.kappa_E)


def lining_cell_activation(inhibition: Array, load: Value, f: Forcing, p: Parameters) -> Array:
    """Rate at which lining cells become osteoblasts without resorption [1/day].

    (k_L) k_L = (w_L (delta_B B_0 / L_0) max(1 + u_L u, 0) + k_A) i_B i_G(K_GB)

    Load, teriparatide and sclerostin blockade (k_A) activate them; cytokines and glucocorticoids
    inhibit that.
    """
    by_load = p.k_L0 * jnp.maximum(1 + p.u_L * load, 0)
    return (by_load + f.lining_activation) * inhibition * glucocorticoid_inhibition(p.K_GB, f)


def matrix_formation(sensitive: Array, f: Forcing, p: Parameters) -> Array:
    """Matrix formed per osteoblast over the healthy one [1].

    (f_B) f_B = i_G(K_GB) / (1 + g_f s_B+)

    IL-1 (Stashenko 1987) and glucocorticoids lower it.
    """
    return hill_repression(raised(sensitive), p.g_f, 1) * glucocorticoid_inhibition(p.K_GB, f)
