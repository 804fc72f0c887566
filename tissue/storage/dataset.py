"""Results of a run as an xarray dataset whose fields stay on disk until they are used."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray import Dataset, Variable
from xarray.backends import BackendArray
from xarray.core.indexing import (
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

from tissue.model.fields import FIELDS
from tissue.storage.frame import frame_attributes
from tissue.storage.layout import AXES, scale_name
from tissue.storage.results import Fields, Results


class _FieldOverTime(BackendArray):  # type: ignore[misc]
    """One field [time, z, y, x], of which only the snapshots that an index selects are read."""

    def __init__(self, snapshots: Sequence[Fields], name: str) -> None:
        self.shape = (len(snapshots), *snapshots[0].grid.shape)
        self.dtype = np.dtype("float32")
        self._snapshots, self._name = snapshots, name

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        time, *inside = key
        chosen = np.arange(self.shape[0])[time]
        if chosen.ndim == 0:
            return self._part(int(chosen), inside)
        parts = [self._part(int(index), inside) for index in chosen]
        return np.stack(parts) if parts else self._part(0, inside)[np.newaxis][:0]

    def _part(self, index: int, inside: list[Any]) -> NDArray[np.float32]:
        values = self._snapshots[index].field(self._name)
        for axis in (2, 1, 0):  # a number takes its axis away, so the last axis is first
            values = values[(slice(None),) * axis + (inside[axis],)]
        return values


def dataset(run: Results, names: Sequence[str]) -> Dataset:
    """Fields over time as a dataset with units, full names, coordinates and provenance.

    Args:
        run: what is read; its snapshots are opened, their fields are not.
        names: of the fields.

    Raises:
        InputError: there is no snapshot or no such field.
    """
    grid = run.grid
    axes = {
        axis: (axis, at, {"units": "um", "long_name": scale_name(axis)})
        for axis, at in run.coordinates.items()
    }
    time = ("time", run.times, {"units": "day", "long_name": "simulated time"})
    for name in names:
        if name not in run.units:
            run.field(name, 0)  # refuses it, and names those that there are
    variables = {
        name: Variable(
            ("time", *AXES),
            LazilyIndexedArray(_FieldOverTime(run.opened, name)),
            {"units": run.units[name], "long_name": FIELDS[name].long_name},
        )
        for name in names
    }
    attributes = {**frame_attributes(grid), **run.provenance}
    return Dataset(variables, coords={"time": time, **axes}, attrs=attributes)
