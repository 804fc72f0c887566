"""Drugs of one target add up."""

from collections.abc import Callable

import numpy as np
import pytest
from model.doses import dosing, solved
from numpy.testing import assert_allclose

from tissue.model.drug_effects import (
    anabolic_actions,
    anabolic_effect,
)
from tissue.model.drugs import DRUGS, Drug, Kinetics
from tissue.model.parameters import preset
from tissue.model.pharmacokinetics import Exposure, OneCompartmentPK, exposures

Response = Callable[[np.ndarray], np.ndarray]


GOLIMUMAB = DRUGS["adalimumab"]._replace(
    about="antibody against TNF: neutralizes TNF",
    molar_mass=150_000,
    kinetics={"human": Kinetics(0.6, 0.4, 0.165, 0.15, "numbers for these tests")},
    relative_potency=3.0,
)
"""Another TNF blocker, of shorter half-life and tighter binding."""


@pytest.fixture
def golimumab(monkeypatch: pytest.MonkeyPatch) -> Drug:
    monkeypatch.setitem(DRUGS, "golimumab", GOLIMUMAB)
    return GOLIMUMAB


TWO_BLOCKERS = {
    "adalimumab": dosing((0.0, 0.6), (14.0, 0.6)),
    "golimumab": dosing((3.0, 0.7), (6.5, 0.7), (10.0, 0.7)),
}


def test_drugs_of_one_target_add_up_at_every_time(golimumab: Drug) -> None:
    times = np.linspace(0, 28, 500)
    (exposure,) = exposures(TWO_BLOCKERS, 28.0, "human").values()
    wanted = solved(DRUGS["adalimumab"], TWO_BLOCKERS["adalimumab"], times)
    wanted = wanted + 3 * solved(golimumab, TWO_BLOCKERS["golimumab"], times)
    assert_allclose(exposure.at(times), wanted, rtol=1e-5, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("name", TWO_BLOCKERS)
def test_a_drug_alone_is_not_changed_by_another_row(golimumab: Drug, name: str) -> None:
    kinetics = OneCompartmentPK(DRUGS[name], "human", TWO_BLOCKERS[name], 28.0)
    found = exposures({name: TWO_BLOCKERS[name]}, 28.0, "human")
    assert set(found) == {"tnf"}
    nodes = Exposure([(DRUGS[name].relative_potency, kinetics)]).at_nodes(5.0, 2.0)
    assert np.array_equal(found["tnf"].at_nodes(5.0, 2.0), nodes)


def test_nodes_are_those_of_the_sum_and_not_a_sum_of_nodes(golimumab: Drug) -> None:
    # one falls while the other rises: the sum of their sorted nodes would have peaks and troughs
    doses = {"golimumab": dosing((0.0, 0.7)), "adalimumab": dosing((3.0, 1.6))}
    both = exposures(doses, 28.0, "human")["tnf"]
    start, length = 3.0, 4.0
    held = both.at(start + length * (np.arange(40_000) + 0.5) / 40_000)
    nodes = both.at_nodes(start, length)
    weights = np.polynomial.legendre.leggauss(4)[1] / 2
    assert_allclose(np.sum(weights * nodes**2), (held**2).mean(), rtol=1e-3)
    parts = [exposures({name: each}, 28.0, "human")["tnf"] for name, each in doses.items()]
    sorted_alone = sum(each.at_nodes(start, length) for each in parts)
    assert abs(np.sum(weights * sorted_alone**2) / (held**2).mean() - 1) > 0.02


def test_anabolic_drugs_of_one_target_add_up_over_their_half_effects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinetics = DRUGS["romosozumab"].kinetics["human"]._replace(elimination=0.1)
    other = DRUGS["romosozumab"]._replace(
        half_effect=250.0, kinetics={"human": kinetics}, molar_mass=70_000
    )
    monkeypatch.setitem(DRUGS, "blosozumab", other)
    doses = {"romosozumab": dosing((0.0, 3.0)), "blosozumab": dosing((5.0, 1.0))}
    exposure = exposures(doses, 60.0, "human")["sclerostin"]
    times = 20 + 10 * (np.arange(20_000) + 0.5) / 20_000
    over = solved(DRUGS["romosozumab"], doses["romosozumab"], times) / 1000
    over = over + solved(other, doses["blosozumab"], times) / 250
    effect = anabolic_effect("sclerostin", exposure, 20.0, 10.0, "human")
    assert_allclose(effect, (over / (1 + over)).mean(), rtol=1e-4)
    p = preset("human")
    actions = anabolic_actions({"sclerostin": effect}, p)
    assert_allclose(actions.activation, p.k_S * effect)
    assert_allclose(actions.rankl, 1 - p.r_S * effect)
    assert (actions.recruitment, actions.osteoblast_rankl) == (1, 0)
