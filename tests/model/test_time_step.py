"""A step is of the second order in time, closes its budgets and stands still in health."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import precursors
from tissue.model.bone import bone_geometry
from tissue.model.conservation import BUDGETS, StepRecord, budgets
from tissue.model.integrators import THETA_MIN, local_theta
from tissue.model.parameters import preset
from tissue.model.state import State

P = preset("mouse")
HIGH = 10.0  # pM of excess IL-1
STILL = {"D_sC": 1e-9, "D_sB": 1e-9}  # cells do not spread along the surface
UNEVEN = (0.1, 1.0, 3.0, 0.3, 5.0, 14.0, 0.05, 2.0)


def fallen_ill(tissue: SimpleNamespace, excess: float, **changes: float) -> State:
    """Two days into disease, where the jump of IL-1 is over."""
    state = tissue.state
    for dt in (0.1, 0.2, 0.3, 0.4, 0.5, 0.5):
        state, _ = tissue.step(excess, dt, state, theta_min=1.0, **changes)
    return state


@pytest.fixture(scope="module")
def ill(tissue: SimpleNamespace) -> State:
    return fallen_ill(tissue, HIGH)


def later(
    tissue: SimpleNamespace,
    state: State,
    days: float,
    dt: float,
    theta_min: float,
    excess: float = HIGH,
    **changes: float,
) -> State:
    for _ in range(round(days / dt)):
        state, _ = tissue.step(excess, dt, state, theta_min=theta_min, **changes)
    return state


def lost(before: State, after: State) -> float:
    """Bone lost [%]."""
    ratio = total(after.bone_volume_fraction) / total(before.bone_volume_fraction)
    return 100 * float(1 - ratio)


@pytest.mark.parametrize("excess", [3.0, pytest.param(HIGH, marks=pytest.mark.slow)])
def test_the_error_falls_with_the_square_of_the_step(
    tissue: SimpleNamespace, excess: float
) -> None:
    ill, steps = fallen_ill(tissue, excess, **STILL), (2.0, 1.0, 0.5)
    truth = lost(ill, later(tissue, ill, 8, 0.125, 0.5, excess, **STILL))
    found = [lost(ill, later(tissue, ill, 8, dt, 0.5, excess, **STILL)) for dt in steps]
    errors = np.abs(np.array(found) - truth)
    assert truth > 4
    assert errors[0] < 0.01
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] > 1.7


@pytest.mark.slow
@pytest.mark.parametrize("excess", [3.0, HIGH])
def test_spreading_along_the_surface_costs_less_than_a_hundredth_of_a_point(
    tissue: SimpleNamespace, excess: float
) -> None:
    # it follows the growth of cells, and is of the first order
    ill = fallen_ill(tissue, excess)
    truth = lost(ill, later(tissue, ill, 8, 0.25, 0.5, excess))
    found = lost(ill, later(tissue, ill, 8, 2.0, 0.5, excess))
    assert abs(found - truth) < 0.01


@pytest.mark.slow
def test_the_usual_damping_costs_next_to_nothing(tissue: SimpleNamespace) -> None:
    ill = fallen_ill(tissue, 3.0)
    truth = lost(ill, later(tissue, ill, 8, 0.25, 0.5, 3.0))
    errors = [abs(lost(ill, later(tissue, ill, 8, 2.0, s, 3.0)) - truth) for s in (THETA_MIN, 1.0)]
    assert errors[0] < 0.05
    assert errors[0] < 0.5 * errors[1]


def test_the_estimate_goes_with_the_cube_of_the_step(tissue: SimpleNamespace, ill: State) -> None:
    # where osteoclasts do not follow RANKL at once: that of the step before is known to the first
    # order only; and from a state whose solutes are those of its cells, as after a short step
    deaf = {"chi_act": 1e-9}
    start, _ = tissue.step(HIGH, 1e-3, ill, **deaf)
    steps = np.array([2.0, 1.0, 0.5])
    found = [tissue.step(HIGH, dt, start, theta_min=THETA_MIN, **deaf)[1].error for dt in steps]
    bone = [float(error.bone) for error in found]
    assert 2.2 < np.polyfit(np.log(steps), np.log(bone), 1)[0] < 3.4
    speeds = [float(error.cells) for error in found]
    assert 1.2 < np.polyfit(np.log(steps), np.log(speeds), 1)[0] < 2.4


def test_the_estimate_is_not_far_below_the_error(tissue: SimpleNamespace, ill: State) -> None:
    # half a day: at two days the terms of RANKL and of the cells, of opposite signs, happen to
    # cancel in the estimate
    dt = 0.5
    ill, _ = tissue.step(HIGH, 1e-3, ill)
    estimate = float(tissue.step(HIGH, dt, ill, theta_min=THETA_MIN)[1].error.bone)
    fine = ill
    for _ in range(16):
        fine, _ = tissue.step(HIGH, dt / 16, fine, theta_min=THETA_MIN)
    true = lost(fine, tissue.step(HIGH, dt, ill, theta_min=THETA_MIN)[0])
    assert abs(true) < 2 * 100 * estimate


def test_health_stands_still_at_long_and_uneven_steps(tissue: SimpleNamespace) -> None:
    state = tissue.state
    for dt in UNEVEN:
        state, diagnostics = tissue.step(0.0, dt, state, theta_min=THETA_MIN)
        assert float(diagnostics.error.bone) < 1e-6
    assert_allclose(state.bone_volume_fraction, tissue.state.bone_volume_fraction, atol=1e-6)
    for name in (
        "il6",
        "rankl",
        "opg",
        "osteoclast_precursors",
        "osteoblast_precursors",
    ):
        found, expected = state.fields[name], tissue.state.fields[name]
        assert_allclose(found, expected, rtol=1e-6, err_msg=name)
    surface = bone_geometry(tissue.state.bone_volume_fraction, 10.0, P).exchange.surface > 0
    for name in ("osteoclasts", "osteoblasts", "lining_cells", "coupling_store"):
        found, expected = state.fields[name][surface], tissue.state.fields[name][surface]
        assert_allclose(found, expected, rtol=1e-6, err_msg=name)


def test_budgets_close_at_uneven_steps(tissue: SimpleNamespace, ill: State) -> None:
    for dt in UNEVEN:
        after, diagnostics = tissue.step(HIGH, dt, ill, theta_min=THETA_MIN)
        found = budgets(StepRecord(ill, after, diagnostics))
        worst = {name: float(found[name].residual) for name in BUDGETS}
        assert max(worst.values()) < 1e-10, worst
        assert float(jnp.min(after.osteoclast_precursors)) >= 0
        ill = after


def test_shares_damp_where_precursors_are_uneven(tissue: SimpleNamespace) -> None:
    geometry = bone_geometry(tissue.state.bone_volume_fraction, 10.0, P)
    even = 1000 * geometry.exchange.porosity
    assert_allclose(local_theta(even, geometry, 0.55), 0.55)
    z, y, x = (int(i[0]) for i in np.nonzero(np.asarray(geometry.exchange.porosity) == 1))
    for factor in (0.0, 0.1, 10.0):
        share = local_theta(even.at[z, y, x].mul(factor), geometry, 0.55)
        assert share[z, y, x] == 1
    mild = local_theta(even.at[z, y, x].mul(1.2), geometry, 0.55)
    assert 0.56 < mild[z, y, x] < 0.8
    assert_allclose(local_theta(0 * even, geometry, 0.55), 1)


def test_newly_opened_voxels_neither_ring_nor_empty(tissue: SimpleNamespace, ill: State) -> None:
    # a voxel just opened holds few cells and one just filled too many
    geometry = np.asarray(bone_geometry(ill.bone_volume_fraction, 10.0, P).exchange.porosity)
    factors = np.ones(geometry.shape)
    factors[::3, ::3, ::3], factors[1::3, 1::3, 1::3] = 0.01, 10.0
    factors[geometry > 0.9] = 1
    state = replace(ill, osteoclast_precursors=ill.osteoclast_precursors * factors)
    for _ in range(4):
        state, diagnostics = tissue.step(HIGH, 1.0, state, theta_min=THETA_MIN)
        assert float(jnp.min(state.osteoclast_precursors)) > 0
    at_surface = diagnostics.geometry.exchange.to_surface(state.osteoclast_precursors)
    inside = geometry > 0.3
    ratio = np.asarray(state.osteoclast_precursors / at_surface)[inside]
    assert 0.4 < ratio.min() < ratio.max() < 2


def test_precursors_in_the_middle_are_the_mean_of_both_ends(tissue: SimpleNamespace) -> None:
    phi = tissue.state.bone_volume_fraction
    geometry = bone_geometry(phi, 10.0, P)
    before, after = jnp.full_like(phi, 10.0), 30 * geometry.exchange.porosity
    assert_allclose(precursors.halfway((phi, before), after, geometry), 20, rtol=1e-12)
