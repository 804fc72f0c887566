"""Kinetics of drugs beside labels and studies, and their rows."""

from collections.abc import Callable

import numpy as np
import pytest
from model.doses import dosing
from numpy.testing import assert_allclose

from tissue.model.drugs import DRUGS, Published
from tissue.model.kinetic_summary import comparisons, summary
from tissue.model.parameters import PRESETS, preset
from tissue.model.pharmacokinetics import exposures
from tissue.model.targets import TARGETS, AnabolicEffect, BoneBinding

Response = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize(
    ("name", "species", "published"),
    [
        (name, species, each)
        for name, drug in DRUGS.items()
        for species, some in drug.published.items()
        for each in some
    ],
)
def test_concentrations_are_those_of_labels_and_studies(
    name: str, species: str, published: Published
) -> None:
    found = comparisons(name, species, published)
    assert found
    missed = [key for key, each in found.items() if not 0.75 <= each.ratio <= 1.25]
    assert bool(missed) == bool(published.reason), missed


@pytest.mark.parametrize("name", DRUGS)
def test_every_drug_is_held_to_a_label_or_binds_to_bone(name: str) -> None:
    drug = DRUGS[name]
    assert set(drug.kinetics) == set(drug.regimen) == set(drug.published) == set(PRESETS)
    binds = isinstance(TARGETS[drug.target].action, BoneBinding)
    assert bool(drug.published["human"]) != binds


def test_a_summary_is_that_of_bateman() -> None:
    drug = DRUGS["adalimumab"]
    bioavailability, gain, loss, volume, *_ = drug.kinetics["human"]
    assert gain
    found = summary(drug, "human", 2.0)
    peak_time = np.log(gain / loss) / (gain - loss)
    assert_allclose(found.peak_time, peak_time, rtol=1e-2)
    assert_allclose(found.peak, 2 * bioavailability / volume * np.exp(-loss * peak_time), rtol=1e-4)
    assert_allclose(found.area, 2 * bioavailability / volume / loss, rtol=1e-4)
    assert_allclose(found.half_life, np.log(2) / loss)
    # an interval of the steady state has the area of a single dose
    steady = summary(drug, "human", 2.0, interval=14.0)
    assert_allclose(steady.area, found.area, rtol=1e-4)
    assert steady.peak > 1.3 * found.peak


def test_mice_have_their_own_kinetics() -> None:
    for name, drug in DRUGS.items():
        doses = {name: dosing((0.0, 1.0))}
        if not isinstance(TARGETS[drug.target].action, BoneBinding):
            (people,), (mice,) = (
                exposures(doses, 1.0, species).values() for species in ("human", "mouse")
            )
            assert people.at(np.array([0.1])) != mice.at(np.array([0.1])), name
    human, mouse = DRUGS["anakinra"].kinetics.values()
    assert_allclose(mouse.elimination / human.elimination, (65 / 0.025) ** 0.25)
    assert mouse.volume == human.volume


@pytest.mark.parametrize("name", DRUGS)
def test_every_row_holds_what_its_target_needs(name: str) -> None:
    drug, p = DRUGS[name], preset("human")
    action = TARGETS[drug.target].action
    assert (drug.half_effect is not None) == isinstance(action, AnabolicEffect)
    assert (set(drug.full_dose or ()) == set(PRESETS)) == isinstance(action, BoneBinding)
    for kinetics in drug.kinetics.values():
        assert kinetics.km or not kinetics.vmax
        assert 0 < kinetics.bioavailability <= 1
        # Bateman's function divides by the difference
        assert kinetics.absorption != kinetics.elimination
    if isinstance(action, AnabolicEffect):
        symbols = (
            action.activation,
            action.recruitment,
            action.osteoblast_rankl,
            action.rankl_reduction,
        )
        assert all(getattr(p, symbol) >= 0 for symbol in symbols if symbol)
        assert action.reference in (None, *DRUGS)
        assert action.reference is None or DRUGS[action.reference].target == drug.target
