"""Table of measurements on a device, beside the predictions of docs/gpu.md."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
H100 = {"platform": "gpu", "kind": "NVIDIA H100 80GB HBM3", "date": "2026-11-26"}
ROW = {
    "part": "kernels",
    "measured": "V-cycle",
    "edge": 128,
    "milliseconds": 0.5,
    "bandwidth_percent": 60.0,
    "reason": "",
}


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    """benchmarks/gpu/measured_table.py."""
    return runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "measured_table.py"))


def test_every_prediction_of_the_page_is_compared(table: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    found = table["predictions"](page)
    assert {edge for _, edge in found} == {128, 256}
    # a year of finite elements is not measured: its iterations are those of one axis
    names = {name for name, _ in found} - {"finite elements of a year"}
    assert names == set(table["PREDICTED"].values())
    cycle = found["V-cycle, 1 field", 128]
    assert set(cycle.milliseconds) == set(table["NAMES"].values())


def test_a_prediction_of_another_device_follows_from_its_triad(table: dict[str, Any]) -> None:
    # 10 launches and 1 turn take 35 us, 40 B of 1000 voxels at 1 GB/s 40 us
    prediction = table["Prediction"](10, 1, 40, {})
    assert prediction.on(1.0, 1000) == pytest.approx(0.075)


def test_a_measurement_stands_beside_its_prediction(table: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    expected = table["predictions"](page)["V-cycle, 1 field", 128].milliseconds["H100 SXM"]
    text = table["written"]([H100, ROW])
    line = next(line for line in text.splitlines() if line.startswith("| V-cycle"))
    assert line == (f"| V-cycle | 128^3 | 0.5 ms | {expected:.3g} ms | {0.5 / expected:.2f} | 60 |")
    assert "no GPU" not in text


def test_without_a_gpu_nothing_is_compared(table: dict[str, Any]) -> None:
    text = table["written"]([{"platform": "cpu", "kind": "cpu"}, ROW])
    assert "**no GPU**" in text
    assert "| V-cycle | 128^3 | 0.5 ms | - | - | 60 |" in text


def test_parts_that_failed_or_found_no_time_say_so(table: dict[str, Any]) -> None:
    failed = ROW | {"milliseconds": None, "reason": "out of memory"}
    stopped = {"part": "year", "edge": 256, "ended": None, "reason": "5 s were left"}
    year = {
        "part": "year",
        "edge": 128,
        "year_days": 300.0,
        "year_steps": 11,
        "year_s": 10.0,
        "start_s": 30.0,
        "complete": False,
    }
    text = table["written"]([H100, failed, stopped, year])
    assert "| V-cycle | 128^3 | not measured: out of memory | - | - | - |" in text
    assert "| year | 256^3 | 5 s were left | - |" in text
    assert "| 300 days of a year, 11 steps: stopped then | 128^3 | 11 s |" in text


def test_memory_is_compared_with_the_plan_of_a_run(table: dict[str, Any]) -> None:
    row = {"part": "step", "edge": 10, "peak_bytes": 240_000, "planned_bytes": 300_000}
    text = table["written"]([H100, row])
    assert "| peak of device memory | 10^3 | 240 B/voxel | 300 B/voxel | 0.80 | - |" in text
    assert "does not report it" in table["written"]([H100, row | {"peak_bytes": None}])


def test_rows_are_told_from_other_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    part = runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "on_device.py"))
    as_row, run = part["as_row"], part["run"]
    assert as_row('{"a": 1}') == {"a": 1}
    assert as_row("{broken") is None
    assert as_row("[1]") is None
    code = "import time; print('{\"a\": 1}', flush=True); time.sleep(60)"
    slow = part["Part"]("slow", (sys.executable, "-c", code), 60, 16)
    first, last = run(slow, 5.0)
    assert first == {"part": "slow", "edge": 16, "a": 1}
    assert last["reason"] == "stopped after 5 s"
    bad = part["Part"]("bad", (sys.executable, "-c", "raise SystemExit('no device')"), 60)
    (only,) = run(bad, 30.0)
    assert only["reason"] == "exit code 1: no device"
    assert json.loads(json.dumps(only)) == only
