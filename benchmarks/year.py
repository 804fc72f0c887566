"""Time of a simulated year of human bone, with load from the density of bone near by.

Runs the complete year by default; `--steps N` measures N steps and extrapolates to the
number of steps that the plan expects, and says so.
"""

import argparse
import json
import time
from statistics import median
from typing import Any

from cases import config, tiled
from harness import (
    chosen,
    isolated,
    machine,
    measured_on,
    options,
    peak_bytes,
    publish,
    record,
    table,
)

from tissue.bench.timing import number
from tissue.machine.device import usable_memory
from tissue.scenario.config import RunConfig
from tissue.simulation import cost
from tissue.simulation.simulation import Simulation

DAYS = 365.0
EDGE, LARGE = 128, 256
SHORT_STEPS, LARGE_STEPS = 4, 20


def main() -> None:
    parser = options(__doc__, EDGE, EDGE)
    parser.add_argument("--steps", type=int, help="measure so many steps, and extrapolate")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = chosen(parser)
    if asked.one:
        print(json.dumps(one(asked.edge, asked.steps)))
        return
    machine()
    short = asked.steps or (None if asked.full else SHORT_STEPS)
    wanted = [(asked.edge, short)] + ([(LARGE, LARGE_STEPS)] if asked.full else [])
    found, left_out = [], []
    for edge, steps in wanted:
        need = cost.run_memory(human(edge), edge**3)
        if need > usable_memory():
            left_out.append(f" {edge}^3 needs about {need / 1e9:.1f} GB and is left out.")
            continue
        limit = () if steps is None else ("--steps", steps)
        found.append(isolated("year.py", edge, "--one", *limit))
    publish("year", year_table(found, left_out))
    record("year", found)


def human(edge: int) -> RunConfig:
    """Run of a year of human bone under IL-1, with adaptive steps."""
    return config(
        edge,
        preset="human",
        duration=f"{DAYS:g} day",
        il1="3 pM",
        spacing=20.0,
        thickness=150.0,
    ).changed({"load.mechanics": "density"})


def one(edge: int, limit: int | None) -> dict[str, Any]:
    """Result of the year, or of its first steps, in this process."""
    run = human(edge)
    bone = tiled(run)
    start = time.perf_counter()
    simulation = Simulation(run, bone)
    setup = time.perf_counter() - start
    walls: list[float] = []
    iterations, day = 0, 0.0
    begun = time.process_time()
    record = None
    # the first step compiles, and is counted apart
    wanted = None if limit is None else limit + 1
    while day < DAYS * (1 - 1e-9) and (wanted is None or len(walls) < wanted):
        start = time.perf_counter()
        record = simulation.advance()
        walls.append(time.perf_counter() - start)
        iterations += sum(record.iterations.values())
        day = record.metrics["time_day"]
    assert record is not None
    complete = day >= DAYS * (1 - 1e-9)
    expected = len(walls) if complete else max(cost.expected_steps(run), len(walls))
    warm = median(walls[1:]) if len(walls) > 1 else walls[0]
    return {
        "edge": edge,
        "steps": len(walls),
        "expected_steps": expected,
        "complete": complete,
        "days": day,
        "setup_s": setup,
        "first_s": walls[0],
        "step_s": warm,
        "low_s": min(walls[1:], default=walls[0]),
        "high_s": max(walls[1:], default=walls[0]),
        "wall_s": sum(walls) if complete else walls[0] + (expected - 1) * warm,
        "cpu_s": time.process_time() - begun,
        "iterations": iterations / len(walls),
        "bv_tv_change_percent": record.metrics["bv_tv_change_percent"],
        "peak": peak_bytes(),
        "step": str(getattr(run, "step", None)),
    }


def year_table(found: list[dict[str, Any]], left_out: list[str]) -> str:
    """Table of the years."""
    rows = [
        (
            f"{f['edge']}^3",
            f"{number(f['wall_s'] / 60)} min",
            "complete run" if f["complete"] else f"extrapolated from {f['steps'] - 1} warm steps",
            f["expected_steps"],
            f["step_s"],
            f"{f['low_s']:.3g} .. {f['high_s']:.3g}",
            f["iterations"],
            f["setup_s"],
            f["peak"] / 1e9,
        )
        for f in found
    ]
    heads = (
        "grid",
        "a year",
        "how",
        "steps",
        "s a step",
        "range s",
        "iterations a step",
        "set-up s",
        "peak GB",
    )
    lost = "; ".join(
        f"{f['bv_tv_change_percent']:+.1f} % BV/TV in {f['days']:.4g} days at {f['edge']}^3"
        for f in found
    )
    return (
        "Human bone under 3 pM of IL-1, voxels of 20 um, float32, load from the density of bone "
        f"near by, nothing written; set-up apart. {lost}.{''.join(left_out)}\n\n"
        f"{table(heads, rows)}\n\n{measured_on()}"
    )


if __name__ == "__main__":
    main()
