"""Predictor of a step: the midpoint that all its solves are evaluated with.

Geometry, endosteal supply and coupling store are taken here before anything is solved; each is off
by the square of the step, so that one solve of every field makes a step of the second order.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.programs import program
from tissue.kernels.stencil import Field, total
from tissue.kernels.surface import move
from tissue.model import osteoclast_responses, surface_rates
from tissue.model.bone import BoneGeometry, bone_geometry
from tissue.model.context import StepContext
from tissue.model.diagnostics import LocalError
from tissue.model.forcing import Value
from tissue.model.mechanostat import load_stimulus
from tissue.model.parameters import Scalar
from tissue.model.precursors import moved_supply
from tissue.model.signals import SurfaceConcentrations
from tissue.model.state import State


class Midpoint(NamedTuple):
    """State halfway through a step, as predicted from its start.

    Attributes:
        geometry: of the bone.
        supply: endosteal supply [1/um].
        resorption, formation: gross velocities, averaged over the step [um/day].
    """

    geometry: BoneGeometry
    supply: Field
    resorption: Field
    formation: Field


class EarlyMidpoint(NamedTuple):
    """Midpoint values that are last used before the solve of RANKL and OPG.

    Attributes:
        store: coupling store, averaged over the step [um].
        osteoblasts: B, averaged over the step [cells/mm^2].
        bisphosphonate: bound to the surface, averaged over the step [1].
        load: stimulus of the mechanostat [1].
    """

    store: Field
    osteoblasts: Field
    bisphosphonate: Field
    load: Value


@program
def predict_midpoint(
    state: State,
    geometry: BoneGeometry,
    at_surface: SurfaceConcentrations,
    context: StepContext,
    dt: Scalar,
) -> tuple[Midpoint, EarlyMidpoint]:
    """Midpoint of a step of dt days if precursors and solutes stay as they are.

    Args:
        state: at the start.
        geometry: at the start.
        at_surface: solutes there, at the start.
        context: of the step.
        dt: [day].
    """
    f, p, n, healthy = context.forcing, context.parameters, context.numerics, context.healthy
    exchange = geometry.exchange
    available = exchange.to_surface(state.osteoclast_precursors / healthy.osteoclast_precursors)
    relative = surface_rates.relative_drive(at_surface, healthy.drive, f, p)
    recruitment = surface_rates.osteoclast_recruitment(relative, p)
    loss = osteoclast_responses.osteoclast_loss(at_surface.excess, state.bisphosphonate, f, p)
    osteoclasts = surface_rates.osteoclasts(state, available, recruitment, loss, p, dt).cells.mean
    resorbed = surface_rates.resorption(state, osteoclasts, at_surface, context, dt)
    store = resorbed.store.mean
    available = exchange.to_surface(state.osteoblast_precursors / healthy.osteoblast_precursors)

    def osteoblasts(load: Value) -> Field:
        sources = surface_rates.osteoblast_recruitment(
            store, at_surface.sensitive, at_surface["tnf"], load, context
        )
        lining = surface_rates.lining_cells(state.lining_cells, state.osteoblasts, sources, p, dt)
        formed = available * sources.coupled + lining.activated
        return surface_rates.osteoblasts(state.osteoblasts, formed, sources.loss, dt).mean

    load = load_stimulus(state.bone_volume_fraction, context)
    moved = move(
        state.bone_volume_fraction,
        resorbed.velocity,
        surface_rates.formation(osteoblasts(load), at_surface, context),
        n.spacing,
        0.5 * dt,
        n.periodic,
    )
    middle = bone_geometry(moved.phi, n.spacing, p, n.periodic)
    supply = moved_supply(state.endosteal_supply, geometry, middle)
    load = load_stimulus(moved.phi, context)
    osteoblast_mean = osteoblasts(load)
    midpoint = Midpoint(
        middle,
        supply,
        resorbed.velocity,
        surface_rates.formation(osteoblast_mean, at_surface, context),
    )
    return midpoint, EarlyMidpoint(store, osteoblast_mean, resorbed.bisphosphonate.mean, load)


@program
def local_error(
    predicted: Midpoint, found: tuple[Field, Field], bone: Field, dt: Scalar
) -> LocalError:
    """Error estimate of a step: the midpoint that was found against the predicted one.

    The two differ by the square of dt, and the bone they move by its cube, like the error.

    Args:
        predicted: before the solves.
        found: resorption and formation in the step [um/day].
        bone: volume fraction at the start.
        dt: [day].
    """
    surface = predicted.geometry.exchange.surface
    resorption, formation = found[0] - predicted.resorption, found[1] - predicted.formation

    def relative(difference: Field, velocity: Field) -> Array:
        size = total(surface * velocity)
        return total(surface * jnp.abs(difference)) / jnp.where(size > 0, size, 1)

    volume = total(bone)
    misplaced = dt * total(surface * jnp.abs(formation - resorption))
    return LocalError(
        misplaced / jnp.where(volume > 0, volume, 1),
        jnp.maximum(relative(resorption, found[0]), relative(formation, found[1])),
    )
