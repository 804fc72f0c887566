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

from tissue.kernels.elliptic import Solution, SolverStats
from tissue.kernels.loop import repeat
from tissue.kernels.stencil import Field, total
from tissue.model import cells, cytokines, signals
from tissue.model.balance import (
    Numerics,
    Surroundings,
    osteoblast_population,
    osteoclast_population,
    solve_alone,
    solve_pair,
    surface_concentrations,
)
from tissue.model.bone import BoneGeometry, bone_geometry, may_move
from tissue.model.cells import Population
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import local_density
from tissue.model.observables import surface_mean
from tissue.model.parameters import Parameters
from tissue.model.signals import Environment
from tissue.model.state import HealthyReference, State

FILLING_PASSES = 60


def healthy_state(
    bone_volume_fraction: Field,
    p: Parameters,
    n: Numerics,
    *,
    mechanostat: bool = False,
    tgf_beta_steering: bool = False,
) -> tuple[State, HealthyReference, dict[str, SolverStats]]:
    """The healthy state on a bone, the references that keep it, and what each solve took.

    Args:
        bone_volume_fraction: phi in [0, 1], a partial-volume field.
        p: parameters.
        n: numerics; the healthy state stands still to this tolerance.
        mechanostat: whether bone answers to load.
        tgf_beta_steering: whether TGF-beta draws osteoblast precursors.
    """
    geometry = bone_geometry(bone_volume_fraction, n.spacing, p, n.periodic)
    uniform = jnp.ones_like(bone_volume_fraction)
    ratio = total(geometry.exchange.porosity) / total(geometry.exchange.surface)
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
        endosteal_supply=geometry.exchange.deposit(uniform),
        tnf=0 * uniform,
        osteomorphs=0 * uniform,
        bisphosphonate=0 * uniform,
    )
    health = Forcing()
    il1, tnf = solve_alone(state, state.bisphosphonate, geometry, health, p, n)
    # IL-1 is uniform in health, so osteoblast precursors are too unless TGF-beta draws them:
    # no other drift, and uptake is returned
    stroma, solver_stats, half = state.osteoblast_precursors, {}, None
    if tgf_beta_steering:
        stroma, solver_stats["osteoblast precursors"], half = _steered(
            state, il1.field, geometry, p, n
        )
    makers = Surroundings(stroma, state.osteoblasts, 0.0)
    fluid = solve_pair(state, (il1, tnf), makers, geometry, ratio, health, p, n)
    at_surface = surface_concentrations(
        fluid.il1.field, fluid.tnf.field, *fluid.pair[:2], geometry, health, p
    )
    monocytes, solver_stats["osteoclast precursors"] = _drawn_by_rankl(
        state, geometry, fluid.pair.a, p, n
    )
    occupancy = signals.rank_occupancy(at_surface.rankl, health, p)
    drive = signals.osteoclastogenic_drive(
        at_surface.rankl, at_surface.signal, at_surface.tnf, health, p
    )
    references = HealthyReference(
        osteoclast_precursors=monocytes,
        osteoblast_precursors=stroma,
        rank_occupancy=_filled(occupancy, geometry, bone_volume_fraction),
        drive=_filled(drive, geometry, bone_volume_fraction),
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
    solver_stats |= {"il1": fluid.il1.stats, "rankl and opg": fluid.pair.stats}
    return settled, references, solver_stats


def _steered(
    state: State, il1: Field, geometry: BoneGeometry, p: Parameters, n: Numerics
) -> tuple[Field, SolverStats, Array]:
    """Osteoblast precursors where TGF-beta has drawn them, and its mean at the surface [pM]."""
    tgf_beta = cytokines.tgf_beta(geometry, state.coupling_store, p, n.spacing, n.tolerance)
    half = surface_mean(geometry, geometry.exchange.to_surface(tgf_beta)).astype(il1.dtype)
    nothing = jnp.zeros_like(il1)
    environment = Environment(il1)
    population = osteoblast_population(
        environment, tgf_beta, half, nothing, nothing, geometry, Forcing(), p
    )
    return *_at_rest(state.osteoblast_precursors, population, geometry, n), half


def _drawn_by_rankl(
    state: State, geometry: BoneGeometry, rankl: Field, p: Parameters, n: Numerics
) -> Solution:
    """Osteoclast precursors where RANKL has drawn them; what the surface takes is returned."""
    nothing = jnp.zeros_like(rankl)
    population = osteoclast_population(rankl, nothing, nothing, geometry, Forcing(), p)
    return _at_rest(state.osteoclast_precursors, population, geometry, n)


def _at_rest(start: Field, population: Population, geometry: BoneGeometry, n: Numerics) -> Solution:
    forever = jnp.asarray(jnp.inf, start.dtype)
    return cells.step_precursors(
        start, start, population, geometry, forever, n.spacing, n.tolerance
    )


@jax.jit
def _filled(reference: Field, geometry: BoneGeometry, bone_volume_fraction: Field) -> Field:
    """The reference where a surface may come to be, and smoothly continued elsewhere."""
    known = may_move(bone_volume_fraction, geometry)
    surface = geometry.exchange.surface
    mean = (total(surface * reference) / total(surface)).astype(reference.dtype)
    start = jnp.where(known, reference, mean)
    ones = replace(
        geometry.exchange, porosity=jnp.ones_like(surface), smoothed_porosity=jnp.ones_like(surface)
    )
    smooth = repeat(lambda f: jnp.where(known, reference, ones.to_surface(f)), FILLING_PASSES)
    filled: Field = smooth(start)
    return filled


def smallest_share(state: State, healthy: HealthyReference, p: Parameters) -> dict[str, Array]:
    """Smallest healthy precursor density in the marrow over the nominal one, by field name."""
    marrow = state.bone_volume_fraction < 0.5
    pairs = {
        "osteoclast_precursors": (healthy.osteoclast_precursors, p.M_0),
        "osteoblast_precursors": (healthy.osteoblast_precursors, p.P_0),
    }
    return {k: jnp.min(jnp.where(marrow, f, jnp.inf)) / size for k, (f, size) in pairs.items()}
