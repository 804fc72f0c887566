"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the middle of the step. Its geometry is midpoint from the start; from there
on everything uses what has been found: IL-1, osteoblast precursors, osteoblasts, RANKL and OPG,
osteoclast precursors, osteoclasts, velocities. Nothing rests on the steps before.

A step is a short chain of compiled stages rather than one program: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between stages.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, diffuse_along_surface
from tissue.model import cells, cytokines, signals
from tissue.model.balance import (
    Numerics,
    Surroundings,
    marrow_environment,
    osteoblast_population,
    osteoclast_population,
    solve_alone,
    solve_pair,
    surface_concentrations,
)
from tissue.model.bone import BoneGeometry, bone_geometry, remodel
from tissue.model.cells import PER_MM, Population, Recruitment
from tissue.model.diagnostics import (
    Lineage,
    StepDiagnostics,
    StepTerms,
    StepValue,
    SurfaceConcentrations,
    Waiting,
)
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, Scalar
from tissue.model.predictor import Midpoint, local_error, predict_midpoint
from tissue.model.signals import Environment
from tissue.model.state import HealthyReference, State

THETA_MIN = 0.55
"""Smallest implicit theta of a step: 0.5 is of the second order but never forgets what a jump of
the stiffest modes has left; 0.55 forgets half of it in four steps and costs 0.007 points of 48 at
steps of two days."""


class RecruitmentSink(NamedTuple):
    """What the surface asks of the marrow.

    Attributes:
        recruitment: cells formed at healthy precursor density [cells/mm^2/day].
        population: the precursors.
        loss: rate of the cells recruited [1/day].
    """

    recruitment: Field
    population: Population
    loss: Array | float


@jax.jit
def _osteoclast_sink(
    midpoint: Midpoint,
    healthy: HealthyReference,
    rankl: Field,
    at_surface: SurfaceConcentrations,
    f: Forcing,
    p: Parameters,
) -> tuple[RecruitmentSink, Recruitment]:
    geometry = midpoint.geometry
    made = cells.osteoclast_recruitment(at_surface, healthy.drive, f, p)
    recruited = made.formed + made.arrested
    uptake = p.n_f * cells.deposit_cells(geometry.exchange, recruited)
    returned = p.n_f * p.delta_C * p.C_0 * PER_MM * midpoint.supply
    uptake_rate = uptake / healthy.osteoclast_precursors
    population = osteoclast_population(rankl, returned, uptake_rate, geometry, f, p)
    loss = signals.osteoclast_loss(at_surface.excess, midpoint.bisphosphonate, f, p)
    return RecruitmentSink(recruited, population, loss), made


@jax.jit
def _osteoblast_sink(
    midpoint: Midpoint,
    healthy: HealthyReference,
    environment: Environment,
    tgf_beta: Field | None,
    store: Field,
    f: Forcing,
    p: Parameters,
) -> RecruitmentSink:
    geometry = midpoint.geometry
    excess = signals.excess_signal(
        signals.il1_signal(cytokines.surface_environment(environment, geometry), f, p), p
    )
    recruitment = cells.osteoblast_recruitment(store, excess, midpoint.load, f, p)
    uptake = cells.deposit_cells(geometry.exchange, recruitment) / p.n_p
    returned = p.delta_B * p.B_0 / p.n_p * PER_MM * midpoint.supply
    uptake_rate = uptake / healthy.osteoblast_precursors
    population = osteoblast_population(
        environment, tgf_beta, healthy.tgf_beta, returned, uptake_rate, geometry, f, p
    )
    return RecruitmentSink(recruitment, population, signals.osteoblast_loss(f, p))


def _precursors(
    sink: RecruitmentSink,
    density: Field,
    state: State,
    geometry: BoneGeometry,
    dt: Scalar,
    theta_min: Scalar,
    n: Numerics,
) -> tuple[Field, Field, SolverStats]:
    """Precursors over a step: averaged [cells/mm^3 marrow] and after it [cells/mm^3 tissue].

    Args:
        sink: of the surface.
        density: at the start [cells/mm^3 marrow].
        state: at the start.
        geometry: geometry.
        dt: [day].
        theta_min: smallest implicit theta.
        n: numerics.
    """
    number, theta = cells.ready(state.bone_volume_fraction, density, geometry, theta_min)
    precursors, stats = cells.step_precursors(
        number, density, sink.population, geometry, theta * dt, n.spacing, n.tolerance
    )
    return precursors, cells.after_step(number, precursors, geometry, theta), stats


