"""Start of a run: in health, at a checkpoint, at the branch from another run, or at its end."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tissue.geometry.load import Geometry
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.simulation.branch_rows import Rows, parent_rows
from tissue.simulation.checkpoints import find, restored
from tissue.simulation.devices import number_of_devices, refuse_missing_devices
from tissue.simulation.folder import (
    LEDGER_TABLE,
    METRICS_TABLE,
    refuse_links,
    refuse_to_delete_inputs,
)
from tissue.simulation.ledger import LEDGER
from tissue.simulation.plan import plan
from tissue.simulation.progress import Progress
from tissue.simulation.provenance import branched_start, fresh_start, log_changes, resumed_start
from tissue.simulation.resume import Parent, branched, continued, refuse_other_branch
from tissue.simulation.simulation import Simulation, load_geometry
from tissue.simulation.step_size import same_time
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.tables import CheckpointRows, checkpoint_lines

log = logging.getLogger(__name__)

COLUMNS = {METRICS_TABLE: METRICS, LEDGER_TABLE: LEDGER}
"""Columns of the tables with a row for each step."""


class RunStart(NamedTuple):
    """Start of a run.

    Attributes:
        config: the run, with the doses that a branch has from its parent.
        simulation: the simulation; None where all steps are done.
        provenance: origin of the state it starts from.
        source: checkpoint that it is resumed from; None for a new run or a branch.
        rows: rows that a branch has from its parent, by the name of the table.
    """

    config: RunConfig
    simulation: Simulation | None
    provenance: dict[str, str]
    source: Checkpoint | None = None
    rows: Mapping[str, Rows] = {}


def start_run(
    config: RunConfig,
    folder: Path,
    geometry: Geometry | None,
    resume: str | None,
    parent: Checkpoint | Parent | None,
    progress: Progress,
) -> RunStart:
    """Prepares the start of a run, without changing any file of an earlier one.

    Args:
        config: the run.
        folder: of the run.
        geometry: bone to use instead of the one of the run file.
        resume: checkpoint to resume from, as in `find`; None for a new run.
        parent: checkpoint of another run to branch off from, or where to find it.
        progress: reports phases that take long.

    Raises:
        InputError: the bone, the checkpoint or the tables of a run cannot be used, or there are
            fewer devices than it asks for.
    """
    refuse_missing_devices(config)
    if resume:
        refuse_links(folder)
        source = find(folder, resume, parent.time if parent else 0.0)
        if source:
            if parent:
                refuse_other_branch(source, parent.time)
            progress.preparing("reading the checkpoint")
            return _resumed(config, folder, source)
        log.info(f"{folder} has nothing to resume: the run starts")
    if isinstance(parent, Parent):
        progress.preparing("reading the checkpoint")
        parent = parent.checkpoint()
    refuse_to_delete_inputs(config, folder, parent)
    if parent:
        simulation = branched(config, parent)
        log.info(f"branched off from {parent.path} at day {simulation.time:g}")
        log_changes(config, parent, branch=True)
        bone = simulation.geometry.bone_volume_fraction
        start = branched_start(config, bone, parent)
        rows = parent_rows(parent, COLUMNS)
        return RunStart(simulation.config, simulation, start, rows=rows)
    simulation = _set_up(config, folder, geometry, progress)
    bone = simulation.geometry.bone_volume_fraction
    return RunStart(config, simulation, fresh_start(config, bone, given=geometry is not None))


def _resumed(config: RunConfig, folder: Path, source: Checkpoint) -> RunStart:
    config = continued(config, source)
    for name, columns in COLUMNS.items():
        checkpoint_lines(folder / name, columns, checkpoint_rows(name, source))
    start = resumed_start(source)
    if same_time(source.time, config.run.duration):
        log.info(f"the run is finished: {source.path} is at its end, day {source.time:g}")
        return RunStart(config, None, start, source)
    log_changes(config, source, branch=False)
    simulation = restored(config, source)
    log.info(f"resumed at step {simulation.step}, day {simulation.time:g}")
    return RunStart(config, simulation, start, source)


def checkpoint_rows(name: str, source: Checkpoint) -> CheckpointRows:
    """Rows of a table that belong to a checkpoint."""
    return CheckpointRows(source.time, source.rows[name], f"{source.path}")


def _set_up(
    config: RunConfig, folder: Path, geometry: Geometry | None, progress: Progress
) -> Simulation:
    if geometry is None:
        progress.preparing("reading the bone")
        geometry = load_geometry(config)
    number_of_devices(config, geometry.grid.shape[0])  # refused before anything that takes long
    planned = plan(config, geometry, folder=folder)
    for line in (*geometry.log, *planned.lines()):
        log.info(line)
    for warning in planned.warnings:
        log.warning(warning)
    progress.preparing("setting up the healthy tissue (compiling)")
    return Simulation(config, geometry)
