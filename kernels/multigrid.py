"""One multigrid V-cycle for c u - sum T (u_neighbor - u) = s, the preconditioner of every solve.

All levels keep the units of the finest one. The unknown is a stack of n fields that share the
conductances T and may be coupled in each voxel by an n x n matrix c. Odd sides are padded with one
empty plane. Prolongation leans on a neighbor only as far as the face to it conducts, so nothing
is carried through bone; restriction is its transpose, written as face fluxes so that sums are kept
exactly; both ends smooth with the same damped Jacobi sweep: the cycle is symmetric where c is.

Fields lie as rows (see `stencil`); only the passage between levels sees them as [z, y, x].
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.loop import materialize
from tissue.kernels.stencil import (
    AXES,
    WALLS,
    RowFaces,
    Rows,
    Seams,
    Shape,
    beside,
    between_planes,
    face_sum,
    flux_divergence,
    inner_planes,
    planes,
    row,
    shift,
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
    """One grid of the hierarchy; all arrays are rows.

    Attributes:
        faces: conductances T.
        capacity: c, an n x n matrix in every voxel.
        smoother: DAMPING / (c + sum T), the inverse of the diagonal block.
        bridges: a quarter of the openness of every face [0, 1/4], the weights of prolongation.
        seams: conductances where a periodic box meets itself; prolongation does not cross them.
        shape: voxels (z, y, x).
    """

    faces: RowFaces
    capacity: Coupling
    smoother: Coupling
    bridges: RowFaces
    seams: Seams
    shape: Shape = field(metadata={"static": True})


def multiply(matrix: Array, u: Array) -> Array:
    """The matrix [n, n, ...] of every voxel times the n values [n, ...] there."""
    n = len(u)
    if n == 1:
        return matrix[0] * u
    return jnp.stack([sum(matrix[i, j] * u[j] for j in range(n)) for i in range(n)])


def residual(level: Level, u: Rows, source: Rows) -> Rows:
    """What u leaves of the source."""
    inflow = flux_divergence(level.faces, u, level.shape, level.seams)
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
    faces: RowFaces, capacity: Coupling, seams: Seams, shape: Shape, openness: float
) -> Level:
    def smoother(faces: RowFaces, capacity: Coupling, seams: Seams) -> Coupling:
        unit = jnp.eye(capacity.shape[0], dtype=capacity.dtype)[:, :, None]
        return DAMPING * _inverse(capacity + unit * face_sum(faces, shape, seams))

    in_z, in_y, in_x = (0.25 * jnp.minimum(1, t * openness) for t in faces)
    inverse = materialize(smoother, faces, capacity, seams)
    return Level(faces, capacity, inverse, (in_z, in_y, in_x), seams, shape)


def _halved(shape: Shape) -> Shape:
    return tuple((n + 1) // 2 for n in shape)


def _children(u: Array, shape: Shape) -> dict[tuple[int, int, int], Array]:
    """The eight interleaved subgrids of the voxels between the planes u, by offset (z, y, x).

    An odd side ends on zeros: along z on the empty plane that is there already.
    """
    coarse, lead = _halved(shape), u.ndim - 3
    u = jnp.pad(u, [(0, 0)] * (lead + 1) + [(0, n % 2) for n in shape[1:]])

    def child(offset: tuple[int, int, int]) -> Array:
        start = offset[0] + 1, offset[1], offset[2]
        end = tuple(i + 2 * n - 1 for i, n in zip(start, coarse, strict=True))
        whole = (0,) * lead, tuple(u.shape[:lead]), (1,) * lead
        return lax.slice(u, (*whole[0], *start), (*whole[1], *end), (*whole[2], 2, 2, 2))

    return {(i, j, k): child((i, j, k)) for i in (0, 1) for j in (0, 1) for k in (0, 1)}


def _coarse_faces(faces: RowFaces, shape: Shape) -> CoarseRowFaces:
    """Sum of four fine faces over 16: half the gradient, four areas, an eighth of the volume."""

    def coarsen(axis: int, conductance: Array) -> Array:
        outer = [v for o, v in _children(conductance, shape).items() if o[axis] == 1]
        return between_planes(sum(outer[1:], start=outer[0]) / 16)

    def coarsen_all(*fine: Array) -> tuple[Array, ...]:
        return tuple(coarsen(axis, t) for axis, t in zip(AXES, fine, strict=True))

    coarse = materialize(coarsen_all, *(planes(t, shape) for t in faces))
    return tuple(row(t) for t in coarse)  # type: ignore[return-value]


def _coarse_seams(seams: Seams, shape: Shape) -> Seams:
    """As `_coarse_faces`; a single coarse voxel meets itself, and nothing flows."""

    def coarsen(axis: int, conductance: Array | None) -> Array | None:
        if conductance is None or _halved(shape)[axis] == 1:
            return None
        window = tuple(1 if a == axis else 2 for a in AXES)
        odd = tuple((0, 0 if a == axis else n % 2) for a, n in zip(AXES, shape, strict=True))
        nothing = np.zeros((), conductance.dtype)
        return lax.reduce_window(conductance, nothing, lax.add, window, window, odd) / 16

    in_z, in_y, in_x = (coarsen(axis, t) for axis, t in zip(AXES, seams, strict=True))
    return in_z, in_y, in_x


def _coarse_capacity(capacity: Coupling, shape: Shape) -> CoarseCoupling:
    def coarsen(fine: Array) -> Array:
        child = list(_children(fine, shape).values())
        return between_planes(sum(child[1:], start=child[0]) / 8)

    return row(materialize(coarsen, planes(capacity, shape)))


def hierarchy(
    faces: RowFaces, capacity: Coupling, shape: Shape, seams: Seams = WALLS
) -> tuple[Level, ...]:
    """All levels from the finest to a single voxel.

    Args:
        faces: conductance of every face, 1 for an open one (any units shared with capacity).
        capacity: loss in every voxel in the units of the faces, an n x n matrix with n = 1 or 2.
        shape: voxels (z, y, x).
        seams: conductance of every seam, where the box is periodic.
    """
    levels = [_level(faces, capacity, seams, shape, 1.0)]
    while max(shape) > 1:
        faces, seams = _coarse_faces(faces, shape), _coarse_seams(seams, shape)
        capacity = _coarse_capacity(capacity, shape)
        shape = _halved(shape)
        levels.append(_level(faces, capacity, seams, shape, 4.0 ** len(levels)))
    return tuple(levels)


def restrict(coarse: Level, r: Rows, shape: Shape) -> CoarseRows:
    """The residual of a level of `shape` as the source of the next coarser one."""

    def gather(r: Array, *bridges: Array) -> Array:
        child = _children(r, shape)
        result = sum(child.values(), start=jnp.zeros_like(child[0, 0, 0]))
        for axis, bridge in zip(AXES, bridges, strict=True):
            near = sum(v for o, v in child.items() if o[axis] == 1)
            far = sum(v for o, v in child.items() if o[axis] == 0)
            flux = inner_planes(bridge) * (shift(far, axis, 1) - near)  # type: ignore[arg-type]
            result = result + flux - shift(flux, axis, -1)
        return between_planes(result / 8)

    bridges = (planes(b, coarse.shape) for b in coarse.bridges)
    return row(materialize(gather, planes(r, shape), *bridges))


def prolong(coarse: Level, u: CoarseRows, shape: Shape) -> Rows:
    """A correction on the next coarser level, carried to the level of `shape`."""
    return row(materialize(lambda parts: _interleaved(parts, shape), _parts(coarse, u)))


def _parts(coarse: Level, u: Rows) -> Array:
    """What a parent gives its children: [6, n, z, y, x], lower and upper along z, y and x.

    A child is the sum of three of them; the value of the parent itself goes with those along z.
    """

    def parts(u: Array, *bridges: Array) -> Array:
        here = beside(u, coarse.shape, -1, 0)
        both = []
        for axis, bridge in zip(AXES, bridges, strict=True):
            base = here if axis == -3 else 0
            below = here - beside(u, coarse.shape, axis, -1)
            above = beside(u, coarse.shape, axis, 1) - here
            both.append(base - beside(bridge, coarse.shape, axis, -1) * below)
            both.append(base + beside(bridge, coarse.shape, axis, 0) * above)
        return jnp.stack(both)

    return materialize(parts, u, *coarse.bridges).reshape(6, len(u), *coarse.shape)


def _interleaved(parts: Array, shape: Shape) -> Array:
    """All children of all parents, as planes of a level of `shape`."""
    n, nz, ny, nx = parts.shape[1:]
    z = parts[0:2].transpose(1, 2, 0, 3, 4)[:, :, :, :, None, :, None]
    y = parts[2:4].transpose(1, 2, 3, 0, 4)[:, :, None, :, :, :, None]
    x = parts[4:6].transpose(1, 2, 3, 4, 0)[:, :, None, :, None, :, :]
    fine = (z + y + x).reshape(n, 2 * nz, 2 * ny, 2 * nx)
    return between_planes(fine[:, : shape[0], : shape[1], : shape[2]])


def v_cycle(levels: tuple[Level, ...], source: Rows) -> Rows:
    """An approximate solution of the finest level's system from a zero start."""
    level, coarser = levels[0], levels[1:]
    if not coarser:  # a single voxel: exact
        return multiply(level.smoother, source) / DAMPING

    def first_residual(smoother: Array, s: Array) -> Array:
        # the first sweep is cheaper made anew at every neighbor than kept
        return residual(level, multiply(smoother, s), s)

    def corrected(smoother: Array, s: Array, parts: Array) -> Array:
        return multiply(smoother, s) + _interleaved(parts, level.shape)

    def last_sweep(u: Array, s: Array) -> Array:
        return u + multiply(level.smoother, residual(level, u, s))

    left = materialize(first_residual, level.smoother, source)
    correction = v_cycle(coarser, restrict(coarser[0], left, level.shape))
    parts = _parts(coarser[0], correction)
    seen = planes(level.smoother, level.shape), planes(source, level.shape)
    u = row(materialize(corrected, *seen, parts))
    return materialize(last_sweep, u, source)
