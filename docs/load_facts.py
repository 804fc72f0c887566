"""Facts that depend on the mechanostat: without load, by density and by finite elements.

usage: python docs/load_facts.py [ID ...]

Simulates the findings of `tissue validate` and `tissue verify` with each mechanics of load, and
writes what load moves into docs/science.md: an hour of one core. With ids, such as V04, only these
are simulated, and the other rows stay.
"""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import science_page

from tissue.validation.findings import Expected, ReferenceFinding, compare
from tissue.validation.report import number
from tissue.validation.simulations import BONES, Estimate, SimulationCache, Trajectory
from tissue.validation.table import VALIDATION
from tissue.verification.table import VERIFICATION

NAME = "load facts"
HEADS = ("fact", "use", "quantity", "data", "no load", "density", "finite elements")
STILL = "Not moved by more than the error of the solver: "
STILL_UNDER_LOAD = "Not moved between density and finite elements: "

MECHANICS = ("off", "density", "fe")
ON = "mechanostat on"
"""Part of the name of a bone on which load acts."""

ACCURACY = 0.002
"""Allowed error of the steps over the bone at the start [1]."""

FIRM = {"mouse": replace(BONES["mouse"], seed=0), "human": replace(BONES["human"], seed=8)}
"""Bones of one firm piece that reach all faces of their box, as finite elements need."""

Values = Mapping[str, Sequence[Estimate]]


class Loaded(SimulationCache):
    """Simulations whose load comes from one mechanics, whatever the findings ask for."""

    def __init__(self, mechanics: str, errors: SimulationCache) -> None:
        """Start empty.

        Args:
            mechanics: of load, one of MECHANICS.
            errors: estimates the errors of cells and rates.
        """
        super().__init__(ACCURACY, FIRM)
        self._mechanics, self._reference = mechanics, errors

    def run(
        self, species: str, days: float, *, after: Trajectory | None = None, **tables: Any
    ) -> Trajectory:
        """Trajectory of a simulation with this mechanics."""
        load = {**tables.pop("load", {}), "mechanics": self._mechanics}
        return super().run(species, days, after=after, load=load, **tables)

    def errors(self, species: str) -> tuple[float, float, float]:
        """Errors of a reference run, estimated once for all mechanics."""
        return self._reference.errors(species)


def facts() -> dict[str, ReferenceFinding]:
    """Findings that are simulated on bone on which load acts, by id."""
    every = (*VALIDATION.findings, *VERIFICATION.findings)
    return {each.id: each for each in every if each.compute and ON in each.bone}


def measured(finding: ReferenceFinding, caches: Mapping[str, SimulationCache]) -> Values:
    """Values of the quantities of a finding by mechanics; none where it cannot be simulated."""
    found = {}
    for mechanics, cache in caches.items():
        (result,) = compare([finding], cache, slow=True)
        found[mechanics] = result.computed
    return found


def moves(values: Sequence[Estimate]) -> bool:
    """Whether two of the values differ by more than their errors together."""
    return any(
        abs(one.value - other.value) > one.error + other.error
        for one, other in combinations(values, 2)
    )


def rows(finding: ReferenceFinding, values: Values) -> list[str]:
    """Rows of the quantities that load moves; a value outside the range of the data is bold.

    A quantity without an error moves where its printed digits do.
    """
    found = []
    for place, expected in enumerate(finding.expected):
        there = {name: each[place] for name, each in values.items() if each}
        shown = {name: _cell(expected, each) for name, each in there.items()}
        if not moves(tuple(there.values())) or len(set(shown.values())) == 1:
            continue
        cells = [shown.get(name, "-") for name in MECHANICS]
        given = (finding.id, finding.use, expected.quantity, expected.range)
        found.append(f"| {' | '.join((*given, *cells))} |")
    return found


def _cell(expected: Expected, value: Estimate) -> str:
    text = number(expected, value)
    return text if expected.contains(value) else f"**{text}**"


def table(found: Mapping[str, Iterable[str]], loaded: Collection[str] = ()) -> str:
    """The table of rows by id, and the ids without any.

    Args:
        found: rows by id.
        loaded: ids of facts that cannot be simulated without load.
    """
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    lines += [row for of_fact in found.values() for row in of_fact] + [""]
    still = [name for name, of_fact in found.items() if not of_fact]
    for label, names in (
        (STILL, [name for name in still if name not in loaded]),
        (STILL_UNDER_LOAD, [name for name in still if name in loaded]),
    ):
        if names:
            lines.append(f"{label}{', '.join(names)}.")
    return "\n".join(lines) + "\n"


def read(text: str) -> dict[str, list[str]]:
    """Rows by id of the table in a page, and the ids without any."""
    found: dict[str, list[str]] = {}
    for line in science_page.lines(text, NAME):
        if line.startswith("| "):
            found.setdefault(line.split(" | ")[0].strip("| "), []).append(line)
        elif line.startswith((STILL, STILL_UNDER_LOAD)):
            found |= {name: [] for name in _names(line)}
    return found


def read_loaded(text: str) -> set[str]:
    """Ids without rows in the table of a page that cannot be simulated without load."""
    every = science_page.lines(text, NAME)
    listed = [line for line in every if line.startswith(STILL_UNDER_LOAD)]
    return {name for line in listed for name in _names(line)}


def _names(line: str) -> list[str]:
    return line.partition(": ")[2].rstrip(".").split(", ")


def main(only: Sequence[str]) -> None:
    """Simulates the facts and writes them into the page."""
    known = facts()
    if unknown := set(only) - set(known):
        sys.exit(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
    reference = SimulationCache(ACCURACY, FIRM)
    caches = {each: Loaded(each, reference) for each in MECHANICS}
    for name in only or known:
        values = measured(known[name], caches)
        of_fact = rows(known[name], values)
        print(name, *of_fact, sep="\n", flush=True)
        page = science_page.PAGE.read_text(encoding="utf-8")
        found = read(page) | {name: of_fact}
        loaded = read_loaded(page) - {name} | (set() if values["off"] else {name})
        ordered = {each: found[each] for each in known if each in found}
        science_page.write(NAME, table(ordered, loaded))


if __name__ == "__main__":
    main(sys.argv[1:])
