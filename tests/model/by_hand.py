"""Equations of docs/model.md written out by hand, for what tests expect.

Nothing here calls the code under test: only its parameters are taken.
"""

from typing import Any

import numpy as np
from model.step_terms import ExaminedStep

from tissue.model.parameters import Parameters, Scalar

INSTANT = 1e-6
"""Step in which no cell has changed [day]."""


def tnf_share(tnf: Scalar, p: Parameters) -> float:
    """tau_T."""
    return float(tnf / (tnf + p.K_T))


def reach(il1: Scalar, p: Parameters, antagonist: Scalar | None = None) -> float:
    """y of IL-1 beta alone, without TNF."""
    level = p.A_0 if antagonist is None else antagonist
    return float(il1 / (p.EC50 * (1 + level / p.K_A)))


def signal(
    il1: Scalar, p: Parameters, antagonist: Scalar | None = None, tnf: Scalar = 0.0
) -> float:
    """s."""
    stimulus = reach(il1, p, antagonist) * (1 + p.a_RT * tnf_share(tnf, p))
    return float(stimulus / (1 + stimulus))


def excess(il1: Scalar, p: Parameters, tnf: Scalar = 0.0) -> float:
    """s_h."""
    health = signal(p.I_0, p)
    return float((signal(il1, p, tnf=tnf) - health) / (1 - health))


def sensitive(il1: Scalar, p: Parameters, tnf: Scalar = 0.0) -> float:
    """s_Bh."""
    ratio = float(p.EC50 / p.EC50_B)
    stimulus = reach(il1, p) * (1 + p.a_RT * tnf_share(tnf, p)) * ratio
    healthy = reach(p.I_0, p) * ratio
    found, health = stimulus / (1 + stimulus), healthy / (1 + healthy)
    return float((found - health) / (1 - health))


def il6_signal(il6: Scalar, p: Parameters, blocker: Scalar = 0.0) -> float:
    """sigma_6."""
    found = il6 / (il6 + p.K_I6 * (1 + blocker / p.K_6R))
    health = p.I6_0 / (p.I6_0 + p.K_I6)
    return float((found - health) / (1 - health))


def il6_level(il1: Scalar, p: Parameters, tnf: Scalar = 0.0) -> float:
    """IL-6 that marrow holds under a uniform IL-1 [pM]."""
    return float(p.I6_0 * (1 + p.a_I6 * sensitive(il1, p, tnf)))


def rankl_expression(il1: Scalar, p: Parameters, tnf: Scalar = 0.0) -> float:
    """f_R under a uniform IL-1, with the IL-6 that it makes."""
    by_il1 = 1 + p.a_R * excess(il1, p, tnf)
    by_il6 = 1 + p.a_R6 * il6_signal(il6_level(il1, p, tnf), p)
    return float(by_il1 * by_il6 * (1 + p.a_TR * tnf_share(tnf, p)))


def lineage_inhibition(il1: Scalar, p: Parameters, tnf: Scalar = 0.0) -> float:
    """i_B without IL-4 and IL-10."""
    raised = max(sensitive(il1, p, tnf), 0.0)
    return float(1 / ((1 + p.g_d * raised) * (1 + p.g_m * raised) * (1 + p.g_T * tnf)))


def on_surface(diagnostics: ExaminedStep, field: Any) -> np.ndarray:
    """Values of a field in the voxels that hold bone surface."""
    surface = np.asarray(diagnostics.terms.geometry.exchange.surface)
    return np.broadcast_to(np.asarray(field), surface.shape)[surface > 0]


def osteoclasts_formed(tissue: Any, diagnostics: ExaminedStep) -> np.ndarray:
    """N: osteoclasts formed of a healthy number of precursors, over the healthy rate."""
    done, p = diagnostics.terms, tissue.parameters
    reference = tissue.healthy.osteoclast_precursors
    available = done.geometry.exchange.to_surface(done.osteoclasts.precursors.mean / reference)
    return on_surface(diagnostics, done.osteoclasts.formed / available / (p.delta_C * p.C_0))


def osteoblasts_recruited(tissue: Any, diagnostics: ExaminedStep) -> np.ndarray:
    """h_E g: osteoblasts made of a healthy number of precursors, over the healthy rate."""
    done, p = diagnostics.terms, tissue.parameters
    reference = tissue.healthy.osteoblast_precursors
    available = done.geometry.exchange.to_surface(done.osteoblasts.precursors.mean / reference)
    healthy = (1 - p.w_L) * p.delta_B * p.B_0
    return on_surface(diagnostics, done.osteoblasts.recruited / available / healthy)


def lining_cell_activation(diagnostics: ExaminedStep, p: Parameters) -> np.ndarray:
    """k_L: rate at which lining cells are lost, without their deaths [1/day]."""
    lining = diagnostics.terms.lining_cells
    return on_surface(diagnostics, lining.lost / lining.cells.mean) - float(p.delta_L)
