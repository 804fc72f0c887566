"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the midpoint of the step. Its geometry is predicted from the start; from
there on every stage uses what has been found before it. Nothing rests on the steps before.

A step is a short chain of compiled programs rather than one: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, diffuse_along_surface, move
from tissue.model import cytokines, precursors, signals, surface_rates
from tissue.model.bone import BoneGeometry, bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import Fluid, RanklOpgSources
from tissue.model.diagnostics import Lineage, StepDiagnostics, StepTerms
from tissue.model.fields import PER_MM
from tissue.model.forcing import Value
from tissue.model.integrators import THETA_MIN, StepValue
from tissue.model.parameters import Scalar
from tissue.model.precursors import Population, SurfaceTurnover
from tissue.model.predictor import Midpoint, local_error, predict_midpoint
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.state import State
from tissue.model.surface_rates import OsteomorphTerms, Recruitment


def advance(
    state: State, context: StepContext, dt: Scalar, theta_min: Scalar = THETA_MIN
) -> tuple[State, StepDiagnostics]:
    """The tissue dt days later, and diagnostics of the step.

    Args:
        state: now; its solutes are those of the last step.
        context: forcing, parameters, numerics and healthy reference.
        dt: [day].
        theta_min: THETA_MIN, or 1 for the first step after a change of the forcing, whose jump
            would ring, and where a density falls by half within a step.
    """
    with _stage("predict the midpoint"):
        midpoint, store = _midpoint(state, context, dt)
    geometry = midpoint.geometry
    with _stage("osteoblast lineage"):
        uncoupled, environment = cytokines.uncoupled_solutes(
            state.solutes, midpoint.bisphosphonate, geometry, context
        )
        osteoblasts = _osteoblast_lineage(
            state, (midpoint, store), environment, context, dt, theta_min
        )
        del store  # every field let go is memory for the solves
    with _stage("RANKL and OPG"):
        fluid, at_surface = _coupled_solutes(
            state, midpoint, (uncoupled, environment), osteoblasts, context
        )
    with _stage("osteoclast lineage"):
        osteoclasts, osteomorphs = _osteoclast_lineage(
            state, midpoint, (fluid, at_surface), context, dt, theta_min
        )
    with _stage("remodel"):
        resorbed = _resorption(state, osteoclasts.cells.mean, at_surface, context, dt)
        formation = surface_rates.formation(osteoblasts.cells.mean, at_surface, context.parameters)
        terms = StepTerms(
            geometry=geometry,
            fluid=fluid,
            at_surface=at_surface,
            osteoclasts=osteoclasts,
            osteoblasts=osteoblasts,
            osteomorphs=osteomorphs,
            store=resorbed.store,
            resorption=resorbed.velocity,
            formation=formation,
        )
        error = local_error(midpoint, terms, state.bone_volume_fraction, dt)
        del midpoint
        spread, spread_stats = _spread_along_surface(terms, context, dt)
        moved = _remodel(state, terms, context, dt)
    following = State(
        bone_volume_fraction=moved.motion.phi,
        solutes=fluid.concentrations,
        osteoclast_precursors=moved.osteoclast_precursors,
        osteoblast_precursors=moved.osteoblast_precursors,
        osteoclasts=spread["osteoclasts"],
        osteoblasts=spread["osteoblasts"],
        coupling_store=spread["coupling_store"],
        endosteal_supply=moved.supply,
        osteomorphs=osteomorphs.cells.end,
        bisphosphonate=resorbed.bisphosphonate.end,
    )
    return following, StepDiagnostics(terms, moved.motion, moved.geometry, spread_stats, error)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Names a stage of the step in the traces of a profiler and in compiled programs."""
    with jax.named_scope(name.replace(" ", "_")), jax.profiler.TraceAnnotation(name):
        yield


def _midpoint(state: State, context: StepContext, dt: Scalar) -> tuple[Midpoint, Field]:
    """Predicted midpoint, and the coupling store averaged over the step [um]."""
    p, n = context.parameters, context.numerics
    start = bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic)
    environment = cytokines.marrow_environment(state.solutes, state.bisphosphonate, start, context)
    at_surface = cytokines.surface_concentrations(environment, state.solutes, start, context)
    return predict_midpoint(state, start, at_surface, context, dt)


def _osteoblast_lineage(
    state: State,
    predicted: tuple[Midpoint, Field],
    environment: Environment,
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> Lineage:
    """Osteoblast precursors P and osteoblasts B over the step.

    Six arguments, as of every stage: the state, what the stages before found, and the step.

    Args:
        state: at the start.
        predicted: midpoint, and the coupling store averaged over the step [um].
        environment: of cells in the marrow.
        context: of the step.
        dt: [day].
        theta_min: smallest theta.
    """
    midpoint, store = predicted
    p, n, geometry = context.parameters, context.numerics, midpoint.geometry
    tgf_beta = None
    if context.healthy.tgf_beta is not None:
        tgf_beta = cytokines.tgf_beta(geometry, store, p, n)
    sink = _osteoblast_sink(midpoint, store, environment, tgf_beta, context)
    start = state.bone_volume_fraction, state.osteoblast_precursors
    found = precursors.step_precursors(start, sink.population, geometry, dt, n, theta_min)
    formed, grown = _grow_osteoblasts(sink, found.mean, state.osteoblasts, geometry, context, dt)
    return Lineage(found, sink.population.supply, formed, formed, sink.loss, grown)


def _coupled_solutes(
    state: State,
    midpoint: Midpoint,
    alone: tuple[dict[str, cytokines.UncoupledSolute], Environment],
    osteoblasts: Lineage,
    context: StepContext,
) -> tuple[Fluid, SurfaceConcentrations]:
    """RANKL and OPG with the sources of the midpoint, and all solutes at the surface."""
    uncoupled, environment = alone
    geometry = midpoint.geometry
    start = state.bone_volume_fraction, state.osteoblast_precursors
    cells = RanklOpgSources(
        precursors.halfway(start, osteoblasts.precursors.end, geometry),
        osteoblasts.cells.mean,
        midpoint.load,
        context.healthy.marrow_per_surface,
    )
    pair = cytokines.rankl_opg(state.solutes, environment, cells, geometry, context)
    fluid = Fluid(uncoupled, *pair)
    bound = fluid.concentrations
    return fluid, cytokines.surface_concentrations(environment, bound, geometry, context)


def _osteoclast_lineage(
    state: State,
    midpoint: Midpoint,
    solutes: tuple[Fluid, SurfaceConcentrations],
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> tuple[Lineage, OsteomorphTerms]:
    """Osteoclast precursors M, osteoclasts C and osteomorphs Q over the step.

    Args:
        state: at the start.
        midpoint: predicted.
        solutes: in the marrow, and at the surface.
        context: of the step.
        dt: [day].
        theta_min: smallest theta.
    """
    fluid, at_surface = solutes
    geometry = midpoint.geometry
    sink, recruitment = _osteoclast_sink(midpoint, fluid.pair.a, at_surface, context)
    start = state.bone_volume_fraction, state.osteoclast_precursors
    found = precursors.step_precursors(
        start, sink.population, geometry, dt, context.numerics, theta_min
    )
    recruited, terms = _grow_osteoclasts(
        state, (sink, recruitment), found.mean, geometry, context, dt
    )
    supply = sink.population.supply
    lineage = Lineage(found, supply, recruited, terms.formed, sink.loss, terms.cells)
    return lineage, terms.osteomorphs


class RecruitmentSink(NamedTuple):
    """Recruitment by the surface as a sink of precursors in the marrow.

    Attributes:
        recruitment: cells formed at healthy precursor density [cells/mm^2/day].
        population: the precursors.
        loss: rate of the cells recruited [1/day].
    """

    recruitment: Field
    population: Population
    loss: Value


@jax.jit
def _osteoblast_sink(
    midpoint: Midpoint,
    store: Field,
    environment: Environment,
    tgf_beta: Field | None,
    context: StepContext,
) -> RecruitmentSink:
    f, p, geometry, healthy = (
        context.forcing,
        context.parameters,
        midpoint.geometry,
        context.healthy,
    )
    here = cytokines.surface_environment(environment, geometry)
    excess = signals.excess_signal(signals.il1_signal(here, f, p), p)
    recruitment = surface_rates.osteoblast_recruitment(store, excess, midpoint.load, f, p)
    uptake = PER_MM * geometry.exchange.deposit(recruitment) / p.n_p
    turnover = SurfaceTurnover(
        p.delta_B * p.B_0 / p.n_p * PER_MM * midpoint.supply,
        uptake / healthy.osteoblast_precursors,
    )
    pull = None
    if tgf_beta is not None and healthy.tgf_beta is not None:
        pull = precursors.tgf_beta_effect(tgf_beta, healthy.tgf_beta)
    population = precursors.osteoblast_precursors(environment, pull, turnover, geometry, context)
    return RecruitmentSink(recruitment, population, signals.osteoblast_loss(f, p))


@jax.jit
def _osteoclast_sink(
    midpoint: Midpoint, rankl: Field, at_surface: SurfaceConcentrations, context: StepContext
) -> tuple[RecruitmentSink, Recruitment]:
    f, p, geometry, healthy = (
        context.forcing,
        context.parameters,
        midpoint.geometry,
        context.healthy,
    )
    recruitment = surface_rates.osteoclast_recruitment(at_surface, healthy.drive, f, p)
    recruited = recruitment.formed + recruitment.arrested
    uptake = p.n_f * (PER_MM * geometry.exchange.deposit(recruited))
    turnover = SurfaceTurnover(
        p.n_f * p.delta_C * p.C_0 * PER_MM * midpoint.supply,
        uptake / healthy.osteoclast_precursors,
    )
    population = precursors.osteoclast_precursors(rankl, turnover, geometry, context)
    loss = signals.osteoclast_loss(at_surface.excess, midpoint.bisphosphonate, f, p)
    return RecruitmentSink(recruited, population, loss), recruitment


@jax.jit
def _grow_osteoblasts(
    sink: RecruitmentSink,
    precursor_mean: Field,
    density: Field,
    geometry: BoneGeometry,
    context: StepContext,
    dt: Scalar,
) -> tuple[Field, StepValue]:
    """Osteoblasts formed [cells/mm^2/day], and their density."""
    relative_density = precursor_mean / context.healthy.osteoblast_precursors
    formed = sink.recruitment * geometry.exchange.to_surface(relative_density)
    return formed, surface_rates.osteoblasts(density, formed, sink.loss, dt)


@jax.jit
def _grow_osteoclasts(
    state: State,
    recruiting: tuple[RecruitmentSink, Recruitment],
    precursor_mean: Field,
    geometry: BoneGeometry,
    context: StepContext,
    dt: Scalar,
) -> tuple[Field, surface_rates.OsteoclastTerms]:
    """Osteoclasts recruited [cells/mm^2/day], and those formed and waiting."""
    sink, recruitment = recruiting
    relative_density = precursor_mean / context.healthy.osteoclast_precursors
    available = geometry.exchange.to_surface(relative_density)
    p = context.parameters
    terms = surface_rates.osteoclasts(state, available, recruitment, sink.loss, p, dt)
    return available * sink.recruitment, terms


_resorption = jax.jit(surface_rates.resorption)


class _Moved(NamedTuple):
    """Bone and what moves along with its surface."""

    motion: Motion
    geometry: BoneGeometry
    osteoclast_precursors: Field
    osteoblast_precursors: Field
    supply: Field


@jax.jit
def _remodel(state: State, terms: StepTerms, context: StepContext, dt: Scalar) -> _Moved:
    """Motion of the bone at v_form - v_res; precursors and supply follow the pore space.

    (phi) dphi/dt = |grad phi| (v_form - v_res)
    """
    p, n = context.parameters, context.numerics
    bone = state.bone_volume_fraction
    motion = move(bone, terms.resorption, terms.formation, n.spacing, dt, n.periodic)
    before = bone_geometry(bone, n.spacing, p, n.periodic)
    after = bone_geometry(motion.phi, n.spacing, p, n.periodic)
    eps = after.exchange.porosity
    return _Moved(
        motion,
        after,
        terms.osteoclasts.precursors.end / eps,
        terms.osteoblasts.precursors.end / eps,
        precursors.moved_supply(state.endosteal_supply, before, after),
    )


def _spread_along_surface(
    terms: StepTerms, context: StepContext, dt: Scalar
) -> tuple[dict[str, Field], SolverStats]:
    """Densities after diffusing along the surface; one at a time, for the sake of memory."""
    p = context.parameters
    densities = {
        "osteoclasts": (terms.osteoclasts.cells.end, p.D_sC),
        "osteoblasts": (terms.osteoblasts.cells.end, p.D_sB),
        "coupling_store": (terms.store.end, p.D_sB),
    }
    spread, iterations, error = {}, jnp.zeros((), jnp.int32), jnp.zeros(())
    for name, (density, motility) in densities.items():
        surface = terms.geometry.exchange.surface
        spread[name], stats = _spread(density, surface, motility, dt, context.numerics)
        iterations, error = iterations + stats.iterations, jnp.maximum(error, stats.relative_error)
    return spread, SolverStats(iterations, error)


@jax.jit
def _spread(
    density: Field, surface: Field, motility: Scalar, dt: Scalar, numerics: Numerics
) -> tuple[Field, SolverStats]:
    """A density after diffusing along the surface."""
    along = jnp.asarray(motility, density.dtype)[None]
    # little spreads in a step: the residual is small before anything is done
    tolerance = 0.1 * numerics.tolerance
    spread, stats = diffuse_along_surface(
        density[None],
        surface,
        along,
        numerics.spacing,
        dt,
        tolerance=tolerance,
        periodic=numerics.periodic,
    )
    return spread[0], stats
