"""Time integration of one variable: an exact exponential step and the local theta method.

References:
    Cox & Matthews 2002, J Comput Phys 176:430 (exponential time differencing); Hairer & Wanner 1996
    (theta method, damping of stiff modes).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field
from tissue.model.bone import BoneGeometry
from tissue.model.parameters import Scalar

THETA_MIN = 0.55
"""Smallest theta of a step: 0.5 is of the second order but never forgets what a jump of the
stiffest modes has left; 0.55 forgets half of it in four steps and costs 0.007 points of 48 at steps
of two days."""


NO_DECAY = 1e-30
"""Loss times step of what is not lost at all [1]: its mean loss is 0 / 0 otherwise."""


class StepValue(NamedTuple):
    """A density that grows by a constant rate and decays: at the end of a step, and its mean."""

    end: Field
    mean: Field


def exponential_step(density: Field, gain: Field, loss: Array | float, dt: Scalar) -> StepValue:
    """Density at the end of a step of constant rates, and its mean.

    (exponential) n(end) and its mean solve dn/dt = gain - loss n, with gain and loss constant over
    dt

    Written in the small number loss dt, not around the level that n would settle at: where that is
    far away, its digits would swallow those of n.
    """
    decay = jnp.maximum(loss * dt, NO_DECAY)
    phi1 = -jnp.expm1(-decay) / decay  # mean of exp(-decay t/dt)
    small = 0.1 if density.dtype == jnp.float32 else 1e-3
    series = 1 / 2 - decay / 6 + decay**2 / 24 - decay**3 / 120
    phi2 = jnp.where(decay < small, series, (1 - phi1) / jnp.maximum(decay, small))
    end = density * jnp.exp(-decay) + gain * (dt * phi1)
    return StepValue(end, density * phi1 + gain * (dt * phi2))


def local_theta(amount: Field, geometry: BoneGeometry, theta_min: Scalar) -> Field:
    """Theta of each voxel: 1/2 takes the mean of a step halfway, 1 at its end (implicit Euler).

    `theta_min` where precursors are at rest with their surroundings, 1 where the density differs
    twofold from the one near by, as where bone has just opened or filled a voxel. It may differ
    from voxel to voxel: what moves between two of them is the same number for both.

    Args:
        amount: precursors at the start [cells/mm^3 tissue].
        geometry: in the middle of the step.
        theta_min: smallest theta.
    """
    here = amount / geometry.exchange.porosity
    near = geometry.exchange.to_surface(here)
    fewer = jnp.minimum(here, near)
    unrest = jnp.where(fewer > 0, jnp.abs(here - near) / jnp.where(fewer > 0, fewer, 1), 1)
    return theta_min + (1 - theta_min) * jnp.minimum(unrest, 1)
