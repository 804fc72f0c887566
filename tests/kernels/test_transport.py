"""Drift and diffusion in the Slotboom variable against scipy in the density itself.

The shapes are those of test_elliptic.py, so that the compiled solver is shared.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spl

from tissue.kernels.transport import drift_diffusion

Volume = npt.NDArray[np.float64]
CUBE = (32, 32, 32)
SMALL = (4, 3, 50)


def stepped(
    porosity: Volume,
    mobility: Volume | float,
    potential: Volume,
    loss: Volume,
    source: Volume,
    start: Volume | None = None,
    *,
    diffusivity: float = 20.0,
    spacing: float = 1.0,
    tolerance: float = 1e-12,
) -> Volume:
    """Density after one solve in float64."""
    start = np.zeros_like(source) if start is None else start
    mobility = np.broadcast_to(mobility, porosity.shape)
    fields = (jnp.asarray(f) for f in (porosity, mobility, potential, loss, source, start))
    n, _ = drift_diffusion(*fields, diffusivity=diffusivity, spacing=spacing, tolerance=tolerance)
    return np.asarray(n)


def tissue(seed: int = 0) -> tuple[Volume, Volume, Volume]:
    """Porosity, mobility, and a potential that ranges over 4."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in SMALL), indexing="ij")
    potential = 2 * np.sin(3 * x + y) - 1.5 * np.cos(5 * x * z) + rng.uniform(-0.2, 0.2, SMALL)
    potential *= 4 / np.ptp(potential)
    return rng.uniform(0.05, 1, SMALL), rng.uniform(0.2, 1, SMALL), potential


@pytest.mark.parametrize("slope", [1.0, 0.0])
def test_equals_scipy_in_the_density_itself(
    drift_matrix: Callable[[Volume, Volume], Any], slope: float
) -> None:
    eps, mobility, potential = tissue()
    rng = np.random.default_rng(1)
    loss, source = eps * rng.uniform(0.1, 2, SMALL), rng.random(SMALL)
    matrix = 20 / 2.0**2 * drift_matrix(eps * mobility, slope * potential)
    expected = spl.spsolve((matrix + sp.diags(loss.ravel())).tocsc(), source.ravel())
    found = stepped(eps, mobility, slope * potential, loss, source, spacing=2.0)
    assert found.ravel() == pytest.approx(expected, rel=1e-8)


def test_equilibrium_is_kept() -> None:
    """n exp(psi) = const in a closed box stays, to 1e-10, over a range of psi of 4."""
    eps, mobility, potential = tissue()
    n = 3 * np.exp(-potential)
    # a year of implicit steps in one
    found = stepped(eps, mobility, potential, eps / 365, eps * n / 365, n)
    w = found * np.exp(potential)
    assert w.std() / w.mean() < 1e-10
    assert w.mean() == pytest.approx(3, rel=1e-10)


def relaxed(mobility: Volume | float, rate: float) -> tuple[Volume, Volume, Volume]:
    """Density after one implicit step at 1/dt = rate from a uniform one; porosity; potential."""
    eps, _, potential = tissue()
    return stepped(eps, mobility, potential, eps * rate, eps * rate), eps, potential


def test_reaches_equilibrium_and_mobility_does_not_change_it() -> None:
    """Density after a long step is const exp(-psi) at any mobility.

    The start contributes 1/dt over the rate of the slowest mode, D (pi/50)^2 mu ~ 0.08 a day
    slowed by the pores: 1e-10/0.002 at most.
    """
    for mobility in (1.0, tissue()[1]):
        n, eps, potential = relaxed(mobility, 1e-10)
        w = n * np.exp(potential)
        assert w.std() / w.mean() < 1e-7
        assert w.mean() == pytest.approx(eps.sum() / (eps * np.exp(-potential)).sum(), rel=1e-7)


