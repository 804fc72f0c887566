"""Rows of docs/machines.md."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from page_tables import shown_table

from tissue.bench.measurement import COUPLING_STEP, ELASTIC_ITERATION
from tissue.bench.tasks import EXPLICIT_STEP

ROOT = Path(__file__).resolve().parents[2]
RECORD = {
    "device": "1 x cpu (cpu)",
    "processor": "Some | Processor",
    "cores": 2,
    "bandwidth_gb_per_s": 26.2,
    "busy_percent": 1,
    "tissue": "0.4.0",
    "jax": "0.10.1",
    "date": "2026-11-26",
    "measurements": [
        {"name": "residual sweep", "edge": 64, "bandwidth_percent": 81.0},
        {"name": "V-cycle", "edge": 64, "milliseconds": 3.5},
        {"name": EXPLICIT_STEP, "edge": 64, "million_updates_per_s": 512.0},
        {"name": COUPLING_STEP, "edge": 64, "million_updates_per_s": 2.0},
        {"name": ELASTIC_ITERATION, "edge": 64, "milliseconds": None},
    ],
}
LINE = (
    "| 2 cores of Some / Processor | 26.2 | 64^3 | 81 | 3.5 | 512 | 500 | - | 1 | 0.4.0, 0.10.1 | "
    "2026-11-26 |"
)


@pytest.fixture(scope="module")
def machines() -> dict[str, Any]:
    """benchmarks/machines.py."""
    return runpy.run_path(str(ROOT / "benchmarks" / "machines.py"))


def test_a_record_is_a_row_for_each_grid(machines: dict[str, Any]) -> None:
    assert list(machines["rows"](RECORD)) == [LINE]
    (row,) = machines["rows"](RECORD | {"device": "1 x NVIDIA H100 (gpu)"})
    assert row.startswith("| NVIDIA H100; 2 cores of")


def test_rows_of_the_same_machine_are_replaced(machines: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
    once = machines["added"](page, [LINE])
    assert LINE in once
    newer = LINE.replace("2026-11-26", "2026-12-01")
    twice = machines["added"](once, [newer])
    assert newer in twice
    assert LINE not in twice
    assert len(twice.splitlines()) == len(once.splitlines())
    other = LINE.replace("64^3", "96^3")
    assert len(machines["added"](twice, [other]).splitlines()) == len(twice.splitlines()) + 1


def test_every_row_of_the_page_has_all_cells() -> None:
    table = shown_table("machines.md", "machines").splitlines()
    assert {line.count(" | ") for line in table} == {10}
