"""Simulations for the findings; each is run once, however many findings use it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.state import State
from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_size import ControllerState

BONES = {
    species: SyntheticSettings((32, 32, 32), spacing, bv_tv=0.2, thickness=thickness, seed=2)
    for species, spacing, thickness in (("mouse", 10.0, 65.0), ("human", 20.0, 200.0))
}
"""Small synthetic bones whose surface per volume is that of the species, 55 and 18 per mm, within
5 %. They share one shape, so that programs compile once."""

FINITE_ELEMENTS: dict[str, Any] = {"load": {"mechanics": "fe"}}
"""Load as runs on larger grids have it. By default it is inferred from the density of bone near by,
as the edge of the small bones is below the shortest for finite elements."""

ACCURACY = 0.0005
"""Allowed error of the steps in time over the bone at the start [1]."""

TIGHTER = 4.0
"""Allowed error over that of the run that estimates the error of cells and rates [1]."""

REFERENCES: dict[str, dict[str, Any]] = {
    "mouse": {"days": 28, "every": 7, "disease": {"il1_excess": "10 pM"}},
    "human": {"days": 365, "every": 73, "disease": {"il1_excess": "3 pM"}},
}
"""Runs made twice, the second time with shorter steps."""

CELLS_AND_RATES = (
    "osteoclasts_per_mm2",
    "osteoblasts_per_mm2",
    "resorption_um_per_day",
    "formation_um_per_day",
)


class Estimate(NamedTuple):
    """A computed value and the error of the solver in it, in the same unit."""

    value: float
    error: float = 0.0

    def minus(self, other: "Estimate") -> "Estimate":
        """The difference; errors add, as those of two runs need not cancel."""
        return Estimate(self.value - other.value, self.error + other.error)

    def over(self, other: "Estimate") -> "Estimate":
        """The quotient; relative errors add."""
        value = self.value / other.value if other.value else np.nan
        error = (self.error + abs(value) * other.error) / abs(other.value or np.nan)
        return Estimate(value, error)

    def times(self, factor: float) -> "Estimate":
        """A multiple."""
        return Estimate(self.value * factor, self.error * abs(factor))


Estimates: TypeAlias = Sequence[Estimate]

ONE = Estimate(1.0)


@dataclass(frozen=True)
class Trajectory:
    """A finished simulation and its metrics over time.

    Attributes:
        species: "mouse" or "human".
        columns: the metrics at the start and after each step.
        error_used: estimated error of the steps up to each time [points of BV/TV change].
        relative_error: of cells and rates [1].
        start: bone volume fraction in health [z, y, x].
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
        """Times of the metrics [day]."""
        return self.columns["time_day"]

    def change(self, time: float) -> Estimate:
        """Change of BV/TV from health [%], with the error that the steps estimate."""
        value = self.at("bv_tv_change_percent", time)
        return Estimate(value, float(np.interp(time, self.times, self.error_used)))

    def fold_change(self, name: str, time: float) -> Estimate:
        """Metric over that in health [1]."""
        value = self.at(name, time) / float(self.columns[name][0])
        return Estimate(value, self.relative_error * value)

    def peak(self, name: str) -> Estimate:
        """Highest value of a metric over that in health [1]."""
        value = float(self.columns[name].max() / self.columns[name][0])
        return Estimate(value, self.relative_error * value)

    def half_rise_time(self, name: str) -> float:
        """Time at which a metric has risen by half of its highest rise [day]."""
        values = self.columns[name] / self.columns[name][0] - 1
        top = int(np.argmax(values))
        return float(np.interp(0.5 * values[top], values[: top + 1], self.times[: top + 1]))

    def time_of_peak(self, name: str, since: float = 0.0) -> float:
        """Time from `since` on at which a metric is highest [day]."""
        later = self.times >= since
        return float(self.times[later][int(np.argmax(self.columns[name][later]))])

    def at(self, name: str, time: float) -> float:
        """Metric at a time, interpolated between steps."""
        return float(np.interp(time, self.times, self.columns[name]))

    @property
    def resorbed(self) -> np.ndarray:
        """Bone resorbed per volume of tissue [um/(mm day)], for which CTX in blood is a marker."""
        return self.columns["resorption_um_per_day"] * self.columns["surface_density_per_mm"]

    def ratio(self, name: str, time: float, since: float) -> Estimate:
        """Metric over that at an earlier time [1]."""
        value = self.at(name, time) / self.at(name, since)
        return Estimate(value, self.relative_error * value)

    @property
    def formed(self) -> np.ndarray:
        """Bone formed per volume of tissue [um/(mm day)], for which P1NP in blood is a marker."""
        return self.columns["formation_um_per_day"] * self.columns["surface_density_per_mm"]

    def formation_ratio(self, time: float, since: float = 0.0) -> Estimate:
        """Formation per volume of tissue in the day before a time over that of an earlier day."""
        return self._over_earlier(self.formed, time, since)

    def resorption_ratio(self, time: float, since: float = 0.0) -> Estimate:
        """Resorption per volume of tissue in the day before a time over that of an earlier day."""
        return self._over_earlier(self.resorbed, time, since)

    def _over_earlier(self, rates: np.ndarray, time: float, since: float) -> Estimate:
        value = self._day(rates, time) / self._day(rates, since)
        return Estimate(value, self.relative_error * value)

    def _day(self, rates: np.ndarray, time: float) -> float:
        """Mean of a rate in the day before a time, as drugs that come daily change it within one.

        Each value of `rates` is that of the step that ends at its time.
        """
        if time < 1:
            return float(np.interp(time, self.times, rates))
        amounts = np.cumsum(rates * np.diff(self.times, prepend=self.times[0]))
        before, now = np.interp([time - 1, time], self.times, amounts)
        return float(now - before)

    @cached_property
    def eroded(self) -> Estimate:
        """Volume lost over the bone at the start [%]; gains elsewhere do not count."""
        bone = np.asarray(self.state.bone_volume_fraction, "float64")
        lost = np.maximum(self.start - bone, 0).sum() / self.start.sum()
        return Estimate(100 * float(lost), float(self.error_used[-1]))


