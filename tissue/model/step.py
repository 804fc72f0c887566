"""The order of one coupling step: everything later uses what is already new."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.binding import Pair
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, spread_along
from tissue.model import cells, cytokines, signals
from tissue.model.bone import Pores, pores, remodel
from tissue.model.cells import PER_MM, Population, Relaxed
from tissue.model.parameters import Parameters
from tissue.model.state import Healthy, State


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forcing:
    """What disease does to the tissue.

    Attributes:
        il1_excess: uniform steady IL-1 above the healthy level [pM].
    """

    il1_excess: Array | float = 0.0


@dataclass(frozen=True)
class Numerics:
    """Choices that are compiled in.

    Attributes:
        spacing: edge of a voxel [um].
        tolerance: relative error of every solve.
    """

    spacing: float
    tolerance: float


class Fluid(NamedTuple):
    """The solutes of one step [pM], what was made of each [pM/day], and the cycles spent."""

    il1: Field
    pair: Pair
    il1_source: Field
    rankl_source: Field
    opg_source: Field
    il1_cycles: Array


class Seen(NamedTuple):
    """What the bone surface sees of the solutes [pM], and the IL-1 signal s and s_h there."""

    il1: Field
    rankl: Field
    opg: Field
    signal: Field
    excess: Field


class Lineage(NamedTuple):
    """One line of cells over a step.

    Attributes:
        precursors: in the marrow, after the step [cells/mm^3 marrow].
        supply: precursors that arrived [cells/mm^3/day].
        formed: cells formed on the surface [cells/mm^2/day].
        loss: their death rate [1/day].
        cells: after the step and averaged over it [cells/mm^2].
        spread: after they moved along the surface [cells/mm^2].
        cycles: multigrid cycles spent on the precursors.
    """

    precursors: Field
    supply: Field
    formed: Field
    loss: Array | float
    cells: Relaxed
    spread: Field
    cycles: Array


class Store(NamedTuple):
    """The coupling store over a step [um], as `Lineage.cells` and `Lineage.spread`."""

    cells: Relaxed
    spread: Field


class Account(NamedTuple):
    """What one step did: all that metrics and conservation budgets are made of.

    Attributes:
        before, after: geometry at the start, used by every term, and at the end.
        fluid: the solutes.
        seen: what the surface saw of them.
        osteoclasts, osteoblasts: the two lineages.
        store: the coupling store.
        resorption, formation: gross velocities of the bone surface [um/day].
        motion: of the bone.
    """

    before: Pores
    after: Pores
    fluid: Fluid
    seen: Seen
    osteoclasts: Lineage
    osteoblasts: Lineage
    store: Store
    resorption: Field
    formation: Field
    motion: Motion


def solve_fluid(
    state: State, pore: Pores, healthy_ratio: Array, forcing: Forcing, p: Parameters, n: Numerics
) -> Fluid:
    """The solutes in balance with the cells of `state`.

    Args:
        state: gives the cells, and the solutes as a first guess.
        pore: geometry.
        healthy_ratio: marrow volume over bone surface in health [um].
        forcing: disease.
        p: parameters.
        n: numerics.
    """
    il1_source = cytokines.il1_source(pore, forcing.il1_excess, p)
    il1, cycles = cytokines.il1(pore, il1_source, state.il1, p, n.spacing, n.tolerance)
    stroma = state.osteoblast_precursors
    rankl_source = cytokines.rankl_source(pore, il1, stroma, healthy_ratio, p)
    opg_source = cytokines.opg_source(pore, il1, stroma, state.osteoblasts, healthy_ratio, p)
    start = state.rankl, state.opg
    pair = cytokines.rankl_opg(
        pore, rankl_source, opg_source, start, p, n.spacing, n.tolerance
    )
    return Fluid(il1, pair, il1_source, rankl_source, opg_source, cycles)


def see_fluid(fluid: Fluid, pore: Pores, p: Parameters) -> Seen:
    """The solutes as the bone surface sees them."""
    il1 = pore.exchange.see(fluid.il1)
    signal = signals.il1_signal(il1, p)
    rankl, opg = pore.exchange.see(fluid.pair.a), pore.exchange.see(fluid.pair.b)
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
        mobility=jnp.ones_like(rankl),
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


class _Grown(NamedTuple):
    """A lineage before its cells have moved along the surface."""

    precursors: Field
    supply: Field
    formed: Field
    loss: Array | float
    cells: Relaxed
    cycles: Array


def _grow_osteoclasts(
    state: State, pore: Pores, healthy: Healthy, fluid: Fluid, seen: Seen, p: Parameters,
    dt: Array, n: Numerics,
) -> _Grown:
    recruitment = cells.osteoclast_recruitment(seen.rankl, seen.signal, healthy.drive, p)
    uptake = p.n_f * cells.deposit_cells(pore.exchange, recruitment)
    returned = p.n_f * p.delta_C * p.C_0 * PER_MM * state.endosteal_supply
    reference = healthy.osteoclast_precursors
    population = osteoclast_population(fluid.pair.a, returned, uptake / reference, pore, p)
    precursors, cycles = cells.step_precursors(
        state.osteoclast_precursors, population, pore, dt, n.spacing, n.tolerance
    )
    formed = recruitment * pore.exchange.see(precursors / reference)
    loss = signals.osteoclast_loss(seen.excess, p)
    grown = cells.relax(state.osteoclasts, formed, loss, dt)
    return _Grown(precursors, population.supply, formed, loss, grown, cycles)


def _grow_osteoblasts(
    state: State, pore: Pores, healthy: Healthy, fluid: Fluid, seen: Seen, store: Relaxed,
    p: Parameters, dt: Array, n: Numerics,
) -> _Grown:
    recruitment = cells.osteoblast_recruitment(store.mean, seen.excess, p)
    uptake = cells.deposit_cells(pore.exchange, recruitment) / p.n_p
    returned = p.delta_B * p.B_0 / p.n_p * PER_MM * state.endosteal_supply
    reference = healthy.osteoblast_precursors
    population = osteoblast_population(fluid.il1, returned, uptake / reference, pore, p)
    precursors, cycles = cells.step_precursors(
        state.osteoblast_precursors, population, pore, dt, n.spacing, n.tolerance
    )
    formed = recruitment * pore.exchange.see(precursors / reference)
    grown = cells.relax(state.osteoblasts, formed, p.delta_B, dt)
    return _Grown(precursors, population.supply, formed, p.delta_B, grown, cycles)


def _push_supply(supply: Field, before: Pores, after: Pores) -> Field:
    """The endosteal supply, moved to the nearest pores from where bone has filled them."""
    old, new = before.exchange.porosity, after.exchange.porosity
    buried = supply * jnp.maximum(1 - new / old, 0)
    return supply - buried + after.exchange.spread(buried)


def advance(
    state: State, healthy: Healthy, forcing: Forcing, p: Parameters, dt: Array, n: Numerics
) -> tuple[State, Account]:
    """The tissue dt days later, and an account of what happened."""
    pore = pores(state.bone_volume_fraction, n.spacing, p)
    fluid = solve_fluid(state, pore, healthy.marrow_per_surface, forcing, p, n)
    seen = see_fluid(fluid, pore, p)

    clasts = _grow_osteoclasts(state, pore, healthy, fluid, seen, p, dt, n)
    activity = signals.resorption_activity(seen.rankl, seen.signal, healthy.rank_occupancy, p)
    resorption = p.k_res * clasts.cells.mean * activity
    store = cells.relax(state.coupling_store, resorption, p.k_E, dt)
    blasts = _grow_osteoblasts(state, pore, healthy, fluid, seen, store, p, dt, n)
    formation = p.k_form * blasts.cells.mean * signals.matrix_formation(seen.excess, p)

    settled = jnp.stack([clasts.cells.after, blasts.cells.after, store.after])
    motility = jnp.stack([jnp.asarray(d, settled.dtype) for d in (p.D_sC, p.D_sB, p.D_sB)])
    spread = spread_along(
        settled, pore.exchange.surface, motility, n.spacing, dt, tolerance=n.tolerance
    )
    motion = remodel(state.bone_volume_fraction, resorption, formation, n.spacing, dt)
    after = pores(motion.phi, n.spacing, p)
    # the number of precursors in a voxel stays while its pore space changes
    crowding = pore.exchange.porosity / after.exchange.porosity
    following = replace(
        state,
        time=state.time + dt,
        bone_volume_fraction=motion.phi,
        il1=fluid.il1,
        rankl=fluid.pair.a,
        opg=fluid.pair.b,
        osteoclast_precursors=clasts.precursors * crowding,
        osteoblast_precursors=blasts.precursors * crowding,
        osteoclasts=spread[0],
        osteoblasts=spread[1],
        coupling_store=spread[2],
        endosteal_supply=_push_supply(state.endosteal_supply, pore, after),
    )
    account = Account(
        before=pore,
        after=after,
        fluid=fluid,
        seen=seen,
        osteoclasts=Lineage(*clasts[:5], spread[0], clasts.cycles),
        osteoblasts=Lineage(*blasts[:5], spread[1], blasts.cycles),
        store=Store(store, spread[2]),
        resorption=resorption,
        formation=formation,
        motion=motion,
    )
    return following, account
