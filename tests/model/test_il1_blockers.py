"""The two forms of IL-1, its receptor, and what takes it out of play."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from model.by_hand import INSTANT, on_surface, reach, signal
from numpy.testing import assert_allclose

from tissue.model import signals
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, Scalar, preset
from tissue.model.signals import Environment

P = preset("mouse")
LEVEL = 7.0  # pM of IL-1


def found(p: Parameters, target: str, drug: Scalar) -> float:
    environment = Environment({"il1": jnp.asarray(LEVEL), "tnf": 0.0})
    forcing = Forcing(exposure={target: jnp.array([drug])})
    return float(signals.il1_signal(environment, forcing, p))


def of_forms(alpha_share: float, beta_left: Scalar, left: Scalar, antagonist: Scalar) -> float:
    """s of a mixture, of whose beta form and of both of whose forms a share is left."""
    beta = beta_left * (1 - alpha_share) / (P.EC50 * (1 + antagonist / P.K_A))
    alpha = alpha_share / (P.EC50_alpha * (1 + antagonist / P.K_A_alpha))
    stimulus = LEVEL * left * (alpha + beta)
    return float(stimulus / (1 + stimulus))


SHARES = pytest.mark.parametrize("share", [0.0, 0.3, 1.0])


@SHARES
def test_il1_alpha_has_its_own_potency_and_resists_the_antagonist(share: float) -> None:
    mixed = replace(P, alpha_share=share)
    for drug in (0.0, 1e5):
        wanted = of_forms(share, 1, 1, P.A_0 + drug)
        assert_allclose(found(mixed, "il1_receptor", drug), wanted, rtol=1e-12)
    # of alpha the antagonist leaves more
    kept = {
        a: found(replace(P, alpha_share=a), "il1_receptor", 1e5)
        / found(replace(P, alpha_share=a), "il1_receptor", 0.0)
        for a in (0.0, 1.0)
    }
    assert kept[1.0] > 5 * kept[0.0]


@SHARES
def test_an_antibody_against_il1_beta_leaves_alpha(share: float) -> None:
    mixed = replace(P, alpha_share=share)
    for drug in (0.0, 2 * P.K_U, 1e9):
        wanted = of_forms(share, 1 / (1 + drug / P.K_U), 1, P.A_0)
        assert_allclose(found(mixed, "il1_beta", drug), wanted, rtol=1e-12)
    if share == 1:
        assert found(mixed, "il1_beta", 1e9) == found(mixed, "il1_beta", 0.0)
    if share == 0:
        assert found(mixed, "il1_beta", 1e9) < 1e-5


@SHARES
def test_a_trap_takes_both_forms(share: float) -> None:
    mixed = replace(P, alpha_share=share)
    for drug in (0.0, 2 * P.K_U, 1e9):
        wanted = of_forms(share, 1, 1 / (1 + drug / P.K_U), P.A_0)
        assert_allclose(found(mixed, "il1", drug), wanted, rtol=1e-12)
    assert found(mixed, "il1", 1e9) < 1e-5


def test_sensitive_cells_are_spared_as_well(tissue: SimpleNamespace) -> None:
    for target, left in (("il1_beta", 0.25), ("il1", 0.25)):
        treated = Forcing(excess={"il1": 10.0}, exposure={target: jnp.array([3 * P.K_U])})
        at_surface = tissue.step(dt=INSTANT, forcing=treated)[1].terms.at_surface
        stimulus = left * reach(P.I_0 + 10, P)
        assert_allclose(at_surface.signal, stimulus / (1 + stimulus), rtol=1e-6)
        more = stimulus * P.EC50 / P.EC50_B
        wanted = (more / (1 + more) - P.s_B0) / (1 - P.s_B0)
        assert_allclose(at_surface.sensitive, wanted, rtol=1e-6)


def test_il1_alpha_alone_stands_still_in_health(
    make_tissue: Callable[..., SimpleNamespace],
) -> None:
    diagnostics = make_tissue(alpha_share=1.0).step()[1]
    formed = on_surface(diagnostics, diagnostics.terms.osteoclasts.formed)
    assert_allclose(formed, P.delta_C * P.C_0, rtol=1e-7)
    assert_allclose(diagnostics.terms.at_surface.excess, 0, atol=1e-9)
    assert_allclose(diagnostics.terms.at_surface.sensitive, 0, atol=1e-9)


def test_il1ra_of_the_tissue_holds_il1_down(tissue: SimpleNamespace) -> None:
    at_surface = tissue.step(dt=INSTANT, forcing=Forcing(il1ra=0.0))[1].terms.at_surface
    assert_allclose(at_surface.signal, signal(P.I_0, P, 0.0), rtol=1e-7)
    more = tissue.step(dt=INSTANT, forcing=Forcing(il1ra_excess=100.0))[1].terms.at_surface
    assert_allclose(more.signal, signal(P.I_0, P, P.A_0 + 100), rtol=1e-7)


def test_without_the_receptor_il1_does_nothing(tissue: SimpleNamespace) -> None:
    none, much = (
        tissue.step(dt=INSTANT, forcing=Forcing(excess={"il1": i}, il1_receptor=0.0))[1].terms
        for i in (0.0, 100.0)
    )
    assert_allclose(much.at_surface.signal, 0)
    assert_allclose(much.fluid.uncoupled["il6"].field, none.fluid.uncoupled["il6"].field, rtol=1e-7)
    assert_allclose(much.fluid.sources[0], none.fluid.sources[0], rtol=1e-7)
    assert_allclose(much.osteoclasts.formed, none.osteoclasts.formed, rtol=1e-7)
    assert_allclose(much.osteoclasts.supply, none.osteoclasts.supply, rtol=1e-7)
    assert_allclose(much.osteoblasts.formed, none.osteoblasts.formed, rtol=1e-7)


def test_a_signal_below_health_does_not_speed_osteoblasts(tissue: SimpleNamespace) -> None:
    without, health = (
        tissue.step(dt=INSTANT, forcing=Forcing(il1_receptor=r))[1].terms for r in (0.0, 1.0)
    )
    assert np.asarray(without.at_surface.sensitive).max() < 0
    assert_allclose(without.osteoblasts.recruited, health.osteoblasts.recruited, rtol=1e-6)
    assert_allclose(without.formation, health.formation, rtol=1e-6)
