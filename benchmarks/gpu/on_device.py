"""Measurements on the GPU of this machine, beside the predictions of docs/gpu.md.

usage: python benchmarks/gpu/on_device.py [--edges 128,256,512] [--minutes 15] [--parts step:128]

`make gpu-measure` starts it in the environment of the checkout; it needs no network. What matters
most comes first. Each part runs in a process of its own: one that fails, does not fit or finds too
little time left is a row with the reason, and the rest goes on. The table is written anew after
every part, to runs/out/bench/gpu-measured.md or the folder of --out; beside it lie the raw numbers
(gpu-measured.jsonl), what the parts printed (gpu-measured.log) and the traces. Without a GPU the
same parts run on the processor, on small grids, and the table says "no GPU".
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measured_table import Row, written

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "runs" / "out" / "bench"
PART = HERE / "on_device_part.py"
GPU_EDGES, PROCESSOR_EDGES = (128, 256, 512), (24, 32)
SMALL_EDGES = 2  # so many of the smaller grids are measured in full; of others a step only
LEAST = 15.0  # s: with less time left, a part is not started
TESTS = (
    "tests/kernels/test_stencil.py",
    "tests/kernels/test_multigrid.py",
    "tests/kernels/test_explicit.py",
)
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Settings with which processes find memory beside each other."""

NO_GRAPHS = "--xla_gpu_enable_command_buffer="
LOOPS_IN_GRAPHS = "--xla_gpu_enable_command_buffer=+WHILE,+CONDITIONAL"


