"""A run: a simulation with a folder that fills with its results."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tissue.errors import InputError, RunError
from tissue.geometry.load import Geometry
from tissue.model.observables import METRICS
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.ledger import LEDGER
from tissue.simulation.plan import plan
from tissue.simulation.provenance import provenance
from tissue.simulation.simulation import Record, Simulation, load_geometry
from tissue.storage.snapshot import list_snapshots, read_snapshot, remove_temporary, write_snapshot
from tissue.storage.tables import Table, read_table

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


def open_run(folder: Path) -> Run:
    """What a run has written so far."""
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
        InputError: the folder or the bone cannot be used; nothing was computed.
        RunError: the run had to stop; what is on disk is whole.
    """
    folder = Path(folder)
    prepare_folder(folder, overwrite)
    handler = logging.FileHandler(folder / "run.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger("tissue")
    root.addHandler(handler)
    try:
        _run(config, folder, geometry, watch)
    except InputError:
        # a folder without results is no run that a second attempt would have to replace
        (folder / "run.toml").unlink(missing_ok=True)
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
    return open_run(folder)


def _run(
    config: RunConfig,
    folder: Path,
    geometry: Geometry | None,
    watch: Callable[[Record], None] | None,
) -> None:
    (folder / "run.toml").write_text(resolved_toml(config, folder), encoding="utf-8")
    geometry = geometry or load_geometry(config.geometry)
    coming = plan(config, geometry)
    for line in (*geometry.log, *coming.lines()):
        log.info(line)
    for warning in coming.warnings:
        log.warning(warning)
    simulation = Simulation(config, geometry)
    origin = provenance(config, folder)

    def keep() -> None:
        write_snapshot(
            folder,
            grid=geometry.grid,
            step=simulation.step,
            time=simulation.time,
            fields=simulation.fields(),
            provenance=origin,
        )

    keep()
    due = set(config.snapshot_steps)
    with (
        Table(folder / "metrics.csv", METRICS) as metrics,
        Table(folder / "ledger.csv", LEDGER) as ledger,
    ):
        metrics.append(simulation.start_metrics())
        while simulation.step < config.steps:
            try:
                record = simulation.advance()
            except RunError as error:
                last = list_snapshots(folder)[-1].name
                raise RunError(f"{error}; results up to {last} in {folder} are whole") from None
            metrics.append(record.metrics)
            ledger.append(record.ledger)
            if simulation.step in due:
                keep()
            if watch:
                watch(record)
    _comment(record.metrics)


def _comment(metrics: Mapping[str, float]) -> None:
    """Warns of an end state whose numbers need care."""
    if metrics["bs_tv_per_mm"] == 0:
        log.warning("no bone surface is left: all bone is gone, and none can form again")
    if metrics["grey_bone_share"] > GREY_LIMIT:
        log.warning(
            f"{metrics['grey_bone_share']:.0%} of the bone is in struts thinner than a voxel: "
            "trust BV/TV, but no morphometry by threshold; use finer voxels"
        )


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Makes the folder of a run, or clears it of an earlier one.

    Raises:
        InputError: it cannot be written to, or holds a run that may not be replaced.
    """
    existing = folder / "run.toml"
    try:
        if existing.exists() and not overwrite:
            raise InputError(
                f"{folder} already holds a run; choose another folder with --out or replace it "
                "with --overwrite"
            )
        folder.mkdir(parents=True, exist_ok=True)
        remove_temporary(folder)
        for old in (*list_snapshots(folder), *(folder / name for name in _MADE)):
            old.unlink(missing_ok=True)
        (folder / "run.log").touch()
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written to ({error.strerror}); "
            "choose another with --out"
        ) from None
