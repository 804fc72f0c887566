"""Every column and field of the results stands in docs/outputs.md, with unit and meaning."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tissue.analysis.dynamic import DYNAMIC
from tissue.analysis.morphometry import MEASURES
from tissue.model.fields import FIELDS
from tissue.simulation.beginning import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outputs() -> ModuleType:
    """docs/outputs.py, which writes the tables."""
    spec = importlib.util.spec_from_file_location("outputs", ROOT / "docs" / "outputs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(outputs: ModuleType) -> None:
    assert outputs.page(TEXT) == TEXT, "run: python docs/outputs.py"


def test_every_column_and_field_has_a_unit_and_a_meaning() -> None:
    rows = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]
    described = {row[0].strip("`"): row for row in rows}
    for name in (*(name for names in COLUMNS.values() for name in names), *FIELDS, *MEASURES):
        assert name in described, name
        assert len(described[name]) >= 3, name
        assert all(cell.strip() for cell in described[name]), name
    for measure in DYNAMIC.values():
        assert f"| {measure.symbol} | {measure.unit} | {measure.name} |" in TEXT
