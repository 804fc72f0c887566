"""Grids cut along z into slabs, one on each device: what a function on slabs asks of the others.

Inside such a function (see `programs`) every array is the slab of one device, and `current_cut`
says how the grid is cut; on one device it is None, and all functions here leave their argument as
it is. No other module than these two knows about devices.

Slabs have equal numbers of planes. Those beyond the end of the grid are copies of its last plane:
they conduct nothing, and no sum counts them. A row of a slab (see `stencil`) keeps the neighboring
planes of other slabs where the row of a whole grid has planes of zeros: unknowns and search
directions hold them, sources and residuals hold zeros, so that the product of the two kinds counts
every voxel once. Exchanges of planes stand outside of `loop.materialize`: in a branch that only
some devices take, they would wait for each other for ever.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import DTypeLike

Shape = tuple[int, ...]

PREFIX = "z"  # of the axis of a mesh; the number of planes of the grid follows
MIN_PLANES = 4  # of a slab of a multigrid level that is not gathered
MAX_FILLING = 1 / 8  # of the planes of a slab: added so that multigrid can halve it more often
NOWHERE = 2**62  # place of a voxel after those of any grid
SMALL_LEVEL = 32**3  # voxels of a coarse level that is gathered: messages would take longest


def planes_of_a_slab(planes: int, devices: int) -> int:
    """Number of planes of every slab of a grid, which multigrid can halve at least once.

    Raises:
        ValueError: some devices would have none.
    """
    least = max(-(-planes // devices), MIN_PLANES + 1)
    alignment = 2
    while 2 * alignment <= MAX_FILLING * least:
        alignment *= 2
    count = -(-least // alignment) * alignment
    if (devices - 1) * count >= planes:
        most = -(-planes // count)
        raise ValueError(
            f"{devices} devices for {planes} planes: a slab has at least {count}, so at most "
            f"{most} devices can be used"
        )
    return count


def most_devices(planes: int, available: int) -> int:
    """Largest number of devices, of those available, that all have planes of a grid."""
    for devices in range(min(available, planes), 1, -1):
        try:
            planes_of_a_slab(planes, devices)
        except ValueError:
            continue
        return devices
    return 1


class Cut(NamedTuple):
    """Slabs of a grid.

    Attributes:
        axis: name of the axis of the mesh of devices.
        planes: number of planes of the whole grid.
    """

    axis: str
    planes: int


def current_cut() -> Cut | None:
    """Slabs of the function that is being traced; None on one device.

    The number of planes is part of the name of the axis of the mesh, and so of the key under which
    JAX keeps what it has traced and compiled.
    """
    return cut_over(jax.sharding.get_abstract_mesh().manual_axes)


def cut_over(axes: Iterable[Any]) -> Cut | None:
    """Slabs over a mesh of devices with these axes; None where it has none."""
    for axis in map(str, axes):
        planes = axis.removeprefix(PREFIX)
        if axis != planes and planes.isdecimal():
            return Cut(axis, int(planes))
    return None


def planes_beside(u: Array, side: int, cut: Cut, count: int = 1) -> Array:
    """Planes of the next slab that touch this one, above (side 1) or below (side -1).

    Args:
        u: field [..., z, y, x].
        side: 1 or -1.
        cut: slabs.
        count: number of planes; zeros where there is no slab.
    """
    start = 0 if side > 0 else u.shape[-3] - count
    sent, last = lax.slice_in_dim(u, start, start + count, axis=-3), _devices(cut) - 1
    pairs = [(i + 1, i) if side > 0 else (i, i + 1) for i in range(last)]
    return lax.ppermute(sent, cut.axis, pairs)


def with_end_planes(u: Array, shape: Shape, cut: Cut | None) -> Array:
    """Row [..., cells] with the neighboring planes of other slabs at its ends.

    Args:
        u: padded row of a slab.
        shape: voxels (z, y, x) of the slab.
        cut: slabs; None leaves the row as it is.
    """
    if cut is None:
        return u
    padded = u.reshape(*u.shape[:-1], shape[0] + 2, *shape[1:])
    own = padded[..., 1:-1, :, :]
    # updated in place, where a concatenation would copy the whole row
    start = (0,) * (u.ndim - 1)
    size = shape[1] * shape[2]
    below, above = (
        plane.reshape(*u.shape[:-1], size)
        for plane in (planes_beside(own, -1, cut), planes_beside(own, 1, cut))
    )
    u = lax.dynamic_update_slice(u, below, (*start, 0))
    return lax.dynamic_update_slice(u, above, (*start, (shape[0] + 1) * size))


def without_end_planes(u: Array, shape: Shape) -> Array:
    """Row of a slab without the planes at its ends; the row as it is on one device."""
    if current_cut() is None:
        return u
    plane = shape[1] * shape[2]
    return lax.slice_in_dim(u, plane, u.shape[-1] - plane, axis=-1)


def thickened(u: Array, count: int, cut: Cut, outside: float = 0.0) -> Array:
    """Field with `count` planes of the slabs below and above, `outside` beyond the first and last.

    Raises:
        ValueError: slabs are thinner.
    """
    if count > u.shape[-3]:
        raise ValueError(f"{count} planes of a slab that has {u.shape[-3]}: use fewer devices")
    below, above = (planes_beside(u, side, cut, count) for side in (-1, 1))
    if outside != 0:
        me = lax.axis_index(cut.axis)
        below = jnp.where(me == 0, jnp.asarray(outside, u.dtype), below)
        above = jnp.where(me == _devices(cut) - 1, jnp.asarray(outside, u.dtype), above)
    return jnp.concatenate([below, u, above], -3)


def places(count: int, cut: Cut, margin: int = 0) -> Array:
    """Index in the whole grid of the planes of a slab of `count`, and of `margin` on both sides."""
    first = lax.axis_index(cut.axis) * count
    return first - margin + lax.iota(jnp.int32, count + 2 * margin)


def reach_beyond(count: int) -> bool:
    """Whether slabs of `count` planes have some outside of the grid."""
    cut = current_cut()
    return cut is not None and count * _devices(cut) > cut.planes


def only_inside(u: Array, outside: float = 0.0, *, padding: int = 0, beyond: int = 0) -> Array:
    """Field whose planes outside of the grid hold the number `outside`; as it is on one device.

    Args:
        u: [..., z, y, x].
        outside: value there.
        padding: planes on both sides that belong to no slab; they too get `outside`.
        beyond: last planes of the grid that count as outside.
    """
    cut = current_cut()
    if cut is None:
        return u
    count = u.shape[-3] - 2 * padding
    if not padding and not beyond and not reach_beyond(count):
        return u
    inside = jnp.pad(places(count, cut) < cut.planes - beyond, padding)
    return jnp.where(inside[:, None, None], u, jnp.asarray(outside, u.dtype))


def added_up(part: Array) -> Array:
    """Sum over all slabs of a number that each of them has."""
    cut = current_cut()
    return part if cut is None else lax.psum(part, cut.axis)


def largest(u: Array) -> Array:
    """Largest element of a field."""
    cut = current_cut()
    if cut is None:
        return jnp.max(u)
    return lax.pmax(jnp.max(only_inside(u, -np.inf)), cut.axis)


def smallest(u: Array) -> Array:
    """Smallest element of a field."""
    cut = current_cut()
    if cut is None:
        return jnp.min(u)
    return lax.pmin(jnp.min(only_inside(u, np.inf)), cut.axis)


def mean(u: Array, dtype: DTypeLike | None = None) -> Array:
    """Mean of a field, in its own precision or in another one."""
    if current_cut() is None:
        return jnp.mean(u, dtype=dtype)
    sum_of_all = added_up(jnp.sum(only_inside(u), dtype=jnp.float64))
    return (sum_of_all / number_of_voxels(u)).astype(dtype or u.dtype)


def first_place(wanted: Array) -> tuple[Array, Array, Array]:
    """Place (z, y, x) in the whole grid of the first voxel that is wanted; there must be one.

    Args:
        wanted: truth of each voxel [z, y, x].
    """
    cut, (_, y, x) = current_cut(), wanted.shape
    place = jnp.argmax(wanted)
    if cut is not None:
        wanted = only_inside(wanted, False)
        voxels_before = lax.axis_index(cut.axis).astype(jnp.int64) * wanted.size
        place = jnp.where(jnp.any(wanted), voxels_before + jnp.argmax(wanted), NOWHERE)
        place = lax.pmin(place, cut.axis)
    return place // (y * x), place // x % y, place % x


def value_at(u: Array, place: tuple[Array, Array, Array]) -> Array:
    """Element of a field at a place (z, y, x) of the whole grid."""
    cut, (z, y, x) = current_cut(), place
    if cut is None:
        return u[z, y, x]
    z = z - lax.axis_index(cut.axis) * u.shape[0]
    here = (z >= 0) & (z < u.shape[0])
    # a sum, in which the element may be anything, as all others are 0
    return lax.psum(jnp.where(here, u[z, y, x], 0), cut.axis)


def number_of_voxels(u: Array) -> int:
    """Number of elements of a field of the whole grid."""
    cut = current_cut()
    return u.size if cut is None else u.size // u.shape[-3] * cut.planes


def weighted_along_z(weights: Callable[[Array, int], Array], u: Array, cut: Cut) -> Array:
    """Sums over all planes of the grid, each with weights of its own; no device holds all planes.

    The slabs go round from device to device.

    Args:
        weights: function of the planes of this slab, as their index in the whole grid, and of the
            number of planes of the grid; it returns the weights [z, all planes].
        u: field [z, y, x].
        cut: slabs.
    """
    devices, count = _devices(cut), u.shape[0]
    own = places(count, cut)
    missing = devices * count - cut.planes
    factors = jnp.pad(weights(own, cut.planes), [(0, 0), (0, missing)]).astype(u.dtype)
    me, result, visiting = lax.axis_index(cut.axis), jnp.zeros_like(u), only_inside(u)
    for passed in range(devices):
        first = (me + passed) % devices * count
        part = lax.dynamic_slice_in_dim(factors, first, count, axis=1)
        result = result + jnp.tensordot(part, visiting, axes=(1, 0), precision="highest")
        if passed < devices - 1:
            ring = [((i + 1) % devices, i) for i in range(devices)]
            visiting = lax.ppermute(visiting, cut.axis, ring)
    return result


def whole(u: Array, cut: Cut) -> Array:
    """Field [..., all planes, y, x] of the whole grid, the same on every device, of its slabs."""
    every = lax.all_gather(u, cut.axis, axis=u.ndim - 3, tiled=True)
    return lax.slice_in_dim(every, 0, cut.planes, axis=-3)


def whole_row(u: Array, shape: Shape, cut: Cut) -> Array:
    """Row of the whole grid, the same on every device, of the rows of its slabs."""
    slab = u.reshape(*u.shape[:-1], shape[0] + 2, *shape[1:])[..., 1:-1, :, :]
    every = jnp.pad(whole(slab, cut), [(0, 0)] * (u.ndim - 1) + [(1, 1), (0, 0), (0, 0)])
    return every.reshape(*u.shape[:-1], -1)


def own_row(u: Array, shape: Shape, cut: Cut) -> Array:
    """Row of a slab of `shape` with its end planes, of a row of the whole grid."""
    plane, lead = shape[1] * shape[2], [(0, 0)] * (u.ndim - 1)
    missing = _devices(cut) * shape[0] - cut.planes
    u = jnp.pad(u, [*lead, (0, missing * plane)])
    first = lax.axis_index(cut.axis) * shape[0] * plane
    return lax.dynamic_slice_in_dim(u, first, (shape[0] + 2) * plane, axis=-1)


def is_gathered(shape: Shape, cut: Cut, *, finest: bool) -> bool:
    """Whether every device keeps the whole of a multigrid level, not its slab alone.

    Args:
        shape: voxels (z, y, x) of a slab of the level.
        cut: slabs.
        finest: it is the finest level, however small.
    """
    halved = shape[0] % 2 == 0 and shape[0] > MIN_PLANES
    small = cut.planes * shape[1] * shape[2] <= SMALL_LEVEL
    return not halved or (small and not finest)


def refuse_periodic_z(periodic: tuple[int, ...]) -> None:
    """Refuses slabs of a grid that is periodic along z.

    Raises:
        ValueError: always then.
    """
    if -3 in periodic and current_cut() is not None:
        raise ValueError("a grid that is periodic along z is not cut into slabs: use one device")


def _devices(cut: Cut) -> int:
    return lax.axis_size(cut.axis)
