"""Doses and schedules far from the usual ones are doubted."""

import pytest
from numpy.testing import assert_allclose
from scenario.treated import DOSE, parsed

from tissue.model.drugs import DRUGS, standard_dose
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples


@pytest.mark.parametrize("drug", DRUGS)
def test_a_human_dose_in_a_mouse_is_doubted(drug: str) -> None:
    dose = DRUGS[drug].regimen["human"].dose * 65
    table = {"drug": drug, "dose": f"{dose:.6g} mg"}
    assert parsed(table, preset="human").warnings == ()
    (warning,) = parsed(table).warnings
    assert warning.startswith(
        f"therapy[1].dose is {dose / 0.025:g} mg/kg of {drug}, or {dose:g} mg"
    )
    assert "check its unit and run.preset" in warning
    assert f"people get {dose:g} mg every" in warning


def test_the_standard_dose_of_mice_is_their_own() -> None:
    assert standard_dose("anakinra", "mouse") == 25
    assert_allclose(standard_dose("anakinra", "human"), 100 / 65, rtol=1e-12)
    assert standard_dose("teriparatide", "mouse") == 0.04
    (warning,) = parsed(DOSE | {"dose": "100 mg"}).warnings
    assert warning == (
        "therapy[1].dose is 4000 mg/kg of anakinra, or 100 mg in a mouse of 0.025 kg: check its "
        "unit and run.preset; 25 mg/kg every 1 day is usual in a mouse (people get 100 mg every 1 "
        "day)"
    )


@pytest.mark.parametrize(
    ("drug", "doses"),
    [
        ("anakinra", ["1 mg/kg", "10 mg/kg", "25 mg/kg", "100 mg/kg"]),
        ("denosumab", ["1 mg/kg", "5 mg/kg", "10 mg/kg"]),
        ("zoledronate", ["20 ug/kg", "100 ug/kg", "0.5 mg/kg"]),
        ("teriparatide", ["10 ug/kg", "20 ug/kg", "40 ug/kg", "80 ug/kg", "160 ug/kg"]),
        ("romosozumab", ["3 mg/kg", "25 mg/kg", "100 mg/kg"]),
        ("adalimumab", ["1 mg/kg", "10 mg/kg"]),
        ("etanercept", ["1 mg/kg", "10 mg/kg"]),
        ("infliximab", ["3 mg/kg", "10 mg/kg"]),
        ("tocilizumab", ["8 mg/kg", "20 mg/kg", "80 mg/kg"]),
        ("alendronate", ["0.1 mg/kg", "1 mg/kg"]),
        ("prednisolone", ["2 mg/kg", "5 mg/kg", "10 mg/kg"]),
        ("il10", ["8 ug/kg", "40 ug/kg"]),
        ("il4", ["5 ug/kg", "50 ug/kg"]),
    ],
)
def test_common_doses_of_mice_are_not_doubted(drug: str, doses: list[str]) -> None:
    for dose in doses:
        assert parsed({"drug": drug, "dose": dose}).warnings == ()
        assert parsed({"drug": drug, "dose": dose, "every": "7 day"}).warnings == ()


def test_doses_far_below_the_usual_are_doubted() -> None:
    (warning,) = parsed(DOSE | {"dose": "1 mg"}, preset="human").warnings
    assert "therapy[1].dose is 0.01538 mg/kg of anakinra" in warning
    assert parsed(DOSE | {"dose": "20 mg"}, preset="human").warnings == ()
    # as an infusion of 24 mg a day
    assert parsed(DOSE | {"dose": "1 mg", "every": "1 h"}, preset="human").warnings == ()


def test_schedules_far_from_the_usual_are_doubted() -> None:
    often = {"drug": "denosumab", "dose": "60 mg", "every": "6 h"}
    (warning,) = parsed(often, preset="human").warnings
    assert warning.startswith(
        "therapy[1] gives 3.692 mg/kg of denosumab a day: check how often it is"
    )
    assert parsed(often | {"every": "28 day"}, preset="human", duration="1 year").warnings == ()


def test_one_warning_a_drug_is_enough() -> None:
    tables = [DOSE | {"dose": "9 g/kg", "start": f"{day} day"} for day in range(20)]
    other = {"drug": "il4", "dose": "1 g"}
    first, second = parsed(*tables, other).warnings
    assert first.startswith("therapy[1].dose is 9000 mg/kg of anakinra")
    assert first.endswith("(19 more of anakinra are as doubtful)")
    assert second.startswith("therapy[21].dose is 40000 mg/kg of il4")


@pytest.mark.parametrize("name", examples())
def test_no_shipped_run_is_doubted(name: str) -> None:
    assert read_run_file(examples()[name]).warnings == ()
