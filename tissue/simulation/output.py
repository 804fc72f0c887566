"""Output of a run in progress: snapshots for users, checkpoints to resume from."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import jax.numpy as jnp
from jax import Array, lax

from tissue.errors import InputError, RunError
from tissue.kernels.programs import program, read_later
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.checkpoints import checkpoint_of
from tissue.simulation.output_forecast import KEPT_BITS, complete_intervals
from tissue.simulation.progress import Progress
from tissue.simulation.shared_files import write_checkpoint, write_snapshot
from tissue.simulation.simulation import Simulation
from tissue.storage.index import write_series
from tissue.storage.snapshot import list_snapshots
from tissue.storage.tables import Table
from tissue.storage.writer import Job

EXACT = "bone_volume_fraction"
"""Field that snapshots keep bit for bit."""


@program
def rounded(fields: dict[str, Array]) -> dict[str, Array]:
    """Fields as in snapshots, without the last bits, which are noise that does not compress.

    The bone is unchanged. Others are off by at most 2^-(KEPT_BITS + 1), relative.
    """
    return {
        name: values
        if name == EXACT
        else lax.reduce_precision(values.astype(jnp.float32), 8, KEPT_BITS)
        for name, values in fields.items()
    }


class Output:
    """Jobs that write the present state of a simulation, now or later."""

    def __init__(
        self,
        folder: Path,
        simulation: Simulation,
        origin: Mapping[str, str],
        tables: Sequence[Table],
        progress: Progress,
        measure: Callable[[Path], object] | None = None,
    ) -> None:
        """Prepares output.

        Args:
            folder: of the run.
            simulation: the simulation.
            origin: its provenance.
            tables: those with a row for each step.
            progress: reports every file that is written.
            measure: called with the folder after each snapshot, in the background.
        """
        self._folder, self._simulation, self._origin = folder, simulation, origin
        self._tables, self._progress, self._measure = tables, progress, measure
        self._config = resolved_toml(simulation.config)
        self._schedule = Schedule(simulation.config, simulation.time)

    def snapshot(self) -> Job:
        """Job that writes a snapshot."""
        simulation, folder, measure = self._simulation, self._folder, self._measure
        progress, time = self._progress, simulation.time
        fields = read_later(rounded(simulation.placed_fields()))
        write = partial(
            write_snapshot,
            folder,
            grid=simulation.geometry.grid,
            step=simulation.step,
            time=time,
            fields=fields,
            provenance=self._origin,
            kept_bits=dict.fromkeys(fields.keys() - {EXACT}, KEPT_BITS),
        )

        def write_and_measure() -> None:
            written = write()
            if written is None:
                return
            progress.written("snapshot", written, time)
            write_series(folder, list_snapshots(folder))
            if measure:
                run_job(folder, partial(measure, folder))

        return write_and_measure

    def checkpoint_due(self) -> bool:
        """Whether a checkpoint is due after the step just taken."""
        return self._schedule.due(self._simulation)

    def checkpoint(self) -> Job:
        """Job that writes a checkpoint, after the rows of the tables up to its time."""
        self._schedule.made()
        progress, time = self._progress, self._simulation.time
        checkpoint = checkpoint_of(
            self._simulation,
            rows={table.path.name: table.rows for table in self._tables},
            config=self._config,
            provenance=self._origin,
        )
        write = partial(write_checkpoint, self._folder, checkpoint, keep=self._schedule.keep)

        def write_after_rows() -> None:
            for table in self._tables:
                table.sync()
            written = write()
            if written:
                progress.written("checkpoint", written, time)

        return write_after_rows

    def failed(self) -> Job:
        """Job that writes the unphysical state, under a name that is not used to resume."""
        assert self._simulation.failed
        checkpoint = checkpoint_of(
            self._simulation,
            state=read_later(self._simulation.failed.fields),
            config=self._config,
            provenance=self._origin,
        )
        return partial(write_checkpoint, self._folder, checkpoint, failed=True)


def run_job(folder: Path, job: Job) -> None:
    """Does a job that reads files which a run has written.

    Raises:
        RunError: one of them cannot be read again, which is not a mistake in the input.
    """
    try:
        job()
    except InputError as error:
        folder.stat()  # raises if the folder is gone, which is the reason then
        raise RunError(f"stopped while writing: {error}") from None


class Schedule:
    """Times of checkpoints, by simulated and by wall-clock time, and those kept for good."""

    def __init__(self, config: RunConfig, time: float) -> None:
        """Follows the output settings of a run from a time [day]."""
        self._interval, self._keep_every = config.output.checkpoints, config.output.keep_every
        self._wall_interval, self._last = config.output.checkpoint_every_wall, monotonic()
        self._count = self._number(time)
        self.keep = self._keep_every > 0  # the start, where branches may begin

    def _number(self, time: float) -> int:
        return int(complete_intervals(time, self._interval))

    def due(self, simulation: Simulation) -> bool:
        """Whether one is due after the step just taken; it always is at the end of a run."""
        before, self._count = self._count, self._number(simulation.time)
        crossed = self._count > before
        every = self._keep_every
        self.keep = every > 0 and self._count // every > before // every
        overdue = monotonic() - self._last >= self._wall_interval
        return crossed or overdue or simulation.finished

    def made(self) -> None:
        """Restarts the wall-clock interval."""
        self._last = monotonic()
