"""Iterations and time to a TRUE error of 1e-3, from a cold and a warm start.

One field with sources on the bone surface, decay lengths of 5, 20 and 100 voxels, on thresholded
noise, a gyroid and real bone. The true error is relative L2 against a tight solve in float64. A
cold start is zero; a warm one is the solution before the bone moved by one coupling step of a
running simulation.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from cases import config, gyroid, noise, running, shrew
from harness import chosen, machine, measured_on, options, publish, record, table

from tissue.bench import operators
from tissue.bench.timing import timed
from tissue.geometry.load import Geometry
from tissue.kernels import elliptic, multigrid, stencil, surface

GOAL, COLD, WARM = 1e-3, 6, 3
DECAY = (5, 20, 100)  # lengths in voxels
TOLERANCES = (*(10 ** (-0.25 * i) for i in range(2, 21)),)
TIGHT = 1e-11
MIN_POROSITY = 0.02  # of solutes


class System(NamedTuple):
    """Problem -div(eps grad u) + loss u = s, in voxels."""

    porosity: jax.Array
    loss: jax.Array
    source: jax.Array


def main() -> None:
    asked = chosen(options(__doc__, 64, 128))
    machine()
    bones: dict[str, Callable[[], Geometry]] = {
        "noise": lambda: noise(asked.edge),
        "gyroid": lambda: gyroid(asked.edge),
    }
    # the real size of the real bone needs programs of its own
    bones |= {"shrew (57^3)": shrew} if asked.full else {"shrew": lambda: shrew(asked.edge)}
    rows, raw, sweeps, live = [], [], [], {}
    for name, bone in bones.items():
        before, after, live[name] = moved(bone())
        for length in DECAY if asked.full else DECAY[1:]:
            found = solved(before, after, length)
            good = found["cold"] <= COLD and found["warm"] <= WARM
            rows.append(
                (
                    name,
                    length,
                    found["cold"],
                    found["cold_ms"],
                    found["cold_ms"] / found["sweep_ms"],
                    found["warm"],
                    found["warm_ms"],
                    f"{found['start_error']:.1e}",
                    "yes" if good else "no",
                )
            )
            raw.append({"bone": name, "edge": before.shape[0], "length": length, **found})
            sweeps.append(found["cycle_ms"] / found["sweep_ms"])
    heads = (
        "bone",
        "decay length",
        "cold iterations",
        "cold ms",
        "cold in sweeps",
        "warm iterations",
        "warm ms",
        "error of the warm start",
        f"<= {COLD} cold, <= {WARM} warm",
    )
    names = list(next(iter(live.values())))
    running_table = table(("bone", *names), ((b, *(c[n] for n in names)) for b, c in live.items()))
    publish(
        "solver",
        f"{asked.edge}^3, float32, to a true error of {GOAL:g}; times include the set-up of the "
        f"hierarchy. A V-cycle costs {np.median(sweeps):.1f} residual sweeps.\n\n"
        f"{table(heads, rows)}\n\n"
        f"Iterations of every solve of a coupling step in the same bones, running, at the "
        f"tolerance of a run:\n\n{running_table}\n\n{measured_on()}",
    )
    record("solver", raw)


def moved(bone: Geometry) -> tuple[jax.Array, jax.Array, Mapping[str, int]]:
    """Bone before and after one step of a running simulation, and the iterations of the step."""
    simulation = running(config(bone.grid.shape[0]), bone)
    before = jnp.array(simulation.state.bone_volume_fraction, copy=True)
    iterations = simulation.advance().iterations
    return before, simulation.state.bone_volume_fraction, iterations


def system(phi: jax.Array, length: float) -> System:
    """Problem with sources on the surface of a bone, which decay over `length` voxels."""
    eps = jnp.maximum(1 - phi, MIN_POROSITY)
    ex = surface.exchange(jnp.maximum(1 - phi, 1e-3), surface.specific_surface(phi, 1.0))
    return System(eps, eps / length**2, ex.deposit(jnp.ones_like(phi)))


def solve(s: System, start: jax.Array, tolerance: float) -> elliptic.Solution:
    """Solution and the stats of the solve."""
    return elliptic.screened_diffusion(*s, start, diffusivity=1.0, spacing=1.0, tolerance=tolerance)


def solved(before: jax.Array, after: jax.Array, length: float) -> dict[str, Any]:
    """Iterations and time [ms] to the goal, cold and warm, and of a sweep and a V-cycle."""
    build = jax.jit(system)
    now, old = build(after, length), build(before, length)
    exact = tight(now)
    start = jnp.asarray(tight(old), jnp.float32)
    zero = jnp.zeros_like(after)
    cold_tolerance, cold, cold_error = reached(now, zero, exact)
    warm_tolerance, warm, warm_error = reached(now, start, exact)
    levels = operators.levels_of(now.porosity, now.loss[None, None])
    cycle, sweep = jax.jit(multigrid.v_cycle), jax.jit(multigrid.residual)
    s = stencil.to_padded_rows(now.source[None])
    times = timed(
        {
            "cold": lambda: solve(now, zero, cold_tolerance),
            "warm": lambda: solve(now, start, warm_tolerance),
            "cycle": lambda: cycle(levels, s),
            "sweep": lambda: sweep(levels[0], s, s),
        }
    )
    return {
        "cold": cold,
        "warm": warm,
        "cold_error": cold_error,
        "warm_error": warm_error,
        "start_error": relative(start, exact),
    } | {f"{name}_ms": t.median for name, t in times.items()}


def tight(s: System) -> np.ndarray:
    """Solution in float64."""
    wide = System(*jax.tree.map(lambda a: a.astype(jnp.float64), tuple(s)))
    u, _ = solve(wide, jnp.zeros_like(wide.source), TIGHT)
    return np.asarray(u)


def reached(s: System, start: jax.Array, exact: np.ndarray) -> tuple[float, int, float]:
    """Largest tolerance that keeps the true error below the goal, its iterations and error."""
    for tolerance in TOLERANCES:
        u, stats = solve(s, start, tolerance)
        error = relative(u, exact)
        if error <= GOAL:
            return tolerance, int(stats.iterations), error
    raise RuntimeError(f"the true error stays above {GOAL:g}: {error:.1e}")


def relative(u: jax.Array, exact: np.ndarray) -> float:
    """Relative L2 error."""
    return float(np.linalg.norm(np.asarray(u, float) - exact) / np.linalg.norm(exact))


if __name__ == "__main__":
    main()
