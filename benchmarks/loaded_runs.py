"""Runs whose load comes from finite elements: drift in health, intervals of solves, and cost.

Health: 60 days in double precision, in steps of two days, of the bundled bone and of synthetic
human bone. Intervals: the demonstration, where bone is solved again after half the change and half
the time. Cost: CPU time of the whole process of the demonstration over that of the same run with
load from density, in turn, after a run of each that leaves the programs on disk.

usage: python benchmarks/loaded_runs.py [--quick]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
from harness import HERE, machine, measured_on, publish, record, table

from tissue.scenario.config import read_run_file
from tissue.simulation import loaded_bone
from tissue.simulation.memory_run import simulate

RUNS = HERE.parent / "runs"
DEMONSTRATION = RUNS / "shrew.toml"
DRIFT, MOVED, COST = 1e-3, 0.05, 1.3
"""Goals: drift of BV/TV in health [%], its move by the interval of solves [% of the bone at the
start], CPU times."""

SCAN = {"file": "data/shrew.nrrd", "voxel_size": "4.1 um", "threshold": 128, "resample": "8.2 um"}
MADE = {"shape": [64] * 3, "spacing": "20 um", "bv_tv": 0.2, "thickness": "150 um"}
HEALTHY = {
    "shrew, 57^3": ("mouse", SCAN),
    "synthetic human bone, 64^3": ("human", {"synthetic": MADE}),
}
"""Preset and geometry of bone in health."""

Row = dict[str, Any]


def drift(name: str) -> Row:
    """Largest change of BV/TV [%] of bone in health, and the CPU time."""
    preset, geometry = HEALTHY[name]
    run = {"preset": preset, "duration": "60 day", "step": "2 day", "precision": "float64"}
    tables = {
        "run": run,
        "geometry": geometry,
        "disease": {"il1_excess": "0 pM"},
        "load": {"mechanics": "fe"},
        "output": {"snapshots": "60 day"},
    }
    start = time.process_time()
    found = simulate(read_run_file(tables, folder=RUNS, name="healthy")).metrics
    change = float(np.abs(found["bv_tv_change_percent"]).max())
    return {"bone": name, "drift": change, "cpu": time.process_time() - start}


def demonstration(mechanics: str) -> Row:
    """Result of the demonstration in memory: BV/TV at its end, and the solves after health."""
    data = tomllib.loads(DEMONSTRATION.read_text(encoding="utf-8"))
    data["load"] = {"mechanics": mechanics}
    found = simulate(read_run_file(data, folder=RUNS, name="shrew")).metrics
    iterations = found["fe_iterations"][1:]
    return {
        "mechanics": mechanics,
        "change": float(found["bv_tv_change_percent"][-1]),
        "solves": int(np.nansum(iterations > 0)),
        "iterations": int(np.nansum(iterations)),
    }


@contextmanager
def twice_as_often() -> Iterator[None]:
    """Bone is solved again after half the change and half the time."""
    move, interval = loaded_bone.LARGEST_MOVE, loaded_bone.INTERVAL
    loaded_bone.LARGEST_MOVE = move / 2
    loaded_bone.INTERVAL = {species: days / 2 for species, days in interval.items()}
    try:
        yield
    finally:
        loaded_bone.LARGEST_MOVE, loaded_bone.INTERVAL = move, interval


def intervals() -> list[Row]:
    """The demonstration with finite elements, solved twice as often, and with density."""
    once, density = demonstration("fe"), demonstration("density")
    with twice_as_often():
        twice = demonstration("fe")
    return [
        {"solved": "as in every run", **once},
        {"solved": "twice as often", **twice},
        {"solved": "never", **density},
    ]


def costs(repeats: int) -> dict[str, list[float]]:
    """CPU times of the demonstration by mechanics, in turn, with programs on disk [s]."""
    times: dict[str, list[float]] = {"fe": [], "density": []}
    for _ in range(repeats + 1):
        for mechanics, found in times.items():
            found.append(_process(mechanics))
    return {mechanics: found[1:] for mechanics, found in times.items()}


def _process(mechanics: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "tissue", "run", str(DEMONSTRATION), "--overwrite"]
        command += ["--out", folder, "--set", f"load.mechanics={mechanics}"]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def goals(drifts: list[Row], runs: list[Row], times: dict[str, list[float]]) -> str:
    """Goal, what was measured and whether it is met, a line each."""
    lines = [
        (f"drift of BV/TV in 60 days of health, {row['bone']}, %", DRIFT, row["drift"])
        for row in drifts
    ]
    moved = abs(runs[1]["change"] - runs[0]["change"])
    lines.append(("move of bone at 28 days, solved twice as often, % of the start", MOVED, moved))
    ratio = median(times["fe"]) / median(times["density"])
    lines.append(("28 days with finite elements over those with density, CPU", COST, ratio))
    heads = ("what", "goal", "measured", "met")
    return table(
        heads,
        [
            (what, f"<= {goal:g}", f"{found:.2g}" if found < 1e-2 else found, _met(found, goal))
            for what, goal, found in lines
        ],
    )


def _met(found: float, goal: float) -> str:
    return "yes" if found <= goal else "no"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one pair of processes, not five")
    asked = parser.parse_args()
    machine()
    drifts, runs = [drift(name) for name in HEALTHY], intervals()
    times = costs(1 if asked.quick else 5)
    run_heads = (
        "load",
        "bone solved again",
        "solves",
        "iterations",
        "change of BV/TV in 28 days, %",
    )
    shown = [
        (
            *(row["mechanics"], row["solved"], row["solves"], row["iterations"]),
            f"{row['change']:.3f}",
        )
        for row in runs
    ]
    cost_heads = ("load", "CPU s", "range")
    spans = [
        (name, median(found), f"{min(found):.3g} .. {max(found):.3g}")
        for name, found in times.items()
    ]
    parts = [goals(drifts, runs, times), table(run_heads, shown), table(cost_heads, spans)]
    publish("loaded-runs", "\n\n".join([*parts, measured_on()]))
    record("loaded_runs", [*drifts, *runs, {"cpu_s": times}])
    return 0


if __name__ == "__main__":
    sys.exit(main())
