"""Comparison of tissue with other packages: the same task, error, clock and run.

Every contestant is a process of its own that is ready to repeat; each round asks each of them, in
turn, for one repeat, so that a busy moment hits all alike. Times extrapolated from a measured step
are marked. Results are added to runs/out/bench/peers.jsonl, tables to benchmarks/README.md.

usage: python benchmarks/peers/run.py [--quick] [--only TASK ...] (--help: more)
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE.parent)]

import tasks  # noqa: E402
from harness import measured_on, number, publish, record, table  # noqa: E402

OURS = "ours"


class Entry(NamedTuple):
    """One way to do a task.

    Attributes:
        peer: whose, and the name of its script and environment.
        method: one of the ways that the script offers.
        label: for the tables.
        quick: also in the short contest.
        large: also on the large grid.
        most: repeats, for those that take long.
    """

    peer: str
    method: str
    label: str
    quick: bool = True
    large: bool = True
    most: int = 100


US_EXPLICIT = Entry(OURS, "", "**tissue**, `kernels/explicit.py`")
US_STEADY = Entry(OURS, "", "**tissue**, multigrid CG")
NUMBA_STEP = Entry("numba", "", "numba, written by hand")
NUMBA_CG = Entry("numba", "", "numba, matrix-free CG by hand")
DEVITO = Entry("devito", "", "Devito")
EVOXELS = Entry("evoxels", "", "evoxels (JAX)", large=False)
PYPDE = Entry("pypde", "", "py-pde (numba)", quick=False, large=False)
REST = Entry("devito", "rest", "Devito, explicit until at rest (extrapolated)")
DAY = Entry("devito", "day", "Devito, one day explicitly (extrapolated)")
SPARSE = (
    Entry("pyamg", "sa", "pyamg, smoothed aggregation + CG, float64", quick=False, most=3),
    Entry("pyamg", "rs", "pyamg, Ruge-Stüben + CG, float64", quick=False, most=3),
    Entry("pyamg", "cg", "scipy, Jacobi-CG, float64", quick=False, most=3),
)
CHEBYSHEV = Entry("evoxels", "", "evoxels (JAX), Runge-Kutta-Chebyshev", quick=False, most=3)

ENTRIES = {
    "T1": (US_EXPLICIT, NUMBA_STEP, DEVITO, EVOXELS, PYPDE),
    "T2": (US_EXPLICIT, NUMBA_STEP, DEVITO, EVOXELS, PYPDE),
    "T3-one": (US_STEADY, NUMBA_CG, REST, DAY, *SPARSE, CHEBYSHEV),
    "T3": (US_STEADY, NUMBA_CG, REST, SPARSE[0]),
}
TITLES = {
    "T1": "explicit step of three coupled solutes, open box",
    "T2": "the same among impermeable bone",
    "T3-one": "one cytokine at rest among bone, decay length 19 voxels",
    "T3": "IL-1, RANKL and OPG at rest, each with its own D and k",
}


@dataclass
class Contestant:
    """Entry, its process and its answers."""

    entry: Entry
    process: subprocess.Popen[str]
    log: Path
    about: dict[str, Any] = field(default_factory=dict)
    repeats: list[dict[str, float]] = field(default_factory=list)
    failure: str = ""

    def read(self) -> dict[str, Any]:
        """Next answer of the process; empty after a failure, whose reason is kept."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        self.failure = lines[-1] if lines else f"exit code {self.process.returncode}"
        return {}

    def ask(self) -> None:
        """Let the process do one repeat."""
        assert self.process.stdin is not None
        if not self.failure:
            print("go", file=self.process.stdin, flush=True)
            if answer := self.read():
                self.repeats.append(answer)

    def end(self) -> None:
        """End the process after it has reported its error and its memory."""
        assert self.process.stdin is not None
        if not self.failure:
            self.process.stdin.close()
            self.about |= self.read()
        self.process.wait()


