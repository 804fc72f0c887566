"""One implicit step of a density that diffuses and drifts through pore space.

A drift down the gradient of a potential, flux -D (grad n + n grad psi), is -D exp(-psi) grad w with
w = n exp(psi) (the Slotboom variable). In w the step is again screened diffusion: symmetric,
positive at any drift, conservative, and exact for the equilibrium n exp(psi) = const, so that the
multigrid solver of `elliptic` serves unchanged. Faces are exponentially fitted.

References:
    Scharfetter & Gummel 1969, IEEE Trans Electron Devices 16:64.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from tissue.kernels import slabs
from tissue.kernels.elliptic import LinearSystem, Solution, solve
from tissue.kernels.loop import materialize
from tissue.kernels.programs import program
from tissue.kernels.stencil import (
    AXES,
    Axes,
    Faces,
    Field,
    PaddedField,
    PeriodicFaces,
    at_periodic_faces,
    harmonic,
    pad_z,
    shift,
    unpad_z,
)

Scalar = Float[Array, ""] | float

SERIES_LIMIT = 0.2  # half the difference of potentials below which a series is the more exact


# six arguments: three fields in the two voxels of a face, as `at_periodic_faces` passes them
def _fitted(eps_a: Array, eps_b: Array, psi_a: Array, psi_b: Array, a: Array, b: Array) -> Array:
    """Harmonic conductance of a face times (psi_b - psi_a) / (exp(psi_b) - exp(psi_a)).

    With a = exp(-psi_a) and b at hand that is a b (psi_b - psi_a) / (a - b): no exponential a face.
    """
    half = 0.5 * (psi_b - psi_a)
    product, difference = a * b, a - b
    # x / sinh(x) by its series where the quotient would cancel
    series = 1 - half**2 / 6 + 7 * half**4 / 360 - 31 * half**6 / 15120
    near = jnp.abs(half) < SERIES_LIMIT
    quotient = product * 2 * half / jnp.where(near, 1, difference)
    return harmonic(eps_a, eps_b) * jnp.where(near, jnp.sqrt(product) * series, quotient)


def fitted_faces(
    conductance: Field, potential: Field, boltzmann: Field, periodic: Axes
) -> tuple[Faces, PeriodicFaces]:
    """Conductances of all faces, exponentially fitted to a potential.

    Args:
        conductance: of the voxels [z, y, x].
        potential: [1].
        boltzmann: exp(-potential).
        periodic: axes along which the box is periodic.
    """
    fields = conductance, potential, boltzmann

    def faces(axis: int) -> Field:
        return _fitted(*(value for u in fields for value in (u, shift(u, axis, 1))))

    in_z, in_y, in_x = (faces(axis) for axis in AXES)
    return (in_z, in_y, in_x), at_periodic_faces(_fitted, periodic, *fields)


# ten arguments: the six fields of one equation, and by keyword what the grid and the solver need
def drift_diffusion(
    porosity: Field,
    mobility: Field | Scalar,
    potential: Field,
    loss: Field,
    source: Field,
    start: Field,
    *,
    diffusivity: Scalar,
    spacing: Scalar,
    tolerance: Scalar,
    periodic: Axes = (),
) -> Solution:
    """Density n with -div(eps mu D (grad n + n grad psi)) + loss n = source.

    An implicit Euler step from n0 over dt is this with loss + eps/dt and source + eps n0/dt.

    Args:
        porosity: eps > 0, [z, y, x].
        mobility: mu, a factor on the whole flux [1].
        potential: psi, the drift potential over the diffusivity [1].
        loss: [1/time], per volume of tissue, positive somewhere.
        source: [density/time], per volume of tissue.
        start: initial guess of the density.
        diffusivity: D [length^2/time].
        spacing: edge of a voxel [length].
        tolerance: relative error in the energy norm.
        periodic: periodic axes; the others end at closed walls.

    Returns:
        The density, with sum(loss n) = sum(source) to rounding, and the stats.
    """
    lengths = spacing, diffusivity
    boltzmann, system = _symmetrized(
        porosity, mobility, potential, loss, source, start, lengths, periodic
    )
    w, stats = solve(system, tolerance)
    return _density(w, boltzmann), stats


@program(static_argnames="periodic")
def _symmetrized(  # eight arguments, so that one program writes all fields of the system
    porosity: Field,
    mobility: Field | Scalar,
    potential: Field,
    loss: Field,
    source: Field,
    start: Field,
    lengths: tuple[Scalar, Scalar],
    periodic: Axes,
) -> tuple[Field, LinearSystem]:
    """Boltzmann factor exp(-psi), and the system in w times h^2 / D; `lengths` are h and D."""
    spacing, diffusivity = lengths
    scale = jnp.asarray(spacing**2 / diffusivity, porosity.dtype)
    psi = potential - slabs.mean(potential)  # a constant drops out; exp stays near 1
    boltzmann = materialize(lambda psi: jnp.exp(-psi), psi)
    faces, periodic_faces = fitted_faces(porosity * mobility, psi, boltzmann, periodic)
    fields = faces, loss * boltzmann * scale, source * scale, start / boltzmann
    padded_faces, capacity, source, start = jax.tree.map(pad_z, fields)
    return boltzmann, LinearSystem(padded_faces, capacity, source, start, periodic_faces)


@program
def _density(w: PaddedField, boltzmann: Field) -> Field:
    return unpad_z(w) * boltzmann