def test_mobility_sets_the_rate() -> None:
    """A cosine without drift decays by 1/(1 + dt mu D q^2) in one implicit step."""
    x = np.arange(50) + 0.5
    wave = np.broadcast_to(np.cos(np.pi * x / 50), SMALL)
    q = 2 * np.sin(np.pi / 100)
    one, flat = np.ones(SMALL), np.zeros(SMALL)
    for mobility in (1.0, 0.25):
        n = stepped(one, mobility, flat, one / 5, (2 + wave) / 5)
        assert n - 2 == pytest.approx(wave / (1 + 5 * mobility * 20 * q**2), abs=1e-9)


def test_a_constant_potential_drops_out() -> None:
    eps, mobility, potential = tissue()
    source = np.random.default_rng(2).random(SMALL)
    plain = stepped(eps, mobility, potential, eps, source)
    lifted = stepped(eps, mobility, potential + 1000, eps, source)
    assert lifted == pytest.approx(plain, rel=1e-9)


@pytest.mark.parametrize("strength", [4.0, 40.0])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-4])
def test_positive_and_conserved_at_strong_drift(strength: float, tolerance: float) -> None:
    """Drift from a point, with up to ten of potential a voxel; sums close at any tolerance."""
    eps, mobility, potential = tissue()
    start = np.zeros(SMALL)
    start[1, 2, 40] = 1e4
    n = stepped(
        eps, mobility, strength / 4 * potential, eps / 0.5, eps * start / 0.5, tolerance=tolerance
    )
    assert n.min() >= 0
    assert (eps * n).sum() == pytest.approx((eps * start).sum(), rel=1e-12)


def test_second_order_in_space() -> None:
    """Error falls as h^2 on k^3 mirrored copies of the unit box on one grid, h = k/32.

    eps = 0.6 + 0.3 cos(pi x) cos(2 pi z), mu = 0.7 + 0.2 cos(pi y), psi = cos(pi x) cos(pi z),
    n = 2 + cos(pi x) cos(pi y) cos(2 pi z).
    """
    rate, diffusivity = 1.3, 0.7
    spacings = np.asarray([1, 2, 3, 4]) / 32
    errors = []
    for h in spacings:
        z, y, x = np.meshgrid(*((np.pi * h * (np.arange(32) + 0.5),) * 3), indexing="ij")
        eps = 0.6 + 0.3 * np.cos(x) * np.cos(2 * z)
        mu = 0.7 + 0.2 * np.cos(y)
        psi = np.cos(x) * np.cos(z)
        n = 2 + np.cos(x) * np.cos(y) * np.cos(2 * z)
        zero = np.zeros(CUBE)
        # gradients over pi, in the order z, y, x
        eps_1 = np.stack([-0.6 * np.cos(x) * np.sin(2 * z), zero, -0.3 * np.sin(x) * np.cos(2 * z)])
        mu_1 = np.stack([zero, -0.2 * np.sin(y), zero])
        psi_1 = np.stack([-np.cos(x) * np.sin(z), zero, -np.sin(x) * np.cos(z)])
        n_1 = np.stack(
            [
                -2 * np.cos(x) * np.cos(y) * np.sin(2 * z),
                -np.cos(x) * np.sin(y) * np.cos(2 * z),
                -np.sin(x) * np.cos(y) * np.cos(2 * z),
            ]
        )
        laplacian_n, laplacian_psi = -6 * (n - 2), -2 * psi
        drive = n_1 + n * psi_1
        divergence = ((mu * eps_1 + eps * mu_1) * drive).sum(0)
        divergence += eps * mu * (laplacian_n + (n_1 * psi_1).sum(0) + n * laplacian_psi)
        source = rate * eps * n - diffusivity * np.pi**2 * divergence
        found = stepped(eps, mu, psi, rate * eps, source, diffusivity=diffusivity, spacing=float(h))
        errors.append(np.linalg.norm(found - n) / np.linalg.norm(n))
    order = np.polyfit(np.log(spacings), np.log(errors), 1)[0]
    assert order == pytest.approx(2, abs=0.05)
    assert errors[0] < 1e-2


def test_a_nan_stays() -> None:
    eps, mobility, potential = tissue()
    potential[2, 1, 7] = np.nan
    assert not np.isfinite(stepped(eps, mobility, potential, eps, eps)).all()
