"""IL-1, RANKL and OPG: in balance with their sources within hours, so solved as steady fields.

Sources and losses carry the porosity: a uniform concentration in the marrow stays uniform.
"""

import jax
from jax import Array

from tissue.kernels.binding import Pair, Species, binding_pair
from tissue.kernels.elliptic import Solution, screened_diffusion
from tissue.kernels.stencil import Field
from tissue.model import signals
from tissue.model.bone import Pores
from tissue.model.parameters import Parameters, Scalar


@jax.jit
def il1_source(pore: Pores, excess: Array | float, p: Parameters) -> Field:
    """IL-1 made [pM/day] by a uniform source that holds it `excess` pM above health."""
    return pore.solutes * (p.S_I0 + p.k_I * excess)


def il1(
    pore: Pores, source: Field, start: Field, p: Parameters, spacing: Scalar, tolerance: Scalar
) -> Solution:
    """IL-1 [pM], made at `source` [pM/day], and the effort."""
    return screened_diffusion(
        pore.solutes,
        pore.solutes * p.k_I,
        source,
        start,
        diffusivity=p.D_I,
        spacing=spacing,
        tolerance=tolerance,
    )


@jax.jit
def rankl_source(
    pore: Pores, il1: Field, osteoblast_precursors: Field, per_surface: Array, p: Parameters
) -> Field:
    """RANKL made [pM/day]: by stromal precursors in the marrow, by osteocytes at the surface.

    Args:
        pore: geometry.
        il1: [pM].
        osteoblast_precursors: [cells/mm^3 marrow].
        per_surface: marrow volume over bone surface in health [um].
        p: parameters.
    """
    seen = pore.exchange.see(il1)
    marrow = p.w_P * osteoblast_precursors / p.P_0 * _rankl_induction(il1, p)
    surface = per_surface * p.w_Y * _rankl_induction(seen, p)
    return p.S_R0 * (pore.solutes * marrow + pore.exchange.deposit(surface))


@jax.jit
def opg_source(
    pore: Pores,
    il1: Field,
    osteoblast_precursors: Field,
    osteoblasts: Field,
    per_surface: Array,
    p: Parameters,
) -> Field:
    """OPG made [pM/day]: by osteoblasts at the surface [cells/mm^2], by stroma in the marrow."""
    seen = pore.exchange.see(il1)
    marrow = p.v_P * osteoblast_precursors / p.P_0 * _opg_suppression(il1, p)
    surface = per_surface * p.v_B * osteoblasts / p.B_0 * _opg_suppression(seen, p)
    return p.S_O0 * (pore.solutes * marrow + pore.exchange.deposit(surface))


def rankl_opg(
    pore: Pores,
    rankl_source: Field,
    opg_source: Field,
    start: tuple[Field, Field],
    p: Parameters,
    spacing: Scalar,
    tolerance: Scalar,
) -> Pair:
    """Free RANKL and OPG [pM], each lost with the other one to one."""
    return binding_pair(
        pore.solutes,
        Species(p.D_R, p.k_R, rankl_source, start[0]),
        Species(p.D_O, p.k_O, opg_source, start[1]),
        p.kappa,
        spacing=spacing,
        tolerance=tolerance,
    )


def _rankl_induction(il1: Field, p: Parameters) -> Field:
    return signals.rankl_induction(signals.excess_signal(signals.il1_signal(il1, p), p), p)


def _opg_suppression(il1: Field, p: Parameters) -> Field:
    return signals.opg_suppression(signals.excess_signal(signals.il1_signal(il1, p), p), p)
