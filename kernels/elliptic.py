"""Steady screened diffusion -div(D eps grad u) + loss u = source through porous voxels.

Scaled by D / h^2 it reads c u - sum T (u_neighbor - u) = s with T the harmonic mean of the
porosity on a face, closed walls or periodic axes, c = loss h^2 / D and s = source h^2 / D: a
symmetric M-matrix. It is solved by conjugate gradients preconditioned with one multigrid V-cycle.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.loop import materialize
from tissue.kernels.multigrid import DAMPING, Level, hierarchy, multiply, residual, v_cycle
from tissue.kernels.programs import program
from tissue.kernels.stencil import (
    NO_PERIODIC_FACES,
    Axes,
    Field,
    PaddedFaces,
    PaddedField,
    PeriodicFaces,
    Rows,
    flatten,
    flux_divergence,
    harmonic_faces,
    harmonic_periodic_faces,
    pad_z,
    total,
    totals,
    unflatten,
    unpad_z,
)

Scalar = Float[Array, ""] | float

MAX_ITERATIONS = 200


class SolverStats(NamedTuple):
    """Iterations of a solver, and the error it ended with.

    Attributes:
        iterations: iterations, each one multigrid cycle where there is one.
        relative_error: estimated at the last of them, which has made it smaller still [1].
    """

    iterations: Array
    relative_error: Array


Solution = tuple[Field, SolverStats]


class LinearSystem(NamedTuple):
    """Discrete system c u - sum T (u_neighbor - u) = s; fields are padded, [z + 2, y, x].

    Attributes:
        faces: conductances T >= 0 of the faces.
        capacity: c >= 0 in every voxel, somewhere positive.
        source: s >= 0 in every voxel.
        start: initial guess of u, such as the solution of the step before.
        periodic_faces: conductances of the faces that close periodic axes.
    """

    faces: PaddedFaces
    capacity: PaddedField
    source: PaddedField
    start: PaddedField
    periodic_faces: PeriodicFaces = NO_PERIODIC_FACES


def _dot(x: Rows, y: Rows) -> Array:
    return total(x * y)


@jax.jit  # forward and adjoint solve are traced once
def _conjugate_gradients(
    levels: tuple[Level, ...], source: Rows, start: Rows, tolerance: Scalar
) -> tuple[Rows, SolverStats]:
    """Conjugate gradients until the estimated error is below `tolerance` in the energy norm.

    sqrt(r.Mr / u.s) estimates |error| / |u| in that norm: both products come free, where the norm
    of the residual has a floor of 1e-3 in float32 at long decay lengths. The V-cycle stands at the
    head of the loop, so that it is compiled once; one iteration is always done.
    """
    finest, in_slabs = levels[0], slabs.current_cut() is not None

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, r_z, energy, iteration = state
        return (r_z > tolerance**2 * jnp.abs(energy)) & (iteration < MAX_ITERATIONS)

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, r_z_before, energy, iteration = state
        z = v_cycle(levels, r)
        r_z = _dot(r, z)
        beta = jnp.where(iteration > 0, r_z / r_z_before, 0).astype(u.dtype)
        p = materialize(lambda z, p, b: z + b * p, z, p, beta)
        a_p = materialize(lambda p: -residual(finest, p, jnp.zeros_like(p)), p)
        # sums over slabs wait for each other: two of them in one message
        p_a_p, p_s = totals([p * a_p, p * source]) if in_slabs else (_dot(p, a_p), 0)
        alpha = jnp.where(p_a_p > 0, r_z / jnp.where(p_a_p > 0, p_a_p, 1), 0).astype(u.dtype)
        u, r = u + alpha * p, r - alpha * a_p
        energy = energy + alpha * p_s if in_slabs else _dot(u, source)
        return u, r, p, r_z, energy, iteration + 1

    r = materialize(lambda u: residual(finest, u, source), start)
    one = jnp.ones((), jnp.float64)
    # the first round is always done
    r_z, energy = (jnp.inf * one, _dot(start, source)) if in_slabs else (one, one * 0)
    state: tuple[Array, ...] = (start, r, jnp.zeros_like(r), r_z, energy, jnp.zeros((), jnp.int32))
    u, *_, r_z, energy, iterations = lax.while_loop(unfinished, iterate, state)
    # rounding may give either a negative sign where both are next to zero
    square = jnp.abs(r_z) / jnp.where(energy == 0, 1, jnp.abs(energy))
    return u, SolverStats(iterations, jnp.sqrt(square))


def _clip_and_balance(u: Rows, finest: Level, source: Rows) -> Rows:
    """u made non-negative and balanced: sum(c u) = sum(s) to rounding, error no worse.

    An unconverged CG iterate undershoots zero. It is clipped, half a Jacobi step restores what the
    clip disturbed, and one factor closes the budget.
    """
    u = materialize(lambda u: jnp.maximum(u, 0), u)
    half = 0.5 / DAMPING
    u = materialize(lambda u: u + half * multiply(finest.smoother, residual(finest, u, source)), u)
    loss = _dot(finest.capacity[0], u)
    excess = total(source) - loss
    change = jnp.where(loss > 0, excess / jnp.where(loss > 0, loss, 1), 0)
    # not times a rounded 1 + change: that would round every voxel the same way
    return u + u * change.astype(u.dtype)


@program
def solve(system: LinearSystem, tolerance: Scalar) -> tuple[PaddedField, SolverStats]:
    """Non-negative solution u of a linear system, and the stats of the solve.

    Differentiable in faces, capacity and source by the implicit function theorem, at the cost of
    one more solve; `start` and `tolerance` carry no derivative. Compiled apart from its callers:
    every field of a shape shares one program.

    Args:
        system: c u - sum T (u_neighbor - u) = s.
        tolerance: relative error in the energy norm.

    Returns:
        u, padded, with sum(c u) = sum(s) to rounding; and the stats.
    """
    shape = (system.source.shape[0] - 2, *system.source.shape[1:])
    system = _inside(system)
    in_z, in_y, in_x = system.faces
    cut, periodic_faces = slabs.current_cut(), system.periodic_faces
    faces = slabs.with_end_planes(flatten(in_z), shape, cut), flatten(in_y), flatten(in_x)
    capacity = flatten(system.capacity)
    source, start = flatten(system.source)[None], flatten(system.start)[None]
    start = slabs.with_end_planes(start, shape, cut)
    levels = lax.stop_gradient(hierarchy(faces, capacity[None, None], shape, periodic_faces))
    start, tolerance = lax.stop_gradient((start, tolerance))

    def operator(u: Rows) -> Rows:
        return capacity * u - flux_divergence(faces, u, shape, periodic_faces)

    def forward(_: object, s: Rows) -> tuple[Rows, SolverStats]:
        return _conjugate_gradients(levels, s, start, tolerance)

    def adjoint(_: object, s: Rows) -> tuple[Rows, SolverStats]:
        return _conjugate_gradients(levels, s, jnp.zeros_like(s), tolerance)

    u, stats = lax.custom_linear_solve(
        operator, source, forward, transpose_solve=adjoint, symmetric=True, has_aux=True
    )
    correction = lax.stop_gradient(_clip_and_balance(u, levels[0], source) - u)
    return unflatten(u + correction, shape)[0], stats


def _inside(system: LinearSystem) -> LinearSystem:
    """The system with zeros outside of the grid, where slabs reach beyond it."""
    if not slabs.reach_beyond(system.source.shape[0] - 2):
        return system
    in_z, in_y, in_x = system.faces
    padded = partial(slabs.only_inside, padding=1)
    return LinearSystem(
        (padded(in_z, beyond=1), padded(in_y), padded(in_x)),
        padded(system.capacity),
        padded(system.source),
        padded(system.start),
        jax.tree.map(slabs.only_inside, system.periodic_faces),
    )


# eight arguments: four fields of one equation, and by keyword what the grid and the solver need
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
    """Steady concentration at which diffusion through the pores balances loss and source.

    Args:
        porosity: eps in (0, 1], the fraction of a voxel that conducts, [z, y, x].
        loss: rate times porosity [1/day], per volume of tissue.
        source: [concentration/day], per volume of tissue.
        start: initial guess [concentration].
        diffusivity: D [um^2/day].
        spacing: edge of a voxel h [um].
        tolerance: relative error in the energy norm.
        periodic: periodic axes; the others end at closed walls.

    Returns:
        The concentration, never negative, with sum(loss u) = sum(source); and the stats.
    """
    lengths = spacing, diffusivity
    system = _scaled_system(porosity, loss, source, start, lengths, periodic)
    u, stats = solve(system, tolerance)
    return unpad_z(u), stats


@program(static_argnames="periodic")
def _scaled_system(  # six arguments, so that one program writes all fields of the system
    porosity: Field,
    loss: Field,
    source: Field,
    start: Field,
    lengths: tuple[Scalar, Scalar],
    periodic: Axes,
) -> LinearSystem:
    """System of `screened_diffusion` times h^2 / D; `lengths` are h and D."""
    spacing, diffusivity = lengths
    scale = jnp.asarray(spacing**2 / diffusivity, porosity.dtype)
    fields = harmonic_faces(porosity), loss * scale, source * scale, start
    faces, capacity, source, start = jax.tree.map(pad_z, fields)
    periodic_faces = harmonic_periodic_faces(porosity, periodic)
    return LinearSystem(faces, capacity, source, start, periodic_faces)
