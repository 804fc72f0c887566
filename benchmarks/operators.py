"""The operators of the solver, and the one place here that knows how it lays out its fields."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels import multigrid, stencil, transport

Levels = tuple[multigrid.Level, ...]
ROWS = hasattr(stencil, "laid_out")  # fields lie as rows between empty planes


def laid_out(fields: Any) -> Any:
    """Fields [..., z, y, x] as the solver takes them."""
    return stencil.laid_out(fields) if ROWS else fields


def build(faces: Any, capacity: Array, shape: tuple[int, ...]) -> Levels:
    """The hierarchy of laid-out faces and capacity [n, n, ...]."""
    return multigrid.hierarchy(faces, capacity, *((shape,) if ROWS else ()))


def levels_of(porosity: Array, capacity: Array) -> Levels:
    """The hierarchy of a porosity and a capacity [n, n, z, y, x]."""

    def whole(porosity: Array, capacity: Array) -> Levels:
        faces = laid_out(stencil.harmonic_faces(porosity))
        return build(faces, laid_out(capacity), porosity.shape)

    return jax.jit(whole)(porosity, capacity)


def residual(level: multigrid.Level, u: Array, source: Array) -> Array:
    """What laid-out u leaves of the source."""
    if ROWS:
        return multigrid.residual(level, u, source)
    return multigrid.residual(level.faces, level.capacity, u, source)


def jacobi(level: multigrid.Level, u: Array, source: Array) -> Array:
    """One damped sweep."""
    return u + multigrid.multiply(level.smoother, residual(level, u, source))


def restriction(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """From the finest level to the next."""
    if ROWS:
        return lambda r: multigrid.restrict(levels[1], r, shape)
    return lambda r: multigrid._restrict(levels[1], r)


def prolongation(levels: Levels, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    """To the finest level from the next."""
    if ROWS:
        return lambda u: multigrid.prolong(levels[1], u, shape)
    return lambda u: multigrid._prolong(levels[1], u, shape)


def newton_residual(level: multigrid.Level, bind: Array, u: Array, source: Array) -> Array:
    """What two binding fields leave of their sources."""
    shape = (level.shape,) if ROWS else ()
    inflow = stencil.flux_divergence(level.faces, u, *shape)
    return source - level.capacity[0, 0] * u - bind * u[0] * u[1] + inflow


def fitted_faces(conductance: Array, potential: Array) -> Any:
    """Scharfetter-Gummel conductances."""
    return transport._fitted_faces(conductance, potential)


def coarse(u: Array) -> Array:
    """A laid-out field of ones on the next coarser grid, from [n, z, y, x]."""
    return laid_out(jnp.ones((u.shape[0], *((n + 1) // 2 for n in u.shape[1:])), u.dtype))
