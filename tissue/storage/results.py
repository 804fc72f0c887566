"""A run on disk, to be read while it goes on or long after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.storage.frame import place_attributes
from tissue.storage.snapshot import (
    AXES,
    FIELDS,
    Snapshot,
    list_snapshots,
    read_snapshot,
    scale_name,
)
from tissue.storage.tables import read_table

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Run:
    """A run on disk; fields are read when asked for.

    Attributes:
        folder: where it lies.
        metrics: columns of metrics.csv.
        ledger: columns of ledger.csv.
        snapshots: files, in order of time.
    """

    folder: Path
    metrics: Mapping[str, NDArray[np.float64]]
    ledger: Mapping[str, NDArray[np.float64]]
    snapshots: tuple[Path, ...]

    @cached_property
    def opened(self) -> tuple[Snapshot, ...]:
        """The snapshots, their arrays still on disk."""
        return tuple(read_snapshot(path) for path in self.snapshots)

    @property
    def times(self) -> NDArray[np.float64]:
        """Of the snapshots [day]."""
        return np.array([each.time for each in self.opened])

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields in the snapshots."""
        return self._first.fields

    @property
    def units(self) -> Mapping[str, str]:
        """Unit of each field."""
        return self._first.units

    @property
    def coordinates(self) -> Mapping[str, NDArray[np.float64]]:
        """Positions of the voxel centers along the axes of the scan, from its first voxel [um]."""
        grid = self._first.grid
        places = zip(AXES, grid.shape, grid.origin, strict=True)
        return {
            axis: first + grid.spacing * np.arange(count, dtype=np.float64)
            for axis, count, first in places
        }

    def field(self, name: str, index: int = -1) -> NDArray[np.float32]:
        """A field [z, y, x] of the snapshot at `index`, the last by default."""
        return self.opened[index].field(name)

    def to_xarray(self, names: Sequence[str] = ()) -> "xarray.Dataset":
        """Fields over time as a labeled dataset, read into memory.

        Args:
            names: of the fields; all by default.

        Raises:
            InputError: xarray is not installed, or there is no such field.
        """
        try:
            import xarray
        except ImportError:
            raise InputError("to_xarray needs the package xarray: pip install xarray") from None
        axes = {
            axis: (axis, at, {"units": "um", "long_name": scale_name(axis)})
            for axis, at in self.coordinates.items()
        }
        variables = {
            name: (
                ("time", *AXES),
                np.stack([each.field(name) for each in self.opened]),
                {"units": self.units.get(name), "long_name": FIELDS[name][1]},
            )
            for name in names or self.fields
        }
        time = ("time", self.times, {"units": "day"})
        place = place_attributes(self._first.grid)
        return xarray.Dataset(variables, coords={"time": time, **axes}, attrs=place)

    @property
    def _first(self) -> Snapshot:
        if not self.snapshots:
            raise InputError(f"{self.folder} holds no snapshots yet")
        return self.opened[0]


def unique_labels(folders: Sequence[Path]) -> list[str]:
    """Names of runs: of their folders, with as many of the folders above as tell them apart."""
    parts = [folder.resolve().parts[1:] for folder in folders]
    for depth in range(1, max([1, *map(len, parts)]) + 1):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names


def open_run(folder: Path | str) -> Run:
    """What a run has written so far.

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
