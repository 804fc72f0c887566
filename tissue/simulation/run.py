"""Runs: simulations that write their results to a folder."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

from jax.errors import JaxRuntimeError

from tissue.errors import InputError, RunError, RunStopped
from tissue.geometry.load import Geometry
from tissue.machine import processes
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.agreement import Agreement, refuse_other_folder, refuse_other_start
from tissue.simulation.folder import (
    LEDGER_TABLE,
    METRICS_TABLE,
    RUN_FILE,
    RUN_LOG,
    clear_folder,
    has_content,
    intact_output,
    prepare_folder,
    remove_unfinished,
)
from tissue.simulation.given import GivenRun, given_config, refuse_no_geometry
from tissue.simulation.log import RunLog
from tissue.simulation.output import Output, run_job
from tissue.simulation.progress import Progress
from tissue.simulation.progress_bar import progress_bar
from tissue.simulation.provenance import provenance
from tissue.simulation.resume import Parent
from tissue.simulation.run_start import COLUMNS, RunStart, checkpoint_rows, start_run
from tissue.simulation.signal_handling import SignalHandler
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_report import Record
from tissue.simulation.superseded import set_aside
from tissue.storage.atomic import write_atomically
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.index import indices_are_current, write_indices
from tissue.storage.lock import locked
from tissue.storage.results import Run, open_run
from tissue.storage.tables import Table, count_rows
from tissue.storage.writer import Writer

log = logging.getLogger(__name__)

UNRESOLVED_LIMIT = 0.2
"""Fraction of unresolved bone from which a run warns of it [1]."""

LARGEST_ERROR = 0.05
"""Estimated error of fixed steps over the change of BV/TV from which a run warns of it [1]."""


def run(
    config: GivenRun,
    folder: Path | str,
    *,
    overwrite: bool = False,
    geometry: Geometry | None = None,
    watch: Callable[[Record], None] | None = None,
    resume: str | None = None,
    parent: Checkpoint | Parent | None = None,
    measure: Callable[[Path], object] | None = None,
    signals: SignalHandler | None = None,
    progress: bool | None = None,
) -> Run:
    """Runs a simulation to its end and writes snapshots, tables and checkpoints as it goes.

    Args:
        config: the run, its run file or the tables of that.
        folder: where results go; made if absent.
        overwrite: replace an existing run.
        geometry: bone to use instead of the one of the run file.
        watch: called after every step.
        resume: checkpoint to resume from: "latest", a time such as "7 day", or a path. With
            "latest" a run that has not begun starts, and missing files of a finished one are
            written.
        parent: checkpoint of another run to branch off from, or where to find it.
        measure: called with the folder after each snapshot while the next steps run.
        signals: handlers that are installed already; by default this installs its own.
        progress: show a bar; by default in an interactive session only.

    Raises:
        InputError: the folder or the bone cannot be used; an earlier run there is untouched.
        RunError: the run had to stop; the files on disk are intact.
        RunStopped: a signal has stopped it; it can be resumed.
    """
    config, folder = given_config(config), Path(folder)
    refuse_no_geometry(geometry)
    with (
        nullcontext(signals) if signals else SignalHandler() as handler,
        progress_bar(config.run.duration, progress) as step_done,
    ):

        def after_step(record: Record) -> None:
            step_done(record)
            if watch:
                watch(record)

        first = processes.first()
        # the log must have a warning about the lock
        with (
            _prepared(folder, overwrite or resume is not None) if first else nullcontext(),
            RunLog() as run_log,
            Progress() as messages,
            locked(folder) if first else nullcontext(),
            processes.failing_last(),
            _out_of_memory_named(),
        ):
            refuse_other_folder(folder)
            with handler.raising_on_stop("before the first step: nothing was written"):
                start = start_run(config, folder, geometry, resume, parent, messages)
                if start.simulation:
                    planes = start.simulation.geometry.grid.shape[0]
                    origin = provenance(start.config, folder, start.provenance, planes)
            refuse_other_start(start.simulation)
            with _folder_failure_named(folder, start.simulation):
                if first:
                    _clear(folder, start.source)
                    run_log.write_to(folder / RUN_LOG, append=start.source is not None)
                processes.wait_for_all()
                if start.simulation:
                    _fill(folder, start, origin, handler, messages, after_step, measure)
                else:
                    messages.finishing()
                    processes.leave()
                if not start.simulation and first:
                    _complete(folder, start.config, start.source, measure)
    return open_run(folder)


@contextmanager
def _prepared(folder: Path, overwrite: bool) -> Iterator[None]:
    """Prepares the folder of a run; a run that is refused leaves no new empty folder."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    prepare_folder(folder, overwrite)
    try:
        yield
    except InputError:
        with suppress(OSError):  # it is not empty
            for each in new:
                each.rmdir()
        raise


class _WatcherError(Exception):
    """Error of the caller's function `watch`, not of the folder."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


@contextmanager
def _folder_failure_named(folder: Path, simulation: Simulation | None) -> Iterator[None]:
    """Names the folder and its intact output in errors."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{error}; {intact_output(folder)}") from None
    except _WatcherError as wrapped:
        raise wrapped.error from None
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
    """Removes or sets aside files in the folder that are not a part of the run."""
    if source is None:
        clear_folder(folder)
    else:
        remove_unfinished(folder)
        set_aside(folder, source.time)


