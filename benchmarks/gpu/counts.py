"""How often each loop of a coupling step turns, counted on the CPU in a running simulation.

usage: python benchmarks/gpu/counts.py [edge in voxels, default 64]

The last line is a JSON object: the coupling steps of a year of human bone under IL-1, those tried
in vain included, and the mean turns of every loop in one of them, by the names of `LOOPS`; and the
same of steps of one day, of which a few are computed. Iterations do not grow from 64^3 to 128^3, so
the counts stand for the larger grids.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

from tissue.kernels import binding, surface
from tissue.model import predictor, step
from tissue.scenario.config import read_run_file
from tissue.simulation import simulation
from tissue.simulation.simulation import Simulation

YEAR = 365.0  # day
EXCESS = 3.0  # pM of IL-1
DAILY = "1 day"
DAILY_STEPS = 24
LEFT_BEHIND = 4  # first steps of a day, which start from poorer guesses than all later ones

SOLVES = ("il1", "osteoblast precursors", "osteoclast precursors")
SPREADS = ("osteoclasts along", "osteoblasts along", "coupling store along")
MOVES = ("sub-steps to the predictor", "sub-steps of the surface")

# a loop is of the first of these functions that is around it; those of one stand in this order
LOOPS = {
    "_newton_step": ("pair, inner",),
    "with_new_jacobian": ("pair, Newton",),
    "binding_pair": ("pair, Jacobian",),
    "_conjugate_gradients": SOLVES,
    "diffuse_along_surface": SPREADS,
    "move": MOVES,
}

_turns: Counter[str] = Counter()
_place = ""  # where in a step it is being traced


def counted(module: Any, function: str, name: str = "") -> None:
    """Makes a function count its executions, in loops too, under a name or that of the place."""
    original: Callable[..., Any] = getattr(module, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        what = name or _place
        jax.debug.callback(lambda: _turns.update([what]))
        return original(*arguments, **named)

    setattr(module, function, wrapper)


def placed(module: Any, function: str, name: str) -> None:
    """Gives the place where a function is called a name."""
    original: Callable[..., Any] = getattr(module, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        with _at(name):
            return original(*arguments, **named)

    setattr(module, function, wrapper)


@contextmanager
def _at(name: str) -> Iterator[None]:
    global _place
    before, _place = _place, name
    try:
        yield
    finally:
        _place = before


def watched() -> None:
    """Has every step counted that is computed from here on, whether a run takes it or not."""
    counted(binding, "hierarchy", "pair, Jacobian")  # built once a turn
    counted(binding, "_newton_step", "pair, Newton")
    counted(surface, "godunov_slopes")  # once before the sub-steps and twice in each
    for module, name in zip((predictor, step), MOVES, strict=True):
        placed(module, "remodel", name)
    spread, advance = step._spread, simulation.advance
    spreads: list[Any] = []

    def spread_watched(*arguments: Any) -> Any:
        found = spread(*arguments)
        spreads.append(found[1].cycles)
        return found

    def advance_watched(*arguments: Any) -> Any:
        following, diagnostics = advance(*arguments)
        solver_stats = diagnostics.solver_stats
        _turns.update({name: int(solver_stats[name].cycles) for name in SOLVES})
        _turns.update({"steps": 1, "pair, inner": int(solver_stats["rankl and opg"].cycles)})
        _turns.update(dict(zip(SPREADS, map(int, spreads), strict=True)))
        spreads.clear()
        return following, diagnostics

    step._spread = spread_watched
    simulation.advance = advance_watched


def means() -> dict[str, float]:
    """Mean turns a step of every loop, since they were last cleared."""
    jax.effects_barrier()
    steps = _turns["steps"]
    slopes = {name: (_turns[name] / steps - 1) / 2 for name in MOVES}
    names = (name for names in LOOPS.values() for name in names)
    return {name: slopes.get(name, _turns[name] / steps) for name in names}


def year(edge: int) -> dict[str, Any]:
    """Of the steps that a year takes."""
    run = Simulation(read_run_file(example(edge), name="counts"))
    _turns.clear()
    while not run.finished:
        run.advance()
    return {"steps": _turns["steps"], "taken": run.step, "turns": means()}


def daily(edge: int) -> dict[str, Any]:
    """Of steps of one day."""
    run = Simulation(read_run_file(example(edge, DAILY), name="counts"))
    for _ in range(LEFT_BEHIND):
        run.advance()
    jax.effects_barrier()
    _turns.clear()
    for _ in range(DAILY_STEPS):
        run.advance()
    return {"steps": round(YEAR), "counted": DAILY_STEPS, "turns": means()}


def example(edge: int, step: str = "adaptive") -> dict[str, Any]:
    """A year of made-up human bone under IL-1, as `benchmarks/year.py` has it."""
    bone = {"shape": [edge] * 3, "spacing": "20 um", "bv_tv": 0.2, "thickness": "150 um"}
    return {
        "run": {"preset": "human", "duration": f"{YEAR:g} day", "step": step},
        "geometry": {"synthetic": bone},
        "disease": {"il1_excess": f"{EXCESS} pM"},
    }


if __name__ == "__main__":
    edge = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    watched()
    print(json.dumps({"edge": edge, **year(edge), "daily": daily(edge)}))
