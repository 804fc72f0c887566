"""Bone's answer to load, from its density near by: where bone is lost, the rest bears more.

Strain energy is taken to go as a power of the local density instead of being computed: bone that
has lost a fifth of its density around is loaded harder, makes more bone and less RANKL.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Axes, Field
from tissue.model.parameters import Parameters, Scalar

LEAST_DENSITY = 1e-6  # of bone, where all of it is gone


IMAGES = 4
"""Copies of a periodic box to either side that count too; more of them change the density by less
than 0.001, as a box far narrower than sigma_U is averaged as a whole."""


@partial(jax.jit, static_argnames="periodic")
def local_density(
    bone_volume_fraction: Field, spacing: Scalar, p: Parameters, periodic: Axes = ()
) -> Field:
    """Bone volume fraction averaged with a Gaussian; its weights end at walls, not at seams."""
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


@partial(jax.jit, static_argnames="periodic")
def load_stimulus(
    bone_volume_fraction: Field,
    healthy_density: Field | None,
    spacing: Scalar,
    p: Parameters,
    periodic: Axes = (),
) -> Array | float:
    """m, -g to g: 0 where the local density is the healthy one, or where load is left out.

    References:
        Frost 2003, Anat Rec 275A:1081 (the mechanostat); the density proxy is an assumption.
    """
    if healthy_density is None:
        return 0.0
    density = local_density(bone_volume_fraction, spacing, p, periodic)
    energy = p.n_U * jnp.log(
        jnp.maximum(healthy_density, LEAST_DENSITY) / jnp.maximum(density, LEAST_DENSITY)
    )
    return p.g_mech * jnp.tanh(energy)
