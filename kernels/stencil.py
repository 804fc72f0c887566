"""Nearest-neighbour arithmetic on [z, y, x] arrays with closed walls.

Every function works on the last three axes, so that fields stacked on leading axes share one pass.
Shifts are `lax.pad` with negative padding: it fuses into one kernel on every backend, where
`jnp.roll` and `jnp.pad(mode="edge")` do not.
"""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

Field = Float[Array, "z y x"]
Fields = Float[Array, "n z y x"]
Faces = tuple[Field, Field, Field]
"""One array an axis; element i belongs to the face between voxels i and i + 1 (the last is 0)."""

AXES = (-3, -2, -1)


def total(values: Array) -> Array:
    """Sum of all elements, accumulated in float64."""
    return jnp.sum(values, dtype=jnp.float64)


def shift(u: Array, axis: int, step: int) -> Array:
    """Element i of the result is element i + step of u, and zero outside the box."""
    widths = [(0, 0, 0)] * u.ndim
    widths[axis] = (-step, step, 0)
    return lax.pad(u, jnp.zeros((), u.dtype), widths)


def shift_replicate(u: Array, axis: int, step: int) -> Array:
    """As `shift` by one voxel (step +1 or -1), but the wall voxel stands in for what is outside."""
    index = lax.broadcasted_iota(jnp.int32, u.shape, u.ndim + axis)
    edge = u.shape[axis] - 1 if step > 0 else 0
    return jnp.where(index == edge, u, shift(u, axis, step))


def harmonic_faces(porosity: Field) -> Faces:
    """Conductance of every face: the harmonic mean of its two voxels, zero on the outer walls.

    With one impermeable side the face is impermeable, so nothing diffuses through thin bone.
    """

    def faces(axis: int) -> Array:
        other = shift(porosity, axis, 1)
        both = porosity + other
        return jnp.where(both > 0, 2 * porosity * other / jnp.where(both > 0, both, 1), 0)

    return faces(-3), faces(-2), faces(-1)


def flux_divergence(faces: Faces, u: Array) -> Array:
    """Net inflow sum over faces of T (u_neighbour - u), in the units of T u.

    Written with differences: a diagonal times u minus the neighbours loses small decay rates to
    rounding in float32.
    """
    inflow = jnp.zeros_like(u)
    for axis, conductance in zip(AXES, faces, strict=True):
        flux = conductance * (shift(u, axis, 1) - u)
        inflow = inflow + flux - shift(flux, axis, -1)
    return inflow


def face_sum(faces: Faces) -> Field:
    """Sum of the conductances of the six faces of every voxel."""
    return sum((t + shift(t, axis, -1) for axis, t in zip(AXES, faces, strict=True)), start=0.0)  # type: ignore[return-value]
