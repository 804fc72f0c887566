"""Glucocorticoids: they calm inflammatory cells, and cost bone."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
from model.by_hand import INSTANT, osteoblasts_recruited
from model.step_terms import ExaminedStep
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import preset

P = preset("mouse")
DRUG = 2e4  # pM


def step(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> ExaminedStep:
    diagnostics: ExaminedStep = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return diagnostics


def treated(drug: float = DRUG, **given: Any) -> Forcing:
    return Forcing(exposure={"glucocorticoid_receptor": jnp.array([drug])}, **given)


def test_it_lowers_matrix_formation(tissue: SimpleNamespace) -> None:
    found, health = step(tissue, treated()), step(tissue, Forcing())
    factor = found.terms.formation / health.terms.formation
    assert_allclose(factor, 1 / (1 + DRUG / P.K_GB), rtol=1e-6)
    # recruitment by resorption it leaves alone
    assert_allclose(osteoblasts_recruited(tissue, found), 1, rtol=1e-6)


def test_it_lowers_opg(tissue: SimpleNamespace) -> None:
    made = [total(step(tissue, f, K_GO=7e4).terms.fluid.sources[1]) for f in (treated(), Forcing())]
    assert_allclose(made[0] / made[1], 1 / (1 + DRUG / 7e4), rtol=1e-7)
    rankl = [total(step(tissue, f).terms.fluid.sources[0]) for f in (treated(), Forcing())]
    assert_allclose(rankl[0], rankl[1], rtol=1e-7)


def test_it_lowers_what_inflammatory_cells_release(tissue: SimpleNamespace) -> None:
    cells = jnp.full_like(tissue.state.solutes["il1"], 100.0)
    local = LocalForcing(cells, {})
    release = dict.fromkeys(("q_FI", "q_FT", "q_FR", "q_FI6"), 86400.0)
    quiet = {"w_FT": 0.0, "w_F6": 0.0, "a_TI": 0.0, "a_RT": 0.0, "a_I6": 0.0, "A_F": 0.0}
    found = step(tissue, treated(local=local), **release, **quiet)
    made = 100 * PM_PER_MM3 * 86400 / (1 + DRUG / P.K_GF)
    fluid = found.terms.fluid.uncoupled
    assert_allclose(fluid["tnf"].field, made / P.k_T, rtol=1e-6)
    # what marrow makes it leaves alone
    assert_allclose(fluid["il1"].field, P.I_0 + made / P.k_I, rtol=1e-6)
    assert_allclose(fluid["il6"].field, P.I6_0 + made / P.k_I6, rtol=1e-6)
    none = step(tissue, treated(local=local), **(release | {"q_FR": 0.0}), **quiet)
    rankl = found.terms.fluid.sources[0] - none.terms.fluid.sources[0]
    assert_allclose(rankl, found.terms.geometry.solute_porosity * made, rtol=1e-6, atol=1e-6)
