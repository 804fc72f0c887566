"""Every cell of the table of docs/images.md is run, and the page says what came of it."""

from pathlib import Path

import pytest
from geometry.format_table import COLUMNS, FEWEST, rows, table, written
from geometry.table_rows.base import ABSENT, REFUSED, RIGHT, Row

from tissue.geometry.formats import hdf5

ROWS = rows()


@pytest.fixture(autouse=True)
def _without_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole HDF5 files are opened at once, without the process that damaged ones need."""
    monkeypatch.setattr(hdf5, "tried", lambda *_: None)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_cell(tmp_path: Path, row: Row, column: str) -> None:
    assert getattr(row, column)(tmp_path) == written()[row.name, column]


def test_the_page_has_these_cells_alone() -> None:
    cells = written()
    assert list(cells) == [(row.name, column) for row in ROWS for column in COLUMNS]
    assert set(cells.values()) == {RIGHT, REFUSED, ABSENT}
    assert sum(word != ABSENT for word in cells.values()) >= FEWEST


def test_the_table_is_that_of_the_page() -> None:
    cells = written()
    assert table(cells, [row.name for row in ROWS]).count("\n") == len(ROWS) + 1
