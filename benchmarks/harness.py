"""Description of the machine, and publication of results; `tissue.bench` measures times.

Everything is warmed up, repeats are interleaved, and medians are given with their range. Every
suite keeps its raw numbers as JSON lines in runs/out/bench, its tables in benchmarks/README.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tissue.bench.timing import number
from tissue.machine import device, host
from tissue.machine.bandwidth import Bandwidth, measured

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
OUT = HERE.parent / "runs" / "out" / "bench"


@cache
def bandwidth() -> Bandwidth:
    """Memory bandwidth of this machine now, measured once a process."""
    return measured()


@cache
def machine() -> dict[str, Any]:
    """Description of this machine; call it before measuring, for the load of other work."""
    busy = host.busy_percent()
    stream = bandwidth()
    return {
        "processor": host.processor(),
        "cores": os.cpu_count(),
        "memory GB": round(host.host_memory() / 1e9, 1),
        "devices": ", ".join(device.device_lines()),
        "bandwidth GB/s": round(stream.triad, 1),
        "bandwidth by": stream.how,
        "busy before %": busy,
        "date": time.strftime("%Y-%m-%d"),
    } | device.versions()


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
