"""Effects of doses of teriparatide and bisphosphonates."""

from collections.abc import Callable

import numpy as np
import pytest
from model.doses import dosing
from numpy.testing import assert_allclose

from tissue.model.drug_effects import (
    anabolic_effect,
    bone_bound_share,
    bound_after_dose,
)
from tissue.model.drugs import DRUGS
from tissue.model.parameters import preset
from tissue.model.pharmacokinetics import exposures

Response = Callable[[np.ndarray], np.ndarray]


def test_cells_respond_to_a_pulse_over_a_day() -> None:
    # in an hour after a dose no more than in the day around it
    doses = {"teriparatide": dosing(*((float(day), 20e-3 / 65) for day in range(30)))}
    exposure = exposures(doses, 30.0, "human")["pth_receptor"]
    hour, day = (exposure.mean_share(20.5 - x / 2, x) for x in (1 / 24, 1.0))
    assert_allclose(hour, day, rtol=1e-9)


@pytest.mark.parametrize(("species", "usual"), [("human", 20e-3 / 65), ("mouse", 0.04)])
def test_the_effect_is_one_under_the_usual_regimen_and_saturates(
    species: str, usual: float
) -> None:
    effects = []
    for dose in (usual, 2 * usual, 1e6 * usual):
        doses = {"teriparatide": dosing(*((float(day), dose) for day in range(60)))}
        exposure = exposures(doses, 60.0, species)["pth_receptor"]
        effects.append(anabolic_effect("pth_receptor", exposure, 50.0, 1.0, species))
    assert_allclose(effects[0], 1, rtol=1e-9)
    assert 1 < effects[1] < effects[2] < 2


def test_a_dose_binds_to_the_sites_that_are_free() -> None:
    assert bound_after_dose(0.0, 0.5) == 0.5
    assert bound_after_dose(0.5, 0.5) == 0.75
    assert bound_after_dose(0.5, 7.0) == 1.0


@pytest.mark.parametrize(
    ("name", "amount", "least", "most"),
    [("alendronate", 70, 0.55, 0.75), ("risedronate", 35, 0.4, 0.6), ("zoledronate", 5, 0.5, 0.75)],
)
def test_resorption_falls_by_the_share_of_trials(
    name: str, amount: float, least: float, most: float
) -> None:
    # between three and six months, with tau_q at the turnover of health
    p, bound = preset("human"), 0.0
    every = DRUGS[name].regimen["human"].interval
    falls = {}
    for day in range(183):
        bound -= bound / float(p.tau_q)
        if day % every == 0:
            bound = float(bound_after_dose(bound, bone_bound_share(name, amount / 65, "human")))
        falls[day] = 1 - 1 / (1 + p.a_BP * bound)
    assert least < falls[91] <= falls[182] * 1.1
    assert falls[182] < most
