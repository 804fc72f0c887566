"""Explicit steps against closed forms, the budget of every solute and the steady solver."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest

from tissue.kernels.elliptic import screened_diffusion
from tissue.kernels.explicit import Coefficients, largest_step, steps

Volume = npt.NDArray[np.float64]

D, K = np.array([1.0, 0.6, 0.8]), np.array([0.05, 0.1, 0.2])
MADE, KAPPA = np.array([0.3, 0.2, 0.5]), 0.4
PAIR = (1, 2)


@pytest.fixture(scope="module")
def pores() -> npt.NDArray[np.bool_]:
    """Pores among random bone in half of all voxels: plates, dead ends and sealed pockets."""
    return np.random.default_rng(0).random((9, 8, 7)) > 0.5


@pytest.fixture(scope="module")
def source(pores: npt.NDArray[np.bool_]) -> Volume:
    return np.where(pores, np.random.default_rng(1).random(pores.shape), 0)


def coefficients(
    diffusivity: Volume = D,
    loss: Volume = K,
    production: Volume = MADE,
    pair: tuple[int, int] | None = None,
) -> Coefficients:
    d, k, made = (jnp.asarray(rates) for rates in (diffusivity, loss, production))
    return Coefficients(d, k, made, pair, KAPPA if pair else 0.0)


def advanced(
    start: npt.NDArray[Any],
    pores: npt.NDArray[np.bool_],
    source: Any,
    *,
    n: int,
    dt: float,
    diffusivity: Volume = D,
    loss: Volume = K,
    production: Volume = MADE,
    pair: tuple[int, int] | None = None,
    spacing: float = 1.0,
) -> npt.NDArray[Any]:
    """Concentrations after n steps, [solute, z, y, x]."""
    found = steps(
        tuple(jnp.asarray(u) for u in start),
        jnp.asarray(pores),
        tuple(jnp.asarray(s) for s in source)
        if isinstance(source, list)
        else jnp.asarray(source, start.dtype),
        coefficients(diffusivity, loss, production, pair),
        spacing=spacing,
        dt=dt,
        n=n,
    )
    return np.stack([np.asarray(u) for u in found])


def decayed(cells: int, count: int, time: float) -> tuple[Volume, float]:
    """cos(pi x) on the unit interval after `time`, and the spacing."""
    h = 1 / cells
    mode = np.cos(np.pi * (np.arange(cells) + 0.5) * h)
    start = np.broadcast_to(mode, (1, 2, 2, cells))
    found = advanced(
        start,
        np.ones(start.shape[1:], bool),
        np.zeros(start.shape[1:]),
        n=count,
        dt=time / count,
        diffusivity=D[:1],
        loss=K[:1],
        production=MADE[:1],
        spacing=h,
    )
    assert np.ptp(found, axis=(0, 1, 2)) == pytest.approx(0, abs=1e-12)
    return found[0, 0, 0] / mode, h


def test_first_order_in_time() -> None:
    """Error against exp of the discrete Laplacian's eigenvalue, free of that in space."""
    time, counts = 0.1, np.array([60, 120, 240])
    errors = []
    for count in counts:
        share, h = decayed(8, int(count), time)
        rate = K[0] + D[0] * (2 / h * np.sin(np.pi * h / 2)) ** 2
        errors.append(np.abs(share - np.exp(-rate * time)).max())
    assert np.polyfit(np.log(counts), np.log(errors), 1)[0] == pytest.approx(-1, abs=0.05)


