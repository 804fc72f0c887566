"""A run: a simulation with a folder that fills with its results."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jax.errors import JaxRuntimeError

from tissue.errors import InputError, RunError, RunStopped
from tissue.geometry.load import Geometry
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.folder import (
    clear_folder,
    prepare_folder,
    refuse_links,
    remove_unfinished,
    spare_input,
    what_is_whole,
)
from tissue.simulation.ledger import LEDGER
from tissue.simulation.log import RunLog
from tissue.simulation.output import Output, Write
from tissue.simulation.plan import plan
from tissue.simulation.provenance import (
    branched_start,
    fresh_start,
    provenance,
    resumed_start,
    tell_changes,
)
from tissue.simulation.requests import Requests
from tissue.simulation.resume import branched, find, resumed
from tissue.simulation.simulation import Record, Simulation, load_geometry
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.index import write_indices
from tissue.storage.lock import locked
from tissue.storage.publish import publish
from tissue.storage.results import Run, open_run
from tissue.storage.tables import Table
from tissue.storage.writer import Writer

log = logging.getLogger(__name__)

GREY_LIMIT = 0.2

LARGEST_ERROR = 0.05
"""Of steps of fixed length, estimated, over the change of BV/TV."""


def run(
    config: RunConfig,
    folder: Path | str,
    *,
    overwrite: bool = False,
    geometry: Geometry | None = None,
    watch: Callable[[Record], None] | None = None,
    resume: str | None = None,
    parent: Checkpoint | None = None,
    measure: Callable[[Path], object] | None = None,
) -> Run:
    """Runs a simulation to its end and writes snapshots, tables and checkpoints as it goes.

    Args:
        config: the run.
        folder: where results go; made if absent.
        overwrite: replace a run that is there.
        geometry: bone to use instead of the one the run names.
        watch: called after every step.
        resume: go on with the run that is there: "latest", the number of a step, or the path of a
            checkpoint.
        parent: checkpoint of another run to branch off from.
        measure: called with the folder after each snapshot while the next steps run.

    Raises:
        InputError: the folder or the bone cannot be used; an earlier run there is untouched.
        RunError: the run had to stop; what is on disk is whole.
        RunStopped: a signal asked it to stop; it can be resumed.
    """
    folder = Path(folder)
    prepare_folder(folder, overwrite or resume is not None)
    # a warning about the lock belongs into the log
    with RunLog() as kept, locked(folder), _told_if_memory_is_short():
        simulation, start = _begun(config, folder, geometry, resume, parent)
        origin = provenance(simulation.config, folder, start)
        try:
            if resume:
                remove_unfinished(folder)
            else:
                clear_folder(folder)
            kept.write_to(folder / "run.log", going_on=resume is not None)
            output = Output(folder, simulation, origin, measure)
            _fill(folder, simulation, output, watch, going_on=resume is not None)
        except RunError as error:
            raise RunError(f"{error}; {what_is_whole(folder)}") from None
        except _OfWatcher as watched:
            raise watched.error from None
        except OSError as error:
            raise RunError(
                f"stopped after step {simulation.step}: {folder} cannot be written to "
                f"({error.strerror or error}); {what_is_whole(folder)}"
            ) from None
    return open_run(folder)


class _OfWatcher(Exception):
    """An error of the system that is none of the folder."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _told_if_memory_is_short() -> Iterator[None]:
    try:
        yield
    except (MemoryError, JaxRuntimeError) as error:
        if isinstance(error, JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise RunError(
            "the memory is too small for this grid; use coarser voxels or a smaller box"
        ) from None


def _begun(
    config: RunConfig,
    folder: Path,
    geometry: Geometry | None,
    resume: str | None,
    parent: Checkpoint | None,
) -> tuple[Simulation, dict[str, str]]:
    """The simulation to go on with, and what its provenance tells of the start."""
    if resume:
        refuse_links(folder)
        source = find(folder, resume)
        simulation = resumed(config, source)
        log.info(f"resumed at step {simulation.step}, day {simulation.time:g}")
        tell_changes(config, source, branch=False)
        return simulation, resumed_start(source)
    if parent:
        simulation = branched(config, parent)
        log.info(f"branched off from {parent.path} at day {simulation.time:g}")
        tell_changes(config, parent, branch=True)
        bone = simulation.geometry.bone_volume_fraction
        return simulation, branched_start(config, bone, parent)
    spare_input(config, folder)
    simulation = _set_up(config, geometry)
    bone = simulation.geometry.bone_volume_fraction
    return simulation, fresh_start(config, bone, given=geometry is not None)


def _set_up(config: RunConfig, geometry: Geometry | None) -> Simulation:
    geometry = geometry or load_geometry(config)
    coming = plan(config, geometry)
    for line in (*geometry.log, *coming.lines()):
        log.info(line)
    for warning in coming.warnings:
        log.warning(warning)
    return Simulation(config, geometry)


def _fill(
    folder: Path,
    simulation: Simulation,
    output: Output,
    watch: Callable[[Record], None] | None,
    *,
    going_on: bool,
) -> None:
    config = simulation.config
    publish(folder / "run.toml", resolved_toml(config, folder).encode())
    due = set(config.snapshot_times)
    resume_at = simulation.time if going_on else None
    with (
        Requests(config.checkpoint_wall) as requests,
        Table(folder / "metrics.csv", METRICS, resume_at=resume_at) as metrics,
        Table(folder / "ledger.csv", LEDGER, resume_at=resume_at) as ledger,
        Writer[Write](partial(_write, folder)) as writer,
    ):
        if not going_on:
            writer.put(output.snapshot)
            if simulation.step == 0:  # a branch starts from what its parent has told already
                metrics.append(simulation.start_metrics())
        while not simulation.finished:
            try:
                record = simulation.advance()
            except RunError:
                writer.put(output.checkpoint)
                if simulation.failed:
                    writer.put(output.failed)
                raise
            metrics.append(record.metrics)
            ledger.append(record.ledger)
            writer.check()
            if simulation.time in due:
                writer.put(output.snapshot)
            if output.checkpoint_due() or requests.checkpoint_due():
                writer.put(output.checkpoint)
                requests.checkpoint_made()
            if watch:
                try:
                    watch(record)
                except OSError as error:
                    raise _OfWatcher(error) from error
            if requests.stop and not simulation.finished:
                break
    _write(folder, partial(write_indices, folder))
    if not simulation.finished:
        assert requests.stop
        raise RunStopped(
            f"stopped by {requests.stop.name} after step {simulation.step}, day "
            f"{simulation.time:g}; go on with --resume"
        )
    _comment(simulation, record.metrics)
    log.info(f"finished: {simulation.step} steps, {simulation.time:g} days")


def _write(folder: Path, write: Write) -> None:
    """Writes; what is wrong then with a file of the run is nothing that a user gave.

    Raises:
        RunError: a file that was written before cannot be read again.
    """
    try:
        write()
    except InputError as error:
        folder.stat()  # one that is gone is the reason
        raise RunError(f"stopped while writing: {error}") from None


def _comment(simulation: Simulation, metrics: Mapping[str, float]) -> None:
    """Warns of an end state whose numbers need care."""
    step, error = simulation.config.step, simulation.pace.spent
    if step and error > LARGEST_ERROR * max(abs(metrics["bv_tv_change_percent"]), 1.0):
        log.warning(
            f"steps of {step:g} day are long for what happened: BV/TV may be off by {error:.2g} "
            "percentage points; use shorter ones, or run.step = 'adaptive'"
        )
    if metrics["surface_density_per_mm"] == 0:
        log.warning("no bone surface is left: all bone is gone, and none can form again")
    if metrics["grey_bone_share"] > GREY_LIMIT:
        log.warning(
            f"{metrics['grey_bone_share']:.0%} of the bone is in struts without a solid core, "
            "smeared or thinner than the grid resolves: trust BV/TV, but no morphometry by "
            "threshold; use finer voxels"
        )
