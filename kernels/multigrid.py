"""One multigrid V-cycle for c u - sum T (u_neighbour - u) = s, the preconditioner of every solve.

All levels keep the units of the finest one. The unknown is a stack of n fields that share the
conductances T and may be coupled in each voxel by an n x n matrix c. Odd sides are padded with one
empty plane. Prolongation leans on a neighbour only as far as the face to it conducts, so nothing
is carried through bone; restriction is its transpose, written as face fluxes so that sums are kept
exactly; both ends smooth with the same damped Jacobi sweep: the cycle is symmetric where c is.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.loop import computed_once
from tissue.kernels.stencil import AXES, Faces, Field, Fields, face_sum, flux_divergence, shift

DAMPING = 6 / 7  # of the Jacobi sweep: the optimum of the 7-point stencil
Coupling = Float[Array, "n n z y x"]
CoarseField = Float[Array, "cz cy cx"]
CoarseFields = Float[Array, "n cz cy cx"]
CoarseFaces = tuple[CoarseField, CoarseField, CoarseField]
CoarseCoupling = Float[Array, "n n cz cy cx"]


class Level(NamedTuple):
    """One grid of the hierarchy.

    Attributes:
        faces: conductances T.
        capacity: c, an n x n matrix in every voxel.
        smoother: DAMPING / (c + sum T), the inverse of the diagonal block.
        bridges: a quarter of the openness of every face [0, 1/4], the weights of prolongation.
    """

    faces: Faces
    capacity: Coupling
    smoother: Coupling
    bridges: Faces


def multiply(matrix: Coupling, u: Fields) -> Fields:
    """The n x n matrix of every voxel times the n values there."""
    return sum((matrix[:, j] * u[j] for j in range(matrix.shape[1])), start=jnp.zeros_like(u))


def residual(faces: Faces, capacity: Coupling, u: Fields, source: Fields) -> Fields:
    """What u leaves of the source."""
    return source - multiply(capacity, u) + flux_divergence(faces, u)


def _inverse(block: Coupling) -> Coupling:
    """Inverse of the 1 x 1 or 2 x 2 matrix of every voxel, zero in empty padding."""
    if block.shape[0] == 1:
        return jnp.where(block > 0, 1 / jnp.where(block > 0, block, 1), 0)
    (a, b), (c, d) = block
    determinant = a * d - b * c
    scale = jnp.where(determinant > 0, 1 / jnp.where(determinant > 0, determinant, 1), 0)
    return jnp.stack([jnp.stack([d, -b]), jnp.stack([-c, a])]) * scale


def _level(faces: Faces, capacity: Coupling, openness: float) -> Level:
    n = capacity.shape[0]
    diagonal = capacity + jnp.eye(n, dtype=capacity.dtype)[:, :, None, None, None] * face_sum(faces)
    bridges = tuple(0.25 * jnp.minimum(1, t * openness) for t in faces)
    return Level(faces, capacity, DAMPING * _inverse(diagonal), bridges)  # type: ignore[arg-type]


def _padded(u: Array) -> Array:
    """u with an empty plane at the end of every odd side."""
    return jnp.pad(u, [(0, 0)] * (u.ndim - 3) + [(0, n % 2) for n in u.shape[-3:]])


def _children(u: Array) -> dict[tuple[int, int, int], Array]:
    """The eight interleaved subgrids of u (even sides), by offset (z, y, x)."""
    u = _padded(u)
    n = u.shape[-3:]
    lead = (0,) * (u.ndim - 3), tuple(u.shape[:-3]), (1,) * (u.ndim - 3)
    return {
        (i, j, k): lax.slice(u, (*lead[0], i, j, k), (*lead[1], *n), (*lead[2], 2, 2, 2))
        for i in (0, 1)
        for j in (0, 1)
        for k in (0, 1)
    }


def _coarse_faces(faces: Faces) -> CoarseFaces:
    """Sum of four fine faces over 16: half the gradient, four areas, an eighth of the volume."""

    def coarsen(axis: int, conductance: Field) -> CoarseField:
        outer = [v for o, v in _children(conductance).items() if o[axis] == 1]
        return sum(outer[1:], start=outer[0]) / 16

    return tuple(coarsen(a, t) for a, t in zip(AXES, faces, strict=True))  # type: ignore[return-value]


def _coarse_capacity(capacity: Coupling) -> CoarseCoupling:
    child = list(_children(capacity).values())
    return sum(child[1:], start=child[0]) / 8


def hierarchy(faces: Faces, capacity: Coupling) -> tuple[Level, ...]:
    """All levels from the finest to a single voxel.

    Args:
        faces: conductance of every face, 1 for an open one (any units shared with capacity).
        capacity: loss in every voxel in the units of the faces, an n x n matrix with n = 1 or 2.
    """
    levels = [_level(faces, capacity, 1.0)]
    while max(levels[-1].capacity.shape[-3:]) > 1:
        faces = computed_once(_coarse_faces, levels[-1].faces)
        capacity = computed_once(_coarse_capacity, levels[-1].capacity)
        levels.append(_level(faces, capacity, 4.0 ** len(levels)))
    return tuple(levels)


def _restrict(coarse: Level, r: Fields) -> CoarseFields:
    child = _children(r)
    result = sum(child.values(), start=jnp.zeros_like(child[0, 0, 0]))
    for axis, bridge in zip(AXES, coarse.bridges, strict=True):
        near = sum(v for o, v in child.items() if o[axis] == 1)
        far = sum(v for o, v in child.items() if o[axis] == 0)
        flux = bridge * (shift(far, axis, 1) - near)  # type: ignore[arg-type]
        result = result + flux - shift(flux, axis, -1)
    return result / 8


def _prolong(coarse: Level, u: CoarseFields, shape: tuple[int, ...]) -> Fields:
    slopes = []
    for axis, bridge in zip(AXES, coarse.bridges, strict=True):
        flux = bridge * (shift(u, axis, 1) - u)
        slopes.append((-shift(flux, axis, -1), flux))
    n, (nz, ny, nx) = u.shape[0], u.shape[-3:]
    fine = u[:, :, None, :, None, :, None]
    for axis, (low, high) in zip((2, 4, 6), slopes, strict=True):
        both = jnp.stack([low, high], axis=-1)
        view = [n, nz, 1, ny, 1, nx, 1]
        view[axis] = 2
        order = [0, 1, 2, 3]
        order.insert(axis // 2 + 1, 4)
        fine = fine + both.transpose(order).reshape(view)
    fine = fine.reshape(n, 2 * nz, 2 * ny, 2 * nx)
    return fine[:, : shape[-3], : shape[-2], : shape[-1]]


def v_cycle(levels: tuple[Level, ...], source: Fields) -> Fields:
    """An approximate solution of the finest level's system from a zero start."""
    level, coarser = levels[0], levels[1:]
    if not coarser:  # a single voxel: exact
        return multiply(level.smoother, source) / DAMPING

    def descend(s: Array, smoother: Array) -> tuple[Array, Array]:
        u = computed_once(multiply, smoother, s)
        return u, computed_once(lambda v: residual(level.faces, level.capacity, v, s), u)

    u, left = descend(source, level.smoother)
    correction = v_cycle(coarser, computed_once(lambda r: _restrict(coarser[0], r), left))
    u = computed_once(lambda v, e: v + _prolong(coarser[0], e, v.shape), u, correction)
    return computed_once(
        lambda v: v + multiply(level.smoother, residual(level.faces, level.capacity, v, source)), u
    )
