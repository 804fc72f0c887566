"""Checkpoints of a simulation: their content, and finding the one to resume from."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np

from tissue import units
from tissue.errors import InputError, shown
from tissue.geometry.load import Geometry
from tissue.kernels.programs import read_later
from tissue.model.state import HealthyReference, State
from tissue.scenario.config import RunConfig
from tissue.simulation.folder import METRICS_TABLE
from tissue.simulation.loaded_bone import LoadedBone
from tissue.simulation.simulation import Simulation, Start
from tissue.simulation.step_size import ControllerState
from tissue.storage.checkpoint import (
    SUFFIX,
    Checkpoint,
    OldCheckpointError,
    list_checkpoints,
    open_checkpoint,
)
from tissue.storage.names import time_of
from tissue.storage.snapshot import list_snapshots
from tissue.storage.tables import count_rows

log = logging.getLogger(__name__)


def checkpoint_of(simulation: Simulation, **more: Any) -> Checkpoint:
    """Checkpoint of a simulation, in arrays that later steps do not change.

    Fields in slabs are read back when they are written: a checkpoint has the whole grid, so that
    any number of devices continues from it.

    Args:
        simulation: the simulation.
        more: its rows, config and provenance, or another state.
    """
    state, healthy, controller_state, bone, loaded = simulation.start
    references = {name: value for name, value in vars(healthy).items() if value is not None}
    numbers = {k: float(v) for k, v in dataclasses.asdict(controller_state).items()}
    content: dict[str, Any] = {
        "grid": simulation.geometry.grid,
        "step": simulation.step,
        "time": simulation.time,
        "state": read_later(state.fields),
        "healthy": read_later(references),
        "mechanics": read_later(loaded.arrays()) if loaded else {},
        "controller": {**numbers, "start_bv_tv": bone},
    }
    return Checkpoint(**content | more)


def restored(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    """Simulation that continues from a checkpoint.

    Args:
        config: the run.
        checkpoint: of this run, or of its parent.
    """
    numbers, before = dict(checkpoint.controller), ControllerState()
    bone = numbers.pop("start_bv_tv")
    typed = {name: type(getattr(before, name))(value) for name, value in numbers.items()}
    fraction = np.asarray(checkpoint.state["bone_volume_fraction"], np.float64)
    start = Start(
        State.of_fields(checkpoint.state),
        HealthyReference(**checkpoint.healthy),
        ControllerState(**typed),
        bone,
        LoadedBone.of_arrays(checkpoint.mechanics) if checkpoint.mechanics else None,
    )
    return Simulation(config, Geometry(checkpoint.grid, fraction, (), ()), start)


def find(folder: Path, where: str, since: float = 0.0) -> Checkpoint | None:
    """Finds the checkpoint that `--resume` asks for; None where there is nothing to resume.

    Args:
        folder: of the run.
        where: latest, a time such as "7 day", or the path of a checkpoint.
        since: start of the run [day]; that of a branch is the time of its parent.

    Raises:
        InputError: there is no such checkpoint, or results without any.
    """
    if where == "latest":
        return newest(folder, since)
    path = Path(where)
    if path.suffix == SUFFIX or path.exists():
        inside = folder / path.name  # as messages name it
        return open_checkpoint(inside if not path.exists() and inside.exists() else path)
    try:
        return at_time(folder, units.parse(where, "day"))
    except units.UnitError:
        raise InputError(
            f"--resume {shown(where)}: give latest, a time such as '7 day', or the path of a "
            f"checkpoint (*{SUFFIX})"
        ) from None


def newest(folder: Path, since: float = 0.0) -> Checkpoint | None:
    """Finds the newest intact checkpoint in the folder of a run; None before its first one.

    Args:
        folder: of the run.
        since: start of the run [day]. Rows up to it are no results of its own.

    Raises:
        InputError: there is none, and results that a new start would destroy; or an older version
            of this program has written it.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            return open_checkpoint(path)
        except OldCheckpointError:
            raise
        except InputError as error:
            log.warning(f"skipped: {error}")
    rows, snapshots = count_rows(folder / METRICS_TABLE, since), len(list_snapshots(folder))
    # a run writes the rows up to its start, and a snapshot of it, before its first checkpoint
    if rows or snapshots > 1:
        raise InputError(
            f"{folder} holds results ({snapshots} snapshots, {rows} steps in {METRICS_TABLE}) and "
            "no intact checkpoint to resume from; choose another folder with --out, or start again "
            "with --overwrite"
        )
    return None


def at_time(folder: Path, time: float) -> Checkpoint:
    """Reads the checkpoint of a time [day].

    Raises:
        InputError: there is none of that time.
    """
    times = {path: time_of(path) for path in list_checkpoints(folder)}
    for path, found in times.items():
        if found is not None and abs(found - time) <= 1e-6 * max(time, 1.0):
            return open_checkpoint(path)
    known = ", ".join(f"{found:g}" for found in times.values() if found is not None) or "none"
    raise InputError(
        f"{folder} has no checkpoint of day {time:g}, only those of days {known} "
        "(output.keep_every = 1 keeps all of them)"
    )
