"""A run: a simulation with a folder that fills with its results."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any, Self

import numpy as np
from jax.errors import JaxRuntimeError

from tissue.errors import InputError, RunError
from tissue.geometry.load import Geometry, ImageSettings
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.ledger import LEDGER
from tissue.simulation.plan import plan
from tissue.simulation.provenance import provenance
from tissue.simulation.simulation import Record, Simulation, load_geometry
from tissue.storage.snapshot import list_snapshots, read_snapshot, remove_unfinished, write_snapshot
from tissue.storage.tables import Table, read_table
from tissue.storage.writer import Writer

log = logging.getLogger(__name__)

GREY_LIMIT = 0.2
_MADE = ("run.toml", "metrics.csv", "ledger.csv", "run.log", "summary.png")


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
) -> Run:
    """Runs a simulation to its end and writes snapshots and tables as it goes.

    Args:
        config: the run.
        folder: where results go; made if absent.
        overwrite: replace a run that is there.
        geometry: bone to use instead of the one the run names.
        watch: called after every step.

    Raises:
        InputError: the folder or the bone cannot be used; an earlier run there is untouched.
        RunError: the run had to stop; what is on disk is whole.
    """
    folder = Path(folder)
    prepare_folder(folder, overwrite)
    _spare_input(config, folder)
    with _RunLog() as kept, _told_if_memory_is_short():
        simulation = _set_up(config, geometry)
        bone, given = simulation.geometry.bone_volume_fraction, geometry is not None
        origin = provenance(config, folder, bone, given=given)
        try:
            clear_folder(folder)
            kept.write_to(folder / "run.log")
            _fill(folder, simulation, origin, watch)
        except RunError as error:
            raise RunError(f"{error}; {_whole(folder)}") from None
        except OSError as error:
            raise RunError(
                f"stopped after step {simulation.step}: {folder} cannot be written to "
                f"({error.strerror or error}); {_whole(folder)}"
            ) from None
    return open_run(folder)


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
) -> None:
    config = simulation.config
    (folder / "run.toml").write_text(resolved_toml(config, folder), encoding="utf-8")

    def snapshot() -> dict[str, Any]:
        return {"step": simulation.step, "time": simulation.time, "fields": simulation.fields()}

    def write(snapshot: Mapping[str, Any]) -> None:
        write_snapshot(folder, grid=simulation.geometry.grid, provenance=origin, **snapshot)

    due = set(config.snapshot_times)
    with (
        Table(folder / "metrics.csv", METRICS) as metrics,
        Table(folder / "ledger.csv", LEDGER) as ledger,
        Writer(write) as writer,
    ):
        writer.put(snapshot)
        metrics.append(simulation.start_metrics())
        while not simulation.finished:
            record = simulation.advance()
            metrics.append(record.metrics)
            ledger.append(record.ledger)
            writer.check()
            if simulation.time in due:
                writer.put(snapshot)
            if watch:
                watch(record)
    _comment(record.metrics)
    log.info(f"finished: {simulation.step} steps, {simulation.time:g} days")


def _whole(folder: Path) -> str:
    """What a run that had to stop leaves; to be asked once its last snapshot is written."""
    snapshots = list_snapshots(folder)
    if not snapshots:
        return f"no snapshot in {folder} is finished"
    return f"results up to {snapshots[-1].name} in {folder} are whole"


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


def _made(folder: Path) -> list[Path]:
    files = (folder / name for name in _MADE)
    return [*(file for file in files if file.exists()), *list_snapshots(folder)]


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

    def write_to(self, path: Path) -> None:
        """Writes what has been held back, and from now on everything at once."""
        self._logger.removeHandler(self._held)
        self._handler = logging.FileHandler(path, mode="w", encoding="utf-8")
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
