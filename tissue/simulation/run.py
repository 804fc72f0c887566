"""A run: a simulation with a folder that fills with its results."""

import logging
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Self

import numpy as np
from jax.errors import JaxRuntimeError

from tissue.errors import InputError, RunError, RunStopped
from tissue.geometry.load import Geometry, ImageSettings
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.ledger import LEDGER
from tissue.simulation.plan import plan
from tissue.simulation.provenance import provenance
from tissue.simulation.requests import Requests
from tissue.simulation.resume import branched, find, held, held_fields, resumed
from tissue.simulation.simulation import KEPT_BITS, Record, Simulation, load_geometry, rounded
from tissue.storage import checkpoint as checkpoint_files
from tissue.storage import snapshot as snapshot_files
from tissue.storage.checkpoint import Checkpoint, list_checkpoints, write_checkpoint
from tissue.storage.index import INDEX, SERIES, XDMF, write_index, write_series, write_xdmf
from tissue.storage.lock import locked
from tissue.storage.snapshot import list_snapshots, read_snapshot, write_snapshot
from tissue.storage.tables import Table, read_table
from tissue.storage.writer import Writer

log = logging.getLogger(__name__)

GREY_LIMIT = 0.2
_MADE = (
    "run.toml",
    "metrics.csv",
    "ledger.csv",
    "run.log",
    "summary.png",
    INDEX,
    SERIES,
    XDMF,
)


@dataclass(frozen=True)
class Run:
    """A run on disk.

    Attributes:
        folder: where it lies.
        metrics: columns of metrics.csv.
        ledger: columns of ledger.csv.
        snapshots: files, in order of time.
    """

    folder: Path
    metrics: Mapping[str, np.ndarray]
    ledger: Mapping[str, np.ndarray]
    snapshots: tuple[Path, ...]

    def field(self, name: str, index: int = -1) -> np.ndarray:
        """A field [z, y, x] of the snapshot at `index`, the last by default."""
        return read_snapshot(self.snapshots[index]).field(name)


def open_run(folder: Path | str) -> Run:
    """What a run has written so far."""
    folder = Path(folder)
    return Run(
        folder,
        read_table(folder / "metrics.csv"),
        read_table(folder / "ledger.csv"),
        tuple(list_snapshots(folder)),
    )


