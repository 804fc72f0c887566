"""Where a run begins: in health, at a checkpoint, at the branch from another run, or at its end."""

import logging
from pathlib import Path
from typing import NamedTuple

from tissue.geometry.load import Geometry
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.simulation.folder import (
    LEDGER_TABLE,
    METRICS_TABLE,
    refuse_links,
    refuse_to_delete_inputs,
)
from tissue.simulation.ledger import LEDGER
from tissue.simulation.plan import plan
from tissue.simulation.progress import Progress
from tissue.simulation.provenance import branched_start, fresh_start, resumed_start, tell_changes
from tissue.simulation.resume import (
    Parent,
    branched,
    continued,
    find,
    refuse_other_branch,
    resumed,
)
from tissue.simulation.simulation import Simulation, load_geometry
from tissue.simulation.step_size import same_time
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.tables import CheckpointRows, checkpoint_lines

log = logging.getLogger(__name__)

COLUMNS = {METRICS_TABLE: METRICS, LEDGER_TABLE: LEDGER}
"""Of the tables that have a row for each step."""


class Beginning(NamedTuple):
    """A run that is about to go on.

    Attributes:
        simulation: to go on with; None where all steps are done.
        start: what its provenance tells of the start.
        source: checkpoint that it goes on from; None for a run that begins, or branches off.
    """

    simulation: Simulation | None
    start: dict[str, str]
    source: Checkpoint | None = None


def beginning(
    config: RunConfig,
    folder: Path,
    geometry: Geometry | None,
    resume: str | None,
    parent: Checkpoint | Parent | None,
    progress: Progress,
) -> Beginning:
    """Finds out where a run begins; nothing of an earlier one is changed.

    Args:
        config: the run.
        folder: of the run.
        geometry: bone to use instead of the one the run names.
        resume: what to go on with, as `find` takes it; None for a new run.
        parent: checkpoint of another run to branch off from, or where to find it.
        progress: told of what takes long.

    Raises:
        InputError: the bone, the checkpoint or the tables of a run cannot be used.
    """
    if resume:
        refuse_links(folder)
        source = find(folder, resume)
        if source:
            if parent:
                refuse_other_branch(source, parent.time)
            progress.preparing("reading the checkpoint")
            return _going_on(config, folder, source)
        log.info(f"{folder} holds nothing to go on with: the run starts")
    if isinstance(parent, Parent):
        progress.preparing("reading the checkpoint")
        parent = parent.checkpoint()
    refuse_to_delete_inputs(config, folder, parent)
    if parent:
        simulation = branched(config, parent)
        log.info(f"branched off from {parent.path} at day {simulation.time:g}")
        tell_changes(config, parent, branch=True)
        bone = simulation.geometry.bone_volume_fraction
        return Beginning(simulation, branched_start(config, bone, parent))
    simulation = _set_up(config, folder, geometry, progress)
    bone = simulation.geometry.bone_volume_fraction
    return Beginning(simulation, fresh_start(config, bone, given=geometry is not None))


def _going_on(config: RunConfig, folder: Path, source: Checkpoint) -> Beginning:
    config = continued(config, source)
    for name, columns in COLUMNS.items():
        checkpoint_lines(folder / name, columns, checkpoint_rows(name, source))
    start = resumed_start(source)
    if same_time(source.time, config.run.duration):
        log.info(f"the run is finished: {source.path} is of its end, day {source.time:g}")
        return Beginning(None, start, source)
    tell_changes(config, source, branch=False)
    simulation = resumed(config, source)
    log.info(f"resumed at step {simulation.step}, day {simulation.time:g}")
    return Beginning(simulation, start, source)


def checkpoint_rows(name: str, source: Checkpoint) -> CheckpointRows:
    """What a checkpoint tells of a table."""
    return CheckpointRows(source.time, source.rows.get(name), f"{source.path}")


def _set_up(
    config: RunConfig, folder: Path, geometry: Geometry | None, progress: Progress
) -> Simulation:
    if geometry is None:
        progress.preparing("reading the bone")
        geometry = load_geometry(config)
    coming = plan(config, geometry, folder=folder)
    for line in (*geometry.log, *coming.lines()):
        log.info(line)
    for warning in coming.warnings:
        log.warning(warning)
    progress.preparing("setting up the healthy tissue (compiling)")
    return Simulation(config, geometry)
