"""Measurement of times, and publication of results.

Everything is warmed up, repeats are interleaved, and medians are given with their range. Every
suite keeps its raw numbers as JSON lines in runs/out/bench, its tables in benchmarks/README.md.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import jax
from stream import Bandwidth, measured

from tissue.machine import device, host

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
OUT = HERE.parent / "runs" / "out" / "bench"


@dataclass(frozen=True)
class Timing:
    """Time of one task.

    Attributes:
        name: name of the task.
        median, low, high: wall time of the repeats [ms].
        cpu: median CPU time of all threads of the process [ms].
    """

    name: str
    median: float
    low: float
    high: float
    cpu: float

    @property
    def spread(self) -> str:
        """Shortest and longest repeat [ms]."""
        return f"{number(self.low)} .. {number(self.high)}"

    def shared_by(self, times: int) -> "Timing":
        """Time of one of `times` equal parts."""
        parts = (t / times for t in (self.median, self.low, self.high, self.cpu))
        return Timing(self.name, *parts)


def timed(
    tasks: Mapping[str, Callable[[], object]], repeats: int = 7, warm_up: int = 1
) -> dict[str, Timing]:
    """Times of every task, one repeat of each in turn, so that a busy moment hits all alike."""
    for _ in range(warm_up):
        for task in tasks.values():
            jax.block_until_ready(task())
    clocks: dict[str, list[tuple[float, float]]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            clocks[name].append(clocked(task)[1:])
    return {name: _timing(name, seconds) for name, seconds in clocks.items()}


def clocked(task: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result of a task, and its wall and CPU time [s]."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = jax.block_until_ready(task())
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _timing(name: str, seconds: Sequence[tuple[float, float]]) -> Timing:
    wall = [1e3 * w for w, _ in seconds]
    return Timing(name, median(wall), min(wall), max(wall), 1e3 * median(c for _, c in seconds))


@cache
def bandwidth() -> Bandwidth:
    """Memory bandwidth of this machine now, measured once a process."""
    return measured()


@cache
def machine() -> dict[str, Any]:
    """Description of this machine; call it before measuring, for the load of other work."""
    busy = _busy()
    stream = bandwidth()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory GB": round(host.host_memory() / 1e9, 1),
        "devices": ", ".join(device.device_lines()),
        "bandwidth GB/s": round(stream.triad, 1),
        "bandwidth by": stream.how,
        "busy before %": busy,
        "date": time.strftime("%Y-%m-%d"),
    } | device.versions()


def _busy(seconds: float = 0.5) -> int | None:
    """Share of the processor that other work uses [%], where the system reports it."""

    def ticks() -> tuple[int, int]:
        counts = [int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(counts[3:5]), sum(counts)

    try:
        idle, every = ticks()
        time.sleep(seconds)
        idle_after, every_after = ticks()
    except OSError:
        return None
    return round(100 * (1 - (idle_after - idle) / max(1, every_after - every)))


def _processor() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", info, re.M)
    return found[1] if found else platform.machine()


def options(what: str | None, edge: int, full_edge: int) -> argparse.ArgumentParser:
    """Command line of a suite; `chosen` reads it."""
    parser = argparse.ArgumentParser(
        description=what, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "edge",
        type=int,
        nargs="?",
        help=f"edge of the grid in voxels (default {edge}, or {full_edge} with --full)",
    )
    parser.add_argument("--full", action="store_true", help="measure all cases, which takes long")
    parser.set_defaults(edges=(edge, full_edge))
    return parser


def chosen(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parsed command line, with the default edge filled in."""
    asked = parser.parse_args()
    asked.edge = asked.edge or asked.edges[asked.full]
    return asked


def number(value: float) -> str:
    """Number with three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown table; numbers get three digits, None shows as a dash."""

    def shown(value: object) -> str:
        if value is None:
            return "-"
        return number(value) if isinstance(value, float) else str(value)

    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(shown(cell) for cell in line) + " |" for line in lines)


def publish(section: str, markdown: str) -> None:
    """Write text between `<!-- section -->` and `<!-- /section -->` of benchmarks/README.md.

    Raises:
        ValueError: there is no such section.
    """
    text = README.read_text(encoding="utf-8")
    start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    before, opened, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"{README.name} has no section {start} ... {end}")
    fresh = README.with_suffix(f".{os.getpid()}")
    fresh.write_text(f"{before}{start}\n{markdown.strip()}\n{end}{after}", encoding="utf-8")
    fresh.replace(README)
    print(f"\n## {section}\n\n{markdown.strip()}", flush=True)


def record(suite: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows to runs/out/bench/SUITE.jsonl, each with its time and machine."""
    OUT.mkdir(parents=True, exist_ok=True)
    about = {"time": time.strftime("%Y-%m-%dT%H:%M:%S"), "machine": machine()}
    with (OUT / f"{suite}.jsonl").open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({**row, **about}) + "\n")


def measured_on() -> str:
    """Line below a table: the machine in short."""
    about = machine()
    return (
        f"Measured {about['date']} on {about['cores']} cores of {about['processor']}, "
        f"{about['bandwidth GB/s']} GB/s ({about['bandwidth by']}), jax {about['jax']}, "
        f"{about['busy before %']} % busy with other work at the start."
    )


def isolated(script: str, *arguments: object, **environment: str) -> dict[str, Any]:
    """Last line that a script of this folder prints, a JSON object, from a process of its own.

    Peaks of memory and compilation need a fresh process.

    Raises:
        RuntimeError: it failed.
    """
    done = quietly(script, *arguments, environment=environment, stdout=subprocess.PIPE)
    if done.returncode:
        raise RuntimeError(f"{script} ended with exit code {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def quietly(
    script: str, *arguments: object, environment: Mapping[str, str], stdout: int | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script of this folder; its log is shown if it fails.

    Loading compiled programs from a cache logs false alarms of missing machine features.
    """
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        done = subprocess.run(
            command,
            stdout=stdout,
            stderr=log,
            text=True,
            check=False,
            env=os.environ | environment,
        )
        if done.returncode:
            log.seek(0)
            print("".join(log.readlines()[-20:]), file=sys.stderr)
    return done


def peak_bytes() -> int:
    """Peak memory of this process so far [bytes]."""
    return int(host.peak_memory() * 1e9)
