"""Smoother of linear elasticity: inverses of the 3 x 3 blocks of nodes, and largest eigenvalues."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.elasticity import (
    Coarse,
    Ends,
    Modulus,
    coarse_operator,
    coarse_precondition,
    free,
)
from tissue.kernels.hexahedron import CORNERS, NODE_BLOCKS, PART_STIFFNESS

POWER_ITERATIONS = 14
EIGENVALUE_SAFETY = 1.08
"""Largest eigenvalue over what that many power iterations find, at most (measured on bone)."""

SINGULAR = 1e-6
"""Share of the largest diagonal entry of a block below which another counts as zero."""

ENTRIES = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Entries of a symmetric block that are kept."""


@jax.jit
def grid_inverse(modulus: Modulus, fixed: Ends) -> Float[Array, "Z+1 6 Y+1 X+1"]:
    """Inverse of the block of each node of the grid; zero off bone and where it is prescribed."""
    own = jnp.pad(modulus, 1)
    shape = tuple(count + 1 for count in modulus.shape)
    around = [
        own[tuple(slice(o, o + n) for o, n in zip(1 - corner, shape, strict=True))]
        for corner in CORNERS
    ]
    free_of = jnp.moveaxis(free(fixed, jnp.zeros((shape[0], 3, *shape[1:]), modulus.dtype)), 1, 0)
    block = {}
    for a, b in ENTRIES:
        entry = sum(float(NODE_BLOCKS[corner][a, b]) * field for corner, field in enumerate(around))
        block[a, b] = entry * free_of[a] * free_of[b]
        if a == b:  # the inverse of one that is nowhere is zero below
            block[a, b] = jnp.where(block[a, b] > 0, block[a, b], 1)
    zz, zy, zx, yy, yx, xx = (block[entry] for entry in ENTRIES)
    minors = [
        yy * xx - yx * yx,
        zx * yx - zy * xx,
        zy * yx - zx * yy,
        zz * xx - zx * zx,
        zx * zy - zz * yx,
        zz * yy - zy * zy,
    ]
    determinant = zz * minors[0] + zy * minors[1] + zx * minors[2]
    on_bone = sum(around) > 0
    return jnp.stack(
        [
            jnp.where(on_bone, minor / determinant, 0) * free_of[a] * free_of[b]
            for minor, (a, b) in zip(minors, ENTRIES, strict=True)
        ],
        axis=1,
    )


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
    kept = jnp.where(diagonal > SINGULAR * largest, 1.0, 0.0)
    both = kept[:, :, None] * kept[:, None, :]
    shift = jnp.where(kept > 0, SINGULAR * largest, 1.0)
    return jnp.linalg.inv(blocks * both + shift[:, :, None] * jnp.eye(3)) * both
