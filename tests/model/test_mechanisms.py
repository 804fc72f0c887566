"""Each mechanism of the core model, seen in the step: every test fails without its term.

Factors are compared exactly where the model states them exactly: the uniform IL-1 of these runs
gives the same signal everywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import signals
from tissue.model.bone import bone_geometry, surface_mean
from tissue.model.context import StepContext
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, preset
from tissue.model.rankl_opg import RanklOpgSources, solve_rankl_opg
from tissue.model.signals import Environment

P = preset("mouse")
HEALTH = Forcing()
HIGH = 10.0  # pM of excess IL-1
INSTANT = 1e-6  # day, in which no cell has changed


def excess(il1: float, p: Parameters = P) -> float:
    """s_h of a uniform IL-1 concentration, by hand."""
    half = float(p.EC50) * (1 + float(p.A_0) / float(p.K_A))
    signal, health = il1 / (il1 + half), float(p.I_0) / (float(p.I_0) + half)
    return (signal - health) / (1 - health)


S = excess(10.5)


def test_no_loss_of_il1_turns_a_rate_negative() -> None:
    """The steepest slopes of their ranges, in marrow that loses a high healthy signal."""
    assert_allclose(signals.linear(3.0, jnp.asarray([-0.2, 0.0, 2.0])), [0.4, 1.0, 7.0], rtol=1e-6)
    assert_allclose(signals.linear(3.0, jnp.asarray([-0.9])), signals.MIN_RESPONSE, rtol=1e-6)
    steep = replace(P, a_R=jnp.asarray(50.0), a_O=jnp.asarray(50.0), a_s=jnp.asarray(50.0))
    lost = jnp.asarray(-0.4)
    for rate in (
        signals.rankl_induction(lost, Environment({"tnf": 0.0}), HEALTH, steep),
        signals.opg_suppression(lost, HEALTH, steep),
        signals.osteoclast_loss(lost, 0.0, HEALTH, steep),
    ):
        assert float(rate) > 0


def test_il1_signal_is_the_gaddum_form() -> None:
    signal = signals.il1_signal(Environment({"il1": jnp.asarray(10.5), "tnf": 0.0}), HEALTH, P)
    assert_allclose(signal, 10.5 / (10.5 + 10 * (1 + 50 / 150)))


def test_antagonist_shifts_the_dose_response_in_parallel() -> None:
    # Schild: the dose ratio between drug D and none is 1 + D / (K_A + A_0)
    drug = 300.0
    ratio = 1 + drug / (150 + 50)
    treated = Forcing(exposure={"il1_receptor": jnp.array([drug])})
    assert_allclose(
        signals.il1_signal(Environment({"il1": jnp.asarray(7.0 * ratio), "tnf": 0.0}), treated, P),
        signals.il1_signal(Environment({"il1": jnp.asarray(7.0), "tnf": 0.0}), HEALTH, P),
    )


def test_uniform_il1_excess_gives_uniform_il1(tissue: SimpleNamespace) -> None:
    after, _ = tissue.step(HIGH)
    assert_allclose(after.solutes["il1"], 10.5, rtol=1e-7)


def test_il1_raises_rankl_expression(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT)[1].terms.fluid.sources[0]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], 1 + 3 * S, rtol=1e-6)


def test_il1_lowers_opg_expression(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT)[1].terms.fluid.sources[1]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], 1 / (1 + S), rtol=1e-6)


def test_opg_may_rise_where_the_sign_is_reversed(tissue: SimpleNamespace) -> None:
    made = [total(tissue.step(i, INSTANT, a_O=-0.5)[1].terms.fluid.sources[1]) for i in (0.0, HIGH)]
    assert_allclose(made[1] / made[0], 1 / (1 - 0.5 * S), rtol=1e-6)


def test_rankl_over_opg_rises_more_than_the_rankl_source(tissue: SimpleNamespace) -> None:
    after, _ = tissue.step(HIGH)
    ratios = [
        float(jnp.mean(s.solutes["rankl"]) / jnp.mean(s.solutes["opg"]))
        for s in (tissue.state, after)
    ]
    assert ratios[1] / ratios[0] > 1.5 * (1 + 3 * S)


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
    environment = Environment({"il1": fluid.uncoupled["il1"].field, "tnf": 0.0})
    state, ratio = tissue.state, tissue.healthy.marrow_per_surface
    cells = RanklOpgSources(state.osteoblast_precursors, state.osteoblasts, 0.0, ratio)

    def solved(rankl_made: float, opg_made: float) -> list[float]:
        forcing = Forcing(production={"rankl": rankl_made, "opg": opg_made})
        context = StepContext(forcing, P, tissue.numerics)
        pair, *_ = solve_rankl_opg(state.solutes, environment, cells, geometry, context)
        return [float(jnp.mean(pair.a)), float(jnp.mean(pair.b))]

    (rankl, opg), (less_rankl, _), (_, less_opg) = solved(1, 1), solved(1, 2), solved(2, 1)
    assert less_rankl < 0.6 * rankl
    assert less_opg < 0.7 * opg


def test_osteocytes_make_rankl_at_the_surface(make_tissue: Callable[..., SimpleNamespace]) -> None:
    made = [make_tissue(w_Y=w).step()[1].terms for w in (0.0001, 0.6)]
    surface_environment = [surface_mean(a.geometry, a.fluid.sources[0]) for a in made]
    assert surface_environment[1] > 1.2 * surface_environment[0]


def test_direct_osteoclastogenesis_needs_permissive_rankl() -> None:
    some, none, signal = jnp.asarray(20.0), jnp.asarray(0.0), jnp.asarray(0.5)

    def drive(rankl: jnp.ndarray, p: Parameters = P) -> jnp.ndarray:
        return signals.osteoclastogenic_drive(rankl, signal, 0.0, HEALTH, p)

    gate = 20**2 / (20**2 + 0.5**2)
    assert_allclose(drive(some), 20 / 80 + 0.2 * 0.5 * gate, rtol=1e-12)
    assert drive(none) == 0
    assert_allclose(drive(none, replace(P, leak=0.1)), 0.1)


def test_direct_osteoclastogenesis_raises_recruitment(tissue: SimpleNamespace) -> None:
    def drive(a_d: float) -> np.ndarray:
        done = tissue.step(HIGH, a_d=a_d)[1].terms
        reference = tissue.healthy.osteoclast_precursors
        at_surface = done.geometry.exchange.to_surface(done.osteoclasts.precursors.mean / reference)
        on_surface = np.asarray(done.geometry.exchange.surface) > 0
        found = done.osteoclasts.formed / at_surface / 12.5 * tissue.healthy.drive
        return np.asarray(found)[on_surface]

    # of the permissive RANKL there is plenty
    signal = S * (1 - P.s_0) + P.s_0
    assert_allclose(drive(0.2) - drive(0.0), 0.2 * signal, rtol=1e-3)


def test_rankl_drives_recruitment(tissue: SimpleNamespace) -> None:
    # RANK binds tighter than in health, so RANKL does more; IL-1 stays at its healthy level
    _, diagnostics = tissue.step(K_R=40.0)
    done = diagnostics.terms
    rho = done.at_surface["rankl"] / (done.at_surface["rankl"] + 40)
    drive = rho + 0.2 * P.s_0 * done.at_surface["rankl"] ** 2 / (
        done.at_surface["rankl"] ** 2 + 0.25
    )
    at_surface = done.geometry.exchange.to_surface(
        done.osteoclasts.precursors.mean / tissue.healthy.osteoclast_precursors
    )
    on_surface = np.asarray(done.geometry.exchange.surface) > 0
    wanted = 12.5 * drive / tissue.healthy.drive * at_surface
    assert_allclose(done.osteoclasts.formed[on_surface], wanted[on_surface], rtol=1e-9)


def test_il1_prolongs_osteoclast_life(tissue: SimpleNamespace) -> None:
    # without recruitment (no precursors, none arriving) osteoclasts die at delta_C / (1 + a_s s)
    empty = replace(
        tissue.state,
        osteoclast_precursors=0 * tissue.state.solutes["il1"],
        endosteal_supply=0 * tissue.state.solutes["il1"],
    )
    dying = {"delta_M": 1e-9, "D_sC": 1e-9}
    after, diagnostics = tissue.step(HIGH, state=empty, **dying)
    on_surface = np.asarray(diagnostics.terms.geometry.exchange.surface) > 0
    wanted = 100 * np.exp(-0.125 / (1 + 1.2 * S) * 0.5)
    assert_allclose(after.osteoclasts[on_surface], wanted, rtol=1e-6)


def test_il1_makes_osteoclasts_resorb_harder(tissue: SimpleNamespace) -> None:
    # the factor 1 + a_a s stands alone: nothing upstream of it depends on a_a
    raised, plain = (tissue.step(HIGH, a_a=a)[1].terms.resorption for a in (0.5, 0.0))
    assert_allclose(raised / plain, 1 + 0.5 * S, rtol=1e-9)


def test_mature_osteoclasts_need_some_rankl() -> None:
    rho, signal = signals.rank_occupancy(jnp.asarray(10.0), HEALTH, P), jnp.asarray(P.s_0)
    health = signals.resorption_activity(jnp.asarray(10.0), signal, rho, HEALTH, P)
    starved = signals.resorption_activity(jnp.asarray(0.05), signal, rho, HEALTH, P)
    assert_allclose(health, 1, rtol=1e-12)
    assert starved < 0.1


def test_resorption_is_velocity_per_cell_times_cells(tissue: SimpleNamespace) -> None:
    _, diagnostics = tissue.step()
    on_surface = np.asarray(diagnostics.terms.geometry.exchange.surface) > 0
    assert_allclose(diagnostics.terms.resorption[on_surface], 0.2, rtol=1e-6)
    more = replace(tissue.state, osteoclasts=2 * tissue.state.osteoclasts)
    _, doubled = tissue.step(state=more, dt=1e-6)
    assert_allclose(doubled.terms.resorption[on_surface], 0.4, rtol=1e-6)


def test_il1_lowers_osteoblast_differentiation(tissue: SimpleNamespace) -> None:
    def formed_per_precursor(**changes: float) -> np.ndarray:
        done = tissue.step(HIGH, **changes)[1].terms
        reference = tissue.healthy.osteoblast_precursors
        at_surface = done.geometry.exchange.to_surface(done.osteoblasts.precursors.mean / reference)
        on_surface = np.asarray(done.geometry.exchange.surface) > 0
        return np.asarray(done.osteoblasts.formed / at_surface)[on_surface]

    assert_allclose(
        formed_per_precursor() / formed_per_precursor(g_d=0.0), 1 / (1 + 2.5 * S**2), rtol=1e-9
    )
    assert_allclose(
        formed_per_precursor() / formed_per_precursor(g_m=0.0), 1 / (1 + 0.5 * S**2), rtol=1e-9
    )


def test_il1_lowers_matrix_formation_per_osteoblast(tissue: SimpleNamespace) -> None:
    lowered, plain = (tissue.step(HIGH, g_f=g)[1].terms.formation for g in (0.6, 0.0))
    assert_allclose(lowered / plain, 1 / (1 + 0.6 * S**2), rtol=1e-9)


def test_recruitment_uses_up_precursors(tissue: SimpleNamespace) -> None:
    after, diagnostics = tissue.step(HIGH)
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


def test_rankl_alone_keeps_remodeling_coupled(tissue: SimpleNamespace) -> None:
    # more RANK bound without IL-1: resorption rises, formation follows to its height
    _, diagnostics = tissue.run(80, K_R=40.0)
    done = diagnostics.terms
    resorption = surface_mean(diagnostics.geometry, done.resorption)
    formation = surface_mean(diagnostics.geometry, done.formation)
    assert resorption > 1.1 * 0.2
    # not quite 1: recruitment uses up osteoblast precursors, which IL-1 has no part in
    assert 0.85 < formation / resorption < 1.02


def test_formation_follows_resorption_with_a_delay(tissue: SimpleNamespace) -> None:
    state, rates = tissue.state, []
    for _ in range(60):
        state, diagnostics = tissue.step(0.0, 0.5, state, K_R=40.0)
        done = diagnostics.terms
        rates.append(
            [
                float(surface_mean(diagnostics.geometry, r))
                for r in (done.resorption, done.formation)
            ]
        )
    resorption, formation = (np.array(rates).T - 0.2) / 0.2
    assert formation[0] < 0.02 * resorption[0]
    assert formation[-1] > 0.25 * resorption[-1]
    # half of the final height: resorption within days, formation 1/k_E + 1/delta_B later
    half = [0.5 * (1 + np.argmax(rise >= 0.5 * rise[-1])) for rise in (resorption, formation)]
    assert 4 < half[1] - half[0] < 20


def test_formation_is_constant_without_coupling(tissue: SimpleNamespace) -> None:
    state = tissue.state
    for _ in range(10):
        state = replace(state, coupling_store=tissue.state.coupling_store)
        state, diagnostics = tissue.step(0.0, 0.5, state, K_R=40.0)
    frozen = surface_mean(diagnostics.geometry, diagnostics.terms.formation)
    _, coupled = tissue.run(10, K_R=40.0)
    free = surface_mean(coupled.geometry, coupled.terms.formation)
    assert abs(frozen / 0.2 - 1) < abs(free / 0.2 - 1)
