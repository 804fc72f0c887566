"""Responses of osteoclasts and their precursors, and of the RANKL and OPG that drive them.

Every response is 1 in health.
"""

import jax.numpy as jnp
from jax import Array

from tissue.kernels.response import hill_activation, saturation
from tissue.model.forcing import Forcing, Value, averaged
from tissue.model.parameters import Parameters
from tissue.model.signals import (
    Environment,
    direct_tnf_signal,
    excess_signal,
    free_rankl,
    glucocorticoid_inhibition,
    il1_signal,
    il4_signal,
    il6_signal,
    linear,
    sensitive_excess,
    tnf_signal,
)


def osteoclast_inhibition(f: Forcing, p: Parameters) -> Value:
    """Factor of IL-4 and IL-10 on osteoclastogenesis and on RANKL production."""
    return averaged(lambda x: 1 / (1 + p.x_R * x), il4_signal(f, p))


def precursor_supply(environment: Environment, f: Forcing, p: Parameters) -> Value:
    """Supply of osteoclast precursors over the healthy one [1]: IL-1 and TNF raise it.

    (f_M) f_M = lin(a_M, s_Bh) (1 + a_MT tau_T)
    """
    by_tnf = 1 + p.a_MT * tnf_signal(environment["tnf"], f, p)
    return linear(p.a_M, sensitive_excess(environment, f, p)) * by_tnf


def rankl_induction(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """RANKL expression over the healthy one [1].

    (f_R) f_R = lin(a_R, s_h) (1 + a_TR tau_T) lin(a_R6, sigma_6) / (1 + x_R x)

    IL-1 and IL-6 raise it, IL-4 and IL-10 lower it; by default TNF acts through IL-1 only.
    """
    by_il1 = linear(p.a_R, excess_signal(il1_signal(environment, f, p), p))
    by_tnf = 1 + p.a_TR * tnf_signal(environment["tnf"], f, p)
    by_il6 = linear(p.a_R6, jnp.asarray(il6_signal(environment["il6"], f, p)))
    return by_il1 * by_tnf * by_il6 * osteoclast_inhibition(f, p)


def stromal_rankl(f: Forcing, p: Parameters) -> Value:
    """RANKL of a stromal cell over the healthy one [1]: estrogen loss raises it.

    (f_E) f_E = 1 + omega_R l h
    """
    return 1 + p.omega_R * f.estrogen_loss * f.estrogen_relaxation


def osteocyte_rankl(load: Value, f: Forcing, p: Parameters) -> Value:
    """RANKL of osteocytes over the healthy one [1]: load lowers it.

    (f_Y) f_Y = max(1 - u_Y u, 0)
    """
    return jnp.maximum(1 - p.u_Y * load, 0) * f.osteocyte_rankl


def opg_production(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """OPG expression over the healthy one [1].

    (f_O) f_O = (1 + omega_O l h) (1 + x_O x / (1 + x)) i_G(K_GO) / lin(a_O, max(s_h, -1/2))

    IL-1 lowers it (raises it where a_O < 0), and so do glucocorticoids; IL-4 and IL-10 raise it.
    """
    excess = excess_signal(il1_signal(environment, f, p), p)
    by_il1 = 1 / linear(p.a_O, jnp.maximum(excess, -0.5))
    by_il4 = averaged(lambda x: 1 + p.x_O * x / (1 + x), il4_signal(f, p))
    by_estrogen = 1 + p.omega_O * f.estrogen_loss * f.estrogen_relaxation
    return by_il1 * by_estrogen * by_il4 * glucocorticoid_inhibition(p.K_GO, f)


def osteoclastogenic_drive(
    rankl: Value, signal: Array, tnf: Value, f: Forcing, p: Parameters
) -> Array:
    """Osteoclastogenic drive [1]: RANKL, and IL-1 and TNF where some RANKL permits it.

    (N_G) N_G = rho + (a_d s + a_dT tau_d) gate(R') + leak, gate(R') = R'^n / (R'^n + R_perm^n)

    References:
        Kim 2009, Wei 2005, Moon 2013: IL-1 alone makes no osteoclasts.
    """
    directly = p.a_d * signal + p.a_dT * direct_tnf_signal(tnf, f, p)

    def drive(antibody: Array) -> Array:
        free = free_rankl(rankl, antibody, p)
        gate = hill_activation(free, p.R_perm, p.n_perm)
        return saturation(free, p.K_R) + directly * gate + p.leak

    return averaged(drive, f.drug("rankl"))


def resorption_activity(
    rankl: Value, signal: Array, healthy_occupancy: Array, f: Forcing, p: Parameters
) -> Array:
    """Resorption per osteoclast over the healthy one [1]: raised by RANKL and IL-1, lost without.

    (act) act = lin(a_a, s_h) (1 + chi_act) w / (w + chi_act),
    w = (rho + a_d max(s - s_0, 0) gate(R')) / rho_h
    """
    il1 = p.a_d * jnp.maximum(signal - p.s_0, 0)

    def permitted(antibody: Array) -> Array:
        free = free_rankl(rankl, antibody, p)
        stimulus = saturation(free, p.K_R) + il1 * hill_activation(free, p.R_perm, p.n_perm)
        return (1 + p.chi_act) * saturation(stimulus / healthy_occupancy, p.chi_act)

    return averaged(permitted, f.drug("rankl")) * linear(p.a_a, excess_signal(signal, p))


def osteoclast_loss(excess: Array, bisphosphonate: Value, f: Forcing, p: Parameters) -> Array:
    """Death rate of osteoclasts [1/day].

    (delta) delta = delta_C (1 - omega_C l) (1 + a_BP q) / lin(a_s, s_h)

    IL-1 (Jimi 1998) and estrogen loss prolong their life, bisphosphonate in the bone that they
    resorb cuts it short.
    """
    rate = p.delta_C / linear(p.a_s, excess) * (1 - p.omega_C * f.estrogen_loss)
    return rate * (1 + p.a_BP * bisphosphonate)
