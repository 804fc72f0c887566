"""Regimens of drugs: their schedules, and what is refused."""

import contextlib
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scenario.treated import DOSE, parsed

from tissue.errors import InputError
from tissue.scenario.config import read_run_file
from tissue.scenario.resolved import resolved_toml
from tissue.scenario.therapy import Therapy, dosing
from tissue.scenario.values import MOST_DOSES

IL4 = Therapy.model_validate({"drug": "il4", "dose": "1 mg/kg"})


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
    (therapy,) = parsed(DOSE | schedule).therapy
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
    (therapy,) = parsed({"drug": "denosumab", "dose": dose}, preset=preset).therapy
    assert_allclose(therapy.dose, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("dose", "wanted"),
    [
        ("10 mg kg^-1", 10),
        ("10 mg·kg⁻¹", 10),
        ("10 mg kg-1", 10),
        ("2 mg / kg", 2),
        ("5 milligrams/kilogram", 5),
        ("20 mcg/kg", 0.02),
        ("25 mcg", 1),
    ],
)
def test_doses_are_written_in_many_ways(dose: str, wanted: float) -> None:
    (therapy,) = parsed(DOSE | {"dose": dose}).therapy
    assert_allclose(therapy.dose, wanted, rtol=1e-12)


def test_courses_of_a_drug_may_follow_each_other() -> None:
    first = DOSE | {"every": "0.1 day", "stop": "10 day"}
    second = DOSE | {"dose": "3 mg/kg", "every": "1 day", "start": "10 day", "stop": "12 day"}
    doses = dosing(parsed(second, first).therapy, "anakinra")
    assert doses is not None
    assert len(doses.times) == 102
    assert np.all(np.diff(doses.times) > 0)
    assert_allclose(doses.amounts, [1] * 100 + [3] * 2)
    assert dosing((), "anakinra") is None


def test_doses_of_a_branch_follow_those_of_its_parent(tmp_path: Path) -> None:
    weekly = DOSE | {"every": "7 day"}
    parent = parsed(weekly)
    own = parsed(weekly | {"start": "10 day"}).therapy
    kept = parent.therapy[0].at_times((0.0, 7.0))
    branch = parent.model_copy(update={"therapy": (kept, *own)})
    (tmp_path / "run.toml").write_text(resolved_toml(branch), encoding="utf-8")
    assert read_run_file(tmp_path / "run.toml").therapy == branch.therapy
    with pytest.raises(InputError, match="both give anakinra from day 5 on"):
        parsed(DOSE | {"times": ["0 day", "10 day"]}, DOSE | {"times": ["5 day"]})


