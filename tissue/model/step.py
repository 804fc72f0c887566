"""The order of one coupling step: everything later uses what is already new.

A step is a short chain of compiled stages rather than one program: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between stages.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Effort
from tissue.kernels.stencil import Field, total
from tissue.kernels.surface import Motion, spread_along
from tissue.model import cells, cytokines, signals
from tissue.model.account import Account, Activity, Fluid, Il1, Lineage, LocalError, Seen
from tissue.model.bone import Pores, pores, remodel
from tissue.model.cells import PER_MM, Population, Relaxed
from tissue.model.parameters import Parameters, Scalar
from tissue.model.state import Healthy, State


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
    guess: tuple[Field, Field],
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
        guess: of RANKL and OPG [pM].
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
    pair = cytokines.rankl_opg(pore, rankl_source, opg_source, guess, p, n.spacing, n.tolerance)
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
    number: Field,
    guess: Field,
    reference: Field,
    density: Field,
    pore: Pores,
    dt: Scalar,
    least: Scalar,
    n: Numerics,
) -> Lineage:
    """Precursors and the cells that form from them over a step.

    Args:
        demand: of the surface.
        number: precursors at the start [cells/mm^3 tissue].
        guess: of their density [cells/mm^3 marrow].
        reference: their density in health.
        density: of the cells at the start [cells/mm^2].
        pore: geometry.
        dt: [day].
        least: smallest implicit share.
        n: numerics.
    """
    share = cells.implicit_share(number, pore, least)
    precursors, effort = cells.step_precursors(
        number, guess, demand.population, pore, share * dt, n.spacing, n.tolerance
    )
    formed, grown = _grow(demand, precursors, reference, density, pore, dt)
    after = cells.after_step(number, precursors, pore, share)
    return Lineage(precursors, after, demand.population.supply, formed, demand.loss, grown, effort)


class _Expected(NamedTuple):
    pores: Pores
    supply: Field
    store: Field
    resorption: Field
    formation: Field
    numbers: tuple[Field, Field]


@jax.jit
def _expect(state: State, healthy: Healthy, p: Parameters, dt: Scalar, n: Numerics) -> _Expected:
    """The middle of the step, from what the cells are and see at its start."""
    pore = pores(state.bone_volume_fraction, n.spacing, p)
    seen = see_solutes(state.il1, state.rankl, state.opg, pore, p)
    m = pore.exchange.see(state.osteoclast_precursors / healthy.osteoclast_precursors)
    formed = m * cells.osteoclast_recruitment(seen.rankl, seen.signal, healthy.drive, p)
    loss = signals.osteoclast_loss(seen.excess, p)
    osteoclasts = cells.relax(state.osteoclasts, formed, loss, dt).mean
    resorption, store = _resorb(state, healthy, seen, osteoclasts, p, dt)
    q = pore.exchange.see(state.osteoblast_precursors / healthy.osteoblast_precursors)
    formed = q * cells.osteoblast_recruitment(store.mean, seen.excess, p)
    osteoblasts = cells.relax(state.osteoblasts, formed, p.delta_B, dt).mean
    formation = _form(osteoblasts, seen.excess, p)
    moved = remodel(state.bone_volume_fraction, resorption, formation, n.spacing, 0.5 * dt)
    middle = pores(moved.phi, n.spacing, p)
    eps = pore.exchange.porosity
    numbers = eps * state.osteoclast_precursors, eps * state.osteoblast_precursors
    supply = _move_supply(state.endosteal_supply, pore, middle)
    return _Expected(middle, supply, store.mean, resorption, formation, numbers)


@jax.jit
def _error(
    expected: _Expected, resorption: Field, formation: Field, store: Relaxed, state: State,
    dt: Scalar
) -> LocalError:
    surface = expected.pores.exchange.surface
    off = [jnp.abs(a - b) for a, b in ((resorption, expected.resorption), (formation, expected.formation))]
    bone = total(surface * jnp.abs(formation - resorption - expected.formation + expected.resorption)) * dt / total(state.bone_volume_fraction)
    def share(off, of):
        return total(surface*off)/total(surface*of)
    return LocalError(bone, jnp.maximum(share(off[0], resorption), share(off[1], formation)))


@jax.jit
def _resorb(
    state: State, healthy: Healthy, seen: Seen, osteoclasts: Field, p: Parameters, dt: Scalar
) -> tuple[Field, Relaxed]:
    """Resorption velocity of osteoclasts averaged over the step [um/day], and what it frees."""
    activity = signals.resorption_activity(seen.rankl, seen.signal, healthy.rank_occupancy, p)
    resorption = p.k_res * osteoclasts * activity
    return resorption, cells.relax(state.coupling_store, resorption, p.k_E, dt)


@jax.jit
def _form(osteoblasts: Field, excess: Field, p: Parameters) -> Field:
    """Formation velocity of osteoblasts averaged over the step [um/day]."""
    return p.k_form * osteoblasts * signals.matrix_formation(excess, p)


def _move_supply(supply: Field, before: Pores, after: Pores) -> Field:
    """The endosteal supply on changed bone.

    Where bone has filled pores it moves to the nearest ones. It comes with the marrow, like the
    rest of the supply, and so grows and shrinks with the volume of all marrow.
    """
    old, new = before.exchange.porosity, after.exchange.porosity
    buried = supply * jnp.maximum(1 - new / old, 0)
    moved = supply - buried + after.exchange.spread(buried)
    return moved * (total(new) / total(old)).astype(moved.dtype)


class _Moved(NamedTuple):
    """What moved along with the surface, or along it."""

    motion: Motion
    pores: Pores
    spread_effort: Effort
    precursors: tuple[Field, Field]
    spread: Field
    supply: Field


@jax.jit
def _move_surface(state: State, done: Activity, p: Parameters, dt: Scalar, n: Numerics) -> _Moved:
    """Cells spread along the surface, the bone moves, the precursors follow the pore space."""
    on_surface = done.osteoclasts.cells, done.osteoblasts.cells, done.store
    settled = jnp.stack([density.after for density in on_surface])
    motility = jnp.stack([jnp.asarray(d, settled.dtype) for d in (p.D_sC, p.D_sB, p.D_sB)])
    surface = done.pores.exchange.surface
    spread, effort = spread_along(settled, surface, motility, n.spacing, dt, tolerance=n.tolerance)
    motion = remodel(state.bone_volume_fraction, done.resorption, done.formation, n.spacing, dt)
    before = pores(state.bone_volume_fraction, n.spacing, p)
    after = pores(motion.phi, n.spacing, p)
    lines = done.osteoclasts, done.osteoblasts
    eps = after.exchange.porosity
    precursors = lines[0].after / eps, lines[1].after / eps
    supply = _move_supply(state.endosteal_supply, before, after)
    return _Moved(motion, after, effort, precursors, spread, supply)


def advance(
    state: State, healthy: Healthy, forcing: Forcing, p: Parameters, dt: Scalar, n: Numerics,
    least: Scalar = 0.55,
) -> tuple[State, Account]:
    """The tissue dt days later, and an account of what happened."""
    expected = _expect(state, healthy, p, dt, n)
    pore, numbers = expected.pores, expected.numbers
    il1 = solve_il1(state.il1, pore, forcing, p, n)

    demand = _osteoblast_demand(
        expected.supply, pore, healthy, il1.field, expected.store, p
    )
    osteoblasts = _lineage(
        demand, numbers[1], state.osteoblast_precursors, healthy.osteoblast_precursors,
        state.osteoblasts, pore, dt, least, n,
    )
    stroma = 0.5 * (numbers[1] + osteoblasts.after) / pore.exchange.porosity
    fluid = solve_pair(
        (state.rankl, state.opg), il1, stroma, osteoblasts.cells.mean, pore,
        healthy.marrow_per_surface, p, n,
    )
    seen = see_solutes(fluid.il1, fluid.pair.a, fluid.pair.b, pore, p)
    demand = _osteoclast_demand(expected.supply, pore, healthy, fluid.pair.a, seen, p)
    osteoclasts = _lineage(
        demand, numbers[0], state.osteoclast_precursors, healthy.osteoclast_precursors,
        state.osteoclasts, pore, dt, least, n,
    )
    resorption, store = _resorb(state, healthy, seen, osteoclasts.cells.mean, p, dt)
    formation = _form(osteoblasts.cells.mean, seen.excess, p)
    del demand
    error = _error(expected, resorption, formation, store, state, dt)

    done = Activity(pore, fluid, seen, osteoclasts, osteoblasts, store, resorption, formation)
    moved = _move_surface(state, done, p, dt, n)
    following = State(
        bone_volume_fraction=moved.motion.phi,
        il1=fluid.il1,
        rankl=fluid.pair.a,
        opg=fluid.pair.b,
        osteoclast_precursors=moved.precursors[0],
        osteoblast_precursors=moved.precursors[1],
        osteoclasts=moved.spread[0],
        osteoblasts=moved.spread[1],
        coupling_store=moved.spread[2],
        endosteal_supply=moved.supply,
    )
    return following, Account(done, moved.motion, moved.pores, moved.spread_effort, error)
