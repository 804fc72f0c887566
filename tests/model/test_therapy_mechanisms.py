"""Each mechanism of therapy, seen in the step: every test fails without its term."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import INSTANT, on_surface
from model.step_terms import ExaminedStep
from numpy.testing import assert_allclose

from tissue.model import signals
from tissue.model.bone import surface_mean
from tissue.model.conservation import StepRecord, budgets
from tissue.model.forcing import Forcing, averaged, quantiles
from tissue.model.parameters import preset
from tissue.model.signals import Environment
from tissue.model.state import State

P = preset("mouse")
BLOCKED = Forcing(exposure={"rankl": jnp.array([500.0])})


def relative_density(tissue: SimpleNamespace, diagnostics: ExaminedStep) -> np.ndarray:
    done = diagnostics.terms
    reference = tissue.healthy.osteoclast_precursors
    return np.asarray(
        done.geometry.exchange.to_surface(done.osteoclasts.precursors.mean / reference)
    )


# Drugs that come and go within a step


def test_a_response_is_averaged_over_the_day_of_a_dose() -> None:
    # 50 nM falling with a half-life of 5 h, 30 % of it in marrow, against 5 pM of IL-1 in marrow
    # that holds 50 pM of IL-1Ra
    p = replace(P, A_0=50.0, EC50=10.0, K_A=150.0)

    def anakinra(share_of_day: Any) -> Any:
        return 15000 * 2.0 ** (-share_of_day * 24 / 5)

    def signal(drug: Any) -> Any:
        return 5 / (5 + 10 * (1 + (50 + drug) / 150))

    day = (np.arange(100_000) + 0.5) / 100_000
    mean, of_mean = signal(anakinra(day)).mean(), signal(anakinra(day).mean())
    assert_allclose([mean, of_mean], [0.0323, 0.0162], rtol=5e-3)
    held = Forcing(exposure={"il1_receptor": jnp.asarray(anakinra(1 - quantiles(8)))})
    found = signals.il1_signal(Environment({"il1": jnp.asarray(5.0), "tnf": 0.0}), held, p)
    assert_allclose(found, mean, rtol=1e-4)


def test_an_average_over_concentrations_is_exact_for_smooth_responses() -> None:
    places = jnp.asarray(quantiles(4))
    assert_allclose(averaged(lambda x: x**7, places), 1 / 8, rtol=1e-12)
    assert averaged(lambda x: 3.0 + x, jnp.zeros(1)) == 3


def test_no_drug_leaves_the_precision_of_fields_alone() -> None:
    for precision in ("float32", "float64"):
        around = Environment({"il1": jnp.full(3, P.I_0, precision), "tnf": 0.0})
        signal = signals.il1_signal(around, Forcing(), P)
        assert signal.dtype == precision
        assert_allclose(signal, P.s_0, rtol=1e-7 if precision == "float32" else 1e-15)


# Denosumab and osteomorphs


def test_denosumab_takes_rankl_from_precursors_and_osteoclasts(tissue: SimpleNamespace) -> None:
    health, blocked = (tissue.step(dt=INSTANT, forcing=f)[1] for f in (Forcing(), BLOCKED))
    done = blocked.terms
    # the antibody is no sink: the sum of free and bound RANKL is what OPG leaves
    assert_allclose(done.at_surface["rankl"], health.terms.at_surface["rankl"], rtol=1e-7)
    free = np.asarray(done.at_surface["rankl"]) / (1 + 500 / P.K_Z)
    occupied = free / (free + P.K_R)
    gate = free**P.n_perm / (free**P.n_perm + P.R_perm**P.n_perm)
    drive = occupied + P.a_d * P.s_0 * gate
    healthy = P.delta_C * P.C_0
    formed = healthy * drive / tissue.healthy.drive * relative_density(tissue, blocked)
    direct = done.osteoclasts.formed - P.k_Q * drive / tissue.healthy.drive * (
        done.osteomorphs.cells.mean
    )
    assert_allclose(on_surface(blocked, direct), on_surface(blocked, formed), rtol=1e-6)
    stimulus = occupied / np.asarray(tissue.healthy.rank_occupancy)
    active = P.v_0 * (1 + P.chi_act) * stimulus / (stimulus + P.chi_act)
    assert_allclose(on_surface(blocked, done.resorption), on_surface(blocked, active), rtol=1e-6)
    assert surface_mean(blocked.geometry, done.resorption) < 0.1 * P.v_0


def test_osteoclasts_that_do_not_form_wait(tissue: SimpleNamespace) -> None:
    health, diagnostics = tissue.step(dt=1.0)
    assert on_surface(diagnostics, health.osteomorphs).max() < 1e-5
    after, diagnostics = tissue.step(dt=1.0, forcing=BLOCKED)
    at_surface = relative_density(tissue, diagnostics)
    recruited = np.asarray(diagnostics.terms.osteoclasts.recruited) / at_surface
    recruited = recruited / (P.delta_C * P.C_0)
    # recruited = formed + arrested, and arrested = sigma_Q (1 - formed)
    formed = (recruited - P.sigma_Q) / (1 - P.sigma_Q)
    arrested = P.sigma_Q * P.delta_C * P.C_0 * (1 - formed) * at_surface
    assert_allclose(
        on_surface(diagnostics, diagnostics.terms.osteomorphs.arrested),
        on_surface(diagnostics, arrested),
        rtol=1e-6,
    )
    lost = P.k_Q * formed + P.delta_Q
    wanted = arrested / lost * (1 - np.exp(-lost))
    waiting = np.asarray(diagnostics.terms.osteomorphs.cells.end)
    assert_allclose(on_surface(diagnostics, waiting), on_surface(diagnostics, wanted), rtol=1e-6)
    assert float(jnp.mean(after.osteomorphs)) > 4


def test_osteomorphs_wait_where_they_arose_and_fuse_when_rankl_returns(
    tissue: SimpleNamespace,
) -> None:
    # 50 more of them than none: what is formed grows by k_Q of them, and no precursor is used
    state = replace(tissue.state, osteomorphs=tissue.state.osteomorphs + 50)
    none, some = (tissue.step(dt=INSTANT, state=s)[1] for s in (tissue.state, state))
    more = some.terms.osteoclasts.formed - none.terms.osteoclasts.formed
    assert_allclose(on_surface(some, more), 50 * P.k_Q, rtol=1e-4)
    assert_allclose(some.terms.osteoclasts.recruited, none.terms.osteoclasts.recruited, rtol=1e-9)


@pytest.fixture(scope="module")
def after_denosumab(tissue: SimpleNamespace) -> dict[float, dict[str, list[float]]]:
    """Osteoclasts and formation over 30 days under denosumab and 50 after, by sigma_Q."""
    found = {}
    for share in (0.4, 0.0):
        state, rows = tissue.state, []
        for day in range(0, 80, 2):
            forcing = BLOCKED if day < 30 else Forcing()
            before = state
            state, diagnostics = tissue.step(dt=2.0, state=before, forcing=forcing, sigma_Q=share)
            record = StepRecord(before, state, diagnostics)
            residuals = {name: float(b.residual) for name, b in budgets(record).items()}
            assert max(residuals.values()) < 1e-9, residuals
            done = diagnostics.terms
            row = (
                surface_mean(done.geometry, done.osteoclasts.cells.mean) / P.C_0,
                surface_mean(done.geometry, done.formation) / P.v_0,
            )
            rows.append([float(value) for value in row])
        osteoclasts, formation = np.array(rows).T.tolist()
        found[share] = {"osteoclasts": osteoclasts, "formation": formation}
    return found


@pytest.mark.slow
def test_remodeling_overshoots_after_denosumab(
    after_denosumab: dict[float, dict[str, list[float]]],
) -> None:
    waiting, plain = after_denosumab[0.4], after_denosumab[0.0]
    assert waiting["osteoclasts"][14] < 0.4
    assert max(waiting["osteoclasts"]) > max(plain["osteoclasts"]) + 0.1
    assert max(waiting["osteoclasts"]) > 1.2
    # formation follows: it rises above health, as it never does without those that wait
    assert max(waiting["formation"]) > 1.02
    assert max(plain["formation"][15:]) < 1
    peaks = [int(np.argmax(waiting[name])) for name in ("osteoclasts", "formation")]
    assert peaks[1] > peaks[0]


# Bisphosphonate


def bound(tissue: SimpleNamespace, amount: float) -> State:
    return replace(tissue.state, bisphosphonate=tissue.state.bisphosphonate + amount)


def test_bisphosphonate_kills_osteoclasts_and_lowers_il1(tissue: SimpleNamespace) -> None:
    fluids = [tissue.step(dt=INSTANT, state=bound(tissue, q))[1].terms for q in (0.0, 0.8)]
    assert_allclose(fluids[1].fluid.uncoupled["il1"].field, P.I_0 / (1 + P.a_BI * 0.8), rtol=1e-6)
    same = [tissue.step(dt=INSTANT, state=bound(tissue, q), a_BI=0.0)[1].terms for q in (0.0, 0.8)]
    ratio = np.asarray(same[1].osteoclasts.loss) / np.asarray(same[0].osteoclasts.loss)
    assert_allclose(ratio, 1 + P.a_BP * 0.8, rtol=1e-6)


def test_bisphosphonate_acts_where_it_is_bound(tissue: SimpleNamespace) -> None:
    half = bound(tissue, 1.0).bisphosphonate.at[..., :12].set(0.0)
    state = replace(tissue.state, bisphosphonate=half)
    loss = np.asarray(tissue.step(dt=INSTANT, state=state, a_BI=0.0)[1].terms.osteoclasts.loss)
    assert_allclose(loss[..., :12], P.delta_C, rtol=1e-6)
    assert_allclose(loss[..., 12:], (1 + P.a_BP) * P.delta_C, rtol=1e-6)


def test_bisphosphonate_goes_with_turnover(tissue: SimpleNamespace) -> None:
    for velocity in (1.0, 4.0):
        state = replace(bound(tissue, 1.0), osteoclasts=velocity * tissue.state.osteoclasts)
        still = {"a_BP": 0.0, "a_BI": 0.0, "delta_C": 1e-9}
        after, diagnostics = tissue.step(dt=2.0, state=state, **still)
        resorption = on_surface(diagnostics, diagnostics.terms.resorption)
        assert_allclose(resorption, P.v_0 * velocity, rtol=0.01)
        left = np.exp(-2 / P.tau_q * np.sqrt(resorption / P.v_0))
        assert_allclose(on_surface(diagnostics, after.bisphosphonate), left, rtol=1e-7)
