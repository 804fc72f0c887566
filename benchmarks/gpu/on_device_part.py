"""One part of the measurements on a device, its rows printed as JSON lines as they come.

usage: python benchmarks/gpu/on_device_part.py device|step|kernels|elements|year EDGE

Started by on_device.py.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
from counts import YEAR, example

from tissue.bench.measurement import (
    ELEMENTS,
    KERNELS,
    SOLVE,
    STEP,
    Measurement,
    Plan,
    measurements,
)
from tissue.machine import bandwidth, device
from tissue.scenario.config import read_run_file
from tissue.simulation import speed
from tissue.simulation.cost import PROGRAM_MEMORY, run_memory
from tissue.simulation.simulation import Simulation


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
    """Show parts of `tissue bench` on one grid; after a step also the memory it took."""
    stream = triad()
    show(stream)
    for found in measurements(Plan((edge,), stream["bandwidth_gb_per_s"], parts=parts)):
        if isinstance(found, Measurement):
            show({"measured": found.name} | found.as_dict())
        else:
            show({"start_s": found.start})
            show_peak(edge)


def show_peak(edge: int) -> None:
    """Show the largest memory of the device so far, and what the plan of a run expects."""
    stats = jax.devices()[0].memory_stats() or {}
    peak = stats.get("peak_bytes_in_use")
    planned = run_memory(speed.standard(edge), edge**3, fe=False) - PROGRAM_MEMORY
    show({"peak_bytes": peak, "planned_bytes": planned, "limit_bytes": stats.get("bytes_limit")})


def year(edge: int) -> None:
    """Show how far a year of human bone under IL-1 has come after each step."""
    # as predicted: finite elements are a part of their own
    config = read_run_file(example(edge), name="year").changed({"load.mechanics": "density"})
    start = time.perf_counter()
    geometry = config.geometry
    bone = speed.mirrored(geometry)  # type: ignore[arg-type]
    simulation = Simulation(config, bone)
    simulation.advance()
    ready = time.perf_counter() - start
    start, steps, day = time.perf_counter(), 1, 0.0
    while not simulation.finished:
        day = simulation.advance().metrics["time_day"]
        steps += 1
        show(
            {
                "year_days": day,
                "year_steps": steps,
                "year_s": time.perf_counter() - start,
                "start_s": ready,
                "complete": day >= YEAR * (1 - 1e-9),
            }
        )


PARTS = {
    "device": describe,
    "step": partial(bench, parts=[STEP]),
    "kernels": partial(bench, parts=[KERNELS, SOLVE]),
    "elements": partial(bench, parts=[ELEMENTS]),
    "year": year,
}

if __name__ == "__main__":
    device.enable_compilation_cache()
    PARTS[sys.argv[1]](int(sys.argv[2]))
