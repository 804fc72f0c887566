"""Lineages of osteoblasts and osteoclasts over one step: precursors in the marrow, cells on bone.

The surface recruits precursors in proportion to their density near by. That is an implicit sink of
the precursors in the marrow, and what they supply forms the cells.
"""

from typing import NamedTuple

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.programs import program
from tissue.kernels.stencil import Field, total
from tissue.model import cytokines, osteoclast_responses, precursors, signals, surface_rates
from tissue.model.bone import BoneGeometry
from tissue.model.context import StepContext
from tissue.model.fields import PER_MM
from tissue.model.forcing import Value
from tissue.model.integrators import StepValue
from tissue.model.parameters import Parameters, Scalar
from tissue.model.precursors import Population, PrecursorStep, SurfaceTurnover
from tissue.model.predictor import EarlyMidpoint, Midpoint
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.state import State
from tissue.model.surface_rates import (
    LiningCellTerms,
    OsteoblastRecruitment,
    OsteomorphTerms,
)
from tissue.model.turnover import Turnover, on_surface


class Lineage(NamedTuple):
    """One lineage of cells over a step.

    Attributes:
        precursors: in the marrow.
        supply: precursors that arrived [cells/mm^3/day].
        recruited: cells that the surface made of them [cells/mm^2/day].
        formed: cells formed on the surface [cells/mm^2/day]; of osteoclasts also those that
            osteomorphs make, and not those that become osteomorphs; of osteoblasts also those that
            lining cells become.
        loss: their death rate [1/day].
        cells: on the surface [cells/mm^2].
    """

    precursors: PrecursorStep
    supply: Field
    recruited: Field
    formed: Field
    loss: Value
    cells: StepValue


class LineageStep(NamedTuple):
    """Numbers of a lineage that the rest of a step needs.

    Attributes:
        precursors: their number at the end [cells/mm^3 tissue].
        cells: on the surface [cells/mm^2].
        resting: lining cells, or osteomorphs, at the end [cells/mm^2].
        turnover: of all of them, by name.
        stats: of the solve for precursors.
    """

    precursors: Field
    cells: StepValue
    resting: Field
    turnover: dict[str, Turnover]
    stats: SolverStats


class RecruitmentSink(NamedTuple):
    """Recruitment by the surface as a sink of precursors in the marrow.

    Attributes:
        relative: drive of osteoclasts over the healthy one, `surface_rates.relative_drive` [1].
        population: the precursors.
        loss: death rate of the cells on the surface [1/day].
    """

    relative: Field
    population: Population
    loss: Value


