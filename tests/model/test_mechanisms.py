"""Each mechanism of the core model, seen in the step: every test fails without its term.

Factors are compared exactly where the model states them exactly: the uniform IL-1 of these runs
gives the same signal everywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import (
    INSTANT,
    excess,
    on_surface,
    osteoblasts_recruited,
    osteoclasts_formed,
    rankl_expression,
    sensitive,
    signal,
)
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import osteoclast_responses as responses
from tissue.model import production, signals
from tissue.model.bone import bone_geometry, surface_mean
from tissue.model.context import StepContext
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, Scalar, preset
from tissue.model.rankl_opg import RanklOpgSources, rankl_opg_made, solve_rankl_opg
from tissue.model.signals import Environment

P = preset("mouse")
HEALTH = Forcing()
HIGH = 10.0  # pM of excess IL-1
IL1 = P.I_0 + HIGH
TIGHT = float(P.K_R) / 1.5  # RANK that binds RANKL tighter than in health [pM]
S = excess(IL1, P)
S_B = sensitive(IL1, P)


def uniform(il1: Scalar, tnf: Scalar = 0.0, il6: Scalar | None = None) -> Environment:
    level = P.I6_0 if il6 is None else il6
    return Environment({"il1": jnp.asarray(il1), "tnf": tnf, "il6": level})


def test_no_loss_of_il1_turns_a_rate_negative() -> None:
    """The steepest slopes of their ranges, in marrow that loses a high healthy signal."""
    assert_allclose(signals.linear(3.0, jnp.asarray([-0.2, 0.0, 2.0])), [0.4, 1.0, 7.0], rtol=1e-6)
    assert_allclose(signals.linear(3.0, jnp.asarray([-0.9])), signals.MIN_RESPONSE, rtol=1e-6)
    steepest = dict.fromkeys(("a_R", "a_O", "a_s", "a_M", "a_I6", "a_R6"), jnp.asarray(50.0))
    steep = replace(P, A_0=0.0, I_0=20.0, I6_0=50.0, **steepest)
    none = uniform(0.0, il6=0.0)
    lost = signals.excess_signal(signals.il1_signal(none, HEALTH, steep), steep)
    assert lost < -0.4
    for rate in (
        responses.rankl_induction(none, HEALTH, steep),
        responses.opg_production(none, HEALTH, steep),
        responses.osteoclast_loss(lost, 0.0, HEALTH, steep),
        responses.precursor_supply(none, HEALTH, steep),
        production.il6_production(none, 0.0, HEALTH, steep),
    ):
        assert float(rate) > 0


def test_il1_signal_is_the_gaddum_form() -> None:
    stimulus = IL1 / (P.EC50 * (1 + P.A_0 / P.K_A))
    found = signals.il1_signal(uniform(IL1), HEALTH, P)
    assert_allclose(found, stimulus / (1 + stimulus), rtol=1e-12)
    assert_allclose(signals.il1_signal(uniform(P.I_0), HEALTH, P), P.s_0, rtol=1e-12)


def test_the_osteoblast_lineage_answers_to_less_il1(tissue: SimpleNamespace) -> None:
    stimulus = IL1 / (P.EC50_B * (1 + P.A_0 / P.K_A))
    found = signals.sensitive_il1_signal(uniform(IL1), HEALTH, P)
    assert_allclose(found, stimulus / (1 + stimulus), rtol=1e-12)
    assert found > signals.il1_signal(uniform(IL1), HEALTH, P)
    assert_allclose(signals.sensitive_excess(uniform(P.I_0), HEALTH, P), 0, atol=1e-12)
    assert_allclose(signals.sensitive_excess(uniform(IL1), HEALTH, P), S_B, rtol=1e-12)
    # with the EC50 of all other cells it is their signal
    same = signals.sensitive_excess(uniform(IL1), HEALTH, replace(P, EC50_B=P.EC50))
    assert_allclose(same, S, rtol=1e-12)
    at_surface = tissue.step(HIGH, INSTANT)[1].terms.at_surface
    assert_allclose(at_surface.excess, S, rtol=1e-6)
    assert_allclose(at_surface.sensitive, S_B, rtol=1e-6)


def test_antagonist_shifts_the_dose_response_in_parallel() -> None:
    # Schild: the dose ratio between drug D and none is 1 + D / (K_A + A_0)
    drug = 300.0
    ratio = 1 + drug / (P.K_A + P.A_0)
    treated = Forcing(exposure={"il1_receptor": jnp.array([drug])})
    assert_allclose(
        signals.il1_signal(uniform(7.0 * ratio), treated, P),
        signals.il1_signal(uniform(7.0), HEALTH, P),
        rtol=1e-12,
    )


def test_uniform_il1_excess_gives_uniform_il1(tissue: SimpleNamespace) -> None:
    after, _ = tissue.step(HIGH)
    assert_allclose(after.solutes["il1"], IL1, rtol=1e-7)


def test_il1_raises_rankl_expression(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT)[1].terms.fluid.sources[0]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], rankl_expression(IL1, P), rtol=1e-6)
    without = [
        total(tissue.step(HIGH, INSTANT, a_R=a, a_R6=0.0)[1].terms.fluid.sources[0])
        for a in (P.a_R, 0.0)
    ]
    assert_allclose(without[0] / without[1], 1 + P.a_R * S, rtol=1e-6)


def test_il1_lowers_opg_expression(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT)[1].terms.fluid.sources[1]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], 1 / (1 + P.a_O * S), rtol=1e-6)


def test_opg_may_rise_where_the_sign_is_reversed(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT, a_O=-0.5)[1].terms.fluid.sources[1]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], 1 / (1 - 0.5 * S), rtol=1e-6)


def test_rankl_over_opg_rises_more_than_the_rankl_source(tissue: SimpleNamespace) -> None:
    after, _ = tissue.step(HIGH)
    ratios = [
        float(jnp.mean(s.solutes["rankl"]) / jnp.mean(s.solutes["opg"]))
        for s in (tissue.state, after)
    ]
    assert ratios[1] / ratios[0] > 1.5 * rankl_expression(IL1, P)


def test_rankl_and_opg_bind_one_to_one(tissue: SimpleNamespace) -> None:
    after, diagnostics = tissue.step(HIGH)
    eps, fluid = diagnostics.terms.geometry.solute_porosity, diagnostics.terms.fluid
    rankl_bound = total(fluid.sources[0]) - total(eps * P.k_R * after.solutes["rankl"])
    opg_bound = total(fluid.sources[1]) - total(eps * P.k_O * after.solutes["opg"])
    assert_allclose(rankl_bound, opg_bound, rtol=1e-10)
    assert rankl_bound > 0.3 * total(fluid.sources[0])


def test_each_partner_lowers_the_other(tissue: SimpleNamespace) -> None:
    fluid = tissue.step()[1].terms.fluid
    geometry = bone_geometry(tissue.state.bone_volume_fraction, tissue.numerics.spacing, P)
    environment = Environment({name: each.field for name, each in fluid.uncoupled.items()})
    state, ratio = tissue.state, tissue.healthy.marrow_per_surface
    cells = RanklOpgSources(state.osteoblast_precursors, state.osteoblasts, 0.0, ratio)

    def solved(rankl_made: float, opg_made: float) -> list[float]:
        forcing = Forcing(production={"rankl": rankl_made, "opg": opg_made})
        context = StepContext(forcing, P, tissue.numerics)
        made = rankl_opg_made(environment, cells, geometry, context)
        pair, _ = solve_rankl_opg(state.solutes, made, geometry, context)
        return [float(jnp.mean(pair.a)), float(jnp.mean(pair.b))]

    (rankl, opg), (less_rankl, _), (_, less_opg) = solved(1, 1), solved(1, 2), solved(2, 1)
    assert less_rankl < 0.6 * rankl
    assert less_opg < 0.7 * opg


def test_osteocytes_make_rankl_at_the_surface(make_tissue: Callable[..., SimpleNamespace]) -> None:
    made = [make_tissue(w_Y=w).step()[1].terms for w in (0.0001, 0.6)]
    surface_environment = [surface_mean(a.geometry, a.fluid.sources[0]) for a in made]
    assert surface_environment[1] > 1.2 * surface_environment[0]


def test_direct_osteoclastogenesis_needs_permissive_rankl() -> None:
    some, none, half = jnp.asarray(2.0), jnp.asarray(0.0), jnp.asarray(0.5)

    def drive(rankl: jnp.ndarray, p: Parameters = P) -> jnp.ndarray:
        return responses.osteoclastogenic_drive(rankl, half, 0.0, HEALTH, p)

    gate = 2**P.n_perm / (2**P.n_perm + P.R_perm**P.n_perm)
    assert_allclose(drive(some), 2 / (2 + P.K_R) + P.a_d * 0.5 * gate, rtol=1e-12)
    assert drive(none) == 0
    assert_allclose(drive(none, replace(P, leak=0.1)), 0.1)


def test_direct_osteoclastogenesis_raises_recruitment(tissue: SimpleNamespace) -> None:
    def drive(a_d: float) -> np.ndarray:
        diagnostics = tissue.step(HIGH, a_d=a_d)[1]
        formed = osteoclasts_formed(tissue, diagnostics)
        return formed * on_surface(diagnostics, tissue.healthy.drive)

    # of the permissive RANKL there is plenty
    assert_allclose(drive(float(P.a_d)) - drive(0.0), P.a_d * signal(IL1, P), rtol=3e-3)


def test_rankl_drives_recruitment(tissue: SimpleNamespace) -> None:
    # RANK binds tighter than in health, so RANKL does more; IL-1 stays at its healthy level
    _, diagnostics = tissue.step(K_R=TIGHT)
    rankl = on_surface(diagnostics, diagnostics.terms.at_surface["rankl"])
    gate = rankl**P.n_perm / (rankl**P.n_perm + P.R_perm**P.n_perm)
    drive = rankl / (rankl + TIGHT) + P.a_d * P.s_0 * gate
    wanted = drive / on_surface(diagnostics, tissue.healthy.drive)
    assert_allclose(osteoclasts_formed(tissue, diagnostics), wanted, rtol=1e-9)


def test_il1_prolongs_osteoclast_life(tissue: SimpleNamespace) -> None:
    # without recruitment (no precursors, none arriving) osteoclasts die at delta_C / (1 + a_s s_h)
    empty = replace(
        tissue.state,
        osteoclast_precursors=0 * tissue.state.solutes["il1"],
        endosteal_supply=0 * tissue.state.solutes["il1"],
    )
    dying = {"delta_M": 1e-9, "D_sC": 1e-9}
    after, diagnostics = tissue.step(HIGH, state=empty, **dying)
    wanted = P.C_0 * np.exp(-P.delta_C / (1 + P.a_s * S) * 0.5)
    assert_allclose(on_surface(diagnostics, after.osteoclasts), wanted, rtol=1e-6)


def test_il1_makes_osteoclasts_resorb_harder(tissue: SimpleNamespace) -> None:
    # the factor 1 + a_a s_h stands alone: nothing upstream of it depends on a_a
    raised, plain = (tissue.step(HIGH, INSTANT, a_a=a)[1].terms.resorption for a in (0.5, 0.0))
    assert_allclose(raised / plain, 1 + 0.5 * S, rtol=1e-6)


def activity(rankl: float, il1: Scalar, p: Parameters = P) -> float:
    """act of osteoclasts that saw 10 pM of RANKL in health."""
    occupancy = signals.rank_occupancy(jnp.asarray(10.0), HEALTH, P)
    return float(
        responses.resorption_activity(
            jnp.asarray(rankl), jnp.asarray(signal(il1, p)), occupancy, HEALTH, p
        )
    )


def test_mature_osteoclasts_need_some_rankl() -> None:
    assert_allclose(activity(10.0, P.I_0), 1, rtol=1e-12)
    assert activity(0.05, P.I_0) < 0.1
    for rankl, il1 in ((5.0, P.I_0), (0.3, IL1), (20.0, 100.0)):
        gate = rankl**P.n_perm / (rankl**P.n_perm + P.R_perm**P.n_perm)
        occupied = rankl / (rankl + P.K_R) + P.a_d * (signal(il1, P) - P.s_0) * gate
        w = occupied / (10 / (10 + P.K_R))
        wanted = (1 + P.a_a * excess(il1, P)) * (1 + P.chi_act) * w / (w + P.chi_act)
        assert_allclose(activity(rankl, il1), wanted, rtol=1e-9)
    # where no RANKL permits it, IL-1 lets none of them resorb
    assert activity(0.0, 1000.0) == 0
    assert activity(0.02, 1000.0) < 0.2 < activity(0.5, 1000.0)


def test_resorption_is_velocity_per_cell_times_cells(tissue: SimpleNamespace) -> None:
    _, diagnostics = tissue.step()
    assert_allclose(on_surface(diagnostics, diagnostics.terms.resorption), P.v_0, rtol=1e-6)
    more = replace(tissue.state, osteoclasts=2 * tissue.state.osteoclasts)
    _, doubled = tissue.step(state=more, dt=INSTANT)
    assert_allclose(on_surface(doubled, doubled.terms.resorption), 2 * P.v_0, rtol=1e-5)


def test_il1_lowers_osteoblast_differentiation(tissue: SimpleNamespace) -> None:
    # in proportion to its signal, not to the square
    full, no_g_d, no_g_m = (
        osteoblasts_recruited(tissue, tissue.step(HIGH, **changes)[1])
        for changes in ({}, {"g_d": 0.0}, {"g_m": 0.0})
    )
    assert_allclose(full / no_g_d, 1 / (1 + P.g_d * S_B), rtol=1e-8)
    assert_allclose(full / no_g_m, 1 / (1 + P.g_m * S_B), rtol=1e-8)


def test_il1_lowers_matrix_formation_per_osteoblast(tissue: SimpleNamespace) -> None:
    lowered, plain = (tissue.step(HIGH, INSTANT, g_f=g)[1].terms.formation for g in (0.6, 0.0))
    assert_allclose(lowered / plain, 1 / (1 + 0.6 * S_B), rtol=1e-6)


def test_recruitment_uses_up_precursors(tissue: SimpleNamespace) -> None:
    after, diagnostics = tissue.step(HIGH, a_M=0.0)
    used = total(diagnostics.geometry.exchange.porosity * after.osteoclast_precursors)
    assert used < 0.99 * total(
        diagnostics.geometry.exchange.porosity * tissue.state.osteoclast_precursors
    )


def test_il1_uncouples_formation_from_resorption(tissue: SimpleNamespace) -> None:
    def balance(**changes: float) -> float:
        _, diagnostics = tissue.run(40, HIGH, **changes)
        done = diagnostics.terms
        formed, resorbed = (
            surface_mean(diagnostics.geometry, rate) for rate in (done.formation, done.resorption)
        )
        return float(formed / resorbed)

    # formation lags behind rising resorption anyhow, and still more if osteoblasts feel IL-1
    assert balance() < 0.85 * balance(g_d=0.0, g_f=0.0, g_m=0.0) < 0.5


@pytest.fixture(scope="module")
def more_rankl_bound(tissue: SimpleNamespace) -> np.ndarray:
    """Resorption and formation of 80 steps in which RANK binds more RANKL, without IL-1 (80, 2)."""
    state, rates = tissue.state, []
    for _ in range(80):
        state, diagnostics = tissue.step(0.0, 0.5, state, K_R=TIGHT)
        done = diagnostics.terms
        both = (done.resorption, done.formation)
        rates.append([float(surface_mean(diagnostics.geometry, rate)) for rate in both])
    return np.array(rates)


def test_rankl_alone_keeps_remodeling_coupled(more_rankl_bound: np.ndarray) -> None:
    # resorption rises, formation follows to its height
    resorption, formation = more_rankl_bound[-1]
    assert resorption > 1.1 * 0.2
    # not quite 1: recruitment uses up osteoblast precursors, which IL-1 has no part in
    assert 0.85 < formation / resorption < 1.02


def test_formation_follows_resorption_with_a_delay(more_rankl_bound: np.ndarray) -> None:
    resorption, formation = (more_rankl_bound[:60].T - 0.2) / 0.2
    assert formation[0] < 0.02 * resorption[0]
    assert formation[-1] > 0.25 * resorption[-1]
    # half of the final height: resorption within days, formation 1/k_E + 1/delta_B later
    half = [0.5 * (1 + np.argmax(rise >= 0.5 * rise[-1])) for rise in (resorption, formation)]
    assert 4 < half[1] - half[0] < 20


def test_formation_is_constant_without_coupling(tissue: SimpleNamespace) -> None:
    state = tissue.state
    for _ in range(10):
        state = replace(state, coupling_store=tissue.state.coupling_store)
        state, diagnostics = tissue.step(0.0, 0.5, state, K_R=TIGHT)
    frozen = surface_mean(diagnostics.geometry, diagnostics.terms.formation)
    _, coupled = tissue.run(10, K_R=TIGHT)
    free = surface_mean(coupled.geometry, coupled.terms.formation)
    assert abs(frozen / 0.2 - 1) < abs(free / 0.2 - 1)
