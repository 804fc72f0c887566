"""Table of measurements on a device, beside the predictions of docs/gpu.md."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError

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
    assert "| year | 256^3 | 5 s were left | - | - | - | - |" in text
    assert "| 300 days of a year, 11 steps: stopped then | 128^3 | 11 s |" in text


def test_memory_is_compared_with_the_plan_of_a_run(table: dict[str, Any]) -> None:
    row = {"part": "step", "edge": 10, "peak_bytes": 240_000, "planned_bytes": 300_000}
    text = table["written"]([H100, row])
    assert "| peak of device memory | 10^3 | 240 B/voxel | 300 B/voxel | 0.80 | - |" in text
    assert "does not report it" in table["written"]([H100, row | {"peak_bytes": None}])


def test_the_last_of_repeated_measurements_counts(table: dict[str, Any]) -> None:
    text = table["written"]([H100, ROW, ROW | {"milliseconds": 0.25}])
    assert [line.split(" | ")[2] for line in text.splitlines() if "V-cycle" in line] == ["0.25 ms"]


def test_variants_of_a_step_are_named(table: dict[str, Any]) -> None:
    row = ROW | {"part": "step without graphs", "measured": "coupling step"}
    assert "| coupling step without graphs | 128^3 |" in table["written"]([H100, row])


def test_two_devices_are_compared_by_the_demonstration(table: dict[str, Any]) -> None:
    row = {
        "part": "demonstration",
        "demonstration": "density",
        "platform": "gpu",
        "steps": 26,
        "rejected": 1,
        "set_up_s": 3.0,
        "run_s": 2.0,
        "metrics": {"bv_tv": 0.25, "bv_tv_change_percent": -15.0, "area": 2.0, "nothing": 0.0},
    }
    other = row | {
        "platform": "cpu",
        "metrics": {"bv_tv": 0.25, "bv_tv_change_percent": -15.0, "area": 1.0, "nothing": 0.0},
    }
    text = table["written"]([H100, row, other])
    assert "| density | gpu | 26, 1 rejected | 0.2500000 | -15.00000 % | 3.0 s | 2.00 s |" in text
    assert "differs by 0.0e+00 of itself; of all 3 metrics, area differs most, by 5.0e-01." in text
    assert "differs by" not in table["written"]([H100, row, row])


def test_a_trace_is_summed_up(table: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    module = runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "device_trace.py"))
    # [ns]: two that overlap, a gap of 2 us, one of 20 us and one of 60 us
    times = (0, 1000), (500, 2000), (4000, 5000), (25000, 26000), (86000, 87000)
    events = [module["Event"]("solve", f"k{n % 2}", *each) for n, each in enumerate(times)]
    found = module["summary"](events[::-1])
    assert found["busy_ms"] == pytest.approx(0.005)
    assert found["idle_percent"] == pytest.approx(100 * (1 - 5 / 87))
    times_of = {name: (each["times"], each["ms"]) for name, each in found["gaps"].items()}
    assert times_of == {
        "short": (1, pytest.approx(0.002)),
        "middling": (1, pytest.approx(0.02)),
        "long": (1, pytest.approx(0.06)),
    }
    (first, second) = found["longest_kernels"]
    assert (first["kernel"], first["times"], first["ms"]) == ("k0", 3, pytest.approx(0.003))
    assert (second["kernel"], second["times"], second["ms"]) == ("k1", 2, pytest.approx(0.0025))
    row = {"part": "step", "edge": 128, "trace": {"steps": 1, "wall_ms": 1.0, **found}}
    text = table["written"]([H100, row])
    assert "the device is idle for 94 %; 5 kernels and copies a step, 0 of them copies" in text
    assert "| k0 | solve | 3 | 0.003 |" in text


def test_time_of_compiling_stands_with_its_part(table: dict[str, Any]) -> None:
    compiled = {"part": "year", "edge": 128, "compile_s": 30.04, "programs": 81, "from_disk": 80}
    ended = {"part": "year", "edge": 128, "ended": 0, "seconds": 40.1}
    text = table["written"](
        [H100, compiled, ended, ended | {"part": "tests", "said": ["5 passed"]}]
    )
    assert "| year | 128^3 | complete | 40.1 | 30.0 | 1 | 80 |" in text
    assert "| tests | 128^3 | complete; 5 passed | 40.1 | - | - | - |" in text


def test_parts_are_chosen_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    module = runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "on_device.py"))
    plan = list(module["groups"]((24, 32, 48), tmp_path))
    labels = [part.label for group in plan for part in group]
    assert len(set(labels)) == len(labels)
    assert labels[:4] == ["doctor", "step:24", "step:32", "step:48"]
    found = module["wanted"]("kernels:32, doctor + tests,step:48", plan)
    assert [[part.label for part in group] for group in found] == [
        ["kernels:32"],
        ["doctor", "tests"],
        ["step:48"],
    ]
    assert module["wanted"](None, plan) == plan
    with pytest.raises(InputError, match="no part 'step:64' on these grids; take some of doctor"):
        module["wanted"]("step:64", plan)


def test_rows_are_told_from_other_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    part = runpy.run_path(str(ROOT / "benchmarks" / "gpu" / "on_device.py"))
    as_row, run = part["as_row"], part["run"]
    assert as_row('{"a": 1}') == {"a": 1}
    assert as_row("{broken") is None
    assert as_row("[1]") is None
    code = "import time; print('{\"a\": 1}', flush=True); time.sleep(60)"
    slow = part["Part"]("slow", (sys.executable, "-c", code), 60, 16)
    first, last = run(slow, 5.0, tmp_path)
    assert first == {"part": "slow", "edge": 16, "a": 1}
    assert last["reason"] == "stopped after 5 s"
    bad = part["Part"]("bad", (sys.executable, "-c", "raise SystemExit('no device')"), 60)
    (only,) = run(bad, 30.0, tmp_path)
    assert only["reason"] == "exit code 1: no device"
    assert json.loads(json.dumps(only)) == only
    log = (tmp_path / "gpu-measured.log").read_text(encoding="utf-8")
    assert log.split("\n") == ["", "===== slow:16", '{"a": 1}', "", "===== bad", "no device", ""]
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-measured.log"]
