"""Runs with parameters at the ends of their ranges, in disease and under drugs: which finish?

Each draw puts some or all parameters of a species at an end of their plausible range, adds
diseases, knock-outs and drugs, and lets 12^3 voxels run for two days. A draw that has no healthy
state is refused and does not count.

usage: python tests/faults/extreme_parameters.py [STARTED] [SEED] [--only DRAW ...]
"""

import argparse
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from tissue.errors import InputError, RunError
from tissue.machine.device import enable_compilation_cache
from tissue.model.observables import FINITE_ELEMENT_METRICS, METRICS
from tissue.model.parameters import describe
from tissue.scenario.config import read_run_file
from tissue.scenario.schema import KnockoutTable, MechanismsTable
from tissue.simulation.simulation import Simulation

LEVELS = ("0 pM", "10 pM", "1000 pM", "1e6 pM", "1e9 pM")
SPACINGS = (5, 10, 20, 50)
"""Edge of a voxel [um]; trabeculae are four voxels thick."""

WITHOUT: tuple[tuple[str, ...], ...] = ((), (), ("rankl",), ("opg",), ("rankl", "opg"))
FACTORS = (0.0, 1.0, 1.0, 100.0)
AT_ENDS = (2, 4, 4, 8, 16, 90)
"""Number of parameters at an end of their range; 90 are all."""

COURSES: tuple[tuple[tuple[str, str], ...], ...] = (
    (),
    (("anakinra", "100 mg/kg"),),
    (("denosumab", "10 mg/kg"),),
    (("zoledronate", "0.1 mg/kg"), ("teriparatide", "0.04 mg/kg")),
)


def drawn(number: int, seed: int = 0) -> dict[str, Any]:
    """The tables of a run file of one draw."""
    rng = random.Random(f"{seed} {number}")
    species = rng.choice(("mouse", "human"))
    known = describe(species)
    parameters = {
        about.symbol: _quantity(rng.choice((about.low, about.high)), about.unit)
        for about in rng.sample(known, min(rng.choice(AT_ENDS), len(known)))
    }
    genes, mechanisms = dict(KnockoutTable()), dict(MechanismsTable())
    turned = {*rng.sample(sorted(genes | mechanisms), rng.choice((0, 1, 2))), *rng.choice(WITHOUT)}
    disease: dict[str, Any] = {
        "il1_excess": rng.choice(LEVELS),
        "tnf": rng.choice(LEVELS),
        "rankl_production": rng.choice(FACTORS),
        "opg_production": rng.choice(FACTORS),
        "aging": rng.choice((True, False)),
    }
    spacing = rng.choice(SPACINGS)
    if rng.random() < 0.3:
        disease["estrogen"] = {}
    return {
        "run": {
            "preset": species,
            "duration": "2 day",
            "step": rng.choice(("adaptive", "0.5 day", "2 day")),
        },
        "geometry": {
            "synthetic": {
                "shape": [12, 12, 12],
                "spacing": f"{spacing} um",
                "bv_tv": rng.choice((0.2, 0.3, 0.4)),
                "thickness": f"{4 * spacing} um",
                "seed": rng.randrange(100),
            }
        },
        "disease": disease,
        "knockout": {name: not genes[name] for name in sorted(turned & genes.keys())},
        "mechanisms": {name: not mechanisms[name] for name in sorted(turned & mechanisms.keys())},
        "therapy": [{"drug": drug, "dose": dose} for drug, dose in rng.choice(COURSES)],
        "parameters": parameters,
        "output": {"snapshots": "1 day"},
    }


def _quantity(value: float, unit: str) -> str | float:
    return value if unit == "1" else f"{value!r} {unit}"


class Outcome(NamedTuple):
    """Outcome of a draw.

    Attributes:
        kind: finished, stopped or refused.
        reported: the sentence of a run that did not finish.
        retried: steps that were tried again shorter.
    """

    kind: str
    reported: str = ""
    retried: int = 0


def outcome(data: dict[str, Any]) -> Outcome:
    """Runs one draw.

    Raises:
        AssertionError: a run finished with a number that is not finite.
    """
    try:
        simulation = Simulation(read_run_file(data, name="drawn"))
    except InputError as error:
        return Outcome("refused", str(error))
    not_computed = FINITE_ELEMENT_METRICS.keys() if simulation.loaded is None else set[str]()
    while not simulation.finished:
        try:
            record = simulation.advance()
        except RunError as error:
            return Outcome("stopped", str(error), simulation.controller_state.failures)
        numbers = {name: record.metrics[name] for name in METRICS.keys() - not_computed}
        assert all(map(np.isfinite, numbers.values())), numbers
    for leaf in jax.tree.leaves(simulation.state):
        assert np.isfinite(leaf).all()
    return Outcome("finished", retried=simulation.controller_state.failures)


def outcomes(wanted: int, seed: int) -> Iterator[tuple[int, Outcome]]:
    """Draws until `wanted` of them have started."""
    number = started = 0
    while started < wanted:
        found = outcome(drawn(number, seed))
        yield number, found
        started += found.kind != "refused"
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("started", type=int, nargs="?", default=126)
    parser.add_argument("seed", type=int, nargs="?", default=6)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of draws")
    asked = parser.parse_args()
    enable_compilation_cache()
    logging.basicConfig(format="    %(levelname)s %(message)s")
    begin, counts, retried = time.perf_counter(), Counter[str](), 0
    chosen: Iterator[tuple[int, Outcome]] = outcomes(asked.started, asked.seed)
    if asked.only:
        chosen = ((number, outcome(drawn(number, asked.seed))) for number in asked.only)
    for number, found in chosen:
        counts[found.kind] += 1
        retried += found.retried > 0
        print(f"draw {number}: {found.kind} {found.reported}", flush=True)
    reported = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
    print(f"{reported}; {retried} with a step tried again; {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
