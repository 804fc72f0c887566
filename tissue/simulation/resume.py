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

from tissue import units
from tissue.errors import InputError, shown
from tissue.geometry.load import Geometry
from tissue.model.state import HealthyReference, State
from tissue.scenario.config import RunConfig, parse_run
from tissue.scenario.course import BISPHOSPHONATE
from tissue.scenario.resolved import resolved_tables
from tissue.scenario.schema import BoundaryTable
from tissue.scenario.therapy import Therapy
from tissue.simulation.folder import METRICS_TABLE
from tissue.simulation.provenance import GIVEN, PARENT_TIME
from tissue.simulation.simulation import Simulation, Start
from tissue.simulation.step_size import ControllerState, same_time
from tissue.storage.checkpoint import SUFFIX, Checkpoint, list_checkpoints, read_checkpoint
from tissue.storage.names import time_of
from tissue.storage.snapshot import list_snapshots
from tissue.storage.tables import rows_of

log = logging.getLogger(__name__)

MAY_CHANGE = ("run.duration", "output.")
"""Keys of a run file in which a resumed run may differ from the one that was left."""

OPEN_FACES = tuple(f"boundary.{key}." for key in BoundaryTable.model_fields if key != "periodic")
MAY_BRANCH = (*MAY_CHANGE, "run.step", "run.accuracy", "disease.", *OPEN_FACES, "therapy")
"""Keys in which a branch may differ from its parent. Not `boundary.periodic`: the healthy tissue
was made with it."""


def held(simulation: Simulation) -> dict[str, Any]:
    """What a checkpoint keeps of a simulation, as arrays that later steps do not touch."""
    state, healthy, controller_state, bone = simulation.start
    return {
        "grid": simulation.geometry.grid,
        "step": simulation.step,
        "time": simulation.time,
        "state": held_fields(state),
        "healthy": held_fields(healthy),
        "clock": {
            **{k: float(v) for k, v in dataclasses.asdict(controller_state).items()},
            "bone": bone,
        },
    }


