"""Export of a field over time to one file, in the space and units of the scan.

A series is read from the snapshots one time after the other, so that it may be larger than the
memory.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.model.fields import FIELDS
from tissue.storage.deflate import GzipFile
from tissue.storage.export import (
    GZIP_LEVEL,
    MAX_CLASSIC_TIFF,
    Values,
    imagej_options,
    nifti_header,
    nifti_text,
    ome_options,
    refuse_fields,
    write_complete,
)
from tissue.storage.names import day_name
from tissue.storage.snapshot import Snapshot, read_snapshot

TIME_RTOL = 1e-6
"""Difference of two steps in time up to which they count as equal [1]."""


@dataclass(frozen=True)
class FieldSeries:
    """A field over time, read from disk one time after the other.

    Attributes:
        snapshots: one or more, in order of time, of one grid.
        name: of the field.
    """

    snapshots: Sequence[Snapshot]
    name: str

    @property
    def grid(self) -> Grid:
        """Voxels of all times."""
        return self.snapshots[0].grid

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Counts of times and voxels [time, z, y, x]."""
        return (len(self.snapshots), *self.grid.shape)

    @property
    def bytes(self) -> int:
        """Size of all values as float32."""
        return 4 * len(self.snapshots) * self.grid.voxels

    @property
    def times(self) -> NDArray[np.float64]:
        """Simulated times [day]."""
        return np.array([each.time for each in self.snapshots])

    @property
    def step(self) -> float:
        """Mean time between two snapshots [day]; 0 for a single one."""
        times = self.times
        return float(times[-1] - times[0]) / max(len(times) - 1, 1)

    @property
    def evenly_spaced(self) -> bool:
        """Whether all times are `step` apart."""
        return bool(np.allclose(np.diff(self.times), self.step, rtol=TIME_RTOL, atol=0))

    @property
    def title(self) -> str:
        """Name, unit and span of time in one line."""
        first, last = self.times[[0, -1]]
        return f"{self.name} [{FIELDS[self.name].unit}], day {first:g} to {last:g}"

    def values(self) -> Iterator[Values]:
        """Yields the field [z, y, x] of each time."""
        for each in self.snapshots:
            yield each.field(self.name)

    def limits(self) -> tuple[float, float]:
        """Smallest and largest value over all times."""
        ends = [(float(values.min()), float(values.max())) for values in self.values()]
        return min(low for low, _ in ends), max(high for _, high in ends)


def export_series(
    paths: Sequence[Path], folder: Path, fields: tuple[str, ...], kind: str
) -> Iterator[Path]:
    """Writes each field over time as one file, complete under its name or absent.

    Args:
        paths: snapshots, one or more, in order of time.
        folder: of the files, which are named as il1_day0000.000_day0028.000.nii.gz.
        fields: their names; empty for all fields.
        kind: one of SERIES_KINDS.

    Yields:
        The path of each file.

    Raises:
        InputError: a snapshot lacks a field or has another grid, or the series is too large for
            the format.
        OSError: the folder cannot be written to.
    """
    suffix, write = SERIES_KINDS[kind]
    snapshots = [read_snapshot(path) for path in paths]
    for each in snapshots:
        refuse_fields(each, fields or snapshots[0].fields if each is not snapshots[0] else fields)
        if each.grid != snapshots[0].grid:
            raise InputError(
                f"{each.path} has another grid than {snapshots[0].path}; choose snapshots of one"
                " grid with --times"
            )
    span = "_".join(day_name(each.time) for each in (snapshots[0], snapshots[-1]))
    for name in fields or snapshots[0].fields:
        series = FieldSeries(snapshots, name)
        if kind == "imagej" and series.bytes > MAX_CLASSIC_TIFF:
            raise InputError(
                f"{name} over {len(paths)} times needs {series.bytes / 1e9:.1f} GB, and a TIFF of"
                " ImageJ holds 4.2 GB; use --to ome-tiff, or choose fewer times with --times"
            )
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}_{span}{suffix}"
        write_complete(path, partial(write, series=series))
        yield path


def lost_times(paths: Sequence[Path], kind: str) -> str:
    """Note on times that a format has no place for, in one line; empty where it keeps them."""
    snapshots = [read_snapshot(path) for path in paths]
    if kind not in WITHOUT_TIMES or FieldSeries(snapshots, "").evenly_spaced:
        return ""
    days = ", ".join(f"{each.time:g}" for each in snapshots)
    return f"{WITHOUT_TIMES[kind]}: day {days}"


def _nifti(path: Path, series: FieldSeries) -> None:
    notes = {
        "field": series.name,
        "unit": FIELDS[series.name].unit,
        "times_day": series.times.tolist(),
    }
    # ITK refuses an image whose voxels have no length in time
    header = nifti_header(series.grid, series.shape, series.step or 1.0, json.dumps(notes))
    header["descrip"] = nifti_text(series.title)
    header["cal_min"], header["cal_max"] = series.limits()
    with GzipFile(path, "wb", GZIP_LEVEL) as file:
        header.write_to(file)
        for values in series.values():
            file.write(np.ascontiguousarray(values, "<f4").data)


def _ome_tiff(path: Path, series: FieldSeries) -> None:
    planes = np.repeat(series.times, series.grid.shape[0])
    metadata: dict[str, Any] = {
        "axes": "TZYX",
        "Plane": {"DeltaT": planes.tolist(), "DeltaTUnit": ["d"] * planes.size},
    }
    if series.evenly_spaced and series.step:
        metadata |= {"TimeIncrement": series.step, "TimeIncrementUnit": "d"}
    _write_planes(path, series, ome_options(series.name, series.grid, metadata))


def _imagej(path: Path, series: FieldSeries) -> None:
    labels = [f"{series.name}, day {day:g}" for day in series.times]
    metadata = {
        "axes": "TZYX",
        "finterval": series.step,
        "tunit": "day",
        "Labels": np.repeat(labels, series.grid.shape[0]).tolist(),
    }
    _write_planes(path, series, imagej_options(series.grid, series.limits(), metadata))


def _write_planes(path: Path, series: FieldSeries, options: Mapping[str, object]) -> None:
    tifffile.imwrite(
        path,
        (plane for values in series.values() for plane in values),
        shape=series.shape,
        dtype="<f4",
        bigtiff=series.bytes > MAX_CLASSIC_TIFF,
        **options,
    )


class WriteSeries(Protocol):
    """Writer of a format."""

    def __call__(self, path: Path, series: FieldSeries) -> None:
        """Writes a field over time."""


SERIES_KINDS: Mapping[str, tuple[str, WriteSeries]] = {
    "nifti-4d": (".nii.gz", _nifti),
    "ome-tiff": (".ome.tif", _ome_tiff),
    "imagej": (".tif", _imagej),
}
"""Formats of one file over time, by name: suffix and writer."""

WITHOUT_TIMES: Mapping[str, str] = {
    "nifti-4d": "NIfTI holds one step between times; they are unequal, and in its extension",
    "imagej": "ImageJ holds one frame interval; the times are unequal, and in the slice labels",
}
"""Formats that hold one step between times, and where they store unequal ones."""
