"""Screened diffusion against closed forms, scipy and finite differences.

XLA takes seconds for every new shape: most tests share CUBE and SMALL.
"""

from collections.abc import Callable
from typing import Any, TypedDict

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from tissue.kernels.elliptic import screened_diffusion

Volume = npt.NDArray[np.float64]
Matrix = Callable[[Volume], Any]
Table = Callable[[str], dict[str, Volume]]

CUBE = (32, 32, 32)
SMALL = (4, 3, 50)
D, K, H = 10.0, 1e-3, 10.0  # of the tables: lambda = 100, L = 500 = 50 voxels


def solved(
    porosity: Volume,
    loss: Volume,
    source: Volume,
    *,
    start: Volume | None = None,
    diffusivity: float = D,
    spacing: float = H,
    tolerance: float = 1e-10,
    dtype: Any = jnp.float64,
) -> tuple[npt.NDArray[Any], int]:
    start = np.zeros_like(source) if start is None else start
    fields = [jnp.asarray(f, dtype) for f in (porosity, loss, source, start)]
    u, stats = screened_diffusion(
        *fields, diffusivity=diffusivity, spacing=spacing, tolerance=tolerance
    )
    assert u.dtype == dtype
    return np.asarray(u), int(stats.iterations)


def centers(shape: tuple[int, ...], spacing: float) -> list[Volume]:
    return list(np.meshgrid(*((np.arange(n) + 0.5) * spacing for n in shape), indexing="ij"))


def relative(found: npt.NDArray[Any], expected: Volume) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def marrow(porosity: Volume) -> tuple[Volume, Volume, Volume]:
    """Porosity, loss and source on the bone's surface, CUBE voxels; decay length 20 voxels."""
    eps = porosity[:32, :32, :32]
    return eps, eps * 1.0, np.where((eps > 0.1) & (eps < 0.9), 3.0, 0.0)


class Physics(TypedDict):
    diffusivity: float
    spacing: float


LENGTH: Physics = {"diffusivity": 400.0, "spacing": 1.0}


def test_second_order_with_variable_porosity() -> None:
    """u = 2 + cos(pi x) cos(2 pi y) cos(pi z), eps = 0.6 + 0.3 cos(pi x) cos(pi y) cos(2 pi z).

    Both are even about every integer, so the box [0, k]^3 on 32^3 voxels holds k^3 mirrored copies
    of the unit box at h = k/32: four spacings out of one compiled program.
    """
    diffusivity, rate = 0.7, 1.3
    spacings = np.asarray([1, 2, 3, 4]) / 32
    errors = []
    for h in spacings:
        z, y, x = (np.pi * c for c in centers(CUBE, h))
        cz, cy, cx = np.cos(z), np.cos(2 * y), np.cos(x)
        u = 2 + cz * cy * cx
        grad_u = -np.pi * np.stack(
            [np.sin(z) * cy * cx, 2 * cz * np.sin(2 * y) * cx, cz * cy * np.sin(x)]
        )
        laplacian = -6 * np.pi**2 * cz * cy * cx
        ez, ey, ex = np.cos(2 * z), np.cos(y), np.cos(x)
        eps = 0.6 + 0.3 * ez * ey * ex
        grad_eps = (
            -0.3
            * np.pi
            * np.stack([2 * np.sin(2 * z) * ey * ex, ez * np.sin(y) * ex, ez * ey * np.sin(x)])
        )
        source = -diffusivity * ((grad_eps * grad_u).sum(0) + eps * laplacian) + rate * eps * u
        # the source may be negative: the solver is linear and u itself is positive
        found, _ = solved(eps, rate * eps, source, diffusivity=diffusivity, spacing=float(h))
        errors.append(relative(found, u))
    order = np.polyfit(np.log(spacings), np.log(errors), 1)[0]
    assert order == pytest.approx(2, abs=0.05)
    assert errors[0] < 1e-2


