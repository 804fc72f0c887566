"""IL-4 and IL-10, of one target: each action fails its test without its term."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import pytest
from model.by_hand import (
    INSTANT,
    lining_cell_activation,
    on_surface,
    osteoblasts_recruited,
    osteoclasts_formed,
)
from model.step_terms import ExaminedStep
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import preset

P = preset("mouse")
X = 2.0  # over the half-inhibiting concentration
IL4 = Forcing(exposure={"il4_receptor": jnp.array([X * P.K_X])})
QUIET = {"a_R": 0.0, "a_O": 0.0, "a_d": 0.0, "a_R6": 0.0}  # IL-1 and IL-6 aside


def step(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> ExaminedStep:
    diagnostics: ExaminedStep = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return diagnostics


def test_il4_lowers_il1_and_il6_production(tissue: SimpleNamespace) -> None:
    fluid = step(tissue, IL4, a_I6=0.0).terms.fluid.uncoupled
    assert_allclose(fluid["il1"].field, P.I_0 / (1 + X), rtol=1e-7)
    assert_allclose(fluid["il6"].field, P.I6_0 / (1 + X), rtol=1e-7)


def test_il4_lowers_rankl_and_raises_opg(tissue: SimpleNamespace) -> None:
    health, treated = (step(tissue, f, **QUIET).terms.fluid for f in (Forcing(), IL4))
    lowered = total(treated.sources[0]) / total(health.sources[0])
    assert_allclose(lowered, 1 / (1 + P.x_R * X), rtol=1e-7)
    raised = total(treated.sources[1]) / total(health.sources[1])
    assert_allclose(raised, 1 + P.x_O * X / (1 + X), rtol=1e-7)


def test_il4_stops_precursors_from_becoming_osteoclasts(tissue: SimpleNamespace) -> None:
    treated = step(tissue, IL4, **QUIET)
    rankl = on_surface(treated, treated.terms.at_surface["rankl"])
    drive = rankl / (rankl + P.K_R) / on_surface(treated, tissue.healthy.drive)
    wanted = drive / (1 + P.x_R * X)
    assert_allclose(osteoclasts_formed(tissue, treated), wanted, rtol=1e-6)


@pytest.mark.parametrize("effect", [0.5, -0.3])
def test_il4_acts_on_osteoblasts_in_either_direction(
    tissue: SimpleNamespace, effect: float
) -> None:
    # its IL-1 stays below the healthy one, where osteoblasts do not answer
    treated = step(tissue, IL4, x_B=effect)
    wanted = 1 / (1 + effect * X / (1 + X))
    assert_allclose(osteoblasts_recruited(tissue, treated), wanted, rtol=1e-6)
    healthy = P.w_L * P.delta_B * P.B_0 / P.L_0
    assert_allclose(lining_cell_activation(treated, P), healthy * wanted, rtol=1e-6)


def test_il4_lowers_what_inflammatory_cells_release(tissue: SimpleNamespace) -> None:
    cells = jnp.full_like(tissue.state.solutes["il1"], 100.0)
    sick = Forcing(local=LocalForcing(cells, {}), exposure=IL4.exposure)
    release = {"q_FI": 86400.0, "q_FT": 86400.0, "w_FT": 0.0, "a_TI": 0.0, "A_F": 0.0}
    fluid = step(tissue, sick, **release).terms.fluid.uncoupled
    made = 100 * PM_PER_MM3 * 86400 / (1 + X)
    assert_allclose(fluid["tnf"].field, made / P.k_T, rtol=1e-6)
    assert_allclose(fluid["il1"].field, P.I_0 / (1 + X) + made / P.k_I, rtol=1e-6)
