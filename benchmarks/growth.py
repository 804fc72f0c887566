"""Growth of time and memory of a coupling step with the grid.

Every size runs in a process of its own, on bone mirrored from one block, so that only the size
differs; load comes from the density of bone near by. `--fit` prints the constants of
tissue/simulation/cost.py that fit the measurements.
"""

import argparse
import json
import time
from statistics import median
from typing import Any

from cases import config, running, tiled
from harness import (
    bandwidth,
    isolated,
    machine,
    measured_on,
    peak_bytes,
    publish,
    record,
    table,
)

from tissue.machine.device import usable_memory
from tissue.scenario.config import RunConfig
from tissue.simulation import cost, plan, speed

SHORT, FULL, HUGE = (64, 96), (64, 96, 128, 192, 256), 384
GOAL_GROWTH, GOAL_MEMORY = 1.5, 350
MAX_STEPS = 8  # measured on a small grid; on a large one as many as fit in MAX_SECONDS
MAX_SECONDS = 60.0
YEAR_STEPS = cost.expected_steps(config(64, preset="human", duration="365 day"))
LARGEST_SHARE = 0.9  # fraction of the memory that a run may take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edges", type=int, nargs="*", help="of the grids in voxels")
    parser.add_argument("--full", action="store_true", help=f"up to {FULL[-1]}^3")
    parser.add_argument("--huge", action="store_true", help=f"{HUGE}^3 too, where memory allows")
    parser.add_argument("--fit", action="store_true", help="print the constants of the forecast")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(one(*asked.edges)))
        return
    machine()
    usual = FULL if asked.full or asked.fit else SHORT
    edges = (asked.edges or [*usual]) + ([HUGE] if asked.huge else [])
    found, left_out = [], []
    for edge in edges:
        need = cost.run_memory(without_elements(edge), edge**3)
        if need > LARGEST_SHARE * usable_memory():
            left_out.append(f"{edge}^3 needs about {need / 1e9:.1f} GB")
        else:
            found.append(isolated("growth.py", edge, "--one", JAX_COMPILATION_CACHE_DIR=""))
    record("growth", found)
    if asked.fit:
        print(fitted(found))
    else:
        publish("growth", time_table(found, left_out))
        publish("memory", memory_table(found))


def without_elements(edge: int) -> RunConfig:
    """Run whose steps alone take memory and time, with no finite elements between them."""
    return config(edge).changed({"load.mechanics": "density"})


def one(edge: int) -> dict[str, Any]:
    """Time and memory of a grid in this process."""
    run = without_elements(edge)
    bone = tiled(run)
    forecast = plan.plan(run, bone)
    early = speed.probe(bone.grid.shape, run.run.precision)
    idle = peak_bytes()
    start = time.perf_counter()
    simulation = running(run, bone, steps=0)
    setup = time.perf_counter() - start
    after_setup = peak_bytes()
    start = time.perf_counter()
    simulation.advance()
    first = time.perf_counter() - start
    simulation.advance()
    walls: list[float] = []
    iterations = 0
    cpu = time.process_time()
    while len(walls) < MAX_STEPS and (len(walls) < 2 or sum(walls) < MAX_SECONDS):
        start = time.perf_counter()
        iterations += sum(simulation.advance().iterations.values())
        walls.append(time.perf_counter() - start)
    cpu = time.process_time() - cpu
    peak = peak_bytes()
    late = speed.probe(bone.grid.shape, run.run.precision)
    probe = early._replace(sweep=(early.sweep + late.sweep) / 2)
    voxels = edge**3
    return {
        "edge": edge,
        "steps": len(walls),
        "setup_s": setup,
        "first_s": first,
        "step_s": median(walls),
        "low_s": min(walls),
        "high_s": max(walls),
        "cpu_s": cpu / len(walls),
        "ns_per_voxel": 1e9 * median(walls) / voxels,
        "iterations": iterations / len(walls),
        "peak_idle": idle,
        "peak_setup": after_setup,
        "peak": peak,
        "sweep_ns": probe.sweep,
        "compile_s": probe.compilation,
        "planned_memory": forecast.memory,
        "planned_step_s": cost.wall_time(run, edge**3, probe).step,
    }


