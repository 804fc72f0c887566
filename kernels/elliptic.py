"""Steady screened diffusion -div(D eps grad u) + loss u = source through porous voxels.

Scaled by D / h^2 it reads c u - sum T (u_neighbor - u) = s with T the harmonic mean of the
porosity on a face, closed walls or a periodic box, c = loss h^2 / D and s = source h^2 / D: a
symmetric M-matrix. It is solved by conjugate gradients preconditioned with one multigrid V-cycle.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.loop import materialize, repeated_while
from tissue.kernels.multigrid import DAMPING, Level, hierarchy, multiply, residual, v_cycle
from tissue.kernels.stencil import (
    WALLS,
    Axes,
    Field,
    PlaneFaces,
    Planes,
    Rows,
    Seams,
    between_planes,
    flux_divergence,
    harmonic_faces,
    harmonic_seams,
    inner_planes,
    planes,
    row,
    total,
)

Scalar = Float[Array, ""] | float

MAX_ITERATIONS = 200


class SolverStats(NamedTuple):
    """What an iteration took, and how well it ended.

    Attributes:
        iterations: iterations, each one multigrid cycle where there is one.
        relative_error: estimated at the last of them, which has made it smaller still [1].
    """

    iterations: Array
    relative_error: Array


Solution = tuple[Field, SolverStats]


def wall(porosity: Field, axis: int, side: int) -> Field:
    """Conductance of one wall of the box to a value held on it, zero in every other voxel.

    Add it to the capacity, and its product with the held value to the source; the value sits on
    the wall itself, half a voxel from the first centers.

    Args:
        porosity: [z, y, x].
        axis: 0, 1 or 2.
        side: 0 for the lower wall, -1 for the upper.
    """
    plane = tuple(slice(None) if a != axis else side for a in range(3))
    return jnp.zeros_like(porosity).at[plane].set(2 * porosity[plane])


def _dot(x: Rows, y: Rows) -> Array:
    return total(x * y)


def _conjugate_gradients(
    levels: tuple[Level, ...], source: Rows, start: Rows, tolerance: Scalar
) -> tuple[Rows, SolverStats]:
    """CG from `start` until the estimated error is below `tolerance` in the energy norm.

    sqrt(r.Mr / u.s) estimates |error| / |u| in that norm: both products come free, where the norm
    of the residual has a floor of 1e-3 in float32 at long decay lengths. The V-cycle stands at the
    head of the loop, so that it is compiled once; one iteration is always done.
    """
    finest = levels[0]

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, r_z, energy, iteration = state
        return (r_z > tolerance**2 * jnp.abs(energy)) & (iteration < MAX_ITERATIONS)

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, old, _, iteration = state
        z = v_cycle(levels, r)
        r_z = _dot(r, z)
        p = materialize(
            lambda z, p, b: z + b * p, z, p, jnp.where(iteration > 0, r_z / old, 0).astype(u.dtype)
        )
        a_p = materialize(lambda p: -residual(finest, p, jnp.zeros_like(p)), p)
        p_a_p = _dot(p, a_p)
        step = jnp.where(p_a_p > 0, r_z / jnp.where(p_a_p > 0, p_a_p, 1), 0).astype(u.dtype)
        u, r = u + step * p, r - step * a_p
        return u, r, p, r_z, _dot(u, source), iteration + 1

    r = materialize(lambda u: residual(finest, u, source), start)
    one = jnp.ones((), jnp.float64)
    state: tuple[Array, ...] = (start, r, jnp.zeros_like(r), one, one * 0, jnp.zeros((), jnp.int32))
    u, *_, r_z, energy, iterations = repeated_while(unfinished, iterate, state)
    # rounding may turn the sign of what is nothing
    share = jnp.abs(r_z) / jnp.where(energy == 0, 1, jnp.abs(energy))
    return u, SolverStats(iterations, jnp.sqrt(share))


def _finished(u: Rows, finest: Level, source: Rows) -> Rows:
    """u made non-negative and balanced: sum(c u) = sum(s) to rounding, error no worse.

    An unconverged CG iterate undershoots zero. It is clipped, half a Jacobi step restores what the
    clip disturbed, and one factor closes the budget.
    """
    u = materialize(lambda u: jnp.maximum(u, 0), u)
    share = 0.5 / DAMPING
    u = materialize(lambda u: u + share * multiply(finest.smoother, residual(finest, u, source)), u)
    lost = _dot(finest.capacity[0], u)
    made = total(source)
    more = jnp.where(lost > 0, (made - lost) / jnp.where(lost > 0, lost, 1), 0)
    # not times a rounded 1 + more: that would round every voxel the same way
    return u + u * more.astype(u.dtype)


@jax.jit
def solve(
    faces: PlaneFaces,
    capacity: Planes,
    source: Planes,
    start: Planes,
    tolerance: Scalar,
    seams: Seams = WALLS,
) -> tuple[Planes, SolverStats]:
    """The non-negative u with c u - sum T (u_neighbor - u) = s, and the stats it took.

    Differentiable in faces, capacity and source by the implicit function theorem, at the cost of
    one more solve; `start` and `tolerance` carry no derivative. Compiled apart from its callers:
    every field of a shape shares one program. All fields lie between empty planes, [z + 2, y, x].

    Args:
        faces: conductances T >= 0 of the faces.
        capacity: c >= 0 in every voxel, somewhere positive.
        source: s >= 0 in every voxel.
        start: a guess, such as the solution of the step before.
        tolerance: relative error in the energy norm.
        seams: conductances where a periodic box meets itself.
    """
    shape = (source.shape[0] - 2, *source.shape[1:])
    in_z, in_y, in_x = faces
    conductances = row(in_z), row(in_y), row(in_x)
    capacity, source, start = row(capacity), row(source)[None], row(start)[None]
    levels = lax.stop_gradient(hierarchy(conductances, capacity[None, None], shape, seams))
    start, tolerance = lax.stop_gradient((start, tolerance))

    def operator(u: Rows) -> Rows:
        return capacity * u - flux_divergence(conductances, u, shape, seams)

    def forward(_: object, s: Rows) -> tuple[Rows, SolverStats]:
        return _conjugate_gradients(levels, s, start, tolerance)

    def adjoint(_: object, s: Rows) -> tuple[Rows, SolverStats]:
        return _conjugate_gradients(levels, s, jnp.zeros_like(s), tolerance)

    u, stats = lax.custom_linear_solve(
        operator, source, forward, transpose_solve=adjoint, symmetric=True, has_aux=True
    )
    mended = lax.stop_gradient(_finished(u, levels[0], source) - u)
    return planes(u + mended, shape)[0], stats


def screened_diffusion(
    porosity: Field,
    loss: Field,
    source: Field,
    start: Field,
    *,
    diffusivity: Scalar,
    spacing: Scalar,
    tolerance: Scalar = 1e-4,
    periodic: Axes = (),
) -> Solution:
    """Steady concentration where diffusion through the pores meets loss and source.

    Args:
        porosity: eps in (0, 1], the share of a voxel that conducts.
        loss: rate times porosity [1/day], per volume of tissue.
        source: [concentration/day], per volume of tissue.
        start: a guess [concentration].
        diffusivity: D [um^2/day].
        spacing: edge of a voxel h [um].
        tolerance: relative error in the energy norm.
        periodic: axes along which the box meets itself; the other walls are closed.

    Returns:
        The concentration, never negative, with sum(loss u) = sum(source); and the stats.
    """
    scale = spacing**2 / diffusivity
    system, seams = _scaled(porosity, loss, source, start, scale, periodic)
    u, stats = solve(*system, tolerance, seams)
    return inner_planes(u), stats


@partial(jax.jit, static_argnames="periodic")
def _scaled(
    porosity: Field, loss: Field, source: Field, start: Field, scale: Scalar, periodic: Axes
) -> tuple[tuple[PlaneFaces, Planes, Planes, Planes], Seams]:
    """Faces, capacity, source and start of the scaled system, between empty planes; and seams."""
    scale = jnp.asarray(scale, porosity.dtype)
    system = harmonic_faces(porosity), loss * scale, source * scale, start
    return jax.tree.map(between_planes, system), harmonic_seams(porosity, periodic)
