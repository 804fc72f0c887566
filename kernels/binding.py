"""Two diffusing fields that consume each other one to one.

-div(D_a eps grad A) + loss_a A + bind A B = source_a, and the same for B: Newton's method, each
step solved by a truncated minimal-residual iteration (Orthomin) with one multigrid V-cycle of the
coupled pair as preconditioner. In (dA, -dB) the Jacobian is an M-matrix with positive column sums,
smoothed as 2 x 2 blocks, so strong binding costs no more than weak.

References:
    Vinsome 1976, SPE-5729 (Orthomin); Eisenstat & Walker 1996, SIAM J Sci Comput 17:16.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.loop import materialize, repeated_while
from tissue.kernels.multigrid import Level, hierarchy, residual, v_cycle
from tissue.kernels.stencil import (
    Axes,
    Field,
    Row,
    Rows,
    flux_divergence,
    harmonic_faces,
    harmonic_seams,
    inner_planes,
    laid_out,
    planes,
    total,
)

Scalar = Float[Array, ""] | float

MAX_NEWTON = 30
MAX_INNER = 8
FORCING = 0.05  # a Newton step is solved to this share of itself
BLINDNESS = 4.0  # times what a V-cycle sees of an error, at most: slow modes are hard to see
STALE = 0.03  # the Jacobian is built anew once the fields have gone this share of themselves
UNEVENNESS = 16.0  # where a field is small, a step is so much longer than its norm tells
SMALLEST = 0.1  # a Newton step leaves at least this share of a concentration


class PairSolution(NamedTuple):
    """Both fields [concentration], and the stats in V-cycles of the coupled pair."""

    a: Field
    b: Field
    stats: SolverStats


class Reactant(NamedTuple):
    """One of the two partners.

    Attributes:
        diffusivity: [um^2/day].
        rate: of its loss without the partner [1/day], the same everywhere or a field.
        source: [concentration/day], per volume of tissue.
        start: a positive guess [concentration].
    """

    diffusivity: Scalar
    rate: Field | Scalar
    source: Field
    start: Field


def _dots(x: Rows, y: Rows) -> Array:
    return jnp.stack([total(p * q) for p, q in zip(x, y, strict=True)])


def _norms(u: Rows) -> Array:
    return jnp.sqrt(_dots(u, u))


def _newton(
    levels: tuple[Level, ...], u: Rows, r: Rows, weight: Array, tolerance: Scalar
) -> tuple[Rows, Array, Array, Array]:
    """u after one Newton step against its residual r.

    Args:
        levels: hierarchy of the Jacobian in (da, -db).
        u: both fields, positive.
        r: what they leave of their sources.
        weight: of each field in the products of residuals.
        tolerance: relative L2 error.

    Returns:
        u, the length of the step relative to it, the relative error left in the step, V-cycles.
    """
    finest = levels[0]
    sizes, sign = _norms(u), jnp.asarray([[1], [-1]], u.dtype)

    def dot(x: Rows, y: Rows) -> Array:
        return jnp.sum(weight * _dots(x, y))

    def quotient(above: Array, below: Array) -> Array:
        return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0).astype(u.dtype)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, first, left, iteration = state
        # solved to what the next Newton step would leave anyway, its length squared
        goal = jnp.maximum(jnp.minimum(FORCING, first) * first, tolerance)
        return (iteration == 0) | ((left > goal) & (iteration < MAX_INNER))

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, a_p, size, length, first, _, iteration = state
        z = v_cycle(levels, r)
        left = BLINDNESS * jnp.max(_norms(z) / sizes)
        a_z = materialize(lambda z: -residual(finest, z, jnp.zeros_like(z)), z)
        turn = -quotient(dot(a_z, a_p), size)
        p, a_p = z + turn * p, a_z + turn * a_p
        size = dot(a_p, a_p)
        step = quotient(dot(r, a_p), size)
        length = length + jnp.abs(step) * jnp.max(_norms(p) / sizes)
        u = jnp.maximum(u + sign * (step * p), SMALLEST * u)
        first = jnp.where(iteration == 0, left, first)
        return u, r - step * a_p, p, a_p, size, length, first, left, iteration + 1

    nothing, zero = jnp.zeros_like(r), jnp.zeros((), sizes.dtype)
    unknown, none = jnp.full((), jnp.inf, sizes.dtype), jnp.zeros((), jnp.int32)
    start: tuple[Array, ...] = u, sign * r, nothing, nothing, zero, zero, unknown, unknown, none
    u, *_, length, _, left, cycles = repeated_while(unfinished, iterate, start)
    return u, length, left, cycles


def _balanced(u: Rows, made: Array, lost: Rows, bound: Row) -> Rows:
    """Both fields times a factor each that closes both budgets.

    Args:
        u: both fields.
        made: sum of the source of each.
        lost: rate of loss of each, times porosity.
        bound: rate constant of binding, times porosity.
    """
    lost_a, lost_b = _dots(lost, u)
    together = total(bound * u[0] * u[1])
    made_a, made_b = made
    # lost_b together y^2 + middle y - made_b lost_a = 0 for the factor y of b
    middle = lost_a * lost_b + together * (made_a - made_b)
    root = jnp.sqrt(middle**2 + 4 * lost_b * together * made_b * lost_a)
    y = 2 * made_b * lost_a / (middle + root)
    x = made_a / (lost_a + y * together)
    return u + u * (jnp.stack([x, y]) - 1)[:, None].astype(u.dtype)


@partial(jax.jit, static_argnames="periodic")
def binding_pair(
    porosity: Field,
    first: Reactant,
    second: Reactant,
    bind: Field | Scalar,
    *,
    spacing: Scalar,
    tolerance: Scalar,
    periodic: Axes = (),
) -> PairSolution:
    """Steady concentrations of two partners that bind one to one and are lost together.

    Args:
        porosity: eps in (0, 1].
        first: one partner.
        second: the other.
        bind: rate constant [1/(concentration day)], the same everywhere or a field.
        spacing: edge of a voxel [um].
        tolerance: relative L2 error of each field.
        periodic: axes along which the box meets itself; the other walls are closed.

    Returns:
        Both fields, positive, with sum(source) = sum(loss + binding) for each to rounding.
    """
    shape = porosity.shape
    faces, eps = laid_out((harmonic_faces(porosity), porosity))
    seams = harmonic_seams(porosity, periodic)
    source = laid_out(jnp.stack([first.source, second.source]))
    start = laid_out(jnp.stack([first.start, second.start]))
    rates = [rate if jnp.ndim(rate) == 0 else laid_out(rate) for rate in (first.rate, second.rate)]
    bind = bind if jnp.ndim(bind) == 0 else laid_out(bind)
    stiffness = jnp.stack([jnp.asarray(s.diffusivity, eps.dtype) for s in (first, second)])
    stiffness = stiffness[:, None] / spacing**2
    weight = 1 / jnp.maximum(_dots(source, source), np.finfo(source.dtype).tiny)
    weight = weight * stiffness[:, 0] ** 2

    def lost() -> Rows:
        return jnp.stack([(rate * eps).astype(eps.dtype) for rate in rates])

    def bound() -> Row:
        return (bind * eps).astype(eps.dtype)

    def jacobian(u: Rows) -> Array:
        (loss_a, loss_b), (per_a, per_b) = lost() / stiffness, bound() / stiffness
        return jnp.stack(
            [
                jnp.stack([loss_a + per_a * u[1], -per_a * u[0]]),
                jnp.stack([-per_b * u[1], loss_b + per_b * u[0]]),
            ]
        )

    def left_over(u: Rows) -> Rows:
        reaction = source - lost() * u - bound() * (u[0] * u[1])
        return reaction / stiffness + flux_divergence(faces, u, shape, seams)

    def unfinished(state: tuple[Array, ...]) -> Array:
        _, nonlinear, left, _, iteration, _ = state
        return (jnp.maximum(left, nonlinear) > tolerance) & (iteration < MAX_NEWTON)

    def with_new_jacobian(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, *_, iteration, cycles = state
        levels = hierarchy(faces, materialize(jacobian, u), shape, seams)

        def still_good(state: tuple[Array, ...]) -> Array:
            return unfinished(state) & (state[3] < STALE)

        def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
            u, _, _, drift, iteration, cycles = state
            r = materialize(left_over, u)
            u, step, left, spent = _newton(levels, u, r, weight, tolerance)
            drift = drift + step
            # the Jacobian is off by the way gone since it was built, this step included
            return u, UNEVENNESS * step * drift, left, drift, iteration + 1, cycles + spent

        fresh = u, infinite, infinite, jnp.zeros_like(infinite), iteration, cycles
        return repeated_while(still_good, iterate, fresh)

    infinite = jnp.full((), jnp.inf, weight.dtype)
    zero = jnp.zeros((), jnp.int32)
    state: tuple[Array, ...] = (start, infinite, infinite, infinite, zero, zero)
    u, nonlinear, left, *_, cycles = repeated_while(unfinished, with_new_jacobian, state)
    made = jnp.stack([total(first.source), total(second.source)])
    a, b = inner_planes(planes(_balanced(u, made, lost(), bound()), shape))
    return PairSolution(a, b, SolverStats(cycles, jnp.maximum(left, nonlinear)))
