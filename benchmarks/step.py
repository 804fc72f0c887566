"""What a coupling step costs and where the time goes, on made-up mouse bone.

usage: python benchmarks/step.py [edge in voxels, default 64]
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from harness import Timing, machine, report, timed

from tissue import backend
from tissue.kernels import multigrid, stencil, surface
from tissue.model import cytokines
from tissue.model.bone import pores
from tissue.model.step import Forcing, Numerics, advance
from tissue.scenario.config import parse_run
from tissue.simulation.simulation import Simulation


def main(edge: int) -> None:
    for name, value in machine().items():
        print(f"{name:12s} {value}")
    simulation = prepared(edge)
    kernels(simulation, edge)
    step(simulation, edge)
    print(f"\npeak memory of the process: {backend.peak_memory():.2f} GB")


def prepared(edge: int) -> Simulation:
    """A run that has left its first steps behind."""
    run = {
        "run": {"duration": "28 day", "step": "0.5 day"},
        "geometry": {
            "synthetic": {
                "shape": [edge] * 3,
                "spacing": "10 um",
                "bv_tv": 0.2,
                "thickness": "60 um",
            }
        },
        "disease": {"il1_excess": "3.5 pM"},
    }
    simulation = Simulation(parse_run(run, Path(), "bench"))
    for _ in range(4):
        simulation.advance()
    return simulation


def kernels(simulation: Simulation, edge: int) -> None:
    """Kernels alone, against one sweep of the residual."""
    phi = simulation.state.bone_volume_fraction
    eps = jnp.maximum(1 - phi, 0.02)
    faces = stencil.harmonic_faces(eps)
    capacity = (eps / 30**2)[None, None]
    build = jax.jit(multigrid.hierarchy)
    levels = build(faces, capacity)
    sweep = jax.jit(multigrid.residual)
    cycle = jax.jit(multigrid.v_cycle)
    u = eps[None]
    see = jax.jit(lambda eps, phi: surface.exchange(eps, phi).see(phi))
    timings = timed(
        {
            "residual sweep": lambda: sweep(faces, capacity, u, u),
            "V(1,1) cycle": lambda: cycle(levels, u),
            "build hierarchy": lambda: build(faces, capacity),
            "exchange + see": lambda: see(eps, phi),
        }
    )
    report(f"kernels, {edge}^3, float32", timings, "residual sweep")


def step(simulation: Simulation, edge: int) -> None:
    """One coupling step in a running simulation, and its parts."""
    p, state, healthy = simulation.config.parameters, simulation.state, simulation.healthy
    n = Numerics(10.0, 1e-4)
    forcing = Forcing(3.5)
    pore = pores(state.bone_volume_fraction, n.spacing, p)
    il1_source = cytokines.il1_source(pore, 3.5, p)
    ratio = healthy.marrow_per_surface
    rankl = cytokines.rankl_source(pore, state.il1, state.osteoblast_precursors, ratio, p)
    opg = cytokines.opg_source(
        pore, state.il1, state.osteoblast_precursors, state.osteoblasts, ratio, p
    )
    start = state.rankl, state.opg
    timings: tuple[Timing, ...] = timed(
        {
            "coupling step": lambda: advance(state, healthy, forcing, p, 0.5, n),
            "IL-1": lambda: cytokines.il1(pore, il1_source, state.il1, p, 10.0, 1e-4),
            "RANKL and OPG": lambda: cytokines.rankl_opg(pore, rankl, opg, start, p, 10.0, 1e-4),
        }
    )
    report(f"coupling step, {edge}^3, float32", timings, "coupling step")
    year = timings[0].median * 1e-3 * 365 / 0.5
    print(f"\na year at half-day steps: about {year / 60:.1f} min")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 64)