@pytest.mark.parametrize("axis", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_slab_with_a_flux_through_its_wall(closed_form: Table, axis: int) -> None:
    """A flux J enters as a source J/h in the first voxels."""
    table = closed_form("ss_slab_flux_decay_D10_k1e-3_J1_L500")
    shape = SMALL if axis == 2 else (4, 50, 3)
    source = np.zeros(shape)
    source[(..., 0) if axis == 2 else (slice(None), 0)] = 1.0 / H
    found, _ = solved(np.ones(shape), np.full(shape, K), source)
    assert np.ptp(np.moveaxis(found, axis, -1), axis=(0, 1)) == pytest.approx(0, abs=1e-8)
    profile = np.moveaxis(found, axis, -1)[0, 0]
    x = (np.arange(50) + 0.5) * H
    expected = np.interp(x, table["x_um"], table["c"])
    # the decay a voxel is acosh(1 + q^2/2) instead of q = h/lambda: q^2/24 = 4e-4 less,
    # five decay lengths on 2.1e-3, and the first voxel is off by q^2/24 itself
    assert profile == pytest.approx(expected, rel=3e-3)
    # the discrete solution is the same hyperbola with that decay
    q = np.arccosh(1 + (H / 100) ** 2 / 2)
    exact = H / D * np.cosh(q * (49.5 - np.arange(50))) / (2 * np.sinh(q / 2) * np.sinh(50 * q))
    assert profile == pytest.approx(exact, rel=1e-7)


def test_bilayer_between_held_walls(closed_form: Table) -> None:
    table = closed_form("ss_bilayer_D10_D0p1_interface250")
    eps = np.ones(SMALL)
    eps[..., 25:] = 0.01
    conductance = np.zeros(SMALL)  # to the walls, half a voxel from the first and last centers
    conductance[..., [0, -1]] = 2 * eps[..., [0, -1]] * D / H**2
    held = np.zeros(SMALL)
    held[..., 0] = 1.0
    found, _ = solved(eps, conductance, conductance * held)
    expected = np.interp((np.arange(50) + 0.5) * H, table["x_um"], table["c"])
    # piecewise linear: the harmonic mean makes it exact, to the 12 digits of the table
    assert found == pytest.approx(np.broadcast_to(expected, SMALL), abs=1e-9)


def test_decay_of_a_cosine(closed_form: Table) -> None:
    """Implicit Euler over 100 s in 5, 10, 20 and 40 steps is of first order."""
    table = closed_form("slab_noflux_cosine_n2_decay")
    x = (np.arange(50) + 0.5) * H
    first = np.interp(x, table["x_um"], table["c_t0s"])
    expected = np.interp(x, table["x_um"], table["c_t100s"])
    counts = np.asarray([5, 10, 20, 40])
    # the stencil sees the wave number q as 2 sin(q h/2)/h: its rate is 1.3e-3 too low
    wave = 2 * np.sin(np.pi * H / 500) / H
    discrete = np.exp(-0.1) * (1 + (first - 1) * np.exp(-D * wave**2 * 100))
    errors = []
    for n in counts:
        dt = 100.0 / n
        u = np.broadcast_to(first, SMALL)
        for _ in range(n):
            u, _ = solved(np.ones(SMALL), np.full(SMALL, K + 1 / dt), u / dt, start=u)
        errors.append(relative(u[0, 0], discrete))
    order = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    # the next term bends the line by 2/3 (k + D q^2) dt = 3 % at dt = 20 s
    assert order == pytest.approx(1, abs=0.05)
    # (k + D q^2)^2 dt t/2 = 8e-4 of the cosine, 1e-4 of the constant, and 2e-4 from space
    assert relative(u[0, 0], expected) < 1e-3


def test_sphere_held_by_a_sink_and_a_source(closed_form: Table) -> None:
    """Field around an octant of a sphere: the walls are its planes of symmetry.

    Voxels of the sphere are held at the field's continuation to their centers, and those far out
    at the closed form. (Held at 1, the sphere seems h/2 smaller, since its last centers lie that
    far inside it on average: the field is then 2 % lower on average and 4.6 % at worst, which does
    not test the solver.)
    """
    table = closed_form("ss_sphere_dirichlet_decay_a50_D10_k1e-3")
    h = 5.0
    r = np.sqrt(sum(c**2 for c in centers(CUBE, h)))
    outside = np.interp(r, table["r_um"], table["c"])
    value = np.where(r <= 50, 50 / r * np.exp((50 - r) / 100), outside)
    held = np.where((r <= 50) | (r >= 150), 1e6, 0.0)
    found, _ = solved(np.ones(CUBE), K + held, held * value, spacing=h)
    error = np.abs(found / outside - 1)[(r > 50) & (r < 150)]
    assert error.max() < (h / 50) ** 2  # second order in h/a


def direct(matrix: Any, source: Volume, residual: float = 1e-10) -> Volume:
    """Solution by scipy, [z, y, x]."""
    scale = sp.diags(1 / matrix.diagonal())
    u, failed = spl.cg(matrix, source.ravel(), rtol=residual, atol=0, M=scale, maxiter=20000)
    assert not failed
    return np.asarray(u).reshape(source.shape)


@pytest.fixture(scope="module")
def bone_answer(porosity: Volume, diffusion_matrix: Matrix) -> Volume:
    eps, loss, source = marrow(porosity)
    return direct(400 * diffusion_matrix(eps) + sp.diags(loss.ravel()), source)


def test_equals_scipy_on_bone(porosity: Volume, bone_answer: Volume) -> None:
    found, iterations = solved(*marrow(porosity), tolerance=1e-7, **LENGTH)
    assert relative(found, bone_answer) < 1e-5
    assert np.abs(found - bone_answer).max() < 1e-5 * bone_answer.max()
    # 1e-7 within n iterations: each takes half of the error or more
    assert 1e-7 ** (1 / iterations) < 0.5


def point_sources() -> Volume:
    source = np.zeros(CUBE)
    source[tuple(np.random.default_rng(3).integers(0, 32, (3, 5)))] = 1000.0
    return source


@pytest.mark.parametrize("tolerance", [1e-1, 1e-2, 1e-4])
def test_never_negative_and_balanced_in_float32(porosity: Volume, tolerance: float) -> None:
    eps, loss, _ = marrow(porosity)
    source = point_sources()
    # decay length 3 voxels: far from the sources the field is lost in the error of the solver
    u, _ = solved(
        eps, loss, source, tolerance=tolerance, dtype=jnp.float32, diffusivity=9.0, spacing=1.0
    )
    assert u.min() >= 0
    total_loss = np.sum(loss.astype(np.float32).astype(float) * u)
    assert total_loss == pytest.approx(source.sum(), rel=1e-6)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 1e-4])
