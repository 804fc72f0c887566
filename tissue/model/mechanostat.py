"""Response of bone to load: where bone is lost, the rest bears more.

The strain energy that osteocytes feel comes from finite elements, or is taken to go as a power of
the density of bone near by: bone that has lost a fifth of its density around is loaded harder,
makes more bone and less RANKL. Either way it is compared with that of the same place in health.
"""

from functools import partial

import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from tissue.kernels import slabs
from tissue.kernels.programs import program
from tissue.kernels.stencil import Axes, Field
from tissue.model.context import StepContext
from tissue.model.filling import filled
from tissue.model.parameters import Parameters, Scalar

MIN_DENSITY = 1e-6
"""Local density of bone where all of it is gone [1]."""

MIN_NEAR = 1e-3
"""Bone volume fraction near by from which osteocytes there have a signal [1]; farther from bone the
signal is continued."""

MIN_ENERGY = 2e-8
"""Strain energy of bone that bears nothing [MPa]: a millionth of that of bone in use."""

MIN_FORCE = 1e-6
"""Factor on forces where all of them are gone [1]."""

IMAGES = 4
"""Copies of a periodic box to either side that count too; more of them change the density by less
than 0.001, as a box far narrower than sigma_U is averaged as a whole."""


@program(static_argnames="periodic")
def gaussian_mean(values: Field, spacing: Scalar, sigma: Scalar, periodic: Axes = ()) -> Field:
    """Values averaged with a Gaussian that ends at closed walls.

    Args:
        values: [z, y, x].
        spacing: edge of a voxel [um].
        sigma: standard deviation [um].
        periodic: axes along which the box repeats itself.
    """
    slabs.refuse_periodic_z(periodic)
    averaged: Field = values
    cut = slabs.current_cut()
    for axis, count in enumerate(averaged.shape):
        if cut and axis == 0:
            weights = partial(_weights_along_z, dtype=averaged.dtype, spacing=spacing, sigma=sigma)
            averaged = slabs.weighted_along_z(weights, averaged, cut)
            continue
        place = jnp.arange(count, dtype=averaged.dtype)
        away, images = place[:, None] - place[None, :], range(1)
        if axis - 3 in periodic:
            away, images = away - count * jnp.round(away / count), range(-IMAGES, IMAGES + 1)
        weight = sum(
            jnp.exp(-0.5 * ((away + image * count) * spacing / sigma) ** 2) for image in images
        )
        weight = (weight / jnp.sum(weight, axis=1, keepdims=True)).astype(averaged.dtype)
        moved = jnp.tensordot(weight, averaged, axes=(1, axis), precision="highest")
        averaged = jnp.moveaxis(moved, 0, axis)
    return averaged


def _weights_along_z(
    places: Array, planes: int, dtype: DTypeLike, spacing: Scalar, sigma: Scalar
) -> Array:
    """Weights of `gaussian_mean`, [places, planes], along a z axis that ends at closed walls."""
    away = places[:, None].astype(dtype) - jnp.arange(planes, dtype=dtype)[None, :]
    weight = jnp.exp(-0.5 * (away * spacing / sigma) ** 2)
    return weight / jnp.sum(weight, axis=1, keepdims=True)


def local_density(
    bone_volume_fraction: Field, spacing: Scalar, p: Parameters, periodic: Axes = ()
) -> Field:
    """Bone volume fraction phi_m averaged with a Gaussian of sigma_U."""
    return gaussian_mean(bone_volume_fraction, spacing, p.sigma_U, periodic)


@program
def log_osteocyte_signal(
    bone_volume_fraction: Field, energy_density: Field, spacing: Scalar, p: Parameters
) -> Field:
    """Logarithm of the strain energy that osteocytes near by feel [ln MPa], in every voxel.

    (U_b) U_b = K[phi U] / K[phi], K the mean with a Gaussian of sigma_Y

    Args:
        bone_volume_fraction: phi.
        energy_density: strain energy per volume of bone, U [MPa].
        spacing: edge of a voxel [um].
        p: parameters.

    References:
        Huiskes 2000, Nature 405:704 (osteocytes sum up strain energy and act on the surface).
    """
    bone, energy = bone_volume_fraction, energy_density
    near = gaussian_mean(bone, spacing, p.sigma_Y)
    known = near >= MIN_NEAR
    felt = gaussian_mean(bone * energy, spacing, p.sigma_Y) / jnp.where(known, near, 1)
    signal = jnp.log(jnp.maximum(felt, MIN_ENERGY))
    number = slabs.added_up(jnp.sum(slabs.only_inside(known)))
    mean = slabs.added_up(jnp.sum(slabs.only_inside(jnp.where(known, signal, 0))))
    mean = mean / jnp.maximum(number, 1)
    return filled(signal, known, mean.astype(signal.dtype), ())


@program
def load_stimulus(bone_volume_fraction: Field, context: StepContext) -> Array | float:
    """Stimulus u of the mechanostat, -g_mech to g_mech; 0 in health, and where load does not act.

    (u) u = g_mech tanh(e + n_U ln(phi_s/phi_m) + 2 ln f), e = ln(U_b/U_bh)

    Energy e and density phi_s are those of the last solve; without finite elements they are those
    of health. The energy of linear elastic bone goes with the square of the forces f.

    References:
        Frost 2003, Anat Rec 275A:1081 (the mechanostat); the density proxy is an assumption.
    """
    energy = log_energy_ratio(bone_volume_fraction, context)
    if energy is None:
        return 0.0
    force = jnp.log(jnp.maximum(context.forcing.load, MIN_FORCE))
    return context.parameters.g_mech * jnp.tanh(energy + 2 * force)


def log_energy_ratio(bone_volume_fraction: Field, context: StepContext) -> Field | None:
    """Logarithm of strain energy under usual forces over that in health; None without load."""
    solved, p, n = context.solved, context.parameters, context.numerics
    before = solved.local_density if solved else context.healthy.local_density
    if before is None:
        return None
    density = local_density(bone_volume_fraction, n.spacing, p, n.periodic)
    energy: Field = p.n_U * jnp.log(
        jnp.maximum(before, MIN_DENSITY) / jnp.maximum(density, MIN_DENSITY)
    )
    return solved.log_energy_ratio + energy if solved else energy
