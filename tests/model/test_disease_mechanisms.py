"""Each mechanism of disease, seen in the step: every test fails without its term.

Uniform disease gives the same signals everywhere, so factors are compared exactly.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import signals
from tissue.model.diagnostics import StepDiagnostics
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import preset
from tissue.model.signals import Environment

P = preset("mouse")
INSTANT = 1e-6  # day, in which no cell has changed
TNF = 20.0  # pM, its half effect
PER_DAY = 0.1435  # pM/day that one cell per mm^3 makes of one molecule a second


def step(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> StepDiagnostics:
    diagnostics: StepDiagnostics = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return diagnostics


def il1(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> np.ndarray:
    return np.asarray(step(tissue, forcing, **changes).terms.fluid.uncoupled["il1"].field)


def signal(il1: float, antagonist: float = 50.0) -> float:
    """s, by hand."""
    return il1 / (il1 + 10 * (1 + antagonist / 150))


def on_surface(diagnostics: StepDiagnostics, field: Any) -> np.ndarray:
    return np.asarray(field)[np.asarray(diagnostics.terms.geometry.exchange.surface) > 0]


def recruitment(tissue: SimpleNamespace, diagnostics: StepDiagnostics) -> np.ndarray:
    """Osteoclasts formed of a healthy number of precursors, over the healthy rate."""
    done = diagnostics.terms
    reference = tissue.healthy.osteoclast_precursors
    relative_density = done.geometry.exchange.to_surface(
        done.osteoclasts.precursors.mean / reference
    )
    return on_surface(diagnostics, done.osteoclasts.formed / relative_density / 12.5)


def differentiation(tissue: SimpleNamespace, diagnostics: StepDiagnostics) -> np.ndarray:
    """Osteoblasts formed of a healthy number of precursors, over the healthy rate."""
    done = diagnostics.terms
    reference = tissue.healthy.osteoblast_precursors
    relative_density = done.geometry.exchange.to_surface(
        done.osteoblasts.precursors.mean / reference
    )
    return on_surface(diagnostics, done.osteoblasts.formed / relative_density * 12 / 1000)


# Two forms of IL-1


def test_il1_alpha_has_its_own_potency_and_resists_the_antagonist() -> None:
    share = 0.3
    mixed = replace(P, alpha_share=share)
    for drug in (0.0, 1e4):
        beta = (1 - share) / (10 * (1 + (50 + drug) / 150))
        alpha = share / (48 * (1 + (50 + drug) / 5000))
        reach = 7 * (alpha + beta)
        forcing = Forcing(exposure={"il1_receptor": jnp.array([drug])})
        found = signals.il1_signal(
            Environment({"il1": jnp.asarray(7.0), "tnf": 0.0}), forcing, mixed
        )
        assert_allclose(found, reach / (1 + reach), rtol=1e-12)
    assert alpha > beta  # of which the antagonist leaves more


def test_il1_alpha_alone_stands_still_in_health(
    make_tissue: Callable[..., SimpleNamespace],
) -> None:
    diagnostics = make_tissue(alpha_share=1.0).step()[1]
    assert_allclose(on_surface(diagnostics, diagnostics.terms.osteoclasts.formed), 12.5, rtol=1e-7)
    assert_allclose(diagnostics.terms.at_surface.excess, 0, atol=1e-9)


# TNF


def test_tnf_raises_il1_production(tissue: SimpleNamespace) -> None:
    assert_allclose(il1(tissue, Forcing(excess={"tnf": TNF})), 0.5 * (1 + 4 * 0.5), rtol=1e-7)
    assert_allclose(il1(tissue, Forcing(excess={"tnf": TNF}), a_TI=0.0), 0.5, rtol=1e-7)


def test_tnf_raises_the_sensitivity_to_il1(tissue: SimpleNamespace) -> None:
    found = step(tissue, Forcing(excess={"tnf": TNF}), a_TI=0.0).terms.at_surface.signal
    assert_allclose(found, signal(0.5 * (1 + 3 * 0.5)), rtol=1e-7)
    without = step(tissue, Forcing(excess={"tnf": TNF}), a_TI=0.0, a_RT=0.0).terms.at_surface.signal
    assert_allclose(without, signal(0.5), rtol=1e-7)


def test_tnf_and_il1_act_together_more_than_apart() -> None:
    def excess(il1: float, tnf: float) -> float:
        found = signals.il1_signal(Environment({"il1": jnp.asarray(il1), "tnf": tnf}), Forcing(), P)
        return float(found) - float(P.s_0)

    assert excess(2.0, TNF) > 1.3 * (excess(2.0, 0.0) + excess(0.5, TNF))


def test_tnf_makes_osteoclasts_directly_where_rankl_permits(tissue: SimpleNamespace) -> None:
    ill, plain = (step(tissue, Forcing(excess={"tnf": TNF}), a_dT=a) for a in (P.a_dT, 0.0))
    rankl = on_surface(ill, ill.terms.at_surface["rankl"])
    gate = rankl**2 / (rankl**2 + 0.5**2)
    healthy = on_surface(ill, tissue.healthy.drive)
    added = (recruitment(tissue, ill) - recruitment(tissue, plain)) * healthy
    assert_allclose(added, P.a_dT * 0.5 * gate, rtol=1e-6)
    nothing = signals.osteoclastogenic_drive(
        jnp.asarray(0.0), jnp.asarray(0.0), TNF, Forcing(excess={"tnf": TNF}), P
    )
    assert nothing == 0


def test_tnf_raises_rankl_directly_where_told(tissue: SimpleNamespace) -> None:
    quiet = {"a_TI": 0.0, "a_RT": 0.0}
    made = [
        total(step(tissue, Forcing(excess={"tnf": TNF}), a_TR=a, **quiet).terms.fluid.sources[0])
        for a in (0.0, 1.0)
    ]
    assert_allclose(made[1] / made[0], 1.5, rtol=1e-7)


def test_a_blocker_takes_tnf_out_of_play(tissue: SimpleNamespace) -> None:
    treated = Forcing(excess={"tnf": TNF}, exposure={"tnf": jnp.array([300.0])})
    left = TNF / 4
    share = left / (left + 20)
    assert_allclose(il1(tissue, treated), 0.5 * (1 + 4 * share), rtol=1e-7)
    assert_allclose(step(tissue, treated).terms.at_surface["tnf"], TNF)  # bound, not gone


# IL-4


IL4 = Forcing(
    exposure={"il4_receptor": jnp.array([20.0])}
)  # twice its half-inhibiting concentration
QUIET = {"a_R": 0.0, "a_O": 0.0, "a_d": 0.0}  # IL-1 aside


def test_il4_lowers_il1_production(tissue: SimpleNamespace) -> None:
    assert_allclose(il1(tissue, IL4), 0.5 / 3, rtol=1e-7)


def test_il4_lowers_rankl_and_raises_opg(tissue: SimpleNamespace) -> None:
    health, treated = (step(tissue, f, **QUIET).terms.fluid for f in (Forcing(), IL4))
    assert_allclose(total(treated.sources[0]) / total(health.sources[0]), 1 / 2, rtol=1e-7)
    factor = 1 + 0.5 * 2 / 3
    assert_allclose(total(treated.sources[1]) / total(health.sources[1]), factor, rtol=1e-7)


def test_il4_stops_precursors_from_becoming_osteoclasts(tissue: SimpleNamespace) -> None:
    treated = step(tissue, IL4, **QUIET)
    rankl = on_surface(treated, treated.terms.at_surface["rankl"])
    drive = rankl / (rankl + 60) / on_surface(treated, tissue.healthy.drive)
    assert_allclose(recruitment(tissue, treated), drive / 2, rtol=1e-6)


# Estrogen and age


LOSS = Forcing(estrogen_loss=1.0)


@pytest.mark.parametrize("relaxation", [1.0, 0.5, 0.0])
def test_estrogen_loss_raises_il1_and_tnf_until_they_relax(
    tissue: SimpleNamespace, relaxation: float
) -> None:
    forcing = Forcing(estrogen_loss=1.0, estrogen_relaxation=relaxation)
    tnf = P.omega_T * relaxation
    assert_allclose(step(tissue, forcing).terms.at_surface["tnf"], tnf, rtol=1e-7)
    by_tnf = 1 + 4 * tnf / (tnf + 20)
    assert_allclose(il1(tissue, forcing), 0.5 * (1 + P.omega_I * relaxation) * by_tnf, rtol=1e-7)


def test_estrogen_loss_lowers_opg(tissue: SimpleNamespace) -> None:
    made = [total(step(tissue, f, **QUIET).terms.fluid.sources[1]) for f in (Forcing(), LOSS)]
    assert_allclose(made[1] / made[0], 0.95, rtol=1e-7)


def test_estrogen_loss_changes_how_long_cells_live(tissue: SimpleNamespace) -> None:
    done = step(tissue, LOSS, a_s=0.0).terms
    assert_allclose(done.osteoclasts.loss, 0.95 / 8, rtol=1e-12)
    assert_allclose(done.osteoblasts.loss, 1.05 / 12, rtol=1e-12)


def test_estrogen_loss_without_the_il1_receptor_costs_little(tissue: SimpleNamespace) -> None:
    forcings = [Forcing(estrogen_loss=1.0, il1_receptor=r) for r in (1.0, 0.0)]
    drive = [float(np.mean(recruitment(tissue, step(tissue, f)))) for f in forcings]
    assert drive[0] > 1.3
    assert drive[1] < 1.05


# Inflammatory cells


def inflamed(tissue: SimpleNamespace, density: float) -> Forcing:
    cells = jnp.full_like(tissue.state.solutes["il1"], density)
    return Forcing(local=LocalForcing(cells, {}))


ONE_A_SECOND = {"q_FI": 86400.0, "q_FT": 86400.0, "q_FR": 86400.0, "A_F": 0.0, "a_TI": 0.0}


def test_a_molecule_a_second_of_a_cell_per_mm3_is_a_seventh_of_a_pM_a_day() -> None:
    assert_allclose(PM_PER_MM3 * 86400, PER_DAY, rtol=3e-4)
    assert_allclose(PM_PER_MM3, 1e18 / 6.02214076e23, rtol=1e-12)


def test_inflammatory_cells_make_il1_and_tnf(tissue: SimpleNamespace) -> None:
    fluid = step(tissue, inflamed(tissue, 100.0), **ONE_A_SECOND).terms.fluid
    assert_allclose(fluid.uncoupled["il1"].field, 0.5 + 100 * PER_DAY / 24, rtol=1e-3)
    assert_allclose(fluid.uncoupled["tnf"].field, 100 * PER_DAY / 24, rtol=1e-3)


def test_inflammatory_cells_make_rankl(tissue: SimpleNamespace) -> None:
    sick = inflamed(tissue, 100.0)
    with_it, without = (
        step(tissue, sick, **(ONE_A_SECOND | {"q_FR": q})).terms for q in (86400.0, 0.0)
    )
    made = with_it.fluid.sources[0] - without.fluid.sources[0]
    assert_allclose(made / with_it.geometry.solute_porosity, 100 * PER_DAY, rtol=1e-3)


def test_inflammatory_cells_hold_il1ra(tissue: SimpleNamespace) -> None:
    half = inflamed(tissue, 5e4)
    at_surface = step(tissue, half, q_FI=0.0, q_FT=0.0, q_FR=0.0, A_F=1000.0).terms.at_surface
    assert_allclose(at_surface.signal, signal(0.5, 50 + 500), rtol=1e-6)


# Knockouts and production


def test_il1ra_of_the_tissue_holds_il1_down(tissue: SimpleNamespace) -> None:
    at_surface = step(tissue, Forcing(il1ra=0.0)).terms.at_surface
    assert_allclose(at_surface.signal, signal(0.5, 0.0), rtol=1e-7)
    more = step(tissue, Forcing(il1ra_excess=100.0)).terms.at_surface
    assert_allclose(more.signal, signal(0.5, 150.0), rtol=1e-7)


def test_without_the_receptor_il1_does_nothing(tissue: SimpleNamespace) -> None:
    none, much = (
        step(tissue, Forcing(excess={"il1": i}, il1_receptor=0.0)).terms for i in (0.0, 100.0)
    )
    assert_allclose(much.at_surface.signal, 0)
    assert_allclose(much.fluid.sources[0], none.fluid.sources[0], rtol=1e-12)
    assert_allclose(much.osteoclasts.formed, none.osteoclasts.formed, rtol=1e-12)


def test_production_is_scaled(tissue: SimpleNamespace) -> None:
    health = step(tissue, Forcing()).terms.fluid
    scaled = step(tissue, Forcing(production={"rankl": 1.5, "opg": 0.25})).terms.fluid
    assert_allclose(scaled.sources[0], 1.5 * health.sources[0], rtol=1e-12)
    assert_allclose(scaled.sources[1], 0.25 * health.sources[1], rtol=1e-12)
    assert_allclose(il1(tissue, Forcing(production={"il1": 0.0})), 0, atol=1e-6)


def test_rankl_of_osteocytes_can_be_left_out(tissue: SimpleNamespace) -> None:
    made = [
        total(step(tissue, Forcing(osteocyte_rankl=y)).terms.fluid.sources[0]) for y in (1.0, 0.0)
    ]
    assert_allclose(made[1] / made[0], 0.4, rtol=0.02)  # w_P: nearly all else is theirs


def test_anabolic_drugs_raise_formation_per_resorption(tissue: SimpleNamespace) -> None:
    made = differentiation(tissue, step(tissue, Forcing(anabolic=1.7)))
    assert_allclose(made, 1.7, rtol=1e-6)
