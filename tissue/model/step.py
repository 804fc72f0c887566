"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the middle of the step. Its geometry is expected from the start; from there
on everything uses what has been found: IL-1, osteoblast precursors, osteoblasts, RANKL and OPG,
osteoclast precursors, osteoclasts, velocities. Nothing rests on the steps before.

A step is a short chain of compiled stages rather than one program: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between stages.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Effort
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, spread_along
from tissue.model import cells, cytokines, signals
from tissue.model.account import Account, Activity, Fluid, Il1, Lineage, Relaxed, Seen
from tissue.model.bone import Pores, pores, remodel
from tissue.model.cells import PER_MM, Population
from tissue.model.middle import expect, local_error
from tissue.model.parameters import Parameters, Scalar
from tissue.model.state import Healthy, State

UNDAMPED = 0.55
"""Smallest implicit share of a step: 0.5 is of the second order but never forgets what a jump of
the stiffest modes has left; 0.55 forgets half of it in four steps and costs 0.007 points of 48 at
steps of two days."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forcing:
    """What disease does to the tissue.

    Attributes:
        il1_excess: uniform steady IL-1 above the healthy level [pM].
    """

    il1_excess: Array | float = 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Numerics:
    """How finely a step is computed.

    Attributes:
        spacing: edge of a voxel [um].
        tolerance: relative error of every solve.
    """

    spacing: Scalar
    tolerance: Scalar


def solve_il1(guess: Field, pore: Pores, forcing: Forcing, p: Parameters, n: Numerics) -> Il1:
    """IL-1 in balance with its sources, from a guess [pM]."""
    source = cytokines.il1_source(pore, forcing.il1_excess, p)
    return Il1(*cytokines.il1(pore, source, guess, p, n.spacing, n.tolerance), source)


def solve_pair(
    guess: State,
    il1: Il1,
    stroma: Field,
    osteoblasts: Field,
    pore: Pores,
    healthy_ratio: Array,
    p: Parameters,
    n: Numerics,
) -> Fluid:
    """RANKL and OPG in balance with the cells that make them.

    Args:
        guess: gives RANKL and OPG as a first guess.
        il1: solved before.
        stroma: osteoblast precursors [cells/mm^3 marrow].
        osteoblasts: [cells/mm^2].
        pore: geometry.
        healthy_ratio: marrow volume over bone surface in health [um].
        p: parameters.
        n: numerics.
    """
    rankl_source = cytokines.rankl_source(pore, il1.field, stroma, healthy_ratio, p)
    opg_source = cytokines.opg_source(pore, il1.field, stroma, osteoblasts, healthy_ratio, p)
    start = guess.rankl, guess.opg
    pair = cytokines.rankl_opg(pore, rankl_source, opg_source, start, p, n.spacing, n.tolerance)
    return Fluid(il1.field, pair, il1.source, rankl_source, opg_source, il1.effort)


@jax.jit
def see_solutes(il1: Field, rankl: Field, opg: Field, pore: Pores, p: Parameters) -> Seen:
    """The solutes [pM] as the bone surface sees them."""
    il1, rankl, opg = (pore.exchange.see(field) for field in (il1, rankl, opg))
    signal = signals.il1_signal(il1, p)
    return Seen(il1, rankl, opg, signal, signals.excess_signal(signal, p))


def osteoclast_population(
    rankl: Field, supply_returned: Field, uptake: Field, pore: Pores, p: Parameters
) -> Population:
    """Osteoclast precursors: drawn up the gradient of RANK occupancy.

    Args:
        rankl: [pM].
        supply_returned: endosteal supply [cells/mm^3/day].
        uptake: by the surface [1/day].
        pore: geometry.
        p: parameters.
    """
    return Population(
        diffusivity=p.D_M,
        drift=cells.osteoclast_precursor_drift(rankl, p),
        mobility=1.0,
        turnover=p.delta_M,
        supply=pore.exchange.porosity * p.delta_M * p.M_0 + supply_returned,
        uptake=uptake,
    )


def osteoblast_population(
    il1: Field, supply_returned: Field, uptake: Field, pore: Pores, p: Parameters
) -> Population:
    """Osteoblast precursors: slowed and repelled by IL-1; arguments as for osteoclasts."""
    return Population(
        diffusivity=p.D_P,
        drift=cells.osteoblast_precursor_drift(il1, p),
        mobility=cells.osteoblast_precursor_mobility(il1, p),
        turnover=p.delta_P,
        supply=pore.exchange.porosity * p.delta_P * p.P_0 + supply_returned,
        uptake=uptake,
    )


class _Demand(NamedTuple):
    """Recruitment by the surface at healthy precursor density, and what it asks of the marrow.

    With the loss rate of the cells recruited [1/day].
    """

    recruitment: Field
    population: Population
    loss: Array | float


@jax.jit
def _osteoclast_demand(
    supply: Field, pore: Pores, healthy: Healthy, rankl: Field, seen: Seen, p: Parameters
) -> _Demand:
    recruitment = cells.osteoclast_recruitment(seen.rankl, seen.signal, healthy.drive, p)
    uptake = p.n_f * cells.deposit_cells(pore.exchange, recruitment)
    returned = p.n_f * p.delta_C * p.C_0 * PER_MM * supply
    uptake_rate = uptake / healthy.osteoclast_precursors
    population = osteoclast_population(rankl, returned, uptake_rate, pore, p)
    return _Demand(recruitment, population, signals.osteoclast_loss(seen.excess, p))


@jax.jit
def _osteoblast_demand(
    supply: Field,
    pore: Pores,
    healthy: Healthy,
    il1: Field,
    store: Field,
    p: Parameters,
) -> _Demand:
    excess = signals.excess_signal(signals.il1_signal(pore.exchange.see(il1), p), p)
    recruitment = cells.osteoblast_recruitment(store, excess, p)
    uptake = cells.deposit_cells(pore.exchange, recruitment) / p.n_p
    returned = p.delta_B * p.B_0 / p.n_p * PER_MM * supply
    uptake_rate = uptake / healthy.osteoblast_precursors
    population = osteoblast_population(il1, returned, uptake_rate, pore, p)
    return _Demand(recruitment, population, p.delta_B)


@jax.jit
def _grow(
    demand: _Demand, precursors: Field, reference: Field, density: Field, pore: Pores, dt: Scalar
) -> tuple[Field, Relaxed]:
    """Cells formed from the precursors [cells/mm^2/day], and what becomes of their density."""
    formed = demand.recruitment * pore.exchange.see(precursors / reference)
    return formed, cells.relax(density, formed, demand.loss, dt)


def _lineage(
    demand: _Demand,
    line: tuple[Field, Field],
    reference: Field,
    state: State,
    pore: Pores,
    dt: Scalar,
    least: Scalar,
    n: Numerics,
) -> Lineage:
    """Precursors and the cells that form from them over a step.

    Args:
        demand: of the surface.
        line: densities of both at the start [cells/mm^3 marrow, cells/mm^2].
        reference: of the precursors, in health.
        state: at the start.
        pore: geometry.
        dt: [day].
        least: smallest implicit share.
        n: numerics.
    """
    number, share = cells.ready(state.bone_volume_fraction, line[0], pore, least)
    precursors, effort = cells.step_precursors(
        number, line[0], demand.population, pore, share * dt, n.spacing, n.tolerance
    )
    formed, grown = _grow(demand, precursors, reference, line[1], pore, dt)
    after = cells.after_step(number, precursors, pore, share)
    return Lineage(precursors, after, demand.population.supply, formed, demand.loss, grown, effort)


@jax.jit
def _resorb(
    state: State, healthy: Healthy, seen: Seen, osteoclasts: Field, p: Parameters, dt: Scalar
) -> tuple[Field, Relaxed]:
    """Resorption velocity averaged over the step [um/day], and what it frees."""
    resorption = cells.resorption(osteoclasts, seen, healthy.rank_occupancy, p)
    return resorption, cells.relax(state.coupling_store, resorption, p.k_E, dt)


class _Moved(NamedTuple):
    """What moved along with the surface."""

    motion: Motion
    pores: Pores
    precursors: tuple[Field, Field]
    supply: Field


@jax.jit
def _spread(
    density: Field, surface: Field, motility: Scalar, dt: Scalar, n: Numerics
) -> tuple[Field, Effort]:
    """A density after diffusing along the surface; one at a time, for the sake of memory."""
    along = jnp.asarray(motility, density.dtype)[None]
    # little spreads in a step: the residual is small before anything is done
    tolerance = 0.1 * n.tolerance
    spread, effort = spread_along(density[None], surface, along, n.spacing, dt, tolerance=tolerance)
    return spread[0], effort


@jax.jit
def _move_surface(state: State, done: Activity, p: Parameters, dt: Scalar, n: Numerics) -> _Moved:
    """The bone moves, and precursors and their supply follow the pore space."""
    motion = remodel(state.bone_volume_fraction, done.resorption, done.formation, n.spacing, dt)
    before = pores(state.bone_volume_fraction, n.spacing, p)
    after = pores(motion.phi, n.spacing, p)
    eps = after.exchange.porosity
    precursors = done.osteoclasts.after / eps, done.osteoblasts.after / eps
    supply = cells.move_supply(state.endosteal_supply, before, after)
    return _Moved(motion, after, precursors, supply)


def advance(
    state: State,
    healthy: Healthy,
    forcing: Forcing,
    p: Parameters,
    dt: Scalar,
    n: Numerics,
    least: Scalar = UNDAMPED,
) -> tuple[State, Account]:
    """The tissue dt days later, and an account of what happened.

    Args:
        state: now; its solutes are those of the last step.
        healthy: references.
        forcing: disease.
        p: parameters.
        dt: [day].
        n: numerics.
        least: of `cells.implicit_share`: UNDAMPED, or 1 for the first step after a change of the
            forcing, whose jump would ring, and where a density falls by half within a step.
    """
    start = pores(state.bone_volume_fraction, n.spacing, p)
    seen = see_solutes(state.il1, state.rankl, state.opg, start, p)
    expected, expected_store = expect(state, healthy, start, seen, p, n.spacing, dt)
    del start, seen  # every field let go is memory for the solves
    pore, supply = expected.pores, expected.supply

    il1 = solve_il1(state.il1, pore, forcing, p, n)
    demand = _osteoblast_demand(supply, pore, healthy, il1.field, expected_store, p)
    line = state.osteoblast_precursors, state.osteoblasts
    reference = healthy.osteoblast_precursors
    osteoblasts = _lineage(demand, line, reference, state, pore, dt, least, n)
    del demand, expected_store

    stroma = cells.halfway(state.bone_volume_fraction, line[0], osteoblasts.after, pore)
    fluid = solve_pair(
        state, il1, stroma, osteoblasts.cells.mean, pore, healthy.marrow_per_surface, p, n
    )
    seen = see_solutes(fluid.il1, fluid.pair.a, fluid.pair.b, pore, p)

    demand = _osteoclast_demand(supply, pore, healthy, fluid.pair.a, seen, p)
    line = state.osteoclast_precursors, state.osteoclasts
    reference = healthy.osteoclast_precursors
    osteoclasts = _lineage(demand, line, reference, state, pore, dt, least, n)
    del demand

    resorption, store = _resorb(state, healthy, seen, osteoclasts.cells.mean, p, dt)
    formation = cells.formation(osteoblasts.cells.mean, seen, p)
    done = Activity(pore, fluid, seen, osteoclasts, osteoblasts, store, resorption, formation)
    error = local_error(expected, done, state.bone_volume_fraction, dt)
    del expected
    surface = pore.exchange.surface
    spread_osteoclasts, first = _spread(osteoclasts.cells.after, surface, p.D_sC, dt, n)
    spread_osteoblasts, second = _spread(osteoblasts.cells.after, surface, p.D_sB, dt, n)
    spread_store, third = _spread(store.after, surface, p.D_sB, dt, n)
    effort = Effort(
        first.cycles + second.cycles + third.cycles,
        jnp.maximum(jnp.maximum(first.error, second.error), third.error),
    )
    moved = _move_surface(state, done, p, dt, n)
    following = State(
        bone_volume_fraction=moved.motion.phi,
        il1=fluid.il1,
        rankl=fluid.pair.a,
        opg=fluid.pair.b,
        osteoclast_precursors=moved.precursors[0],
        osteoblast_precursors=moved.precursors[1],
        osteoclasts=spread_osteoclasts,
        osteoblasts=spread_osteoblasts,
        coupling_store=spread_store,
        endosteal_supply=moved.supply,
    )
    return following, Account(done, moved.motion, moved.pores, effort, error)
