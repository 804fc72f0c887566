"""Nearest-neighbor arithmetic on [z, y, x] arrays with closed walls, or without along some axes.

Along a periodic axis the last voxel meets the first. The face between them is a seam and is kept
apart from the others, so that a box with walls costs nothing more.

Two layouts. Fields lie as [z, y, x]; their neighbors are read with `lax.pad` of negative width,
which fuses into one kernel on every backend, where `jnp.roll` and `jnp.pad(mode="edge")` do not.
Solvers lay fields out as rows: all voxels one after the other, with a plane of zeros before and
after. A neighbor is then a plain offset, which vectorizes without a test in the inner loop (twice
as fast on CPU): along y and x the last voxel of a line meets the first of the next, but the face
between them is a wall and conducts nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.loop import materialize

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

Axes = tuple[int, ...]
"""Axes of a box that are periodic, counted from the end: -3 to -1 for z, y, x."""

Seam = Float[Array, "_ _ _"]
Seams = tuple[Seam | None, Seam | None, Seam | None]
"""One array an axis, one voxel thick: the face between the last voxel and the first; None for a
wall."""

AXES = (-3, -2, -1)
SLABS = 8
WALLS: Seams = (None, None, None)


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


def ends(u: Array, axis: int) -> tuple[Array, Array]:
    """The first and the last layer of voxels along an axis, each one voxel thick."""
    return lax.index_in_dim(u, 0, axis), lax.index_in_dim(u, -1, axis)


def shift_replicate(u: Array, axis: int, step: int, periodic: Axes = ()) -> Array:
    """As `shift` by one voxel (step +1 or -1), but the wall voxel stands in for what is outside.

    Along a periodic axis it is the voxel at the other end.
    """
    index = lax.broadcasted_iota(jnp.int32, u.shape, u.ndim + axis)
    edge = u.shape[axis] - 1 if step > 0 else 0
    outside = ends(u, axis)[0 if step > 0 else 1] if axis in periodic else u
    return jnp.where(index == edge, outside, shift(u, axis, step))


def local_max(u: Field, reach: int, periodic: Axes = ()) -> Field:
    """The largest value in the cube of `reach` voxels to every side, as far as the walls."""
    lowest = np.asarray(-np.inf, u.dtype)

    def highest(u: Array, axis: int) -> Array:
        window, wide = [1, 1, 1], [(0, 0)] * 3
        window[axis], wide[axis] = 2 * reach + 1, (reach, reach)
        if axis in periodic:
            u, wide = jnp.pad(u, wide, mode="wrap"), [(0, 0)] * 3
        return lax.reduce_window(u, lowest, lax.max, window, (1, 1, 1), wide)

    for axis in AXES:
        u = materialize(partial(highest, axis=axis), u)
    return u


def harmonic(one: Array, other: Array) -> Array:
    """Harmonic mean, 0 where both are."""
    both = one + other
    return jnp.where(both > 0, 2 * one * other / jnp.where(both > 0, both, 1), 0)


def harmonic_faces(porosity: Field) -> Faces:
    """Conductance of every face: the harmonic mean of its two voxels, zero on the outer walls.

    With one impermeable side the face is impermeable, so nothing diffuses through thin bone.
    """
    in_z, in_y, in_x = (harmonic(porosity, shift(porosity, axis, 1)) for axis in AXES)
    return in_z, in_y, in_x


def harmonic_seams(porosity: Field, periodic: Axes) -> Seams:
    """Conductance of every seam, as of any other face."""
    return over_seams(harmonic, periodic, porosity)


def over_seams(rule: Callable[..., Array], periodic: Axes, *fields: Field) -> Seams:
    """What a rule makes of the two voxels at every seam.

    Args:
        rule: of the last voxel and the first one, for each field in turn.
        periodic: axes that have a seam.
        fields: what the rule reads.
    """

    def seam(axis: int) -> Seam | None:
        # a layer of one voxel meets itself: nothing flows
        if axis not in periodic or fields[0].shape[axis] == 1:
            return None
        return rule(*(end for u in fields for end in reversed(ends(u, axis))))

    in_z, in_y, in_x = (seam(axis) for axis in AXES)
    return in_z, in_y, in_x


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
    return jax.tree.map(lambda u: row(materialize(between_planes, u)), fields)


def planes(u: Array, shape: Shape) -> Array:
    """The planes [..., z + 2, y, x] of a row; `shape` is that of the voxels (z, y, x)."""
    return u.reshape(*u.shape[:-1], shape[0] + 2, *shape[1:])


def beside(u: Array, shape: Shape, axis: int, step: int) -> Array:
    """What lies `step` voxels further along an axis, for every voxel (without the empty planes)."""
    plane = shape[1] * shape[2]
    first = plane + step * {-3: plane, -2: shape[2], -1: 1}[axis]
    return lax.slice_in_dim(u, first, first + shape[0] * plane, axis=-1)


def flux_divergence(faces: RowFaces, u: Array, shape: Shape, seams: Seams = WALLS) -> Array:
    """Net inflow sum over faces of T (u_neighbor - u), in the units of T u; of rows.

    Written with differences: a diagonal times u minus the neighbors loses small decay rates to
    rounding in float32.
    """
    here = beside(u, shape, -1, 0)
    inflow = jnp.zeros_like(here)
    for axis, conductance in zip(AXES, faces, strict=True):
        above, below = beside(conductance, shape, axis, 0), beside(conductance, shape, axis, -1)
        inflow = inflow + above * (beside(u, shape, axis, 1) - here)
        inflow = inflow - below * (here - beside(u, shape, axis, -1))
    for axis, seam in zip(AXES, seams, strict=True):
        if seam is not None:
            first, last = ends(here.reshape(*here.shape[:-1], *shape), axis)
            into_last = seam * (first - last)
            inflow = _added_at_ends(inflow, shape, axis, -into_last, into_last)
    return _with_ends(inflow, shape)


def face_sum(faces: RowFaces, shape: Shape, seams: Seams = WALLS) -> Row:
    """Sum of the conductances of the six faces of every voxel; of rows."""
    both = [
        beside(t, shape, axis, 0) + beside(t, shape, axis, -1)
        for axis, t in zip(AXES, faces, strict=True)
    ]
    conductances = both[0] + both[1] + both[2]
    for axis, seam in zip(AXES, seams, strict=True):
        if seam is not None:
            conductances = _added_at_ends(conductances, shape, axis, seam, seam)
    return _with_ends(conductances, shape)


def _added_at_ends(u: Array, shape: Shape, axis: int, first: Array, last: Array) -> Array:
    """A row without its empty planes, plus what belongs to both ends of an axis."""
    field = u.reshape(*u.shape[:-1], *shape)
    for place, more in ((0, first), (shape[axis] - 1, last)):
        layer = lax.index_in_dim(field, place, axis) + more
        field = lax.dynamic_update_slice_in_dim(field, layer, place, axis)
    return field.reshape(u.shape)


def _with_ends(u: Array, shape: Shape) -> Array:
    plane = shape[1] * shape[2]
    return jnp.pad(u, [(0, 0)] * (u.ndim - 1) + [(plane, plane)])
