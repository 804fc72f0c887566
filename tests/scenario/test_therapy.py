"""Courses of drugs: their schedules, what is refused, and when they act."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.errors import InputError
from tissue.scenario.config import RunConfig, parse_run
from tissue.scenario.course import COURSE_METRICS, Course, exposure
from tissue.scenario.therapy import Therapy, dosing

DOSE = {"drug": "anakinra", "dose": "1 mg/kg"}


def parsed(*therapies: dict[str, Any], **run: Any) -> RunConfig:
    data = {
        "run": {"duration": "28 day"} | run,
        "geometry": {"synthetic": {}},
        "therapy": list(therapies),
    }
    return parse_run(data, Path("/runs"), "treated")


def course(config: RunConfig) -> Course:
    return Course(config.disease, config.therapies, config.acting, config.preset, config.duration)


@pytest.mark.parametrize(
    ("schedule", "times", "until"),
    [
        ({}, [0], 0),
        ({"start": "3 day"}, [3], 3),
        ({"start": "28 day"}, [28], 28),
        ({"every": "7 day"}, [0, 7, 14, 21], 28),
        ({"every": "7 day", "start": "5 day"}, [5, 12, 19, 26], 33),
        ({"every": "1 day", "start": "2 day", "stop": "5 day"}, [2, 3, 4], 5),
        ({"every": "12 h", "stop": "36 h"}, [0, 0.5, 1], 1.5),
        ({"every": "10 day", "stop": "5 week"}, [0, 10, 20], 30),
        ({"every": "30 day"}, [0], 0),
        ({"times": ["0 day", "1 week", "10 day"]}, [0, 7, 10], 13),
        ({"times": ["4 day"]}, [4], 4),
    ],
)
def test_schedules(schedule: dict[str, Any], times: list[float], until: float) -> None:
    (therapy,) = parsed(DOSE | schedule).therapies
    assert_allclose(therapy.times, times, rtol=1e-12)
    assert_allclose(therapy.until, until, rtol=1e-12)


@pytest.mark.parametrize(
    ("dose", "preset", "wanted"),
    [
        ("60 mg", "human", 60 / 65),
        ("0.06 g", "human", 60 / 65),
        ("25 ug", "mouse", 1.0),
        ("1 mg/kg", "mouse", 1.0),
        ("1 mg/kg", "human", 1.0),
        ("100 ug/kg", "mouse", 0.1),
        ("0.3 g/kg", "mouse", 300.0),
    ],
)
def test_doses_are_per_body_weight(dose: str, preset: str, wanted: float) -> None:
    (therapy,) = parsed({"drug": "denosumab", "dose": dose}, preset=preset).therapies
    assert_allclose(therapy.dose, wanted, rtol=1e-12)


def test_courses_of_a_drug_may_follow_each_other() -> None:
    first = DOSE | {"every": "0.1 day", "stop": "10 day"}
    second = DOSE | {"dose": "3 mg/kg", "every": "1 day", "start": "10 day", "stop": "12 day"}
    given = dosing(parsed(first, second).therapies, "anakinra")
    assert given is not None
    assert len(given.times) == 102
    assert np.all(np.diff(given.times) > 0)
    assert_allclose(given.amounts[-2:], 3)
    assert dosing((), "anakinra") is None


def test_different_drugs_may_be_given_together() -> None:
    config = parsed(DOSE, {"drug": "il4", "dose": "5 ug/kg", "every": "12 h"})
    assert [each.drug for each in config.therapies] == ["anakinra", "il4"]


@pytest.mark.parametrize(
    ("therapies", "message"),
    [
        ([{"drug": "anakinra"}], r"therapy\[1\].dose is missing: it must be an amount, e.g."),
        ([{"dose": "1 mg"}], r"therapy\[1\].drug is missing: it must be one of anakinra"),
        (
            [{"drug": "anakinra", "dose": 100}],
            r"therapy\[1\].dose: '100' has no unit: a mass is needed.*it must be an amount, e.g. "
            "'60 mg', or one per body weight, e.g. '1 mg/kg'",
        ),
        ([DOSE | {"dose": "3 pM"}], r"therapy\[1\].dose: '3 pM' is a concentration"),
        ([DOSE | {"dose": "0 mg"}], r"therapy\[1\].dose: '0 mg' is no dose"),
        ([DOSE | {"dose": "-1 mg/kg"}], r"therapy\[1\].dose: '-1 mg/kg' is no dose"),
        ([DOSE | {"dose": True}], r"therapy\[1\].dose: True is not a dose with a unit"),
        (
            [DOSE, {"drug": "Denosumb", "dose": "60 mg"}],
            r"therapy\[2\].drug: 'Denosumb' is not a known drug, did you mean denosumab\? \(it "
            "must be one of anakinra, denosumab",
        ),
        ([DOSE | {"drug": "aspirin"}], r"'aspirin' is not a known drug \(it must be one of"),
        ([DOSE | {"drug": 3}], r"therapy\[1\].drug = 3 must be one of anakinra"),
        ([DOSE | {"doze": 3}], r"therapy\[1\].doze is not a known key, did you mean therapy.dose"),
        ([DOSE, DOSE | {"every": 7}], r"therapy\[2\].every: '7' has no unit: a time is needed"),
        ([DOSE | {"every": "0 day"}], r"therapy\[1\].every = '0 day' must be a time betw"),
        (
            [DOSE | {"times": []}],
            r"therapy\[1\].times = \[\] must be a list of 1 to 1000000 tim",
        ),
        ([DOSE | {"times": ["1 pM"]}], r"therapy\[1\].times: '1 pM' is a concentration"),
        (
            [DOSE | {"start": "-2 day"}],
            r"therapy\[1\] has a dose at -2 day, before the start of the run: doses must lie "
            "between 0 day and run.duration = 28 day",
        ),
        (
            [DOSE | {"times": ["0 day", "29 day"]}],
            r"therapy\[1\] has a dose at 29 day, after the end of the run: doses must lie between "
            "0 day and run.duration = 28 day",
        ),
        (
            [DOSE | {"times": ["0 day"], "every": "1 day"}],
            r"therapy\[1\].every contradicts therapy\[1\].times: give either times or a schedule",
        ),
        ([DOSE | {"times": ["0 day"], "stop": "1 day"}], r"\.stop contradicts therapy\[1\].times"),
        ([DOSE | {"times": ["2 day", "1 day"]}], r"therapy\[1\].times must be in order"),
        ([DOSE | {"times": ["2 day", "2 day"]}], r"therapy\[1\].times must be in order"),
        ([DOSE | {"stop": "5 day"}], r"therapy\[1\].stop needs therapy\[1\].every"),
        (
            [DOSE | {"every": "1 day", "start": "5 day", "stop": "5 day"}],
            r"therapy\[1\].stop = 5 day must be after therapy\[1\].start = 5 day",
        ),
        (
            [
                DOSE | {"every": "1 day", "stop": "10 day"},
                DOSE | {"every": "7 day", "start": "9 day"},
            ],
            r"therapy\[1\] and therapy\[2\] both give anakinra from day 9 on: let one stop before "
            "the other starts",
        ),
        ([DOSE, 3], r"therapy\[2\] = 3 must be a"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(therapies: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        parsed(*therapies)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_therapy_must_be_a_list_of_tables() -> None:
    data = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}, "therapy": DOSE}
    with pytest.raises(InputError, match=r"^therapy .*must be a list of tables \[\[therapy\]\]"):
        parse_run(data, Path(), "wrong")


# The course of a run


def test_steps_end_where_rare_doses_fall() -> None:
    config = parsed(
        {"drug": "denosumab", "dose": "1 mg/kg", "times": ["0 day", "10 day", "24 day"]},
        DOSE | {"every": "1 day", "start": "3 day", "stop": "20 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "8.5 day"},
    )
    # of the daily course only its ends
    assert_allclose(course(config).changes, [3, 8.5, 10, 20, 24])


def test_steps_end_where_estrogen_begins_to_fall_and_has_fallen() -> None:
    data = {
        "run": {"duration": "28 day"},
        "geometry": {"synthetic": {}},
        "disease": {"estrogen": {"onset": "4 day", "ramp": "6 day"}},
    }
    config = parse_run(data, Path(), "menopause")
    acts = course(config)
    assert acts.changes == (4, 10)
    lost = [float(acts.forcing(day - 0.5, 1.0, "float64").estrogen_loss) for day in (3, 7, 12)]
    assert_allclose(lost, [0, 0.5, 1])


def test_changes_that_differ_by_rounding_are_one() -> None:
    # 100 steps of 0.1 day do not quite make 10 days
    config = parsed(
        DOSE | {"every": "0.1 day", "stop": "10 day"},
        DOSE | {"every": "1 day", "start": "10 day", "stop": "12 day"},
    )
    assert np.all(np.diff(course(config).changes) > 1e-6)


def test_zoledronate_binds_at_the_time_of_its_dose() -> None:
    dose = {"drug": "zoledronate", "dose": "0.05 mg/kg", "times": ["0 day", "12 day"]}
    acts = course(parsed(dose))
    bound = [acts.dose_of_bisphosphonate(t) for t in (0.0, 5.0, 12.0, 12.5)]
    assert_allclose(bound, [0.5, 0, 0.5, 0])
    human = course(parsed(dose | {"dose": "5 mg"}, preset="human"))
    assert_allclose(human.dose_of_bisphosphonate(0.0), 1)


def test_each_blocker_reaches_its_place_in_the_forcing() -> None:
    names = {
        "anakinra": "il1ra_drug",
        "denosumab": "denosumab",
        "adalimumab": "tnf_blocker",
        "il4": "il4",
    }
    for drug, name in names.items():
        forcing = course(parsed(DOSE | {"drug": drug})).forcing(0.2, 1.0, "float32")
        for other in names.values():
            held = np.asarray(getattr(forcing, other))
            assert (held.max() > 0) == (other == name)
            assert held.dtype == np.float32
        shown = exposure(forcing)
        assert set(shown) == set(COURSE_METRICS)
        assert float(shown[f"{name}_pM"]) > 0


def test_anabolic_drugs_raise_formation_and_change_rankl() -> None:
    # at its usual dose teriparatide does what its parameters say
    daily = {"drug": "teriparatide", "dose": "20 ug", "every": "1 day"}
    forcing = course(parsed(daily, preset="human")).forcing(20.0, 1.0, "float64")
    assert_allclose(forcing.anabolic, 1.5, rtol=1e-2)
    assert_allclose(forcing.rankl, 1.8, rtol=1e-2)
    monthly = {"drug": "romosozumab", "dose": "210 mg"}
    forcing = course(parsed(monthly, preset="human")).forcing(5.0, 1.0, "float64")
    assert 1.3 < float(forcing.anabolic) < 1.5
    assert_allclose((1 - forcing.rankl) / 0.2, (forcing.anabolic - 1) / 0.5, rtol=1e-9)


def test_age_lowers_formation() -> None:
    data = {
        "run": {"duration": "10 year", "preset": "human"},
        "geometry": {"synthetic": {}},
        "disease": {"ageing": True},
    }
    acts = course(parse_run(data, Path(), "old"))
    tenth_year = acts.forcing(9.5 * 365.25, 365.25, "float64").anabolic
    assert_allclose(tenth_year, np.exp(-0.0024 * 10), rtol=1e-9)


def test_the_shortest_interval_tells_how_often() -> None:
    assert Therapy("il4", 1.0, (0.0, 5.0, 7.0), 9.0).interval == 2
    assert Therapy("il4", 1.0, (0.0,), 0.0).interval == float("inf")
