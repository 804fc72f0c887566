"""The healthy state of any bone: local references with which it stands still.

The surface sees slightly different concentrations from place to place. Measured against what each
place sees in health, every response is 1 there, resorption and formation cancel in every voxel,
and the endosteal supply returns the precursors that the surface takes. In health the uptake is
known, so each field is one solve.
"""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Solution, SolverStats
from tissue.kernels.programs import program
from tissue.kernels.slabs import smallest
from tissue.kernels.stencil import Field, total
from tissue.model import cytokines, osteoclast_responses, precursors, signals
from tissue.model.bone import BoneGeometry, bone_geometry, may_move, surface_mean
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import Fluid
from tissue.model.filling import filled
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import local_density
from tissue.model.parameters import Parameters
from tissue.model.precursors import Population, SurfaceTurnover
from tissue.model.rankl_opg import RanklOpgSources, rankl_opg_made, solve_rankl_opg
from tissue.model.signals import Environment
from tissue.model.species import RANKL, SOLUTES
from tissue.model.state import HealthyReference, State


class HealthyState(NamedTuple):
    """Healthy tissue on a bone.

    Attributes:
        state: at rest.
        reference: that keeps it at rest.
        solver_stats: of every solve, by its unknown.
    """

    state: State
    reference: HealthyReference
    solver_stats: dict[str, SolverStats]


def healthy_state(
    bone_volume_fraction: Field,
    p: Parameters,
    n: Numerics,
    *,
    load_from_density: bool = False,
    tgf_beta_chemotaxis: bool = False,
) -> HealthyState:
    """Healthy state on a bone, and the references that keep it.

    Args:
        bone_volume_fraction: phi in [0, 1], a partial-volume field.
        p: parameters.
        n: numerics; the healthy state stands still to this tolerance.
        load_from_density: whether load is inferred from the density of bone near by.
        tgf_beta_chemotaxis: whether TGF-beta draws osteoblast precursors.
    """
    geometry = bone_geometry(bone_volume_fraction, n.spacing, p, n.periodic)
    uniform = jnp.ones_like(bone_volume_fraction)
    ratio = total(geometry.exchange.porosity) / total(geometry.exchange.surface)
    ratio = ratio.astype(uniform.dtype)
    nominal = {
        name: (getattr(p, solute.healthy) if solute.healthy else 0) * uniform
        for name, solute in SOLUTES.items()
    }
    state = State(
        bone_volume_fraction=bone_volume_fraction,
        solutes=nominal,
        osteoclast_precursors=p.M_0 * uniform,
        osteoblast_precursors=p.P_0 * uniform,
        osteoclasts=p.C_0 * uniform,
        osteoblasts=p.B_0 * uniform,
        lining_cells=p.L_0 * uniform,
        coupling_store=p.E_0 * uniform,
        endosteal_supply=geometry.exchange.deposit(uniform),
        osteomorphs=0 * uniform,
        bisphosphonate=0 * uniform,
    )
    context = StepContext(Forcing(), p, n)
    uncoupled, environment = cytokines.uncoupled_solutes(
        state.solutes, state.bisphosphonate, geometry, context
    )
    # IL-1 is uniform in health, so osteoblast precursors are too unless TGF-beta draws them:
    # no other drift, and uptake is returned
    stroma, solver_stats, half = state.osteoblast_precursors, {}, None
    if tgf_beta_chemotaxis:
        (stroma, solver_stats["osteoblast precursors"]), half = _drawn_by_tgf_beta(
            state, environment, geometry, context
        )
    sources = RanklOpgSources(stroma, state.osteoblasts, 0.0, ratio)
    made = rankl_opg_made(environment, sources, geometry, context)
    fluid = Fluid(uncoupled, *solve_rankl_opg(state.solutes, made, geometry, context))
    solutes = {
        name: jnp.broadcast_to(level, uniform.shape) for name, level in fluid.concentrations.items()
    }
    rankl_alone = {RANKL.name: solutes[RANKL.name]}
    at_surface = cytokines.surface_concentrations(environment, rankl_alone, geometry, context)
    monocytes, solver_stats["osteoclast precursors"] = _drawn_by_rankl(
        state, (solutes[RANKL.name], environment), geometry, context
    )
    rankl, f = at_surface[RANKL.name], context.forcing
    drive = osteoclast_responses.osteoclastogenic_drive(
        rankl, at_surface.signal, at_surface["tnf"], f, p
    )
    reference = HealthyReference(
        osteoclast_precursors=monocytes,
        osteoblast_precursors=stroma,
        rank_occupancy=_filled(signals.rank_occupancy(rankl, f, p), geometry, bone_volume_fraction),
        drive=_filled(drive, geometry, bone_volume_fraction),
        marrow_per_surface=ratio,
        local_density=local_density(bone_volume_fraction, n.spacing, p, n.periodic)
        if load_from_density
        else None,
        tgf_beta=half,
    )
    settled = replace(
        state, solutes=solutes, osteoclast_precursors=monocytes, osteoblast_precursors=stroma
    )
    solver_stats |= fluid.stats
    return HealthyState(settled, reference, solver_stats)


