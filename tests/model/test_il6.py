"""IL-6: who makes it, and that it raises RANKL."""

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import INSTANT, il6_level, il6_signal, rankl_expression, sensitive
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model.conservation import StepRecord, budgets
from tissue.model.forcing import PM_PER_MM3, Forcing, LocalForcing
from tissue.model.parameters import preset

P = preset("mouse")
MUCH = Forcing(excess={"il6": 3 * P.K_I6})


def il6(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> np.ndarray:
    terms = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1].terms
    return np.asarray(terms.fluid.uncoupled["il6"].field)


def rankl(tissue: SimpleNamespace, forcing: Forcing, **changes: Any) -> float:
    return float(
        total(tissue.step(dt=INSTANT, forcing=forcing, **changes)[1].terms.fluid.sources[0])
    )


def test_il1_raises_il6(tissue: SimpleNamespace) -> None:
    ill = Forcing(excess={"il1": 10.0})
    level = P.I_0 + 10
    assert_allclose(il6(tissue, ill), il6_level(level, P), rtol=1e-6)
    assert_allclose(il6(tissue, ill), P.I6_0 * (1 + P.a_I6 * sensitive(level, P)), rtol=1e-6)
    assert_allclose(il6(tissue, ill, a_I6=0.0), P.I6_0, rtol=1e-6)


def test_a_uniform_excess_is_that_high(tissue: SimpleNamespace) -> None:
    assert_allclose(il6(tissue, MUCH), P.I6_0 + 3 * P.K_I6, rtol=1e-7)


def test_inflammatory_cells_release_il6(tissue: SimpleNamespace) -> None:
    cells = jnp.full_like(tissue.state.solutes["il6"], 100.0)
    sick = Forcing(local=LocalForcing(cells, {}))
    others = {"q_FI": 0.0, "q_FT": 0.0, "q_FR": 0.0, "w_FT": 0.0}
    made = 100 * PM_PER_MM3 * 86400.0 / P.k_I6
    assert_allclose(il6(tissue, sick, q_FI6=86400.0, A_F=0.0, **others), P.I6_0 + made, rtol=1e-6)
    assert_allclose(il6(tissue, sick, q_FI6=0.0, A_F=0.0, **others), P.I6_0, rtol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("blocker", [0.0, 5 * P.K_6R])
def test_il6_drives_the_rankl_of_inflammatory_cells(
    tissue: SimpleNamespace, share: float, blocker: float
) -> None:
    cells = jnp.full_like(tissue.state.solutes["il6"], 100.0)
    exposure = {"il6_receptor": jnp.array([blocker])}
    sick = Forcing(local=LocalForcing(cells, {}), exposure=exposure)
    alone = {"q_FI": 0.0, "q_FT": 0.0, "q_FI6": 86400.0, "A_F": 0.0, "w_FT": 0.0, "w_F6": share}

    def made(release: float) -> tuple[np.ndarray, Any]:
        terms = tissue.step(dt=INSTANT, forcing=sick, q_FR=release, **alone)[1].terms
        return np.asarray(terms.fluid.sources[0]), terms

    (with_cells, terms), (without, _) = made(86400.0), made(0.0)
    level = P.I6_0 + 100 * PM_PER_MM3 * 86400.0 / P.k_I6
    reached = level / (level + P.K_I6 * (1 + blocker / P.K_6R))
    per_marrow = 100 * PM_PER_MM3 * 86400.0 * (1 - share + share * reached)
    wanted = np.asarray(terms.geometry.solute_porosity) * per_marrow
    assert_allclose(with_cells - without, wanted, rtol=1e-6, atol=1e-6 * wanted.max())


def test_il6_raises_rankl(tissue: SimpleNamespace) -> None:
    raised = rankl(tissue, MUCH) / rankl(tissue, Forcing())
    assert_allclose(raised, 1 + P.a_R6 * il6_signal(P.I6_0 + 3 * P.K_I6, P), rtol=1e-6)
    assert raised > 1 + 0.7 * P.a_R6
    assert_allclose(rankl(tissue, MUCH, a_R6=0.0), rankl(tissue, Forcing()), rtol=1e-9)


@pytest.mark.parametrize("times", [1.0, 50.0])
def test_a_blocker_of_its_receptor_takes_its_place(tissue: SimpleNamespace, times: float) -> None:
    drug = times * P.K_6R
    treated = Forcing(excess=MUCH.excess, exposure={"il6_receptor": jnp.array([drug])})
    wanted = 1 + P.a_R6 * il6_signal(P.I6_0 + 3 * P.K_I6, P, drug)
    assert_allclose(rankl(tissue, treated) / rankl(tissue, Forcing()), wanted, rtol=1e-6)
    assert_allclose(il6(tissue, treated), il6(tissue, MUCH), rtol=1e-9)  # it is not taken away
    # enough of it leaves what IL-1 does to RANKL alone
    ill = {"il1": 10.0}
    alone = rankl_expression(P.I_0 + 10, P) / (1 + P.a_R6 * il6_signal(il6_level(P.I_0 + 10, P), P))
    all_blocked = Forcing(excess=ill, exposure={"il6_receptor": jnp.array([1e12])})
    none = 1 + P.a_R6 * il6_signal(0.0, P)
    found = rankl(tissue, all_blocked) / rankl(tissue, Forcing())
    assert_allclose(found, alone * none, rtol=1e-5)


def test_its_budget_closes(tissue: SimpleNamespace) -> None:
    after, diagnostics = tissue.step(dt=1.0, forcing=Forcing(excess={"il1": 10.0}))
    found = budgets(StepRecord(tissue.state, after, diagnostics))["il6"]
    assert float(found.residual) < 1e-9
    porosity = total(diagnostics.terms.geometry.solute_porosity)
    assert_allclose(found.gained, P.k_I6 * il6_level(P.I_0 + 10, P) * porosity, rtol=1e-6)
