"""Predicted times for docs/gpu.md from the last run of the gate.

usage: python benchmarks/gpu/predict.py [FILE, default runs/out/bench/gpu.jsonl]
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from costs import GOALS, LAUNCH, SLOW_LAUNCH, STEP, TURN, Cost, costs, counted, daily_step
from counts import EXCESS
from devices import EDGES, H100, PREDICTED, Device

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "runs" / "out" / "bench" / "gpu.jsonl"
DOCS = ROOT / "docs" / "gpu.md"
START, END = "<!-- predictions -->", "<!-- /predictions -->"


def latest(path: Path) -> list[dict[str, Any]]:
    """Rows of the last run of the gate.

    Raises:
        ValueError: that run was not complete.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    last = [row for row in rows if row["time"] == rows[-1]["time"]]
    made = {(row["device"], row["edge"]) for row in last if "program" in row}
    if len(made) < len(EDGES) * 2 or not any("turns" in row for row in last):
        raise ValueError(f"{path.name}: run make gpu-gate first, and in full")
    return last


def markdown(rows: list[dict[str, Any]]) -> str:
    """Predictions and their arithmetic, in Markdown."""
    found = {
        (device, edge): costs(rows, device.stands_for, edge)
        for device in PREDICTED
        for edge in EDGES
    }
    steps = counted(rows)["steps"]
    arithmetic = _arithmetic(found, steps)
    parts = (_inputs(rows), _table(found), _years(rows, found), arithmetic, _levels(rows))
    return "\n\n".join("\n".join(part) for part in parts)


def summary(rows: list[dict[str, Any]]) -> str:
    """Predictions in short, for benchmarks/README.md."""
    found = {(H100, edge): costs(rows, H100.key, edge) for edge in EDGES}
    steps = counted(rows)["steps"]
    lines = [
        "**PREDICTION, nothing measured**: `make gpu-gate` compiles the programs ahead of time and",
        "counts; [docs/gpu.md](../docs/gpu.md) has the arithmetic, other GPUs and all assumptions.",
        "",
        f"| {H100.name} | edge | launches | B/voxel | time | of it launches |",
        "|---|---|---|---|---|---|",
    ]
    for edge in EDGES:
        for name, cost in found[H100, edge].items():
            seconds = cost.seconds(edge**3, H100)
            share = cost.launches * LAUNCH / seconds
            counts = f"{cost.launches:,.0f} | {cost.bytes:,.4g}"
            lines.append(f"| {name} | {edge}^3 | {counts} | {_time(seconds)} | {share:.0%} |")
        year = steps * found[H100, edge][STEP].seconds(edge**3, H100)
        lines.append(f"| a year, {steps} steps | {edge}^3 | | | {_long(year)} | |")
    return "\n".join(lines)


def _inputs(rows: list[dict[str, Any]]) -> Iterator[str]:
    found = counted(rows)
    versions = rows[-1]["versions"]
    every = found["turns"].items()
    turns = "; ".join(f"{name} {times:.3g}" for name, times in every)
    yield f"**PREDICTION, nothing measured.** From the programs that jax {versions['jax']} compiles"
    yield (
        f"({rows[-1]['time'][:10]}): `time = launches x {1e6 * LAUNCH:g} us + turns x "
        f"{1e6 * TURN:g} us + bytes / (bandwidth x share)`."
    )
    yield ""
    for device in PREDICTED:
        stand = "" if device.stands_for == device.key else ", with the programs of the A100"
        yield (
            f"- {device.name}: {device.bandwidth / 1e9:,.0f} GB/s, of which a stencil code "
            f"reaches {device.share:.0%}{stand}"
        )
    rejected = found["steps"] - found["taken"]
    yield (
        f"- {found['steps']} coupling steps a year, {rejected} of them rejected: as measured in "
        f"a run of human bone at {EXCESS:g} pM of IL-1 above health, {found['edge']}^3 voxels of "
        "20 um, adaptive steps at the default accuracy, on the CPU"
    )
    yield f"- turns of the loops in a coupling step, mean of that run: {turns}"
    yield (
        f"- for comparison steps of one day, {found['daily']['steps']} a year, whose solves go to "
        f"1e-4 and not 1e-3; turns are the mean of {found['daily']['counted']} of them"
    )


