"""One part of the measurements on a device, its rows printed as JSON lines as they come.

usage: python benchmarks/gpu/on_device_part.py PART EDGE FOLDER

Started by on_device.py; FOLDER takes traces. A part that is stopped has printed all that it had
measured until then.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import jax
import numpy as np
from counts import YEAR, example
from device_trace import traced

from tissue.bench.measurement import (
    COUPLING_STEP,
    ELASTIC_ITERATION,
    ELASTIC_SET_UP,
    KERNELS,
    LOADING,
    SOLVE,
    TOLERANCE,
    Measurement,
    Plan,
    iteration_row,
    measurements,
    unit_force,
)
from tissue.bench.tasks import SPACING, bone
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.kernels import elasticity
from tissue.machine import bandwidth, device
from tissue.mechanics import compression
from tissue.mechanics.hierarchy import hierarchy
from tissue.scenario.config import read_run_file
from tissue.simulation import speed
from tissue.simulation.cost import gpu_memory
from tissue.simulation.gpus import slabs_of
from tissue.simulation.simulation import Simulation

ROOT = Path(__file__).resolve().parents[2]
DEMONSTRATION = ROOT / "runs" / "shrew.toml"
STEPS, STEPS_TIME = 8, 10.0  # measured at most, and the time after which there are no more [s]
TRACED_STEPS, LARGEST_TRACED = 3, 256
THREE_AXES = "three axes from rest"
LONG = 3650.0  # day: no run ends while its steps are measured
COMPILED = "/jax/core/compile/backend_compile_duration"  # event of jax.monitoring


def show(row: Mapping[str, Any]) -> None:
    """Print a row at once: the part may be stopped before the next one."""
    print(json.dumps(row), flush=True)


def describe(_: int) -> None:
    """Show the device, and the bandwidth of its memory."""
    found = jax.devices()[0]
    show(
        {
            "platform": found.platform,
            "kind": found.device_kind,
            "devices": len(jax.devices()),
            "backend": str(getattr(found.client, "platform_version", "")),
        }
        | device.versions()
    )
    show({"platform": found.platform, "kind": found.device_kind} | triad())


def triad() -> dict[str, Any]:
    """Bandwidth of the memory by a triad."""
    found = bandwidth.measured()
    return {"bandwidth_gb_per_s": found.triad, "bandwidth_by": found.how}


def bench(edge: int, parts: Sequence[str]) -> None:
    """Show parts of `tissue bench` on one grid."""
    stream = triad()
    show(stream)
    for found in measurements(Plan((edge,), stream["bandwidth_gb_per_s"], parts=parts)):
        if isinstance(found, Measurement):
            show({"measured": found.name} | found.as_dict())


def warm(edge: int) -> Simulation:
    """Run of mouse bone after its first two steps, its load that of the density of bone near by."""
    start = time.perf_counter()
    config = speed.standard(edge, days=LONG).changed({"load.mechanics": "density"})
    geometry = Geometry(Grid((edge,) * 3, SPACING), np.asarray(bone(edge)), (), ())
    running = Simulation(config, geometry)
    show({"set_up_s": time.perf_counter() - start, **memory()})
    for _ in range(2):
        start = time.perf_counter()
        running.advance()
        show({"warm_up_step_s": time.perf_counter() - start, **memory()})
    return running


def step(edge: int) -> None:
    """Show the time of coupling steps, the memory they took, and the kernels of three of them."""
    running = warm(edge)
    spent: list[float] = []
    while len(spent) < 2 or (len(spent) < STEPS and sum(spent) < 1e3 * STEPS_TIME):
        start = time.perf_counter()
        record = running.advance()
        spent.append(1e3 * (time.perf_counter() - start))
        show({"step_ms": spent[-1], "rejected": record.rejected, "iterations": record.iterations})
        found = Measurement(COUPLING_STEP, edge, median(spent), min(spent), max(spent))
        show({"measured": found.name} | found.as_dict())
    planned = gpu_memory(speed.standard(edge), slabs_of((edge,) * 3, 1))
    show({"planned_bytes": planned, **memory()})
    if edge <= LARGEST_TRACED:
        trace(running)


def trace(running: Simulation) -> None:
    """Show where the device spends its time in coupling steps, and where it waits."""
    kept = Path(sys.argv[3]) / f"{sys.argv[1].replace(' ', '-')}-{sys.argv[2]}.xplane.pb.gz"
    with tempfile.TemporaryDirectory() as folder:
        found = traced(lambda: [running.advance() for _ in range(TRACED_STEPS)], Path(folder), kept)
    show({"trace": {"steps": TRACED_STEPS, **found}})


def memory() -> dict[str, int | None]:
    """Memory of the device so far and now [bytes]; None where it does not report it."""
    stats = jax.devices()[0].memory_stats() or {}
    names = {"peak_bytes": "peak_bytes_in_use", "held_bytes": "bytes_in_use"}
    return {name: stats.get(key) for name, key in (names | {"limit_bytes": "bytes_limit"}).items()}


def elements(edge: int) -> None:
    """Show finite elements: their tables, an iteration, and three axes from rest."""
    fraction = np.asarray(bone(edge))
    bearing = np.where(fraction >= compression.MIN_FRACTION, fraction, 0)
    start = time.perf_counter()
    levels = hierarchy(bearing, compression.held_ends("z", LOADING))
    jax.block_until_ready(levels)
    timed(ELASTIC_SET_UP, edge, start)

    def iterations(tolerance: float) -> int:
        return int(elasticity.solve(levels, unit_force(levels), tolerance).iterations)

    found = iteration_row(ELASTIC_ITERATION, edge, iterations)
    show({"measured": found.name} | found.as_dict())
    # held in the same way along each axis, the bone has the same tables
    compression.hierarchy = lambda *_: levels  # type: ignore[assignment]
    for name in (f"{THREE_AXES}, compiled anew", THREE_AXES):
        start = time.perf_counter()
        solved = compression.compress(fraction, compression.AXES, LOADING, TOLERANCE)
        jax.block_until_ready([each.displacement for each in solved.values()])
        timed(name, edge, start)
    numbers = ("iterations", "residual", "apparent_modulus")
    show({axis: {n: getattr(each, n) for n in numbers} for axis, each in solved.items()})
    show(memory())


def timed(name: str, edge: int, start: float) -> None:
    """Show the time since `start`, measured once."""
    found = Measurement(name, edge, 1e3 * (time.perf_counter() - start))
    show({"measured": name} | found.as_dict())


def year(edge: int) -> None:
    """Show how far a year of human bone under IL-1 has come after each step."""
    # as predicted: finite elements are a part of their own
    config = read_run_file(example(edge), name="year").changed({"load.mechanics": "density"})
    start = time.perf_counter()
    geometry = config.geometry
    simulation = Simulation(config, speed.mirrored(geometry))  # type: ignore[arg-type]
    simulation.advance()
    ready = time.perf_counter() - start
    start, steps, rejected, day = time.perf_counter(), 1, 0, 0.0
    while not simulation.finished:
        record = simulation.advance()
        day = record.metrics["time_day"]
        steps, rejected = steps + 1, rejected + record.rejected
        show(
            {
                "year_days": day,
                "year_steps": steps,
                "year_rejected": rejected,
                "year_s": time.perf_counter() - start,
                "start_s": ready,
                "complete": day >= YEAR * (1 - 1e-9),
                "bv_tv": record.metrics["bv_tv"],
            }
        )


def demonstration(_: int, mechanics: str) -> None:
    """Show the loss of bone in the demonstration run, to be compared with another device's."""
    config = read_run_file(DEMONSTRATION).changed({"load.mechanics": mechanics})
    start = time.perf_counter()
    simulation = Simulation(config)
    first = simulation.start_metrics()
    ready, start = time.perf_counter() - start, time.perf_counter()
    rejected, last = 0, first
    while not simulation.finished:
        record = simulation.advance()
        last, rejected = record.metrics, rejected + record.rejected
    spent = time.perf_counter() - start
    show(
        {
            "demonstration": mechanics,
            "platform": jax.devices()[0].platform,
            "shape": simulation.geometry.grid.shape,
            "set_up_s": ready,
            "run_s": spent,
            "steps": simulation.step,
            "rejected": rejected,
            "days": simulation.time,
            "bv_tv_start": first["bv_tv"],
            "metrics": {name: value for name, value in last.items() if isfinite(value)},
        }
    )


