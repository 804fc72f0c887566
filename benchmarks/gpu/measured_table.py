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
    "three axes from rest": "three axes from rest",
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
    # a part that is measured again and again prints its median each time
    last = {(r["part"], r["measured"], r["edge"]): r for r in rest if "measured" in r}
    for row in last.values():
        yield _measured(row, known, column, triad)
    yield from _years(rest, known, column, triad)
    yield from _memory(rest)
    yield ""
    source = f"docs/gpu.md for the {column}" if column else "its formula with this triad"
    if gpu:
        yield f"Predicted: {source}."
    yield from _demonstrations(rest)
    for row in rest:
        if "trace" in row:
            yield from _trace(row)
    yield ""
    yield "| part | edge | ended | s | of these compiling | programs compiled | read from disk |"
    yield "|---|---|---|---|---|---|---|"
    compiled: Row = {}
    for row in rest:
        if "compile_s" in row:
            compiled = row
        if "ended" in row:
            how = row.get("reason") or "complete"
            said = row.get("said") or [""]
            said_last = f"; {said[-1]}" if row["part"] in ("doctor", "tests") and said[-1] else ""
            cells = (
                *(row["part"], _edge(row), _cell(how + said_last), row.get("seconds", "-")),
                *_compiling(compiled if compiled.get("part") == row["part"] else {}),
            )
            yield f"| {' | '.join(map(str, cells))} |"
            compiled = {}


def _compiling(row: Row) -> tuple[str, str, str]:
    """Time of compiling, and the numbers of programs compiled and read from disk."""
    if not row:
        return "-", "-", "-"
    kept = row["from_disk"]
    return f"{row['compile_s']:.1f}", str(row["programs"] - kept), str(kept)


def _demonstrations(rows: Sequence[Row]) -> Iterator[str]:
    found = [row for row in rows if "demonstration" in row]
    if not found:
        return
    yield ""
    yield "| demonstration, load by | device | steps | BV/TV at the end | change | set-up | run |"
    yield "|---|---|---|---|---|---|---|"
    for row in found:
        metrics = row["metrics"]
        steps = f"{row['steps']}, {row['rejected']} rejected"
        cells = (
            *(row["demonstration"], row["platform"], steps, f"{metrics['bv_tv']:.7f}"),
            f"{metrics['bv_tv_change_percent']:.5f} %",
            *(f"{row['set_up_s']:.1f} s", f"{row['run_s']:.2f} s"),
        )
        yield f"| {' | '.join(map(str, cells))} |"
    for mechanics in dict.fromkeys(row["demonstration"] for row in found):
        yield from _difference([row for row in found if row["demonstration"] == mechanics])


def _difference(rows: Sequence[Row]) -> Iterator[str]:
    """Sentence on the two devices that ran the demonstration."""
    if len({row["platform"] for row in rows}) < 2:
        return
    one, other = (row["metrics"] for row in rows[:2])
    apart = {
        name: abs(value - other[name]) / max(abs(value), abs(other[name]))
        for name, value in one.items()
        if name in other and max(abs(value), abs(other[name])) > 0
    }
    worst = max(apart, key=lambda name: apart[name])
    yield ""
    yield (
        f"Load by {rows[0]['demonstration']}: BV/TV of the two devices differs by "
        f"{apart.get('bv_tv', 0):.1e} of itself; of all {len(apart)} metrics, {worst} differs "
        f"most, by {apart[worst]:.1e}."
    )


def _trace(row: Row) -> Iterator[str]:
    """Kernels and gaps of the device in coupling steps, and the programs that take longest."""
    found = row["trace"]
    steps = found["steps"]
    gaps = ", ".join(
        f"{each['times']} {name} ({each['ms']:.3g} ms)" for name, each in found["gaps"].items()
    )
    yield ""
    yield (
        f"Trace of {steps} coupling steps, {row['part']}, {_edge(row)}: {found['wall_ms']:.1f} ms, "
        f"of which the device is idle for {found['idle_percent']:.0f} %; "
        f"{found['kernels'] / steps:.0f} kernels and copies a step, {found['copies'] / steps:.0f} "
        f"of them copies; {found['kernels_below_5_us']} take less than 5 us, the shortest "
        f"{found['shortest_kernel_us']:.2g} us. Gaps below 5 us, below 50 us and longer: {gaps}."
    )
    yield ""
    yield "| kernel | program | times | ms |"
    yield "|---|---|---|---|"
    for each in found["longest_kernels"]:
        named = _cell(each["kernel"]), each["program"] or "-"
        yield f"| {' | '.join(named)} | {each['times']} | {each['ms']:.3g} |"
    yield ""
    yield "| program | kernels | ms |"
    yield "|---|---|---|"
    for each in found["longest_programs"]:
        yield f"| {each['program'] or '-'} | {each['kernels']} | {each['ms']:.3g} |"


def _measured(
    row: Row,
    known: Mapping[tuple[str, int], Prediction],
    column: str,
    triad: float | None,
) -> str:
    name, edge, spent = row["measured"], row["edge"], row["milliseconds"]
    what = name + row["part"].removeprefix("step") if row["part"].startswith("step") else name
    if spent is None:
        return f"| {what} | {_edge(row)} | not measured: {_cell(row['reason'])} | - | - | - |"
    page = PREDICTED.get(name)
    expected = _expected(known.get((page or "", edge)), column, triad, edge)
    share = row["bandwidth_percent"]
    cells = (
        f"{_shown(spent)} ms",
        "-" if expected is None else f"{_shown(expected)} ms",
        "-" if expected is None else f"{spent / expected:.2f}",
        "-" if share is None else f"{share:.0f}",
    )
    return f"| {what} | {_edge(row)} | {' | '.join(cells)} |"


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
    last = {row["edge"]: row for row in rows if "planned_bytes" in row and row["part"] == "step"}
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
