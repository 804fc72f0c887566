"""Turns of each loop of a coupling step, counted on the CPU in a running simulation.

usage: python benchmarks/gpu/counts.py [edge in voxels, default 64]

The last line is a JSON object: the coupling steps of a year of human bone under IL-1, rejected ones
included, and the mean turns of every loop in one of them, by the names of `LOOPS`; and the same of
steps of one day, of which a few are computed; and the finite elements of that year. Iterations
hardly grow from 64^3 to 128^3, so the counts stand for the larger grids.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax

from tissue.kernels import binding, surface
from tissue.mechanics import compression
from tissue.model import predictor, step
from tissue.scenario.config import read_run_file
from tissue.simulation import loaded_bone, simulation
from tissue.simulation.simulation import Simulation

YEAR = 365.0  # day
EXCESS = 3.0  # IL-1 above health [pM]
DAILY = "1 day"
DAILY_STEPS = 24
TRANSIENT_STEPS = 4  # first steps of a day, which start from poorer guesses than later ones

SOLVES = ("il1", "il6", "osteoblast precursors", "osteoclast precursors")
SPREADS = ("osteoclasts along", "osteoblasts along", "coupling store along")
SOLVE_STAGES = {
    "osteoblast_lineage": "osteoblast precursors",
    "osteoclast_lineage": "osteoclast precursors",
}
"""Solve by conjugate gradients in each stage of a step that has one only."""

MOVES = ("sub-steps of the predictor", "sub-steps of the surface")

# functions that contain loops, innermost first, and names of their loops in order of execution
LOOPS = {
    "_newton_step": ("pair, inner",),
    "with_new_jacobian": ("pair, Newton",),
    "binding_pair": ("pair, Jacobian",),
    "_conjugate_gradients": SOLVES,
    "diffuse_along_surface": SPREADS,
    "move": MOVES,
}


class Compressions(NamedTuple):
    """Finite elements of one bone under all loads.

    Attributes:
        solves: runs of conjugate gradients, between which the residual is computed in float64.
        iterations: of all of them.
    """

    solves: int
    iterations: int


_turns: Counter[str] = Counter()
_compressions: list[Compressions] = []
_label = ""  # of the part of a step that is being traced


def counted(module: Any, function: str, name: str = "") -> None:
    """Count the executions of a function, in loops too, under a name or the present label."""
    original: Callable[..., Any] = getattr(module, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        what = name or _label
        jax.debug.callback(lambda: _turns.update([what]))
        return original(*arguments, **named)

    setattr(module, function, wrapper)


def labeled(module: Any, function: str, name: str) -> None:
    """Label what is traced within a function."""
    original: Callable[..., Any] = getattr(module, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        with _at(name):
            return original(*arguments, **named)

    setattr(module, function, wrapper)


@contextmanager
def _at(name: str) -> Iterator[None]:
    global _label
    before, _label = _label, name
    try:
        yield
    finally:
        _label = before


def watched() -> None:
    """Count every step that is computed from now on, accepted or not."""
    counted(binding, "hierarchy", "pair, Jacobian")  # built once a turn
    counted(binding, "_newton_step", "pair, Newton")
    counted(surface, "godunov_slopes")  # once before the sub-steps and twice in each
    for module, name in zip((predictor, step), MOVES, strict=True):
        labeled(module, "move", name)
    spread, advance = step._spread, simulation.advance
    spreads: list[Any] = []

    def spread_watched(*arguments: Any) -> Any:
        found = spread(*arguments)
        spreads.append(found[1].iterations)
        return found

    def advance_watched(*arguments: Any) -> Any:
        following, diagnostics = advance(*arguments)
        solver_stats = diagnostics.solver_stats
        _turns.update({name: int(solver_stats[name].iterations) for name in SOLVES})
        _turns.update({"steps": 1, "pair, inner": int(solver_stats["rankl and opg"].iterations)})
        _turns.update(dict(zip(SPREADS, map(int, spreads), strict=True)))
        spreads.clear()
        return following, diagnostics

    step._spread = spread_watched
    simulation.advance = advance_watched
    _watch_compressions()


def _watch_compressions() -> None:
    solve, compress = compression.solve, loaded_bone.compress
    iterations: list[int] = []

    def solve_watched(*arguments: Any) -> Any:
        found = solve(*arguments)
        iterations.append(int(found.iterations))
        return found

    def compress_watched(*arguments: Any) -> Any:
        iterations.clear()
        found = compress(*arguments)
        _compressions.append(Compressions(len(iterations), sum(iterations)))
        return found

    compression.solve = solve_watched
    loaded_bone.compress = compress_watched


def means() -> dict[str, float]:
    """Mean turns of every loop a step, since the counts were cleared."""
    jax.effects_barrier()
    steps = _turns["steps"]
    slopes = {name: (_turns[name] / steps - 1) / 2 for name in MOVES}
    names = (name for names in LOOPS.values() for name in names)
    return {name: slopes.get(name, _turns[name] / steps) for name in names}


def year(edge: int) -> dict[str, Any]:
    """Counts of the steps that a year takes."""
    _compressions.clear()
    run = Simulation(read_run_file(example(edge), name="counts"))
    _turns.clear()
    while not run.finished:
        run.advance()
    first, *later = (found._asdict() for found in _compressions)
    elements = {"first": first, "later": later}
    return {"steps": _turns["steps"], "taken": run.step, "turns": means(), "elements": elements}


def daily(edge: int) -> dict[str, Any]:
    """Counts of steps of one day."""
    run = Simulation(read_run_file(example(edge, DAILY), name="counts"))
    for _ in range(TRANSIENT_STEPS):
        run.advance()
    jax.effects_barrier()
    _turns.clear()
    for _ in range(DAILY_STEPS):
        run.advance()
    return {"steps": round(YEAR), "counted": DAILY_STEPS, "turns": means()}


def example(edge: int, step: str = "adaptive") -> dict[str, Any]:
    """Run file of a year of synthetic human bone under IL-1, as in `benchmarks/year.py`."""
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
