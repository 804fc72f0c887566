"""Lining cells: a source of osteoblasts that needs no resorption."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import (
    INSTANT,
    lineage_inhibition,
    lining_cell_activation,
    on_surface,
    osteoblasts_recruited,
)
from numpy.testing import assert_allclose
from scipy.linalg import expm

from tissue.kernels.stencil import total
from tissue.kernels.surface import move
from tissue.model import osteoblast_responses as responses
from tissue.model.bone import surface_mean
from tissue.model.conservation import StepRecord, budgets
from tissue.model.context import StepContext
from tissue.model.forcing import Forcing
from tissue.model.mechanostat import load_stimulus
from tissue.model.parameters import preset
from tissue.model.state import State

P = preset("mouse")
K_L0 = P.w_L * P.delta_B * P.B_0 / P.L_0  # healthy activation [1/day]
ACTIVE = Forcing(lining_activation=0.1)


def without_resorption(state: State) -> State:
    """The same without osteoclasts, those that wait, and matrix that they have resorbed."""
    nothing = 0 * state.osteoclasts
    return replace(state, osteoclasts=nothing, osteomorphs=nothing, coupling_store=nothing)


NO_RANKL = Forcing(lining_activation=0.1, exposure={"rankl": jnp.array([1e30])})


# Health


def test_in_health_osteoblasts_that_retire_replace_lining_cells(tissue: SimpleNamespace) -> None:
    after, diagnostics = tissue.step(dt=5.0)
    assert_allclose(on_surface(diagnostics, after.lining_cells), P.L_0, rtol=1e-9)
    assert_allclose(lining_cell_activation(diagnostics, P), K_L0, rtol=1e-9)
    formed, recruited = (
        on_surface(diagnostics, each)
        for each in (diagnostics.terms.osteoblasts.formed, diagnostics.terms.osteoblasts.recruited)
    )
    assert_allclose(formed, P.delta_B * P.B_0, rtol=1e-7)
    assert_allclose(recruited / formed, 1 - P.w_L, rtol=1e-7)


def test_health_stands_still_with_many_and_without_lining_cells(
    make_tissue: Callable[..., SimpleNamespace],
) -> None:
    for share in (0.0, 0.6):
        each = make_tissue(w_L=share)
        state = each.state
        for dt in (0.3, 2.0, 10.0):
            state, diagnostics = each.step(dt=dt, state=state)
        assert_allclose(on_surface(diagnostics, state.lining_cells), P.L_0, rtol=1e-7)
        assert_allclose(on_surface(diagnostics, state.osteoblasts), P.B_0, rtol=1e-6)
        assert_allclose(state.bone_volume_fraction, each.state.bone_volume_fraction, atol=1e-6)


# Activation


def test_activated_lining_cells_form_bone_without_resorption(tissue: SimpleNamespace) -> None:
    state = without_resorption(tissue.state)
    none = replace(state, osteoblasts=0 * state.osteoblasts)
    _, diagnostics = tissue.step(dt=INSTANT, state=none, forcing=NO_RANKL)
    done = diagnostics.terms
    assert on_surface(diagnostics, done.resorption).max() < 1e-20
    assert on_surface(diagnostics, done.osteoblasts.recruited).max() < 1e-20
    wanted = (K_L0 + 0.1) * P.L_0
    assert_allclose(on_surface(diagnostics, done.osteoblasts.formed), wanted, rtol=1e-6)
    for _ in range(5):
        none, diagnostics = tissue.step(dt=1.0, state=none, forcing=NO_RANKL)
    assert on_surface(diagnostics, diagnostics.terms.resorption).max() < 1e-20
    grown = total(none.bone_volume_fraction) / total(tissue.state.bone_volume_fraction)
    assert grown > 1.005


def test_activation_keeps_the_number_of_cells(tissue: SimpleNamespace) -> None:
    # no cell is recruited, retires or dies: only lining cells become osteoblasts
    state = without_resorption(tissue.state)
    still = {"delta_B": 1e-14, "delta_L": 0.0}
    after, diagnostics = tissue.step(dt=3.0, state=state, forcing=NO_RANKL, **still)
    done = diagnostics.terms
    lining, osteoblasts = (
        on_surface(diagnostics, each.cells.end) for each in (done.lining_cells, done.osteoblasts)
    )
    assert_allclose(lining, P.L_0 * np.exp(-0.3), rtol=1e-12)
    assert_allclose(lining + osteoblasts, P.L_0 + P.B_0, rtol=1e-12)
    record = StepRecord(state, after, diagnostics)
    found = budgets(record)
    moved = P.L_0 * (1 - np.exp(-0.3)) * total(done.geometry.exchange.surface)
    assert_allclose(found["lining_cells"].lost, moved, rtol=1e-12)
    assert_allclose(found["osteoblasts"].gained, moved, rtol=1e-12)
    assert float(found["osteoblasts"].residual) < 1e-12
    assert float(found["lining_cells"].residual) < 1e-12


def test_the_pool_empties_and_fills_from_osteoblasts_that_retire(
    make_tissue: Callable[..., SimpleNamespace],
) -> None:
    # without OPG of osteoblasts nothing else answers them: the two densities follow a linear
    # system, where the bone hardly moves
    each = make_tissue(v_B=1e-9, v_0=1e-4)
    p, state = each.parameters, each.state
    kept = p.w_L + p.delta_L * p.L_0 / (p.delta_B * p.B_0)
    coupled = (1 - p.w_L) * p.delta_B * p.B_0

    def closed_form(start: np.ndarray, activation: float, days: float) -> np.ndarray:
        rate = K_L0 + activation
        growth = np.array([[-p.delta_B, rate], [kept * p.delta_B, -p.delta_L - rate]])
        rest = np.linalg.solve(growth, [-coupled, 0.0])
        return np.asarray(rest + expm(growth * days) @ (start - rest))

    wanted, levels = np.array([p.B_0, p.L_0]), []
    for forcing, activation in ((Forcing(lining_activation=0.05), 0.05), (Forcing(), 0.0)):
        wanted = closed_form(wanted, activation, 20.0)
        for _ in range(20):
            state, diagnostics = each.step(dt=1.0, state=state, forcing=forcing)
        found = [
            float(surface_mean(diagnostics.geometry, cells))
            for cells in (state.osteoblasts, state.lining_cells)
        ]
        assert_allclose(found, wanted, rtol=1e-3)
        levels.append(found[1])
    assert levels[0] < 0.6 * p.L_0
    assert levels[0] < levels[1] < p.L_0


def test_load_activates_lining_cells(make_tissue: Callable[..., SimpleNamespace]) -> None:
    loaded = make_tissue(mechanostat=True)
    phi = loaded.state.bone_volume_fraction
    for depth in (2.0, -2.0):  # um of bone gone, or grown
        gone, grown = (jnp.full_like(phi, max(each, 0.0)) for each in (depth, -depth))
        moved = move(phi, gone, grown, loaded.numerics.spacing, 1.0).phi
        state = replace(loaded.state, bone_volume_fraction=moved)
        _, diagnostics = loaded.step(dt=INSTANT, state=state, u_L=0.2)
        context = StepContext(Forcing(), P, loaded.numerics, loaded.healthy)
        load = on_surface(diagnostics, load_stimulus(moved, context))
        assert np.sign(load.mean()) == np.sign(depth)
        wanted = K_L0 * (1 + 0.2 * load)
        assert_allclose(lining_cell_activation(diagnostics, P), wanted, rtol=1e-4)
    # and never turns osteoblasts into lining cells
    none = responses.lining_cell_activation(jnp.asarray(1.0), -2 / P.u_L, Forcing(), P)
    assert none == 0


def test_estrogen_loss_retires_osteoblasts_to_the_surface(tissue: SimpleNamespace) -> None:
    lost = Forcing(estrogen_loss=1.0)
    _, diagnostics = tissue.step(dt=INSTANT, forcing=lost, omega_T=0.0, omega_B=0.3)
    kept = P.w_L + P.delta_L * P.L_0 / (P.delta_B * P.B_0)
    gained = on_surface(diagnostics, diagnostics.terms.lining_cells.gained)
    assert_allclose(gained, kept * 1.3 * P.delta_B * P.B_0, rtol=1e-6)


# What inhibits activation


@pytest.mark.parametrize("activation", [0.0, 0.1])
def test_il1_and_tnf_inhibit_activation(tissue: SimpleNamespace, activation: float) -> None:
    for il1, tnf in ((10.0, 0.0), (0.0, 20.0)):
        ill = Forcing(excess={"il1": il1, "tnf": tnf}, lining_activation=activation)
        _, diagnostics = tissue.step(dt=INSTANT, forcing=ill, a_TI=0.0)
        inhibited = lineage_inhibition(P.I_0 + il1, P, tnf)
        assert inhibited < 0.6
        wanted = (K_L0 + activation) * inhibited
        assert_allclose(lining_cell_activation(diagnostics, P), wanted, rtol=1e-6)


def test_glucocorticoid_inhibits_activation(tissue: SimpleNamespace) -> None:
    exposure = {"glucocorticoid_receptor": jnp.array([3 * P.K_GB])}
    treated = Forcing(lining_activation=0.1, exposure=exposure)
    _, diagnostics = tissue.step(dt=INSTANT, forcing=treated)
    assert_allclose(lining_cell_activation(diagnostics, P), (K_L0 + 0.1) / 4, rtol=1e-6)


# Coupling to resorption saturates


def test_recruitment_by_resorption_saturates(tissue: SimpleNamespace) -> None:
    for times in (0.0, 0.5, 1.0, 4.0, 1e6):
        state = replace(tissue.state, coupling_store=times * tissue.state.coupling_store)
        _, diagnostics = tissue.step(dt=INSTANT, state=state)
        wanted = (1 + P.kappa_E) * times / (times + P.kappa_E)
        found = osteoblasts_recruited(tissue, diagnostics)
        assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert_allclose(found, 1 + P.kappa_E, rtol=1e-4)


# Time


@pytest.mark.slow
def test_the_error_falls_with_the_square_of_the_step(tissue: SimpleNamespace) -> None:
    def bone(dt: float) -> float:
        state = start
        for _ in range(round(8 / dt)):
            state, _ = tissue.step(dt=dt, state=state, forcing=ACTIVE, theta_min=0.5)
        return float(100 * total(state.bone_volume_fraction) / healthy)

    healthy, start = total(tissue.state.bone_volume_fraction), tissue.state
    for dt in (0.1, 0.2, 0.3, 0.4):  # beyond the jump
        start, _ = tissue.step(dt=dt, state=start, forcing=ACTIVE, theta_min=1.0)
    steps, truth = (2.0, 1.0, 0.5), bone(0.125)
    errors = np.abs(np.array([bone(dt) for dt in steps]) - truth)
    assert truth > 101
    assert errors[0] < 0.05
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] > 1.7