@jax.jit
def _grow_osteoblasts(
    sink: RecruitmentSink,
    relative_density: Field,
    density: Field,
    geometry: BoneGeometry,
    dt: Scalar,
) -> tuple[Field, StepValue]:
    """Osteoblasts formed [cells/mm^2/day], and what becomes of their density."""
    formed = sink.recruitment * geometry.exchange.to_surface(relative_density)
    return formed, cells.exponential_step(density, formed, sink.loss, dt)


@jax.jit
def _grow_osteoclasts(
    sink: RecruitmentSink,
    made: Recruitment,
    relative_density: Field,
    state: State,
    geometry: BoneGeometry,
    p: Parameters,
    dt: Scalar,
) -> tuple[Field, Field, StepValue, Waiting]:
    """Osteoclasts recruited and formed [cells/mm^2/day], their density, and those that wait."""
    at_surface = geometry.exchange.to_surface(relative_density)
    arrested = at_surface * made.arrested
    waiting = cells.wait(state.osteomorphs, arrested, made.fusion, p, dt)
    formed = at_surface * made.formed + made.fusion * waiting.mean
    grown = cells.exponential_step(state.osteoclasts, formed, sink.loss, dt)
    lost = (made.fusion + p.delta_Q) * waiting.mean
    return at_surface * sink.recruitment, formed, grown, Waiting(waiting, arrested, lost)


class _Resorbed(NamedTuple):
    """Resorption velocity averaged over a step [um/day], what it frees, and bisphosphonate."""

    velocity: Field
    store: StepValue
    bisphosphonate: StepValue


@jax.jit
def _resorb(
    state: State,
    healthy: HealthyReference,
    at_surface: SurfaceConcentrations,
    osteoclasts: Field,
    f: Forcing,
    p: Parameters,
    dt: Scalar,
) -> _Resorbed:
    resorption = cells.resorption(osteoclasts, at_surface, healthy.rank_occupancy, f, p)
    return _Resorbed(
        resorption,
        cells.exponential_step(state.coupling_store, resorption, p.k_E, dt),
        cells.bisphosphonate(state.bisphosphonate, resorption, p, dt),
    )


class _Moved(NamedTuple):
    """What moved along with the surface."""

    motion: Motion
    geometry: BoneGeometry
    precursors: tuple[Field, Field]
    supply: Field


@jax.jit
def _spread(
    density: Field, surface: Field, motility: Scalar, dt: Scalar, n: Numerics
) -> tuple[Field, SolverStats]:
    """A density after diffusing along the surface; one at a time, for the sake of memory."""
    along = jnp.asarray(motility, density.dtype)[None]
    # little spreads in a step: the residual is small before anything is done
    tolerance = 0.1 * n.tolerance
    spread, stats = diffuse_along_surface(
        density[None], surface, along, n.spacing, dt, tolerance=tolerance, periodic=n.periodic
    )
    return spread[0], stats


@jax.jit
def _move_surface(state: State, done: StepTerms, p: Parameters, dt: Scalar, n: Numerics) -> _Moved:
    """The bone moves, and precursors and their supply follow the geometry space."""
    bone, box = state.bone_volume_fraction, n.periodic
    motion = remodel(bone, done.resorption, done.formation, n.spacing, dt, box)
    before = bone_geometry(bone, n.spacing, p, box)
    after = bone_geometry(motion.phi, n.spacing, p, box)
    eps = after.exchange.porosity
    precursors = done.osteoclasts.after / eps, done.osteoblasts.after / eps
    supply = cells.move_supply(state.endosteal_supply, before, after)
    return _Moved(motion, after, precursors, supply)