def _table(found: Mapping[tuple[Device, int], Mapping[str, Cost]]) -> Iterator[str]:
    yield "| | edge | launches | turns | B/voxel | " + " | ".join(d.name for d in PREDICTED) + " |"
    yield "|---|---|---|---|---|" + "---|" * len(PREDICTED)
    for edge in EDGES:
        for name, cost in found[H100, edge].items():
            times = (
                _time(found[device, edge][name].seconds(edge**3, device)) for device in PREDICTED
            )
            counts = f"{cost.launches:,.0f} | {cost.turns:.0f} | {cost.bytes:,.4g}"
            yield f"| {name} | {edge}^3 | {counts} | {' | '.join(times)} |"


def _years(
    rows: list[dict[str, Any]], found: Mapping[tuple[Device, int], Mapping[str, Cost]]
) -> Iterator[str]:
    about = counted(rows)
    steps, days = about["steps"], about["daily"]["steps"]
    slow = f"{1e6 * SLOW_LAUNCH:g} us a launch"
    yield f"| a simulated year | {' | '.join(d.name for d in PREDICTED)} | goal, H100 |"
    yield "|---|" + "---|" * (len(PREDICTED) + 1)
    for edge in EDGES:
        for launch, note in ((LAUNCH, ""), (SLOW_LAUNCH, f", {slow}")):
            each = (found[d, edge][STEP].seconds(edge**3, d, launch) for d in PREDICTED)
            times = " | ".join(_long(steps * seconds) for seconds in each)
            yield f"| {edge}^3, {steps} steps{note} | {times} | {GOALS[edge]:g} s |"
        each = (daily_step(rows, d.stands_for, edge).seconds(edge**3, d) for d in PREDICTED)
        times = " | ".join(_long(days * seconds) for seconds in each)
        yield f"| {edge}^3, {days} steps of one day | {times} | |"


def _arithmetic(
    found: Mapping[tuple[Device, int], Mapping[str, Cost]], steps: int
) -> Iterator[str]:
    yield f"The arithmetic for the {H100.name}:"
    yield ""
    reached = H100.bandwidth * H100.share
    for edge in EDGES:
        voxels = edge**3
        for name, cost in found[H100, edge].items():
            seconds = cost.seconds(voxels, H100)
            turns = f" + {cost.turns:.1f} x {1e6 * TURN:g} us" if cost.turns else ""
            yield (
                f"- {name}, {edge}^3: {cost.launches:,.1f} x {1e6 * LAUNCH:g} us{turns} + "
                f"{cost.bytes:,.1f} B x {voxels:,} / ({H100.bandwidth / 1e9:,.0f} GB/s x "
                f"{H100.share:g}) = {1e3 * cost.launches * LAUNCH:.3f} + "
                f"{1e3 * cost.turns * TURN:.3f} + {1e3 * cost.bytes * voxels / reached:.3f} "
                f"= {1e3 * seconds:.3f} ms"
            )
        step = found[H100, edge][STEP]
        seconds = step.seconds(voxels, H100)
        yield f"- launches are {step.launches * LAUNCH / seconds:.0%} of a coupling step, {edge}^3"
        year = steps * seconds
        yield f"- a year, {edge}^3: {steps} x the coupling step = {_long(year)}"


def _levels(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "Launches of a V-cycle by the grid that a kernel writes, finest first:"
    yield ""
    yield "| | GPU | edge | launches | by level |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row.get("program", "").startswith("V-cycle"):
            levels = ", ".join(map(str, row["levels"]))
            name = "1 field" if row["program"].endswith("1") else "2 fields"
            yield f"| {name} | {row['device']} | {row['edge']}^3 | {row['kernels']} | {levels} |"


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _long(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def published(text: str) -> None:
    """Write text between the marks of docs/gpu.md.

    Raises:
        ValueError: the marks are gone.
    """
    page = DOCS.read_text(encoding="utf-8")
    before, opened, rest = page.partition(START)
    _, closed, after = rest.partition(END)
    if not (opened and closed):
        raise ValueError(f"{DOCS.name} has no {START} ... {END}")
    DOCS.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    last = latest(Path(sys.argv[1]) if len(sys.argv) > 1 else FOUND)
    made = markdown(last)
    published(made)
    print(made)
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import harness

    harness.publish("gpu", summary(last))