@contextmanager
def compiling() -> Iterator[None]:
    """Context after which the time of all compiling in it is shown."""
    spent, count = 0.0, Counter[str]()

    def on_time(event: str, seconds: float, **_: Any) -> None:
        nonlocal spent
        if event == COMPILED:
            spent += seconds
            count["programs"] += 1

    def on_event(event: str, **_: Any) -> None:
        if event.endswith("/cache_hits"):
            count["from_disk"] += 1

    jax.monitoring.register_event_duration_secs_listener(on_time)
    jax.monitoring.register_event_listener(on_event)
    try:
        yield
    finally:
        show({"compile_s": spent, "programs": count["programs"], "from_disk": count["from_disk"]})


PARTS = {
    "device": describe,
    "step": step,
    "step without graphs": step,
    "step with loops in graphs": step,
    "kernels": partial(bench, parts=[KERNELS, SOLVE]),
    "elements": elements,
    "year": year,
    "demonstration": partial(demonstration, mechanics="density"),
    "demonstration on the processor": partial(demonstration, mechanics="density"),
    "demonstration with finite elements": partial(demonstration, mechanics="fe"),
    "the same on the processor": partial(demonstration, mechanics="fe"),
}

if __name__ == "__main__":
    device.enable_compilation_cache()
    with compiling():
        PARTS[sys.argv[1]](int(sys.argv[2]))
