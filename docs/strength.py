"""Failure load after menopause without and with each drug, from finite elements.

usage: python docs/strength.py

Writes its table into docs/science.md. The first three years of `postmenopausal` are simulated once;
each run goes on from there for two years: ten minutes of one core.
"""

import tomllib
from collections.abc import Mapping
from typing import NamedTuple

import science_page

from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation, load_geometry

UNTREATED = "postmenopausal"
TREATED = ("denosumab-stop", "zoledronate", "teriparatide", "romosozumab")
START, YEAR = 1095, 365
"""Last day before treatment, and the interval of solves that are shown [day]."""
SHOWN = (START, START + YEAR, START + 2 * YEAR)

COLUMNS = ("bv_tv_change_percent", "stiffness_z_change_percent", "failure_load_z_change_percent")


class Change(NamedTuple):
    """Change from health [%].

    Attributes:
        bone: of BV/TV.
        stiffness: along z.
        load: failure load along z.
    """

    bone: float
    stiffness: float
    load: float


def config(name: str) -> RunConfig:
    """A bundled run with finite elements."""
    path = examples()[name]
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    data["load"] = {"mechanics": "fe"}
    data["output"] = {"snapshots": f"{YEAR} day"}
    return read_run_file(data, folder=path.parent, name=name)


def followed(simulation: Simulation, end: int) -> dict[int, Change]:
    """Changes at the days that are shown, of a simulation up to a day."""
    found = {}
    while simulation.time < end:
        metrics = simulation.advance().metrics
        if simulation.time in SHOWN:
            found[int(simulation.time)] = Change(*(float(metrics[name]) for name in COLUMNS))
    return found


def measured() -> dict[str, dict[int, Change]]:
    """Changes without and with each drug, by run and day."""
    before = config(UNTREATED)
    bone = load_geometry(before)
    common = Simulation(before, bone)
    first = followed(common, START)
    return {
        name: first | followed(Simulation(config(name), bone, start=common.start), SHOWN[-1])
        for name in (UNTREATED, *TREATED)
    }


def table(changes: Mapping[str, Mapping[int, Change]]) -> str:
    """Changes in Markdown."""
    rows = [
        "| run | years since its start | BV/TV | stiffness | failure load | failure load over that "
        "without a drug |",
        "|---|---|---|---|---|---|",
    ]
    untreated = changes[UNTREATED]
    for name, found in changes.items():
        for number, day in enumerate(SHOWN):
            if number == 0 and name != UNTREATED:
                continue
            now = found[day]
            over = 100 * ((100 + now.load) / (100 + untreated[day].load) - 1)
            cells = [f"{value:+.1f} %" for value in now]
            spared = "-" if name == UNTREATED else f"{over:+.1f} %"
            rows.append(f"| `{name}` | {number} | {' | '.join(cells)} | {spared} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    science_page.write("strength", table(measured()))