def advance(
    state: State,
    healthy: HealthyReference,
    forcing: Forcing,
    p: Parameters,
    dt: Scalar,
    n: Numerics,
    theta_min: Scalar = THETA_MIN,
) -> tuple[State, StepDiagnostics]:
    """The tissue dt days later, and an diagnostics of what happened.

    Args:
        state: now; its solutes are those of the last step.
        healthy: references.
        forcing: disease and therapy.
        p: parameters.
        dt: [day].
        n: numerics.
        theta_min: of `cells.local_theta`: THETA_MIN, or 1 for the first step after a change of the
            forcing, whose jump would ring, and where a density falls by half within a step.
    """
    start = bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic)
    at_surface = surface_concentrations(
        state.il1, state.tnf, state.rankl, state.opg, start, forcing, p
    )
    midpoint, midpoint_store = predict_midpoint(
        state, healthy, start, at_surface, forcing, p, n.spacing, dt
    )
    del start, at_surface  # every field let go is memory for the solves
    geometry = midpoint.geometry

    alone = solve_alone(state, midpoint.bisphosphonate, geometry, forcing, p, n)
    il1, tnf = (solute.field for solute in alone)
    tgf_beta = None
    if healthy.tgf_beta is not None:
        tgf_beta = cytokines.tgf_beta(geometry, midpoint_store, p, n.spacing, n.tolerance)
    environment = marrow_environment(il1, tnf, forcing, p)
    sink = _osteoblast_sink(midpoint, healthy, environment, tgf_beta, midpoint_store, forcing, p)
    density = state.osteoblast_precursors
    averaged, after, stats = _precursors(sink, density, state, geometry, dt, theta_min, n)
    relative_density = averaged / healthy.osteoblast_precursors
    formed, grown = _grow_osteoblasts(sink, relative_density, state.osteoblasts, geometry, dt)
    supply = sink.population.supply
    osteoblasts = Lineage(averaged, after, supply, formed, formed, sink.loss, grown, stats)
    del sink, midpoint_store, environment, relative_density

    stroma = cells.halfway(state.bone_volume_fraction, density, osteoblasts.after, geometry)
    makers = Surroundings(stroma, grown.mean, midpoint.load)
    ratio = healthy.marrow_per_surface
    fluid = solve_pair(state, alone, makers, geometry, ratio, forcing, p, n)
    rankl, opg = fluid.pair.a, fluid.pair.b
    at_surface = surface_concentrations(il1, tnf, rankl, opg, geometry, forcing, p)
    del stroma, makers

    sink, made = _osteoclast_sink(midpoint, healthy, rankl, at_surface, forcing, p)
    density = state.osteoclast_precursors
    averaged, after, stats = _precursors(sink, density, state, geometry, dt, theta_min, n)
    relative_density = averaged / healthy.osteoclast_precursors
    recruited, formed, grown, waiting = _grow_osteoclasts(
        sink, made, relative_density, state, geometry, p, dt
    )
    supply = sink.population.supply
    osteoclasts = Lineage(averaged, after, supply, recruited, formed, sink.loss, grown, stats)
    del sink, made, relative_density

    resorbed = _resorb(state, healthy, at_surface, grown.mean, forcing, p, dt)
    formation = cells.formation(osteoblasts.cells.mean, at_surface, p)
    done = StepTerms(
        geometry,
        fluid,
        at_surface,
        osteoclasts,
        osteoblasts,
        waiting,
        resorbed.store,
        resorbed.velocity,
        formation,
    )
    error = local_error(midpoint, done, state.bone_volume_fraction, dt)
    del midpoint
    surface = geometry.exchange.surface
    spread_osteoclasts, first = _spread(osteoclasts.cells.after, surface, p.D_sC, dt, n)
    spread_osteoblasts, second = _spread(osteoblasts.cells.after, surface, p.D_sB, dt, n)
    spread_store, third = _spread(done.store.after, surface, p.D_sB, dt, n)
    stats = SolverStats(
        first.iterations + second.iterations + third.iterations,
        jnp.maximum(jnp.maximum(first.relative_error, second.relative_error), third.relative_error),
    )
    moved = _move_surface(state, done, p, dt, n)
    following = State(
        bone_volume_fraction=moved.motion.phi,
        il1=il1,
        rankl=rankl,
        opg=opg,
        osteoclast_precursors=moved.precursors[0],
        osteoblast_precursors=moved.precursors[1],
        osteoclasts=spread_osteoclasts,
        osteoblasts=spread_osteoblasts,
        coupling_store=spread_store,
        endosteal_supply=moved.supply,
        tnf=tnf,
        osteomorphs=waiting.cells.after,
        bisphosphonate=resorbed.bisphosphonate.after,
    )
    return following, StepDiagnostics(done, moved.motion, moved.geometry, stats, error)
