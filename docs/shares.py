"""Share of a loss that each action carries, measured in the bundled examples.

usage: python docs/shares.py

Reads docs/claims.toml and writes its table into docs/science.md. Each example runs on one small
synthetic bone of its species, as it is and with the action switched off: five minutes of one core.
"""

import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import science_page

from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation

CLAIMS = Path(__file__).parent / "claims.toml"

NOMINAL = 0.05
"""Share of a loss below which an action is there in name only [1]."""

BONES = {
    species: SyntheticSettings((32, 16, 16), spacing, bv_tv=0.2, thickness=thickness, seed=2)
    for species, spacing, thickness in (("mouse", 10.0, 65.0), ("human", 20.0, 140.0))
}
"""One shape for all, since every shape is compiled anew."""

ACCURACY = "1 %"


@dataclass(frozen=True)
class Loss:
    """Bone lost in a run [% of the bone at its start].

    Attributes:
        end: at its end; where there is a pannus, the volume eroded.
        largest: of all times.
    """

    end: float
    largest: float


@dataclass(frozen=True)
class Share:
    """A measured share.

    Attributes:
        run: name of the example.
        what: the change.
        first, second: losses that are compared [%].
        share: of the first [1].
    """

    run: str
    what: str
    first: float
    second: float
    share: float


def claims() -> list[dict[str, Any]]:
    """The claims in their order."""
    found: list[dict[str, Any]] = tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claim"]
    return found


@cache
def bone(species: str) -> Geometry:
    """The small bone of a species."""
    return synthesize(BONES[species])


def merged(data: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Tables with those of a change put in, key by key."""
    result = deepcopy(dict(data))
    for key, value in change.items():
        inner = isinstance(value, Mapping) and key in result
        result[key] = merged(result[key], value) if inner else deepcopy(value)
    return result


class Losses:
    """Losses of the examples; each is simulated once."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[str, Loss] = {}

    def of(self, name: str, change: Mapping[str, Any] | None = None) -> Loss:
        """Loss of an example, changed or not."""
        key = f"{name} {change}"
        if key not in self._known:
            self._known[key] = _simulated(name, change or {})
        return self._known[key]


def _simulated(name: str, change: Mapping[str, Any]) -> Loss:
    data = tomllib.loads(examples()[name].read_text(encoding="utf-8"))
    species = data["run"]["preset"]
    data["geometry"] = {"synthetic": {"shape": list(BONES[species].shape)}}
    data["output"] = {}
    data.get("load", {}).pop("mechanics", None)  # the small bone does not reach all faces
    if "step" not in data["run"]:
        data["run"]["accuracy"] = ACCURACY
    config = read_run_file(merged(data, change), name=name)
    simulation = Simulation(config, bone(species))
    start = np.asarray(simulation.geometry.bone_volume_fraction, "float64")
    changes = [0.0]
    while not simulation.finished:
        changes.append(float(simulation.advance().metrics["bv_tv_change_percent"]))
    end = np.asarray(simulation.state.bone_volume_fraction, "float64")
    eroded = 100 * float(np.maximum(start - end, 0).sum() / start.sum())
    return Loss(eroded if "pannus" in data.get("disease", {}) else -changes[-1], -min(changes))


def measured(wanted: Mapping[str, Any], losses: Losses) -> Share:
    """One share of a claim."""
    run, change = wanted["run"], wanted.get("change")
    whole = losses.of(run)
    if wanted.get("regained"):
        share = 1 - whole.end / whole.largest
        return Share(run, wanted["what"], whole.largest, whole.end, share)
    if "with" in wanted:
        other = losses.of(wanted["with"]).end
        return Share(run, f"`{wanted['with']}`", whole.end, other, 1 - other / whole.end)
    less = losses.of(run, change).end
    what = wanted.get("what", "off")
    if "untreated" in wanted:
        without = losses.of(wanted["untreated"]).end
        spared, then = without - whole.end, without - less
        return Share(run, f"{what}; bone spared or gained", spared, then, 1 - then / spared)
    return Share(run, what, whole.end, less, 1 - less / whole.end)


def table(losses: Losses) -> str:
    """The claims with their terms, tests, sources and shares."""
    rows = ["| claim | term | test | share of the loss | source |", "|---|---|---|---|---|"]
    for each in claims():
        found = [measured(wanted, losses) for wanted in each["shares"]]
        cells = [
            f"{100 * s.share:.1f} % (`{s.run}`, {s.what}: {s.first:.1f} to {s.second:.1f} %)"
            for s in found
        ]
        if not found or all(abs(s.share) < NOMINAL for s in found):
            cells.append(f"**nominal**: {each.get('nominal', 'it acts on too few cells')}")
        term = each["term"] + "".join(f", `{symbol}`" for symbol in each["parameters"])
        row = (each["claim"], term, each["test"], "<br>".join(cells), each["source"])
        rows.append(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    science_page.write("shares", table(Losses()))
