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

from tissue.kernels.elliptic import Solution, solve
from tissue.kernels.loop import computed_once
from tissue.kernels.stencil import (
    AXES,
    Faces,
    Field,
    PlaneFaces,
    Planes,
    between_planes,
    harmonic_faces,
    inner_planes,
    shift,
)

Scalar = Float[Array, ""] | float


NEAR = 0.2  # half the difference of potentials below which a series is more exact than a quotient


def _fitted_faces(conductance: Field, potential: Field, boltzmann: Field) -> Faces:
    """Harmonic conductance times (psi_b - psi_a) / (exp(psi_b) - exp(psi_a)).

    With E = exp(-psi) at hand that is E_a E_b (psi_b - psi_a) / (E_a - E_b): no exponential a face.
    """

    def fit(axis: int, open_face: Field) -> Field:
        half = 0.5 * (shift(potential, axis, 1) - potential)
        there = shift(boltzmann, axis, 1)
        product, apart = boltzmann * there, boltzmann - there
        # x / sinh(x) by its series where the quotient would cancel
        series = 1 - half**2 / 6 + 7 * half**4 / 360 - 31 * half**6 / 15120
        near = jnp.abs(half) < NEAR
        quotient = product * 2 * half / jnp.where(near, 1, apart)
        return open_face * jnp.where(near, jnp.sqrt(product) * series, quotient)

    faces = harmonic_faces(conductance)
    return tuple(fit(a, t) for a, t in zip(AXES, faces, strict=True))  # type: ignore[return-value]


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
) -> Solution:
    """Density n with -div(eps mu D (grad n + n grad psi)) + loss n = source.

    An implicit Euler step from n0 over dt is this with loss + eps/dt and source + eps n0/dt.

    Args:
        porosity: eps > 0.
        mobility: mu, a factor on the whole flux [1].
        potential: psi, the drift potential over the diffusivity [1].
        loss: [1/time], per volume of tissue, positive somewhere.
        source: [density/time], per volume of tissue.
        start: a guess of the density.
        diffusivity: D [length^2/time].
        spacing: edge of a voxel [length].
        tolerance: relative error in the energy norm.

    Returns:
        The density, with sum(loss n) = sum(source) to rounding, and the effort.
    """
    scale = spacing**2 / diffusivity
    boltzmann, system = _symmetrised(porosity, mobility, potential, loss, source, start, scale)
    w, effort = solve(*system, tolerance)
    return _density(w, boltzmann), effort


@jax.jit
def _symmetrised(
    porosity: Field,
    mobility: Field | Scalar,
    potential: Field,
    loss: Field,
    source: Field,
    start: Field,
    scale: Scalar,
) -> tuple[Field, tuple[PlaneFaces, Planes, Planes, Planes]]:
    """exp(-psi), and faces, capacity, source and start of the system in w, between empty planes."""
    scale = jnp.asarray(scale, porosity.dtype)
    psi = potential - jnp.mean(potential)  # a constant drops out; exp stays near 1
    boltzmann = computed_once(lambda psi: jnp.exp(-psi), psi)
    faces = _fitted_faces(porosity * mobility, psi, boltzmann)
    system = faces, loss * boltzmann * scale, source * scale, start / boltzmann
    return boltzmann, jax.tree.map(between_planes, system)


@jax.jit
def _density(w: Planes, boltzmann: Field) -> Field:
    return inner_planes(w) * boltzmann
