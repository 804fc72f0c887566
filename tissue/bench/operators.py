"""Operators of the solver, with the layout of their arrays."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels import multigrid, stencil, transport

Levels = tuple[multigrid.Level, ...]


def levels_of(porosity: Array, capacity: Array) -> Levels:
    """Hierarchy of a porosity and a capacity [n, n, z, y, x]."""

    def built(porosity: Array, capacity: Array) -> Levels:
        faces = stencil.to_padded_rows(stencil.harmonic_faces(porosity))
        return multigrid.hierarchy(faces, stencil.to_padded_rows(capacity), porosity.shape)

    return jax.jit(built)(porosity, capacity)


def jacobi(level: multigrid.Level, u: Array, source: Array) -> Array:
    """One damped Jacobi sweep."""
    return u + multigrid.multiply(level.smoother, multigrid.residual(level, u, source))


def restriction(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Restriction from the finest level to the next."""
    return lambda r: multigrid.restrict(levels[1], r, shape)


def prolongation(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """Prolongation to the finest level from the next."""
    return lambda u: multigrid.interleave(multigrid.prolongation_terms(levels[1], u), shape)


def newton_residual(level: multigrid.Level, bind: Array, u: Array, source: Array) -> Array:
    """Residual of two fields that bind each other."""
    inflow = stencil.flux_divergence(level.faces, u, level.shape)
    return source - level.capacity[0, 0] * u - bind * u[0] * u[1] + inflow


def fitted_faces(conductance: Array, potential: Array) -> Any:
    """Scharfetter-Gummel conductances."""
    return transport.fitted_faces(conductance, potential, jnp.exp(-potential), ())[0]


def coarse(u: Array) -> Array:
    """Row of ones on the next coarser grid, from [n, z, y, x]."""
    shape = u.shape[0], *((n + 1) // 2 for n in u.shape[1:])
    return stencil.to_padded_rows(jnp.ones(shape, u.dtype))
