"""Binding pair against Newton's method on independently assembled sparse matrices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from tissue.kernels.binding import PairSolution, Reactant, binding_pair

Volume = npt.NDArray[np.float64]
Matrix = Callable[[Volume], Any]
SHAPE = (7, 6, 10)
SPACING = 2.0


class Problem(NamedTuple):
    porosity: Volume
    diffusivities: tuple[float, float]
    losses: tuple[Volume, Volume]
    sources: tuple[Volume, Volume]
    bind: Volume


def problem(strength: float, seed: int = 0) -> Problem:
    """Sources in some of the voxels; `strength` is the binding over the loss of a."""
    rng = np.random.default_rng(seed)
    eps = np.where(rng.random(SHAPE) < 0.3, 0.02, rng.uniform(0.2, 1, SHAPE))
    source_a = np.where(rng.random(SHAPE) < 0.2, 5.0, 0.0)
    source_b = np.where(rng.random(SHAPE) < 0.3, 4.0, 0.0)
    # loss of a 1, of b 0.5, b of order 1 without a
    return Problem(eps, (40.0, 30.0), (eps, 0.5 * eps), (source_a, source_b), strength * eps)


def solved(p: Problem, start: tuple[Any, Any], tolerance: float = 1e-10) -> PairSolution:
    reactants = [
        Reactant(d, *map(jnp.asarray, (k / p.porosity, s, np.broadcast_to(u, SHAPE) * 1.0)))
        for d, k, s, u in zip(p.diffusivities, p.losses, p.sources, start, strict=True)
    ]
    return binding_pair(
        jnp.asarray(p.porosity),
        *reactants,
        jnp.asarray(p.bind / p.porosity),
        spacing=SPACING,
        tolerance=tolerance,
    )


def reference(p: Problem, diffusion: Any) -> tuple[Volume, Volume]:
    """Newton's method from the fields without binding, damped to stay positive, to 1e-12."""
    operators = [
        d / SPACING**2 * diffusion + sp.diags(k.ravel())
        for d, k in zip(p.diffusivities, p.losses, strict=True)
    ]
    a, b = (spl.spsolve(o.tocsc(), s.ravel()) for o, s in zip(operators, p.sources, strict=True))
    bind = p.bind.ravel()
    for _ in range(100):
        residual = np.r_[
            operators[0] @ a + bind * a * b - p.sources[0].ravel(),
            operators[1] @ b + bind * a * b - p.sources[1].ravel(),
        ]
        jacobian = sp.bmat(
            [
                [operators[0] + sp.diags(bind * b), sp.diags(bind * a)],
                [sp.diags(bind * b), operators[1] + sp.diags(bind * a)],
            ]
        )
        change = spl.spsolve(jacobian.tocsc(), -residual)
        u = np.r_[a, b]
        shrink = np.min(np.where(change < 0, -0.9 * u / np.where(change < 0, change, 1), 1))
        u = u + min(1.0, shrink) * change
        a, b = np.split(u, 2)
        if np.linalg.norm(change) < 1e-12 * np.linalg.norm(u):
            return a.reshape(SHAPE), b.reshape(SHAPE)
    raise AssertionError("the reference did not converge")


def relative(found: Any, expected: Volume) -> float:
    return float(np.linalg.norm(np.asarray(found) - expected) / np.linalg.norm(expected))


def budgets(p: Problem, pair: PairSolution) -> list[float]:
    """Relative excess of each source over loss and binding."""
    a, b = np.asarray(pair.a), np.asarray(pair.b)
    bound = (p.bind * a * b).sum()
    return [
        float((k * u).sum() + bound) / s.sum() - 1
        for k, u, s in zip(p.losses, (a, b), p.sources, strict=True)
    ]


@pytest.mark.parametrize("strength", [0.0, 0.3, 10.0, 100.0])
def test_equals_newton_by_scipy(diffusion_matrix: Matrix, strength: float) -> None:
    p = problem(strength)
    a, b = reference(p, diffusion_matrix(p.porosity))
    for tolerance, allowed in ((1e-10, 1e-9), (1e-3, 1e-3)):
        pair = solved(p, (1.0, 1.0), tolerance)
        assert relative(pair.a, a) < allowed
        assert relative(pair.b, b) < allowed
        assert budgets(p, pair) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("strength", [0.3, 100.0])
@pytest.mark.parametrize("off", [(100.0, 100.0), (0.01, 0.01), (100.0, 0.01), (0.01, 100.0)])
def test_positive_and_accurate_from_a_bad_start(
    diffusion_matrix: Matrix, strength: float, off: tuple[float, float]
) -> None:
    p = problem(strength)
    a, b = reference(p, diffusion_matrix(p.porosity))
    pair = solved(p, (a * off[0], b * off[1]), 1e-6)
    assert min(float(pair.a.min()), float(pair.b.min())) > 0
    assert relative(pair.a, a) < 1e-5
    assert relative(pair.b, b) < 1e-5
    assert budgets(p, pair) == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.parametrize("strength", [0.3, 100.0])
