"""Levels, transfers and V-cycle of the multigrid hierarchy, as matrices and as sums."""

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from jax import Array

from tissue.kernels.multigrid import (
    Level,
    hierarchy,
    interleave,
    prolongation_terms,
    residual,
    restrict,
    v_cycle,
)
from tissue.kernels.stencil import Faces, harmonic_faces, to_padded_rows, unflatten, unpad_z

Volume = npt.NDArray[np.float64]
SHAPE = (9, 5, 6)


@jax.jit
def built(faces: Faces, capacity: Array) -> tuple[Level, ...]:
    return hierarchy(to_padded_rows(faces), to_padded_rows(capacity), SHAPE)


def voxels(row: Array, shape: tuple[int, int, int] = SHAPE) -> Volume:
    """Voxels [..., z, y, x] of a padded row."""
    return np.asarray(unpad_z(unflatten(row, shape)))


@jax.jit
def matrices(faces: Faces, capacity: Array) -> tuple[Array, Array]:
    """Operator and V-cycle as matrices over the n fields of all voxels."""
    n = capacity.shape[0] * capacity[0, 0].size
    levels = hierarchy(to_padded_rows(faces), to_padded_rows(capacity), SHAPE)
    units = to_padded_rows(jnp.eye(n).reshape(n, capacity.shape[0], *SHAPE))
    operator = jax.vmap(lambda u: -residual(levels[0], u, jnp.zeros_like(u)))(units)
    cycle = jax.vmap(lambda s: v_cycle(levels, s))(units)
    operator, cycle = (unpad_z(unflatten(rows, SHAPE)) for rows in (operator, cycle))
    return operator.reshape(n, n).T, cycle.reshape(n, n).T


def porous(seed: int = 0) -> Array:
    """Random porosity, a third of the voxels nearly closed."""
    rng = np.random.default_rng(seed)
    return jnp.asarray(np.where(rng.random(SHAPE) < 1 / 3, 0.02, rng.uniform(0.1, 1, SHAPE)))


def matrix(porosity: Array, loss: float) -> tuple[Volume, Volume]:
    operator, cycle = matrices(harmonic_faces(porosity), (loss * porosity)[None, None])
    return np.asarray(operator), np.asarray(cycle)


def spectrum(operator: Volume, cycle: Volume) -> Volume:
    """Eigenvalues of cycle @ operator, in order; both are symmetric."""
    root = np.linalg.cholesky(operator)
    return np.asarray(np.linalg.eigvalsh(root.T @ cycle @ root))


@pytest.mark.parametrize("loss", [1e-3, 1.0])
def test_the_cycle_is_symmetric_and_positive_definite(loss: float) -> None:
    _, cycle = matrix(porous(), loss)
    assert np.abs(cycle - cycle.T).max() < 1e-12 * np.abs(cycle).max()
    assert np.linalg.eigvalsh((cycle + cycle.T) / 2).min() > 0


@pytest.mark.parametrize("loss", [1e-3, 1.0])
def test_the_cycle_contracts_in_open_marrow(loss: float) -> None:
    """Modes that a coarse grid does not resolve are left to the smoother.

    On them the eigenvalues of the scaled 7-point stencil lie in [1/3, 2], which a sweep
    damped by 6/7 turns into +-5/7, and two sweeps into 0.51. A tenth is left for the coarse grids.
    """
    values = spectrum(*matrix(jnp.ones(SHAPE), loss))
    assert np.abs(1 - values).max() < 1.1 * (5 / 7) ** 2


@pytest.mark.parametrize("loss", [1e-3, 1.0])
def test_conjugate_gradients_halve_the_error_in_bone(loss: float) -> None:
    """(sqrt(k) - 1)/(sqrt(k) + 1) = 1/2 at a condition k = 9 of the preconditioned system."""
    values = spectrum(*matrix(porous(), loss))
    assert values[0] > 0
    assert values[-1] / values[0] < 9


def test_an_empty_voxel_does_no_harm() -> None:
    """A voxel without faces or loss has no equation, and the cycle leaves it at 0."""
    eps = porous().at[2, 1, 3].set(0.0)
    _, cycle = matrix(eps, 0.1)
    assert np.isfinite(cycle).all()
    empty = int(np.ravel_multi_index((2, 1, 3), SHAPE))
    others = np.delete(np.delete(cycle, empty, 0), empty, 1)
    assert np.linalg.eigvalsh((others + others.T) / 2).min() > 0


