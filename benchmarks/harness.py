"""Fair timing: everything warmed up, repeats interleaved, medians with their spread."""

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import jax
import numpy as np

from tissue import backend


@dataclass(frozen=True)
class Timing:
    """Wall time of one task [ms]: median and the range of the repeats."""

    name: str
    median: float
    low: float
    high: float


def timed(tasks: Mapping[str, Callable[[], object]], repeats: int = 7) -> tuple[Timing, ...]:
    """Times every task, one repeat of each in turn, so that a busy moment hits all alike."""
    for task in tasks.values():
        jax.block_until_ready(task())
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            jax.block_until_ready(task())
            seconds[name].append(time.perf_counter() - start)
    return tuple(
        Timing(name, *(1e3 * float(f(s)) for f in (np.median, np.min, np.max)))
        for name, s in seconds.items()
    )


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "devices": ", ".join(backend.devices()),
        "bandwidth": f"{bandwidth():.0f} GB/s (a + s b on arrays of 128 MB, best of 5)",
    } | backend.versions()


def bandwidth() -> float:
    """Memory bandwidth of a triad in JAX [GB/s]."""
    a, b = (jax.numpy.ones(2**25, jax.numpy.float32) for _ in range(2))
    triad = jax.jit(lambda a, b: a + 2 * b)
    jax.block_until_ready(triad(a, b))
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(triad(a, b))
        best = min(best, time.perf_counter() - start)
    return 3 * a.nbytes / best / 1e9


def report(title: str, timings: tuple[Timing, ...], reference: str) -> None:
    """Prints a Markdown table with ratios to one task, and a JSON line for each."""
    base = next(t.median for t in timings if t.name == reference)
    print(f"\n### {title}\n\n| task | median ms | range ms | in {reference}s |\n|---|---|---|---|")
    for t in timings:
        ratio = f"{t.median / base:.2f}"
        print(f"| {t.name} | {t.median:.2f} | {t.low:.2f} to {t.high:.2f} | {ratio} |")
    for t in timings:
        print(json.dumps({"title": title, **asdict(t)}))
