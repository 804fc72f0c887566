"""Nearest-neighbor arithmetic on [z, y, x] arrays whose axes end at closed walls or are periodic.

Along a periodic axis the first voxel follows the last. The faces between these two layers are kept
apart from the others, so that a box with walls costs nothing more.

Two layouts. Fields are [z, y, x]; their neighbors are read with `lax.pad` of negative width, which
fuses into one kernel on every backend, where `jnp.roll` and `jnp.pad(mode="edge")` do not. Solvers
use padded rows [cells]: all voxels one after the other, with a plane of zeros before and after. A
neighbor is then a plain offset, which vectorizes without a test in the inner loop (twice as fast on
CPU): along y and x the last voxel of a line lies next to the first of the next line, but the face
between them is a wall and conducts nothing.

Functions of fields know when these are slabs of a grid (see `slabs`). Those of rows do not: whoever
calls them fills the planes at their ends.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.loop import materialize
from tissue.kernels.programs import program

Tree = TypeVar("Tree")
Field = Float[Array, "z y x"]
Fields = Float[Array, "n z y x"]
Faces = tuple[Field, Field, Field]
"""One array an axis; element i belongs to the face between voxels i and i + 1 (the last is 0)."""

PaddedField = Float[Array, "padded_z y x"]
PaddedFaces = tuple[PaddedField, PaddedField, PaddedField]
Row = Float[Array, "cells"]
Rows = Float[Array, "n cells"]
RowFaces = tuple[Row, Row, Row]
Shape = tuple[int, ...]

Axes = tuple[int, ...]
"""Periodic axes, counted from the end: -3 to -1 for z, y, x."""

FaceLayer = Float[Array, "_ _ _"]
PeriodicFaces = tuple[FaceLayer | None, FaceLayer | None, FaceLayer | None]
"""One array an axis, one voxel thick: faces between the last layer of voxels and the first, or None
for an axis that ends at walls."""

AXES = (-3, -2, -1)
NO_PERIODIC_FACES: PeriodicFaces = (None, None, None)
SUM_PARTS = 8  # parts of an array that `total` adds to one in the precision of the array


@program  # traced once for every shape, which a step would do a hundred times
def total(values: Array) -> Array:
    """Sum of all elements, in float64; on CPU in the precision of the array at first."""
    return slabs.added_up(_total_here(values))


def totals(values: Sequence[Array]) -> Array:
    """Sums of all elements of several arrays, as `total` takes them, in one array [n]."""
    if slabs.current_cut() is None:
        return jnp.stack([total(each) for each in values])
    return slabs.added_up(jnp.stack([_total_here(each) for each in values]))


def _total_here(values: Array) -> Array:
    """Sum over the voxels of this device.

    A GPU adds in float64 while it makes the values: no kernel reads them again.
    """
    if values.ndim >= 3:
        values = slabs.only_inside(values)
    added = partial(jnp.sum, dtype=jnp.float64)
    return lax.platform_dependent(values, cpu=_folded_total, default=added)


def _folded_total(values: Array) -> Array:
    """Sum of all elements: eight at a time in their own precision, the rest in float64.

    Eight parts are added to one first. That fuses with whatever makes the values and leaves an
    eighth of them to convert, so it costs a sixth of a plain sum in float64 on CPU, and next to no
    memory, where a plain sum keeps every product in float64.
    """
    values = values.reshape(-1, *values.shape[-2:]) if values.ndim >= 3 else values.reshape(-1)
    n = values.shape[0] // SUM_PARTS
    parts = [lax.slice_in_dim(values, i * n, (i + 1) * n) for i in range(SUM_PARTS)]
    rest = lax.slice_in_dim(values, SUM_PARTS * n, values.shape[0])
    folded = sum(parts[1:], start=parts[0])
    return jnp.sum(folded, dtype=jnp.float64) + jnp.sum(rest, dtype=jnp.float64)


def shift(u: Array, axis: int, step: int) -> Array:
    """Array whose element i along an axis is element i + step of u, zero outside the box."""
    cut = slabs.current_cut()
    if cut and axis == -3:
        return shift_beside(u, step, slabs.planes_beside(u, step, cut))
    return shift_alone(u, axis, step)


def shift_alone(u: Array, axis: int, step: int) -> Array:
    """`shift` that looks at this device alone: zero outside its slab."""
    widths = [(0, 0, 0)] * u.ndim
    widths[axis] = (-step, step, 0)
    return lax.pad(u, jnp.zeros((), u.dtype), widths)


def shift_beside(u: Array, step: int, plane: Array) -> Array:
    """`shift` of a slab by one voxel along z, with the `plane` [..., 1, y, x] that lies beyond."""
    kept = lax.slice_in_dim(u, max(step, 0), u.shape[-3] + min(step, 0), axis=-3)
    return jnp.concatenate([kept, plane] if step > 0 else [plane, kept], -3)


def end_layers(u: Array, axis: int) -> tuple[Array, Array]:
    """First and last layer of voxels along an axis, each one voxel thick."""
    return lax.index_in_dim(u, 0, axis), lax.index_in_dim(u, -1, axis)


def shift_replicate(u: Array, axis: int, step: int, periodic: Axes = ()) -> Array:
    """`shift` by one voxel (step +1 or -1) that repeats the last voxel outside a wall.

    Beyond the end of a periodic axis it reads the voxel at the other end.
    """
    slabs.refuse_periodic_z(periodic)
    index, count = lax.broadcasted_iota(jnp.int32, u.shape, u.ndim + axis), u.shape[axis]
    cut = slabs.current_cut()
    if cut and axis == -3:
        index, count = slabs.places(count, cut)[:, None, None], cut.planes
    edge = count - 1 if step > 0 else 0
    outside = end_layers(u, axis)[0 if step > 0 else 1] if axis in periodic else u
    return jnp.where(index == edge, outside, shift(u, axis, step))


def local_max(u: Field, radius: int, periodic: Axes = ()) -> Field:
    """Largest value within `radius` voxels along every axis (a cube), cut off at walls."""
    lowest = np.asarray(-np.inf, u.dtype)

    def along(u: Array, axis: int) -> Array:
        window, padding = [1, 1, 1], [(0, 0)] * 3
        window[axis], padding[axis] = 2 * radius + 1, (radius, radius)
        if axis in periodic:
            u, padding = jnp.pad(u, padding, mode="wrap"), [(0, 0)] * 3
        return lax.reduce_window(u, lowest, lax.max, window, (1, 1, 1), padding)

    slabs.refuse_periodic_z(periodic)
    cut = slabs.current_cut()
    u = slabs.only_inside(u, -np.inf)
    for axis in AXES:
        if cut and axis == -3:
            thick = slabs.thickened(u, radius, cut, -np.inf)
            u = materialize(partial(along, axis=axis), thick)
            u = lax.slice_in_dim(u, radius, u.shape[axis] - radius, axis=axis)
        else:
            u = materialize(partial(along, axis=axis), u)
    return u


def harmonic(a: Array, b: Array) -> Array:
    """Harmonic mean of two non-negative arrays, 0 where both are 0."""
    both = a + b
    return jnp.where(both > 0, 2 * a * b / jnp.where(both > 0, both, 1), 0)


def harmonic_faces(porosity: Field) -> Faces:
    """Conductance of every face: the harmonic mean of its two voxels, zero on the outer walls.

    With one impermeable side the face is impermeable, so nothing diffuses through thin bone.
    """
    porosity = slabs.only_inside(porosity)
    in_z, in_y, in_x = (harmonic(porosity, shift(porosity, axis, 1)) for axis in AXES)
    return in_z, in_y, in_x


def harmonic_periodic_faces(porosity: Field, periodic: Axes) -> PeriodicFaces:
    """Conductance of the faces that close the periodic axes, as in `harmonic_faces`."""
    porosity = slabs.only_inside(porosity)
    return at_periodic_faces(harmonic, periodic, porosity)


def at_periodic_faces(rule: Callable[..., Array], periodic: Axes, *fields: Field) -> PeriodicFaces:
    """Value of a rule on the two voxels at every face that closes a periodic axis.

    Args:
        rule: function of the last voxel and the first one, for each field in turn.
        periodic: periodic axes.
        fields: arguments of the rule, [z, y, x].
    """
    slabs.refuse_periodic_z(periodic)

    def faces(axis: int) -> FaceLayer | None:
        # one layer of voxels is its own neighbor: nothing flows
        if axis not in periodic or fields[0].shape[axis] == 1:
            return None
        return rule(*(end for u in fields for end in reversed(end_layers(u, axis))))

    in_z, in_y, in_x = (faces(axis) for axis in AXES)
    return in_z, in_y, in_x


def pad_z(u: Array) -> Array:
    """u [..., z, y, x] with a plane of zeros before and after, [..., z + 2, y, x]."""
    return jnp.pad(u, [(0, 0)] * (u.ndim - 3) + [(1, 1), (0, 0), (0, 0)])


@program
def unpad_z(u: Array) -> Array:
    """Inverse of `pad_z`: u without its first and last plane."""
    return u[..., 1:-1, :, :]


def flatten(u: Array) -> Array:
    """Row [..., cells] of a padded field [..., z + 2, y, x], in the same memory."""
    return u.reshape(*u.shape[:-3], -1)


def unflatten(u: Array, shape: Shape) -> Array:
    """Padded field [..., z + 2, y, x] of a row; `shape` is that of the voxels (z, y, x)."""
    return u.reshape(*u.shape[:-1], shape[0] + 2, *shape[1:])


def to_padded_rows(fields: Tree) -> Tree:
    """Rows of a field [..., z, y, x], or of a tree of them, with a plane of zeros at both ends."""
    return jax.tree.map(lambda u: flatten(materialize(pad_z, u)), fields)


def neighbor(u: Array, shape: Shape, axis: int, step: int) -> Array:
    """Value `step` voxels further along an axis, of every voxel of a row (padding left out)."""
    plane = shape[1] * shape[2]
    first = plane + step * {-3: plane, -2: shape[2], -1: 1}[axis]
    return lax.slice_in_dim(u, first, first + shape[0] * plane, axis=-1)


def flux_divergence(
    faces: RowFaces, u: Array, shape: Shape, periodic_faces: PeriodicFaces = NO_PERIODIC_FACES
) -> Array:
    """Net inflow of every voxel, the sum over its faces of T (u_neighbor - u); rows in and out.

    Written with differences: a diagonal times u minus the neighbors loses small decay rates to
    rounding in float32.
    """
    here = neighbor(u, shape, -1, 0)
    inflow = jnp.zeros_like(here)
    for axis, conductance in zip(AXES, faces, strict=True):
        above = neighbor(conductance, shape, axis, 0)
        below = neighbor(conductance, shape, axis, -1)
        inflow = inflow + above * (neighbor(u, shape, axis, 1) - here)
        inflow = inflow - below * (here - neighbor(u, shape, axis, -1))
    for axis, closing in zip(AXES, periodic_faces, strict=True):
        if closing is not None:
            first, last = end_layers(here.reshape(*here.shape[:-1], *shape), axis)
            into_last = closing * (first - last)
            inflow = _add_to_end_layers(inflow, shape, axis, -into_last, into_last)
    return _pad_row(inflow, shape)


def face_sum(
    faces: RowFaces, shape: Shape, periodic_faces: PeriodicFaces = NO_PERIODIC_FACES
) -> Row:
    """Sum of the conductances of the six faces of every voxel; rows in and out."""
    both = [
        neighbor(t, shape, axis, 0) + neighbor(t, shape, axis, -1)
        for axis, t in zip(AXES, faces, strict=True)
    ]
    conductances = both[0] + both[1] + both[2]
    for axis, closing in zip(AXES, periodic_faces, strict=True):
        if closing is not None:
            conductances = _add_to_end_layers(conductances, shape, axis, closing, closing)
    return _pad_row(conductances, shape)


def _add_to_end_layers(u: Array, shape: Shape, axis: int, first: Array, last: Array) -> Array:
    """Row without padding, with `first` and `last` added to the two end layers of an axis."""
    field = u.reshape(*u.shape[:-1], *shape)
    for index, change in ((0, first), (shape[axis] - 1, last)):
        layer = lax.index_in_dim(field, index, axis) + change
        field = lax.dynamic_update_slice_in_dim(field, layer, index, axis)
    return field.reshape(u.shape)


def _pad_row(u: Array, shape: Shape) -> Array:
    plane = shape[1] * shape[2]
    return jnp.pad(u, [(0, 0)] * (u.ndim - 1) + [(plane, plane)])