def coupled(first: float, second: float, bound: float) -> tuple[Volume, Volume]:
    """Two fields in open marrow, lost at their own rates and bound together."""
    block = jnp.asarray([[first + bound, -bound], [-bound, second + bound]])
    eps = jnp.ones(SHAPE)
    operator, cycle = matrices(harmonic_faces(eps), block[:, :, None, None, None] * eps)
    return np.asarray(operator), np.asarray(cycle)


@pytest.mark.slow
@pytest.mark.parametrize("bound", [0.1, 10.0])
def test_the_coupled_cycle_contracts_as_well(bound: float) -> None:
    operator, cycle = coupled(0.1, 0.1, bound)
    assert np.abs(cycle - cycle.T).max() < 1e-12 * np.abs(cycle).max()
    assert np.abs(1 - spectrum(operator, cycle)).max() < 1.1 * (5 / 7) ** 2


@pytest.mark.slow
def test_uncoupled_fields_do_not_mix() -> None:
    _, cycle = coupled(0.1, 0.7, 0.0)
    n = len(cycle) // 2
    assert not cycle[:n, n:].any()
    assert not cycle[n:, :n].any()
    for block, loss in ((cycle[:n, :n], 0.1), (cycle[n:, n:], 0.7)):
        assert block == pytest.approx(matrix(jnp.ones(SHAPE), loss)[1], abs=1e-12)


def test_coarse_levels_keep_sums() -> None:
    """A coarse level is the same tissue with eight voxels in one."""
    eps = porous()
    capacity = (0.3 * eps)[None, None]
    levels = built(harmonic_faces(eps), capacity)
    assert [level.shape for level in levels[:3]] == [(9, 5, 6), (5, 3, 3), (3, 2, 2)]
    for i, level in enumerate(levels):
        assert float(level.capacity.sum()) * 8**i == pytest.approx(float(capacity.sum()), rel=1e-14)
        # the padding lies beyond closed walls
        for axis, faces in enumerate(level.faces):
            assert not voxels(faces, level.shape).take(-1, axis).any()
    # half the gradient over four times the area in eight times the volume
    inner = voxels(levels[0].faces[2])[:4, :4, 1].reshape(2, 2, 2, 2)
    assert voxels(levels[1].faces[2], (5, 3, 3))[:2, :2, 0] == pytest.approx(
        inner.sum((1, 3)) / 16, rel=1e-14
    )


def prolonged(coarse: Level, u: Array) -> Volume:
    """Field on the level of SHAPE from one on the next coarser level."""
    return np.asarray(unpad_z(interleave(prolongation_terms(coarse, u), SHAPE)))


def test_restriction_keeps_sums_and_is_the_transpose_of_prolongation() -> None:
    eps = porous()
    coarse = built(harmonic_faces(eps), (0.3 * eps)[None, None])[1]
    rng = np.random.default_rng(3)
    fine = jnp.asarray(rng.normal(size=(2, *SHAPE)))
    values = jnp.asarray(rng.normal(size=(2, 5, 3, 3)))
    down = voxels(restrict(coarse, to_padded_rows(fine), SHAPE), (5, 3, 3))
    up = prolonged(coarse, to_padded_rows(values))
    assert up.shape == fine.shape
    assert 8 * float(jnp.vdot(values, down)) == pytest.approx(float(jnp.vdot(up, fine)), rel=1e-12)
    assert 8 * np.asarray(down).sum((1, 2, 3)) == pytest.approx(
        np.asarray(fine).sum((1, 2, 3)), rel=1e-12
    )
    constant = prolonged(coarse, to_padded_rows(jnp.ones((2, 5, 3, 3))))
    assert constant == pytest.approx(1, rel=1e-15)


def test_prolongation_carries_nothing_through_bone() -> None:
    eps = jnp.ones(SHAPE).at[4:].set(0.0)
    coarse = built(harmonic_faces(eps), (eps + 0.1)[None, None])[1]
    upper = to_padded_rows(jnp.zeros((2, 5, 3, 3)).at[:, 2:].set(1.0))
    fine = prolonged(coarse, upper)
    assert not fine[:, :4].any()
    assert (fine[:, 4:] == 1).all()
