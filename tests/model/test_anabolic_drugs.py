"""Actions of anabolic drugs, in proportion to their effect."""

from dataclasses import replace

import pytest
from numpy.testing import assert_allclose

from tissue.model.drug_effects import anabolic_actions
from tissue.model.parameters import preset

# numbers that differ from each other
P = replace(preset("mouse"), k_P=0.05, a_P=0.3, r_P=0.6, k_S=0.11, r_S=0.4)


@pytest.mark.parametrize("effect", [0.0, 0.5, 1.6])
def test_teriparatide_acts_on_lining_cells_recruitment_and_rankl_of_osteoblasts(
    effect: float,
) -> None:
    found = anabolic_actions({"pth_receptor": effect}, P)
    assert_allclose(found.activation, 0.05 * effect, rtol=1e-12)
    assert_allclose(found.recruitment, 1 + 0.3 * effect, rtol=1e-12)
    assert_allclose(found.osteoblast_rankl, 0.6 * effect, rtol=1e-12)
    assert_allclose(found.rankl, 1)


@pytest.mark.parametrize("effect", [0.0, 0.5, 1.0])
def test_romosozumab_acts_on_lining_cells_and_lowers_rankl(effect: float) -> None:
    found = anabolic_actions({"sclerostin": effect}, P)
    assert_allclose(found.activation, 0.11 * effect, rtol=1e-12)
    assert_allclose(found.rankl, 1 - 0.4 * effect, rtol=1e-12)
    assert_allclose([found.recruitment, found.osteoblast_rankl], [1, 0])


def test_two_anabolic_drugs_act_together() -> None:
    found = anabolic_actions({"pth_receptor": 0.5, "sclerostin": 0.8}, P)
    assert_allclose(found.activation, 0.05 * 0.5 + 0.11 * 0.8, rtol=1e-12)
    assert_allclose([found.recruitment, found.rankl], [1.15, 0.68], rtol=1e-12)
