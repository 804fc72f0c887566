"""Multigrid V-cycle for c u - sum T (u_neighbor - u) = s, the preconditioner of every solve.

All levels keep the units of the finest one. The unknown is a stack of n fields that share the
conductances T and may be coupled in each voxel by an n x n matrix c. Odd sides are padded with one
empty plane. Prolongation leans on a neighbor only as far as the face to it conducts, so nothing
is carried through bone; restriction is its transpose, written as face fluxes so that sums are kept
exactly; both ends smooth with the same damped Jacobi sweep: the cycle is symmetric where c is.

Fields are padded rows (see `stencil`); only the transfer between levels sees them as [z, y, x].

In slabs a V-cycle exchanges planes four times a level: it needs the source, the residual, the
corrected and the smoothed solution of neighboring slabs. Every device keeps the whole of small
levels, whose source is gathered once a cycle.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.loop import materialize
from tissue.kernels.stencil import (
    AXES,
    NO_PERIODIC_FACES,
    PeriodicFaces,
    RowFaces,
    Rows,
    Shape,
    face_sum,
    flatten,
    flux_divergence,
    neighbor,
    pad_z,
    shift_alone,
    unflatten,
    unpad_z,
)

DAMPING = 6 / 7  # of the Jacobi sweep: the optimum of the 7-point stencil
Coupling = Float[Array, "n n cells"]
CoarseRow = Float[Array, "coarse_cells"]
CoarseRows = Float[Array, "n coarse_cells"]
CoarseRowFaces = tuple[CoarseRow, CoarseRow, CoarseRow]
CoarseCoupling = Float[Array, "n n coarse_cells"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Level:
    """One grid of the hierarchy; all arrays are padded rows.

    Attributes:
        faces: conductances T.
        capacity: c, an n x n matrix in every voxel.
        smoother: DAMPING / (c + sum T), the inverse of the diagonal block.
        weights: prolongation weights of the faces, a quarter of the openness of each [0, 1/4].
        periodic_faces: conductances of the faces that close periodic axes; prolongation does not
            cross them.
        shape: voxels (z, y, x), in slabs those of one slab.
        cut: slabs of this level; None where every device has all of it.
        gathered: the next level is the same grid, whole on every device.
    """

    faces: RowFaces
    capacity: Coupling
    smoother: Coupling
    weights: RowFaces
    periodic_faces: PeriodicFaces
    shape: Shape = field(metadata={"static": True})
    cut: slabs.Cut | None = field(default=None, metadata={"static": True})
    gathered: bool = field(default=False, metadata={"static": True})


def multiply(matrix: Array, u: Array) -> Array:
    """Product of the matrix [n, n, ...] of every voxel and its n values [n, ...]."""
    n = len(u)
    if n == 1:
        return matrix[0] * u
    return jnp.stack([sum(matrix[i, j] * u[j] for j in range(n)) for i in range(n)])


@jax.jit  # traced once for every level
def residual(level: Level, u: Rows, source: Rows) -> Rows:
    """Residual s - c u + sum T (u_neighbor - u) on a level."""
    inflow = flux_divergence(level.faces, u, level.shape, level.periodic_faces)
    return source - multiply(level.capacity, u) + inflow


def _inverse(block: Coupling) -> Coupling:
    """Inverse of the 1 x 1 or 2 x 2 matrix of every voxel, zero in empty padding."""
    if block.shape[0] == 1:
        return jnp.where(block > 0, 1 / jnp.where(block > 0, block, 1), 0)
    (a, b), (c, d) = block
    determinant = a * d - b * c
    scale = jnp.where(determinant > 0, 1 / jnp.where(determinant > 0, determinant, 1), 0)
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) * scale


def _level(
    faces: RowFaces,
    capacity: Coupling,
    periodic_faces: PeriodicFaces,
    shape: Shape,
    inverse_open: float,  # one over the conductance of an open face
    cut: slabs.Cut | None,
) -> Level:
    def smoother(faces: RowFaces, capacity: Coupling, periodic_faces: PeriodicFaces) -> Coupling:
        unit = jnp.eye(capacity.shape[0], dtype=capacity.dtype)[:, :, None]
        return DAMPING * _inverse(capacity + unit * face_sum(faces, shape, periodic_faces))

    in_z, in_y, in_x = (0.25 * jnp.minimum(1, t * inverse_open) for t in faces)
    inverse = materialize(smoother, faces, capacity, periodic_faces)
    inverse = slabs.with_end_planes(inverse, shape, cut)
    return Level(faces, capacity, inverse, (in_z, in_y, in_x), periodic_faces, shape, cut)


def _coarse_shape(shape: Shape) -> Shape:
    return tuple((n + 1) // 2 for n in shape)


def _children(u: Array, shape: Shape) -> dict[tuple[int, int, int], Array]:
    """Eight interleaved subgrids of the voxels of a padded field, by offset (z, y, x).

    An odd side ends on zeros: along z on the empty plane that is there already.
    """
    coarse, lead = _coarse_shape(shape), u.ndim - 3
    u = jnp.pad(u, [(0, 0)] * (lead + 1) + [(0, n % 2) for n in shape[1:]])

    def child(offset: tuple[int, int, int]) -> Array:
        start = offset[0] + 1, offset[1], offset[2]
        end = (i + 2 * n - 1 for i, n in zip(start, coarse, strict=True))
        strides = (1,) * lead + (2, 2, 2)
        return lax.slice(u, (*(0,) * lead, *start), (*u.shape[:lead], *end), strides)

    return {(i, j, k): child((i, j, k)) for i in (0, 1) for j in (0, 1) for k in (0, 1)}


def _coarse_faces(faces: RowFaces, shape: Shape) -> CoarseRowFaces:
    """Sum of four fine faces over 16: half the gradient, four areas, an eighth of the volume."""

    def coarsen(axis: int, conductance: Array) -> Array:
        outer = [v for o, v in _children(conductance, shape).items() if o[axis] == 1]
        return pad_z(sum(outer[1:], start=outer[0]) / 16)

    def coarsen_all(*fine: Array) -> tuple[Array, ...]:
        return tuple(coarsen(axis, t) for axis, t in zip(AXES, fine, strict=True))

    coarse = materialize(coarsen_all, *(unflatten(t, shape) for t in faces))
    return tuple(flatten(t) for t in coarse)  # type: ignore[return-value]


def _coarse_periodic_faces(periodic_faces: PeriodicFaces, shape: Shape) -> PeriodicFaces:
    """Sums of four as in `_coarse_faces`; none on an axis of one coarse voxel, its own neighbor."""

    def coarsen(axis: int, conductance: Array | None) -> Array | None:
        if conductance is None or _coarse_shape(shape)[axis] == 1:
            return None
        window = tuple(1 if a == axis else 2 for a in AXES)
        odd = tuple((0, 0 if a == axis else n % 2) for a, n in zip(AXES, shape, strict=True))
        zero = np.zeros((), conductance.dtype)
        return lax.reduce_window(conductance, zero, lax.add, window, window, odd) / 16

    in_z, in_y, in_x = (coarsen(axis, t) for axis, t in zip(AXES, periodic_faces, strict=True))
    return in_z, in_y, in_x


def _coarse_capacity(capacity: Coupling, shape: Shape) -> CoarseCoupling:
    def coarsen(fine: Array) -> Array:
        child = list(_children(fine, shape).values())
        return pad_z(sum(child[1:], start=child[0]) / 8)

    return flatten(materialize(coarsen, unflatten(capacity, shape)))


def _gathered(level: Level, cut: slabs.Cut, inverse_open: float) -> Level:
    """A level in slabs as a whole, the same on every device."""

    def whole_row(u: Array) -> Array:
        return slabs.whole_row(u, level.shape, cut)

    in_z, in_y, in_x = (whole_row(t) for t in level.faces)
    periodic_faces = jax.tree.map(lambda t: slabs.whole(t, cut), level.periodic_faces)
    shape = (cut.planes, *level.shape[1:])
    capacity = whole_row(level.capacity)
    return _level((in_z, in_y, in_x), capacity, periodic_faces, shape, inverse_open, None)


def hierarchy(
    faces: RowFaces,
    capacity: Coupling,
    shape: Shape,
    periodic_faces: PeriodicFaces = NO_PERIODIC_FACES,
) -> tuple[Level, ...]:
    """All levels from the finest to a single voxel.

    Args:
        faces: conductance of every face, 1 for an open one (any units shared with capacity); in
            slabs those along z hold the planes of neighboring slabs.
        capacity: loss in every voxel in the units of the faces, an n x n matrix with n = 1 or 2.
        shape: voxels (z, y, x).
        periodic_faces: conductance of the faces that close periodic axes.
    """
    cut, inverse_open = slabs.current_cut(), 1.0
    levels = [_level(faces, capacity, periodic_faces, shape, inverse_open, cut)]
    while max(levels[-1].shape) > 1:
        fine = levels[-1]
        if cut and slabs.is_gathered(fine.shape, cut, finest=len(levels) == 1):
            levels[-1] = replace(fine, gathered=True)
            levels.append(_gathered(fine, cut, inverse_open))
            cut = None
            continue
        faces = _coarse_faces(fine.faces, fine.shape)
        periodic_faces = _coarse_periodic_faces(fine.periodic_faces, fine.shape)
        capacity = _coarse_capacity(fine.capacity, fine.shape)
        shape, inverse_open = _coarse_shape(fine.shape), 4.0 * inverse_open
        if cut:
            cut = cut._replace(planes=(cut.planes + 1) // 2)
            faces = (slabs.with_end_planes(faces[0], shape, cut), *faces[1:])
        levels.append(_level(faces, capacity, periodic_faces, shape, inverse_open, cut))
    return tuple(levels)


def _sum_of_four(plane: Array) -> Array:
    """Sums of 2 x 2 voxels of a plane; an odd side ends on zeros."""
    lead = [(0, 0)] * (plane.ndim - 2)
    plane = jnp.pad(plane, lead + [(0, n % 2) for n in plane.shape[-2:]])
    return sum(plane[..., j::2, k::2] for j in (0, 1) for k in (0, 1))  # type: ignore[return-value]


def restrict(coarse: Level, r: Rows, shape: Shape) -> CoarseRows:
    """Source on the level `coarse` from the residual r of the next finer one, of `shape`."""

    def gather(r: Array, *weights: Array) -> Array:
        child = _children(r, shape)
        result = sum(child.values(), start=jnp.zeros_like(child[0, 0, 0]))
        for axis, weight in zip(AXES, weights, strict=True):
            near = sum(v for o, v in child.items() if o[axis] == 1)
            far = sum(v for o, v in child.items() if o[axis] == 0)
            if coarse.cut and axis == -3:
                # also over the faces to the slabs below and above
                below, above = _sum_of_four(r[..., :1, :, :]), _sum_of_four(r[..., -1:, :, :])
                near, far = jnp.concatenate([below, near], -3), jnp.concatenate([far, above], -3)
                flux = weight[..., :-1, :, :] * (far - near)
                result = result + flux[..., 1:, :, :] - flux[..., :-1, :, :]
                continue
            flux = unpad_z(weight) * (shift_alone(far, axis, 1) - near)  # type: ignore[arg-type]
            result = result + flux - shift_alone(flux, axis, -1)
        return pad_z(result / 8)

    weights = (unflatten(w, coarse.shape) for w in coarse.weights)
    return flatten(materialize(gather, unflatten(r, shape), *weights))


def prolongation_terms(coarse: Level, u: CoarseRows) -> Array:
    """Terms of a prolongation [6, n, z, y, x]: for the lower and upper children along z, y and x.

    A child is the sum of three of them; the value of the parent itself goes with those along z.
    """

    def terms(u: Array, *weights: Array) -> Array:
        here = neighbor(u, coarse.shape, -1, 0)
        both = []
        for axis, weight in zip(AXES, weights, strict=True):
            base = here if axis == -3 else 0
            below = here - neighbor(u, coarse.shape, axis, -1)
            above = neighbor(u, coarse.shape, axis, 1) - here
            both.append(base - neighbor(weight, coarse.shape, axis, -1) * below)
            both.append(base + neighbor(weight, coarse.shape, axis, 0) * above)
        return jnp.stack(both)

    return materialize(terms, u, *coarse.weights).reshape(6, len(u), *coarse.shape)


def interleave(terms: Array, shape: Shape) -> Array:
    """Padded field of a level of `shape` from the terms of its prolongation."""
    n, nz, ny, nx = terms.shape[1:]
    z = terms[0:2].transpose(1, 2, 0, 3, 4)[:, :, :, :, None, :, None]
    y = terms[2:4].transpose(1, 2, 3, 0, 4)[:, :, None, :, :, :, None]
    x = terms[4:6].transpose(1, 2, 3, 4, 0)[:, :, None, :, None, :, :]
    fine = (z + y + x).reshape(n, 2 * nz, 2 * ny, 2 * nx)
    return pad_z(fine[:, : shape[0], : shape[1], : shape[2]])


def v_cycle(levels: tuple[Level, ...], source: Rows) -> Rows:
    """Approximate solution on the finest level after one V-cycle from zero."""
    level, coarser = levels[0], levels[1:]
    if not coarser:  # a single voxel: exact
        return multiply(level.smoother, source) / DAMPING
    if level.cut and level.gathered:
        solution = v_cycle(coarser, slabs.whole_row(source, level.shape, level.cut))
        return slabs.own_row(solution, level.shape, level.cut)
    fill_ends = partial(slabs.with_end_planes, shape=level.shape, cut=level.cut)
    source = fill_ends(source)

    def first_residual(smoother: Array, s: Array) -> Array:
        # the first sweep is cheaper recomputed at every neighbor than kept
        return residual(level, multiply(smoother, s), s)

    def corrected(smoother: Array, s: Array, terms: Array) -> Array:
        return multiply(smoother, s) + interleave(terms, level.shape)

    def last_sweep(u: Array, s: Array) -> Array:
        return u + multiply(level.smoother, residual(level, u, s))

    def in_memory(u: Array) -> Array:
        # written before its planes are sent: XLA would compute them twice, and with a pair run out
        # of registers, which costs more than reading the field again
        return fill_ends(lax.optimization_barrier(u) if level.cut else u)

    r = in_memory(materialize(first_residual, level.smoother, source))
    correction = v_cycle(coarser, restrict(coarser[0], r, level.shape))
    terms = prolongation_terms(coarser[0], correction)
    fields = (unflatten(u, level.shape) for u in (level.smoother, source))
    u = in_memory(flatten(materialize(corrected, *fields, terms)))
    return fill_ends(materialize(last_sweep, u, source))
