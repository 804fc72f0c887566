"""Contestant in a process of its own, which times one repeat at each request.

`serve` builds the contestant, warms it up, brings its tolerance to the required error, and reports
it in a line of JSON. Every line on standard input then makes it do one repeat and print its
time; at the end of the input it prints the error of the last repeat and the memory it took.
Run by hand, `python peer_numba.py T3-one --target 2e-3 --repeats 3` needs no input.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import tasks


@dataclass
class Contest:
    """Request to a contestant.

    Attributes:
        task: T1, T2, T3-one or T3.
        method: one of the ways that the peer offers.
        n: edge of the grid [voxels].
        steps: explicit steps a repeat.
        target: relative error of a steady answer; 0 where there is none.
        threads: how many it may use.
    """

    task: str
    method: str
    n: int
    steps: int
    target: float
    threads: int

    @property
    def masked(self) -> bool:
        return self.task != "T1"

    @property
    def explicit(self) -> bool:
        return self.task in ("T1", "T2")


@dataclass
class Explicit:
    """Contestant of T1 and T2.

    Attributes:
        steps: advances the state that `reset` makes by so many steps.
        reset: takes the state back to the start; not timed.
        state: the fields, [3, z, y, x].
        about: further results to report.
    """

    steps: Callable[[int], Any]
    reset: Callable[[], Any]
    state: Callable[[], np.ndarray]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Steady:
    """Contestant of T3.

    Attributes:
        solve: the fields at a tolerance, and the iterations they took.
        about: further results to report.
        tolerances: those to try, falling.
    """

    solve: Callable[[float], tuple[Any, Any]]
    about: dict[str, Any] = field(default_factory=dict)
    tolerances: Sequence[float] = tuple(0.3 * 0.85**i for i in range(100))  # down to 3e-8


@dataclass
class Extrapolated:
    """Contestant of T3 whose time follows from a measured step.

    Attributes:
        explicit: what is measured.
        seconds: simulated time it has to cover [s].
        dt: its largest step [s].
    """

    explicit: Explicit
    seconds: float
    dt: float

    @property
    def about(self) -> dict[str, Any]:
        return self.explicit.about


Build = Callable[[Contest], Explicit | Steady | Extrapolated]


def arguments() -> tuple[Contest, int | None]:
    """Contest of the command line; sets the threads before anything is imported."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["T1", "T2", "T3-one", "T3"])
    parser.add_argument("--method", default="")
    parser.add_argument("--n", type=int, default=128)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--target", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, help="number of repeats without standard input")
    a = parser.parse_args()
    for name in ("OMP", "NUMBA", "MKL", "OPENBLAS"):
        os.environ[f"{name}_NUM_THREADS"] = str(a.threads)
    # XLA has no such variable, but counts the cores it may run on
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: a.threads])
    return Contest(a.task, a.method, a.n, a.steps, a.target, a.threads), a.repeats


def serve(build: Build, contest: Contest, repeats: int | None, *packages: str) -> None:
    """Run a contestant to the end of standard input, or through `repeats`."""
    before = _memory("VmRSS")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of a package must not mix with the answers

    def report(**what: Any) -> None:
        print(json.dumps(what), file=answers, flush=True)

    start = time.perf_counter()
    contestant = build(contest)
    about = dict(contestant.about)
    repeat, check = _prepared(contestant, contest, about)
    about["versions"] = {p: version(p) for p in packages} | {"python": platform.python_version()}
    report(ready_s=time.perf_counter() - start, **about)
    asked = sys.stdin if repeats is None else range(repeats)
    for _ in asked:
        report(**repeat())
    peak = _memory("VmHWM")
    report(error=check(), peak_mb=peak / 2**20, net_mb=(peak - before) / 2**20)


def clocked(task: Callable[[], Any]) -> dict[str, float]:
    """Wall and CPU seconds of all threads of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    task()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _prepared(
    contestant: Explicit | Steady | Extrapolated, contest: Contest, about: dict[str, Any]
) -> tuple[Callable[[], dict[str, float]], Callable[[], float | None]]:
    if isinstance(contestant, Steady):
        return _steady(contestant, contest, about)
    if isinstance(contestant, Extrapolated):
        inner, _ = _stepping(contestant.explicit, contest.steps)
        times = contestant.seconds / contestant.dt / contest.steps
        about["measured"] = f"{contest.steps} of {contestant.seconds / contestant.dt:,.0f} steps"
        inner()
        return lambda: {key: value * times for key, value in inner().items()}, lambda: None
    repeat, check = _stepping(contestant, contest.steps)
    repeat()
    return repeat, lambda: check(tasks.after_checked_steps(contest.task, contest.n))


def _stepping(
    contestant: Explicit, steps: int
) -> tuple[Callable[[], dict[str, float]], Callable[[np.ndarray], float]]:
    def repeat() -> dict[str, float]:
        contestant.reset()
        return clocked(lambda: contestant.steps(steps))

    def check(answer: np.ndarray) -> float:
        contestant.reset()
        contestant.steps(tasks.CHECKED_STEPS)
        state = np.asarray(contestant.state())
        return max(tasks.relative(u, a) for u, a in zip(state, answer, strict=True))

    return repeat, check


def _steady(
    contestant: Steady, contest: Contest, about: dict[str, Any]
) -> tuple[Callable[[], dict[str, float]], Callable[[], float]]:
    case = tasks.rest(contest.task, contest.n)
    found: dict[str, Any] = {}

    def error(tolerance: float) -> float:
        found["fields"], found["iterations"] = contestant.solve(tolerance)
        return case.error(found["fields"])

    # the loosest tolerance whose true error is small enough
    ladder = contestant.tolerances
    low, high = 0, len(ladder) - 1
    while low < high:
        middle = min((low + high) // 2, low + 16)  # tight tolerances are dear
        if error(ladder[middle]) <= contest.target:
            high = middle
        else:
            low = middle + 1
    tolerance = ladder[low]
    error(tolerance)
    about.update(contestant.about, tolerance=tolerance, iterations=found["iterations"])

    def repeat() -> dict[str, float]:
        def solve() -> None:
            found["fields"], _ = contestant.solve(tolerance)

        return clocked(solve)

    return repeat, lambda: case.error(found["fields"])


def _memory(line: str) -> int:
    """A line of this process's status [bytes]; the peak of getrusage may be the parent's."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        found = next(entry for entry in status if entry.startswith(line))
    return 1024 * int(found.split()[1])
