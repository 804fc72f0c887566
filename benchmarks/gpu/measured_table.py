"""Table of what was measured on a device, beside the predictions of docs/gpu.md."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "gpu.md"
NO_GPU = "**no GPU**: measured on the processor, which only shows that the program works; the "
PREDICTED = {
    "explicit step, 3 solutes": "explicit step, 3 solutes",
    "V-cycle": "V-cycle, 1 field",
    "V-cycle, pair": "V-cycle, 2 fields",
    "CG iteration, V-cycle included": "CG iteration, V-cycle included",
    "coupling step, diagnostics included": "coupling step, diagnostics included",
    "elastic operator": "elastic operator",
    "elastic CG iteration, cycle included": "elastic CG iteration, cycle included",
    "three axes from rest, set-up included": "three axes from rest",
}
"""Names of predictions in docs/gpu.md, by the name of the measurement."""

NAMES = {"H100": "H100 SXM", "A100": "A100 SXM 80 GB", "4090": "RTX 4090"}
"""Columns of the page, by a part of the name that a device gives itself."""

LAUNCH, TURN = 2.5e-6, 10e-6  # s, as in costs.py


class Prediction(NamedTuple):
    """Row of docs/gpu.md.

    Attributes:
        launches, turns: kernels and copies, and loop conditions that the host reads.
        bytes: moved a voxel.
        milliseconds: predicted, by device [ms].
    """

    launches: float
    turns: float
    bytes: float
    milliseconds: Mapping[str, float]

    def on(self, bandwidth: float, voxels: int) -> float:
        """Time with the bandwidth of a triad [ms]."""
        moved = self.bytes * voxels / (1e9 * bandwidth)
        return 1e3 * (self.launches * LAUNCH + self.turns * TURN + moved)


def predictions(page: str) -> dict[tuple[str, int], Prediction]:
    """Every prediction of the page, by name and edge."""
    found: dict[tuple[str, int], Prediction] = {}
    devices: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[:5] == ["", "edge", "launches", "turns", "B/voxel"]:
            devices = cells[5:]
        elif len(cells) == 5 + len(devices) and (edge := re.fullmatch(r"(\d+)\^3", cells[1])):
            numbers = [_number(cell) for cell in cells[2:]]
            if None in numbers:
                continue
            launches, turns, moved, *times = (n for n in numbers if n is not None)
            by_device = dict(zip(devices, times, strict=True))
            found[cells[0], int(edge[1])] = Prediction(launches, turns, moved, by_device)
    return found


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix(" ms").replace(",", ""))
    except ValueError:
        return None


def written(rows: Sequence[Row]) -> str:
    """Whole table, from the rows so far."""
    return "\n".join(_lines(rows)) + "\n"


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    about, *rest = rows
    gpu = about.get("platform") == "gpu"
    triad = next((r["bandwidth_gb_per_s"] for r in rows if "bandwidth_gb_per_s" in r), None)
    yield "# Measured on a device"
    yield ""
    if not gpu:
        yield f"{NO_GPU}predictions of docs/gpu.md are for GPUs."
        if reason := about.get("reason"):
            yield f"JAX found no device at all: {reason}."
        yield ""
    memory = "" if triad is None else f", triad {triad:.0f} GB/s"
    versions = f"tissue {about.get('tissue', '?')}, jax {about.get('jax', '?')}"
    yield f"{about.get('kind', 'unknown device')}{memory}, {versions}, {about.get('date', '')}."
    yield ""
    yield "| what | edge | measured | predicted | measured / predicted | % of the triad |"
    yield "|---|---|---|---|---|---|"
    known = predictions(DOCS.read_text(encoding="utf-8")) if gpu else {}
    column = next((name for part, name in NAMES.items() if part in about.get("kind", "")), "")
    set_up = {r["edge"]: r["milliseconds"] for r in rest if _is(r, "set-up of finite elements")}
    for row in rest:
        if "measured" in row:
            yield _measured(row, known, column, triad, set_up)
    yield from _years(rest, known, column, triad)
    yield from _memory(rest)
    yield ""
    source = f"docs/gpu.md for the {column}" if column else "its formula with this triad"
    if gpu:
        yield f"Predicted: {source}."
    yield "Three axes from rest are predicted, and compared, without their set-up on the host."
    yield ""
    yield "| part | edge | ended | s |"
    yield "|---|---|---|---|"
    for row in rest:
        if "ended" in row:
            how = row.get("reason") or "complete"
            said = row.get("said") or [""]
            last = f"; {said[-1]}" if row["part"] in ("doctor", "tests") and said[-1] else ""
            spent = row.get("seconds", "-")
            yield f"| {row['part']} | {_edge(row)} | {_cell(how + last)} | {spent} |"


def _is(row: Row, name: str) -> bool:
    return row.get("measured") == name and row.get("milliseconds") is not None


def _measured(
    row: Row,
    known: Mapping[tuple[str, int], Prediction],
    column: str,
    triad: float | None,
    set_up: Mapping[int, float],
) -> str:
    name, edge, spent = row["measured"], row["edge"], row["milliseconds"]
    if spent is None:
        return f"| {name} | {_edge(row)} | not measured: {_cell(row['reason'])} | - | - | - |"
    page = PREDICTED.get(name)
    expected = _expected(known.get((page or "", edge)), column, triad, edge)
    compared = spent - set_up.get(edge, 0) if name.startswith("three axes") else spent
    share = row["bandwidth_percent"]
    cells = (
        f"{_shown(spent)} ms",
        "-" if expected is None else f"{_shown(expected)} ms",
        "-" if expected is None else f"{compared / expected:.2f}",
        "-" if share is None else f"{share:.0f}",
    )
    return f"| {name} | {_edge(row)} | {' | '.join(cells)} |"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _expected(
    prediction: Prediction | None, column: str, triad: float | None, edge: int
) -> float | None:
    """Predicted time [ms]: that of the page for its own devices, else by its formula."""
    if prediction is None:
        return None
    if column in prediction.milliseconds:
        return prediction.milliseconds[column]
    return None if triad is None else prediction.on(triad, edge**3)


def _years(
    rows: Sequence[Row],
    known: Mapping[tuple[str, int], Prediction],
    column: str,
    triad: float | None,
) -> Iterator[str]:
    last = {row["edge"]: row for row in rows if "year_days" in row}
    for edge, row in last.items():
        steps = row["year_steps"]
        spent = row["year_s"] * steps / (steps - 1)  # the first one compiles, and is left out
        what = f"a year, {steps} steps"
        if not row["complete"]:
            what = f"{row['year_days']:.0f} days of a year, {steps} steps: stopped then"
        step = known.get(("coupling step, diagnostics included", edge))
        expected = _expected(step, column, triad, edge)
        shown, ratio = "-", "-"
        if expected is not None:
            shown, ratio = (
                f"{steps * expected / 1e3:.3g} s",
                f"{1e3 * spent / steps / expected:.2f}",
            )
        yield f"| {what} | {edge}^3 | {spent:.3g} s | {shown} | {ratio} | - |"
        start = f"{row['start_s']:.3g} s"
        yield f"| set-up, compilation and first step of it | {edge}^3 | {start} | - | - | - |"


def _memory(rows: Sequence[Row]) -> Iterator[str]:
    last = {row["edge"]: row for row in rows if "planned_bytes" in row}
    for edge, row in last.items():
        peak, planned = row["peak_bytes"], row["planned_bytes"]
        if peak is None:
            shown, ratio = "not measured: this device does not report it", "-"
        else:
            shown, ratio = f"{peak / edge**3:.0f} B/voxel", f"{peak / planned:.2f}"
        plan = f"{planned / edge**3:.0f} B/voxel"
        yield f"| peak of device memory | {edge}^3 | {shown} | {plan} | {ratio} | - |"


def _edge(row: Row) -> str:
    return f"{row['edge']}^3" if row.get("edge") else "-"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
