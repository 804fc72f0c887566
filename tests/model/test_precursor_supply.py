"""Supply of osteoclast precursors: IL-1 and TNF make the marrow send more of them."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
from model.by_hand import INSTANT, sensitive, tnf_share
from numpy.testing import assert_allclose

from tissue.kernels.stencil import total
from tissue.model.forcing import Forcing
from tissue.model.parameters import preset

P = preset("mouse")
IL1, TNF = 10.0, 5.0  # pM above health


def supply(tissue: SimpleNamespace, forcing: Forcing, **changes: float) -> np.ndarray:
    diagnostics = tissue.step(dt=INSTANT, forcing=forcing, **changes)[1]
    return np.asarray(diagnostics.terms.osteoclasts.supply)


def test_il1_raises_the_supply_of_precursors(tissue: SimpleNamespace) -> None:
    # of those that come with the blood, and of those that the surface gets back
    factor = supply(tissue, Forcing(excess={"il1": IL1})) / supply(tissue, Forcing())
    assert_allclose(factor, 1 + P.a_M * sensitive(P.I_0 + IL1, P), rtol=1e-6)


def test_tnf_raises_the_supply_of_precursors(tissue: SimpleNamespace) -> None:
    ill = Forcing(excess={"tnf": TNF})
    factor = supply(tissue, ill, a_TI=0.0, a_RT=0.0) / supply(tissue, Forcing())
    assert_allclose(factor, 1 + P.a_MT * tnf_share(TNF, P), rtol=1e-6)
    # a blocker of it takes that away
    blocked = Forcing(excess={"tnf": TNF}, exposure={"tnf": jnp.array([1e9])})
    assert_allclose(supply(tissue, blocked), supply(tissue, Forcing()), rtol=1e-5)


def test_both_multiply(tissue: SimpleNamespace) -> None:
    ill = Forcing(excess={"il1": IL1, "tnf": TNF})
    factor = supply(tissue, ill, a_TI=0.0) / supply(tissue, Forcing())
    by_il1 = 1 + P.a_M * sensitive(P.I_0 + IL1, P, TNF)
    assert_allclose(factor, by_il1 * (1 + P.a_MT * tnf_share(TNF, P)), rtol=1e-6)


def test_precursors_multiply_with_their_supply(tissue: SimpleNamespace) -> None:
    def number(forcing: Forcing, **changes: float) -> float:
        # none die within the day, and a RANKL block lets none be recruited
        blocked = {**forcing.exposure, "rankl": jnp.array([1e30])}
        held = Forcing(excess=forcing.excess, exposure=blocked)
        state, diagnostics = tissue.step(dt=1.0, forcing=held, sigma_Q=0.0, **changes)
        return float(total(diagnostics.geometry.exchange.porosity * state.osteoclast_precursors))

    ill = Forcing(excess={"il1": IL1})
    few, health = number(ill, a_M=0.0), number(Forcing())
    assert_allclose(few, health, rtol=1e-3)
    more = P.a_M * sensitive(P.I_0 + IL1, P)
    assert number(ill) > (1 + 0.2 * more) * health
