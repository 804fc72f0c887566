"""A surface carried by a volume fraction phi in [0, 1]: its area, its motion, what lives on it.

One surface serves everything: cells are counted with the area of the same |grad phi| that moves
the bone (the two agree within 1 % on a partial-volume field). Box walls replicate the wall voxel;
along a periodic axis the last voxel meets the first.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.loop import materialize, repeated_while
from tissue.kernels.stencil import (
    AXES,
    Axes,
    Field,
    Fields,
    Rows,
    face_sum,
    flux_divergence,
    harmonic_faces,
    harmonic_seams,
    inner_planes,
    laid_out,
    planes,
    shift_replicate,
    total,
)

Scalar = Float[Array, ""] | float

SPECKLE = 0.02  # |grad phi| h below this is noise of the image, not surface
COURANT = 0.3  # |v| dt / h of a sub-step; phi stays in [0, 1] below 1 / sqrt(3)
MAX_SUBSTEPS = 1000


def specific_surface(phi: Field, spacing: Scalar, periodic: Axes = ()) -> Field:
    """Area of surface in a unit of volume [1/spacing]: the central |grad phi|, unsmoothed.

    A smoothed gradient loses thin struts: a rod of radius 2 to 3 voxels keeps 0.87 to 0.93.
    """

    def difference(axis: int) -> Array:
        after, before = (shift_replicate(phi, axis, step, periodic) for step in (1, -1))
        return 0.5 * (after - before)

    squares = sum(difference(axis) ** 2 for axis in AXES)
    slope = jnp.sqrt(squares)
    return jnp.where(slope > SPECKLE, slope / spacing, 0)


def godunov_slopes(phi: Field, spacing: Scalar, periodic: Axes = ()) -> tuple[Field, Field]:
    """|grad phi| [1/spacing] as seen by a surface that (erodes, grows).

    References:
        Rouy & Tourin 1992, SIAM J Numer Anal 29:867.
    """
    erode, grow = jnp.zeros_like(phi), jnp.zeros_like(phi)
    for axis in AXES:
        up, down = (shift_replicate(phi, axis, step, periodic) for step in (1, -1))
        erode = erode + jnp.maximum(phi - jnp.minimum(up, down), 0) ** 2
        grow = grow + jnp.maximum(jnp.maximum(up, down) - phi, 0) ** 2
    return jnp.sqrt(erode) / spacing, jnp.sqrt(grow) / spacing


_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


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

    for axis in AXES:
        # the ends are put on first: with a test for them in the inner loop it takes twice as long
        u = materialize(partial(extended, axis=axis), u)
        u = materialize(partial(smoothed, axis=axis), u)
    return u


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Exchange:
    """How the surface sees the pores beside it, and what it returns to them.

    The band with surface reaches one or two voxels into the solid, where there is next to no pore
    space: surface equations read pore fields averaged over the pore space near by, and give back
    by the adjoint, so that what the surface takes is what the pores lose, to rounding.

    Attributes:
        porosity: pore space of every voxel, positive.
        smoothed_porosity: K2[porosity].
        surface: specific surface.
        periodic: axes along which the box meets itself.
    """

    porosity: Field
    smoothed_porosity: Field
    surface: Field
    periodic: Axes = field(default=(), metadata={"static": True})

    def to_surface(self, density: Field) -> Field:
        """Average of a pore field over the pore space near by, defined in every voxel."""
        return _binomial(self.porosity * density, self.periodic) / self.smoothed_porosity

    def deposit(self, rate: Field) -> Field:
        """A rate per area of surface as a rate per volume: sum(deposit(S)) = sum(surface S)."""
        return self.spread(self.surface * rate)

    def spread(self, amount: Field) -> Field:
        """An amount in every voxel, moved to the pore space near by; the sum is kept."""
        return self.porosity * _binomial(amount / self.smoothed_porosity, self.periodic)


def exchange(porosity: Field, surface: Field, periodic: Axes = ()) -> Exchange:
    """The exchange between pores (porosity, positive) and a surface (specific surface)."""
    return Exchange(porosity, _binomial(porosity, periodic), surface, periodic)


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
        periodic: axes along which the box meets itself; the other walls are closed.
    """
    tiny, shape = np.finfo(surface.dtype).tiny, surface.shape
    reach = (diffusivities * time / spacing**2).astype(surface.dtype)[:, None]
    faces, area, before = laid_out((harmonic_faces(surface), surface, densities))
    seams = harmonic_seams(surface, periodic)
    storage = jnp.where(area > 0, area, 1)
    weight = 1 / (storage + reach * face_sum(faces, shape, seams))

    def dots(x: Rows, y: Rows) -> Array:
        products = jnp.stack([total(p * q) for p, q in zip(x, y, strict=True)])
        return products.astype(x.dtype)[:, None]

    def numbers(u: Rows) -> Array:
        return jnp.stack([total(area * n) for n in u])

    def kept(u: Rows) -> Rows:
        """u times a factor each that restores the number on the surface."""
        wanted, got = numbers(before), numbers(u)
        more = jnp.where(got > 0, (wanted - got) / jnp.where(got > 0, got, 1), 0)
        return u + u * more.astype(u.dtype)[:, None]

    def left(u: Rows, s: Rows) -> Rows:
        return s - storage * u + reach * flux_divergence(faces, u, shape, seams)

    def unfinished(state: tuple[Array, ...]) -> Array:
        *_, r_z, iteration = state
        return jnp.any(r_z > goal) & (iteration < 200)

    def iterate(state: tuple[Array, ...]) -> tuple[Array, ...]:
        u, r, p, r_z, iteration = state
        a_p = materialize(lambda p: -left(p, jnp.zeros_like(p)), p)
        step = r_z / jnp.maximum(dots(p, a_p), tiny)
        u, r = u + step * p, r - step * a_p
        new = dots(r, weight * r)
        p = weight * r + new / jnp.maximum(r_z, tiny) * p
        return u, r, p, new, iteration + 1

    source = storage * before
    goal = tolerance**2 * dots(source, weight * source)
    r = materialize(left, before, source)
    r_z = dots(r, weight * r)
    first: tuple[Array, ...] = before, r, weight * r, r_z, jnp.zeros((), jnp.int32)
    spread, _, _, r_z, iterations = repeated_while(unfinished, iterate, first)
    # an unconverged iterate may undershoot: clipped, and what the clip disturbed is smoothed
    spread = jnp.maximum(spread, 0)
    spread = kept(spread + 0.5 * weight * left(spread, source))
    error = tolerance * jnp.sqrt(jnp.max(r_z / jnp.maximum(goal, tiny)))
    settled = inner_planes(planes(jnp.where(area > 0, spread, before), shape))
    return settled, SolverStats(iterations, error)


class Motion(NamedTuple):
    """A moved surface and its account.

    Attributes:
        phi: the volume fraction afterwards.
        eroded: sum over voxels and sub-steps of |grad phi| times the eroding velocity times dt.
        grown: the same for the growing velocity; grown - eroded is the change of sum(phi).
    """

    phi: Field
    eroded: Array
    grown: Array


def move(
    phi: Field,
    eroding: Field,
    growing: Field,
    spacing: Scalar,
    time: Scalar,
    periodic: Axes = (),
) -> Motion:
    """The surface after moving for `time` at the net velocity growing - eroding along its normal.

    One signed velocity: eroding and growing one after the other would smear bone into gray.
    Godunov's upwind slope keeps phi in [0, 1] without clipping.

    Args:
        phi: volume fraction in [0, 1].
        eroding: velocity into the solid >= 0 [length/time], defined in every voxel.
        growing: velocity out of the solid >= 0 [length/time].
        spacing: edge of a voxel [length].
        time: [time].
        periodic: axes along which the box meets itself.
    """
    velocity = growing - eroding
    inward, outward = godunov_slopes(phi, spacing, periodic)
    speed = jnp.max(jnp.where(inward + outward > 0, jnp.abs(velocity), 0))
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
