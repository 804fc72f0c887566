"""Results of a run, read from its folder while it goes on or long after."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tissue import display
from tissue.display import Displayed
from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage.layout import AXES
from tissue.storage.snapshot import (
    Snapshot,
    list_snapshots,
    read_provenance,
    read_snapshot,
)
from tissue.storage.tables import Columns, read_table

if TYPE_CHECKING:
    import xarray

DAY_ATOL = 1e-6
"""Difference up to which a time is that of a snapshot [day]: 0.1 s, far below any step."""


class Fields(Protocol):
    """Fields of one time: a `Snapshot` on disk, or one in memory."""

    @property
    def grid(self) -> Grid:
        """Voxels of the fields."""

    @property
    def time(self) -> float:
        """Simulated time [day]."""

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each field by name."""

    def field(self, name: str) -> NDArray[np.float32]:
        """One field [z, y, x].

        Raises:
            InputError: there is no such field.
        """


class Results(Displayed):
    """Results of a run: tables with a row for each step, and fields at the times of snapshots.

    Attributes:
        name: of the run.
        metrics: columns of metrics.csv, by name.
        ledger: columns of ledger.csv, by name.
        provenance: configuration, versions and hashes that made the run.
    """

    name: str
    metrics: Columns
    ledger: Columns
    provenance: Mapping[str, str]

    @property
    @abstractmethod
    def opened(self) -> Sequence[Fields]:
        """The snapshots, in order of time."""

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the snapshots [day]."""
        return np.array([each.time for each in self.opened])

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields in the snapshots."""
        return tuple(self.units)

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each field."""
        return self._first.units

    @property
    def grid(self) -> Grid:
        """Voxels of the fields, and their place in the space of the scanner."""
        return self._first.grid

    @property
    def coordinates(self) -> Mapping[str, NDArray[np.float64]]:
        """Positions of the voxel centers along the axes of the scan, from its first voxel [um]."""
        grid = self.grid
        return {
            axis: first + grid.spacing * np.arange(count, dtype=np.float64)
            for axis, count, first in zip(AXES, grid.shape, grid.origin, strict=True)
        }

    def field(
        self, name: str, index: int | None = None, *, day: float | None = None
    ) -> NDArray[np.float32]:
        """A field [z, y, x] of one snapshot, the last by default.

        Args:
            name: one of `fields`.
            index: number of the snapshot in `times`; negative from the end.
            day: its time instead [day].

        Raises:
            InputError: there is no such field, no snapshot of that day, or both were given.
        """
        if day is not None:
            if index is not None:
                raise InputError(
                    f"field got the index {index} and the day {day:g} of a snapshot; give one"
                )
            (found,) = np.nonzero(np.isclose(self.times, day, rtol=0, atol=DAY_ATOL))
            if not len(found):
                days = ", ".join(f"{time:g}" for time in self.times)
                raise InputError(f"{self.name} has no snapshot of day {day:g}; it has {days}")
            index = int(found[0])
        return self.opened[-1 if index is None else index].field(name)

    def to_xarray(self, names: str | Sequence[str] = ()) -> "xarray.Dataset":
        """Fields over time as a labeled dataset, each read from disk when its values are used.

        Args:
            names: of the fields, or the name of one; all by default.

        Raises:
            InputError: xarray is not installed, or there is no such field.
        """
        try:
            import xarray  # noqa: F401
        except ImportError:
            raise InputError("to_xarray needs the package xarray: pip install xarray") from None
        from tissue.storage.dataset import dataset

        return dataset(self, (names,) if isinstance(names, str) else tuple(names) or self.fields)

    def plot(self) -> Any:
        """Figure of the bone at the start and at the end, bone loss, and cells over time.

        A notebook shows it where it is the last value of a cell; elsewhere its method `savefig`
        writes it.

        Returns:
            A figure of matplotlib.

        Raises:
            InputError: a snapshot is damaged, or this module was imported without `tissue`.
        """
        if display.plot is None:
            raise InputError("plot needs the drawing code of tissue: import tissue first")
        return display.plot(self)

    @property
    def _first(self) -> Fields:
        if not self.opened:
            raise InputError(f"{self.name} holds no snapshots yet")
        return self.opened[0]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} {self.name!r}: {self._progress()}"]
        if self.opened:
            nz, ny, nx = self.grid.shape
            times = f"day {self.times[0]:g} to {self.times[-1]:g}, {nz} x {ny} x {nx} voxels"
            lines += [f"  {len(self.opened)} snapshots, {times} of {self.grid.spacing:g} um"]
            lines += [f"  fields {', '.join(self.fields)}"]
        return "\n".join(lines)

    def _progress(self) -> str:
        last = {name: values[-1] for name, values in self.metrics.items() if len(values)}
        if not {"time_day", "bv_tv", "bv_tv_change_percent"} <= last.keys():
            return "no metrics yet"
        since = f"{last['bv_tv_change_percent']:+.2f} % since day {self.metrics['time_day'][0]:g}"
        return f"day {last['time_day']:g}, BV/TV {last['bv_tv']:.4f} ({since})"


@dataclass(frozen=True, repr=False)
class Run(Results):
    """A run on disk; its fields are read when asked for.

    Attributes:
        folder: its folder.
        metrics: columns of metrics.csv, by name.
        ledger: columns of ledger.csv, by name.
        snapshots: files, in order of time.
    """

    folder: Path
    metrics: Columns
    ledger: Columns
    snapshots: tuple[Path, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Path of the folder."""
        return f"{self.folder}"

    @cached_property
    def opened(self) -> tuple[Snapshot, ...]:
        """The snapshots, in order of time, their arrays still on disk."""
        return tuple(read_snapshot(path) for path in self.snapshots)

    @cached_property
    def provenance(self) -> Mapping[str, str]:  # type: ignore[override]
        """Configuration, versions and hashes that made the run."""
        return read_provenance(self.snapshots[0]) if self.snapshots else {}


def open_run(folder: Path | str) -> Run:
    """Opens a run with all that it has written so far.

    Args:
        folder: of the run.

    Raises:
        InputError: the folder holds no run.
    """
    folder = Path(folder)
    return Run(
        folder,
        read_table(folder / "metrics.csv"),
        read_table(folder / "ledger.csv"),
        tuple(list_snapshots(folder)),
    )


def open_snapshots(folder: Path) -> Run | None:
    """Opens a run for its snapshots: its tables may be missing. None where it has none."""
    snapshots = tuple(list_snapshots(folder))
    if not snapshots:
        return None
    try:
        return open_run(folder)
    except InputError:
        none = Columns(folder, {})
        return Run(folder, none, none, snapshots)
