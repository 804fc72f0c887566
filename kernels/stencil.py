"""Nearest-neighbour arithmetic on [z, y, x] arrays with closed walls.

Two layouts. Fields lie as [z, y, x]; their neighbours are read with `lax.pad` of negative width,
which fuses into one kernel on every backend, where `jnp.roll` and `jnp.pad(mode="edge")` do not.
Solvers lay fields out as rows: all voxels one after the other, with a plane of zeros before and
after. A neighbour is then a plain offset, which vectorises without a test in the inner loop (twice
as fast on CPU): along y and x the last voxel of a line meets the first of the next, but the face
between them is a wall and conducts nothing.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.loop import computed_once

Tree = TypeVar("Tree")
Field = Float[Array, "z y x"]
Fields = Float[Array, "n z y x"]
Faces = tuple[Field, Field, Field]
"""One array an axis; element i belongs to the face between voxels i and i + 1 (the last is 0)."""

Planes = Float[Array, "planes y x"]
PlaneFaces = tuple[Planes, Planes, Planes]
Row = Float[Array, "cells"]
Rows = Float[Array, "n cells"]
RowFaces = tuple[Row, Row, Row]
Shape = tuple[int, ...]

AXES = (-3, -2, -1)
SLABS = 8


def total(values: Array) -> Array:
    """Sum of all elements: eight at a time in their own precision, the rest in float64.

    Eight slabs are added to one first. That fuses with whatever makes the values and leaves an
    eighth of them to convert, so it costs a sixth of a plain sum in float64 on CPU, and next to no
    memory, where a plain sum keeps every product in float64.
    """
    values = values.reshape(-1, *values.shape[-2:]) if values.ndim >= 3 else values.reshape(-1)
    n = values.shape[0] // SLABS
    slabs = [lax.slice_in_dim(values, i * n, (i + 1) * n) for i in range(SLABS)]
    rest = lax.slice_in_dim(values, SLABS * n, values.shape[0])
    folded = sum(slabs[1:], start=slabs[0])
    return jnp.sum(folded, dtype=jnp.float64) + jnp.sum(rest, dtype=jnp.float64)


def shift(u: Array, axis: int, step: int) -> Array:
    """Element i of the result is element i + step of u, and zero outside the box."""
    widths = [(0, 0, 0)] * u.ndim
    widths[axis] = (-step, step, 0)
    return lax.pad(u, jnp.zeros((), u.dtype), widths)


def shift_replicate(u: Array, axis: int, step: int) -> Array:
    """As `shift` by one voxel (step +1 or -1), but the wall voxel stands in for what is outside."""
    index = lax.broadcasted_iota(jnp.int32, u.shape, u.ndim + axis)
    edge = u.shape[axis] - 1 if step > 0 else 0
    return jnp.where(index == edge, u, shift(u, axis, step))


def highest_near(u: Field, reach: int) -> Field:
    """The largest value in the cube of `reach` voxels to every side, within the box."""
    lowest = np.asarray(-np.inf, u.dtype)
    for axis in AXES:
        window = tuple(2 * reach + 1 if a == axis else 1 for a in AXES)
        u = computed_once(
            lambda u, w=window: lax.reduce_window(u, lowest, lax.max, w, (1, 1, 1), "SAME"), u
        )
    return u


def harmonic_faces(porosity: Field) -> Faces:
    """Conductance of every face: the harmonic mean of its two voxels, zero on the outer walls.

    With one impermeable side the face is impermeable, so nothing diffuses through thin bone.
    """

    def faces(axis: int) -> Array:
        other = shift(porosity, axis, 1)
        both = porosity + other
        return jnp.where(both > 0, 2 * porosity * other / jnp.where(both > 0, both, 1), 0)

    return faces(-3), faces(-2), faces(-1)


def between_planes(u: Array) -> Array:
    """u [..., z, y, x] with a plane of zeros before and after, [..., z + 2, y, x]."""
    return jnp.pad(u, [(0, 0)] * (u.ndim - 3) + [(1, 1), (0, 0), (0, 0)])


def inner_planes(u: Array) -> Array:
    """What `between_planes` was given."""
    return u[..., 1:-1, :, :]


def row(u: Array) -> Array:
    """The row of planes [..., z + 2, y, x]: the same memory, seen as [..., cells]."""
    return u.reshape(*u.shape[:-3], -1)


def laid_out(fields: Tree) -> Tree:
    """A field [..., z, y, x], or a tree of them, as rows."""
    return jax.tree.map(lambda u: row(computed_once(between_planes, u)), fields)


def planes(u: Array, shape: Shape) -> Array:
    """The planes [..., z + 2, y, x] of a row; `shape` is that of the voxels (z, y, x)."""
    return u.reshape(*u.shape[:-1], shape[0] + 2, *shape[1:])


def beside(u: Array, shape: Shape, axis: int, step: int) -> Array:
    """What lies `step` voxels further along an axis, for every voxel (without the empty planes)."""
    plane = shape[1] * shape[2]
    first = plane + step * {-3: plane, -2: shape[2], -1: 1}[axis]
    return lax.slice_in_dim(u, first, first + shape[0] * plane, axis=-1)


def flux_divergence(faces: RowFaces, u: Array, shape: Shape) -> Array:
    """Net inflow sum over faces of T (u_neighbour - u), in the units of T u; of rows.

    Written with differences: a diagonal times u minus the neighbours loses small decay rates to
    rounding in float32.
    """
    here = beside(u, shape, -1, 0)
    inflow = jnp.zeros_like(here)
    for axis, conductance in zip(AXES, faces, strict=True):
        above, below = beside(conductance, shape, axis, 0), beside(conductance, shape, axis, -1)
        inflow = inflow + above * (beside(u, shape, axis, 1) - here)
        inflow = inflow - below * (here - beside(u, shape, axis, -1))
    return _with_ends(inflow, shape)


def face_sum(faces: RowFaces, shape: Shape) -> Row:
    """Sum of the conductances of the six faces of every voxel; of rows."""
    both = [
        beside(t, shape, axis, 0) + beside(t, shape, axis, -1)
        for axis, t in zip(AXES, faces, strict=True)
    ]
    return _with_ends(both[0] + both[1] + both[2], shape)


def _with_ends(u: Array, shape: Shape) -> Array:
    plane = shape[1] * shape[2]
    return jnp.pad(u, [(0, 0)] * (u.ndim - 1) + [(plane, plane)])
