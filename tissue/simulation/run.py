"""A run: a simulation with a folder that fills with its results."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from jax.errors import JaxRuntimeError

from tissue.errors import InputError, RunError, RunStopped
from tissue.geometry.load import Geometry
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.beginning import COLUMNS, Beginning, beginning, checkpoint_rows
from tissue.simulation.folder import (
    LEDGER_TABLE,
    METRICS_TABLE,
    RUN_FILE,
    RUN_LOG,
    clear_folder,
    holds,
    intact_output,
    prepare_folder,
    remove_unfinished,
)
from tissue.simulation.log import RunLog
from tissue.simulation.output import Output, Write
from tissue.simulation.progress import Progress
from tissue.simulation.provenance import (
    provenance,
)
from tissue.simulation.resume import Parent
from tissue.simulation.signal_handling import SignalHandler
from tissue.simulation.simulation import Record, Simulation
from tissue.simulation.superseded import set_aside
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.index import indices_are_current, write_indices
from tissue.storage.lock import locked
from tissue.storage.atomic import write_atomically
from tissue.storage.results import Run, open_run
from tissue.storage.tables import Table, count_rows
from tissue.storage.writer import Writer

log = logging.getLogger(__name__)

GRAY_LIMIT = 0.2

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
    parent: Checkpoint | Parent | None = None,
    measure: Callable[[Path], object] | None = None,
    signals: SignalHandler | None = None,
) -> Run:
    """Runs a simulation to its end and writes snapshots, tables and checkpoints as it goes.

    Args:
        config: the run.
        folder: where results go; made if absent.
        overwrite: replace a run that is there.
        geometry: bone to use instead of the one the run names.
        watch: called after every step.
        resume: go on with the run that is there: "latest", a time such as "7 day", or the path of
            a checkpoint. With "latest" a run that has not begun starts, and of one that is finished
            what is missing is written.
        parent: checkpoint of another run to branch off from, or where to find it.
        measure: called with the folder after each snapshot while the next steps run.
        signals: handlers that are installed already; by default this installs its own.

    Raises:
        InputError: the folder or the bone cannot be used; an earlier run there is untouched.
        RunError: the run had to stop; what is on disk is whole.
        RunStopped: a signal asked it to stop; it can be resumed.
    """
    folder = Path(folder)
    with nullcontext(signals) if signals else SignalHandler() as handler:
        prepare_folder(folder, overwrite or resume is not None)
        # a warning about the lock belongs into the log
        with RunLog() as kept, Progress() as progress, locked(folder), _out_of_memory_named():
            with handler.raising_on_stop("before the first step: nothing was written"):
                begun = beginning(config, folder, geometry, resume, parent, progress)
                if begun.simulation:
                    config = begun.simulation.config
                    origin = provenance(config, folder, begun.start)
            with _folder_failure_named(folder, begun.simulation):
                _clear(folder, begun.source)
                kept.write_to(folder / RUN_LOG, going_on=begun.source is not None)
                if begun.simulation:
                    _fill(folder, begun, origin, handler, progress, watch, measure)
                else:
                    progress.finishing()
                    _complete(folder, config, begun.source, measure)
    return open_run(folder)


class _OfWatcher(Exception):
    """An error of the system that is none of the folder."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _folder_failure_named(folder: Path, simulation: Simulation | None) -> Iterator[None]:
    """Tells of an error while a run writes what it leaves."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{error}; {intact_output(folder)}") from None
    except _OfWatcher as watched:
        raise watched.error from None
    except OSError as error:
        when = f" after step {simulation.step}" if simulation else ""
        raise RunError(
            f"stopped{when}: {folder} cannot be written to "
            f"({error.strerror or error}); {intact_output(folder)}"
        ) from None


@contextmanager
def _out_of_memory_named() -> Iterator[None]:
    try:
        yield
    except (MemoryError, JaxRuntimeError) as error:
        if isinstance(error, JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        raise RunError(
            "the memory is too small for this grid; use coarser voxels or a smaller box"
        ) from None


def _clear(folder: Path, source: Checkpoint | None) -> None:
    """Takes out of the way of a run what is in its folder and not a part of it."""
    if source is None:
        clear_folder(folder)
    else:
        remove_unfinished(folder)
        set_aside(folder, source.time)


def _fill(
    folder: Path,
    begun: Beginning,
    origin: Mapping[str, str],
    signals: SignalHandler,
    progress: Progress,
    watch: Callable[[Record], None] | None,
    measure: Callable[[Path], object] | None,
) -> None:
    simulation, source = begun.simulation, begun.source
    assert simulation
    config = simulation.config
    write_atomically(folder / RUN_FILE, resolved_toml(config, folder).encode())
    due = set(config.snapshot_times)
    with (
        _table(folder, METRICS_TABLE, source) as metrics,
        _table(folder, LEDGER_TABLE, source) as ledger,
        Writer[Write](partial(_write, folder)) as writer,
    ):
        output = Output(folder, simulation, origin, (metrics, ledger), progress, measure)
        progress.begin(simulation.time, config.run.duration, simulation.step)
        if not source:
            if simulation.step == 0:  # a branch starts from what its parent has told already
                metrics.append(simulation.start_metrics())
            writer.put(output.snapshot)
            writer.put(output.checkpoint)
        saved, ready = simulation.step, False
        while not (simulation.finished or signals.stop):
            try:
                # all is compiled in the first step, which takes long and is soon repeated
                with nullcontext() if ready else signals.raising_on_stop("in its first step"):
                    record = simulation.advance()
            except RunError:
                if simulation.step != saved:
                    writer.put(output.checkpoint)
                if simulation.failed:
                    writer.put(output.failed)
                raise
            if not ready:
                # killed without a checkpoint a run begins anew: no row of a step must be there then
                writer.wait()
                ready = True
            metrics.append(record.metrics)
            ledger.append(record.ledger)
            progress.step(record, simulation.step)
            writer.check()
            if simulation.time in due:
                writer.put(output.snapshot)
            for name in signals.take_received():
                log.info(f"received {name} in step {simulation.step}")
            if output.checkpoint_due() or signals.checkpoint_requested:
                signals.checkpoint_requested = False
                writer.put(output.checkpoint)
                saved = simulation.step
            if watch:
                try:
                    watch(record)
                except OSError as error:
                    raise _OfWatcher(error) from error
        progress.finishing()
        if simulation.step != saved:  # stopped at the very end of the step
            writer.put(output.checkpoint)
    if not simulation.finished:
        assert signals.stop
        raise RunStopped(
            f"stopped by {signals.stop.name} after step {simulation.step}, day "
            f"{simulation.time:g}; continue it with --resume"
        )
    _index(folder)
    _comment(simulation, record.metrics)
    log.info(f"finished: {simulation.step} steps, {simulation.time:g} days")


def _table(folder: Path, name: str, source: Checkpoint | None) -> Table:
    stands = checkpoint_rows(name, source) if source else None
    return Table(folder / name, COLUMNS[name], checkpoint=stands)


def _complete(
    folder: Path,
    config: RunConfig,
    source: Checkpoint | None,
    measure: Callable[[Path], object] | None,
) -> None:
    """Writes what a finished run lacks that was killed before its end."""
    for name in COLUMNS:
        if source and count_rows(folder / name) > source.rows.get(name, 0):
            _table(folder, name, source).close()  # without later rows
    text = resolved_toml(config, folder).encode()
    if not holds(folder / RUN_FILE, text):
        write_atomically(folder / RUN_FILE, text)
    if measure:
        _write(folder, partial(measure, folder))
    if not indices_are_current(folder):
        _index(folder)


def _index(folder: Path) -> None:
    """Writes what shows the snapshots as one, which can be made again at any time."""
    try:
        write_indices(folder, skip_damaged=True)
    except InputError as error:
        log.warning(f"the snapshots are not shown as one: {error}")


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
    step, error = simulation.config.run.fixed_step, simulation.controller_state.error_used
    if step and error > LARGEST_ERROR * max(abs(metrics["bv_tv_change_percent"]), 1.0):
        log.warning(
            f"steps of {step:g} day are long for what happened: BV/TV may be off by {error:.2g} "
            "percentage points; use shorter ones, or run.step = 'adaptive'"
        )
    if metrics["surface_density_per_mm"] == 0:
        log.warning("no bone surface is left: all bone is gone, and none can form again")
    if metrics["gray_bone_share"] > GRAY_LIMIT:
        log.warning(
            f"{metrics['gray_bone_share']:.0%} of the bone is in struts without a solid core, "
            "smeared or thinner than the grid resolves: trust BV/TV, but no morphometry by "
            "threshold; use finer voxels"
        )
