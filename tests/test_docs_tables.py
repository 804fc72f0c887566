"""The generated tables of docs/ are up to date, and hold every column, field and mechanism."""

from pathlib import Path
from types import ModuleType

import pytest
from docs_script import docs_script

from tissue.analysis.dynamic import DYNAMIC
from tissue.analysis.morphometry import MEASURES
from tissue.model.fields import FIELDS
from tissue.model.mechanisms import MECHANISMS
from tissue.model.observables import METRICS
from tissue.simulation.ledger import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
TEXT = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("outputs.md", "run-file.md")
)


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """docs/tables.py, which writes the tables."""
    return docs_script("tables")


def test_the_pages_are_up_to_date(tables: ModuleType) -> None:
    for path in tables.PAGES:
        text = path.read_text(encoding="utf-8")
        assert tables.page(text) == text, f"{path}: run python docs/tables.py"
        assert "<!-- " in text


def test_every_column_and_field_has_a_unit_and_a_meaning() -> None:
    rows = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]
    described = {row[0].strip("`"): row for row in rows}
    for name in (*METRICS, *COLUMNS, *FIELDS, *MEASURES, *MECHANISMS):
        assert name in described, name
        assert len(described[name]) >= 3, name
        assert all(cell.strip() for cell in described[name]), name
    for measure in DYNAMIC.values():
        assert f"| {measure.symbol} | {measure.unit} | {measure.long_name} |" in TEXT
