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
from tissue.model import cells, cytokines, signals
from tissue.model.balance import (
    Numerics,
    Surroundings,
    osteoblast_population,
    osteoclast_population,
    see_solutes,
    solve_alone,
    solve_pair,
)
from tissue.model.bone import Pores, may_move, pores
from tissue.model.cells import Population
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import local_density
from tissue.model.observables import surface_mean
from tissue.model.parameters import Parameters
from tissue.model.signals import Milieu
from tissue.model.state import Healthy, State

FILLING_PASSES = 60


def healthy_tissue(
    bone_volume_fraction: Field,
    p: Parameters,
    n: Numerics,
    *,
    mechanostat: bool = False,
    tgf_beta_steering: bool = False,
) -> tuple[State, Healthy, dict[str, Effort]]:
    """The healthy state on a bone, the references that keep it, and what each solve took.

    Args:
        bone_volume_fraction: phi in [0, 1], a partial-volume field.
        p: parameters.
        n: numerics; the healthy state stands still to this tolerance.
        mechanostat: whether bone answers to load.
        tgf_beta_steering: whether TGF-beta draws osteoblast precursors.
    """
    pore = pores(bone_volume_fraction, n.spacing, p, n.periodic)
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
        tnf=0 * uniform,
        osteomorphs=0 * uniform,
        bisphosphonate=0 * uniform,
    )
    health = Forcing()
    il1, tnf = solve_alone(state, state.bisphosphonate, pore, health, p, n)
    # IL-1 is uniform in health, so osteoblast precursors are too unless TGF-beta draws them:
    # no other drift, and uptake is returned
    stroma, efforts, half = state.osteoblast_precursors, {}, None
    if tgf_beta_steering:
        stroma, efforts["osteoblast precursors"], half = _steered(state, il1.field, pore, p, n)
    makers = Surroundings(stroma, state.osteoblasts, 0.0)
    fluid = solve_pair(state, (il1, tnf), makers, pore, ratio, health, p, n)
    seen = see_solutes(fluid.il1.field, fluid.tnf.field, *fluid.pair[:2], pore, health, p)
    monocytes, efforts["osteoclast precursors"] = _drawn_by_rankl(state, pore, fluid.pair.a, p, n)
    occupancy = signals.rank_occupancy(seen.rankl, health, p)
    drive = signals.osteoclastogenic_drive(seen.rankl, seen.signal, seen.tnf, health, p)
    references = Healthy(
        osteoclast_precursors=monocytes,
        osteoblast_precursors=stroma,
        rank_occupancy=_filled(occupancy, pore, bone_volume_fraction),
        drive=_filled(drive, pore, bone_volume_fraction),
        marrow_per_surface=ratio,
        local_density=local_density(bone_volume_fraction, n.spacing, p, n.periodic)
        if mechanostat
        else None,
        tgf_beta=half,
    )
    settled = replace(
        state,
        il1=fluid.il1.field,
        rankl=fluid.pair.a,
        opg=fluid.pair.b,
        osteoclast_precursors=monocytes,
        osteoblast_precursors=stroma,
    )
    efforts |= {"il1": fluid.il1.effort, "rankl and opg": fluid.pair.effort}
    return settled, references, efforts


def _steered(
    state: State, il1: Field, pore: Pores, p: Parameters, n: Numerics
) -> tuple[Field, Effort, Array]:
    """Osteoblast precursors where TGF-beta has drawn them, and its mean at the surface [pM]."""
    tgf_beta = cytokines.tgf_beta(pore, state.coupling_store, p, n.spacing, n.tolerance)
    half = surface_mean(pore, pore.exchange.see(tgf_beta)).astype(il1.dtype)
    nothing = jnp.zeros_like(il1)
    around = Milieu(il1)
    population = osteoblast_population(around, tgf_beta, half, nothing, nothing, pore, Forcing(), p)
    return *_at_rest(state.osteoblast_precursors, population, pore, n), half


def _drawn_by_rankl(
    state: State, pore: Pores, rankl: Field, p: Parameters, n: Numerics
) -> Solution:
    """Osteoclast precursors where RANKL has drawn them; what the surface takes is returned."""
    nothing = jnp.zeros_like(rankl)
    population = osteoclast_population(rankl, nothing, nothing, pore, Forcing(), p)
    return _at_rest(state.osteoclast_precursors, population, pore, n)


def _at_rest(start: Field, population: Population, pore: Pores, n: Numerics) -> Solution:
    forever = jnp.asarray(jnp.inf, start.dtype)
    return cells.step_precursors(start, start, population, pore, forever, n.spacing, n.tolerance)


@jax.jit
def _filled(reference: Field, pore: Pores, bone_volume_fraction: Field) -> Field:
    """The reference where a surface may come to be, and smoothly continued elsewhere."""
    known = may_move(bone_volume_fraction, pore)
    surface = pore.exchange.surface
    mean = (total(surface * reference) / total(surface)).astype(reference.dtype)
    start = jnp.where(known, reference, mean)
    ones = replace(pore.exchange, porosity=jnp.ones_like(surface), nearby=jnp.ones_like(surface))
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
