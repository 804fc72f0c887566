"""Neighbors, conductances and sums of the stencil against plain numpy."""

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from jax import Array

from tissue.kernels.stencil import (
    face_sum,
    flux_divergence,
    harmonic_faces,
    local_max,
    shift,
    shift_replicate,
    to_padded_rows,
    total,
    unflatten,
    unpad_z,
)

SHAPE = (3, 4, 5)
AXES = (-3, -2, -1)


def numbers(*lead: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).random((*lead, *SHAPE)) + 0.1


def voxels(row: Array) -> npt.NDArray[np.float64]:
    """Voxels of a row, whose padding must be zero."""
    padded = np.asarray(unflatten(row, SHAPE))
    assert not padded[..., 0, :, :].any()
    assert not padded[..., -1, :, :].any()
    return np.asarray(unpad_z(unflatten(row, SHAPE)))


def diagonal(eps: Array) -> npt.NDArray[np.float64]:
    return voxels(face_sum(to_padded_rows(harmonic_faces(eps)), SHAPE))


def inflow(eps: Array, u: Array) -> npt.NDArray[np.float64]:
    return voxels(flux_divergence(to_padded_rows(harmonic_faces(eps)), to_padded_rows(u), SHAPE))


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("step", [-1, 1])
def test_shift_reads_the_neighbor_and_zero_outside(axis: int, step: int) -> None:
    u = numbers(2)
    outside = [(0, 0)] * 4
    outside[axis] = (1, 1)
    expected = np.pad(u, outside).take(range(1 + step, 1 + step + SHAPE[axis]), axis)
    assert np.array_equal(shift(jnp.asarray(u), axis, step), expected)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("step", [-1, 1])
def test_shift_replicate_repeats_the_wall_voxel(axis: int, step: int) -> None:
    u = numbers(2)
    outside = [(0, 0)] * 4
    outside[axis] = (1, 1)
    padded = np.pad(u, outside, mode="edge")
    expected = padded.take(range(1 + step, 1 + step + SHAPE[axis]), axis)
    assert np.array_equal(shift_replicate(jnp.asarray(u), axis, step), expected)


def test_local_max_covers_two_voxels_to_every_side_within_the_box() -> None:
    u = -numbers()
    expected = [
        u[tuple(slice(max(i - 2, 0), i + 3) for i in here)].max() for here in np.ndindex(SHAPE)
    ]
    found = np.asarray(local_max(jnp.asarray(u), 2))
    assert np.array_equal(found, np.reshape(expected, SHAPE))


def test_faces_conduct_like_two_halves_in_series_and_walls_do_not() -> None:
    eps = numbers()
    for axis, faces in zip(AXES, harmonic_faces(jnp.asarray(eps)), strict=True):
        n = SHAPE[axis]
        low, high = eps.take(range(n - 1), axis), eps.take(range(1, n), axis)
        series = 1 / (0.5 / low + 0.5 / high)
        assert np.asarray(faces).take(range(n - 1), axis) == pytest.approx(series, rel=1e-14)
        assert not np.asarray(faces).take(n - 1, axis).any()


def test_an_impermeable_voxel_closes_its_faces() -> None:
    eps = jnp.asarray(numbers()).at[1, 1, 2].set(0.0)
    assert diagonal(eps)[1, 1, 2] == 0
    assert np.isfinite(diagonal(jnp.zeros(SHAPE))).all()


def test_flux_divergence_equals_the_matrix() -> None:
    # the plain definition, voxel by voxel
    eps, u = numbers(), numbers(2, seed=1)
    expected = np.zeros_like(u)
    sums = np.zeros(SHAPE)
    for here in np.ndindex(SHAPE):
        for axis in range(3):
            for step in (-1, 1):
                there = tuple(i + step * (a == axis) for a, i in enumerate(here))
                if min(there) >= 0 and all(i < n for i, n in zip(there, SHAPE, strict=True)):
                    conductance = 2 * eps[here] * eps[there] / (eps[here] + eps[there])
                    expected[(..., *here)] += conductance * (u[(..., *there)] - u[(..., *here)])
                    sums[here] += conductance
    assert inflow(jnp.asarray(eps), jnp.asarray(u)) == pytest.approx(expected, abs=1e-14)
    assert diagonal(jnp.asarray(eps)) == pytest.approx(sums, rel=1e-14)


def test_flux_divergence_of_a_constant_is_zero() -> None:
    # exactly, because it is written with differences
    eps = jnp.asarray(numbers(), jnp.float32)
    assert not inflow(eps, jnp.full(SHAPE, 0.1, jnp.float32)).any()


@pytest.mark.parametrize("shape", [(3,), (17,), (3, 4, 5), (19, 2, 3), (2, 9, 2, 3)])
def test_total_counts_everything_once(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape)
    assert float(total(jnp.asarray(values))) == pytest.approx(values.sum(), rel=1e-14)


def test_total_adds_up_in_float64() -> None:
    # one float32 rounding step of 2^24 would swallow every later 1
    values = jnp.ones((33, 4, 5), jnp.float32).at[::4].set(0).at[0, 0, 0].set(2.0**24)
    assert total(values).dtype == jnp.float64
    assert float(total(values)) == 2.0**24 + 24 * 20