def test_float32_meets_its_tolerance(
    porosity: Volume, bone_answer: Volume, tolerance: float
) -> None:
    """The error in the L2 norm, too, stays below the tolerance, though it is for the energy."""
    found, iterations = solved(*marrow(porosity), tolerance=tolerance, dtype=jnp.float32, **LENGTH)
    assert relative(found, bone_answer) < tolerance
    assert iterations <= 15


def test_a_warm_start_takes_one_iteration(porosity: Volume) -> None:
    eps, loss, source = marrow(porosity)
    cold, iterations = solved(eps, loss, source, tolerance=1e-6, **LENGTH)
    assert iterations > 3
    warm, iterations = solved(eps, loss, source, start=cold, tolerance=1e-4, **LENGTH)
    assert iterations == 1
    assert relative(warm, cold) < 1e-5


def test_a_nan_ends_the_iteration_and_stays(porosity: Volume) -> None:
    eps, loss, source = marrow(porosity)
    source[10, 20, 30] = np.nan
    u, iterations = solved(eps, loss, source, **LENGTH)
    assert not np.isfinite(u).all()
    assert iterations < 200


def test_a_uniform_field_stays_uniform(porosity: Volume) -> None:
    eps, loss, _ = marrow(porosity)
    u, _ = solved(eps, loss, loss * 7.0, start=np.full(CUBE, 7.0), **LENGTH)
    assert u == pytest.approx(7.0, rel=1e-12)


def mirrored(porosity: Volume, shape: tuple[int, int, int]) -> Volume:
    widths = [(0, max(0, n - 57)) for n in shape]
    return np.pad(porosity, widths, mode="symmetric")[tuple(slice(n) for n in shape)]


def solved_on_bone(
    eps: Volume, source: Volume, decay_length: float
) -> tuple[npt.NDArray[Any], int]:
    """Solution and iterations in float32, with a decay length in voxels."""
    return solved(
        eps,
        eps,
        source,
        dtype=jnp.float32,
        tolerance=1e-3,
        diffusivity=decay_length**2,
        spacing=1.0,
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(57, 58, 59), (100, 120, 90), (33, 128, 64)])
def test_odd_shapes_on_bone(
    porosity: Volume, diffusion_matrix: Matrix, shape: tuple[int, int, int]
) -> None:
    eps = mirrored(porosity, shape)
    source = np.where((eps > 0.1) & (eps < 0.9), 3.0, 0.0)
    for decay_length in (5.0, 30.0):
        u, iterations = solved_on_bone(eps, source, decay_length)
        assert iterations <= 15
        expected = direct(
            decay_length**2 * diffusion_matrix(eps) + sp.diags(eps.ravel()), source, 1e-8
        )
        assert relative(u, expected) < 1e-3


@pytest.mark.slow
def test_iterations_do_not_grow_with_the_grid(porosity: Volume) -> None:
    """Refined tissue and more of the tissue take as many iterations as the first piece.

    Without coarse grids the first takes twice the iterations.
    """
    coarse = mirrored(porosity, CUBE)
    fine = coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    iterations = []
    for eps, decay_length in (
        (coarse, 15.0),
        (fine, 30.0),
        (mirrored(porosity, (64, 64, 64)), 15.0),
    ):
        source = np.where((eps > 0.1) & (eps < 0.9), 3.0, 0.0)
        _, n = solved_on_bone(eps, source, decay_length)
        iterations.append(n)
    assert max(iterations[1:]) <= iterations[0] + 1