def _fill(
    folder: Path,
    start: RunStart,
    origin: Mapping[str, str],
    signals: SignalHandler,
    progress: Progress,
    watch: Callable[[Record], None] | None,
    measure: Callable[[Path], object] | None,
) -> None:
    simulation, source = start.simulation, start.source
    assert simulation
    config = simulation.config
    if processes.first():
        write_atomically(folder / RUN_FILE, resolved_toml(config, folder).encode())
    due, agreement = set(config.snapshot_times), Agreement(signals)
    with agreement.ending(), _tables(folder, source) as tables, Writer() as writer:
        output = Output(folder, simulation, origin, tables, progress, measure)
        progress.begin(simulation.time, config.run.duration, simulation.step)
        if not source:
            for table in tables:
                for row in start.rows.get(table.path.name, ()):
                    table.append(row)
            if simulation.step == 0 and not start.rows.get(METRICS_TABLE):
                found = simulation.start_metrics()
                for metrics in tables[:1]:
                    metrics.append(found)
            writer.put(output.snapshot)
            writer.put(output.checkpoint)
        saved, ready = simulation.step, False
        while not (simulation.finished or agreement.stop):
            try:
                # the first step compiles, takes long, and is quickly repeated
                with nullcontext() if ready else signals.raising_on_stop("in its first step"):
                    record = simulation.advance()
            except RunError:
                if simulation.step != saved:
                    writer.put(output.checkpoint)
                if simulation.failed:
                    writer.put(output.failed)
                agreement.failed = True
                raise
            if not ready:
                # a run that is killed before its first checkpoint starts again: it has no own row
                writer.wait()
                ready = True
            for table, numbers in zip(tables, (record.metrics, record.ledger), strict=False):
                table.append(numbers)
            progress.step(record, simulation.step)
            own_due, bv_tv = output.checkpoint_due(), record.metrics["bv_tv"]
            agreed = agreement.after(simulation, bv_tv, due=own_due, failure=writer.failure)
            if simulation.time in due:
                writer.put(output.snapshot)
            for name in signals.take_received():
                log.info(f"received {name} in step {simulation.step}")
            if agreed:
                writer.put(output.checkpoint)
                saved = simulation.step
            if watch:
                try:
                    watch(record)
                except OSError as error:
                    raise _WatcherError(error) from error
        progress.finishing()
        if simulation.step != saved:  # stopped at the very end of the step
            writer.put(output.checkpoint)
    if not simulation.finished:
        assert agreement.stop
        raise RunStopped(
            f"stopped by {agreement.stop.name} after step {simulation.step}, day "
            f"{simulation.time:g}; continue it with --resume"
        )
    if processes.first():
        _index(folder)
    _comment(simulation, record.metrics)
    log.info(f"finished: {simulation.step} steps, {simulation.time:g} days")


@contextmanager
def _tables(folder: Path, source: Checkpoint | None) -> Iterator[tuple[Table, ...]]:
    """Tables with a row for each step; none on processes that do not write them."""
    if not processes.first():
        yield ()
        return
    with (
        _table(folder, METRICS_TABLE, source) as metrics,
        _table(folder, LEDGER_TABLE, source) as ledger,
    ):
        yield metrics, ledger


def _table(folder: Path, name: str, source: Checkpoint | None) -> Table:
    rows = checkpoint_rows(name, source) if source else None
    return Table(folder / name, COLUMNS[name], checkpoint=rows)


def _complete(
    folder: Path,
    config: RunConfig,
    source: Checkpoint | None,
    measure: Callable[[Path], object] | None,
) -> None:
    """Writes the missing files of a finished run that was killed while it wrote them."""
    for name in COLUMNS:
        if source and count_rows(folder / name) > source.rows[name]:
            _table(folder, name, source).close()  # without later rows
    text = resolved_toml(config, folder).encode()
    if not has_content(folder / RUN_FILE, text):
        write_atomically(folder / RUN_FILE, text)
    if measure:
        run_job(folder, partial(measure, folder))
    if not indices_are_current(folder):
        _index(folder)


def _index(folder: Path) -> None:
    """Writes the indices of the snapshots, which can be written again at any time."""
    try:
        write_indices(folder, skip_damaged=True)
    except InputError as error:
        log.warning(f"no index of the snapshots was written: {error}")


def _comment(simulation: Simulation, metrics: Mapping[str, float]) -> None:
    """Warns of an end state whose numbers are uncertain."""
    step, error = simulation.config.run.fixed_step, simulation.controller_state.error_used
    if step and error > LARGEST_ERROR * max(abs(metrics["bv_tv_change_percent"]), 1.0):
        log.warning(
            f"steps of {step:g} day are too long for the changes in this run: BV/TV may be off by "
            f"{error:.2g} percentage points; use shorter ones, or run.step = 'adaptive'"
        )
    if metrics["surface_density_per_mm"] == 0:
        log.warning("no bone surface is left: all bone is gone, and none can form again")
    if metrics["unresolved_bone_fraction"] > UNRESOLVED_LIMIT:
        log.warning(
            f"{metrics['unresolved_bone_fraction']:.0%} of the bone is in struts without a solid "
            "core, blurred or thinner than the grid resolves: BV/TV is reliable, morphometry by "
            "threshold is not; use finer voxels"
        )
