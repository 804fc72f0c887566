"""The operators of the solver, and the one place here that knows how it lays out its fields."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels import multigrid, stencil, transport

Levels = tuple[multigrid.Level, ...]


def levels_of(porosity: Array, capacity: Array) -> Levels:
    """The hierarchy of a porosity and a capacity [n, n, z, y, x]."""

    def whole(porosity: Array, capacity: Array) -> Levels:
        faces = stencil.to_padded_rows(stencil.harmonic_faces(porosity))
        return multigrid.hierarchy(faces, stencil.to_padded_rows(capacity), porosity.shape)

    return jax.jit(whole)(porosity, capacity)


def jacobi(level: multigrid.Level, u: Array, source: Array) -> Array:
    """One damped sweep."""
    return u + multigrid.multiply(level.smoother, multigrid.residual(level, u, source))


def restriction(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """From the finest level to the next."""
    return lambda r: multigrid.restrict(levels[1], r, shape)


def prolongation(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """To the finest level from the next."""
    return lambda u: multigrid.prolong(levels[1], u, shape)


def newton_residual(level: multigrid.Level, bind: Array, u: Array, source: Array) -> Array:
    """What two binding fields leave of their sources."""
    inflow = stencil.flux_divergence(level.faces, u, level.shape)
    return source - level.capacity[0, 0] * u - bind * u[0] * u[1] + inflow


def fitted_faces(conductance: Array, potential: Array) -> Any:
    """Scharfetter-Gummel conductances."""
    return transport._fitted_faces(conductance, potential, jnp.exp(-potential), ())[0]


def coarse(u: Array) -> Array:
    """A row of ones on the next coarser grid, from [n, z, y, x]."""
    return stencil.to_padded_rows(jnp.ones((u.shape[0], *((n + 1) // 2 for n in u.shape[1:])), u.dtype))