def time_table(found: list[dict[str, Any]], left_out: list[str]) -> str:
    """Table of time against size."""
    rows = [
        (
            f"{f['edge']}^3",
            f["ns_per_voxel"],
            f["step_s"],
            f"{f['low_s']:.3g} .. {f['high_s']:.3g}",
            f["cpu_s"],
            f["iterations"],
            f["step_s"] * YEAR_STEPS / 60,
            f["planned_step_s"] / f["step_s"],
        )
        for f in found
    ]
    heads = (
        "grid",
        "ns a voxel and step",
        "s a step",
        "range s",
        "CPU s",
        "iterations a step",
        f"min a human year ({YEAR_STEPS} steps)",
        "predicted / measured",
    )
    last, first = found[-1], found[0]
    ratio = last["ns_per_voxel"] / first["ns_per_voxel"]
    verdict = (
        f"From {first['edge']}^3 to {last['edge']}^3 a voxel costs {ratio:.2f} times as much "
        f"(goal at 256^3: <= {GOAL_GROWTH:g})."
    )
    missing = f" Left out: {'; '.join(left_out)}." if left_out else ""
    return (
        f"Float32, mouse bone under IL-1, adaptive steps. "
        f"{verdict}{missing}\n\n{table(heads, rows)}\n\n{measured_on()}"
    )


def memory_table(found: list[dict[str, Any]]) -> str:
    """Table of peak memory against size."""
    rows = [
        (
            f"{f['edge']}^3",
            f["peak"] / f["edge"] ** 3,
            f["peak"] / 1e9,
            f["peak_setup"] / 1e9,
            f["peak_idle"] / 1e9,
            f["planned_memory"] / f["peak"],
        )
        for f in found
    ]
    heads = (
        "grid",
        "B a voxel, whole process",
        "peak GB",
        "after set-up GB",
        "before it GB",
        "predicted / measured",
    )
    return (
        f"Largest resident memory of a process of its own, float32 (goal at 256^3: <= "
        f"{GOAL_MEMORY} B a voxel).\n\n{table(heads, rows)}\n\n{measured_on()}"
    )


def fitted(found: list[dict[str, Any]]) -> str:
    """Constants of the forecast, by least squares of relative errors."""
    fields, program = line([(f["edge"] ** 3 * 4, f["peak"]) for f in found])
    sweeps = {f["edge"]: 1e9 * f["step_s"] / f["edge"] ** 3 / f["sweep_ns"] for f in found}
    usual = [n * min(1.0, cost.LARGE_GRID ** (1 / 3) / edge) for edge, n in sweeps.items()]
    set_up, compiling = line(
        [
            (f["step_s"] / f["compile_s"], (f["setup_s"] + f["first_s"]) / f["compile_s"])
            for f in found
        ]
    )
    return "\n".join(
        (
            f"# of FIELDS_IN_MEMORY a step takes {max(fields, 0):.0f}, output that is written more",
            f"PROGRAM_MEMORY = {max(program, 0) / 1e6:.0f}_000_000",
            f"SWEEPS_PER_STEP = {median(usual):.0f}",
            f"COMPILATION_RATIO = {compiling:.3g}",
            f"SET_UP_STEPS = {set_up:.3g}",
            f"# bandwidth then {bandwidth().triad:.1f} GB/s; steps in sweeps by size: "
            + ", ".join(f"{edge}: {n:.0f}" for edge, n in sweeps.items()),
        )
    )


def line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Slope and offset of y over x with the smallest relative errors."""
    import numpy as np

    x, y = np.array(points).T
    if len(x) == 1:
        return float(y[0] / x[0]), 0.0
    slope, offset = np.linalg.lstsq(np.stack([x / y, 1 / y], axis=1), np.ones_like(y))[0]
    return float(slope), float(offset)


if __name__ == "__main__":
    main()
