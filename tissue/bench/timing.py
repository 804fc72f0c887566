"""Times of tasks: warmed up, repeats in turn, medians with the shortest and longest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import jax


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

    def shared_by(self, times: float) -> "Timing":
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


def number(value: float) -> str:
    """Number with three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
