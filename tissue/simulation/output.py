"""What a run writes while it goes: snapshots to look at, checkpoints to go on from."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import jax
import jax.numpy as jnp
from jax import Array, lax

from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.disk import KEPT_BITS, intervals_over
from tissue.simulation.progress import Progress
from tissue.simulation.resume import held, held_fields
from tissue.simulation.simulation import Simulation
from tissue.storage.checkpoint import write_checkpoint
from tissue.storage.index import write_series
from tissue.storage.snapshot import list_snapshots, write_snapshot
from tissue.storage.tables import Table

EXACT = "bone_volume_fraction"
"""The field that snapshots keep bit for bit."""

Write = Callable[[], object]


@jax.jit
def rounded(fields: dict[str, Array]) -> dict[str, Array]:
    """Fields as snapshots keep them: the last bits of a smooth field are noise that fills disks.

    The bone is kept as it is. Others are off by at most 2^-(KEPT_BITS + 1), relative.
    """
    return {
        name: values
        if name == EXACT
        else lax.reduce_precision(values.astype(jnp.float32), 8, KEPT_BITS)
        for name, values in fields.items()
    }


class Output:
    """Makes what is written of a simulation as it is now; the writing itself may come later."""

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
            simulation: what is written of.
            origin: its provenance.
            tables: those that have a row for each step.
            progress: is told of every file that is written.
            measure: called with the folder after each snapshot, in the background.
        """
        self._folder, self._simulation, self._origin = folder, simulation, origin
        self._tables, self._progress, self._measure = tables, progress, measure
        self._config = resolved_toml(simulation.config)
        self._schedule = Schedule(simulation.config, simulation.time)

    def snapshot(self) -> Write:
        """To write what people look at."""
        simulation, folder, measure = self._simulation, self._folder, self._measure
        progress, time = self._progress, simulation.time
        fields = rounded(simulation.fields())
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

        def write_both() -> None:
            progress.written("snapshot", write(), time)
            write_series(folder, list_snapshots(folder))
            if measure:
                measure(folder)

        return write_both

    def checkpoint_due(self) -> bool:
        """Whether a checkpoint is due after the step just taken."""
        return self._schedule.due(self._simulation)

    def checkpoint(self) -> Write:
        """To write what the rest of the run depends on, after the rows that it stands on."""
        self._schedule.made()
        progress, time = self._progress, self._simulation.time
        write = partial(
            write_checkpoint,
            self._folder,
            **held(self._simulation),
            rows={table.path.name: table.rows for table in self._tables},
            config=self._config,
            provenance=self._origin,
            keep=self._schedule.keep,
        )

        def write_after_rows() -> None:
            for table in self._tables:
                table.sync()
            progress.written("checkpoint", write(), time)

        return write_after_rows

    def failed(self) -> Write:
        """To write the state that was not physical, under a name that no one resumes from."""
        simulation = self._simulation
        assert simulation.failed
        return partial(
            write_checkpoint,
            self._folder,
            **held(simulation) | {"state": held_fields(simulation.failed)},
            rows={},
            config=self._config,
            provenance=self._origin,
            failed=True,
        )


class Schedule:
    """When checkpoints are due, in simulated time and on the wall, and which are kept for good."""

    def __init__(self, config: RunConfig, time: float) -> None:
        """Follows the output settings of a run from a time on [day]."""
        self._interval, self._keep_every = config.output.checkpoints, config.output.keep_every
        self._longest_wall, self._last = config.output.checkpoint_every_wall, monotonic()
        self._count = self._number(time)
        self.keep = self._keep_every > 0  # the start, from which branches may go

    def _number(self, time: float) -> int:
        return int(intervals_over(time, self._interval))

    def due(self, simulation: Simulation) -> bool:
        """Whether one is due after the step just taken; the end of a run always has one."""
        before, self._count = self._count, self._number(simulation.time)
        crossed = self._count > before
        each = self._keep_every
        self.keep = each > 0 and self._count // each > before // each
        overdue = monotonic() - self._last >= self._longest_wall
        return crossed or overdue or simulation.finished

    def made(self) -> None:
        """Starts the clock on the wall anew."""
        self._last = monotonic()
