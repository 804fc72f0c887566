"""The healthy state of any bone: local references with which it stands still.

The surface sees slightly different concentrations from place to place. Measured against what each
place sees in health, every response is 1 there, resorption and formation cancel in every voxel,
and the endosteal supply returns the precursors that the surface takes. In health the uptake is
known, so each field is one solve.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Effort, Solution
from tissue.kernels.loop import repeated
from tissue.kernels.stencil import Field, total
from tissue.model import cells, signals
from tissue.model.bone import Pores, may_move, pores
from tissue.model.parameters import Parameters
from tissue.model.state import Healthy, State
from tissue.model.step import (
    Forcing,
    Numerics,
    osteoclast_population,
    see_solutes,
    solve_il1,
    solve_pair,
)

FILLING_PASSES = 60


def healthy_tissue(
    bone_volume_fraction: Field, p: Parameters, n: Numerics
) -> tuple[State, Healthy, dict[str, Effort]]:
    """The healthy state on a bone, the references that keep it, and what each solve took.

    Args:
        bone_volume_fraction: phi in [0, 1], a partial-volume field.
        p: parameters.
        n: numerics; the healthy state stands still to this tolerance.
    """
    pore = pores(bone_volume_fraction, n.spacing, p)
    uniform = jnp.ones_like(bone_volume_fraction)
    ratio = total(pore.exchange.porosity) / total(pore.exchange.surface)
    ratio = ratio.astype(uniform.dtype)
    state = State(
        bone_volume_fraction=bone_volume_fraction,
        il1=p.I_0 * uniform,
        rankl=p.R_0 * uniform,
        opg=p.O_0 * uniform,
        osteoclast_precursors=p.M_0 * uniform,
        osteoblast_precursors=p.P_0 * uniform,
        osteoclasts=p.C_0 * uniform,
        osteoblasts=p.B_0 * uniform,
        coupling_store=p.E_0 * uniform,
        endosteal_supply=pore.exchange.deposit(uniform),
    )
    # IL-1 is uniform in health, so osteoblast precursors are too: no drift, uptake returned
    il1 = solve_il1(state.il1, pore, Forcing(), p, n)
    stroma = state.osteoblast_precursors
    fluid = solve_pair(state, il1, stroma, state.osteoblasts, pore, ratio, p, n)
    seen = see_solutes(fluid.il1, fluid.pair.a, fluid.pair.b, pore, p)
    monocytes, effort = _precursors_in_balance(state, pore, fluid.pair.a, p, n)
    references = Healthy(
        osteoclast_precursors=monocytes,
        osteoblast_precursors=state.osteoblast_precursors,
        rank_occupancy=_filled(signals.rank_occupancy(seen.rankl, p), pore, bone_volume_fraction),
        drive=_filled(
            signals.osteoclastogenic_drive(seen.rankl, seen.signal, p), pore, bone_volume_fraction
        ),
        marrow_per_surface=ratio,
    )
    settled = replace(
        state,
        il1=fluid.il1,
        rankl=fluid.pair.a,
        opg=fluid.pair.b,
        osteoclast_precursors=monocytes,
    )
    efforts = {
        "il1": fluid.il1_effort,
        "rankl and opg": fluid.pair.effort,
        "osteoclast precursors": effort,
    }
    return settled, references, efforts


def _precursors_in_balance(
    state: State, pore: Pores, rankl: Field, p: Parameters, n: Numerics
) -> Solution:
    """Osteoclast precursors where RANKL has drawn them; what the surface takes is returned."""
    nothing = jnp.zeros_like(rankl)
    population = osteoclast_population(rankl, nothing, nothing, pore, p)
    forever = jnp.asarray(jnp.inf, rankl.dtype)
    start = state.osteoclast_precursors
    return cells.step_precursors(start, start, population, pore, forever, n.spacing, n.tolerance)


@jax.jit
def _filled(reference: Field, pore: Pores, bone_volume_fraction: Field) -> Field:
    """The reference where a surface may come to be, and smoothly continued elsewhere."""
    known = may_move(bone_volume_fraction, pore)
    surface = pore.exchange.surface
    mean = (total(surface * reference) / total(surface)).astype(reference.dtype)
    start = jnp.where(known, reference, mean)
    ones = pore.exchange._replace(porosity=jnp.ones_like(surface), nearby=jnp.ones_like(surface))
    smooth = repeated(lambda f: jnp.where(known, reference, ones.see(f)), FILLING_PASSES)
    filled: Field = smooth(start)
    return filled


def smallest_share(state: State, healthy: Healthy, p: Parameters) -> dict[str, Array]:
    """Smallest healthy precursor density in the marrow over the nominal one, by field name."""
    marrow = state.bone_volume_fraction < 0.5
    pairs = {
        "osteoclast_precursors": (healthy.osteoclast_precursors, p.M_0),
        "osteoblast_precursors": (healthy.osteoblast_precursors, p.P_0),
    }
    return {k: jnp.min(jnp.where(marrow, f, jnp.inf)) / size for k, (f, size) in pairs.items()}
