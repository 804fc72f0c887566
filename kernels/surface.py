"""Bone surface of a volume fraction phi in [0, 1]: its area, its motion, the cells that live on it.

One surface serves everything: cells are counted with the area of the same |grad phi| that moves
the bone (the two agree within 1 % on a partial-volume field). Box walls replicate the wall voxel;
along a periodic axis the first voxel follows the last.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.elliptic import SolverStats
from tissue.kernels.loop import materialize
from tissue.kernels.programs import program
from tissue.kernels.stencil import (
    AXES,
    Axes,
    Field,
    Fields,
    Rows,
    face_sum,
    flux_divergence,
    harmonic_faces,
    harmonic_periodic_faces,
    shift_alone,
    shift_replicate,
    to_padded_rows,
    total,
    totals,
    unflatten,
    unpad_z,
)

Scalar = Float[Array, ""] | float

MIN_SLOPE = 0.02  # |grad phi| h below this is noise of the image, not surface
COURANT = 0.3  # |v| dt / h of a sub-step; phi stays in [0, 1] below 1 / sqrt(3)
MAX_SUBSTEPS = 1000
MAX_ITERATIONS = 200  # of diffusion along a surface


def _root(square: Array) -> Array:
    """Square root whose derivative at 0 is 0: that of `jnp.sqrt` is infinite, and NaN times 0."""
    return jnp.where(square == 0, 0, jnp.sqrt(jnp.where(square == 0, 1, square)))


def specific_surface(phi: Field, spacing: Scalar, periodic: Axes = ()) -> Field:
    """Surface area per volume of tissue [1/spacing]: the central |grad phi|, unsmoothed.

    A smoothed gradient loses thin struts: a rod of radius 2 to 3 voxels keeps 0.87 to 0.93.
    """

    def difference(axis: int) -> Array:
        after, before = (shift_replicate(phi, axis, step, periodic) for step in (1, -1))
        return 0.5 * (after - before)

    in_z, in_y, in_x = (difference(axis) for axis in AXES)
    slope = _root(in_z**2 + in_y**2 + in_x**2)
    return jnp.where(slope > MIN_SLOPE, slope / spacing, 0)


@program(static_argnames="periodic")  # traced once
def godunov_slopes(phi: Field, spacing: Scalar, periodic: Axes = ()) -> tuple[Field, Field]:
    """Upwind |grad phi| [1/spacing] for a surface that (erodes, grows).

    References:
        Rouy & Tourin 1992, SIAM J Numer Anal 29:867.
    """
    erode, grow = jnp.zeros_like(phi), jnp.zeros_like(phi)
    for axis in AXES:
        up, down = (shift_replicate(phi, axis, step, periodic) for step in (1, -1))
        erode = erode + jnp.maximum(phi - jnp.minimum(up, down), 0) ** 2
        grow = grow + jnp.maximum(jnp.maximum(up, down) - phi, 0) ** 2
    return _root(erode) / spacing, _root(grow) / spacing


_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


@program(static_argnames="periodic")  # traced once
def _binomial(u: Field, periodic: Axes) -> Field:
    """[1, 4, 6, 4, 1] / 16 along each axis of the field, mirrored at walls.

    K2: self-adjoint, and it keeps the sum.
    """

    def extended(u: Array, axis: int) -> Array:
        n = u.shape[axis]
        outside = (n - 2, n - 1, 0, 1) if axis in periodic else (1, 0, n - 1, n - 2)
        two, one, last, after = (lax.slice_in_dim(u, i, i + 1, axis=axis) for i in outside)
        return jnp.concatenate([two, one, u, last, after], axis)

    def smoothed(u: Array, axis: int) -> Array:
        n = u.shape[axis] - 4
        return sum(w * lax.slice_in_dim(u, i, i + n, axis=axis) for i, w in enumerate(_BINOMIAL))  # type: ignore[return-value]

    slabs.refuse_periodic_z(periodic)
    cut = slabs.current_cut()
    for axis in AXES:
        # the ends are put on first: with a test for them in the inner loop it takes twice as long
        if cut and axis == -3:
            u = _extended_slab(u, cut)
        else:
            u = materialize(partial(extended, axis=axis), u)
        u = materialize(partial(smoothed, axis=axis), u)
    return u


def _extended_slab(u: Field, cut: slabs.Cut) -> Array:
    """Slab with two planes more on both sides; planes outside of the grid mirror those inside."""
    n = cut.planes
    place = slabs.places(u.shape[0], cut, margin=2)[:, None, None]
    u = slabs.thickened(u, 2, cut)
    for outside, mirrored in ((-1, 0), (-2, 1), (n, n - 1), (n + 1, n - 2)):
        u = jnp.where(place == outside, shift_alone(u, -3, mirrored - outside), u)
    return u


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exchange:
    """Exchange of amounts between a surface and the pore space near it.

    The band with surface reaches one or two voxels into the solid, where there is next to no pore
    space: surface equations read pore fields averaged over the pore space near by, and give back
    by the adjoint, so that what the surface takes is what the pores lose, to rounding.

    Attributes:
        porosity: pore space of every voxel, positive.
        smoothed_porosity: K2[porosity].
        surface: specific surface.
        periodic: periodic axes.
    """

    porosity: Field
    smoothed_porosity: Field
    surface: Field
    periodic: Axes = field(default=(), metadata={"static": True})

    def to_surface(self, density: Field) -> Field:
        """Average of a pore field over the pore space near by, defined in every voxel."""
        return _binomial(self.porosity * density, self.periodic) / self.smoothed_porosity

    def deposit(self, rate: Field) -> Field:
        """Rate per volume of a rate per area of surface: sum(deposit(S)) = sum(surface S)."""
        return self.spread(self.surface * rate)

    def spread(self, amount: Field) -> Field:
        """Amount of every voxel moved to the pore space near by; the sum is kept."""
        return self.porosity * _binomial(amount / self.smoothed_porosity, self.periodic)


def exchange(porosity: Field, surface: Field, periodic: Axes = ()) -> Exchange:
    """Exchange between pores (porosity, positive) and a surface (specific surface)."""
    return Exchange(porosity, _binomial(porosity, periodic), surface, periodic)


# eight arguments: what diffuses, on what, how far, and by keyword what the solver needs
def diffuse_along_surface(
    densities: Fields,
    surface: Field,
    diffusivities: Float[Array, " n"],
    spacing: Scalar,
    time: Scalar,
    *,
    tolerance: Scalar,
    periodic: Axes = (),
) -> tuple[Fields, SolverStats]:
    """Densities on the surface after diffusing along it for `time`, each number kept exactly.

    Implicit: a (n' - n) = time div(a D grad n') on faces with the harmonic mean of a, by
    conjugate gradients with a diagonal preconditioner (10 to 20 iterations). Voxels without
    surface keep their value.

    Args:
        densities: n fields [1/area].
        surface: specific surface a [1/length].
        diffusivities: D of each field [length^2/time].
        spacing: edge of a voxel [length].
        time: [time].
        tolerance: relative residual.
        periodic: periodic axes; the others end at closed walls.
    """
    tiny, shape, cut = np.finfo(surface.dtype).tiny, surface.shape, slabs.current_cut()
    surface, densities = slabs.only_inside(surface), slabs.only_inside(densities)
    stiffness = (diffusivities * time / spacing**2).astype(surface.dtype)[:, None]
    faces, area, before = to_padded_rows((harmonic_faces(surface), surface, densities))
    faces = slabs.with_end_planes(faces[0], shape, cut), *faces[1:]
    before = slabs.with_end_planes(before, shape, cut)
    periodic_faces = harmonic_periodic_faces(surface, periodic)
    mass = jnp.where(area > 0, area, 1)
    inverse_diagonal = 1 / (mass + stiffness * face_sum(faces, shape, periodic_faces))

    def dots(x: Rows, y: Rows) -> Array:
        x, y = slabs.without_end_planes(x, shape), slabs.without_end_planes(y, shape)
        products = totals([p * q for p, q in zip(x, y, strict=True)])
        return products.astype(x.dtype)[:, None]

    def numbers(u: Rows) -> Array:
        return totals([area * n for n in u])

    def balanced(u: Rows) -> Rows:
        """Scale each field so that its number on the surface is that of `before`."""
        wanted, found = numbers(before), numbers(u)
        change = jnp.where(found > 0, (wanted - found) / jnp.where(found > 0, found, 1), 0)
        return u + u * change.astype(u.dtype)[:, None]

    def residual(u: Rows, s: Rows) -> Rows:
        return s - mass * u + stiffness * flux_divergence(faces, u, shape, periodic_faces)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, r_z, iteration = state
        return jnp.any(r_z > goal) & (iteration < MAX_ITERATIONS)

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, r_z, iteration = state
        p = slabs.with_end_planes(p, shape, cut)
        a_p = materialize(lambda p: -residual(p, jnp.zeros_like(p)), p)
        alpha = r_z / jnp.maximum(dots(p, a_p), tiny)
        u, r = u + alpha * p, r - alpha * a_p
        r_z_after = dots(r, inverse_diagonal * r)
        p = inverse_diagonal * r + r_z_after / jnp.maximum(r_z, tiny) * p
        return u, r, p, r_z_after, iteration + 1

    source = mass * before
    goal = tolerance**2 * dots(source, inverse_diagonal * source)
    r = materialize(residual, before, source)
    r_z = dots(r, inverse_diagonal * r)
    start: tuple[Array, ...] = before, r, inverse_diagonal * r, r_z, jnp.zeros((), jnp.int32)
    after, _, _, r_z, iterations = lax.while_loop(unfinished, iterate, start)
    # an unconverged iterate may undershoot: clipped, and what the clip disturbed is smoothed
    after = jnp.maximum(after, 0)
    after = balanced(after + 0.5 * inverse_diagonal * residual(after, source))
    error = tolerance * jnp.sqrt(jnp.max(r_z / jnp.maximum(goal, tiny)))
    fields = unpad_z(unflatten(jnp.where(area > 0, after, before), shape))
    return fields, SolverStats(iterations, error)


class Motion(NamedTuple):
    """Moved surface, and the sums of what was eroded and grown.

    Attributes:
        phi: volume fraction after the motion.
        eroded: sum over voxels and sub-steps of |grad phi| times the eroding velocity times dt.
        grown: the same for the growing velocity; grown - eroded is the change of sum(phi).
    """

    phi: Field
    eroded: Array
    grown: Array


# six arguments: a bundle of two velocities and the length of a step would be taken apart at once
def move(
    phi: Field,
    eroding: Field,
    growing: Field,
    spacing: Scalar,
    time: Scalar,
    periodic: Axes = (),
) -> Motion:
    """Move a surface for `time` at the net velocity growing - eroding along its normal.

    One signed velocity: eroding and growing one after the other would smear bone into gray.
    Godunov's upwind slope keeps phi in [0, 1] without clipping.

    Args:
        phi: volume fraction in [0, 1].
        eroding: velocity into the solid >= 0 [length/time], defined in every voxel.
        growing: velocity out of the solid >= 0 [length/time].
        spacing: edge of a voxel [length].
        time: [time].
        periodic: periodic axes.
    """
    velocity = growing - eroding
    inward, outward = godunov_slopes(phi, spacing, periodic)
    speed = slabs.largest(jnp.where(inward + outward > 0, jnp.abs(velocity), 0))
    # a NaN gives one sub-step and shows in phi
    steps = jnp.clip(jnp.ceil(jnp.nan_to_num(speed * time / (COURANT * spacing))), 1, MAX_SUBSTEPS)
    dt = (time / steps).astype(phi.dtype)

    def euler(phi: Field) -> Motion:
        inward, outward = godunov_slopes(phi, spacing, periodic)
        slope = jnp.where(velocity > 0, outward, inward)
        moved = materialize(lambda p, s: p + dt * s * velocity, phi, slope)
        return Motion(moved, total(slope * eroding) * dt, total(slope * growing) * dt)

    def advance(_: Array, motion: Motion) -> Motion:
        # Heun: a mean of Euler steps, bounded like them; Euler alone smears less in long steps,
        # which the rest of a run would see as an error of the first order in time
        first = euler(motion.phi)
        second = euler(first.phi)
        return Motion(
            0.5 * (motion.phi + second.phi),
            motion.eroded + 0.5 * (first.eroded + second.eroded),
            motion.grown + 0.5 * (first.grown + second.grown),
        )

    zero = jnp.zeros((), total(phi).dtype)
    return lax.fori_loop(0, steps.astype(jnp.int32), advance, Motion(phi, zero, zero))
