"""The table of failure loads in docs/science.md is that of docs/strength.py."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from docs_script import docs_script

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def strength() -> ModuleType:
    """docs/strength.py, which simulates them."""
    return docs_script("strength")


def test_every_drug_has_its_rows_and_what_it_spares(strength: ModuleType) -> None:
    page = (ROOT / "docs" / "science.md").read_text(encoding="utf-8")
    rows = strength.science_page.lines(page, "strength")
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    found = {(name.strip("`"), int(years)): rest for name, years, *rest in cells}
    untreated, treated = strength.UNTREATED, strength.TREATED
    assert set(found) == {(untreated, 0)} | {
        (name, years) for name in (untreated, *treated) for years in (1, 2)
    }
    for (name, years), (_, _, load, spared) in found.items():
        if name == untreated:
            assert spared == "-"
            continue
        with_it, without, over = (
            float(re.sub(" %", "", text)) for text in (load, found[untreated, years][2], spared)
        )
        # to the digits that are shown
        assert 100 * ((100 + with_it) / (100 + without) - 1) == pytest.approx(over, abs=0.2)
        assert over > 0


def test_what_is_spared_is_the_load_over_that_without_the_drug(strength: ModuleType) -> None:
    change = strength.Change
    start, first, second = strength.SHOWN
    changes = {
        strength.UNTREATED: {
            start: change(-7.0, -14.0, -12.0),
            first: change(-9.0, -18.0, -20.0),
            second: change(-10.0, -20.0, -25.0),
        },
        "drug": {
            start: change(-7.0, -14.0, -12.0),
            first: change(0.0, 2.0, 4.0),
            second: change(1.0, 3.0, 5.0),
        },
    }
    made = strength.table(changes)
    assert made.splitlines()[2:] == [
        f"| `{strength.UNTREATED}` | 0 | -7.0 % | -14.0 % | -12.0 % | - |",
        f"| `{strength.UNTREATED}` | 1 | -9.0 % | -18.0 % | -20.0 % | - |",
        f"| `{strength.UNTREATED}` | 2 | -10.0 % | -20.0 % | -25.0 % | - |",
        "| `drug` | 1 | +0.0 % | +2.0 % | +4.0 % | +30.0 % |",
        "| `drug` | 2 | +1.0 % | +3.0 % | +5.0 % | +40.0 % |",
    ]


def test_runs_are_treated_after_the_days_they_have_in_common(strength: ModuleType) -> None:
    before = strength.config(strength.UNTREATED)
    for name in strength.TREATED:
        treated = strength.config(name)
        assert (treated.disease, treated.geometry) == (before.disease, before.geometry)
        assert set(strength.SHOWN) <= set(treated.snapshot_times)
        assert treated.load.mechanics == "fe"
        assert min(time for each in treated.therapy for time in each.times) > strength.START
