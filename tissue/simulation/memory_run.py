"""A run in memory: the same results as those of a folder, and no file."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.kernels.programs import whole_grid
from tissue.model.fields import FIELDS
from tissue.model.observables import METRICS
from tissue.model.state import State
from tissue.scenario.config import RunConfig
from tissue.simulation.given import GivenRun, given_config
from tissue.simulation.ledger import LEDGER
from tissue.simulation.output import rounded
from tissue.simulation.own_forcing import OwnForcing
from tissue.simulation.progress_bar import progress_bar
from tissue.simulation.provenance import fresh_start, provenance
from tissue.simulation.simulation import Simulation
from tissue.storage.results import Results
from tissue.storage.tables import Columns
from tissue.suggestion import unknown_field

log = logging.getLogger(__name__)

OWN_FORCING = "forcing"
"""Key in the provenance of a run with a forcing of the user."""


@dataclass(frozen=True, repr=False)
class MemorySnapshot:
    """Fields of one time.

    Attributes:
        grid: their voxels.
        step: number of coupling steps done.
        time: simulated time [day].
        values: fields [z, y, x] by name, float32 with as many bits as in a file.
    """

    grid: Grid
    step: int
    time: float
    values: Mapping[str, NDArray[np.float32]]

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each field by name."""
        return {name: FIELDS[name].unit for name in self.values}

    def field(self, name: str) -> NDArray[np.float32]:
        """One field [z, y, x].

        Raises:
            InputError: there is no such field.
        """
        self.refuse_unknown(name)
        return self.values[name]

    def refuse_unknown(self, name: str) -> None:
        """Refuses the name of a field that is not here.

        Raises:
            InputError: naming those that are.
        """
        if name not in self.values:
            raise InputError(f"the run has {unknown_field(name, list(self.values))}")

    def __repr__(self) -> str:
        return f"MemorySnapshot: day {self.time:g}, {', '.join(self.values)}"


@dataclass(frozen=True, repr=False)
class MemoryRun(Results):
    """A finished run in memory.

    Attributes:
        config: its run file.
        metrics: columns as in metrics.csv, by name.
        ledger: columns as in ledger.csv, by name.
        snapshots: fields at the times of snapshots, in order of time.
        state: the tissue at the end.
        provenance: configuration, versions and hashes that made the run.
    """

    config: RunConfig
    metrics: Columns
    ledger: Columns
    snapshots: tuple[MemorySnapshot, ...]
    state: State
    provenance: Mapping[str, str]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the run file."""
        return self.config.name

    @property
    def opened(self) -> tuple[MemorySnapshot, ...]:
        """The snapshots, in order of time."""
        return self.snapshots


def simulate(
    config: GivenRun,
    geometry: Geometry | None = None,
    forcing: OwnForcing | None = None,
    *,
    progress: bool | None = None,
) -> MemoryRun:
    """Runs a simulation to its end without any file.

    Args:
        config: the run, its run file or the tables of that.
        geometry: bone to use instead of the one the run names.
        forcing: function that may change what acts during each step, see `Simulation`.
        progress: show a bar; by default in an interactive session only.

    Returns:
        Metrics and ledger of each step, fields at the times of `output.snapshots`, the final state;
        the same numbers as those of `run`.

    Raises:
        InputError: the bone or the forcing cannot be used.
        RunError: a step failed, however short it was.
    """
    config = given_config(config)
    for warning in config.warnings:
        log.warning(warning)
    with progress_bar(config.run.duration, progress) as step_done:
        simulation = Simulation(config, geometry, forcing=forcing)
        for warning in simulation.geometry.warnings:
            log.warning(warning)
        rows, budgets = [simulation.start_metrics()], []
        snapshots = [_snapshot(simulation)]
        due = set(config.snapshot_times)
        while not simulation.finished:
            record = simulation.advance()
            rows.append(dict(record.metrics))
            budgets.append(dict(record.ledger))
            if simulation.time in due:
                snapshots.append(_snapshot(simulation))
            step_done(record)
    bone = np.asarray(simulation.geometry.bone_volume_fraction)
    origin = fresh_start(config, bone, given=geometry is not None)
    if forcing:
        origin[OWN_FORCING] = "function of the user"
    return MemoryRun(
        config,
        _columns("metrics", METRICS, rows),
        _columns("ledger", LEDGER, budgets),
        tuple(snapshots),
        whole_grid(simulation.state),
        provenance(config, config.source.parent, origin, simulation.geometry.grid.shape[0]),
    )


def _snapshot(simulation: Simulation) -> MemorySnapshot:
    fields = jax.device_get(whole_grid(rounded(simulation.placed_fields())))
    values = {name: np.asarray(fields[name], np.float32) for name in FIELDS if name in fields}
    return MemorySnapshot(simulation.geometry.grid, simulation.step, simulation.time, values)


def _columns(name: str, names: Iterable[str], rows: list[dict[str, float]]) -> Columns:
    return Columns(name, {each: np.array([row[each] for row in rows]) for each in names})
