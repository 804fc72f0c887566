"""Time of the parts of one coupling step, in a running simulation.

Every stage is timed by itself with the inputs of that step; what the host adds is the undisturbed
step less the sum of its stages.
"""

import time
from statistics import median

import jax
import jax.numpy as jnp
from cases import config, running
from harness import chosen, machine, measured_on, options, publish, record, table
from stages import diffusion_along_surface, step_parts

from tissue.bench import operators
from tissue.bench.timing import timed
from tissue.kernels import multigrid, stencil
from tissue.simulation.simulation import Simulation

# names of parts in the table
SURFACE, MOTION, HOST = "diffusion along the surface", "bone motion", "Python (rest of the wall)"
SOLVE = {
    "TNF, IL-1 and IL-6": "il1",
    "RANKL and OPG": "rankl and opg",
    "osteoclast precursors": "osteoclast precursors",
    "osteoblast precursors": "osteoblast precursors",
    SURFACE: "cells along the surface",
}


def main() -> None:
    asked = chosen(options(__doc__, 64, 128))
    machine()
    simulation = running(config(asked.edge))
    steps = 15 if asked.full else 6
    parts, walls, iterations = measured(simulation, steps)
    alone = diffusion_along_surface(simulation.advance)
    if alone:
        along = timed({SURFACE: alone}, repeats=5)[SURFACE].median
        parts[SURFACE] = along
        parts[MOTION] = max(0.0, parts.get(MOTION, 0.0) - along)
    wall = median(walls)
    parts[HOST] = wall - sum(parts.values())
    sweep = residual_sweep(simulation)
    rows = [
        (name, ms, 100 * ms / wall, ms / sweep, iterations.get(SOLVE.get(name, "")))
        for name, ms in sorted(parts.items(), key=lambda item: -item[1])
    ]
    rows.append(("whole step", wall, 100.0, wall / sweep, None))
    heads = ("part", "ms", "% of the step", "residual sweeps", "iterations")
    voxels = asked.edge**3
    publish(
        "step",
        f"{asked.edge}^3, float32, mouse bone under IL-1, adaptive steps: "
        f"**{1e6 * wall / voxels:.0f} ns a voxel and step** "
        f"({min(walls):.0f} to {max(walls):.0f} ms in {len(walls)} steps). An undisturbed step "
        f"prepares a stage while the one before still runs: the rest may come out below zero.\n\n"
        f"{table(heads, rows)}\n\n{measured_on()}",
    )
    raw = [
        {"edge": asked.edge, "part": part, "ms": ms, "iterations": count}
        for part, ms, *_, count in rows
    ]
    record("step", raw)


def measured(
    simulation: Simulation, steps: int
) -> tuple[dict[str, float], list[float], dict[str, float]]:
    """Median of every part [ms], wall time of undisturbed steps between [ms], mean iterations."""
    watched, walls, counts = [], [], []
    for _ in range(steps):
        watched.append(step_parts(simulation.advance))
        start = time.perf_counter()
        counts.append(simulation.advance().iterations)
        walls.append(1e3 * (time.perf_counter() - start))
    names = {name for parts in watched for name in parts}
    parts = {name: median(p.get(name, 0.0) for p in watched) for name in names}
    iterations = {name: sum(s[name] for s in counts) / len(counts) for name in counts[0]}
    return parts, walls, iterations


def residual_sweep(simulation: Simulation) -> float:
    """Time of a residual sweep on this bone [ms]."""
    eps = jnp.maximum(1 - simulation.state.bone_volume_fraction, 0.02)
    level = operators.levels_of(eps, (eps / 900)[None, None])[0]
    u = stencil.to_padded_rows(eps[None])
    sweep = jax.jit(multigrid.residual)
    return timed({"": lambda: sweep(level, u, u)}, repeats=15)[""].median


if __name__ == "__main__":
    main()
