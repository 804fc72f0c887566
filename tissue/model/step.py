"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the middle of the step. Its geometry is expected from the start; from there
on everything uses what has been found: IL-1, osteoblast precursors, osteoblasts, RANKL and OPG,
osteoclast precursors, osteoclasts, velocities. Nothing rests on the steps before.

A step is a short chain of compiled stages rather than one program: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between stages.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Effort
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, spread_along
from tissue.model import cells, cytokines, signals
from tissue.model.account import (
    Account,
    Activity,
    Lineage,
    Relaxed,
    Seen,
    Waiting,
)
from tissue.model.balance import (
    Numerics,
    Surroundings,
    milieu,
    osteoblast_population,
    osteoclast_population,
    see_solutes,
    solve_alone,
    solve_pair,
)
from tissue.model.bone import Pores, pores, remodel
from tissue.model.cells import PER_MM, Population, Recruitment
from tissue.model.forcing import Forcing
from tissue.model.middle import Middle, expect, local_error
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Milieu
from tissue.model.state import Healthy, State

UNDAMPED = 0.55
"""Smallest implicit share of a step: 0.5 is of the second order but never forgets what a jump of
the stiffest modes has left; 0.55 forgets half of it in four steps and costs 0.007 points of 48 at
steps of two days."""


class _Demand(NamedTuple):
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
def _osteoclast_demand(
    expected: Middle,
    healthy: Healthy,
    rankl: Field,
    seen: Seen,
    f: Forcing,
    p: Parameters,
) -> tuple[_Demand, Recruitment]:
    pore = expected.pores
    made = cells.osteoclast_recruitment(seen, healthy.drive, f, p)
    recruited = made.formed + made.arrested
    uptake = p.n_f * cells.deposit_cells(pore.exchange, recruited)
    returned = p.n_f * p.delta_C * p.C_0 * PER_MM * expected.supply
    uptake_rate = uptake / healthy.osteoclast_precursors
    population = osteoclast_population(rankl, returned, uptake_rate, pore, f, p)
    loss = signals.osteoclast_loss(seen.excess, expected.bisphosphonate, f, p)
    return _Demand(recruited, population, loss), made


@jax.jit
def _osteoblast_demand(
    expected: Middle,
    healthy: Healthy,
    around: Milieu,
    tgf_beta: Field | None,
    store: Field,
    f: Forcing,
    p: Parameters,
) -> _Demand:
    pore = expected.pores
    excess = signals.excess_signal(signals.il1_signal(cytokines.at_surface(around, pore), f, p), p)
    recruitment = cells.osteoblast_recruitment(store, excess, expected.load, f, p)
    uptake = cells.deposit_cells(pore.exchange, recruitment) / p.n_p
    returned = p.delta_B * p.B_0 / p.n_p * PER_MM * expected.supply
    uptake_rate = uptake / healthy.osteoblast_precursors
    population = osteoblast_population(
        around, tgf_beta, healthy.tgf_beta, returned, uptake_rate, pore, f, p
    )
    return _Demand(recruitment, population, signals.osteoblast_loss(f, p))


def _precursors(
    demand: _Demand,
    density: Field,
    state: State,
    pore: Pores,
    dt: Scalar,
    least: Scalar,
    n: Numerics,
) -> tuple[Field, Field, Effort]:
    """Precursors over a step: averaged [cells/mm^3 marrow] and after it [cells/mm^3 tissue].

    Args:
        demand: of the surface.
        density: at the start [cells/mm^3 marrow].
        state: at the start.
        pore: geometry.
        dt: [day].
        least: smallest implicit share.
        n: numerics.
    """
    number, share = cells.ready(state.bone_volume_fraction, density, pore, least)
    precursors, effort = cells.step_precursors(
        number, density, demand.population, pore, share * dt, n.spacing, n.tolerance
    )
    return precursors, cells.after_step(number, precursors, pore, share), effort


@jax.jit
def _grow_osteoblasts(
    demand: _Demand, crowd: Field, density: Field, pore: Pores, dt: Scalar
) -> tuple[Field, Relaxed]:
    """Osteoblasts formed [cells/mm^2/day], and what becomes of their density."""
    formed = demand.recruitment * pore.exchange.see(crowd)
    return formed, cells.relax(density, formed, demand.loss, dt)


@jax.jit
def _grow_osteoclasts(
    demand: _Demand,
    made: Recruitment,
    crowd: Field,
    state: State,
    pore: Pores,
    p: Parameters,
    dt: Scalar,
) -> tuple[Field, Field, Relaxed, Waiting]:
    """Osteoclasts recruited and formed [cells/mm^2/day], their density, and those that wait."""
    seen = pore.exchange.see(crowd)
    arrested = seen * made.arrested
    waiting = cells.wait(state.osteomorphs, arrested, made.fusion, p, dt)
    formed = seen * made.formed + made.fusion * waiting.mean
    grown = cells.relax(state.osteoclasts, formed, demand.loss, dt)
    lost = (made.fusion + p.delta_Q) * waiting.mean
    return seen * demand.recruitment, formed, grown, Waiting(waiting, arrested, lost)


