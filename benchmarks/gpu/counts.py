"""How often each loop of a coupling step turns, counted on the CPU in a running simulation.

usage: python benchmarks/gpu/counts.py [edge in voxels, default 64] [steps, default 16]

The last line is a JSON object: the mean iterations of every loop of a coupling step, by the names
of `LOOPS`. Iterations do not grow from 64^3 to 128^3, so the counts stand for the larger grids.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from tissue.kernels import binding, surface
from tissue.scenario.config import parse_run
from tissue.simulation.simulation import Simulation

STEP = 0.5  # day
EXCESS = 3.5  # pM of IL-1
LEFT_BEHIND = 4  # first steps, which start from poorer guesses than all later ones

# a loop is the first of these whose function is around it; those of a lineage in this order
LOOPS = {
    "_inner": "pair, inner",
    "binding_pair": "pair, Newton",
    "il1": "il1",
    "_lineage": "osteoclast precursors",
    "spread_along": "cells along the surface",
    "move": "sub-steps of the surface",
}
SECOND_LINEAGE = "osteoblast precursors"

_turns: Counter[str] = Counter()


def counted(module: Any, function: str, name: str) -> None:
    """Makes a function of a module count its executions, in loops too, under a name."""
    original: Callable[..., Any] = getattr(module, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        jax.debug.callback(lambda: _turns.update([name]))
        return original(*arguments, **named)

    setattr(module, function, wrapper)


def measured(edge: int, steps: int) -> dict[str, float]:
    """Mean iterations a step of every loop."""
    counted(binding, "hierarchy", "Newton")  # built once a Newton step
    counted(surface, "godunov_slopes", "slopes")  # once before the sub-steps and once in each
    simulation = Simulation(parse_run(example(edge), Path(), "counts"))
    for _ in range(LEFT_BEHIND):
        simulation.advance()
    jax.effects_barrier()
    _turns.clear()
    cycles: Counter[str] = Counter()
    for _ in range(steps):
        cycles.update(simulation.advance().cycles)
    jax.effects_barrier()
    return {
        "il1": cycles["il1"] / steps,
        "pair, Newton": _turns["Newton"] / steps,
        "pair, inner": cycles["rankl and opg"] / steps,
        "osteoclast precursors": cycles["osteoclast precursors"] / steps,
        "osteoblast precursors": cycles["osteoblast precursors"] / steps,
        "cells along the surface": cycles["cells along the surface"] / steps,
        "sub-steps of the surface": _turns["slopes"] / steps - 1,
    }


def example(edge: int) -> dict[str, Any]:
    """A run on made-up mouse bone under IL-1, as `benchmarks/step.py` has it."""
    bone = {"shape": [edge] * 3, "spacing": "10 um", "bv_tv": 0.2, "thickness": "60 um"}
    return {
        "run": {"duration": "28 day", "step": f"{STEP} day"},
        "geometry": {"synthetic": bone},
        "disease": {"il1_excess": f"{EXCESS} pM"},
    }


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    edge, steps = (*numbers, *(64, 16)[len(numbers) :])
    print(json.dumps({"edge": edge, "steps": steps, "turns": measured(edge, steps)}))
