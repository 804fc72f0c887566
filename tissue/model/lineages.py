"""Lineages of osteoblasts and osteoclasts over one step: precursors in the marrow, cells on bone.

The surface recruits precursors in proportion to their density near by. That is an implicit sink of
the precursors in the marrow, and what they supply forms the cells.
"""

from typing import NamedTuple

import jax

from tissue.kernels.stencil import Field
from tissue.model import cytokines, osteoclast_responses, precursors, signals, surface_rates
from tissue.model.bone import BoneGeometry
from tissue.model.context import StepContext
from tissue.model.cytokines import Fluid
from tissue.model.diagnostics import Lineage
from tissue.model.fields import PER_MM
from tissue.model.forcing import Value
from tissue.model.integrators import StepValue
from tissue.model.parameters import Scalar
from tissue.model.precursors import Population, SurfaceTurnover
from tissue.model.predictor import Midpoint
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.state import State
from tissue.model.surface_rates import (
    LiningCellTerms,
    OsteoblastRecruitment,
    OsteoclastTerms,
    OsteomorphTerms,
    Recruitment,
)


class RecruitmentSink(NamedTuple):
    """Recruitment by the surface as a sink of precursors in the marrow.

    Attributes:
        recruitment: cells formed at healthy precursor density [cells/mm^2/day].
        population: the precursors.
        loss: death rate of the cells on the surface [1/day].
    """

    recruitment: Field
    population: Population
    loss: Value


def osteoblast_lineage(
    state: State,
    predicted: tuple[Midpoint, Field],
    environment: Environment,
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> tuple[Lineage, LiningCellTerms]:
    """Osteoblast precursors P, osteoblasts B and lining cells L over the step.

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
    population, sources = _osteoblast_sink(midpoint, store, environment, tgf_beta, context)
    start = state.bone_volume_fraction, state.osteoblast_precursors
    found = precursors.step_precursors(start, population, geometry, dt, n, theta_min)
    (recruited, formed), lining, grown = _grow_osteoblasts(
        state, (midpoint, sources), found.mean, context, dt
    )
    return Lineage(found, population.supply, recruited, formed, sources.loss, grown), lining


def osteoclast_lineage(
    state: State,
    midpoint: Midpoint,
    solutes: tuple[Fluid, Environment, SurfaceConcentrations],
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar,
) -> tuple[Lineage, OsteomorphTerms]:
    """Osteoclast precursors M, osteoclasts C and osteomorphs Q over the step.

    Args:
        state: at the start.
        midpoint: predicted.
        solutes: in the marrow, for cells there, and at the surface.
        context: of the step.
        dt: [day].
        theta_min: smallest theta.
    """
    fluid, environment, at_surface = solutes
    geometry = midpoint.geometry
    rankl = fluid.pair.a
    sink, recruitment = _osteoclast_sink(midpoint, rankl, environment, at_surface, context)
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


@jax.jit
def _osteoblast_sink(
    midpoint: Midpoint,
    store: Field,
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
        store, signals.sensitive_excess(here, f, p), here["tnf"], midpoint.load, context
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


@jax.jit
def _osteoclast_sink(
    midpoint: Midpoint,
    rankl: Field,
    environment: Environment,
    at_surface: SurfaceConcentrations,
    context: StepContext,
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
    population = precursors.osteoclast_precursors(rankl, environment, turnover, geometry, context)
    loss = osteoclast_responses.osteoclast_loss(at_surface.excess, midpoint.bisphosphonate, f, p)
    return RecruitmentSink(recruited, population, loss), recruitment


@jax.jit
def _grow_osteoblasts(
    state: State,
    recruiting: tuple[Midpoint, OsteoblastRecruitment],
    precursor_mean: Field,
    context: StepContext,
    dt: Scalar,
) -> tuple[tuple[Field, Field], LiningCellTerms, StepValue]:
    """Osteoblasts made of precursors and all made [cells/mm^2/day], lining cells, osteoblasts."""
    midpoint, sources = recruiting
    relative_density = precursor_mean / context.healthy.osteoblast_precursors
    recruited = sources.coupled * midpoint.geometry.exchange.to_surface(relative_density)
    lining = surface_rates.lining_cells(
        state.lining_cells, midpoint.osteoblasts, sources, context.parameters, dt
    )
    formed = recruited + lining.activated
    grown = surface_rates.osteoblasts(state.osteoblasts, formed, sources.loss, dt)
    return (recruited, formed), lining, grown


@jax.jit
def _grow_osteoclasts(
    state: State,
    recruiting: tuple[RecruitmentSink, Recruitment],
    precursor_mean: Field,
    geometry: BoneGeometry,
    context: StepContext,
    dt: Scalar,
) -> tuple[Field, OsteoclastTerms]:
    """Osteoclasts recruited [cells/mm^2/day], and those formed and waiting."""
    sink, recruitment = recruiting
    relative_density = precursor_mean / context.healthy.osteoclast_precursors
    available = geometry.exchange.to_surface(relative_density)
    p = context.parameters
    terms = surface_rates.osteoclasts(state, available, recruitment, sink.loss, p, dt)
    return available * sink.recruitment, terms
