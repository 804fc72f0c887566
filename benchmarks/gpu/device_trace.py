"""Kernels of a device while it computes, from a trace of JAX's profiler: times, names and gaps."""

import gzip
import shutil
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

LONGEST = 10  # kernels and programs that are named
GAPS = (5e-6, 50e-6)  # s: bounds of short, middling and long gaps
STREAM = "Stream"  # beginning of the names of lines with kernels of a GPU
COPY = "Memcpy"


class Event(NamedTuple):
    """Kernel or copy of a device.

    Attributes:
        program: compiled program it belongs to; empty where the trace does not say it.
        name: of the kernel.
        start, end: [ns].
    """

    program: str
    name: str
    start: float
    end: float


def traced(run: Callable[[], object], folder: Path, kept: Path | None = None) -> dict[str, Any]:
    """Summary of the kernels that a function starts.

    Args:
        run: waits for its own results.
        folder: for the trace, empty.
        kept: file that the compressed trace is kept in; None keeps none.

    Raises:
        RuntimeError: the profiler wrote no trace, or one without any kernel.
    """
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level, options.host_tracer_level = 0, 1
    jax.profiler.start_trace(str(folder), profiler_options=options)
    start = time.perf_counter()
    try:
        run()
    finally:
        wall = time.perf_counter() - start
        jax.profiler.stop_trace()
    files = sorted(folder.rglob("*.xplane.pb"))
    if not files:
        raise RuntimeError("the profiler wrote no trace")
    if kept:
        with files[0].open("rb") as source, gzip.open(kept, "wb") as target:
            shutil.copyfileobj(source, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the reader of its own types
        events = list(_events(files[0]))
    if not events:
        raise RuntimeError("the trace holds no kernel")
    return {"wall_ms": 1e3 * wall, **summary(events)}


def _events(path: Path) -> Iterator[Event]:
    planes = list(jax.profiler.ProfileData.from_file(str(path)).planes)
    gpus = [plane for plane in planes if plane.name.startswith("/device:GPU")]
    for plane in gpus or planes:
        for line in plane.lines:
            if gpus and not line.name.startswith(STREAM):
                continue  # lines that the profiler derives from those of the streams
            for event in line.events:
                about = _stats(event)
                if gpus or "hlo_op" in about:
                    program = str(about.get("hlo_module", ""))
                    end = event.start_ns + event.duration_ns
                    yield Event(program, event.name, event.start_ns, end)


def _stats(event: Any) -> Mapping[str, Any]:
    return dict(event.stats) if event.stats else {}


def summary(events: Iterable[Event]) -> dict[str, Any]:
    """Numbers of a trace: busy and idle time [ms], gaps, and what takes longest.

    Args:
        events: at least one.
    """
    ordered = sorted(events, key=lambda event: event.start)
    gaps, busy = _gaps(ordered)
    span = max(event.end for event in ordered) - ordered[0].start
    by_kernel: dict[tuple[str, str], list[float]] = defaultdict(list)
    by_program: dict[str, list[float]] = defaultdict(list)
    for event in ordered:
        by_kernel[event.program, event.name].append(event.end - event.start)
        by_program[event.program].append(event.end - event.start)
    kernels = sorted(by_kernel.items(), key=lambda each: -sum(each[1]))[:LONGEST]
    programs = sorted(by_program.items(), key=lambda each: -sum(each[1]))[:LONGEST]
    return {
        "kernels": len(ordered),
        "copies": sum(event.name.startswith(COPY) for event in ordered),
        "span_ms": span / 1e6,
        "busy_ms": busy / 1e6,
        "idle_percent": 100 * (1 - busy / span),
        "gaps": gaps,
        "longest_kernels": [
            {"program": program, "kernel": name, "times": len(spent), "ms": sum(spent) / 1e6}
            for (program, name), spent in kernels
        ],
        "longest_programs": [
            {"program": program, "kernels": len(spent), "ms": sum(spent) / 1e6}
            for program, spent in programs
        ],
        "shortest_kernel_us": min(event.end - event.start for event in ordered) / 1e3,
        "kernels_below_5_us": sum(event.end - event.start < 5e3 for event in ordered),
    }


def _gaps(ordered: Iterable[Event]) -> tuple[dict[str, dict[str, float]], float]:
    """Gaps between kernels by their length, and the time in which any kernel ran [ns]."""
    names = ("short", "middling", "long")
    count, spent = Counter[str](), Counter[str]()
    busy, until = 0.0, None
    for event in ordered:
        if until is not None and event.start > until:
            gap = event.start - until
            name = names[sum(gap > 1e9 * bound for bound in GAPS)]
            count[name] += 1
            spent[name] += gap  # type: ignore[assignment]
        begin = event.start if until is None else max(event.start, until)
        busy += max(0.0, event.end - begin)
        until = event.end if until is None else max(until, event.end)
    return {name: {"times": count[name], "ms": spent[name] / 1e6} for name in names}, busy
