"""Geometry of bone: the pore space and the surface of a bone volume fraction."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.programs import program
from tissue.kernels.stencil import Axes, Field, total
from tissue.kernels.surface import (
    Exchange,
    exchange,
    godunov_slopes,
    specific_surface,
)
from tissue.model.parameters import Parameters, Scalar

CELL_POROSITY_FLOOR = 1e-3
"""Smallest porosity in cell terms [1]; 1e-4 to 1e-2 changes the loss of bone by 0.01 points."""

MIN_NEARBY_PORES = 0.1
"""Porosity near by from which a voxel keeps a healthy reference [1]: a surface may come there in a
few steps (assumption)."""


class BoneGeometry(NamedTuple):
    """The geometry every term of one step shares.

    Attributes:
        canaliculi: smallest porosity of solute terms [1], in the precision of the fields.
        exchange: porosity of all cell terms, the bone surface [1/um], and how they meet.
    """

    canaliculi: Array
    exchange: Exchange

    @property
    def solute_porosity(self) -> Field:
        """Porosity of all solute terms, floored by the canaliculi."""
        return jnp.maximum(self.exchange.porosity, self.canaliculi)

    @property
    def periodic(self) -> Axes:
        """Axes along which the box is periodic."""
        return self.exchange.periodic


def cell_porosity(bone_volume_fraction: Field) -> Field:
    """Porosity in all cell terms."""
    return jnp.maximum(1 - bone_volume_fraction, CELL_POROSITY_FLOOR)


@program(static_argnames="periodic")
def bone_geometry(
    bone_volume_fraction: Field, spacing: Scalar, p: Parameters, periodic: Axes = ()
) -> BoneGeometry:
    """Pore space and surface of a bone volume fraction."""
    surface = specific_surface(bone_volume_fraction, spacing, periodic)
    cells = cell_porosity(bone_volume_fraction)
    canaliculi = jnp.asarray(p.eps_min, cells.dtype)
    return BoneGeometry(canaliculi, exchange(cells, surface, periodic))


def may_move(bone_volume_fraction: Field, geometry: BoneGeometry) -> Field:
    """Voxels where a surface is or may soon be, which need a healthy reference."""
    inward, outward = godunov_slopes(bone_volume_fraction, 1.0, geometry.periodic)
    return (inward > 0) | (outward > 0) | (geometry.exchange.smoothed_porosity > MIN_NEARBY_PORES)


def surface_mean(geometry: BoneGeometry, field: Field) -> Array:
    """Mean over the bone surface; 0 where no surface is left."""
    surface = geometry.exchange.surface
    area = total(surface)
    return jnp.where(area > 0, total(surface * field) / jnp.where(area > 0, area, 1), 0)


def marrow_mean(geometry: BoneGeometry, field: Field) -> Array:
    """Mean over the marrow fluid."""
    eps = geometry.exchange.porosity
    return total(eps * field) / total(eps)
