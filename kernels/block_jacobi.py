"""Smoother of the coarse levels of elasticity: inverse blocks and largest eigenvalues."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.elasticity import (
    Coarse,
    coarse_operator,
    coarse_precondition,
)
from tissue.kernels.hexahedron import PART_STIFFNESS

POWER_ITERATIONS = 14
EIGENVALUE_SAFETY = 1.08
"""Largest eigenvalue over what that many power iterations find, at most (measured on bone)."""

SINGULAR = 1e-6
"""Share of the largest diagonal entry of a block below which another counts as zero."""

NOTHING = 1e-9
"""Share of the largest entry of all blocks below which one is rounding: its node reaches only finer
nodes whose displacement is prescribed."""


@jax.jit
def with_smoother(level: Coarse) -> Coarse:
    """Level with the inverse of its blocks and its largest eigenvalue."""
    level = level._replace(inverse=_inverse(_blocks(level)).astype(level.matrices.dtype))
    start = jax.random.normal(jax.random.key(0), (level.inverse.shape[0], 3), level.matrices.dtype)

    def power(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        x, _ = carry
        y = coarse_precondition(level, coarse_operator(level, x))
        size = jnp.linalg.norm(y)
        return y / size, size

    start = start / jnp.linalg.norm(start)
    found = lax.fori_loop(0, POWER_ITERATIONS, power, (start, jnp.zeros((), start.dtype)))[1]
    return level._replace(eigenvalue=EIGENVALUE_SAFETY * found)


def _blocks(level: Coarse) -> Float[Array, "n 3 3"]:
    def diagonal(matrices: Array) -> Array:
        corners = [matrices[..., 3 * a : 3 * a + 3, 3 * a : 3 * a + 3] for a in range(8)]
        return jnp.stack(corners, axis=-3)

    own = diagonal(level.matrices)
    if level.moduli is not None:
        parts = diagonal(jnp.asarray(PART_STIFFNESS, own.dtype))
        inner = jnp.einsum("mi,iaxy->maxy", level.moduli, parts)
        own = inner.at[: len(own)].add(own)
    return own.reshape(-1, 3, 3)[level.corners].sum(axis=1)


def _inverse(blocks: Float[Array, "n 3 3"]) -> Float[Array, "n 3 3"]:
    blocks = blocks.astype(jnp.float64)
    diagonal = jnp.diagonal(blocks, axis1=1, axis2=2)
    largest = diagonal.max(axis=1, keepdims=True)
    least = jnp.maximum(SINGULAR * largest, NOTHING * diagonal.max())
    kept = jnp.where(diagonal > least, 1.0, 0.0)
    both = kept[:, :, None] * kept[:, None, :]
    shift = jnp.where(kept > 0, SINGULAR * largest, 1.0)
    return jnp.linalg.inv(blocks * both + shift[:, :, None] * jnp.eye(3)) * both
