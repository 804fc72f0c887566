"""Linear elasticity of voxels: forces, energy and the block of each node, by slices of the grid.

Vectors are on the nodes of the grid, [z, component, y, x] with components along z, y, x. Lengths
are in edges of a voxel and moduli in that of the tissue. A voxel of modulus zero is void.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from tissue.kernels.hexahedron import CENTROID_STIFFNESS, CORNERS, NODE_BLOCKS, STIFFNESS

Modulus = Float[Array, "Z Y X"]
GridVectors = Float[Array, "nz 3 ny nx"]
"""Vectors on the nodes of the grid [z, component, y, x]."""
Ends = Bool[Array, "3 3 2"]
"""Whether a component [component, axis, end] is prescribed at an end of an axis."""


def free(fixed: Ends, like: GridVectors) -> GridVectors:
    """One where a component may move, else zero."""
    shape = (like.shape[0], *like.shape[2:])
    mask = jnp.ones((), like.dtype)
    for axis, count in enumerate(shape):
        place = jnp.arange(count)
        at_end = jnp.stack([place == 0, place == count - 1])
        held = (fixed[:, axis, :, None] & at_end[None]).any(axis=1)  # component, place
        lengths = [1, 1, 1]
        lengths[axis] = count
        along = jnp.where(held, 0.0, 1.0).astype(like.dtype).reshape(3, *lengths)
        mask = mask * jnp.moveaxis(along, 0, 1)
    return mask


def forces(displacement: GridVectors, modulus: Modulus) -> GridVectors:
    """Forces that hold a displacement, K u, with no end prescribed."""
    return lax.platform_dependent(
        displacement, modulus, cpu=_forces_by_planes, default=_forces_by_nodes
    )


@jax.jit
def _forces_by_planes(displacement: GridVectors, modulus: Modulus) -> GridVectors:
    """Forces from layers of voxels, one after the other: what a layer needs stays in the cache."""
    layers, rows, columns = modulus.shape
    stiffness = jnp.asarray(STIFFNESS, displacement.dtype)

    def layer(k: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        below, from_below, all_forces = carry
        above = _plane_corners(displacement[jnp.minimum(k + 1, layers)])
        both = jnp.concatenate([below, above]).reshape(24, rows * columns)
        own = jnp.where(k < layers, modulus[jnp.minimum(k, layers - 1)], 0)
        force = (stiffness @ both).reshape(24, rows, columns) * own
        return above, force[12:], all_forces.at[k].set(_plane_sum(from_below + force[:12]))

    start = _plane_corners(displacement[0])
    carry = (start, jnp.zeros_like(start), jnp.zeros_like(displacement))
    return lax.fori_loop(0, layers + 1, layer, carry)[2]


def _plane_corners(plane: Array) -> Array:
    """Displacements of the four corners of squares (12, y, x) from a plane (3, y + 1, x + 1)."""
    rows, columns = plane.shape[1] - 1, plane.shape[2] - 1
    return jnp.concatenate([plane[:, j : j + rows, i : i + columns] for _, j, i in CORNERS[:4]])


def _plane_sum(corners: Array) -> Array:
    """Sum on a plane (3, y + 1, x + 1) of forces on the four corners of squares (12, y, x)."""
    padded = [
        jnp.pad(corners[3 * a : 3 * a + 3], ((0, 0), (j, 1 - j), (i, 1 - i)))
        for a, (_, j, i) in enumerate(CORNERS[:4])
    ]
    return padded[0] + padded[1] + padded[2] + padded[3]


@jax.jit
def _forces_by_nodes(displacement: GridVectors, modulus: Modulus) -> GridVectors:
    """Forces of each node from the 27 nodes around it, in one expression: one kernel on a GPU."""
    shape = (displacement.shape[0], *displacement.shape[2:])
    u = jnp.pad(displacement, ((1, 1), (0, 0), (1, 1), (1, 1)))
    own = jnp.pad(modulus, 1)

    result = []
    for component in range(3):
        force = jnp.zeros(shape, displacement.dtype)
        for a, corner in enumerate(CORNERS):
            row = STIFFNESS[3 * a + component]
            strained = sum(
                float(row[3 * b + c]) * _moved(u[:, c], 1 - corner + other, shape)
                for b, other in enumerate(CORNERS)
                for c in range(3)
            )
            force = force + _moved(own, 1 - corner, shape) * strained
        result.append(force)
    return jnp.stack(result, axis=1)


def _moved(array: Array, start: np.ndarray, shape: tuple[int, ...]) -> Array:
    """Part of an array from a start on."""
    return array[tuple(slice(o, o + n) for o, n in zip(start, shape, strict=True))]


def energy_densities(displacement: GridVectors) -> tuple[Modulus, Modulus]:
    """Energy per volume of each voxel over its modulus: mean over it, and at its centroid."""
    forms = jnp.asarray([STIFFNESS, CENTROID_STIFFNESS], displacement.dtype)

    def layer(planes: tuple[Array, Array]) -> tuple[Array, Array]:
        corners = jnp.concatenate([_plane_corners(plane) for plane in planes])
        mean, center = 0.5 * jnp.einsum("ayx,fab,byx->fyx", corners, forms, corners)
        return mean, center

    return lax.map(layer, (displacement[:-1], displacement[1:]))


def block_corrections(r: GridVectors, modulus: Modulus, fixed: Ends) -> GridVectors:
    """Product with the inverse of the block of each node, which is cheaper to compute than to keep.

    Zero off bone and where displacement is prescribed.
    """
    moves, own = free(fixed, r), jnp.pad(modulus, 1)
    mask = [moves[:, component] for component in range(3)]
    around = [_moved(own, 1 - corner, (r.shape[0], *r.shape[2:])) for corner in CORNERS]
    block = {}
    for a, b in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        entry = jnp.zeros_like(around[0])
        for corner, modulus in enumerate(around):
            entry = entry + float(NODE_BLOCKS[corner][a, b]) * modulus
        block[a, b] = entry * mask[a] * mask[b]
    zz, yy, xx = (jnp.where(block[a, a] > 0, block[a, a], 1) for a in range(3))
    zy, zx, yx = block[0, 1], block[0, 2], block[1, 2]
    inverse = [
        [yy * xx - yx * yx, zx * yx - zy * xx, zy * yx - zx * yy],
        [zx * yx - zy * xx, zz * xx - zx * zx, zx * zy - zz * yx],
        [zy * yx - zx * yy, zx * zy - zz * yx, zz * yy - zy * zy],
    ]
    determinant = zz * inverse[0][0] + zy * inverse[0][1] + zx * inverse[0][2]
    on_bone = block[0, 0] + block[1, 1] + block[2, 2] > 0
    z, y, x = (r[:, component] * mask[component] for component in range(3))
    # component by component: a permutation of the axes would cost a copy of the vectors on a GPU
    corrections = [
        jnp.where(on_bone, (row[0] * z + row[1] * y + row[2] * x) * own / determinant, 0)
        for row, own in zip(inverse, mask, strict=True)
    ]
    return jnp.stack(corrections, axis=1)
