"""Writes the predicted times in docs/gpu.md from what the gate found last.

usage: python benchmarks/gpu/predict.py [FILE, default runs/out/bench/gpu.jsonl]
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from costs import GOALS, LAUNCH, SLOW_LAUNCH, STEPS, TURN, Cost, costs
from devices import EDGES, H100, PREDICTED, Device

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "runs" / "out" / "bench" / "gpu.jsonl"
DOCS = ROOT / "docs" / "gpu.md"
START, END = "<!-- predictions -->", "<!-- /predictions -->"


def latest(path: Path) -> list[dict[str, Any]]:
    """The rows of the last run of the gate.

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
    """The predictions and their arithmetic."""
    found = {
        (device, edge): costs(rows, device.stands_for, edge)
        for device in PREDICTED
        for edge in EDGES
    }
    parts = (_inputs(rows), _table(found), _years(found), _arithmetic(found), _levels(rows))
    return "\n\n".join("\n".join(part) for part in parts)


def _inputs(rows: list[dict[str, Any]]) -> Iterator[str]:
    counted = next(row for row in rows if "turns" in row)
    versions = rows[-1]["versions"]
    turns = ", ".join(f"{name} {times:.3g}" for name, times in counted["turns"].items())
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
    yield f"- {STEPS} coupling steps a year (half a day each)"
    yield (
        f"- turns of the loops in a coupling step, mean of {counted['steps']} steps at "
        f"{counted['edge']}^3 on the CPU: {turns}"
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


def _years(found: Mapping[tuple[Device, int], Mapping[str, Cost]]) -> Iterator[str]:
    slow = f"{1e6 * SLOW_LAUNCH:g} us a launch"
    yield f"| a simulated year | {' | '.join(d.name for d in PREDICTED)} | goal, H100 |"
    yield "|---|" + "---|" * (len(PREDICTED) + 1)
    for edge in EDGES:
        for launch, note in ((LAUNCH, ""), (SLOW_LAUNCH, f", {slow}")):
            steps = (found[d, edge]["coupling step"].seconds(edge**3, d, launch) for d in PREDICTED)
            times = " | ".join(f"{STEPS * s:.1f} s" for s in steps)
            yield f"| {edge}^3{note} | {times} | {GOALS[edge]:g} s |"


def _arithmetic(found: Mapping[tuple[Device, int], Mapping[str, Cost]]) -> Iterator[str]:
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
        year = STEPS * found[H100, edge]["coupling step"].seconds(voxels, H100)
        yield f"- a year, {edge}^3: {STEPS} x the coupling step = {year:.1f} s"


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


def published(text: str) -> None:
    """Puts text between the marks of docs/gpu.md.

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
    made = markdown(latest(Path(sys.argv[1]) if len(sys.argv) > 1 else FOUND))
    published(made)
    print(made)
