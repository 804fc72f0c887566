"""Bundled examples on small synthetic bone, one shape for all, since every shape compiles anew."""

import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.bone import bone_geometry
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation

RUNS = examples()
SHAPE = (40, 16, 16)
BONES = {"mouse": (10.0, 65.0), "human": (20.0, 140.0)}
"""Voxel and thickness of struts [um] of the small bones."""

BIN = 5  # voxels of 20 um, as deep as the pannus
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Result:
    """A finished run.

    Attributes:
        columns: the metrics at the start and after each step.
        bone: volume fraction at the start and at the end.
        surface: specific surface at the start [1/um].
        stroma: osteoblast precursors over those in health.
    """

    columns: Mapping[str, np.ndarray]
    bone: tuple[np.ndarray, np.ndarray]
    surface: np.ndarray
    stroma: np.ndarray

    @property
    def change(self) -> float:
        """Change of BV/TV [%]."""
        return float(self.columns["bv_tv_change_percent"][-1])

    @property
    def balance(self) -> float:
        """Formation over resorption at the end."""
        return float(
            self.columns["formation_um_per_day"][-1] / self.columns["resorption_um_per_day"][-1]
        )

    def fold(self, name: str) -> float:
        """A metric at the end over that in health."""
        return float(self.columns[name][-1] / self.columns[name][0])

    def at(self, name: str, time: float) -> float:
        """A metric at a time [day]."""
        return float(np.interp(time, self.columns["time_day"], self.columns[name]))

    @property
    def eroded(self) -> float:
        """Bone lost where bone is lost, over the bone at the start."""
        start, end = self.bone
        return float(np.maximum(start - end, 0).sum() / start.sum())

    @property
    def depth(self) -> np.ndarray:
        """Depth by which the surface has moved back, by distance from the low face of z [um]."""
        start, end = (_binned(bone) for bone in self.bone)
        return (start - end) / _binned(self.surface)

    @property
    def precursors(self) -> np.ndarray:
        """Osteoblast precursors of the marrow over those in health, by distance."""
        marrow = 1 - self.bone[1]
        return _binned(marrow * self.stroma) / _binned(marrow)


def _binned(field: np.ndarray) -> np.ndarray:
    planes = field.mean(axis=(1, 2))
    count = len(planes) // BIN
    return np.asarray(planes[: count * BIN].reshape(count, BIN).mean(axis=1))


def simulate(config: RunConfig, geometry: Geometry) -> Result:
    simulation = Simulation(config, geometry)
    start = np.asarray(simulation.geometry.bone_volume_fraction, "float64")
    healthy = np.asarray(simulation.state.osteoblast_precursors, "float64")
    surface = bone_geometry(
        simulation.state.bone_volume_fraction, geometry.grid.spacing, config.parameters
    )
    rows = [simulation.start_metrics()]
    while not simulation.finished:
        rows.append(dict(simulation.advance().metrics))
    return Result(
        {name: np.array([row[name] for row in rows]) for name in rows[0]},
        (start, np.asarray(simulation.state.bone_volume_fraction, "float64")),
        np.asarray(surface.exchange.surface, "float64"),
        np.asarray(simulation.state.osteoblast_precursors, "float64") / healthy,
    )


@cache
def small_bone(species: str) -> Geometry:
    spacing, thickness = BONES[species]
    return synthesize(SyntheticSettings(SHAPE, spacing, bv_tv=0.2, thickness=thickness, seed=2))


def small(name: str, change: Change | None = None) -> Result:
    """A bundled example on a small bone and with coarse steps, changed or not."""
    data = deepcopy(tomllib.loads(RUNS[name].read_text(encoding="utf-8")))
    species = data["run"]["preset"]
    data["geometry"] = {"synthetic": {"shape": list(SHAPE)}}  # the bone itself is handed over
    if "step" not in data["run"]:
        data["run"]["accuracy"] = "1 %"
    data["output"] = {}
    data.get("load", {}).pop("mechanics", None)  # small bone does not reach all faces of its box
    if change:
        change(data)
    return simulate(read_run_file(data, name=name), small_bone(species))


@cache
def plain(name: str) -> Result:
    return small(name)


def without(table: str, key: str) -> Change:
    """Removes a key; a disease without it is milder."""

    def change(data: dict[str, Any]) -> None:
        del data[table][key]

    return change
