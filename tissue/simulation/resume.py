"""Resuming a run bit for bit, extending it, and branching off with another protocol."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tissue.errors import InputError
from tissue.model.drug_effects import binds_to_bone
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import DEVICES_KEY, resolved_keys
from tissue.scenario.therapy import Therapy
from tissue.simulation.checkpoints import at_time, restored
from tissue.simulation.provenance import GIVEN, PARENT_TIME
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_size import same_time
from tissue.storage.checkpoint import Checkpoint

RESUME_KEYS = ("run.duration", DEVICES_KEY, "output.")
"""Keys of the run file that may change when a run is resumed."""

BRANCH_KEYS = (
    *(*RESUME_KEYS, "run.step", "run.accuracy", "disease.", "load.factor", "therapy"),
    *(f"boundary.{solute}." for solute in SOLUTES),
)
"""Keys that may differ between a branch and its parent: those that the healthy tissue, which the
branch takes from its parent, does not depend on."""


def continued(config: RunConfig, checkpoint: Checkpoint) -> RunConfig:
    """Run that continues from a checkpoint, checked against the run file it was started with.

    The run file given for a branch lacks the doses before the branch, which come from its parent;
    the run file that the branch wrote to its folder has them.

    Args:
        config: the run file.
        checkpoint: of the run.

    Raises:
        InputError: the run file is of another run, or ends before the checkpoint.
    """
    try:
        refuse_differences(config, checkpoint)
    except InputError:
        start = branch_time(checkpoint)
        if start is None:
            raise
        config = _with_doses_before(config, parent_config(config, checkpoint), start)
        refuse_differences(config, checkpoint)
    end = config.run.duration
    if checkpoint.time > end and not same_time(checkpoint.time, end):
        raise InputError(
            f"{checkpoint.path} is of day {checkpoint.time:g}, after the end of the run at "
            f"run.duration = {end:g} day; give a longer duration, or resume from an earlier "
            "checkpoint with --resume TIME"
        )
    return config


def branched(config: RunConfig, checkpoint: Checkpoint) -> Simulation:
    """Simulation of another protocol from a checkpoint on.

    Doses before the branch are kept: the drug is still in the body.

    Raises:
        InputError: the run file differs in more than disease, therapy and time, or gives a drug
            before the branch.
    """
    refuse_differences(config, checkpoint, branch=True)
    time, parent = checkpoint.time, parent_config(config, checkpoint)
    for number, therapy in enumerate(config.therapy, start=1):
        if therapy.times[0] < time:
            raise InputError(
                f"therapy[{number}] has a dose at {therapy.times[0]:g} day, before the branch at "
                f"{time:g} day: doses of a branch come later, those before it are the parent's"
            )
    if time >= config.run.duration:
        raise InputError(
            f"run.duration = {config.run.duration:g} day must be longer than the time of the "
            f"branch, {time:g} day"
        )
    simulation = restored(_with_doses_before(config, parent, time), checkpoint)
    simulation.change_forcing(given=bool(_bone_bound_at(parent.therapy, time)))
    return simulation


def _with_doses_before(config: RunConfig, parent: RunConfig, time: float) -> RunConfig:
    """Run with the doses of its parent before the branch, and its own after it.

    The bisphosphonate that the parent gave at the time of the branch is in the bone already: a
    branch with the same dose in its file gives no second one.

    Args:
        config: the branch.
        parent: its parent, or the branch itself with all its doses.
        time: of the branch [day].

    Raises:
        InputError: it gives another dose of bisphosphonate at that time.
    """
    bound, own = _bone_bound_at(parent.therapy, time), config.therapy
    if bound and (wanted := _bone_bound_at(own, time)):
        if wanted != bound:
            raise InputError(
                f"the branch gives {_doses(wanted)} at {time:g} day, where the parent has given "
                f"{_doses(bound)} already: give the next dose later"
            )
        own = tuple(_without_dose_at(each, time) for each in own)
    before = tuple(
        each.at_times(kept)
        for each in parent.therapy
        if (kept := tuple(t for t in each.times if t < time or _is_bound(each, t, time)))
    )
    therapy = (*before, *(each for each in own if each.times))
    return config.model_copy(update={"therapy": therapy})


def _is_bound(therapy: Therapy, dose: float, time: float) -> bool:
    """Whether a dose is given at a time [day] and binds to bone."""
    return binds_to_bone(therapy.drug) and same_time(dose, time)


def _bone_bound_at(therapies: Sequence[Therapy], time: float) -> dict[str, float]:
    """Doses at a time [day] that bind to bone, by drug [mg/kg]."""
    found: dict[str, float] = {}
    for each in therapies:
        if any(_is_bound(each, t, time) for t in each.times):
            found[each.drug] = found.get(each.drug, 0.0) + each.dose
    return found


def _doses(by_drug: Mapping[str, float]) -> str:
    """Doses as text."""
    return " and ".join(f"{dose:g} mg/kg of {drug}" for drug, dose in by_drug.items())


def _without_dose_at(therapy: Therapy, time: float) -> Therapy:
    return therapy.at_times([t for t in therapy.times if not _is_bound(therapy, t, time)])


@dataclasses.dataclass(frozen=True)
class Parent:
    """Parent of a branch, whose checkpoint is read only when it is needed.

    Attributes:
        folder: of the other run.
        time: of the branch [day].
    """

    folder: Path
    time: float

    def checkpoint(self) -> Checkpoint:
        """Reads the checkpoint to branch off from.

        Raises:
            InputError: there is none of that time.
        """
        return at_time(self.folder, self.time)


def refuse_other_branch(source: Checkpoint, time: float) -> None:
    """Refuses to resume a run that is not a branch of a time [day].

    Raises:
        InputError: the checkpoint is of another run.
    """
    found = branch_time(source)
    if found is None or not same_time(found, time):
        what = "a run" if found is None else f"a branch of day {found:g}"
        folder = source.path.parent if source.path else Path()
        raise InputError(
            f"{folder} holds {what} and no branch of day {time:g}; choose another folder with --out"
        )


def branch_time(checkpoint: Checkpoint) -> float | None:
    """Time at which the run of a checkpoint left its parent [day]; None for no branch."""
    text = checkpoint.provenance.get(PARENT_TIME)
    return None if text is None else float(text.removesuffix("day"))


def parent_config(config: RunConfig, checkpoint: Checkpoint) -> RunConfig:
    """Run file of the run that wrote a checkpoint."""
    folder = checkpoint.path.parent if checkpoint.path else config.source.parent
    return read_run_file(tomllib.loads(checkpoint.config), folder=folder, name=config.name)


def refuse_differences(config: RunConfig, checkpoint: Checkpoint, *, branch: bool = False) -> None:
    """Refuses a run file that differs from that of a checkpoint in keys that may not change.

    Args:
        config: the run file.
        checkpoint: of the run, or of the parent of a branch.
        branch: whether the run branches off, and more keys may change.

    Raises:
        InputError: with the differing keys.
    """
    parent = parent_config(config, checkpoint)
    # an extended run has more doses of a schedule without a stop
    together = min(parent.run.duration, config.run.duration)
    old, new = (resolved_keys(_until(together, each)) for each in (parent, config))
    allowed = BRANCH_KEYS if branch else RESUME_KEYS
    if GIVEN in checkpoint.provenance:  # the bone was an array, not that of [geometry]
        allowed = (*allowed, "geometry")
    differing = [
        f"{key} ({old.get(key, 'absent')} there, {new.get(key, 'absent')} here)"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and not key.startswith(tuple(allowed))
    ]
    if differing:
        remedy = "use the same file, or tissue branch"
        if branch:
            keys = ", ".join(key.removesuffix(".") for key in BRANCH_KEYS)
            remedy = f"a branch may change only {keys}"
        raise InputError(
            f"the run file is not that of {checkpoint.path}: it differs in "
            f"{'; '.join(differing[:3])}{' and others' if len(differing) > 3 else ''}; {remedy}"
        )


def _until(time: float, config: RunConfig) -> RunConfig:
    """Run with the doses before a time [day] only."""
    given = (
        each.at_times([t for t in each.times if t < time])
        for each in config.therapy
        if each.times[0] < time
    )
    return config.model_copy(update={"therapy": tuple(given)})