def osteoblast_lineage(
    state: State,
    predicted: tuple[Midpoint, EarlyMidpoint],
    environment: Environment,
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> LineageStep:
    """Osteoblast precursors P, osteoblasts B and lining cells L over the step.

    Args:
        state: at the start.
        predicted: midpoint.
        environment: of cells in the marrow.
        context: of the step.
        dt: [day].
        theta_min: smallest theta.
    """
    midpoint, early = predicted
    p, n, geometry = context.parameters, context.numerics, midpoint.geometry
    tgf_beta = None
    if context.healthy.tgf_beta is not None:
        tgf_beta = cytokines.tgf_beta(geometry, early.store, p, n)
    population, sources = _osteoblast_sink(midpoint, early, environment, tgf_beta, context)
    del tgf_beta
    start = state.bone_volume_fraction, state.osteoblast_precursors
    found = precursors.step_precursors(start, population, geometry, dt, n, theta_min)
    lineage, lining = _grow_osteoblasts(
        state, (geometry, early.osteoblasts, sources), (found, population.supply), context, dt
    )
    turnover = osteoblast_turnover(lineage, lining, geometry, p, dt)
    return LineageStep(found.end, lineage.cells, lining.cells.end, turnover, found.stats)


def osteoclast_lineage(
    state: State,
    midpoint: Midpoint,
    solutes: tuple[Field, Environment, SurfaceConcentrations],
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> LineageStep:
    """Osteoclast precursors M, osteoclasts C and osteomorphs Q over the step.

    Args:
        state: at the start.
        midpoint: predicted.
        solutes: RANKL in the marrow, the others for cells there, and at the surface.
        context: of the step.
        dt: [day].
        theta_min: smallest theta.
    """
    p, geometry = context.parameters, midpoint.geometry
    sink = _osteoclast_sink(state, midpoint, solutes, context, dt)
    start = state.bone_volume_fraction, state.osteoclast_precursors
    found = precursors.step_precursors(
        start, sink.population, geometry, dt, context.numerics, theta_min
    )
    lineage, osteomorphs = _grow_osteoclasts(state, sink, found, geometry, context, dt)
    turnover = osteoclast_turnover(lineage, osteomorphs, geometry, p, dt)
    return LineageStep(found.end, lineage.cells, osteomorphs.cells.end, turnover, found.stats)


@program
def _osteoblast_sink(
    midpoint: Midpoint,
    early: EarlyMidpoint,
    environment: Environment,
    tgf_beta: Field | None,
    context: StepContext,
) -> tuple[Population, OsteoblastRecruitment]:
    f, p, geometry, healthy = (
        context.forcing,
        context.parameters,
        midpoint.geometry,
        context.healthy,
    )
    here = cytokines.surface_environment(environment, geometry)
    sources = surface_rates.osteoblast_recruitment(
        early.store, signals.sensitive_excess(here, f, p), here["tnf"], early.load, context
    )
    uptake = PER_MM * geometry.exchange.deposit(sources.coupled) / p.n_p
    turnover = SurfaceTurnover(
        (1 - p.w_L) * p.delta_B * p.B_0 / p.n_p * PER_MM * midpoint.supply,
        uptake / healthy.osteoblast_precursors,
    )
    pull = None
    if tgf_beta is not None and healthy.tgf_beta is not None:
        pull = precursors.tgf_beta_effect(tgf_beta, healthy.tgf_beta)
    population = precursors.osteoblast_precursors(environment, pull, turnover, geometry, context)
    return population, sources


@program
def _osteoclast_sink(
    state: State,
    midpoint: Midpoint,
    solutes: tuple[Field, Environment, SurfaceConcentrations],
    context: StepContext,
    dt: Scalar,
) -> RecruitmentSink:
    rankl, environment, at_surface = solutes
    f, p, geometry, healthy = (
        context.forcing,
        context.parameters,
        midpoint.geometry,
        context.healthy,
    )
    relative = surface_rates.relative_drive(at_surface, healthy.drive, f, p)
    recruited = surface_rates.osteoclast_recruitment(relative, p).recruited
    uptake = p.n_f * (PER_MM * geometry.exchange.deposit(recruited))
    turnover = SurfaceTurnover(
        p.n_f * p.delta_C * p.C_0 * PER_MM * midpoint.supply,
        uptake / healthy.osteoclast_precursors,
    )
    population = precursors.osteoclast_precursors(rankl, environment, turnover, geometry, context)
    # as the predictor has it, found again so that no field of it is kept until here
    bound = surface_rates.bisphosphonate_release(state.bisphosphonate, midpoint.resorption, p, dt)
    loss = osteoclast_responses.osteoclast_loss(at_surface.excess, bound.mean, f, p)
    return RecruitmentSink(relative, population, loss)


@program
def _grow_osteoblasts(
    state: State,
    recruiting: tuple[BoneGeometry, Field, OsteoblastRecruitment],
    arrived: tuple[PrecursorStep, Field],
    context: StepContext,
    dt: Scalar,
) -> tuple[Lineage, LiningCellTerms]:
    """Osteoblasts and lining cells.

    Args:
        state: at the start.
        recruiting: geometry, mean of osteoblasts as predicted [cells/mm^2], and their sources.
        arrived: precursors, and their supply [cells/mm^3/day].
        context: of the step.
        dt: [day].
    """
    (geometry, predicted, sources), (found, supply) = recruiting, arrived
    relative_density = found.mean / context.healthy.osteoblast_precursors
    recruited = sources.coupled * geometry.exchange.to_surface(relative_density)
    lining = surface_rates.lining_cells(
        state.lining_cells, predicted, sources, context.parameters, dt
    )
    formed = recruited + lining.activated
    grown = surface_rates.osteoblasts(state.osteoblasts, formed, sources.loss, dt)
    return Lineage(found, supply, recruited, formed, sources.loss, grown), lining


@program
def _grow_osteoclasts(
    state: State,
    sink: RecruitmentSink,
    found: PrecursorStep,
    geometry: BoneGeometry,
    context: StepContext,
    dt: Scalar,
) -> tuple[Lineage, OsteomorphTerms]:
    """Osteoclasts and osteomorphs."""
    p, supply = context.parameters, sink.population.supply
    available = geometry.exchange.to_surface(found.mean / context.healthy.osteoclast_precursors)
    recruitment = surface_rates.osteoclast_recruitment(sink.relative, p)
    terms = surface_rates.osteoclasts(state, available, recruitment, sink.loss, p, dt)
    recruited = available * recruitment.recruited
    lineage = Lineage(found, supply, recruited, terms.formed, sink.loss, terms.cells)
    return lineage, terms.osteomorphs


@program
def osteoblast_turnover(
    lineage: Lineage, lining: LiningCellTerms, geometry: BoneGeometry, p: Parameters, dt: Scalar
) -> dict[str, Turnover]:
    """Turnover of osteoblasts, of their precursors and of lining cells in a step, by name."""
    surface = geometry.exchange.surface
    return {
        "osteoblast_precursors": _of_precursors(lineage, geometry, p.delta_P, 1 / p.n_p, dt),
        "osteoblasts": _of_cells(lineage, surface, dt),
        "lining_cells": on_surface(surface, lining.gained, lining.lost, dt),
    }


@program
def osteoclast_turnover(
    lineage: Lineage,
    osteomorphs: OsteomorphTerms,
    geometry: BoneGeometry,
    p: Parameters,
    dt: Scalar,
) -> dict[str, Turnover]:
    """Turnover of osteoclasts, of their precursors and of osteomorphs in a step, by name."""
    surface = geometry.exchange.surface
    return {
        "osteoclast_precursors": _of_precursors(lineage, geometry, p.delta_M, p.n_f, dt),
        "osteoclasts": _of_cells(lineage, surface, dt),
        "osteomorphs": on_surface(surface, osteomorphs.arrested, osteomorphs.lost, dt),
    }


def _of_precursors(
    lineage: Lineage, geometry: BoneGeometry, death: Value, each: Value, dt: Scalar
) -> Turnover:
    """Supply against death and recruitment, `each` precursors for one cell on the surface."""
    died = total(geometry.exchange.porosity * death * lineage.precursors.mean)
    recruited = each * PER_MM * total(geometry.exchange.surface * lineage.recruited)
    return Turnover(total(lineage.supply) * dt, (died + recruited) * dt)


def _of_cells(lineage: Lineage, surface: Field, dt: Scalar) -> Turnover:
    return on_surface(surface, lineage.formed, lineage.loss * lineage.cells.mean, dt)