@dataclass
class Contest:
    """Task on a grid, at an error."""

    task: str
    n: int
    target: float
    steps: int
    threads: int

    @property
    def title(self) -> str:
        target = f", error {100 * self.target:g} %" if self.target else ""
        return f"{self.task}, {self.n}^3{target}"

    def started(self, entry: Entry) -> Contestant | str:
        """Process of an entry, ready to repeat; or the reason why there is none."""
        python = interpreter(entry.peer)
        failed = python.parents[1] / "failed.txt"
        if failed.exists():
            return failed.read_text(encoding="utf-8").strip()
        if not python.exists():
            return "not installed; make peers does"
        command = [str(python), str(HERE / f"peer_{entry.peer}.py"), self.task]
        options = {"method": entry.method, "n": self.n, "steps": self.steps, "target": self.target}
        command += [f"--{k}={v}" for k, v in options.items() if v] + [f"--threads={self.threads}"]
        log = tasks.CACHE / f"{entry.peer}.log"
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        contestant = Contestant(entry, process, log)
        contestant.about = contestant.read()
        return contestant

    def held(self, entries: Iterable[Entry], rounds: int) -> list[dict[str, Any]]:
        """Results of all entries, a row each."""
        tasks.prepare(self.task, self.n)
        everyone: list[tuple[Entry, Contestant | str]] = []
        for entry in entries:
            print(f"{self.title}: {entry.label}", file=sys.stderr, flush=True)
            everyone.append((entry, self.started(entry)))
        present = [c for _, c in everyone if isinstance(c, Contestant)]
        for turn in range(rounds):
            for contestant in present:
                if turn < contestant.entry.most:
                    contestant.ask()
        for contestant in present:
            contestant.end()
        return [self.row(entry, contestant) for entry, contestant in everyone]

    def row(self, entry: Entry, contestant: Contestant | str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "contest": self.title,
            "task": self.task,
            "n": self.n,
            "target": self.target,
            "threads": self.threads,
            "peer": entry.peer,
            "label": entry.label,
            "failure": contestant if isinstance(contestant, str) else contestant.failure,
        }
        if isinstance(contestant, str) or row["failure"]:
            return row
        for clock in ("wall", "cpu"):
            # explicit tasks by the step, steady ones by the solve
            per = self.steps if self.task in ("T1", "T2") else 1
            times = [r[clock] / per for r in contestant.repeats]
            row |= {clock: median(times), f"{clock}_low": min(times), f"{clock}_high": max(times)}
        return row | {"repeats": contestant.repeats, "about": contestant.about}

    def wrong(self, row: dict[str, Any]) -> bool:
        """True if the answer misses the required error."""
        error = row["about"].get("error")
        return error is not None and error > (self.target or tasks.EXPLICIT_ERROR)

    def table(self, rows: list[dict[str, Any]], clock: str) -> str:
        """Table of the rows by speed; the ratio is a contestant's time over ours."""
        sound = [r for r in rows if not r["failure"]]
        ours = next((r for r in sound if r["peer"] == OURS), None)
        lines = []
        for r in sorted(sound, key=lambda r: r[clock]):
            about = r["about"]
            speed = f"{3 * self.n**3 / r['wall'] / 1e6:,.0f}" if not self.target else None
            error = about.get("error")
            lines.append(
                (
                    r["label"] + (" (misses the error)" if self.wrong(r) else ""),
                    seconds(r["wall"]),
                    f"{seconds(r['wall_low'])} .. {seconds(r['wall_high'])}",
                    seconds(r["cpu"]),
                    *([speed] if speed else [iterations(about)]),
                    f"{error:.1e}" if error is not None else "by construction",
                    f"{about['net_mb']:,.0f}",
                    f"{r[clock] / ours[clock]:.2f}" if ours else "-",
                )
            )
        middle = "iterations" if self.target else "M updates/s"
        heads = ("", "wall", "range", "CPU", middle, "true error", "memory MB", "time / ours")
        failed = [f"{r['label']}: {r['failure']}" for r in rows if r["failure"]]
        text = f"**{self.title}**: {TITLES[self.task]}\n\n{table(heads, lines)}\n"
        text += f"\n{self.verdict(sound, clock)}\n"
        return text + "".join(f"\nNot run: {line}\n" for line in failed)

    def verdict(self, rows: list[dict[str, Any]], clock: str) -> str:
        """Sentence on the fastest contestant."""
        ours = next((r for r in rows if r["peer"] == OURS), None)
        others = [r for r in rows if r["peer"] != OURS and not self.wrong(r)]
        if ours is None or not others:
            return "No comparison."
        best = min(others, key=lambda r: r[clock])
        ratio = best[clock] / ours[clock]
        if ratio >= 1:
            return f"We win: the best other, {best['label']}, takes {ratio:.2f} times our time."
        return f"**We lose**: {best['label']} takes {ratio:.2f} of our time."


def interpreter(peer: str) -> Path:
    home = ROOT / ".venv" if peer == OURS else ROOT / ".venv-peers" / peer
    return home / "bin" / "python"


def seconds(value: float) -> str:
    return f"{number(1e3 * value)} ms" if value < 1 else f"{number(value)} s"


def iterations(about: dict[str, Any]) -> str:
    found = about.get("iterations", about.get("measured", "-"))
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)


def contests(quick: bool, threads: int) -> Iterable[Contest]:
    """Contests in the order of the tables."""
    steps = 50
    for task, targets in tasks.TARGETS.items():
        for target in targets[:1] if quick and task == "T3" else targets:
            yield Contest(task, 128, target, steps, threads)
    for n in (128,) if quick else (128, 256):
        for task in ("T2", "T1"):
            yield Contest(task, n, 0.0, steps if n == 128 else 10, threads)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few contestants and repeats, 128^3")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="of the ratios")
    parser.add_argument("--only", nargs="*", choices=TITLES, help="tasks; leaves the README alone")
    a = parser.parse_args()
    start, texts, everything = time.perf_counter(), [], []
    for contest in contests(a.quick, a.threads):
        if a.only and contest.task not in a.only:
            continue
        entries = [
            e
            for e in ENTRIES[contest.task]
            if (e.quick or not a.quick) and (e.large or contest.n <= 128)
        ]
        rows = contest.held(entries, a.rounds or (3 if a.quick else 7))
        everything += rows
        texts.append(contest.table(rows, a.clock))
        print(f"\n{texts[-1]}", flush=True)
    duration = f"{(time.perf_counter() - start) / 60:.1f} min"
    foot = f"{a.threads} threads each, float32 unless said otherwise; ratios of {a.clock} time; "
    foot += f"memory beyond the imports. {measured_on()} Versions: {versions(everything)}."
    record("peers", everything)
    if a.only:
        print(foot)
    else:
        publish("peers", "\n".join([*texts, foot]))
    print(f"\n{duration}")
    return 0


def versions(rows: Iterable[dict[str, Any]]) -> str:
    found: dict[str, str] = {}
    for row in rows:
        found |= row.get("about", {}).get("versions", {})
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items()))


if __name__ == "__main__":
    sys.exit(main())