def resumed(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    """The simulation that a checkpoint was made of.

    Args:
        config: as `continued` gives it.
        checkpoint: of the run.
    """
    state = State(**_arrays(checkpoint.state))
    clock = dict(checkpoint.clock)
    bone = clock.pop("bone")
    # what a checkpoint of an older version does not know has not happened yet
    known = (f.name for f in dataclasses.fields(ControllerState) if f.name in clock)
    controller_state = ControllerState(**{name: _typed(name, clock[name]) for name in known})
    fraction = np.asarray(checkpoint.state["bone_volume_fraction"], np.float64)
    geometry = Geometry(checkpoint.grid, fraction, (), ())
    start = Start(state, HealthyReference(**_arrays(checkpoint.healthy)), controller_state, bone)
    return Simulation(config, geometry, start)


def continued(config: RunConfig, checkpoint: Checkpoint) -> RunConfig:
    """The run to go on with from a checkpoint, under the run file it was started with.

    The file that a branch was made with does not tell the doses before the branch, which the
    branch has from its parent; the run file in the folder of the branch does.

    Args:
        config: the run file.
        checkpoint: of the run.

    Raises:
        InputError: the run file is of another run, or ends before the checkpoint.
    """
    try:
        refuse_differences(config, checkpoint, MAY_CHANGE)
    except InputError:
        start = branch_time(checkpoint)
        if start is None:
            raise
        config = _with_doses_before(config, parent_config(config, checkpoint), start)
        refuse_differences(config, checkpoint, MAY_CHANGE)
    if checkpoint.time > config.duration and not same_time(checkpoint.time, config.duration):
        raise InputError(
            f"{checkpoint.path} is of day {checkpoint.time:g}, after the end of the run at "
            f"run.duration = {config.duration:g} day; give a longer duration, or go back to an "
            "earlier checkpoint with --resume TIME"
        )
    return config


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
    if time >= config.duration:
        raise InputError(
            f"run.duration = {config.duration:g} day must be longer than the time of the branch, "
            f"{time:g} day"
        )
    simulation = resumed(_with_doses_before(config, parent, time), checkpoint)
    simulation.change_course(given=_dose_at(parent.therapies, time) is not None)
    return simulation


def _with_doses_before(config: RunConfig, parent: RunConfig, time: float) -> RunConfig:
    """A run with the doses that its parent gave before it branched off, and its own after them.

    The bisphosphonate that the parent gave at that very time is in the bone already, and a branch
    whose file tells the same dose gives no second one.

    Args:
        config: the branch.
        parent: the run it comes from, or the branch itself with all its doses.
        time: of the branch [day].

    Raises:
        InputError: it gives another dose of bisphosphonate at that time.
    """
    bound, own = _dose_at(parent.therapies, time), config.therapies
    if bound is not None and (asked := _dose_at(own, time)) is not None:
        if asked != bound:
            raise InputError(
                f"the branch gives {asked:g} mg/kg of {BISPHOSPHONATE} at {time:g} day, where the "
                f"parent has given {bound:g} mg/kg already: give the next dose later"
            )
        own = tuple(_without_dose_at(each, time) for each in own)
    before = tuple(
        replace(each, times=kept, until=min(each.until, time))
        for each in parent.therapies
        if (kept := tuple(t for t in each.times if t < time or _is_bound(each, t, time)))
    )
    return replace(config, therapies=(*before, *(each for each in own if each.times)))


def _is_bound(therapy: Therapy, dose: float, time: float) -> bool:
    """Whether a dose at a time is one of bisphosphonate, at a moment."""
    return therapy.drug == BISPHOSPHONATE and same_time(dose, time)


def _dose_at(therapies: Sequence[Therapy], time: float) -> float | None:
    """The bisphosphonate given at a moment [mg/kg]; None where there is none."""
    found = [each.dose for each in therapies for t in each.times if _is_bound(each, t, time)]
    return sum(found) if found else None


def _without_dose_at(therapy: Therapy, time: float) -> Therapy:
    return replace(
        therapy, times=tuple(t for t in therapy.times if not _is_bound(therapy, t, time))
    )


def find(folder: Path, wanted: str) -> Checkpoint | None:
    """A checkpoint by what `--resume` was given; None where there is nothing to go on with.

    Args:
        folder: of the run.
        wanted: latest, a time such as "7 day", or the path of a checkpoint.

    Raises:
        InputError: there is no such checkpoint, or results without any.
    """
    if wanted == "latest":
        return newest(folder)
    path = Path(wanted)
    if path.suffix == SUFFIX or path.exists():
        inside = folder / path.name  # as messages name it
        return read_checkpoint(inside if not path.exists() and inside.exists() else path)
    try:
        return at_time(folder, units.parse(wanted, "day"))
    except units.UnitError:
        raise InputError(
            f"--resume {shown(wanted)}: give latest, a time such as '7 day', or the path of a "
            f"checkpoint (*{SUFFIX})"
        ) from None


def newest(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint in the folder of a run; damaged ones are passed over.

    Raises:
        InputError: there is none, and results that starting anew would destroy.
    """
    for path in reversed(list_checkpoints(folder)):
        try:
            return read_checkpoint(path)
        except InputError as error:
            log.warning(f"passed over: {error}")
    rows, snapshots = rows_of(folder / METRICS_TABLE), len(list_snapshots(folder))
    # a run writes its first row and snapshot before its first checkpoint
    if rows > 1 or snapshots > 1:
        raise InputError(
            f"{folder} holds results ({snapshots} snapshots, {rows} rows of {METRICS_TABLE}) and "
            "no whole checkpoint to go on from; choose another folder with --out, or start again "
            "with --overwrite"
        )
    return None


def at_time(folder: Path, time: float) -> Checkpoint:
    """The checkpoint of a time [day].

    Raises:
        InputError: there is none of that time.
    """
    times = {path: time_of(path) for path in list_checkpoints(folder)}
    for path, found in times.items():
        if found is not None and abs(found - time) <= 1e-6 * max(time, 1.0):
            return read_checkpoint(path)
    known = ", ".join(f"{found:g}" for found in times.values() if found is not None) or "none"
    raise InputError(
        f"{folder} holds no checkpoint of day {time:g}; there are those of days {known} "
        "(output.keep_every = 1 keeps all of them)"
    )


@dataclasses.dataclass(frozen=True)
class Parent:
    """Where a branch leaves another run; its checkpoint is read when it is needed.

    Attributes:
        folder: of the other run.
        time: of the branch [day].
    """

    folder: Path
    time: float

    def checkpoint(self) -> Checkpoint:
        """The checkpoint to branch off from.

        Raises:
            InputError: there is none of that time.
        """
        return at_time(self.folder, self.time)


def refuse_other_branch(source: Checkpoint, time: float) -> None:
    """Refuses to go on with what is no branch of a time [day].

    Raises:
        InputError: the run of the checkpoint is another one.
    """
    found = branch_time(source)
    if found is None or not same_time(found, time):
        what = "a run" if found is None else f"a branch of day {found:g}"
        folder = source.path.parent if source.path else Path()
        raise InputError(
            f"{folder} holds {what} and no branch of day {time:g}; choose another folder with --out"
        )


def branch_time(checkpoint: Checkpoint) -> float | None:
    """When the run of a checkpoint branched off from its parent [day]; None if it did not."""
    told = checkpoint.provenance.get(PARENT_TIME)
    return None if told is None else float(told.removesuffix("day"))


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


def _typed(name: str, value: float) -> Any:
    kind = type(getattr(ControllerState(), name))
    return kind(value)


def held_fields(group: State | HealthyReference) -> dict[str, jax.Array]:
    """The fields of a group by name, those that are there."""
    named = ((f.name, getattr(group, f.name)) for f in dataclasses.fields(group))
    return {name: value for name, value in named if value is not None}


def _arrays(found: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    return {name: jnp.asarray(values) for name, values in found.items()}