def test_different_drugs_may_be_given_together() -> None:
    config = parsed(DOSE, {"drug": "il4", "dose": "5 ug/kg", "every": "12 h"})
    assert [each.drug for each in config.therapy] == ["anakinra", "il4"]


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
        ([DOSE | {"dose": "0 mg"}], r"therapy\[1\].dose: '0 mg' is not a dose"),
        ([DOSE | {"dose": "-1 mg/kg"}], r"therapy\[1\].dose: '-1 mg/kg' is not a dose"),
        ([DOSE | {"dose": "5 %"}], r"therapy\[1\].dose: '5 %' is a pure number: a mass is needed"),
        (
            [DOSE | {"dose": "1 mg/kg/day"}],
            r"therapy\[1\].dose: '1 mg/kg/day' is a dose over time: give one dose, and every for",
        ),
        ([DOSE | {"dose": "20 ug/d"}], r"therapy\[1\].dose: '20 ug/d' is a dose over time"),
        ([DOSE | {"dose": "1,5 mg/kg"}], r"has a decimal comma: write '1.5 mg/kg'"),
        ([DOSE | {"dose": "1 mg/KG"}], r"'KG' in 'mg/KG' is not a known unit; did you mean 'kg'"),
        (
            [DOSE | {"dose": "100 kg"}],
            r"therapy\[1\].dose is 100 kg for a mouse of 0.025 kg: check its unit; 25 mg/kg "
            r"every 1 day is usual in a mouse \(people get 100 mg every 1 day\)",
        ),
        ([DOSE | {"dose": "1e302 kg"}], r"therapy\[1\].dose is inf kg for a mouse of 0.025 kg"),
        ([DOSE | {"dose": "1e308 kg"}], r"therapy\[1\].dose: '1e308 kg' is not a finite number"),
        ([DOSE | {"dose": "1 kg/kg"}], r"therapy\[1\].dose is 0.025 kg for a mouse of 0.025 kg"),
        ([DOSE | {"dose": True}], r"therapy\[1\].dose: True is not a dose with a unit"),
        (
            [DOSE, {"drug": "Denosumb", "dose": "60 mg"}],
            r"therapy\[2\].drug: 'Denosumb' is not a known drug, did you mean denosumab\? \(it "
            "must be one of anakinra, canakinumab",
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
            [DOSE | {"start": "-1e300 day", "every": "1 day"}],
            r"therapy\[1\] has a dose at -1e\+300 day, before the start of the run",
        ),
        (
            [DOSE | {"start": "1e300 day", "every": "1 day"}],
            r"therapy\[1\] has a dose at 1e\+300 day, after the end of the run",
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
        (
            [DOSE | {"times": ["2 day", "2.0009 day"]}],
            r"therapy\[1\].times must be in order, each dose at least 0.001 day after the one bef",
        ),
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
        read_run_file(data, name="wrong")


# Many doses


def seconds(*therapies: dict[str, Any], **run: Any) -> float:
    """Processor time to check a run [s]."""
    start = time.process_time()
    with contextlib.suppress(InputError):
        parsed(*therapies, **run)
    return time.process_time() - start


def test_a_million_doses_are_checked_in_a_second() -> None:
    often = DOSE | {"every": "0.001 day"}
    config = parsed(often, duration="1000 day")
    (therapy,) = config.therapy
    assert len(therapy.times) == MOST_DOSES
    assert_allclose(therapy.times[-2:], [999.998, 999.999], rtol=1e-12)
    assert seconds(often, duration="1000 day") < 1
    assert seconds(often, duration="200 year") < 1  # too many


def test_doses_are_counted_over_all_courses() -> None:
    one = DOSE | {"every": "0.001 day"}
    message = r"therapy\[1\].every = 0.001 day makes 1001000 doses, and a run may have 1000000: giv"
    with pytest.raises(InputError, match=message):
        parsed(one, duration="1001 day")
    half, rest = one | {"stop": "500 day"}, one | {"drug": "il4", "start": "500 day"}
    assert len(parsed(half, rest, duration="1000 day").therapy) == 2
    with pytest.raises(InputError, match=r"therapy\[2\].every = 0.001 day makes 500001 doses"):
        parsed(half, rest, duration="1000.001 day")
    with pytest.raises(InputError, match=r"therapy\[3\] brings the doses of the run to more than"):
        parsed(half, rest, {"drug": "zoledronate", "dose": "0.1 mg/kg"}, duration="1000 day")


def test_ten_thousand_courses_are_checked_quickly() -> None:
    courses = [DOSE | {"start": f"{day} day"} for day in range(10_000)]
    assert seconds(*courses, duration="10000 day") < 6
    wrong = [course | {"dose": f"1 mg{'abcdefghij'[i % 10]}"} for i, course in enumerate(courses)]
    assert seconds(*wrong, duration="10000 day") < 10


def test_reading_a_list_stops_at_the_first_wrong_time() -> None:
    times = [f"{day} daze" for day in range(100_000)]
    assert seconds(DOSE | {"times": times}, duration="200 year") < 2


courses_of_a_drug = st.lists(
    st.tuples(
        st.sampled_from(["anakinra", "il4"]),
        st.integers(0, 20),
        st.sampled_from([None, 1, 3]),
        st.integers(1, 9),
    ),
    max_size=6,
)


@given(courses_of_a_drug)
def test_courses_overlap_where_two_of_them_do(
    courses: list[tuple[str, int, int | None, int]],
) -> None:
    tables = []
    for drug, start, every, length in courses:
        schedule = {"every": f"{every} day", "stop": f"{start + length} day"} if every else {}
        tables.append({"drug": drug, "dose": "1 mg/kg", "start": f"{start} day"} | schedule)
    found = [parsed(table).therapy[0] for table in tables]
    together = any(
        a.drug == b.drug and min(a.until - b.times[0], b.until - a.times[0]) > 0
        for a, b in itertools.combinations(found, 2)
    )
    if together:
        with pytest.raises(InputError, match="both give"):
            parsed(*tables)
    else:
        assert list(parsed(*tables).therapy) == found


# Standard doses


def test_the_shortest_interval_tells_how_often() -> None:
    assert IL4.at_times((0.0, 5.0, 7.0)).interval == 2
    assert IL4.at_times((0.0,)).interval == float("inf")
