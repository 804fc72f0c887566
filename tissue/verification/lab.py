"""Simulations for the facts: each is made once, however many facts look at it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tissue.geometry.load import Geometry
from tissue.geometry.synthetic import SyntheticSettings, synthesize
from tissue.model.state import State
from tissue.scenario.config import parse_run
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_size import ControllerState

BONES = {
    "mouse": {"shape": [32, 32, 32], "spacing": "10 um", "bv_tv": 0.2, "thickness": "65 um"},
    "human": {"shape": [32, 32, 32], "spacing": "20 um", "bv_tv": 0.2, "thickness": "200 um"},
}
"""Small bones whose surface per volume is that of the presets' species, 55 and 18 per mm, within
5 %. Of one shape, so that programs compile once."""

SEED = 2

ACCURACY = 0.0005
"""Error of the steps in time over the bone at the start [1]."""

TIGHTER = 4.0
"""Accuracy over that of the run that tells the error of cells and rates."""

REFERENCES: dict[str, dict[str, Any]] = {
    "mouse": {"days": 28, "every": 7, "disease": {"il1_excess": "10 pM"}},
    "human": {"days": 365, "every": 73, "disease": {"il1_excess": "3 pM"}},
}
"""Runs made twice, the second time with tighter steps."""

CELLS_AND_RATES = (
    "osteoclasts_per_mm2",
    "osteoblasts_per_mm2",
    "resorption_um_per_day",
    "formation_um_per_day",
)


class Measured(NamedTuple):
    """A number and the error of the solver in it, in the same unit."""

    value: float
    error: float = 0.0

    def minus(self, other: "Measured") -> "Measured":
        """The difference; errors add, as those of two runs need not cancel."""
        return Measured(self.value - other.value, self.error + other.error)

    def over(self, other: "Measured") -> "Measured":
        """The quotient; relative errors add."""
        value = self.value / other.value if other.value else np.nan
        error = (self.error + abs(value) * other.error) / abs(other.value or np.nan)
        return Measured(value, error)

    def times(self, factor: float) -> "Measured":
        """A multiple."""
        return Measured(self.value * factor, self.error * abs(factor))


@dataclass(frozen=True)
class History:
    """A finished simulation.

    Attributes:
        species: "mouse" or "human".
        columns: the metrics at the start and after each step.
        error_used: estimated error of the steps so far [points of BV/TV change].
        relative_error: of cells and rates [1].
        start: bone volume fraction in health.
        state: at the end.
        controller_state: at the end.
    """

    species: str
    columns: Mapping[str, np.ndarray]
    error_used: np.ndarray
    relative_error: float
    start: np.ndarray
    state: State
    controller_state: ControllerState

    @property
    def times(self) -> np.ndarray:
        """[day]."""
        return self.columns["time_day"]

    def change(self, time: float) -> Measured:
        """Change of BV/TV since health [%], with the error that the steps estimate."""
        value = self.level("bv_tv_change_percent", time)
        return Measured(value, float(np.interp(time, self.times, self.error_used)))

    def fold(self, name: str, time: float) -> Measured:
        """A metric over that in health [1]."""
        value = self.level(name, time) / float(self.columns[name][0])
        return Measured(value, self.relative_error * value)

    def highest(self, name: str) -> Measured:
        """A metric at its highest over that in health [1]."""
        value = float(self.columns[name].max() / self.columns[name][0])
        return Measured(value, self.relative_error * value)

    def when_highest(self, name: str, since: float = 0.0) -> float:
        """When a metric is highest from a time on [day]."""
        later = self.times >= since
        return float(self.times[later][int(np.argmax(self.columns[name][later]))])

    def level(self, name: str, time: float) -> float:
        """A metric, between steps by interpolation."""
        return float(np.interp(time, self.times, self.columns[name]))

    @property
    def resorbed(self) -> np.ndarray:
        """Bone resorbed per volume of tissue [um/(mm day)]: what CTX in blood stands for."""
        return self.columns["resorption_um_per_day"] * self.columns["surface_density_per_mm"]

    def marker(self, time: float, since: float = 0.0) -> Measured:
        """Resorption per volume of tissue over that at an earlier time [1]."""
        now, then = np.interp([time, since], self.times, self.resorbed)
        return Measured(float(now / then), self.relative_error * float(now / then))

    @cached_property
    def eroded(self) -> Measured:
        """Volume lost where bone is lost, over the bone at the start [%]."""
        bone = np.asarray(self.state.bone_volume_fraction, "float64")
        lost = np.maximum(self.start - bone, 0).sum() / self.start.sum()
        return Measured(100 * float(lost), float(self.error_used[-1]))


class Lab:
    """Makes simulations on the bones of the facts and remembers them."""

    def __init__(self, accuracy: float = ACCURACY) -> None:
        """An empty one, whose steps have this accuracy [1]."""
        self.accuracy = accuracy
        self._made: dict[str, History] = {}
        self._errors: dict[str, tuple[float, float, float]] = {}

    def run(
        self, species: str, days: float, *, after: History | None = None, **tables: Any
    ) -> History:
        """A simulation.

        Args:
            species: "mouse" or "human".
            days: time at the end [day].
            after: the simulation that it goes on from; what acts then is what the tables say.
            tables: [disease], [knockout], [parameters] and [[therapy]] of a run file; `every`
                is the time between two times that steps end at, whatever their length [day],
                and `step` a fixed step [day].
        """
        key = json.dumps([species, days, id(after), tables], sort_keys=True)
        if key not in self._made:
            error = self.errors(species)[0]
            self._made[key] = self._simulate(species, days, self.accuracy, error, after, **tables)
        return self._made[key]

    def errors(self, species: str) -> tuple[float, float, float]:
        """Errors seen when the steps of a reference run are made tighter.

        Returns:
            Of cells and rates [1], of BV/TV change [points], and what the steps estimated for
            the latter [points].
        """
        if species not in self._errors:
            setting = REFERENCES[species]
            usual = self._simulate(species, accuracy=self.accuracy, **setting)
            tight = self._simulate(species, accuracy=self.accuracy / TIGHTER, **setting)
            times = np.arange(setting["every"], setting["days"] + 1, setting["every"])
            worst = max(
                abs(usual.level(name, time) / tight.level(name, time) - 1)
                for name in CELLS_AND_RATES
                for time in times
            )
            bone = max(abs(usual.change(t).value - tight.change(t).value) for t in times)
            self._errors[species] = worst, bone, usual.controller_state.error_used
        return self._errors[species]

    @property
    def checked(self) -> Mapping[str, tuple[float, float, float]]:
        """The errors seen, by species, as far as a fact has asked for them."""
        return dict(self._errors)

    @property
    def simulated(self) -> int:
        """Number of simulations made for the facts."""
        return len(self._made)

    def _simulate(
        self,
        species: str,
        days: float,
        accuracy: float,
        relative_error: float = 0.0,
        after: History | None = None,
        *,
        every: float | None = None,
        step: float | None = None,
        **tables: Any,
    ) -> History:
        timing = {"accuracy": f"{100 * accuracy} %"} if step is None else {"step": f"{step} day"}
        data: dict[str, Any] = {
            "run": {"preset": species, "duration": f"{days} day", **timing},
            "geometry": {"synthetic": {**BONES[species], "seed": SEED}},
            "output": {"snapshots": f"{every or days} day"},
            **tables,
        }
        config = parse_run(data, Path(), f"verify-{species}")
        simulation = Simulation(config, bone(species))
        start = np.asarray(simulation.geometry.bone_volume_fraction, "float64")
        rows: list[Mapping[str, float]] = [simulation.start_metrics()]
        spent = [0.0]
        if after:
            simulation.state = after.state
            simulation.controller_state = after.controller_state.after_a_jump()
        for metrics, error in _steps(simulation):
            rows.append(metrics)
            spent.append(error)
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        if after:
            columns = {
                name: np.concatenate([after.columns[name], values[1:]])
                for name, values in columns.items()
            }
            spent = [*after.error_used, *spent[1:]]
        return History(
            species,
            columns,
            np.array(spent),
            relative_error,
            start,
            simulation.state,
            simulation.controller_state,
        )


@cache
def bone(species: str) -> Geometry:
    """The bone that facts of a species are run on."""
    made = BONES[species]
    return synthesize(
        SyntheticSettings(
            shape=(32, 32, 32),
            spacing=float(str(made["spacing"]).split()[0]),
            bv_tv=0.2,
            thickness=float(str(made["thickness"]).split()[0]),
            seed=SEED,
        )
    )


def _steps(simulation: Simulation) -> Iterator[tuple[Mapping[str, float], float]]:
    """Metrics and estimated error of one step after the other."""
    while not simulation.finished:
        record = simulation.advance()
        yield record.metrics, simulation.controller_state.error_used
