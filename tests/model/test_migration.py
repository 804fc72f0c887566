"""Motion of cells: precursors in the marrow, cells along the surface, supply with the bone."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import sensitive, signal
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import precursors
from tissue.model.bone import bone_geometry, surface_mean
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, preset
from tissue.model.precursors import Population, SurfaceTurnover
from tissue.model.signals import Environment

P = preset("mouse")
HEALTH = Forcing()


def closed_marrow(
    tissue: SimpleNamespace,
    population: Population,
    dt: float,
    start: jnp.ndarray | None = None,
) -> np.ndarray:
    """A kind of precursor, uniform at first unless told, that only moves."""
    nothing = jnp.zeros_like(tissue.state.solutes["il1"])
    moving = population._replace(turnover=0.0, supply=nothing, uptake=nothing)
    geometry = bone_geometry(tissue.state.bone_volume_fraction, tissue.numerics.spacing, P)
    start = 1000 * jnp.ones_like(nothing) if start is None else start
    number = geometry.exchange.porosity * start
    exact = Numerics(tissue.numerics.spacing, 1e-12)
    density, _ = precursors.implicit_step((number, start), moving, geometry, dt, exact)
    return np.asarray(density)


def variation(values: np.ndarray) -> float:
    return float(np.std(values) / np.mean(values))


def il1_gradient(tissue: SimpleNamespace) -> jnp.ndarray:
    """IL-1 that falls along x, from 40 to 1 pM."""
    return jnp.broadcast_to(
        jnp.linspace(40, 1, tissue.state.solutes["il1"].shape[2]), tissue.state.solutes["il1"].shape
    )


@pytest.mark.parametrize("chi", [15000.0, 0.0])
def test_il1_repels_osteoblast_precursors(tissue: SimpleNamespace, chi: float) -> None:
    p, il1 = replace(P, chi_I=chi), il1_gradient(tissue)
    nothing = jnp.zeros_like(il1)
    geometry = bone_geometry(tissue.state.bone_volume_fraction, tissue.numerics.spacing, p)
    environment = Environment({"il1": il1, "tnf": 0.0})
    still, context = SurfaceTurnover(nothing, nothing), StepContext(HEALTH, p, tissue.numerics)
    population = precursors.osteoblast_precursors(environment, None, still, geometry, context)
    settled = closed_marrow(tissue, population, 1e7)
    seen = np.vectorize(lambda each: signal(each, P))(np.asarray(il1))
    assert variation(settled * np.exp(chi / P.D_P * seen)) < 1e-5
    if chi:
        fell = np.exp(chi / P.D_P * (signal(40.0, P) - signal(1.0, P)))
        assert settled[..., -1].mean() > 0.7 * fell * settled[..., 0].mean()
    else:
        assert variation(settled) < 1e-5


def test_il1_slows_osteoblast_precursors(tissue: SimpleNamespace) -> None:
    # in uniform IL-1 there is no drift, and mu divides the random motility
    il1 = jnp.full_like(tissue.state.solutes["il1"], 10.5)
    nothing = jnp.zeros_like(il1)
    geometry = bone_geometry(tissue.state.bone_volume_fraction, tissue.numerics.spacing, P)
    relative_density = 1000 * jnp.ones_like(il1).at[:, :, :8].set(5.0)

    def spread(p: Parameters) -> np.ndarray:
        environment = Environment({"il1": il1, "tnf": 0.0})
        still, context = SurfaceTurnover(nothing, nothing), StepContext(HEALTH, p, tissue.numerics)
        population = precursors.osteoblast_precursors(environment, None, still, geometry, context)
        return closed_marrow(tissue, population, 1, relative_density)

    slowed = spread(replace(P, g_m=5.0))
    slow = P.D_P / (1 + 5 * sensitive(10.5, P))
    assert_allclose(slowed, spread(replace(P, g_m=0.0, D_P=slow)), rtol=1e-8)
    assert np.abs(slowed / spread(replace(P, g_m=0.0)) - 1).max() > 0.1


@pytest.mark.parametrize("chi", [60000.0, 0.0])
def test_rankl_attracts_osteoclast_precursors(tissue: SimpleNamespace, chi: float) -> None:
    p = replace(P, chi_R=chi)
    rankl = il1_gradient(tissue)
    nothing = jnp.zeros_like(rankl)
    geometry = bone_geometry(tissue.state.bone_volume_fraction, tissue.numerics.spacing, p)
    still, context = SurfaceTurnover(nothing, nothing), StepContext(HEALTH, p, tissue.numerics)
    environment = Environment({"il1": jnp.full_like(rankl, P.I_0), "tnf": 0.0})
    population = precursors.osteoclast_precursors(rankl, environment, still, geometry, context)
    settled = closed_marrow(tissue, population, 1e7)
    rho = np.asarray(rankl) / (np.asarray(rankl) + P.K_R)
    assert variation(settled * np.exp(-chi / P.D_M * rho)) < 1e-5
    if chi:
        assert settled[..., 0].mean() > 1.5 * settled[..., -1].mean()


def test_healthy_osteoclast_precursors_gather_at_rankl(
    make_tissue: Callable[..., SimpleNamespace],
) -> None:
    drawn, free = make_tissue(), make_tissue(chi_R=0.0)
    geometry = bone_geometry(drawn.state.bone_volume_fraction, 10.0, P)
    near = surface_mean(geometry, geometry.exchange.to_surface(drawn.healthy.osteoclast_precursors))
    assert near > 8000 * 1.001
    assert_allclose(free.healthy.osteoclast_precursors, 8000, rtol=1e-9)


def test_cells_spread_along_the_surface(tissue: SimpleNamespace) -> None:
    surface = np.asarray(bone_geometry(tissue.state.bone_volume_fraction, 10.0, P).exchange.surface)
    z, y, x = (int(i[0]) for i in np.nonzero(surface == surface.max()))
    one = tissue.state.osteoclasts.at[z, y, x].mul(50)
    crowded = replace(tissue.state, osteoclasts=one)
    after, _ = tissue.step(state=crowded)
    still, _ = tissue.step(state=crowded, D_sC=1e-9)
    assert after.osteoclasts[z, y, x] < 0.6 * still.osteoclasts[z, y, x]


def test_buried_supply_moves_to_the_nearest_marrow(tissue: SimpleNamespace) -> None:
    # osteoblasts bury the healthy surface; the supply stays in proportion to the marrow
    state = replace(
        tissue.state,
        osteoblasts=20 * tissue.state.osteoblasts,
        osteoclasts=0 * tissue.state.osteoclasts,
    )
    before = tissue.state
    for _ in range(12):
        state, _ = tissue.step(0.0, 0.5, state, delta_B=1e-6, g_f=0.0)
    old, new = (
        bone_geometry(s.bone_volume_fraction, 10.0, P).exchange.porosity for s in (before, state)
    )
    assert total(new) < 0.9 * total(old)
    assert_allclose(
        total(state.endosteal_supply) / total(new), total(before.endosteal_supply) / total(old)
    )
    buried = np.asarray(old > 0.3) & np.asarray(new < 0.02)
    assert buried.sum() > 20
    left = np.asarray(state.endosteal_supply)[buried].sum()
    assert left < 0.05 * np.asarray(before.endosteal_supply)[buried].sum()
    assert np.all(np.asarray(state.osteoclast_precursors) >= 0)
