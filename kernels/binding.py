"""Steady state of two diffusing solutes that bind each other one to one.

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
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.elliptic import SolverStats
from tissue.kernels.loop import materialize
from tissue.kernels.multigrid import Level, hierarchy, residual, v_cycle
from tissue.kernels.programs import program
from tissue.kernels.stencil import (
    Axes,
    Field,
    Row,
    Rows,
    Shape,
    flux_divergence,
    harmonic_faces,
    harmonic_periodic_faces,
    to_padded_rows,
    total,
    totals,
    unflatten,
    unpad_z,
)

Scalar = Float[Array, ""] | float

MAX_NEWTON_STEPS = 30
MAX_INNER_ITERATIONS = 8  # Orthomin iterations in a Newton step
NEWTON_FORCING_TERM = 0.05  # Eisenstat-Walker eta: relative error left in a Newton step, at most
ERROR_SAFETY = 4.0  # error over its estimate by a V-cycle, at most: slow modes are hard to see
JACOBIAN_REUSE_DRIFT = 0.03  # relative change of the fields up to which a Jacobian is kept
LOCAL_NORM_RATIO = 16.0  # relative step where a field is small over that in its L2 norm
MIN_KEPT_FRACTION = 0.1  # of a concentration that is left after a Newton step


class PairSolution(NamedTuple):
    """Concentrations of both partners [z, y, x], and the stats in V-cycles of the pair."""

    a: Field
    b: Field
    stats: SolverStats


class Reactant(NamedTuple):
    """One of the two solutes that bind each other.

    Attributes:
        diffusivity: D [um^2/day].
        rate: rate constant of loss without the partner [1/day], a number or a field.
        source: [concentration/day], per volume of tissue.
        start: positive initial guess [concentration].
    """

    diffusivity: Scalar
    rate: Field | Scalar
    source: Field
    start: Field


def _dots(x: Rows, y: Rows) -> Array:
    return totals([p * q for p, q in zip(x, y, strict=True)])


def _norms(u: Rows, shape: Shape) -> Array:
    u = slabs.without_end_planes(u, shape)
    return jnp.sqrt(_dots(u, u))


def _newton_step(
    levels: tuple[Level, ...], u: Rows, r: Rows, weight: Array, tolerance: Scalar
) -> tuple[Rows, Array, Array, Array]:
    """One Newton step from u with its residual r.

    Args:
        levels: hierarchy of the Jacobian in (da, -db).
        u: both fields, positive.
        r: residual of both fields.
        weight: factor of each field in the inner product of residuals.
        tolerance: relative L2 error.

    Returns:
        u after the step, length of the step relative to u, relative error left in it, V-cycles.
    """
    finest = levels[0]
    norms, sign = _norms(u, finest.shape), jnp.asarray([[1], [-1]], u.dtype)

    def dot(x: Rows, y: Rows) -> Array:
        return jnp.sum(weight * _dots(x, y))

    def quotient(above: Array, below: Array) -> Array:
        return jnp.where(below > 0, above / jnp.where(below > 0, below, 1), 0).astype(u.dtype)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, first_error, error, iteration = state
        # the next Newton step would leave the square of the length of this one anyway
        goal = jnp.minimum(NEWTON_FORCING_TERM, first_error) * first_error
        goal = jnp.maximum(goal, tolerance)
        return (iteration == 0) | ((error > goal) & (iteration < MAX_INNER_ITERATIONS))

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, a_p, square, length, first_error, _, iteration = state
        z = v_cycle(levels, r)
        error = ERROR_SAFETY * jnp.max(_norms(z, finest.shape) / norms)
        a_z = materialize(lambda z: -residual(finest, z, jnp.zeros_like(z)), z)
        beta = -quotient(dot(a_z, a_p), square)
        p, a_p = z + beta * p, a_z + beta * a_p
        square = dot(a_p, a_p)
        alpha = quotient(dot(r, a_p), square)
        length = length + jnp.abs(alpha) * jnp.max(_norms(p, finest.shape) / norms)
        u = jnp.maximum(u + sign * (alpha * p), MIN_KEPT_FRACTION * u)
        first_error = jnp.where(iteration == 0, error, first_error)
        return u, r - alpha * a_p, p, a_p, square, length, first_error, error, iteration + 1

    empty, zero = jnp.zeros_like(r), jnp.zeros((), norms.dtype)
    infinite, none = jnp.full((), jnp.inf, norms.dtype), jnp.zeros((), jnp.int32)
    start: tuple[Array, ...] = u, sign * r, empty, empty, zero, zero, infinite, infinite, none
    u, *_, length, _, error, iterations = lax.while_loop(unfinished, iterate, start)
    return u, length, error, iterations


def _close_budgets(u: Rows, sources: Array, loss: Rows, binding: Row) -> Rows:
    """Both fields, each times the factor that closes the two budgets together.

    Args:
        u: both fields.
        sources: sum of the source of each.
        loss: rate constant of the loss of each, times porosity.
        binding: rate constant of binding, times porosity.
    """
    lost_a, lost_b = _dots(loss, u)
    bound = total(binding * u[0] * u[1])
    source_a, source_b = sources
    # lost_b bound y^2 + linear y - source_b lost_a = 0 for the factor y of b
    linear = lost_a * lost_b + bound * (source_a - source_b)
    root = jnp.sqrt(linear**2 + 4 * lost_b * bound * source_b * lost_a)
    y = 2 * source_b * lost_a / (linear + root)
    x = source_a / (lost_a + y * bound)
    return u + u * (jnp.stack([x, y]) - 1)[:, None].astype(u.dtype)


def _inside(u: Field | Scalar) -> Field | Scalar:
    """A field with zeros where slabs reach beyond the grid; a number as it is."""
    return slabs.only_inside(jnp.asarray(u)) if jnp.ndim(u) else u


@program(static_argnames="periodic")
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
    """Steady concentrations of two solutes that bind one to one and are lost together.

    Args:
        porosity: eps in (0, 1], [z, y, x].
        first: one partner.
        second: the other.
        bind: rate constant [1/(concentration day)], a number or a field.
        spacing: edge of a voxel [um].
        tolerance: relative L2 error of each field.
        periodic: periodic axes; the others end at closed walls.

    Returns:
        Both fields, positive, with sum(source) = sum(loss + binding) for each to rounding.
    """
    shape, cut = porosity.shape, slabs.current_cut()
    porosity, first, second, bind = jax.tree.map(_inside, (porosity, first, second, bind))
    faces, eps = to_padded_rows((harmonic_faces(porosity), porosity))
    faces = slabs.with_end_planes(faces[0], shape, cut), *faces[1:]
    periodic_faces = harmonic_periodic_faces(porosity, periodic)
    source = to_padded_rows(jnp.stack([first.source, second.source]))
    start = to_padded_rows(jnp.stack([first.start, second.start]))
    start = slabs.with_end_planes(start, shape, cut)
    rates = [r if jnp.ndim(r) == 0 else to_padded_rows(r) for r in (first.rate, second.rate)]
    bind = bind if jnp.ndim(bind) == 0 else to_padded_rows(bind)
    stiffness = jnp.stack([jnp.asarray(s.diffusivity, eps.dtype) for s in (first, second)])
    stiffness = stiffness[:, None] / spacing**2
    weight = 1 / jnp.maximum(_dots(source, source), np.finfo(source.dtype).tiny)
    weight = weight * stiffness[:, 0] ** 2

    def loss() -> Rows:
        return jnp.stack([(rate * eps).astype(eps.dtype) for rate in rates])

    def binding() -> Row:
        return (bind * eps).astype(eps.dtype)

    def jacobian(u: Rows) -> Array:
        (loss_a, loss_b), (bind_a, bind_b) = loss() / stiffness, binding() / stiffness
        return jnp.stack(
            [
                jnp.stack([loss_a + bind_a * u[1], -bind_a * u[0]]),
                jnp.stack([-bind_b * u[1], loss_b + bind_b * u[0]]),
            ]
        )

    def newton_residual(u: Rows) -> Rows:
        reaction = source - loss() * u - binding() * (u[0] * u[1])
        return reaction / stiffness + flux_divergence(faces, u, shape, periodic_faces)

    def unfinished(state: tuple[Array, ...]) -> Array:
        _, nonlinear, error, _, step, _ = state
        return (jnp.maximum(error, nonlinear) > tolerance) & (step < MAX_NEWTON_STEPS)

    def with_new_jacobian(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, *_, step, iterations = state
        levels = hierarchy(faces, materialize(jacobian, u), shape, periodic_faces)

        def still_good(state: tuple[Array, ...]) -> Array:
            return unfinished(state) & (state[3] < JACOBIAN_REUSE_DRIFT)

        def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
            u, _, _, drift, step, iterations = state
            r = materialize(newton_residual, u)
            u, length, error, cycles = _newton_step(levels, u, r, weight, tolerance)
            drift = drift + length
            # the Jacobian is off by the change since it was built, this step included
            nonlinear = LOCAL_NORM_RATIO * length * drift
            return u, nonlinear, error, drift, step + 1, iterations + cycles

        fresh = u, infinite, infinite, jnp.zeros_like(infinite), step, iterations
        return lax.while_loop(still_good, iterate, fresh)

    infinite = jnp.full((), jnp.inf, weight.dtype)
    zero = jnp.zeros((), jnp.int32)
    state: tuple[Array, ...] = (start, infinite, infinite, infinite, zero, zero)
    u, nonlinear, error, *_, iterations = lax.while_loop(unfinished, with_new_jacobian, state)
    sources = totals([first.source, second.source])
    a, b = unpad_z(unflatten(_close_budgets(u, sources, loss(), binding()), shape))
    return PairSolution(a, b, SolverStats(iterations, jnp.maximum(error, nonlinear)))
