"""Sources that vary in time: constants and pieces, as a run file gives them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose

from tissue.errors import InputError
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import config_hash, resolved_keys, resolved_toml
from tissue.scenario.time_course import Piece, TimeCourse

PULSES = """
[run]
duration = "28 day"
[geometry.synthetic]
[disease]
inflammatory_cells = [{from = "1/3 day", to = "2 day", value = "100 cells/mm^3"}]
[[disease.il1_excess]]
from = "0 day"
to = "3 day"
value = "10 pM"
[[disease.il1_excess]]
from = "1 week"
to = "8 day"
value = "17.4 pg/mL"
[disease.estrogen]
loss = [{from = "2 day", to = "5 day", value = 0.5}]
"""


def ill(**disease: Any) -> RunConfig:
    tables = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}, "disease": disease}
    return read_run_file(tables)


def piece(start: str, end: Any, value: Any = "1 pM") -> dict[str, Any]:
    return {"from": start, "to": end, "value": value}


def written(folder: Path, text: str = PULSES) -> RunConfig:
    path = folder / "pulses.toml"
    path.write_text(text, encoding="utf-8")
    return read_run_file(path)


def test_pieces_hold_from_their_start_until_before_their_end(tmp_path: Path) -> None:
    course = written(tmp_path).disease.il1_excess
    days = (0, 2.999, 3, 6.999, 7, 7.999, 8, 100)
    assert_allclose([course.at(day) for day in days], [10, 10, 0, 0, 1, 1, 0, 0])
    assert course.corners == (0, 3, 7, 8)
    assert course.constant is None
    assert bool(course)


def test_a_constant_has_no_corners() -> None:
    course = ill(tnf="3 pM").disease.tnf
    assert course == TimeCourse.of(3.0)
    assert (course.at(0), course.at(1e5), course.corners, course.constant) == (3, 3, (), 3)
    assert not TimeCourse.of(0.0)
    assert not TimeCourse((Piece(0, 1, 0.0),))


def test_estrogen_is_lost_in_pieces_without_onset_and_ramp(tmp_path: Path) -> None:
    estrogen = written(tmp_path).disease.estrogen
    assert estrogen
    assert (estrogen.start, estrogen.corners) == (2, (2, 5))
    assert [estrogen.loss.at(day) for day in (1, 2, 5)] == [0, 0.5, 0]
    spared = [piece("0 day", "1 day", 0), piece("3 day", "4 day", 1), piece("5 day", "6 day", 0.2)]
    late = ill(estrogen={"loss": spared}).disease.estrogen
    assert late
    assert (late.start, late.corners) == (3, (0, 1, 3, 4, 5, 6))
    surgery = ill(estrogen={"onset": "4 day", "ramp": "6 day"}).disease.estrogen
    assert surgery
    assert (surgery.start, surgery.corners) == (4, (4, 10))


def test_mass_in_a_piece_is_read_and_noted(tmp_path: Path) -> None:
    (note,) = written(tmp_path).warnings
    assert note == (
        "disease.il1_excess = 17.4 pg/mL is read as 1 pM, with 17.4 kg/mol of IL-1 beta"
    )


def test_a_resolved_run_is_the_same_run(tmp_path: Path) -> None:
    config = written(tmp_path)
    text = resolved_toml(config)
    again = written(tmp_path, text)
    assert again.model_dump() == config.model_dump()
    assert resolved_toml(again) == text
    assert config_hash(again) == config_hash(config)
    other = PULSES.replace('to = "3 day"', 'to = "4 day"')
    assert config_hash(written(tmp_path, other)) != config_hash(config)
    old, new = resolved_keys(config), resolved_keys(written(tmp_path, other))
    assert {key for key in old if old[key] != new[key]} == {"disease.il1_excess[1].to"}


def test_local_disease_knows_a_course_of_cells() -> None:
    assert ill(inflammatory_cells=[piece("0 day", "1 day", "1 cells/mm^3")]).has_local_forcing
    assert not ill(inflammatory_cells="0 cells/mm^3").has_local_forcing


@pytest.mark.parametrize(
    ("disease", "message"),
    [
        (
            {"tnf": [piece("2 day", "3 day"), piece("1 day", "2 day")]},
            r"disease.tnf: piece 2 starts at 1 day, before piece 1 ends at 3 day: give the pieces "
            r"in order, without overlap$",
        ),
        (
            {"tnf": [piece("0 day", "2 day"), piece("1 day", "3 day")]},
            "disease.tnf: piece 2 starts at 1 day, before piece 1 ends at 2 day",
        ),
        (
            {"tnf": [piece("2 day", "1 day")]},
            "^disease.tnf: piece 1 ends at 1 day, before it starts at 2 day$",
        ),
        ({"tnf": [piece("2 day", "2 day")]}, "^disease.tnf: piece 1 starts and ends at 2 day$"),
        (
            {"tnf": [piece("1 day", "1.0001 day")]},
            "disease.tnf: piece 1 is from 1 to 1.0001 day: a piece, and a gap between two, must "
            "last at least 0.001 day$",
        ),
        (
            {"tnf": [piece("0 day", "1 day"), piece("1.0001 day", "2 day")]},
            "disease.tnf: piece 2 is from 1.0001 to 2 day: a piece, and a gap",
        ),
        (
            {"tnf": []},
            r"disease.tnf = \[\] must be a concentration >= 0 .*, or pieces \[\[disease.tnf\]\] "
            "with from, to and value$",
        ),
        (
            {"tnf": [{"start": "0 day", "to": "1 day", "value": "1 pM"}]},
            r"disease.tnf\[1\].start is not a known key, did you mean disease.tnf.from\?",
        ),
        (
            {"estrogen": {"loss": [{"from": "0 day", "end": "1 day", "value": 1}]}},
            r"loss\[1\].end is not a known key, did you mean disease.estrogen.loss.to\?",
        ),
        (
            {"tnf": [piece("0 day", "1e9 day")]},
            r"disease.tnf\[1\].to = '1e9 day' must be a time after from and at most 73050 day",
        ),
        (
            {"estrogen": {"loss": 2}},
            r"= 2 must be a number from 0 .*, or pieces \[\[disease.estrogen.loss\]\] with from",
        ),
        (
            {"inflammatory_cells": piece("0 day", "1 day")},
            r"^disease.inflammatory_cells: write \[\[disease.inflammatory_cells\]\] in double "
            "brackets, a single piece too$",
        ),
        ({"tnf": [piece("0 day", "1 day", 3)]}, r"disease.tnf\[1\].value: '3' has no unit"),
        ({"tnf": [piece("0 day", "1 day", "-1 pM")]}, r"tnf\[1\].value = '-1 pM' must be a conc"),
        ({"tnf": [piece("0 day", 1)]}, r"disease.tnf\[1\].to: '1' has no unit: a time is needed"),
        ({"tnf": [{"from": "0 day", "value": "1 pM"}]}, r"disease.tnf\[1\].to is missing"),
        (
            {"tnf": [piece("0 day", "1 day") | {"until": "2 day"}]},
            r"disease.tnf\[1\].until is not a known key; known in \[disease.tnf\] are from, to, v",
        ),
        ({"tnf": [piece("0 day", "1 day"), 3]}, r"disease.tnf\[2\] = 3 must be a"),
        ({"tnf": {"from": "0 day"}}, r"^disease.tnf: write \[\[disease.tnf\]\] in double"),
        (
            {"estrogen": {"loss": [piece("0 day", "1 day", 2)]}},
            r"disease.estrogen.loss\[1\].value = 2 must be a number from 0",
        ),
        (
            {"estrogen": {"loss": [piece("0 day", "1 day", 1)], "ramp": "2 day"}},
            "disease.estrogen.ramp does not go with the pieces of disease.estrogen.loss, which say "
            "when estrogen is lost: give one of the two",
        ),
        (
            {"estrogen": {"loss": [piece("0 day", "1 day", 1)], "onset": "2 day"}},
            "disease.estrogen.onset does not go with the pieces",
        ),
    ],
)
def test_a_mistake_is_reported_in_one_sentence(disease: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        ill(**disease)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_piece_after_the_run_is_doubted() -> None:
    loss = [piece("0 day", "28 day", 1), piece("28 day", "40 day", 0.5)]
    found = ill(tnf=[piece("30 day", "31 day")], il1_excess="3 pM", estrogen={"loss": loss})
    end = "and the run ends at 28 day: the piece does nothing"
    assert found.warnings == (
        f"disease.tnf: piece 1 starts at 30 day, {end}",
        f"disease.estrogen.loss: piece 2 starts at 28 day, {end}",
    )


def test_forces_are_the_usual_ones_outside_pieces() -> None:
    tables: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}}
    course = read_run_file(tables | {"load": {"factor": [piece("7 day", "21 day", 0.2)]}})
    assert [course.load.factor.at(day) for day in (0, 7, 20.9, 21, 100)] == [1, 0.2, 0.2, 1, 1]
    assert course.load.factor.corners == (7, 21)
    again = read_run_file(tomllib.loads(resolved_toml(course)))
    assert again.load == course.load
    assert read_run_file(tables).load.factor == TimeCourse.of(1.0)
    assert read_run_file(tables | {"load": {"factor": 1.5}}).load.factor.at(3) == 1.5
    late = read_run_file(tables | {"load": {"factor": [piece("30 day", "40 day", 2)]}})
    assert "load.factor: piece 1 starts at 30 day" in late.warnings[0]


def test_forces_that_nothing_answers_to_are_refused() -> None:
    tables: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}}
    off = {"mechanics": "off"}
    assert read_run_file(tables | {"load": off}).load.mechanics == "off"
    for factor in (0.5, [piece("0 day", "1 day", 1.0)]):
        with pytest.raises(InputError, match=r"load.factor does nothing where load.mechanics = 'o"):
            read_run_file(tables | {"load": {**off, "factor": factor}})
    with pytest.raises(InputError, match=r"load.factor = -1 .* a number from 0 to 100"):
        read_run_file(tables | {"load": {"factor": -1}})


@pytest.mark.parametrize("mechanics", ["density", "off"])
def test_a_loading_that_nothing_is_solved_with_is_refused(mechanics: str) -> None:
    tables: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"synthetic": {}}}
    with pytest.raises(InputError, match=rf"load.loading does nothing .* '{mechanics}': give 'fe'"):
        read_run_file(tables | {"load": {"mechanics": mechanics, "loading": "slide"}})
    plain = read_run_file(tables | {"load": {"mechanics": mechanics}})
    assert read_run_file(tomllib.loads(resolved_toml(plain))).load == plain.load
    assert read_run_file(tables | {"load": {"mechanics": "fe", "loading": "slide"}})
