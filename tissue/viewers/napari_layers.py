"""Layers of napari: each field of a run over time, read from disk when it is shown.

This module does not import napari, which calls `reader` for the files of a run.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue.storage.export_series import FieldSeries
from tissue.storage.index import INDEX, SERIES
from tissue.storage.layout import DEFAULT_FIELD
from tissue.storage.results import Run, open_snapshots
from tissue.storage.snapshot import Snapshot, is_snapshot
from tissue.viewers.appearance import BONE_COLOR, Appearance, appearances, shown_field

Layer = tuple[Any, dict[str, Any], str]
"""Data, properties and kind of a layer."""

VIRIDIS = (
    *((0.254, 0.265, 0.530), (0.207, 0.372, 0.553), (0.164, 0.471, 0.558)),
    *((0.128, 0.567, 0.551), (0.135, 0.659, 0.518), (0.267, 0.749, 0.441)),
    *((0.478, 0.821, 0.318), (0.741, 0.873, 0.150), (0.993, 0.906, 0.144)),
)
"""Red, green and blue [1] of viridis of matplotlib at evenly spaced places: no color of bone. Its
first fifth is left out, which is too dark for a black window."""

SURFACE = 0.5
"""Bone volume fraction at the surface of bone [1]."""


class FieldOverTime:
    """A field [time, z, y, x] of which only the times that an index selects are read."""

    dtype = np.dtype("float32")
    ndim = 4

    def __init__(self, snapshots: Sequence[Snapshot], name: str) -> None:
        self.shape = FieldSeries(snapshots, name).shape
        # a slider reads many planes of one time
        self._read = lru_cache(maxsize=2)(lambda index: snapshots[index].field(name))

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        time, *inside = key if isinstance(key, tuple) else (key,)
        if time is Ellipsis:
            return np.asarray(self)[key]
        chosen = np.arange(self.shape[0])[time]
        if chosen.ndim == 0:
            return np.asarray(self._read(int(chosen))[tuple(inside)])
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        parts = [self._read(int(index))[np.newaxis] for index in chosen]
        return np.concatenate([empty, *parts])[(slice(None), *inside)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float32]:
        return self[:].astype(dtype or self.dtype)


def layers(run: Run, field: str = "") -> list[Layer]:
    """Layers of a run: the bone as a surface, and each field on a plane through it.

    Args:
        run: with one snapshot or more.
        field: that is visible besides the bone; empty for RANKL, where there is.

    Raises:
        InputError: the run has no snapshot or no such field.
    """
    looks = appearances(run)
    visible = shown_field(run, field)
    common = _placed(run)
    made: list[Layer] = []
    for name, look in looks.items():
        properties = {
            **common,
            "name": look.title,
            "contrast_limits": (look.low, look.high),
            "metadata": {
                "field": name,
                "unit": look.unit,
                "times_day": run.times.tolist(),
                "folder": str(run.folder),
            },
        }
        properties |= _bone(run) if name == DEFAULT_FIELD else _plane(run, look, name == visible)
        made.append((FieldOverTime(run.opened, name), properties, "image"))
    # napari draws the first layer below the others
    return sorted(made, key=lambda layer: layer[1]["metadata"]["field"] != DEFAULT_FIELD)


def _placed(run: Run) -> dict[str, Any]:
    """Scale, place and units of the axes [time, z, y, x]: days where they are evenly spaced."""
    series, edge = FieldSeries(run.opened, DEFAULT_FIELD), run.grid.spacing
    in_days = series.evenly_spaced and series.step > 0
    return {
        "scale": (series.step if in_days else 1.0, edge, edge, edge),
        "translate": (float(series.times[0]) if in_days else 0.0, *run.grid.origin),
        "units": ("day" if in_days else "pixel", "um", "um", "um"),
        "axis_labels": ("time", "z", "y", "x"),
    }


def _bone(run: Run) -> Mapping[str, Any]:
    return {
        "rendering": "iso",
        "iso_threshold": SURFACE,
        "colormap": {"name": "bone tissue", "colors": [(0.0, 0.0, 0.0), BONE_COLOR, BONE_COLOR]},
        "blending": "translucent",
    }


def _plane(run: Run, look: Appearance, visible: bool) -> Mapping[str, Any]:
    middle = tuple((count - 1) / 2 for count in run.grid.shape)
    return {
        "colormap": {"name": look.label, "colors": VIRIDIS, "controls": look.shares},
        "blending": "translucent",
        "opacity": 0.8,
        "visible": visible,
        "depiction": "plane",
        "plane": {"position": middle, "normal": (1.0, 0.0, 0.0), "thickness": 1.0},
    }


def reader(path: str | Sequence[str]) -> Callable[[Any], list[Layer]] | None:
    """Function of napari's plugin that reads a run, its index, or some of its snapshots.

    Args:
        path: folder, run.hdf, run.hdf.series, or one or more snapshots.

    Returns:
        A function that gives the layers; None where these files are not of a run.
    """
    run = _run_of([Path(each) for each in ([path] if isinstance(path, str) else path)])
    return None if run is None else lambda _: layers(run)


def _run_of(paths: Sequence[Path]) -> Run | None:
    if len(paths) == 1:
        folder = paths[0].parent if paths[0].name in (INDEX, SERIES) else paths[0]
        if folder.is_dir():
            return open_snapshots(folder)
    if not paths or not all(is_snapshot(each) for each in paths):
        return None
    whole = open_snapshots(paths[0].parent)
    wanted = {each.resolve() for each in paths}
    chosen = tuple(each for each in (whole.snapshots if whole else ()) if each.resolve() in wanted)
    return Run(whole.folder, whole.metrics, whole.ledger, chosen) if whole and chosen else None
