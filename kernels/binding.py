"""Two diffusing fields that consume each other one to one.

-div(D_a eps grad A) + loss_a A + bind A B = source_a, and the same for B: Newton's method, each
step solved by a truncated minimal-residual iteration (Orthomin) with one multigrid V-cycle of the
coupled pair as preconditioner. In (dA, -dB) the Jacobian is an M-matrix with positive column sums,
smoothed as 2 x 2 blocks, so strong binding costs no more than weak.

References:
    Vinsome 1976, SPE-5729 (Orthomin); Eisenstat & Walker 1996, SIAM J Sci Comput 17:16.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from tissue.kernels.elliptic import Effort
from tissue.kernels.loop import computed_once, repeated_while
from tissue.kernels.multigrid import Level, hierarchy, residual, v_cycle
from tissue.kernels.stencil import (
    Field,
    Rows,
    Shape,
    flux_divergence,
    harmonic_faces,
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
STALE = 0.03  # a Newton step longer than this share of the fields asks for a new Jacobian
SMALLEST = 0.1  # a Newton step leaves at least this share of a concentration


class Pair(NamedTuple):
    """Both fields [concentration], and the effort in V-cycles of the coupled pair."""

    a: Field
    b: Field
    effort: Effort


class Species(NamedTuple):
    """One of the two partners.

    Attributes:
        diffusivity: [um^2/day].
        loss: rate times porosity without the partner [1/day], per volume of tissue.
        source: [concentration/day], per volume of tissue.
        start: a positive guess [concentration].
    """

    diffusivity: Scalar
    loss: Field
    source: Field
    start: Field


def _dots(x: Rows, y: Rows, shape: Shape) -> Array:
    return jnp.stack([total(planes(p * q, shape)) for p, q in zip(x, y, strict=True)])


def _norms(u: Rows, shape: Shape) -> Array:
    return jnp.sqrt(_dots(u, u, shape))


def _inner(
    levels: tuple[Level, ...], r: Rows, sizes: Array, weight: Array, tolerance: Scalar
) -> tuple[Rows, Array, Array]:
    """Correction for the residual r, the relative error left in it, and the V-cycles."""
    finest, shape = levels[0], levels[0].shape

    def dot(x: Rows, y: Rows) -> Array:
        return jnp.sum(weight * _dots(x, y, shape))

    def quotient(above: Array, below: Array) -> Array:
        return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0).astype(r.dtype)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, first, left, iteration = state
        unsolved = left > jnp.maximum(FORCING * first, tolerance)
        return (iteration == 0) | (unsolved & (iteration < MAX_INNER))

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        x, r, p, a_p, size, first, _, iteration = state
        z = v_cycle(levels, r)
        left = BLINDNESS * jnp.max(_norms(z, shape) / sizes)
        a_z = computed_once(lambda z: -residual(finest, z, jnp.zeros_like(z)), z)
        turn = -quotient(dot(a_z, a_p), size)
        p, a_p = z + turn * p, a_z + turn * a_p
        size = dot(a_p, a_p)
        step = quotient(dot(r, a_p), size)
        first = jnp.where(iteration == 0, left, first)
        return x + step * p, r - step * a_p, p, a_p, size, first, left, iteration + 1

    nothing, zero = jnp.zeros_like(r), jnp.zeros((), sizes.dtype)
    unknown, none = jnp.full((), jnp.inf, sizes.dtype), jnp.zeros((), jnp.int32)
    start: tuple[Array, ...] = (nothing, r, nothing, nothing, zero, unknown, unknown, none)
    x, *_, left, cycles = repeated_while(unfinished, iterate, start)
    return x, left, cycles


def _balanced(
    a: Field, b: Field, first: Species, second: Species, bind: Field
) -> tuple[Field, Field]:
    """Both fields times a factor each that closes both budgets."""
    lost_a, lost_b = total(first.loss * a), total(second.loss * b)
    bound = total(bind * a * b)
    made_a, made_b = total(first.source), total(second.source)
    # lost_b bound y^2 + middle y - made_b lost_a = 0 for the factor y of b
    middle = lost_a * lost_b + bound * (made_a - made_b)
    root = jnp.sqrt(middle**2 + 4 * lost_b * bound * made_b * lost_a)
    y = 2 * made_b * lost_a / (middle + root)
    x = made_a / (lost_a + y * bound)
    return a * x.astype(a.dtype), b * y.astype(b.dtype)


@jax.jit
def binding_pair(
    porosity: Field,
    first: Species,
    second: Species,
    bind: Field,
    *,
    spacing: Scalar,
    tolerance: Scalar,
) -> Pair:
    """Steady concentrations of two partners that bind one to one and are lost together.

    Args:
        porosity: eps in (0, 1].
        first: one partner.
        second: the other.
        bind: rate constant times porosity [1/(concentration day)], per volume of tissue.
        spacing: edge of a voxel [um].
        tolerance: relative L2 error of each field.

    Returns:
        Both fields, positive, with sum(source) = sum(loss + binding) for each to rounding.
    """
    shape = porosity.shape
    faces = laid_out(harmonic_faces(porosity))
    bound = laid_out(bind)
    scale = jnp.stack(
        [jnp.asarray(spacing**2 / s.diffusivity, porosity.dtype) for s in (first, second)]
    )[:, None]
    loss = scale * laid_out(jnp.stack([first.loss, second.loss]))
    source = scale * laid_out(jnp.stack([first.source, second.source]))
    start = laid_out(jnp.stack([first.start, second.start]))
    weight = 1 / jnp.maximum(_dots(source, source, shape), np.finfo(source.dtype).tiny)
    sign = jnp.asarray([1, -1], porosity.dtype)[:, None]

    def jacobian(u: Rows) -> Array:
        per_a, per_b = scale[0] * bound, scale[1] * bound
        return jnp.stack(
            [
                jnp.stack([loss[0] + per_a * u[1], -per_a * u[0]]),
                jnp.stack([-per_b * u[1], loss[1] + per_b * u[0]]),
            ]
        )

    def left_over(u: Rows) -> Rows:
        return source - loss * u - scale * (bound * u[0] * u[1]) + flux_divergence(faces, u, shape)

    def unfinished(state: tuple[Array, ...]) -> Array:
        _, step, left, iteration, _ = state
        # the error after a Newton step is quadratic in it
        return ((left > tolerance) | (step**2 > tolerance)) & (iteration < MAX_NEWTON)

    def with_new_jacobian(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, _, _, *counts = state
        levels = hierarchy(faces, computed_once(jacobian, u), shape)

        def still_good(state: tuple[Array, ...]) -> Array:
            return unfinished(state) & ((state[1] < STALE) | jnp.isinf(state[1]))

        def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
            u, _, _, iteration, cycles = state
            sizes, r = _norms(u, shape), computed_once(left_over, u)
            change, left, spent = _inner(levels, sign * r, sizes, weight, tolerance)
            step = jnp.max(_norms(change, shape) / sizes)
            u = jnp.maximum(u + sign * change, SMALLEST * u)
            return u, step, left, iteration + 1, cycles + spent

        return repeated_while(still_good, iterate, (u, infinite, infinite, *counts))

    infinite = jnp.full((), jnp.inf, weight.dtype)
    zero = jnp.zeros((), jnp.int32)
    state: tuple[Array, ...] = (start, infinite, infinite, zero, zero)
    u, step, left, _, cycles = repeated_while(unfinished, with_new_jacobian, state)
    effort = Effort(cycles, jnp.maximum(left, step**2))
    u = inner_planes(planes(u, shape))
    return Pair(*_balanced(u[0], u[1], first, second, bind), effort)
