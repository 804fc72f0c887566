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
from tissue.kernels.stencil import Field, Fields, flux_divergence, harmonic_faces, total

Scalar = Float[Array, ""] | float

MAX_NEWTON = 30
MAX_INNER = 8
FORCING = 0.05  # a Newton step is solved to this share of itself
BLINDNESS = 4.0  # times what a V-cycle sees of an error, at most: slow modes are hard to see
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


def _norms(u: Fields) -> Array:
    return jnp.sqrt(jnp.stack([total(f * f) for f in u]))


def _inner(
    levels: tuple[Level, ...], r: Fields, sizes: Array, weight: Array, tolerance: Scalar
) -> tuple[Fields, Array, Array]:
    """Correction for the residual r, the relative error left in it, and the V-cycles."""
    faces, capacity = levels[0].faces, levels[0].capacity

    def dot(x: Fields, y: Fields) -> Array:
        return jnp.sum(weight * jnp.stack([total(p * q) for p, q in zip(x, y, strict=True)]))

    def quotient(above: Array, below: Array) -> Array:
        return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0).astype(r.dtype)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, first, left, iteration = state
        unsolved = left > jnp.maximum(FORCING * first, tolerance)
        return (iteration == 0) | (unsolved & (iteration < MAX_INNER))

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        x, r, p, a_p, first, _, iteration = state
        z = v_cycle(levels, r)
        left = BLINDNESS * jnp.max(_norms(z) / sizes)
        a_z = computed_once(lambda z: -residual(faces, capacity, z, jnp.zeros_like(z)), z)
        turn = -quotient(dot(a_z, a_p), dot(a_p, a_p))
        p, a_p = z + turn * p, a_z + turn * a_p
        step = quotient(dot(r, a_p), dot(a_p, a_p))
        first = jnp.where(iteration == 0, left, first)
        return x + step * p, r - step * a_p, p, a_p, first, left, iteration + 1

    nothing = jnp.zeros_like(r)
    unknown, none = jnp.full((), jnp.inf, sizes.dtype), jnp.zeros((), jnp.int32)
    start: tuple[Array, ...] = (nothing, r, nothing, nothing, unknown, unknown, none)
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
    faces = harmonic_faces(porosity)
    scale = jnp.stack(
        [jnp.asarray(spacing**2 / s.diffusivity, porosity.dtype) for s in (first, second)]
    )[:, None, None, None]
    loss = scale * jnp.stack([first.loss, second.loss])
    source = scale * jnp.stack([first.source, second.source])
    weight = 1 / jnp.maximum(_norms(source) ** 2, np.finfo(source.dtype).tiny)
    sign = jnp.asarray([1, -1], porosity.dtype)[:, None, None, None]

    def jacobian(u: Fields) -> Array:
        per_a, per_b = scale[0] * bind, scale[1] * bind
        return jnp.stack(
            [
                jnp.stack([loss[0] + per_a * u[1], -per_a * u[0]]),
                jnp.stack([-per_b * u[1], loss[1] + per_b * u[0]]),
            ]
        )

    def unfinished(state: tuple[Array, ...]) -> Array:
        _, step, left, iteration, _ = state
        # the error after a Newton step is quadratic in it
        return ((left > tolerance) | (step**2 > tolerance)) & (iteration < MAX_NEWTON)

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, _, _, iteration, cycles = state
        levels, sizes = hierarchy(faces, jacobian(u)), _norms(u)
        r = source - loss * u - scale * (bind * u[0] * u[1]) + flux_divergence(faces, u)
        change, left, spent = _inner(levels, sign * r, sizes, weight, tolerance)
        step = jnp.max(_norms(change) / sizes)
        u = jnp.maximum(u + sign * change, SMALLEST * u)
        return u, step, left, iteration + 1, cycles + spent

    start = jnp.stack([first.start, second.start])
    infinite = jnp.full((), jnp.inf, weight.dtype)
    zero = jnp.zeros((), jnp.int32)
    state: tuple[Array, ...] = (start, infinite, infinite, zero, zero)
    u, step, left, _, cycles = repeated_while(unfinished, iterate, state)
    effort = Effort(cycles, jnp.maximum(left, step**2))
    return Pair(*_balanced(u[0], u[1], first, second, bind), effort)