def _drawn_by_tgf_beta(
    state: State, environment: Environment, geometry: BoneGeometry, context: StepContext
) -> tuple[Solution, Array]:
    """Osteoblast precursors where TGF-beta has drawn them, and its mean at the surface [pM]."""
    p, n = context.parameters, context.numerics
    tgf_beta = cytokines.tgf_beta(geometry, state.coupling_store, p, n)
    half = surface_mean(geometry, geometry.exchange.to_surface(tgf_beta)).astype(tgf_beta.dtype)
    pull = precursors.tgf_beta_effect(tgf_beta, half)
    none = _no_turnover(geometry)
    population = precursors.osteoblast_precursors(environment, pull, none, geometry, context)
    return _at_rest(state.osteoblast_precursors, population, geometry, n), half


def _drawn_by_rankl(
    state: State,
    surroundings: tuple[Field, Environment],
    geometry: BoneGeometry,
    context: StepContext,
) -> Solution:
    """Osteoclast precursors where RANKL has drawn them; what the surface takes is returned."""
    none = _no_turnover(geometry)
    population = precursors.osteoclast_precursors(*surroundings, none, geometry, context)
    return _at_rest(state.osteoclast_precursors, population, geometry, context.numerics)


def _no_turnover(geometry: BoneGeometry) -> SurfaceTurnover:
    nothing = jnp.zeros_like(geometry.exchange.porosity)
    return SurfaceTurnover(nothing, nothing)


def _at_rest(start: Field, population: Population, geometry: BoneGeometry, n: Numerics) -> Solution:
    forever = jnp.asarray(jnp.inf, start.dtype)
    return precursors.implicit_step((start, start), population, geometry, forever, n)


@program
def _filled(reference: Field, geometry: BoneGeometry, bone_volume_fraction: Field) -> Field:
    """The reference where a surface may come to be, and smoothly continued elsewhere."""
    known = may_move(bone_volume_fraction, geometry)
    surface = geometry.exchange.surface
    mean = (total(surface * reference) / total(surface)).astype(reference.dtype)
    return filled(reference, known, mean, geometry.periodic)


@program
def min_precursor_fraction(
    state: State, healthy: HealthyReference, p: Parameters
) -> dict[str, Array]:
    """Lowest healthy precursor density in the marrow over the nominal one, by field name."""
    marrow = state.bone_volume_fraction < 0.5
    pairs = {
        "osteoclast_precursors": (healthy.osteoclast_precursors, p.M_0),
        "osteoblast_precursors": (healthy.osteoblast_precursors, p.P_0),
    }
    return {k: smallest(jnp.where(marrow, f, jnp.inf)) / size for k, (f, size) in pairs.items()}