class _Resorbed(NamedTuple):
    """Resorption velocity averaged over a step [um/day], what it frees, and bisphosphonate."""

    velocity: Field
    store: Relaxed
    bisphosphonate: Relaxed


@jax.jit
def _resorb(
    state: State,
    healthy: Healthy,
    seen: Seen,
    osteoclasts: Field,
    f: Forcing,
    p: Parameters,
    dt: Scalar,
) -> _Resorbed:
    resorption = cells.resorption(osteoclasts, seen, healthy.rank_occupancy, f, p)
    return _Resorbed(
        resorption,
        cells.relax(state.coupling_store, resorption, p.k_E, dt),
        cells.bisphosphonate(state.bisphosphonate, resorption, p, dt),
    )


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
    spread, effort = spread_along(
        density[None], surface, along, n.spacing, dt, tolerance=tolerance, periodic=n.periodic
    )
    return spread[0], effort


@jax.jit
def _move_surface(state: State, done: Activity, p: Parameters, dt: Scalar, n: Numerics) -> _Moved:
    """The bone moves, and precursors and their supply follow the pore space."""
    bone, box = state.bone_volume_fraction, n.periodic
    motion = remodel(bone, done.resorption, done.formation, n.spacing, dt, box)
    before = pores(bone, n.spacing, p, box)
    after = pores(motion.phi, n.spacing, p, box)
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
        forcing: disease and therapy.
        p: parameters.
        dt: [day].
        n: numerics.
        least: of `cells.implicit_share`: UNDAMPED, or 1 for the first step after a change of the
            forcing, whose jump would ring, and where a density falls by half within a step.
    """
    start = pores(state.bone_volume_fraction, n.spacing, p, n.periodic)
    seen = see_solutes(state.il1, state.tnf, state.rankl, state.opg, start, forcing, p)
    expected, expected_store = expect(state, healthy, start, seen, forcing, p, n.spacing, dt)
    del start, seen  # every field let go is memory for the solves
    pore = expected.pores

    alone = solve_alone(state, expected.bisphosphonate, pore, forcing, p, n)
    il1, tnf = (solute.field for solute in alone)
    tgf_beta = None
    if healthy.tgf_beta is not None:
        tgf_beta = cytokines.tgf_beta(pore, expected_store, p, n.spacing, n.tolerance)
    around = milieu(il1, tnf, forcing, p)
    demand = _osteoblast_demand(expected, healthy, around, tgf_beta, expected_store, forcing, p)
    density = state.osteoblast_precursors
    averaged, after, effort = _precursors(demand, density, state, pore, dt, least, n)
    crowd = averaged / healthy.osteoblast_precursors
    formed, grown = _grow_osteoblasts(demand, crowd, state.osteoblasts, pore, dt)
    supply = demand.population.supply
    osteoblasts = Lineage(averaged, after, supply, formed, formed, demand.loss, grown, effort)
    del demand, expected_store, around, crowd

    stroma = cells.halfway(state.bone_volume_fraction, density, osteoblasts.after, pore)
    makers = Surroundings(stroma, grown.mean, expected.load)
    ratio = healthy.marrow_per_surface
    fluid = solve_pair(state, alone, makers, pore, ratio, forcing, p, n)
    rankl, opg = fluid.pair.a, fluid.pair.b
    seen = see_solutes(il1, tnf, rankl, opg, pore, forcing, p)
    del stroma, makers

    demand, made = _osteoclast_demand(expected, healthy, rankl, seen, forcing, p)
    density = state.osteoclast_precursors
    averaged, after, effort = _precursors(demand, density, state, pore, dt, least, n)
    crowd = averaged / healthy.osteoclast_precursors
    recruited, formed, grown, waiting = _grow_osteoclasts(demand, made, crowd, state, pore, p, dt)
    supply = demand.population.supply
    osteoclasts = Lineage(averaged, after, supply, recruited, formed, demand.loss, grown, effort)
    del demand, made, crowd

    resorbed = _resorb(state, healthy, seen, grown.mean, forcing, p, dt)
    formation = cells.formation(osteoblasts.cells.mean, seen, p)
    done = Activity(
        pore,
        fluid,
        seen,
        osteoclasts,
        osteoblasts,
        waiting,
        resorbed.store,
        resorbed.velocity,
        formation,
    )
    error = local_error(expected, done, state.bone_volume_fraction, dt)
    del expected
    surface = pore.exchange.surface
    spread_osteoclasts, first = _spread(osteoclasts.cells.after, surface, p.D_sC, dt, n)
    spread_osteoblasts, second = _spread(osteoblasts.cells.after, surface, p.D_sB, dt, n)
    spread_store, third = _spread(done.store.after, surface, p.D_sB, dt, n)
    effort = Effort(
        first.cycles + second.cycles + third.cycles,
        jnp.maximum(jnp.maximum(first.error, second.error), third.error),
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
    return following, Account(done, moved.motion, moved.pores, effort, error)