def run(
    config: RunConfig,
    folder: Path | str,
    *,
    overwrite: bool = False,
    geometry: Geometry | None = None,
    watch: Callable[[Record], None] | None = None,
    resume: str | None = None,
    parent: Checkpoint | None = None,
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

    Raises:
        InputError: the folder or the bone cannot be used; an earlier run there is untouched.
        RunError: the run had to stop; what is on disk is whole.
        RunStopped: a signal asked it to stop; it can be resumed.
    """
    folder = Path(folder)
    prepare_folder(folder, overwrite or resume is not None)
    with locked(folder), _RunLog() as kept, _told_if_memory_is_short():
        if resume:
            simulation = resumed(config, find(folder, resume))
            log.info(f"resumed at step {simulation.step}, day {simulation.time:g}")
        elif parent:
            simulation = branched(config, parent)
            log.info(f"branched off from {parent.path} at day {simulation.time:g}")
        else:
            _spare_input(config, folder)
            simulation = _set_up(config, geometry)
        origin = _origin(simulation, folder, parent, given=geometry is not None)
        try:
            if resume:
                remove_unfinished(folder)
            else:
                clear_folder(folder)
            kept.write_to(folder / "run.log", going_on=resume is not None)
            _fill(folder, simulation, origin, watch, going_on=resume is not None)
        except RunError as error:
            raise RunError(f"{error}; {_whole(folder)}") from None
        except OSError as error:
            raise RunError(
                f"stopped after step {simulation.step}: {folder} cannot be written to "
                f"({error.strerror or error}); {_whole(folder)}"
            ) from None
    return open_run(folder)


def _origin(
    simulation: Simulation, folder: Path, parent: Checkpoint | None, *, given: bool
) -> dict[str, str]:
    bone = simulation.geometry.bone_volume_fraction
    made = provenance(simulation.config, folder, bone, given=given)
    if parent:
        made["parent"] = str(parent.path)
        made["parent_config_sha256"] = parent.provenance["config_sha256"]
        made["parent_time"] = f"{parent.time:g} day"
    return made


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


def _set_up(config: RunConfig, geometry: Geometry | None) -> Simulation:
    geometry = geometry or load_geometry(config.geometry)
    coming = plan(config, geometry)
    for line in (*geometry.log, *coming.lines()):
        log.info(line)
    for warning in coming.warnings:
        log.warning(warning)
    return Simulation(config, geometry)


def _fill(
    folder: Path,
    simulation: Simulation,
    origin: Mapping[str, str],
    watch: Callable[[Record], None] | None,
    *,
    going_on: bool,
) -> None:
    config = simulation.config
    (folder / "run.toml").write_text(resolved_toml(config, folder), encoding="utf-8")
    complete = resolved_toml(config)
    schedule = Schedule(config, simulation.time)

    def snapshot() -> Callable[[], object]:
        step, time, fields = simulation.step, simulation.time, rounded(simulation.fields())
        grid = simulation.geometry.grid
        bits = {name: KEPT_BITS for name in fields if name != "bone_volume_fraction"}

        def write() -> None:
            write_snapshot(
                folder,
                grid=grid,
                step=step,
                time=time,
                fields=fields,
                provenance=origin,
                kept_bits=bits,
            )
            write_series(folder, [read_snapshot(path) for path in list_snapshots(folder)])

        return write

    def checkpoint() -> Callable[[], object]:
        now, keep = held(simulation), schedule.keep
        return lambda: write_checkpoint(
            folder, **now, config=complete, provenance=origin, keep=keep
        )

    due = set(config.snapshot_times)
    resume_at = simulation.time if going_on else None
    with (
        Requests(config.checkpoint_wall) as requests,
        Table(folder / "metrics.csv", METRICS, resume_at=resume_at) as metrics,
        Table(folder / "ledger.csv", LEDGER, resume_at=resume_at) as ledger,
        Writer[Callable[[], object]](lambda write: write()) as writer,
    ):
        if not going_on:
            writer.put(snapshot)
            if simulation.step == 0:  # a branch starts from what its parent has told already
                metrics.append(simulation.start_metrics())
        while not simulation.finished:
            try:
                record = simulation.advance()
            except RunError:
                writer.put(checkpoint)
                if simulation.failed:
                    writer.put(partial(_set_aside, folder, simulation, complete, origin))
                raise
            metrics.append(record.metrics)
            ledger.append(record.ledger)
            writer.check()
            if simulation.time in due:
                writer.put(snapshot)
            if schedule.due(simulation) or requests.checkpoint_due():
                writer.put(checkpoint)
                requests.checkpoint_made()
            if watch:
                watch(record)
            if requests.stop and not simulation.finished:
                break
    write_indices(folder)
    if not simulation.finished:
        assert requests.stop
        raise RunStopped(
            f"stopped by {requests.stop.name} after step {simulation.step}, day "
            f"{simulation.time:g}; go on with --resume"
        )
    _comment(record.metrics)
    log.info(f"finished: {simulation.step} steps, {simulation.time:g} days")


def write_indices(folder: Path) -> tuple[Path, ...]:
    """Writes, or writes anew, what shows the snapshots of a run as one.

    Raises:
        InputError: there is no snapshot, or they do not belong together.
    """
    paths = list_snapshots(folder)
    if not paths:
        raise InputError(f"{folder} holds no snapshots to index; give the folder of a run")
    whole = [read_snapshot(path) for path in paths]
    made = [write_series(folder, whole), write_xdmf(folder, whole)]
    if len(paths) > 1:
        made.append(write_index(folder, paths))
    return tuple(made)


class Schedule:
    """When checkpoints are due in simulated time, and which are kept for good."""

    def __init__(self, config: RunConfig, time: float) -> None:
        """Follows the output settings of a run from a time on [day]."""
        self._interval, self._keep_every = config.checkpoint_interval, config.keep_every
        self._count = self._number(time)
        self.keep = False

    def _number(self, time: float) -> int:
        return math.floor(time / self._interval * (1 + 1e-9))

    def due(self, simulation: Simulation) -> bool:
        """Whether one is due after the step just taken; the end of a run always has one."""
        before, self._count = self._count, self._number(simulation.time)
        crossed = self._count > before
        self.keep = crossed and self._keep_every > 0 and self._count % self._keep_every == 0
        return crossed or simulation.finished


def _set_aside(
    folder: Path, simulation: Simulation, config: str, origin: Mapping[str, str]
) -> Callable[[], object]:
    """Keeps the state that was not physical, under a name that no one resumes from."""
    assert simulation.failed
    bad = {**held(simulation), "state": held_fields(simulation.failed)}
    return lambda: write_checkpoint(
        folder,
        **bad,
        config=config,
        provenance=origin,
        name=f"failed_{simulation.step + 1:010d}.h5",
    )


def _whole(folder: Path) -> str:
    """What a run that had to stop leaves; to be asked once its last snapshot is written."""
    snapshots, checkpoints = list_snapshots(folder), list_checkpoints(folder)
    if not snapshots:
        return f"no snapshot in {folder} is finished"
    whole = f"results up to {snapshots[-1].name} in {folder} are whole"
    if checkpoints:
        whole += f", and {checkpoints[-1].name} is the last good checkpoint (--resume)"
    return whole


def _comment(metrics: Mapping[str, float]) -> None:
    """Warns of an end state whose numbers need care."""
    if metrics["bs_tv_per_mm"] == 0:
        log.warning("no bone surface is left: all bone is gone, and none can form again")
    if metrics["grey_bone_share"] > GREY_LIMIT:
        log.warning(
            f"{metrics['grey_bone_share']:.0%} of the bone is in struts without a solid core, "
            "smeared or thinner than the grid resolves: trust BV/TV, but no morphometry by "
            "threshold; use finer voxels"
        )


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Makes the folder of a run; an earlier run in it stays until `clear_folder`.

    Raises:
        InputError: it cannot be written to, or holds a run that may not be replaced.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = _made(folder)
        if made and not overwrite:
            raise InputError(
                f"{folder} already holds a run ({made[0].name}); choose another folder with --out "
                "or replace it with --overwrite"
            )
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written to ({error.strerror}); "
            "choose another with --out"
        ) from None


def _spare_input(config: RunConfig, folder: Path) -> None:
    """Refuses to replace an earlier run that the new one reads."""
    read = [config.source]
    if isinstance(config.geometry, ImageSettings):
        read.append(config.geometry.file)
    for made in _made(folder):
        if any(path.exists() and made.samefile(path) for path in read):
            raise InputError(
                f"the run reads {made}, which --overwrite would delete; choose another folder "
                "with --out"
            )


def clear_folder(folder: Path) -> None:
    """Takes an earlier run out of its folder, and nothing else."""
    remove_unfinished(folder)
    for old in _made(folder):
        old.unlink()


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed run was writing."""
    snapshot_files.remove_unfinished(folder)
    checkpoint_files.remove_unfinished(folder)


def _made(folder: Path) -> list[Path]:
    files = (folder / name for name in _MADE)
    found = [file for file in files if file.exists()]
    return [*found, *list_snapshots(folder), *list_checkpoints(folder), *folder.glob("failed_*.h5")]


class _RunLog:
    """What a run logs, held back until its folder is free of the run before."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tissue")
        self._level = self._logger.level
        self._held = MemoryHandler(10_000, flushLevel=logging.CRITICAL + 1)
        self._handler: logging.Handler = self._held

    def __enter__(self) -> Self:
        self._logger.addHandler(self._handler)
        if not self._logger.isEnabledFor(logging.INFO):
            self._logger.setLevel(logging.INFO)
        return self

    def write_to(self, path: Path, *, going_on: bool) -> None:
        """Writes what has been held back, and from now on everything at once."""
        self._logger.removeHandler(self._held)
        self._handler = logging.FileHandler(path, "a" if going_on else "w", encoding="utf-8")
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._held.setTarget(self._handler)
        self._held.close()
        self._logger.addHandler(self._handler)

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        self._logger.removeHandler(self._handler)
        if kind:  # for the file alone: whoever called is told by the exception
            text = f"{error}" or kind.__name__
            self._handler.handle(
                self._logger.makeRecord(log.name, logging.ERROR, "", 0, text, (), None)
            )
        self._handler.close()
        self._logger.setLevel(self._level)