@dataclass(frozen=True)
class Part:
    """Part of the measurement.

    Attributes:
        name: name of the part.
        command: what it runs; lines of its output that are JSON are its rows.
        limit: longest time it may take [s].
        edge: of the grid; 0 where there is none.
        settings: environment variables of its own.
    """

    name: str
    command: tuple[str, ...]
    limit: float
    edge: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name by which --parts chooses it."""
        return f"{self.name}:{self.edge}" if self.edge else self.name


def groups(edges: Sequence[int], out: Path) -> Iterator[tuple[Part, ...]]:
    """Parts in the order in which they run; those of a group are not timed and run together.

    Args:
        edges: of the grids, smallest first.
        out: folder for traces.
    """

    def part(name: str, limit: float, edge: int = 0, **settings: str) -> Part:
        command = (sys.executable, str(PART), name, str(edge), str(out))
        return Part(name, command, limit, edge, settings)

    few = edges[:SMALL_EDGES]
    first = edges[0]
    yield (Part("doctor", (sys.executable, "-m", "tissue", "doctor"), 60, 0, SHARED),)
    for edge in edges:
        yield (part("step", 180, edge),)
    yield (part("kernels", 150, first),)
    yield (part("year", 90, first),)
    yield (part("demonstration", 120),)
    yield (part("elements", 180, first),)
    flags = os.environ.get("XLA_FLAGS", "")
    for name, flag in (
        ("step with loops in graphs", LOOPS_IN_GRAPHS),
        ("step without graphs", NO_GRAPHS),
    ):
        yield (part(name, 120, first, XLA_FLAGS=f"{flags} {flag}".strip()),)
    processor = {"JAX_PLATFORMS": "cpu"}
    yield tests(), part("demonstration on the processor", 150, **processor)
    for edge in few[1:]:
        yield (part("kernels", 150, edge),)
        yield (part("year", 90, edge),)
    yield (part("demonstration with finite elements", 150),)
    yield (part("the same on the processor", 200, **processor),)
    for edge in few[1:]:
        yield (part("elements", 300, edge),)


def tests() -> Part:
    """Tests of the kernels, several at a time where that is installed."""
    several = importlib.util.find_spec("xdist") is not None
    together = ("--numprocesses", "4", "--dist", "worksteal") if several else ()
    # warnings of other versions than those of constraints.txt are no failures
    quiet = ("-q", "--no-header", "-W", "default", "-m", "not slow")
    command = (sys.executable, "-m", "pytest", *quiet, *together, *TESTS)
    return Part("tests", command, 120, 0, SHARED)


def run(part: Part, limit: float, out: Path) -> Iterator[Row]:
    """Rows of a part, the last of which says how it ended.

    Args:
        part: what runs.
        limit: longest time it may take [s].
        out: folder with the file of all that parts print.
    """
    start = time.perf_counter()
    about = {"part": part.name} | ({"edge": part.edge} if part.edge else {})
    # a file beside the others, so that it is there even if this program is stopped
    said_now = out / f"gpu-measured.{part.label.replace(' ', '-').replace(':', '-')}.log"
    with said_now.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            part.command,
            cwd=ROOT,
            env=os.environ | part.settings,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
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
    text = said_now.read_text(encoding="utf-8", errors="replace")
    with (out / "gpu-measured.log").open("a", encoding="utf-8") as log:
        log.write(f"\n===== {part.label}\n{text}")
    said_now.unlink()
    lines = text.splitlines()
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


def device(out: Path) -> Row:
    """Device that JAX computes on and the bandwidth of its memory, by a process of its own."""
    command = (sys.executable, str(PART), "device", "0", str(out))
    rows = list(run(Part("device", command, 90), 90, out))
    found: Row = {}
    for row in rows:
        found |= row if "platform" in row else {}
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


def wanted(text: str | None, plan: Sequence[tuple[Part, ...]]) -> list[tuple[Part, ...]]:
    """Parts of a plan that are asked for, in the order asked for; all of them for None.

    Raises:
        InputError: one is not in the plan.
    """
    from tissue.errors import InputError

    if text is None:
        return list(plan)
    by_label = {part.label: part for group in plan for part in group}
    groups = [
        [label.strip() for label in group.split("+")] for group in text.split(",") if group.strip()
    ]
    for label in (label for group in groups for label in group):
        if label not in by_label:
            raise InputError(
                f"--parts: there is no part {label!r} on these grids; take some of "
                f"{', '.join(by_label)}"
            )
    return [tuple(by_label[label] for label in group) for group in groups]


def measure(plan: Sequence[tuple[Part, ...]], seconds: float, about: Row, out: Path) -> list[Row]:
    """All rows; the files are written after every group of parts."""
    rows: list[Row] = [about]
    end = time.perf_counter() + seconds
    for group in plan:
        left = end - time.perf_counter()
        if left < LEAST:
            found = [[_unstarted(part, left)] for part in group]
        else:

            def rows_of(part: Part, left: float = left) -> list[Row]:
                return list(run(part, min(part.limit, left), out))

            with ThreadPoolExecutor(len(group)) as pool:
                found = list(pool.map(rows_of, group))
        for part, each in zip(group, found, strict=True):
            rows += each
            last = each[-1]
            spent = f" in {last['seconds']} s" if "seconds" in last else ""
            print(f"{part.label}: {last.get('reason') or 'done'}{spent}", flush=True)
        keep(rows, out)
    return rows


def _unstarted(part: Part, left: float) -> Row:
    row = {"part": part.name, "ended": None, "reason": f"{left:.0f} s were left"}
    return row | ({"edge": part.edge} if part.edge else {})


def keep(rows: Iterable[Row], out: Path) -> None:
    """Write the table and the raw numbers, whole at any time."""
    kept = list(rows)
    for name, text in (
        ("gpu-measured.jsonl", "".join(json.dumps(row) + "\n" for row in kept)),
        ("gpu-measured.md", written(kept)),
    ):
        fresh = out / f"{name}.new"
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(out / name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", help="edges of the grids in voxels, smallest first")
    parser.add_argument("--minutes", type=float, default=15.0, help="time for all parts together")
    parser.add_argument(
        "--parts", help="these parts only, in this order; + between two runs them together"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    asked = parser.parse_args()
    if not 0 < asked.minutes <= 1440:
        parser.error(f"--minutes {asked.minutes:g}: give a time from 0 to 1440")
    start, out = time.perf_counter(), asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu-measured.log").unlink(missing_ok=True)
    # of the 75 % that JAX takes otherwise, 512^3 voxels would not fit into 80 GB
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.95")
    # without it compiled programs would not be kept from one part for the next
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    about = device(out)
    from tissue.errors import InputError

    try:
        edges = chosen(asked.edges, about["platform"])
        plan = wanted(asked.parts, list(groups(edges, out)))
    except InputError as error:
        parser.error(f"{error}")
    about["date"] = time.strftime("%Y-%m-%d")
    rows = measure(plan, 60 * asked.minutes - (time.perf_counter() - start), about, out)
    print(written(rows))
    print(f"{(time.perf_counter() - start) / 60:.1f} min; the table: {out / 'gpu-measured.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
