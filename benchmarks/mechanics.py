"""Voxel finite elements: iterations, work, time and memory beside ParOSol on the same bones.

Every solve is the compression along z between platens that hold both ends, to a relative residual
of 1e-5 unless said otherwise. Operator applications are counted in those of the finest level, ours
by the solver, ParOSol's from its source (peers/peer_parosol.py). Time is CPU time, ours of a solve
with its set-up after a first one has compiled the programs, ParOSol's of its whole process.

usage: python benchmarks/mechanics.py [--quick] [--radius FILE] [--bones NAME ...]
"""

import os

# threads that wait by spinning count as CPU time
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import bones
from compressions import EQUAL_RESIDUAL, Row, compared, measured
from harness import HERE, machine, measured_on, publish, record, table

from tissue.mechanics.compression import AXES, compress

ROOT = HERE.parent
DIRECT_EDGE = 16

ITERATIONS = {"shrew": 8, "radius": 12, "s2": 20, "g2": 20}
"""Goals at 128^3 to 1e-5."""
COARSE_ITERATIONS = {"g2": 12}
"""Goal at 128^3 to 1e-4."""
GROWTH = 1.5
WORK, TIME = 0.3, 0.3  # over ParOSol's
SET_UP = 0.5  # over the cold solve
BYTES = 350  # a voxel of bone
DIRECT_ERROR, PAROSOL_ERROR = 1e-8, 1e-6

ITERATION_HEADS = (
    *("bone", "edge", "BV/TV", "iterations to 1e-5 (1e-4)", "applications an iteration"),
    *("applications", "ParOSol's iterations", "an iteration", "its applications", "ratio"),
)
TIME_HEADS = (
    *("bone", "edge", "CPU s", "range", "of it set-up", "ParOSol's CPU s", "range", "ratio"),
    *("B a voxel of bone", "and while it solves"),
)
CHECK_HEADS = (
    *("bone", "edge", "E_app / E", "ParOSol's", "difference"),
    *("98th percentile of the strain", "ParOSol's", "difference"),
)


def direct_error() -> float:
    """Largest error of the modulus among the axes and loadings, beside scipy's factors."""
    sys.path.append(str(ROOT / "tests" / "mechanics"))
    import direct  # type: ignore[import-not-found]

    bone = bones.shrew(DIRECT_EDGE).astype(float)
    errors = []
    for loading in ("confined", "platens", "slide"):
        for axis, found in compress(bone, AXES, loading, EQUAL_RESIDUAL).items():
            exact = direct.solve(bone, 2 - AXES.index(axis), loading).apparent_modulus
            errors.append(abs(found.apparent_modulus / exact - 1))
    return max(errors)


def goals(rows: Sequence[Row], checks: Row) -> list[tuple[object, ...]]:
    """Goal, what was measured and whether it is met, a line each."""
    by = {(row["bone"], row["edge"]): row for row in rows}
    edges = sorted({row["edge"] for row in rows})
    first, last = edges[0], edges[-1]
    lines: list[tuple[object, ...]] = []

    def line(what: str, goal: float, found: float | None, shown: str = "") -> None:
        met = "not measured" if found is None else "yes" if found <= goal else "no"
        lines.append((what, f"<= {goal:g}", shown or found, met))

    for name, goal in ITERATIONS.items():
        if row := by.get((name, last)):
            line(f"iterations to 1e-5, {name} {last}^3", goal, row["iterations"])
    for name, goal in COARSE_ITERATIONS.items():
        if row := by.get((name, last)):
            line(f"iterations to 1e-4, {name} {last}^3", goal, row["coarse_iterations"])
    for name in bones.MADE:
        if (name, last) in by and first < last:
            growth = by[name, last]["iterations"] / by[name, first]["iterations"]
            line(f"growth of iterations, {name} {first}^3 to {last}^3", GROWTH, growth)
    large = [row for row in rows if row["edge"] >= 64] or list(rows)
    for key, what, ratio in (
        ("work", "operator applications over ParOSol's", WORK),
        ("time", "CPU time over ParOSol's", TIME),
    ):
        found = [row[key] for row in large if key in row]
        shown = f"{min(found):.2f} to {max(found):.2f}" if found else ""
        line(f"{what}, 64^3 and larger", ratio, max(found, default=None), shown)
    shares = [row["set_up"] / (row["cpu"] - row["set_up"]) for row in large]
    line("set-up over cold solve", SET_UP, max(shares), f"{min(shares):.2f} to {max(shares):.2f}")
    sizes = [row["bytes"] for row in large]
    shown = f"{min(sizes):.0f} to {max(sizes):.0f}"
    line("memory of the levels, B a voxel of bone", BYTES, max(sizes), shown)
    line("error of E_app, direct solution", DIRECT_ERROR, checks.get("direct"))
    errors = [row["modulus_error"] for row in checks["peer"] if "modulus_error" in row]
    line("difference of E_app to ParOSol's", PAROSOL_ERROR, max(errors, default=None))
    return [
        (a, b, f"{c:.1e}" if isinstance(c, float) and c < 1e-3 else c, d) for a, b, c, d in lines
    ]


