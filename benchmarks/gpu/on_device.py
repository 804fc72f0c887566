"""Measurements on the GPU of this machine, beside the predictions of docs/gpu.md.

usage: python benchmarks/gpu/on_device.py [--edges 128,256,512] [--minutes 10]

`make gpu-measure` starts it in the environment of the checkout; it needs no network and ends in ten
minutes. Each part runs in a process of its own: one that fails, does not fit or finds too little
time left is a row with the reason, and the rest goes on. The table is written anew after every
part, to runs/out/bench/gpu-measured.md, the raw numbers to gpu-measured.jsonl beside it. Without a
GPU the same parts run on the processor, on small grids, and the table says "no GPU".
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measured_table import Row, written

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "runs" / "out" / "bench"
PART = HERE / "on_device_part.py"
GPU_EDGES, PROCESSOR_EDGES = (128, 256, 512), (24, 32)
SMALL_EDGES = 2  # so many of the smaller grids are measured in full; of others a step only
USUAL = 600.0  # s for all parts, which the limit of each part is made for
LEAST = 20.0  # s: with less time left, a part is not started
TESTS = (
    "tests/kernels/test_stencil.py",
    "tests/kernels/test_multigrid.py",
    "tests/kernels/test_explicit.py",
)


@dataclass(frozen=True)
class Part:
    """Part of the measurement.

    Attributes:
        name: name of the part.
        command: what it runs; lines of its output that are JSON are its rows.
        limit: longest time it may take, of ten minutes for all parts [s].
        edge: of the grid; 0 where there is none.
    """

    name: str
    command: tuple[str, ...]
    limit: float
    edge: int = 0


def parts(edges: Sequence[int]) -> Iterator[Part]:
    """Parts in the order in which they run: what matters most comes first."""
    python = sys.executable
    yield Part("doctor", (python, "-m", "tissue", "doctor"), 90)
    few = edges[:SMALL_EDGES]
    for edge in few:
        for name, limit in (("step", 90), ("kernels", 90), ("year", 60)):
            yield _part(name, edge, limit)
    for edge in edges[SMALL_EDGES:]:
        yield _part("step", edge, 120)
    tests = (python, "-m", "pytest", "-q", "--no-header", "-m", "not slow", *TESTS)
    yield Part("tests", tests, 90)
    for edge in few:
        yield _part("elements", edge, 150)


def _part(name: str, edge: int, limit: float) -> Part:
    return Part(name, (sys.executable, str(PART), name, str(edge)), limit, edge)


def run(part: Part, limit: float) -> Iterator[Row]:
    """Rows of a part, the last of which says how it ended."""
    start = time.perf_counter()
    about = {"part": part.name} | ({"edge": part.edge} if part.edge else {})
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
        process = subprocess.Popen(
            part.command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code: int | None = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with its compiler, if one runs
            process.wait()
            code = None
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        out.seek(0)
        lines = out.read().splitlines()
    for line in lines:
        if row := as_row(line):
            yield about | row
    said = [line.strip() for line in lines if line.strip() and not as_row(line)]
    ended: Row = {"ended": code, "seconds": round(time.perf_counter() - start, 1)}
    if code is None:
        ended["reason"] = f"stopped after {limit:.0f} s"
    elif code:
        last = said[-1][:200] if said else ""
        ended["reason"] = f"exit code {code}" + (f": {last}" if last else "")
    yield about | ended | {"said": said[-12:] if part.name in ("doctor", "tests") else []}


def as_row(line: str) -> Row | None:
    """Row in a line of output; None for other lines."""
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def device() -> Row:
    """Device that JAX computes on, found by a process of its own."""
    rows = list(run(Part("device", (sys.executable, str(PART), "device", "0"), 90), 90))
    found = next((row for row in rows if "platform" in row), None)
    return found or {"platform": None, "reason": rows[-1].get("reason", "it printed nothing")}


def chosen(text: str | None, platform: Any) -> tuple[int, ...]:
    """Edges that are asked for, or those for the device.

    Raises:
        InputError: the text is not a list of edges.
    """
    from tissue.commands.bench import edges

    if text is not None:
        return edges(text)
    return GPU_EDGES if platform == "gpu" else PROCESSOR_EDGES


def measure(edges: Sequence[int], seconds: float, about: Row) -> list[Row]:
    """All rows; the files are written after every part."""
    rows: list[Row] = [about]
    end = time.perf_counter() + seconds
    for part in parts(edges):
        left = end - time.perf_counter()
        if left < LEAST:
            row = {"part": part.name, "ended": None, "reason": f"{left:.0f} s were left"}
            rows.append(row | ({"edge": part.edge} if part.edge else {}))
        else:
            rows += run(part, min(part.limit * seconds / USUAL, left))
        keep(rows)
        where = f" {part.edge}^3" if part.edge else ""
        print(f"{part.name}{where}: {rows[-1].get('reason') or 'done'}", flush=True)
    return rows


def keep(rows: Iterable[Row]) -> None:
    """Write the table and the raw numbers, whole at any time."""
    kept = list(rows)
    OUT.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("gpu-measured.jsonl", "".join(json.dumps(row) + "\n" for row in kept)),
        ("gpu-measured.md", written(kept)),
    ):
        fresh = OUT / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(OUT / name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", help="edges of the grids in voxels, smallest first")
    parser.add_argument("--minutes", type=float, default=10.0, help="time for all parts together")
    asked = parser.parse_args()
    if not 0 < asked.minutes <= 1440:
        parser.error(f"--minutes {asked.minutes:g}: give a time from 0 to 1440")
    start = time.perf_counter()
    # of the 75 % that JAX takes otherwise, 512^3 voxels would not fit into 80 GB
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.95")
    about = device()
    from tissue.errors import InputError

    try:
        edges = chosen(asked.edges, about["platform"])
    except InputError as error:
        parser.error(f"{error}")
    about["date"] = time.strftime("%Y-%m-%d")
    rows = measure(edges, 60 * asked.minutes - (time.perf_counter() - start), about)
    print(written(rows))
    print(f"{(time.perf_counter() - start) / 60:.1f} min; the table: {OUT / 'gpu-measured.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