def test_uniform_concentrations_solve_the_quadratic(strength: float) -> None:
    """Uniform a and b solve k_a a + kappa a b = s_a and k_b b + kappa a b = s_b."""
    eps = problem(strength).porosity
    k_a, k_b, s_a, s_b = 1.0, 0.5, 3.0, 2.0
    p = Problem(eps, (40.0, 30.0), (k_a * eps, k_b * eps), (s_a * eps, s_b * eps), strength * eps)
    # b = (s_b - s_a + k_a a)/k_b
    middle = k_a * k_b + strength * (s_b - s_a)
    a = (-middle + np.sqrt(middle**2 + 4 * strength * k_a * k_b * s_a)) / (2 * strength * k_a)
    pair = solved(p, (1.0, 1.0))
    assert np.asarray(pair.a) == pytest.approx(a, rel=1e-9)
    assert np.asarray(pair.b) == pytest.approx((s_b - s_a + k_a * a) / k_b, rel=1e-9)


def test_strong_binding_costs_no_more_than_weak() -> None:
    """Each Newton step takes the same few V-cycles; strong binding takes more steps from a cold
    start, since its fields end further from it."""
    iterations = [
        int(solved(problem(s), (1.0, 1.0), 1e-4).stats.iterations) for s in (0.3, 3.0, 30.0, 100.0)
    ]
    assert max(iterations) <= 20
    assert max(iterations) <= 2 * min(iterations)


def test_rates_may_be_numbers_or_fields() -> None:
    p = problem(3.0)
    start = jnp.ones(SHAPE)
    reactants = [
        Reactant(d, k, jnp.asarray(s), start)
        for d, k, s in zip(p.diffusivities, (1.0, 0.5), p.sources, strict=True)
    ]
    numbers = binding_pair(
        jnp.asarray(p.porosity), *reactants, 3.0, spacing=SPACING, tolerance=1e-10
    )
    fields = solved(p, (1.0, 1.0))
    assert np.asarray(numbers.a) == pytest.approx(np.asarray(fields.a), rel=1e-9)
    assert np.asarray(numbers.b) == pytest.approx(np.asarray(fields.b), rel=1e-9)


def test_a_warm_start_takes_fewer_iterations() -> None:
    p = problem(10.0)
    cold = solved(p, (1.0, 1.0), 1e-4)
    warm = solved(p, (np.asarray(cold.a), np.asarray(cold.b)), 1e-3)
    assert int(warm.stats.iterations) <= 2
    assert int(warm.stats.iterations) < int(cold.stats.iterations)


def test_more_of_one_leaves_less_of_the_other() -> None:
    p = problem(10.0)
    less, more = p, p._replace(sources=(p.sources[0], 2 * p.sources[1]))
    before, after = solved(less, (1.0, 1.0), 1e-6), solved(more, (1.0, 1.0), 1e-6)
    assert (np.asarray(after.a) < np.asarray(before.a)).all()
    assert (np.asarray(after.b) > np.asarray(before.b)).all()


def test_a_nan_ends_the_iteration_and_stays() -> None:
    p = problem(1.0)
    p.sources[0][3, 3, 3] = np.nan
    pair = solved(p, (1.0, 1.0))
    assert not np.isfinite(np.asarray(pair.a)).all()


def on_bone(porosity: Volume, strength: float, dtype: Any, tolerance: float) -> PairSolution:
    """Sources on the surface and in the marrow, decay lengths of 20 voxels, from a cold start."""
    eps = porosity[:32, :32, :32]
    rim = np.where((eps > 0.1) & (eps < 0.9), 3.0, 0.0)
    reactants = [
        Reactant(400.0, 1.0, *(jnp.asarray(f, dtype) for f in (source, np.ones(eps.shape))))
        for source in (rim, 0.7 * eps)
    ]
    return binding_pair(
        jnp.asarray(eps, dtype), *reactants, strength, spacing=1.0, tolerance=tolerance
    )


@pytest.mark.slow
def test_float32_on_bone(porosity: Volume) -> None:
    iterations = []
    for strength in (1.0, 10.0, 100.0):
        pair = on_bone(porosity, strength, jnp.float32, 1e-3)
        for field in pair[:2]:
            assert field.dtype == jnp.float32
            assert np.asarray(field).min() > 0
        iterations.append(int(pair.stats.iterations))
    # weak or strong, a cold start costs about the same; Picard would need hundreds for the last
    assert max(iterations) <= 24


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 10.0, 100.0])
def test_float32_meets_its_tolerance(porosity: Volume, strength: float) -> None:
    """L2 error of each field is below the tolerance; the reference is solved to 1e-9 in float64."""
    tight = on_bone(porosity, strength, jnp.float64, 1e-9)
    loose = on_bone(porosity, strength, jnp.float32, 1e-3)
    for found, expected in zip(loose[:2], tight[:2], strict=True):
        assert relative(found, np.asarray(expected)) < 1e-3
