"""Continuation of a field from the voxels where it is known into all others."""

import jax.numpy as jnp
from jax import Array

from tissue.kernels.loop import repeat
from tissue.kernels.stencil import Axes, Field
from tissue.kernels.surface import Exchange

FILLING_PASSES = 60
"""Passes of smoothing that continue a field [1]: a pass reaches one voxel, and no trabecula is
thicker than 120 voxels."""


def filled(values: Field, known: Array, mean: Array, periodic: Axes) -> Field:
    """The values where they are known, and smoothly continued elsewhere.

    Args:
        values: [z, y, x].
        known: voxels whose value is right.
        mean: value far from all of them.
        periodic: axes along which the box repeats itself.
    """
    ones = jnp.ones_like(values)
    smooth = Exchange(ones, ones, ones, periodic).to_surface
    start = jnp.where(known, values, mean)
    found: Field = repeat(lambda f: jnp.where(known, values, smooth(f)), FILLING_PASSES)(start)
    return found