class SimulationCache:
    """Runs simulations on the bones of the findings and keeps them."""

    def __init__(
        self, accuracy: float = ACCURACY, bones: Mapping[str, SyntheticSettings] = BONES
    ) -> None:
        """Start empty.

        Args:
            accuracy: of the steps of all simulations [1].
            bones: by species.
        """
        self.accuracy, self.bones = accuracy, bones
        self._trajectories: dict[str, Trajectory] = {}
        self._errors: dict[str, tuple[float, float, float]] = {}

    def run(
        self, species: str, days: float, *, after: Trajectory | None = None, **tables: Any
    ) -> Trajectory:
        """Trajectory of a simulation.

        Args:
            species: "mouse" or "human".
            days: time at the end [day].
            after: the simulation that it continues; only what the tables say acts then.
            tables: tables of a run file besides [run], [geometry] and [output]; `every`
                is the interval of times at which a step ends, whatever its length [day],
                and `step` a fixed step [day].
        """
        key = json.dumps([species, days, id(after), tables], sort_keys=True)
        if key not in self._trajectories:
            error = self.errors(species)[0]
            self._trajectories[key] = self._simulate(
                species, days, self.accuracy, error, after, **tables
            )
        return self._trajectories[key]

    def errors(self, species: str) -> tuple[float, float, float]:
        """Errors of a reference run against one with shorter steps.

        Returns:
            The error of cells and rates [1] and of BV/TV change [points], and the estimate of the
            steps for the latter [points].
        """
        if species not in self._errors:
            setting = REFERENCES[species]
            usual = self._simulate(species, accuracy=self.accuracy, **setting)
            tight = self._simulate(species, accuracy=self.accuracy / TIGHTER, **setting)
            times = np.arange(setting["every"], setting["days"] + 1, setting["every"])
            worst = max(
                abs(usual.at(name, time) / tight.at(name, time) - 1)
                for name in CELLS_AND_RATES
                for time in times
            )
            bone = max(abs(usual.change(t).value - tight.change(t).value) for t in times)
            self._errors[species] = worst, bone, usual.controller_state.error_used
        return self._errors[species]

    @property
    def solver_errors(self) -> Mapping[str, tuple[float, float, float]]:
        """The errors by species, as far as a finding has needed them."""
        return dict(self._errors)

    def _simulate(
        self,
        species: str,
        days: float,
        accuracy: float,
        relative_error: float = 0.0,
        after: Trajectory | None = None,
        *,
        every: float | None = None,
        step: float | None = None,
        **tables: Any,
    ) -> Trajectory:
        timing = {"accuracy": f"{100 * accuracy} %"} if step is None else {"step": f"{step} day"}
        data: dict[str, Any] = {
            "run": {"preset": species, "duration": f"{days} day", **timing},
            "geometry": {"synthetic": self.bones[species]},
            "output": {"snapshots": f"{every or days} day"},
            **tables,
        }
        config = read_run_file(data, name=f"validate-{species}")
        simulation = Simulation(config, _made(self.bones[species]))
        start = np.asarray(simulation.geometry.bone_volume_fraction, "float64")
        rows: list[Mapping[str, float]] = [simulation.start_metrics()]
        error_used = [0.0]
        if after:
            simulation.state = after.state
            simulation.controller_state = after.controller_state.after_a_jump()
        while not simulation.finished:
            rows.append(simulation.advance().metrics)
            error_used.append(simulation.controller_state.error_used)
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        if after:
            columns = {
                name: np.concatenate([after.columns[name], values[1:]])
                for name, values in columns.items()
            }
            error_used = [*after.error_used, *error_used[1:]]
        return Trajectory(
            species,
            columns,
            np.array(error_used),
            relative_error,
            start,
            simulation.state,
            simulation.controller_state,
        )


def bone(species: str) -> Geometry:
    """The synthetic bone of a species."""
    return _made(BONES[species])


@cache
def _made(settings: SyntheticSettings) -> Geometry:
    return synthesize(settings)
