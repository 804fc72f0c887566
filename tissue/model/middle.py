"""The middle of a step, as it is expected from the start: what a step is evaluated with.

Geometry, endosteal supply and coupling store are taken here before anything is solved; each is off
by the square of the step, so that one solve of every field makes a step of the second order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model import cells, signals
from tissue.model.account import Activity, LocalError, Seen
from tissue.model.bone import Pores, pores, remodel
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Value
from tissue.model.state import Healthy, State


class Middle(NamedTuple):
    """What half a step brings.

    Attributes:
        pores: geometry.
        supply: endosteal supply [1/um].
        resorption, formation: gross velocities, averaged over the step [um/day].
        load: stimulus of the mechanostat [1].
        bisphosphonate: bound to the surface, averaged over the step [1].
    """

    pores: Pores
    supply: Field
    resorption: Field
    formation: Field
    load: Value
    bisphosphonate: Field


@jax.jit
def expect(
    state: State,
    healthy: Healthy,
    pore: Pores,
    seen: Seen,
    f: Forcing,
    p: Parameters,
    spacing: Scalar,
    dt: Scalar,
) -> tuple[Middle, Field]:
    """The middle of a step of dt days if precursors and solutes stay as they are.

    And the coupling store [um], averaged over the step.
    """
    crowd = pore.exchange.see(state.osteoclast_precursors / healthy.osteoclast_precursors)
    made = cells.osteoclast_recruitment(seen, healthy.drive, f, p)
    waiting = cells.wait(state.osteomorphs, crowd * made.arrested, made.fusion, p, dt).mean
    formed = crowd * made.formed + made.fusion * waiting
    loss = signals.osteoclast_loss(seen.excess, state.bisphosphonate, f, p)
    osteoclasts = cells.relax(state.osteoclasts, formed, loss, dt).mean
    resorption = cells.resorption(osteoclasts, seen, healthy.rank_occupancy, f, p)
    bound = cells.bisphosphonate(state.bisphosphonate, resorption, p, dt).mean
    store = cells.relax(state.coupling_store, resorption, p.k_E, dt).mean
    crowd = pore.exchange.see(state.osteoblast_precursors / healthy.osteoblast_precursors)

    def form(load: Value) -> Field:
        made = crowd * cells.osteoblast_recruitment(store, seen.excess, load, f, p)
        osteoblasts = cells.relax(state.osteoblasts, made, signals.osteoblast_loss(f, p), dt).mean
        return cells.formation(osteoblasts, seen, p)

    bone, reference, periodic = state.bone_volume_fraction, healthy.local_density, pore.periodic
    load = load_stimulus(bone, reference, spacing, p, periodic)
    moved = remodel(bone, resorption, form(load), spacing, 0.5 * dt, periodic)
    middle = pores(moved.phi, spacing, p, periodic)
    supply = cells.move_supply(state.endosteal_supply, pore, middle)
    load = load_stimulus(moved.phi, reference, spacing, p, periodic)
    return Middle(middle, supply, resorption, form(load), load, bound), store


@jax.jit
def local_error(expected: Middle, done: Activity, bone: Field, dt: Scalar) -> LocalError:
    """What a step may be wrong by: what was found in its middle against what was expected.

    The two differ by the square of dt, and the bone they move by its cube, like the error.

    Args:
        expected: before the solves.
        done: in the step.
        bone: volume fraction at the start.
        dt: [day].
    """
    surface = expected.pores.exchange.surface
    resorbed, formed = done.resorption - expected.resorption, done.formation - expected.formation

    def share(off: Field, of: Field) -> Array:
        whole = total(surface * of)
        return total(surface * jnp.abs(off)) / jnp.where(whole > 0, whole, 1)

    volume = total(bone)
    misplaced = dt * total(surface * jnp.abs(formed - resorbed))
    return LocalError(
        misplaced / jnp.where(volume > 0, volume, 1),
        jnp.maximum(share(resorbed, done.resorption), share(formed, done.formation)),
    )
