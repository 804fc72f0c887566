"""The middle of a step, as it is midpoint from the start: what a step is evaluated with.

Geometry, endosteal supply and coupling store are taken here before anything is solved; each is off
by the square of the step, so that one solve of every field makes a step of the second order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model import cells, signals
from tissue.model.bone import BoneGeometry, bone_geometry, remodel
from tissue.model.diagnostics import LocalError, StepTerms, SurfaceConcentrations
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Value
from tissue.model.state import HealthyReference, State


class Midpoint(NamedTuple):
    """What half a step brings.

    Attributes:
        geometry: geometry.
        supply: endosteal supply [1/um].
        resorption, formation: gross velocities, averaged over the step [um/day].
        load: stimulus of the mechanostat [1].
        bisphosphonate: bound to the surface, averaged over the step [1].
    """

    geometry: BoneGeometry
    supply: Field
    resorption: Field
    formation: Field
    load: Value
    bisphosphonate: Field


@jax.jit
def predict_midpoint(
    state: State,
    healthy: HealthyReference,
    geometry: BoneGeometry,
    at_surface: SurfaceConcentrations,
    f: Forcing,
    p: Parameters,
    spacing: Scalar,
    dt: Scalar,
) -> tuple[Midpoint, Field]:
    """The middle of a step of dt days if precursors and solutes stay as they are.

    And the coupling store [um], averaged over the step.
    """
    relative_density = geometry.exchange.to_surface(
        state.osteoclast_precursors / healthy.osteoclast_precursors
    )
    made = cells.osteoclast_recruitment(at_surface, healthy.drive, f, p)
    waiting = cells.wait(
        state.osteomorphs, relative_density * made.arrested, made.fusion, p, dt
    ).mean
    formed = relative_density * made.formed + made.fusion * waiting
    loss = signals.osteoclast_loss(at_surface.excess, state.bisphosphonate, f, p)
    osteoclasts = cells.exponential_step(state.osteoclasts, formed, loss, dt).mean
    resorption = cells.resorption(osteoclasts, at_surface, healthy.rank_occupancy, f, p)
    bound = cells.bisphosphonate(state.bisphosphonate, resorption, p, dt).mean
    store = cells.exponential_step(state.coupling_store, resorption, p.k_E, dt).mean
    relative_density = geometry.exchange.to_surface(
        state.osteoblast_precursors / healthy.osteoblast_precursors
    )

    def form(load: Value) -> Field:
        made = relative_density * cells.osteoblast_recruitment(store, at_surface.excess, load, f, p)
        osteoblasts = cells.exponential_step(
            state.osteoblasts, made, signals.osteoblast_loss(f, p), dt
        ).mean
        return cells.formation(osteoblasts, at_surface, p)

    bone, reference, periodic = state.bone_volume_fraction, healthy.local_density, geometry.periodic
    load = load_stimulus(bone, reference, spacing, p, periodic)
    moved = remodel(bone, resorption, form(load), spacing, 0.5 * dt, periodic)
    middle = bone_geometry(moved.phi, spacing, p, periodic)
    supply = cells.move_supply(state.endosteal_supply, geometry, middle)
    load = load_stimulus(moved.phi, reference, spacing, p, periodic)
    return Midpoint(middle, supply, resorption, form(load), load, bound), store


@jax.jit
def local_error(midpoint: Midpoint, done: StepTerms, bone: Field, dt: Scalar) -> LocalError:
    """What a step may be wrong by: what was found in its middle against what was midpoint.

    The two differ by the square of dt, and the bone they move by its cube, like the error.

    Args:
        midpoint: before the solves.
        done: in the step.
        bone: volume fraction at the start.
        dt: [day].
    """
    surface = midpoint.geometry.exchange.surface
    resorbed, formed = done.resorption - midpoint.resorption, done.formation - midpoint.formation

    def share(off: Field, of: Field) -> Array:
        whole = total(surface * of)
        return total(surface * jnp.abs(off)) / jnp.where(whole > 0, whole, 1)

    volume = total(bone)
    misplaced = dt * total(surface * jnp.abs(formed - resorbed))
    return LocalError(
        misplaced / jnp.where(volume > 0, volume, 1),
        jnp.maximum(share(resorbed, done.resorption), share(formed, done.formation)),
    )
