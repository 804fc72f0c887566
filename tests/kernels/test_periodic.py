"""Boxes that meet themselves: no voxel is special, and what is moved round gives the same, moved.

References are assembled with `np.roll`, which knows of no seam.
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
    harmonic_seams,
    local_max,
    inner_planes,
    laid_out,
    planes,
)
from tissue.kernels.surface import exchange, godunov_slopes, move, specific_surface, diffuse_along_surface
from tissue.kernels.transport import drift_diffusion

Volume = npt.NDArray[np.float64]
SHAPE = (6, 5, 8)
ALL = (-3, -2, -1)
AXES = [(-3,), (-2,), (-1,), (-3, -1), ALL]
ROUND = {-3: 2, -2: 1, -1: 5}
STEPS: dict[str, Any] = {"diffusivity": 8.0, "spacing": 2.0, "tolerance": 1e-11}


def random(*lead: int, seed: int = 0) -> Volume:
    return np.random.default_rng(seed).random((*lead, *SHAPE)) + 0.05


def rolled(u: Any, periodic: tuple[int, ...]) -> Volume:
    """Everything moved round along the periodic axes."""
    return np.roll(np.asarray(u), [ROUND[axis] for axis in periodic], periodic)


def conductances(porosity: Volume, periodic: tuple[int, ...]) -> list[tuple[int, Volume]]:
    """Of the faces to the next voxel along every axis; the last one meets the first, or a wall."""
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
    """What flows into every voxel, of a density that drifts down a potential."""
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
    units = np.eye(6 * 5 * 8).reshape(-1, *SHAPE)
    return np.stack([operator(unit).ravel() for unit in units], axis=1)


@pytest.mark.parametrize("periodic", AXES)
def test_flux_divergence_crosses_the_seams(periodic: tuple[int, ...]) -> None:
    eps, u = random(), random(2, seed=1)
    seams = harmonic_seams(jnp.asarray(eps), periodic)
    faces = laid_out(harmonic_faces(jnp.asarray(eps)))
    found = flux_divergence(faces, laid_out(jnp.asarray(u)), SHAPE, seams)
    expected = [inflow(each, eps, periodic) for each in u]
    assert_allclose(inner_planes(planes(found, SHAPE)), expected, atol=1e-13)
    sums = sum(face + np.roll(face, 1, axis) for axis, face in conductances(eps, periodic))
    found = face_sum(faces, SHAPE, seams)
    assert_allclose(inner_planes(planes(found, SHAPE)), sums, rtol=1e-13)


def test_a_single_layer_does_not_meet_itself() -> None:
    layer = jnp.ones((1, 4, 1))
    in_z, in_y, in_x = harmonic_seams(layer, ALL)
    assert in_z is None
    assert in_x is None
    assert in_y is not None


@pytest.mark.parametrize("periodic", AXES)
def test_screened_diffusion_equals_a_dense_solve(periodic: tuple[int, ...]) -> None:
    eps, source = random(), random(seed=1)
    scale = STEPS["diffusivity"] / STEPS["spacing"] ** 2
    matrix = np.diag(0.01 * eps.ravel()) - scale * matrix_of(lambda u: inflow(u, eps, periodic))
    expected = np.linalg.solve(matrix, source.ravel()).reshape(SHAPE)
    fields = map(jnp.asarray, (eps, 0.01 * eps, source, 0 * eps))
    found, stats = screened_diffusion(*fields, **STEPS, periodic=periodic)
    assert_allclose(found, expected, rtol=1e-8)
    assert int(stats.iterations) <= 18  # 15 between walls


def test_a_wave_that_no_wall_would_let_pass() -> None:
    """u = 3 + sin(2 pi x / L): its flux is largest where the box ends."""
    places = (np.arange(SHAPE[2]) + 0.5) / SHAPE[2]
    wave = np.broadcast_to(np.sin(2 * np.pi * places), SHAPE)
    stiffness = 4 * np.sin(np.pi / SHAPE[2]) ** 2 * STEPS["diffusivity"] / STEPS["spacing"] ** 2
    fields = np.ones(SHAPE), 0.5 * np.ones(SHAPE), 1.5 + (0.5 + stiffness) * wave, np.ones(SHAPE)
    found, _ = screened_diffusion(*map(jnp.asarray, fields), **STEPS, periodic=(-1,))
    assert_allclose(found, 3 + wave, rtol=1e-9)


@pytest.mark.parametrize("periodic", AXES)
def test_drift_crosses_the_seams(periodic: tuple[int, ...]) -> None:
    eps, mobility, source = random(), random(seed=1), random(seed=2)
    potential = 4 * random(seed=3)
    scale = STEPS["diffusivity"] / STEPS["spacing"] ** 2
    drift = matrix_of(lambda u: inflow(u, eps * mobility, periodic, potential))
    expected = np.linalg.solve(np.diag(0.1 * eps.ravel()) - scale * drift, source.ravel())
    fields = map(jnp.asarray, (eps, mobility, potential, 0.1 * eps, source, 0 * eps))
    found, _ = drift_diffusion(*fields, **STEPS, periodic=periodic)
    assert_allclose(found, expected.reshape(SHAPE), rtol=1e-7)


def test_a_pair_binds_across_the_seams() -> None:
    eps, made, other = random(), random(seed=1), random(seed=2)

    def bound(*fields: Volume) -> tuple[Volume, Volume]:
        eps, made, other = map(jnp.asarray, fields)
        start = jnp.ones(SHAPE)
        species = Reactant(8.0, 0.2, made, start), Reactant(3.0, 0.1, other, start)
        numerics: dict[str, Any] = {"spacing": 2.0, "tolerance": 1e-11, "periodic": ALL}
        pair = binding_pair(eps, *species, 5.0, **numerics)
        return np.asarray(pair.a), np.asarray(pair.b)

    a, b = bound(eps, made, other)
    for u, diffusivity, rate, source in ((a, 8.0, 0.2, made), (b, 3.0, 0.1, other)):
        left = diffusivity / 4 * inflow(u, eps, ALL) - eps * (rate * u + 5 * a * b) + source
        assert_allclose(left, 0, atol=1e-7)


@pytest.mark.parametrize("periodic", [(-2,), ALL])
def test_the_surface_moves_round_with_the_bone(periodic: tuple[int, ...]) -> None:
    phi, density, velocity = random(), random(seed=1), 0.4 * random(2, seed=2)

    def measured(phi: Volume, density: Volume, velocity: Volume) -> list[Any]:
        bone, cells = jnp.asarray(np.minimum(phi, 1)), jnp.asarray(density)
        eroding, growing = jnp.asarray(velocity)
        area = specific_surface(bone, 2.0, periodic)
        traffic = exchange(1.1 - bone, area, periodic)
        pace: dict[str, Any] = {"tolerance": 1e-12, "periodic": periodic}
        spread, _ = diffuse_along_surface(cells[None], area, jnp.ones(1), 2.0, 3.0, **pace)
        motion = move(bone, eroding, growing, 2.0, jnp.asarray(3.0), periodic)
        slopes = godunov_slopes(bone, 2.0, periodic)
        seen, given = traffic.to_surface(cells), traffic.deposit(cells)
        near = local_max(bone, 2, periodic)
        return [area, *slopes, seen, given, spread[0], near, motion.phi]

    here = measured(phi, density, velocity)
    there = measured(*(rolled(u, periodic) for u in (phi, density, velocity)))
    for one, other in zip(here, there, strict=True):
        assert_allclose(rolled(one, periodic), other, rtol=1e-9, atol=1e-12)
    # the seam is no wall
    walled = np.asarray(specific_surface(jnp.asarray(np.minimum(phi, 1)), 2.0))
    assert np.abs(np.asarray(here[0]) - walled).max() > 0.01


def test_what_the_surface_takes_is_what_the_pores_lose_across_a_seam() -> None:
    phi, rate = jnp.asarray(np.minimum(random(), 1)), jnp.asarray(random(seed=1))
    traffic = exchange(1.1 - phi, specific_surface(phi, 2.0, ALL), ALL)
    assert float(traffic.deposit(rate).sum()) == pytest.approx(
        float((traffic.surface * rate).sum()), rel=1e-12
    )


@pytest.mark.parametrize("periodic", AXES)
def test_cells_spread_along_a_surface_across_the_seams(periodic: tuple[int, ...]) -> None:
    area, density, reach = random(), random(seed=1), 0.7 * 50.0 / 2.0**2
    along = matrix_of(lambda u: inflow(u, area, periodic))
    system = np.diag(area.ravel()) - reach * along
    expected = np.linalg.solve(system, (area * density).ravel()).reshape(SHAPE)
    fields = jnp.asarray(density)[None], jnp.asarray(area), jnp.full(1, 0.7)
    found, _ = diffuse_along_surface(*fields, 2.0, 50.0, tolerance=1e-11, periodic=periodic)
    assert_allclose(found[0], expected, rtol=1e-8)


def test_highest_near_looks_round_a_box_narrower_than_its_reach() -> None:
    u = jnp.zeros((2, 5, 9)).at[0, 0, 0].set(1.0)
    found = np.asarray(local_max(u, 3, ALL))
    assert_array_equal(found[1, 3], [1, 1, 1, 1, 0, 0, 1, 1, 1])
