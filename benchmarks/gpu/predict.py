"""Predicted times for docs/gpu.md from the last run of the gate.

usage: python benchmarks/gpu/predict.py [FILE, default runs/out/bench/gpu.jsonl]

A part of the page for which there is no complete run of the gate stays as it is.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from checks import ELASTIC_SOLVE
from costs import (
    GOALS,
    LAUNCH,
    SLOW_LAUNCH,
    STEP,
    TURN,
    Cost,
    costs,
    counted,
    daily_step,
    elastic_costs,
)
from counts import EXCESS
from devices import COMPILED, EDGES, H100, PREDICTED, Device

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "runs" / "out" / "bench" / "gpu.jsonl"
DOCS = ROOT / "docs" / "gpu.md"
STEPS, ELASTIC = "predictions", "predictions of finite elements"  # parts of the page
HEADING = "**PREDICTION**; [measured on an H100](#measured-on-an-h100)"


def latest(path: Path, program: str) -> list[dict[str, Any]]:
    """Rows of the last run of the gate that compiled a program for all GPUs and grids.

    Raises:
        ValueError: there is none.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for time in sorted({row["time"] for row in rows}, reverse=True):
        run = [row for row in rows if row["time"] == time]
        made = [row for row in run if row.get("program") == program]
        if len(made) == len(COMPILED) * len(EDGES) and any("turns" in row for row in run):
            return run
    raise ValueError(f"{path.name}: no run of the gate has {program} for all GPUs and grids")


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


def elastic_markdown(rows: list[dict[str, Any]]) -> str:
    """Predictions for finite elements, in Markdown."""
    found = {
        (device, edge): elastic_costs(rows, device.stands_for, edge)
        for device in PREDICTED
        for edge in EDGES
    }
    parts = (_elastic_inputs(rows), _table(found), _elastic_arithmetic(found), _by_level(rows))
    return "\n\n".join("\n".join(part) for part in parts)


def _elastic_inputs(rows: list[dict[str, Any]]) -> Iterator[str]:
    found = counted(rows)
    first, later = found["elements"]["first"], found["elements"]["later"]
    times = [each["iterations"] for each in later]
    yield f"{HEADING}. From the programs that jax {_jax(rows)} compiles"
    yield f"({_date(rows)}), with the formula, the bandwidths and the assumptions above."
    yield ""
    yield (
        f"- iterations counted in the run of human bone of the section above, {found['edge']}^3, "
        f"on the CPU: {first['iterations']} for three axes from rest to 1e-5, in "
        f"{first['solves']} solves between which the residual is computed anew in float64"
    )
    yield (
        f"- in the year after that the bone is solved {_times(len(later))} more, from the last "
        f"solution and to 1e-4: {', '.join(map(str, times))} iterations for three axes"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _elastic_arithmetic(found: Mapping[tuple[Device, int], Mapping[str, Cost]]) -> Iterator[str]:
    yield f"The arithmetic for the {H100.name}:"
    yield ""
    for edge in EDGES:
        yield from _sums(found[H100, edge], edge)
        name = "elastic CG iteration, cycle included"
        cost = found[H100, edge][name]
        share = cost.launches * LAUNCH / cost.seconds(edge**3, H100)
        yield f"- launches are {share:.0%} of an {name.split(',')[0]}, {edge}^3"


def _by_level(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "Launches of an elastic CG iteration by level, the grid first, and bytes by level:"
    yield ""
    yield "| GPU | edge | launches | by level | B/voxel | by level |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        if row.get("program") == ELASTIC_SOLVE:
            launches, _, moved = zip(*row["by_level"], strict=True)
            yield (
                f"| {row['device']} | {row['edge']}^3 | {sum(launches):,} | "
                f"{', '.join(map(str, launches))} | {sum(moved):,.0f} | "
                f"{', '.join(f'{each:.0f}' for each in moved)} |"
            )


def summary(rows: list[dict[str, Any]]) -> str:
    """Predictions in short, for benchmarks/README.md."""
    found = {(H100, edge): costs(rows, H100.key, edge) for edge in EDGES}
    steps = counted(rows)["steps"]
    lines = [
        "**PREDICTION**; [measured on an H100](../docs/gpu.md#measured-on-an-h100).",
        "`make gpu-gate` compiles the programs ahead of time and counts;",
        "[docs/gpu.md](../docs/gpu.md) has the arithmetic, other GPUs and all assumptions.",
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
    every = found["turns"].items()
    turns = "; ".join(f"{name} {times:.3g}" for name, times in every)
    yield f"{HEADING}. From the programs that jax {_jax(rows)} compiles"
    yield (
        f"({_date(rows)}): `time = launches x {1e6 * LAUNCH:g} us + turns x "
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
    for edge in EDGES:
        yield from _sums(found[H100, edge], edge)
        step = found[H100, edge][STEP]
        seconds = step.seconds(edge**3, H100)
        yield f"- launches are {step.launches * LAUNCH / seconds:.0%} of a coupling step, {edge}^3"
        year = steps * seconds
        yield f"- a year, {edge}^3: {steps} x the coupling step = {_long(year)}"


def _sums(costs_by_name: Mapping[str, Cost], edge: int) -> Iterator[str]:
    reached, voxels = H100.bandwidth * H100.share, edge**3
    for name, cost in costs_by_name.items():
        seconds = cost.seconds(voxels, H100)
        turns = f" + {cost.turns:.1f} x {1e6 * TURN:g} us" if cost.turns else ""
        yield (
            f"- {name}, {edge}^3: {cost.launches:,.1f} x {1e6 * LAUNCH:g} us{turns} + "
            f"{cost.bytes:,.1f} B x {voxels:,} / ({H100.bandwidth / 1e9:,.0f} GB/s x "
            f"{H100.share:g}) = {1e3 * cost.launches * LAUNCH:.3f} + "
            f"{1e3 * cost.turns * TURN:.3f} + {1e3 * cost.bytes * voxels / reached:.3f} "
            f"= {1e3 * seconds:.3f} ms"
        )


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


def _jax(rows: list[dict[str, Any]]) -> str:
    return str(rows[-1]["versions"]["jax"])


def _date(rows: list[dict[str, Any]]) -> str:
    return str(rows[-1]["time"])[:10]


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def _long(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def published(part: str, text: str) -> None:
    """Write text between the marks of a part of docs/gpu.md.

    Raises:
        ValueError: the marks are gone.
    """
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    page = DOCS.read_text(encoding="utf-8")
    before, opened, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{DOCS.name} has no {start} ... {end}")
    DOCS.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def main(path: Path) -> None:
    for part, program, written in (
        (STEPS, "coupling step", markdown),
        (ELASTIC, ELASTIC_SOLVE, elastic_markdown),
    ):
        try:
            rows = latest(path, program)
        except ValueError as error:
            print(f"the {part} stay as they are: {error}")
            continue
        published(part, written(rows))
        if part == STEPS:
            sys.path.insert(0, str(ROOT / "benchmarks"))
            import harness

            harness.publish("gpu", summary(rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOUND)