def test_second_order_in_space() -> None:
    """Error with steps that shrink like h^2, against the eigenvalue of the true Laplacian."""
    time, cells = 0.1, np.array([6, 12, 24])
    errors = []
    for n in cells:
        share, _ = decayed(int(n), 30 * int(n) ** 2 // 36, time)
        errors.append(np.abs(share - np.exp(-(K[0] + D[0] * np.pi**2) * time)).max())
    assert np.polyfit(np.log(cells), np.log(errors), 1)[0] == pytest.approx(-2, abs=0.05)


def test_converges_to_the_result_of_the_steady_solver(
    pores: npt.NDArray[np.bool_], source: Volume
) -> None:
    dt = float(largest_step(coefficients(), 1.0))
    resting = advanced(np.zeros((3, *pores.shape)), pores, source, n=3000, dt=dt)
    for i, found in enumerate(resting):
        eps = jnp.asarray(pores, jnp.float64)
        expected, _ = screened_diffusion(
            eps,
            eps * K[i],
            jnp.asarray(source) * MADE[i],
            jnp.zeros_like(eps),
            diffusivity=float(D[i]),
            spacing=1.0,
            tolerance=1e-12,
        )
        # in bone the result of the steady solver is undetermined
        assert found[pores] == pytest.approx(np.asarray(expected)[pores], rel=1e-8)


def test_amounts_change_by_production_loss_and_binding(
    pores: npt.NDArray[np.bool_], source: Volume
) -> None:
    dt = 0.1
    u = np.random.default_rng(2).random((3, *pores.shape)) * pores
    for _ in range(5):
        new = advanced(u, pores, source, n=1, dt=dt, pair=PAIR)
        change = MADE * source.sum() - K * u.sum((1, 2, 3))
        change[1:] -= KAPPA * (u[1] * u[2]).sum()
        assert new.sum((1, 2, 3)) == pytest.approx(u.sum((1, 2, 3)) + dt * change, rel=1e-13)
        u = new


def test_diffusion_alone_keeps_every_sealed_pocket(pores: npt.NDArray[np.bool_]) -> None:
    """A pocket keeps its amount, so nothing passes bone, walls or from end to end of the box."""
    ndimage = pytest.importorskip("scipy.ndimage")
    pockets, number = ndimage.label(pores)
    assert number > 5
    u = np.random.default_rng(3).random((1, *pores.shape))
    found = advanced(
        u,
        pores,
        np.zeros(pores.shape),
        n=400,
        dt=0.15,
        diffusivity=D[:1],
        loss=np.zeros(1),
        production=MADE[:1],
    )
    index = np.arange(1, number + 1)
    held = ndimage.sum_labels(u[0], pockets, index)
    assert ndimage.sum_labels(found[0], pockets, index) == pytest.approx(held, rel=1e-12)
    spread = ndimage.maximum(found[0], pockets, index) - ndimage.minimum(found[0], pockets, index)
    assert np.median(spread) < 1e-6


def test_bone_stays_empty(pores: npt.NDArray[np.bool_], source: Volume) -> None:
    """Bone stays empty also where the start, or the source, lies in bone."""
    found = advanced(np.ones((3, *pores.shape)), pores, source + 1.0, n=4, dt=0.1, pair=PAIR)
    assert (found[:, ~pores] == 0).all()
    assert (found[:, pores] > 0).all()


def test_positive_up_to_the_largest_step_and_no_further() -> None:
    spike = np.zeros((3, 5, 5, 5))
    spike[:, 2, 2, 2] = 2.0
    dt = float(largest_step(coefficients(pair=PAIR), 1.0, largest_partner=2.0))
    everywhere, no_source = np.ones((5, 5, 5), bool), np.zeros((5, 5, 5))
    within = advanced(spike, everywhere, no_source, n=20, dt=dt, pair=PAIR)
    assert within.min() >= 0
    # of a single solute without a partner the limit is exact
    alone = float(largest_step(coefficients(D[:1], K[:1], MADE[:1]), 1.0))
    for factor, sign in ((1.0, 0), (1.01, -1)):
        found = advanced(
            spike[:1],
            everywhere,
            no_source,
            n=1,
            dt=factor * alone,
            diffusivity=D[:1],
            loss=K[:1],
            production=MADE[:1],
        )
        assert np.sign(np.round(found.min(), 14)) == sign


def test_several_steps_equal_single_ones(pores: npt.NDArray[np.bool_], source: Volume) -> None:
    """Steps are taken in twos; a source for each solute equals one that all share."""
    u = np.random.default_rng(4).random((3, *pores.shape)) * pores
    single = u
    for _ in range(3):
        single = advanced(single, pores, [source] * 3, n=1, dt=0.1, pair=PAIR)
    for found in (
        advanced(u, pores, source, n=3, dt=0.1, pair=PAIR),
        advanced(
            advanced(u, pores, source, n=2, dt=0.1, pair=PAIR),
            pores,
            source,
            n=1,
            dt=0.1,
            pair=PAIR,
        ),
    ):
        assert found == pytest.approx(single, rel=1e-14)
    assert (advanced(u, pores, source, n=0, dt=0.1) == u).all()


def test_keeps_float32_and_its_slow_loss() -> None:
    """A loss of 1e-4 a step survives the rounding of a uniform field for 1000 steps."""
    everywhere = np.ones((4, 4, 4), bool)
    start = np.ones((1, 4, 4, 4), np.float32)
    found = advanced(
        start,
        everywhere,
        np.zeros((4, 4, 4)),
        n=1000,
        dt=0.1,
        diffusivity=D[:1],
        loss=np.array([1e-3]),
        production=MADE[:1],
    )
    assert found.dtype == np.float32
    assert 1 - found == pytest.approx(np.full(start.shape, 1 - (1 - 1e-4) ** 1000), rel=1e-3)
