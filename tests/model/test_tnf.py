"""Each action of TNF, seen in the step: every test fails without its term."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import (
    INSTANT,
    il6_level,
    il6_signal,
    lineage_inhibition,
    lining_cell_activation,
    on_surface,
    osteoblasts_recruited,
    osteoclasts_formed,
    sensitive,
    signal,
    tnf_share,
)
from model.step_terms import ExaminedStep
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model import osteoclast_responses as responses
from tissue.model import signals
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import Scalar, preset
from tissue.model.signals import Environment

P = preset("mouse")
TNF = 20.0  # pM
ILL = Forcing(excess={"tnf": TNF})
BLOCKER = {"tnf": jnp.array([3 * P.K_W])}  # leaves a quarter of it
ALL_BLOCKED = {"tnf": jnp.array([1e12])}


def step(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> ExaminedStep:
    diagnostics: ExaminedStep = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return diagnostics


def solute(name: str, diagnostics: ExaminedStep) -> np.ndarray:
    return np.asarray(diagnostics.terms.fluid.uncoupled[name].field)


# IL-1


def test_tnf_raises_il1_production(tissue: SimpleNamespace) -> None:
    wanted = P.I_0 * (1 + P.a_TI * tnf_share(TNF, P))
    assert_allclose(solute("il1", step(tissue, ILL)), wanted, rtol=1e-7)
    assert_allclose(solute("il1", step(tissue, ILL, a_TI=0.0)), P.I_0, rtol=1e-7)


def test_tnf_raises_the_sensitivity_to_il1(tissue: SimpleNamespace) -> None:
    at_surface = step(tissue, ILL, a_TI=0.0).terms.at_surface
    assert_allclose(at_surface.signal, signal(P.I_0, P, tnf=TNF), rtol=1e-7)
    assert_allclose(at_surface.sensitive, sensitive(P.I_0, P, tnf=TNF), rtol=1e-6)
    without = step(tissue, ILL, a_TI=0.0, a_RT=0.0).terms.at_surface.signal
    assert_allclose(without, P.s_0, rtol=1e-7)


def test_tnf_and_il1_act_together_more_than_apart() -> None:
    def excess(il1: Scalar, tnf: Scalar) -> float:
        found = signals.il1_signal(Environment({"il1": jnp.asarray(il1), "tnf": tnf}), Forcing(), P)
        return float(found) - float(P.s_0)

    assert excess(2.0, TNF) > 1.3 * (excess(2.0, 0.0) + excess(P.I_0, TNF))


# Osteoclasts


def direct(tnf: Scalar) -> float:
    return float(tnf**P.n_Td / (tnf**P.n_Td + P.K_Td**P.n_Td))


def test_tnf_makes_osteoclasts_directly_where_rankl_permits(tissue: SimpleNamespace) -> None:
    ill, plain = (step(tissue, ILL, a_dT=a) for a in (P.a_dT, 0.0))
    rankl = on_surface(ill, ill.terms.at_surface["rankl"])
    gate = rankl**P.n_perm / (rankl**P.n_perm + P.R_perm**P.n_perm)
    healthy = on_surface(ill, tissue.healthy.drive)
    added = (osteoclasts_formed(tissue, ill) - osteoclasts_formed(tissue, plain)) * healthy
    assert_allclose(added, P.a_dT * direct(TNF) * gate, rtol=1e-6)
    nothing = responses.osteoclastogenic_drive(
        jnp.asarray(0.0), jnp.asarray(0.0), TNF, Forcing(), P
    )
    assert nothing == 0


def test_twice_the_tnf_makes_more_than_twice_the_osteoclasts() -> None:
    def drive(tnf: Scalar) -> float:
        plenty, none = jnp.asarray(1e3), jnp.asarray(0.0)
        found = responses.osteoclastogenic_drive(plenty, none, tnf, Forcing(), P)
        return float(found - responses.osteoclastogenic_drive(plenty, none, 0.0, Forcing(), P))

    low = 0.1 * P.K_Td
    assert drive(2 * low) > 3 * drive(low)
    assert_allclose(drive(P.K_Td) / P.a_dT, 0.5, rtol=1e-3)


def test_tnf_raises_rankl_without_il1_if_asked(tissue: SimpleNamespace) -> None:
    quiet = {"a_TI": 0.0, "a_RT": 0.0}
    made = [total(step(tissue, ILL, a_TR=a, **quiet).terms.fluid.sources[0]) for a in (0.0, 1.0)]
    assert_allclose(made[1] / made[0], 1 + tnf_share(TNF, P), rtol=1e-7)


# Osteoblasts


def test_tnf_lowers_osteoblast_differentiation(tissue: SimpleNamespace) -> None:
    full, without = (osteoblasts_recruited(tissue, step(tissue, ILL, g_T=g)) for g in (P.g_T, 0.0))
    assert_allclose(full / without, 1 / (1 + P.g_T * TNF), rtol=1e-8)
    il1 = P.I_0 * (1 + P.a_TI * tnf_share(TNF, P))
    assert_allclose(full, lineage_inhibition(il1, P, TNF), rtol=1e-6)


def test_tnf_keeps_lining_cells_from_becoming_osteoblasts(tissue: SimpleNamespace) -> None:
    full, without = (lining_cell_activation(step(tissue, ILL, g_T=g), P) for g in (P.g_T, 0.0))
    assert_allclose(full / without, 1 / (1 + P.g_T * TNF), rtol=1e-8)


def test_tnf_halves_differentiation_at_eleven_pM() -> None:
    """Gilbert 2000, Endocrinology 141:3956: IC50 of the differentiation of fetal calvaria cells."""
    assert_allclose(signals.tnf_inhibition(1 / P.g_T, Forcing(), P), 0.5, rtol=1e-12)


# Blockers


def test_a_blocker_takes_tnf_out_of_play(tissue: SimpleNamespace) -> None:
    treated = step(tissue, Forcing(excess={"tnf": TNF}, exposure=BLOCKER))
    il1 = P.I_0 * (1 + P.a_TI * tnf_share(TNF / 4, P))
    assert_allclose(solute("il1", treated), il1, rtol=1e-7)
    assert_allclose(treated.terms.at_surface["tnf"], TNF)  # bound, not gone


def test_a_blocker_frees_each_response(tissue: SimpleNamespace) -> None:
    blocked = Forcing(excess={"tnf": TNF}, exposure=BLOCKER)
    quiet = {"a_TI": 0.0, "a_RT": 0.0}
    left = osteoblasts_recruited(tissue, step(tissue, blocked, **quiet))
    assert_allclose(left, 1 / (1 + P.g_T * TNF / 4), rtol=1e-6)
    none, some = jnp.asarray(0.0), jnp.asarray(1e3)
    found = responses.osteoclastogenic_drive(some, none, TNF, blocked, P)
    plain = responses.osteoclastogenic_drive(some, none, 0.0, blocked, P)
    assert_allclose(found - plain, P.a_dT * direct(TNF / 4), rtol=1e-5)


# Inflammatory cells


PER_DAY = PM_PER_MM3 * 86400  # pM/day that one cell per mm^3 makes of one molecule a second
CELLS = 100.0
RELEASE = {"q_FI": 86400.0, "q_FT": 86400.0, "q_FR": 86400.0, "q_FI6": 86400.0, "A_F": 0.0}


def inflamed(tissue: SimpleNamespace, **exposure: Any) -> Forcing:
    cells = jnp.full_like(tissue.state.solutes["il1"], CELLS)
    return Forcing(local=LocalForcing(cells, {}), exposure=exposure)


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("blocked", [False, True])
def test_tnf_drives_what_inflammatory_cells_release(
    tissue: SimpleNamespace, share: float, blocked: bool
) -> None:
    sick = inflamed(tissue, **(ALL_BLOCKED if blocked else {}))
    found = step(tissue, sick, **RELEASE, w_FT=share, a_TI=0.0, a_RT=0.0, a_I6=0.0)
    # its own release it does not drive: a blocker leaves it
    tnf = CELLS * PER_DAY / P.k_T
    assert_allclose(solute("tnf", found), tnf, rtol=1e-6)
    driven = CELLS * PER_DAY * (1 - share + (0 if blocked else share * tnf_share(tnf, P)))
    assert_allclose(solute("il1", found), P.I_0 + driven / P.k_I, rtol=1e-6)
    assert_allclose(solute("il6", found), P.I6_0 + driven / P.k_I6, rtol=1e-6)


def test_a_blocker_of_tnf_spares_rankl_in_inflamed_marrow(tissue: SimpleNamespace) -> None:
    def rankl(**exposure: Any) -> float:
        found = step(tissue, inflamed(tissue, **exposure), **RELEASE)
        return float(total(found.terms.fluid.sources[0]))

    health = float(total(step(tissue, Forcing()).terms.fluid.sources[0]))
    assert rankl(**ALL_BLOCKED) - health < 0.5 * (rankl() - health)


def test_tnf_raises_il6_through_il1_only(tissue: SimpleNamespace) -> None:
    il1 = P.I_0 * (1 + P.a_TI * tnf_share(TNF, P))
    il6 = solute("il6", step(tissue, ILL))
    assert_allclose(il6, il6_level(il1, P, TNF), rtol=1e-6)
    assert il6_signal(float(il6.mean()), P) > 0
