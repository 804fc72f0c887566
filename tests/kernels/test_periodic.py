"""Periodic boxes: fields rolled along a periodic axis give the same result, rolled.

References are assembled with `np.roll`, which treats all faces alike.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tissue.kernels.binding import Reactant, binding_pair
from tissue.kernels.elliptic import screened_diffusion
from tissue.kernels.stencil import (
    face_sum,
    flux_divergence,
    harmonic_faces,
    harmonic_periodic_faces,
    local_max,
    to_padded_rows,
    unflatten,
    unpad_z,
)
from tissue.kernels.surface import (
    diffuse_along_surface,
    exchange,
    godunov_slopes,
    move,
    specific_surface,
)
from tissue.kernels.transport import drift_diffusion

Volume = npt.NDArray[np.float64]
SHAPE = (6, 5, 8)
ALL = (-3, -2, -1)
SLOW = [pytest.param(axes, marks=pytest.mark.slow) for axes in ((-3,), (-2,), (-1,))]
AXES = [(-3, -1), ALL, *SLOW]
ROLL = {-3: 2, -2: 1, -1: 5}
SOLVER: dict[str, Any] = {"diffusivity": 8.0, "spacing": 2.0, "tolerance": 1e-11}


def random(*lead: int, seed: int = 0) -> Volume:
    return np.random.default_rng(seed).random((*lead, *SHAPE)) + 0.05


def rolled(u: Any, periodic: tuple[int, ...]) -> Volume:
    """Field rolled along the periodic axes, by another number of voxels on each."""
    return np.roll(np.asarray(u), [ROLL[axis] for axis in periodic], periodic)


def conductances(porosity: Volume, periodic: tuple[int, ...]) -> list[tuple[int, Volume]]:
    """Conductances to the next voxel along every axis: from the last to the first, or to a wall."""
    found = []
    for axis in ALL:
        other = np.roll(porosity, -1, axis)
        face = 2 * porosity * other / (porosity + other)
        if axis not in periodic:
            face[tuple(slice(None) if a != axis else -1 for a in ALL)] = 0
        found.append((axis, face))
    return found


def inflow(
    u: Volume, porosity: Volume, periodic: tuple[int, ...], potential: Volume | None = None
) -> Volume:
    """Net inflow into every voxel of a density that diffuses and drifts down a potential."""
    psi = np.zeros(SHAPE) if potential is None else potential
    into = np.zeros_like(u)
    for axis, face in conductances(porosity, periodic):
        rise = np.roll(psi, -1, axis) - psi
        # Bernoulli's function of Scharfetter and Gummel
        up = np.where(rise == 0, 1, rise / np.expm1(np.where(rise == 0, 1, rise)))
        flux = face * (up * u - (up + rise) * np.roll(u, -1, axis))
        into += np.roll(flux, 1, axis) - flux
    return into


def matrix_of(operator: Callable[[Volume], Volume]) -> Volume:
    """Dense matrix of a linear operator on SHAPE."""
    units = np.eye(6 * 5 * 8).reshape(-1, *SHAPE)
    return np.stack([operator(unit).ravel() for unit in units], axis=1)


@pytest.mark.parametrize("periodic", AXES)
def test_flux_divergence_crosses_periodic_faces(periodic: tuple[int, ...]) -> None:
    eps, u = random(), random(2, seed=1)
    periodic_faces = harmonic_periodic_faces(jnp.asarray(eps), periodic)
    faces = to_padded_rows(harmonic_faces(jnp.asarray(eps)))
    found = flux_divergence(faces, to_padded_rows(jnp.asarray(u)), SHAPE, periodic_faces)
    expected = [inflow(each, eps, periodic) for each in u]
    assert_allclose(unpad_z(unflatten(found, SHAPE)), expected, atol=1e-13)
    sums = sum(face + np.roll(face, 1, axis) for axis, face in conductances(eps, periodic))
    found = face_sum(faces, SHAPE, periodic_faces)
    assert_allclose(unpad_z(unflatten(found, SHAPE)), sums, rtol=1e-13)


def test_a_single_layer_has_no_periodic_faces() -> None:
    layer = jnp.ones((1, 4, 1))
    in_z, in_y, in_x = harmonic_periodic_faces(layer, ALL)
    assert in_z is None
    assert in_x is None
    assert in_y is not None


@pytest.mark.parametrize("periodic", AXES)
def test_screened_diffusion_equals_a_dense_solve(periodic: tuple[int, ...]) -> None:
    eps, source = random(), random(seed=1)
    scale = SOLVER["diffusivity"] / SOLVER["spacing"] ** 2
    matrix = np.diag(0.01 * eps.ravel()) - scale * matrix_of(lambda u: inflow(u, eps, periodic))
    expected = np.linalg.solve(matrix, source.ravel()).reshape(SHAPE)
    fields = map(jnp.asarray, (eps, 0.01 * eps, source, 0 * eps))
    found, stats = screened_diffusion(*fields, **SOLVER, periodic=periodic)
    assert_allclose(found, expected, rtol=1e-8)
    assert int(stats.iterations) <= 18  # 15 between walls


def test_a_wave_whose_flux_is_largest_at_the_periodic_faces() -> None:
    """u = 3 + sin(2 pi x / L), which closed walls would not admit."""
    x = (np.arange(SHAPE[2]) + 0.5) / SHAPE[2]
    wave = np.broadcast_to(np.sin(2 * np.pi * x), SHAPE)
    stiffness = 4 * np.sin(np.pi / SHAPE[2]) ** 2 * SOLVER["diffusivity"] / SOLVER["spacing"] ** 2
    fields = np.ones(SHAPE), 0.5 * np.ones(SHAPE), 1.5 + (0.5 + stiffness) * wave, np.ones(SHAPE)
    found, _ = screened_diffusion(*map(jnp.asarray, fields), **SOLVER, periodic=(-1,))
    assert_allclose(found, 3 + wave, rtol=1e-9)


@pytest.mark.parametrize("periodic", AXES)
def test_drift_crosses_periodic_faces(periodic: tuple[int, ...]) -> None:
    eps, mobility, source = random(), random(seed=1), random(seed=2)
    potential = 4 * random(seed=3)
    scale = SOLVER["diffusivity"] / SOLVER["spacing"] ** 2
    drift = matrix_of(lambda u: inflow(u, eps * mobility, periodic, potential))
    expected = np.linalg.solve(np.diag(0.1 * eps.ravel()) - scale * drift, source.ravel())
    fields = map(jnp.asarray, (eps, mobility, potential, 0.1 * eps, source, 0 * eps))
    found, _ = drift_diffusion(*fields, **SOLVER, periodic=periodic)
    assert_allclose(found, expected.reshape(SHAPE), rtol=1e-7)


def test_a_binding_pair_crosses_periodic_faces() -> None:
    eps, source_a, source_b = random(), random(seed=1), random(seed=2)
    start = jnp.ones(SHAPE)
    reactants = (
        Reactant(8.0, 0.2, jnp.asarray(source_a), start),
        Reactant(3.0, 0.1, jnp.asarray(source_b), start),
    )
    numerics: dict[str, Any] = {"spacing": 2.0, "tolerance": 1e-11, "periodic": ALL}
    pair = binding_pair(jnp.asarray(eps), *reactants, 5.0, **numerics)
    a, b = np.asarray(pair.a), np.asarray(pair.b)
    for u, diffusivity, rate, source in ((a, 8.0, 0.2, source_a), (b, 3.0, 0.1, source_b)):
        residual = diffusivity / 4 * inflow(u, eps, ALL) - eps * (rate * u + 5 * a * b) + source
        assert_allclose(residual, 0, atol=1e-7)


@pytest.mark.parametrize("periodic", [pytest.param((-2,), marks=pytest.mark.slow), ALL])
def test_surface_terms_are_rolled_with_the_bone(periodic: tuple[int, ...]) -> None:
    phi, density, velocity = random(), random(seed=1), 0.4 * random(2, seed=2)

    def measured(phi: Volume, density: Volume, velocity: Volume) -> list[Any]:
        bone, cells = jnp.asarray(np.minimum(phi, 1)), jnp.asarray(density)
        eroding, growing = jnp.asarray(velocity)
        area = specific_surface(bone, 2.0, periodic)
        ex = exchange(1.1 - bone, area, periodic)
        solver: dict[str, Any] = {"tolerance": 1e-12, "periodic": periodic}
        along, _ = diffuse_along_surface(cells[None], area, jnp.ones(1), 2.0, 3.0, **solver)
        motion = move(bone, eroding, growing, 2.0, jnp.asarray(3.0), periodic)
        slopes = godunov_slopes(bone, 2.0, periodic)
        at_surface, deposited = ex.to_surface(cells), ex.deposit(cells)
        highest = local_max(bone, 2, periodic)
        return [area, *slopes, at_surface, deposited, along[0], highest, motion.phi]

    original = measured(phi, density, velocity)
    moved = measured(*(rolled(u, periodic) for u in (phi, density, velocity)))
    for before, after in zip(original, moved, strict=True):
        assert_allclose(rolled(before, periodic), after, rtol=1e-9, atol=1e-12)
    # periodic faces are not walls
    walled = np.asarray(specific_surface(jnp.asarray(np.minimum(phi, 1)), 2.0))
    assert np.abs(np.asarray(original[0]) - walled).max() > 0.01


def test_pores_lose_what_the_surface_takes_across_periodic_faces() -> None:
    phi, rate = jnp.asarray(np.minimum(random(), 1)), jnp.asarray(random(seed=1))
    ex = exchange(1.1 - phi, specific_surface(phi, 2.0, ALL), ALL)
    assert float(ex.deposit(rate).sum()) == pytest.approx(
        float((ex.surface * rate).sum()), rel=1e-12
    )


@pytest.mark.parametrize("periodic", AXES)
def test_cells_diffuse_along_a_surface_across_periodic_faces(periodic: tuple[int, ...]) -> None:
    area, density, stiffness = random(), random(seed=1), 0.7 * 50.0 / 2.0**2
    along = matrix_of(lambda u: inflow(u, area, periodic))
    system = np.diag(area.ravel()) - stiffness * along
    expected = np.linalg.solve(system, (area * density).ravel()).reshape(SHAPE)
    fields = jnp.asarray(density)[None], jnp.asarray(area), jnp.full(1, 0.7)
    found, _ = diffuse_along_surface(*fields, 2.0, 50.0, tolerance=1e-11, periodic=periodic)
    assert_allclose(found[0], expected, rtol=1e-8)


def test_local_max_wraps_around_a_box_narrower_than_its_radius() -> None:
    u = jnp.zeros((2, 5, 9)).at[0, 0, 0].set(1.0)
    found = np.asarray(local_max(u, 3, ALL))
    assert_array_equal(found[1, 3], [1, 1, 1, 1, 0, 0, 1, 1, 1])
