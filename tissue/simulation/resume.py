"""Leaving a run and taking it up again: bit for bit, extended, or in another direction."""

import dataclasses
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tissue.errors import InputError
from tissue.geometry.load import Geometry
from tissue.model.state import Healthy, State
from tissue.scenario.config import RunConfig, parse_run
from tissue.scenario.resolved import resolved_tables
from tissue.scenario.schema import BoundaryTable
from tissue.simulation.pace import Pace
from tissue.simulation.provenance import GIVEN
from tissue.simulation.simulation import Simulation, Start
from tissue.storage.checkpoint import Checkpoint, list_checkpoints, read_checkpoint

log = logging.getLogger(__name__)

MAY_CHANGE = ("run.duration", "output.")
"""Keys of a run file in which a resumed run may differ from the one that was left."""

OPEN_FACES = tuple(f"boundary.{key}." for key in BoundaryTable.model_fields if key != "periodic")
MAY_BRANCH = (*MAY_CHANGE, "run.step", "run.accuracy", "disease.", *OPEN_FACES, "therapy")
"""Keys in which a branch may differ from its parent. Not `boundary.periodic`: the healthy tissue
was made with it."""


def held(simulation: Simulation) -> dict[str, Any]:
    """What a checkpoint keeps of a simulation, as arrays that later steps do not touch."""
    state, healthy, pace, bone = simulation.start
    return {
        "grid": simulation.geometry.grid,
        "step": simulation.step,
        "time": simulation.time,
        "state": held_fields(state),
        "healthy": held_fields(healthy),
        "clock": {**{k: float(v) for k, v in dataclasses.asdict(pace).items()}, "bone": bone},
    }


def resumed(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    """The simulation that a checkpoint was made of, to go on with under a run file.

    Raises:
        InputError: the run file is of another run.
    """
    refuse_differences(config, checkpoint, MAY_CHANGE)
    if checkpoint.time >= config.duration:
        raise InputError(
            f"the run is finished: {checkpoint.path} is of day {checkpoint.time:g} and "
            f"run.duration = {config.duration:g} day; give a longer duration to extend it"
        )
    return _simulation(config, checkpoint)


def branched(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    """A simulation that takes another course from a checkpoint on.

    Doses given before are kept: what is in the body does not vanish.

    Raises:
        InputError: the run file differs in more than disease, therapy and time, or gives a drug
            before the branch.
    """
    refuse_differences(config, checkpoint, MAY_BRANCH)
    time, parent = checkpoint.time, parent_config(config, checkpoint)
    for number, therapy in enumerate(config.therapies, start=1):
        if therapy.times[0] < time:
            raise InputError(
                f"therapy[{number}] has a dose at {therapy.times[0]:g} day, before the branch at "
                f"{time:g} day: doses of a branch come later, those before it are the parent's"
            )
    before = tuple(
        replace(each, times=tuple(t for t in each.times if t < time), until=min(each.until, time))
        for each in parent.therapies
        if each.times[0] < time
    )
    if time >= config.duration:
        raise InputError(
            f"run.duration = {config.duration:g} day must be longer than the time of the branch, "
            f"{time:g} day"
        )
    simulation = _simulation(replace(config, therapies=(*before, *config.therapies)), checkpoint)
    simulation.change_course()
    return simulation


def newest(folder: Path) -> Checkpoint:
    """The newest whole checkpoint in the folder of a run; damaged ones are passed over.

    Raises:
        InputError: there is none.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            return read_checkpoint(path)
        except InputError as error:
            log.warning(f"passed over: {error}")
    raise InputError(f"{folder} holds no whole checkpoint to resume from; run without --resume")


def find(folder: Path, wanted: str) -> Checkpoint:
    """A checkpoint by what `--resume` was given: latest, the number of a step, or a path.

    Raises:
        InputError: there is no such checkpoint.
    """
    if wanted == "latest":
        return newest(folder)
    if wanted.isdecimal():
        steps = {int(path.stem.removeprefix("ckpt_")): path for path in list_checkpoints(folder)}
        if int(wanted) not in steps:
            known = ", ".join(map(str, steps)) or "none"
            raise InputError(
                f"{folder} holds no checkpoint of step {wanted}; there are those of steps {known}"
            )
        return read_checkpoint(steps[int(wanted)])
    return read_checkpoint(Path(wanted))


def at_time(folder: Path, time: float) -> Checkpoint:
    """The checkpoint of a time [day].

    Raises:
        InputError: there is none of that time.
    """
    times = []
    for path in list_checkpoints(folder):
        checkpoint = read_checkpoint(path)
        if abs(checkpoint.time - time) <= 1e-6 * max(time, 1.0):
            return checkpoint
        times.append(f"{checkpoint.time:g}")
    known = ", ".join(times) or "none"
    raise InputError(
        f"{folder} holds no checkpoint of day {time:g}; there are those of days {known} "
        "(output.keep_every = 1 keeps all of them)"
    )


def parent_config(config: RunConfig, checkpoint: Checkpoint) -> RunConfig:
    """The run that a checkpoint was made of."""
    folder = checkpoint.path.parent if checkpoint.path else config.source.parent
    return parse_run(tomllib.loads(checkpoint.config), folder, config.name)


def refuse_differences(config: RunConfig, checkpoint: Checkpoint, allowed: Sequence[str]) -> None:
    """Refuses a run file that differs from that of a checkpoint in anything else.

    Raises:
        InputError: naming the keys.
    """
    parent = parent_config(config, checkpoint)
    # a course without a stop goes on in a run that is extended
    together = min(parent.duration, config.duration)
    old, new = (resolved_tables(_until(together, each)) for each in (parent, config))
    if GIVEN in checkpoint.provenance:  # the bone was an array: [geometry] says nothing
        allowed = (*allowed, "geometry")
    differing = [
        f"{key} ({old.get(key, 'absent')} there, {new.get(key, 'absent')} here)"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and not key.startswith(tuple(allowed))
    ]
    if differing:
        raise InputError(
            f"the run file is not that of {checkpoint.path}: it differs in "
            f"{'; '.join(differing[:3])}{' and others' if len(differing) > 3 else ''}; use the "
            "same file, or tissue branch"
        )


def _until(time: float, config: RunConfig) -> RunConfig:
    """A run with the doses before a time [day]."""
    given = (
        replace(each, times=tuple(t for t in each.times if t < time))
        for each in config.therapies
        if each.times[0] < time
    )
    return replace(config, therapies=tuple(given))


def _simulation(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    state = State(**_arrays(checkpoint.state))
    clock = dict(checkpoint.clock)
    bone = clock.pop("bone")
    pace = Pace(**{f.name: _typed(f.name, clock[f.name]) for f in dataclasses.fields(Pace)})
    fraction = np.asarray(checkpoint.state["bone_volume_fraction"], np.float64)
    geometry = Geometry(checkpoint.grid, fraction, (), ())
    start = Start(state, Healthy(**_arrays(checkpoint.healthy)), pace, bone)
    return Simulation(config, geometry, start)


def _typed(name: str, value: float) -> Any:
    kind = type(getattr(Pace(), name))
    return kind(value)


def held_fields(group: State | Healthy) -> dict[str, jax.Array]:
    """The fields of a group by name, those that are there."""
    named = ((f.name, getattr(group, f.name)) for f in dataclasses.fields(group))
    return {name: value for name, value in named if value is not None}


def _arrays(found: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {name: jnp.asarray(values) for name, values in found.items()}
