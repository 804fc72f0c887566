"""Derivatives of screened diffusion against finite differences.

The shape is that of test_elliptic.py, so that the compiled solver is shared.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tissue.kernels.elliptic import screened_diffusion

SMALL = (4, 3, 50)
Fields = tuple[jax.Array, jax.Array, jax.Array]


def small_problem() -> tuple[Fields, Fields]:
    """Porosity, loss and source, and a direction in which to vary them."""
    rng = np.random.default_rng(7)
    eps = jnp.asarray(rng.uniform(0.05, 1, SMALL))
    point = (eps, eps * jnp.asarray(rng.uniform(0.5, 1.5, SMALL)), jnp.asarray(rng.random(SMALL)))
    return point, tuple(p * jnp.asarray(rng.normal(size=SMALL)) for p in point)  # type: ignore[return-value]


def observed(eps: jax.Array, loss: jax.Array, source: jax.Array) -> jax.Array:
    """Weighted sum of squares of the solution."""
    u, _ = screened_diffusion(
        eps, loss, source, jnp.zeros(SMALL), diffusivity=30.0, spacing=1.0, tolerance=1e-12
    )
    weight = jnp.asarray(np.random.default_rng(11).random(SMALL))
    return jnp.sum(weight * u**2)


def central(which: int, direction: Fields) -> float:
    """Central difference of `observed` along one field; its own error is below 1e-6."""
    point, _ = small_problem()
    step = 1e-5

    def at(sign: int) -> float:
        moved = list(point)
        moved[which] = moved[which] + sign * step * direction[which]
        return float(observed(*moved))

    return (at(1) - at(-1)) / (2 * step)


@pytest.mark.slow
def test_gradient_equals_finite_differences() -> None:
    point, direction = small_problem()
    gradient = jax.grad(observed, argnums=(0, 1, 2))(*point)
    for which in range(3):
        along = float(jnp.vdot(gradient[which], direction[which]))
        assert along == pytest.approx(central(which, direction), rel=1e-3)
        # one voxel, too: a sum over many could hide a wrong one
        only = tuple(jnp.zeros(SMALL).at[1, 2, 17].set(1.0) for _ in range(3))
        alone = float(gradient[which][1, 2, 17])
        assert alone == pytest.approx(central(which, only), rel=1e-3)  # type: ignore[arg-type]


@pytest.mark.slow
def test_forward_derivative_equals_finite_differences() -> None:
    point, direction = small_problem()
    _, derivative = jax.jvp(observed, point, direction)
    expected = sum(central(which, direction) for which in range(3))
    assert float(derivative) == pytest.approx(expected, rel=1e-3)
