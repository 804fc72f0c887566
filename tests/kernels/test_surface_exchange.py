"""Exchange of the surface with the pores, and diffusion along it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

from tissue.kernels.surface import diffuse_along_surface, exchange, specific_surface

Volume = npt.NDArray[np.float64]
SHAPE = (6, 7, 5)


class Exchanged(NamedTuple):
    """Pores near a surface, a rate on it, a field in the pores, and the results of the exchange."""

    porosity: Volume
    surface: Volume
    rate: Volume
    field: Volume
    at_surface: Volume
    deposited: Volume
    spread: Volume


@pytest.fixture(scope="module")
def exchanged() -> Exchanged:
    rng = np.random.default_rng(5)
    phi = np.clip(rng.uniform(-1, 2, SHAPE), 0, 1)  # much of it exactly 0 and 1
    rate, field = jnp.asarray(rng.random((2, *SHAPE)))
    porosity = jnp.maximum(1 - phi, 1e-3)
    # an area of its own in every voxel: nothing below needs it to belong to the pores
    surface = jnp.where(rate > 0.3, rate, 0.0)

    @jax.jit
    def results(*fields: jax.Array) -> tuple[jax.Array, ...]:
        ex = exchange(porosity, surface)
        return ex.to_surface(fields[1]), ex.deposit(fields[0]), ex.spread(fields[0])

    found = (porosity, surface, rate, field, *results(rate, field))
    return Exchanged(*(np.asarray(f) for f in found))


def kernel(u: Volume) -> Volume:
    """Field smoothed by K2, [1, 4, 6, 4, 1]/16 with the field mirrored at the walls."""
    for axis in range(3):
        for _ in range(2):
            padded = np.pad(u, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
            n = u.shape[axis]
            below, here, above = (padded.take(range(i, i + n), axis) for i in range(3))
            u = (below + 2 * here + above) / 4
    return u


def test_exchange_follows_its_definition(exchanged: Exchanged) -> None:
    eps, near = exchanged.porosity, kernel(exchanged.porosity)
    assert exchanged.at_surface == pytest.approx(kernel(eps * exchanged.field) / near, rel=1e-12)
    assert exchanged.deposited == pytest.approx(
        eps * kernel(exchanged.surface * exchanged.rate / near), rel=1e-12
    )


def test_the_pores_lose_what_the_surface_takes(exchanged: Exchanged) -> None:
    amount = exchanged.surface * exchanged.rate
    assert exchanged.deposited.sum() == pytest.approx(amount.sum(), rel=1e-13)
    assert (exchanged.deposited * exchanged.field).sum() == pytest.approx(
        (amount * exchanged.at_surface).sum(), rel=1e-13
    )
    assert exchanged.spread.sum() == pytest.approx(exchanged.rate.sum(), rel=1e-13)
    assert (exchanged.spread * exchanged.field).sum() == pytest.approx(
        (exchanged.rate * exchanged.at_surface).sum(), rel=1e-13
    )


def test_a_constant_reaches_the_surface_unchanged(exchanged: Exchanged) -> None:
    ex = exchange(jnp.asarray(exchanged.porosity), jnp.asarray(exchanged.surface))
    assert np.asarray(ex.to_surface(jnp.full(SHAPE, 7.0))) == pytest.approx(7, rel=1e-14)


BOX = (16, 16, 16)
along = jax.jit(lambda *arrays, tolerance: diffuse_along_surface(*arrays, tolerance=tolerance)[0])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_diffusion_along_a_flat_wall(axis: int) -> None:
    """A cosine on a plane of voxels decays by 1/(1 + D t q^2) in one implicit step.

    The area differs from plane to plane but not along the wall, so it drops out of the rate.
    """
    spacing, time, m = 3.0, 2.0, 2
    normal = (axis + 1) % 3
    surface = np.zeros(BOX)
    plane: list[Any] = [slice(None)] * 3
    for i, a in ((1, 0.1), (2, 0.3)):
        plane[normal] = i
        surface[tuple(plane)] = a
    wave = np.cos(m * np.pi * (np.arange(16) + 0.5) / 16)
    wave = np.broadcast_to(np.moveaxis(wave[None, None], 2, axis), BOX)
    diffusivities = np.asarray([4.0, 11.0])
    densities = np.stack([5 + wave, 2 - wave])
    found = np.asarray(
        along(
            jnp.asarray(densities),
            jnp.asarray(surface),
            jnp.asarray(diffusivities),
            spacing,
            time,
            tolerance=1e-12,
        )
    )
    q = 2 * np.sin(m * np.pi / 32) / spacing
    left = 1 / (1 + diffusivities * time * q**2)
    expected = np.stack([5 + left[0] * wave, 2 - left[1] * wave])
    bare = surface == 0
    assert found[:, ~bare] == pytest.approx(expected[:, ~bare], rel=1e-9)
    assert np.array_equal(found[:, bare], densities[:, bare])


@pytest.mark.parametrize("tolerance", [1e-1, 1e-6])
def test_diffusion_along_a_surface_keeps_numbers(tolerance: float) -> None:
    rng = np.random.default_rng(2)
    phi, density = (jnp.asarray(f) for f in rng.random((2, *BOX)))
    surface = specific_surface(phi, 4.0).at[:2].set(0.0)
    assert 0 < np.count_nonzero(surface) < surface.size
    densities = jnp.stack([density, 1 - density])
    flat = along(densities, surface, jnp.asarray([20.0, 100.0]), 4.0, 3.0, tolerance=tolerance)
    numbers = [np.asarray((surface * d).sum((1, 2, 3))) for d in (densities, flat)]
    assert numbers[1] == pytest.approx(numbers[0], rel=1e-12)
    bare = np.asarray(surface) == 0
    assert np.array_equal(np.asarray(flat)[:, bare], np.asarray(densities)[:, bare])
    before, after = (np.asarray(d)[:, ~bare].std(axis=1) for d in (densities, flat))
    assert (after < before).all()


def test_no_surface_at_all() -> None:
    densities = jnp.asarray(np.random.default_rng(0).random((2, *BOX)))
    found = along(densities, jnp.zeros(BOX), jnp.asarray([1.0, 2.0]), 1.0, 1.0, tolerance=1e-6)
    assert np.array_equal(found, densities)
