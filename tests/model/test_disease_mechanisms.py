"""Loss of estrogen, inflammatory cells and knock-outs, seen in the step.

Uniform disease gives the same signals everywhere, so factors are compared exactly; every test fails
without its term. TNF, IL-6 and blockers have their own files.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import (
    INSTANT,
    osteoblasts_recruited,
    osteoclasts_formed,
    signal,
    tnf_share,
)
from model.step_terms import ExaminedStep
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import preset

P = preset("mouse")
PER_DAY = 0.1435  # pM/day that one cell per mm^3 makes of one molecule a second
LOSS = Forcing(estrogen_loss=1.0)
# what IL-1, TNF and IL-6 do to RANKL and OPG
QUIET = {"a_R": 0.0, "a_O": 0.0, "a_R6": 0.0, "a_TR": 0.0, "omega_T": 0.0}


def step(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> ExaminedStep:
    diagnostics: ExaminedStep = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return diagnostics


def il1(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> np.ndarray:
    return np.asarray(step(tissue, forcing, **changes).terms.fluid.uncoupled["il1"].field)


def made(tissue: SimpleNamespace, solute: int, forcing: Forcing, **changes: Any) -> float:
    """RANKL (0) or OPG (1) that cells make in the box."""
    return float(total(step(tissue, forcing, **changes).terms.fluid.sources[solute]))


# Estrogen


@pytest.mark.parametrize("relaxation", [1.0, 0.5, 0.0])
def test_estrogen_loss_raises_il1_and_tnf_until_they_relax(
    tissue: SimpleNamespace, relaxation: float
) -> None:
    forcing = Forcing(estrogen_loss=1.0, estrogen_relaxation=relaxation)
    changes = {"omega_T": 0.9, "omega_I": 0.7}
    tnf = 0.9 * relaxation
    found = step(tissue, forcing, **changes)
    assert_allclose(found.terms.at_surface["tnf"], tnf, rtol=1e-7)
    wanted = P.I_0 * (1 + 0.7 * relaxation) * (1 + P.a_TI * tnf_share(tnf, P))
    assert_allclose(found.terms.fluid.uncoupled["il1"].field, wanted, rtol=1e-7)


@pytest.mark.parametrize("osteocytes", [1.0, 0.0])
def test_estrogen_loss_raises_rankl_of_stroma_alone(
    tissue: SimpleNamespace, osteocytes: float
) -> None:
    for relaxation in (1.0, 0.4):
        lost = Forcing(
            estrogen_loss=1.0, estrogen_relaxation=relaxation, osteocyte_rankl=osteocytes
        )
        raised, plain = (step(tissue, lost, **QUIET, omega_R=r).terms for r in (1.5, 0.0))
        added = raised.fluid.sources[0] - plain.fluid.sources[0]
        stroma = P.S_R0 * (1 - P.w_Y) * plain.geometry.solute_porosity
        assert_allclose(added, 1.5 * relaxation * stroma, rtol=1e-5, atol=1e-6)


def test_estrogen_loss_raises_opg(tissue: SimpleNamespace) -> None:
    changes = QUIET | {"omega_O": 0.2}
    raised = made(tissue, 1, LOSS, **changes) / made(tissue, 1, Forcing(), **changes)
    assert_allclose(raised, 1.2, rtol=1e-7)


def test_estrogen_loss_changes_how_long_cells_live(tissue: SimpleNamespace) -> None:
    done = step(tissue, LOSS, a_s=0.0, omega_C=0.05, omega_B=0.04).terms
    assert_allclose(done.osteoclasts.loss, 0.95 * P.delta_C, rtol=1e-12)
    assert_allclose(done.osteoblasts.loss, 1.04 * P.delta_B, rtol=1e-12)


def test_estrogen_loss_without_the_il1_receptor_makes_few_osteoclasts(
    tissue: SimpleNamespace,
) -> None:
    forcings = [Forcing(estrogen_loss=1.0, il1_receptor=r) for r in (1.0, 0.0)]
    drive = [float(np.mean(osteoclasts_formed(tissue, step(tissue, f)))) for f in forcings]
    assert drive[0] > 1.3
    assert drive[1] < 1.05


# Inflammatory cells


def inflamed(tissue: SimpleNamespace, density: float) -> Forcing:
    cells = jnp.full_like(tissue.state.solutes["il1"], density)
    return Forcing(local=LocalForcing(cells, {}))


ONE_A_SECOND = {"q_FI": 86400.0, "q_FT": 86400.0, "q_FR": 86400.0}
ALONE = {"A_F": 0.0, "a_TI": 0.0, "w_FT": 0.0, "w_F6": 0.0, "q_FI6": 0.0}


def test_a_molecule_a_second_of_a_cell_per_mm3_is_a_seventh_of_a_pM_a_day() -> None:
    assert_allclose(PM_PER_MM3 * 86400, PER_DAY, rtol=3e-4)
    assert_allclose(PM_PER_MM3, 1e18 / 6.02214076e23, rtol=1e-12)


def test_inflammatory_cells_make_il1_and_tnf(tissue: SimpleNamespace) -> None:
    fluid = step(tissue, inflamed(tissue, 100.0), **ONE_A_SECOND, **ALONE).terms.fluid
    assert_allclose(fluid.uncoupled["il1"].field, P.I_0 + 100 * PER_DAY / P.k_I, rtol=1e-3)
    assert_allclose(fluid.uncoupled["tnf"].field, 100 * PER_DAY / P.k_T, rtol=1e-3)


def test_inflammatory_cells_make_rankl(tissue: SimpleNamespace) -> None:
    sick = inflamed(tissue, 100.0)
    with_it, without = (
        step(tissue, sick, **(ONE_A_SECOND | {"q_FR": q}), **ALONE).terms for q in (86400.0, 0.0)
    )
    added = with_it.fluid.sources[0] - without.fluid.sources[0]
    assert_allclose(added / with_it.geometry.solute_porosity, 100 * PER_DAY, rtol=1e-3)


def test_inflammatory_cells_hold_il1ra(tissue: SimpleNamespace) -> None:
    half = inflamed(tissue, float(0.5 * P.F_0))
    silent = dict.fromkeys(("q_FI", "q_FT", "q_FR", "q_FI6"), 0.0)
    at_surface = step(tissue, half, **silent, A_F=1000.0).terms.at_surface
    assert_allclose(at_surface.signal, signal(P.I_0, P, P.A_0 + 500), rtol=1e-6)


# Production, knock-outs and drugs


def test_production_is_scaled(tissue: SimpleNamespace) -> None:
    health = step(tissue, Forcing()).terms.fluid
    scaled = step(tissue, Forcing(production={"rankl": 1.5, "opg": 0.25})).terms.fluid
    assert_allclose(scaled.sources[0], 1.5 * health.sources[0], rtol=1e-12)
    assert_allclose(scaled.sources[1], 0.25 * health.sources[1], rtol=1e-12)
    assert_allclose(il1(tissue, Forcing(production={"il1": 0.0})), 0, atol=1e-6)


def test_rankl_of_osteocytes_can_be_left_out(tissue: SimpleNamespace) -> None:
    left = made(tissue, 0, Forcing(osteocyte_rankl=0.0)) / made(tissue, 0, Forcing())
    assert_allclose(left, 1 - P.w_Y, rtol=0.02)  # nearly all else is of stroma


def test_anabolic_drugs_raise_formation_per_resorption(tissue: SimpleNamespace) -> None:
    found = osteoblasts_recruited(tissue, step(tissue, Forcing(anabolic=1.7)))
    assert_allclose(found, 1.7, rtol=1e-6)


def test_teriparatide_makes_osteoblasts_express_rankl(tissue: SimpleNamespace) -> None:
    health, treated = (step(tissue, Forcing(osteoblast_rankl=r)).terms for r in (0.0, 0.5))
    # half of all RANKL in health, at the bone surface
    added = treated.fluid.sources[0] - health.fluid.sources[0]
    marrow = total(health.geometry.exchange.porosity)
    assert_allclose(total(added), 0.5 * P.S_R0 * marrow, rtol=1e-6)
    far = np.asarray(health.geometry.exchange.to_surface(health.geometry.exchange.surface)) == 0
    assert_allclose(np.asarray(added)[far], 0, atol=1e-6)
    # by each osteoblast
    twice = Forcing(osteoblast_rankl=0.5)
    more = made_with_osteoblasts(tissue, 2.0, twice) - made_with_osteoblasts(tissue, 1.0, twice)
    assert_allclose(more, 0.5 * P.S_R0 * marrow, rtol=1e-4)


def made_with_osteoblasts(tissue: SimpleNamespace, times: float, forcing: Forcing) -> float:
    state = replace(tissue.state, osteoblasts=times * tissue.state.osteoblasts)
    diagnostics = tissue.step(dt=INSTANT, state=state, forcing=forcing)[1]
    return float(total(diagnostics.terms.fluid.sources[0]))
