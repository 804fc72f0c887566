"""The table of facts that depend on load in docs/science.md is that of docs/load_facts.py."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from docs_script import docs_script

from tissue.mechanics.compression import unreached_axes
from tissue.simulation.run_warnings import joint_warnings
from tissue.validation.findings import Expected, ReferenceFinding, Use
from tissue.validation.simulations import Estimate, SimulationCache, Trajectory

ROOT = Path(__file__).resolve().parents[1]
FITTED = ("V03", "V04", "V29")
"""Facts that the gains were fitted to: that of mice by finite elements, of women by density."""


@pytest.fixture(scope="module")
def load_facts() -> ModuleType:
    """docs/load_facts.py, which simulates them."""
    return docs_script("load_facts")


@pytest.fixture(scope="module")
def listed(load_facts: ModuleType) -> dict[str, list[list[str]]]:
    """Cells of the rows in the page, by fact."""
    found = load_facts.read((ROOT / "docs" / "science.md").read_text(encoding="utf-8"))
    return {name: [row.strip("| ").split(" | ") for row in rows] for name, rows in found.items()}


def made(name: str, *values: float, use: Use = "calibrated") -> ReferenceFinding:
    expected = tuple(Expected(f"quantity {place}", 0, 1, "1") for place, _ in enumerate(values))
    return ReferenceFinding(name, "a fact", "study", use, "mouse, mechanostat on", expected)


def test_rows_are_those_of_the_facts(
    load_facts: ModuleType, listed: dict[str, list[list[str]]]
) -> None:
    known = load_facts.facts()
    assert set(listed) == set(known)
    for name, rows in listed.items():
        ranges = {each.quantity: each.range for each in known[name].expected}
        for fact, use, quantity, data, *values in rows:
            assert (fact, use) == (name, known[name].use)
            assert ranges[quantity] == data
            assert len(values) == len(load_facts.MECHANICS)


def test_a_value_is_bold_where_it_is_outside_the_data(listed: dict[str, list[list[str]]]) -> None:
    for rows in listed.values():
        for fact, _, _, data, *values in rows:
            bounds = re.match(r"(-?[\d.e-]+) to (-?[\d.e-]+)", data)
            for value in values:
                number = re.match(r"\**(-?[\d.e+-]+)", value)
                if number and re.match(r"(above|below) 0( |$)", data):
                    wrong = float(number[1]) * (1 if data.startswith("above") else -1) < 0
                    assert "**" in value or not wrong, fact
                if bounds and number and value != "-":
                    low, high = (float(each) for each in bounds.groups())
                    # to the digits that are shown
                    margin = 0.01 * abs(float(number[1]))
                    if low + margin < float(number[1]) < high - margin:
                        assert "**" not in value, fact
                    if not low - margin < float(number[1]) < high + margin:
                        assert "**" in value, fact


def test_facts_that_the_gain_was_fitted_to_hold_with_either_mechanics(
    listed: dict[str, list[list[str]]],
) -> None:
    for name in FITTED:
        for _, use, _, _, _, density, elements in listed[name]:
            assert use == "calibrated"
            assert "**" not in density + elements, name


def test_load_moves_a_fact_by_more_than_the_errors(load_facts: ModuleType) -> None:
    assert load_facts.moves([Estimate(1.0, 0.2), Estimate(1.1, 0.1), Estimate(1.5, 0.1)])
    assert not load_facts.moves([Estimate(1.0, 0.2), Estimate(1.1, 0.1), Estimate(1.2, 0.1)])
    assert not load_facts.moves([Estimate(1.0, 0.0)])


def test_rows_are_read_as_they_are_written(load_facts: ModuleType) -> None:
    values = {
        "off": (),
        "density": (Estimate(0.5, 0.1), Estimate(0.3)),
        "fe": (Estimate(1.5, 0.1), Estimate(0.3)),
    }
    rows = load_facts.rows(made("V98", 0.5, 0.3), values)
    without_error = {"density": [Estimate(0.50001)], "fe": [Estimate(0.50002)]}
    assert load_facts.rows(made("V97", 0.5), without_error) == []
    assert rows == ["| V98 | calibrated | quantity 0 | 0 to 1 | - | 0.5 +- 0.1 | **1.5 +- 0.1** |"]
    page = "a\n<!-- load facts -->\nold\n<!-- /load facts -->\nb\n"
    found = {"V98": rows, "V99": []}
    table = load_facts.table(found)
    text = load_facts.science_page.written(page, load_facts.NAME, table)
    assert text == f"a\n<!-- load facts -->\n{table}<!-- /load facts -->\nb\n"
    assert load_facts.read(text) == found


def test_a_fact_that_needs_load_is_listed_apart(load_facts: ModuleType) -> None:
    found: dict[str, list[str]] = {"V98": [], "V99": []}
    text = f"<!-- load facts -->\n{load_facts.table(found, {'V99'})}<!-- /load facts -->\n"
    assert (
        "error of the solver: V98.\nNot moved between density and finite elements: V99.\n" in text
    )
    assert load_facts.read(text) == found
    assert load_facts.read_loaded(text) == {"V99"}


def test_unloading_cannot_be_simulated_without_load(load_facts: ModuleType) -> None:
    page = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
    assert load_facts.read_loaded(page) == {"V74"}


def test_simulations_have_the_mechanics_that_is_compared(
    load_facts: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def run(self: Any, species: str, days: float, *, after: Any = None, **tables: Any) -> None:
        asked.append(tables["load"])

    monkeypatch.setattr(SimulationCache, "run", run)
    loaded = load_facts.Loaded("density", SimulationCache())
    loaded.run("mouse", 1.0, load={"mechanics": "fe", "factor": 0.3})
    loaded.run("mouse", 1.0)
    assert asked == [{"mechanics": "density", "factor": 0.3}, {"mechanics": "density"}]


def test_errors_are_estimated_once_for_all_mechanics(load_facts: ModuleType) -> None:
    class Known(SimulationCache):
        def errors(self, species: str) -> tuple[float, float, float]:
            return 0.25, 0.0, 0.0

    assert load_facts.Loaded("fe", Known()).errors("mouse")[0] == 0.25


@pytest.mark.parametrize("species", ["mouse", "human"])
def test_bones_are_of_one_firm_piece_that_reaches_all_faces(
    load_facts: ModuleType, species: str
) -> None:
    from tissue.geometry.synthetic import synthesize

    bone = np.asarray(synthesize(load_facts.FIRM[species]).bone_volume_fraction)
    assert unreached_axes(bone) == ()
    assert list(joint_warnings(bone)) == []


def test_a_fact_is_measured_with_each_mechanics(load_facts: ModuleType) -> None:
    def compute(cache: SimulationCache) -> tuple[Estimate]:
        found: Trajectory = cache.run("mouse", 1.0)
        return (Estimate(float(found.times[0])),)

    class One(SimulationCache):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.value = value

        def run(self, *given: Any, **tables: Any) -> Any:
            return type("Run", (), {"times": [self.value]})

    fact = made("V98", 0.5)
    fact = ReferenceFinding(**{**vars(fact), "compute": compute, "slow": True})
    found = load_facts.measured(fact, {"density": One(1.0), "fe": One(2.0)})
    assert found == {"density": (Estimate(1.0),), "fe": (Estimate(2.0),)}
