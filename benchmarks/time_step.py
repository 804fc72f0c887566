"""Error of steps of given length and of adaptive steps, against their allowed error.

Measured on synthetic bone of 24^3 voxels in float64, against steps of a sixteenth of a day. Errors
are in percentage points of the change of BV/TV: at the end, and in brackets the largest before.

usage: python benchmarks/time_step.py
"""

from typing import Any

import numpy as np
from harness import machine, measured_on, publish, record

from tissue.geometry.load import Geometry
from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation, load_geometry

EDGE = 24
STEPS = (2.0, 1.0, 0.5, 0.25)
REFERENCE = 0.0625
BONES: dict[str, dict[str, Any]] = {
    "mouse": {"spacing": "10 um", "bv_tv": 0.2, "thickness": "60 um"},
    "human": {"spacing": "20 um", "bv_tv": 0.2, "thickness": "150 um"},
}
DOSES = (10.0, 2.0, 0.0)
DAYS = {"mouse": 28, "human": 56}
CHECKS = 7  # number of times at which errors are compared
INTRODUCTION = """24^3 voxels, float64. Errors in percentage points of the change of BV/TV against
steps of 0.0625 day (the year: of 0.5 day), at the end and in brackets the largest before; the
estimate is the sum that the run itself keeps."""

LINES: list[str] = []
ROWS: list[dict[str, Any]] = []


def main() -> None:
    machine()
    report("| run | step | days | steps (repeated) | error (largest) | estimate |")
    report("|---|---|---|---|---|---|")
    for species in BONES:
        geometry = load_geometry(read_run_file(described(species, 1, 0.0), name="b"))
        for dose in DOSES:
            table(species, dose, geometry)
    geometry = load_geometry(read_run_file(described("human", 1, 0.0), name="b"))
    truth, *_ = simulated("human", 3.0, 365, 0.5, geometry)
    show("human", 3.0, 365, None, geometry, truth)
    publish("time-step", f"{INTRODUCTION}\n\n" + "\n".join(LINES) + f"\n\n{measured_on()}")
    record("time_step", ROWS)


def report(line: str) -> None:
    """Print a line of the table, and keep it."""
    print(line, flush=True)
    LINES.append(line)


def described(species: str, days: float, dose: float) -> dict[str, Any]:
    """Run file of a bone under IL-1."""
    return {
        "run": {"preset": species, "duration": f"{days} day", "precision": "float64"},
        "geometry": {"synthetic": {"shape": [EDGE] * 3, "seed": 3, **BONES[species]}},
        "disease": {"il1_excess": f"{dose} pM"},
        "output": {"snapshots": f"{days / CHECKS} day"},
    }


def simulated(
    species: str, dose: float, days: float, step: float | None, geometry: Geometry
) -> tuple[np.ndarray, int, int, float]:
    """Change of BV/TV at the checks [%], steps, repeated steps and the estimated error."""
    config = read_run_file(described(species, days, dose), name="bench")
    if step is not None:
        config = config.changed({"run.step": f"{step} day"})
    simulation = Simulation(config, geometry)
    changes, repeated = [], 0
    while not simulation.finished:
        record = simulation.advance()
        repeated += record.rejected
        if simulation.time in config.snapshot_times:
            changes.append(record.metrics["bv_tv_change_percent"])
    return np.array(changes), simulation.step, repeated, simulation.controller_state.error_used


def show(
    species: str,
    dose: float,
    days: float,
    step: float | None,
    geometry: Geometry,
    truth: np.ndarray,
) -> float:
    """Print one row, and return the largest error."""
    changes, steps, repeated, estimate = simulated(species, dose, days, step, geometry)
    errors = changes - truth
    name = "adaptive" if step is None else f"{step:g} day"
    report(
        f"| {species} +{dose:g} pM | {name} | {days} | {steps} ({repeated}) "
        f"| {errors[-1]:+.4f} ({np.abs(errors).max():.4f}) | {estimate:.3f} |"
    )
    row = {
        "species": species, "il1_excess_pM": dose, "days": days, "step_day": step, "steps": steps,
        "repeated": repeated, "error_points": float(errors[-1]),
        "largest_error_points": float(np.abs(errors).max()), "estimate_points": estimate,
        "change_percent": float(changes[-1]),
    }  # fmt: skip
    ROWS.append(row)
    return float(np.abs(errors).max())


def table(species: str, dose: float, geometry: Geometry) -> None:
    """Rows of one run, with the order fitted to its largest errors."""
    days = DAYS[species]
    truth, *_ = simulated(species, dose, days, REFERENCE, geometry)
    errors = [show(species, dose, days, step, geometry, truth) for step in STEPS]
    show(species, dose, days, None, geometry, truth)
    if dose:
        order = np.polyfit(np.log(STEPS), np.log(errors), 1)[0]
        report(f"| {species} +{dose:g} pM | order {order:.2f} | | | | |")
        ROWS.append({"species": species, "il1_excess_pM": dose, "order": float(order)})


if __name__ == "__main__":
    main()
