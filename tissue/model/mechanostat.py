"""Response of bone to load, from its local density: where bone is lost, the rest bears more.

Strain energy is taken to go as a power of the local density instead of being computed: bone that
has lost a fifth of its density around is loaded harder, makes more bone and less RANKL.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Axes, Field
from tissue.model.context import StepContext
from tissue.model.parameters import Parameters, Scalar

MIN_DENSITY = 1e-6
"""Local density of bone where all of it is gone [1]."""

IMAGES = 4
"""Copies of a periodic box to either side that count too; more of them change the density by less
than 0.001, as a box far narrower than sigma_U is averaged as a whole."""


@partial(jax.jit, static_argnames="periodic")
def local_density(
    bone_volume_fraction: Field, spacing: Scalar, p: Parameters, periodic: Axes = ()
) -> Field:
    """Bone volume fraction phi_m averaged with a Gaussian of sigma_U; it ends at closed walls."""
    averaged: Field = bone_volume_fraction
    for axis, count in enumerate(averaged.shape):
        place = jnp.arange(count, dtype=averaged.dtype)
        away, images = place[:, None] - place[None, :], range(1)
        if axis - 3 in periodic:
            away, images = away - count * jnp.round(away / count), range(-IMAGES, IMAGES + 1)
        weight = sum(
            jnp.exp(-0.5 * ((away + image * count) * spacing / p.sigma_U) ** 2) for image in images
        )
        weight = (weight / jnp.sum(weight, axis=1, keepdims=True)).astype(averaged.dtype)
        moved = jnp.tensordot(weight, averaged, axes=(1, axis), precision="highest")
        averaged = jnp.moveaxis(moved, 0, axis)
    return averaged


@jax.jit
def load_stimulus(bone_volume_fraction: Field, context: StepContext) -> Array | float:
    """Stimulus u of the mechanostat, -g_mech to g_mech; 0 without load or at healthy density.

    (u) u = g_mech tanh(n_U ln(phi_h/phi_m))

    References:
        Frost 2003, Anat Rec 275A:1081 (the mechanostat); the density proxy is an assumption.
    """
    healthy_density = context.healthy.local_density
    if healthy_density is None:
        return 0.0
    p, n = context.parameters, context.numerics
    density = local_density(bone_volume_fraction, n.spacing, p, n.periodic)
    energy = p.n_U * jnp.log(
        jnp.maximum(healthy_density, MIN_DENSITY) / jnp.maximum(density, MIN_DENSITY)
    )
    return p.g_mech * jnp.tanh(energy)