def iteration_table(rows: Iterable[Row]) -> str:
    lines = []
    for row in rows:
        theirs: list[Any] = [None] * 4
        if "work" in row:
            shown = f"{row['their_iterations']} ({row['their_coarse_iterations']})"
            theirs = [shown, row["their_each"], row["their_applications"], row["work"]]
        shown = f"{row['iterations']} ({row['coarse_iterations']})"
        each = row["applications"] / row["iterations"]
        lines.append(
            (
                *(row["bone"], row["edge"], row["bv_tv"], shown, each, row["applications"]),
                *theirs,
            )
        )
    return table(ITERATION_HEADS, lines)


def time_table(rows: Iterable[Row]) -> str:
    def span(times: Sequence[float]) -> str:
        return f"{min(times):.3g} .. {max(times):.3g}"

    lines = []
    for row in rows:
        theirs: list[Any] = [None] * 3
        if "time" in row:
            theirs = [row["their_cpu"], span(row["their_cpu_all"]), row["time"]]
        lines.append(
            (
                *(row["bone"], row["edge"], row["cpu"], span(row["cpu_all"]), row["set_up"]),
                *(*theirs, row["bytes"], row["bytes_besides"]),
            )
        )
    return table(TIME_HEADS, lines)


def check_table(rows: Iterable[Row]) -> str:
    lines = [
        (
            *(row["bone"], row["edge"], f"{row['modulus']:.9f}"),
            *(f"{row['their_modulus']:.9f}", f"{row['modulus_error']:.1e}"),
            *(f"{row['strain']:.6f}", f"{row['their_strain']:.6f}", f"{row['strain_error']:.1e}"),
        )
        for row in rows
        if "modulus_error" in row
    ]
    return table(CHECK_HEADS, lines)


def attempted(what: str, task: Callable[[], Any], left_out: list[str]) -> Any:
    """Result of a task; None, with a sentence in `left_out`, if it cannot be done here."""
    print(what, file=sys.stderr, flush=True)
    try:
        return task()
    except bones.Missing as reason:
        left_out.append(f"{what}: {reason}")
    return None


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="32^3 and 64^3, once each")
    parser.add_argument("--radius", help=f"file of the radius; else the variable {bones.RADIUS}")
    parser.add_argument("--bones", nargs="*", default=list(bones.MADE), choices=list(bones.MADE))
    asked = parser.parse_args()
    if asked.radius:
        os.environ[bones.RADIUS] = asked.radius
    machine()
    start = time.perf_counter()
    left_out: list[str] = []
    rows, peer = [], []
    for name in asked.bones:
        for edge in (32, 64) if asked.quick else (32, 64, 128):
            repeats = 1 if asked.quick or edge > 64 else 3
            row = attempted(f"{name} {edge}^3", partial(measured, name, edge, repeats), left_out)
            if row is None:
                break
            rows.append(row)
        else:
            peer.append(compared(name, 64))
    checks: Row = {"peer": peer, "direct": direct_error()}
    if failure := rows[0]["failure"]:
        left_out.append(failure)
    heads = ("what", "goal", "measured", "met")
    parts = [
        table(heads, goals(rows, checks)),
        iteration_table(rows),
        time_table(rows),
        f"At a residual of 1e-6, on {len(peer)} bones:\n\n{check_table(peer)}",
        *(f"Left out: {reason}." for reason in left_out),
        measured_on(),
    ]
    publish("mechanics", "\n\n".join(parts))
    record("mechanics", [*rows, *peer, {"direct": checks["direct"]}])
    print(f"\n{(time.perf_counter() - start) / 60:.1f} min")
    return 0


if __name__ == "__main__":
    sys.exit(main())
