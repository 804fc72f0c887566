"""Common start of a run and its branches: snapshots of the parent, and changes since day 0."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tissue import units
from tissue.errors import InputError
from tissue.storage.results import Run
from tissue.storage.snapshot import list_snapshots, read_provenance, read_snapshot

Columns = Mapping[str, NDArray[np.float64]]

GENERATIONS = 8
"""Most branches of branches that are followed to their start [1]."""

SAME_TIME = 1e-6
"""Difference up to which two times are the same [day]."""


def branch_day(folder: Path) -> float | None:
    """Time at which a run left its parent [day]; None for a run without a parent.

    Raises:
        InputError: a snapshot cannot be read.
    """
    paths = list_snapshots(folder)
    text = read_provenance(paths[-1]).get("parent_time", "") if paths else ""
    try:
        return units.parse(text, "day") if text else None
    except units.UnitError:
        return None


def snapshots_since_start(folder: Path) -> list[Path]:
    """Snapshots of a run, before them those of its parent up to the branch.

    The parent is looked for where it was, and next to the branch. Its snapshots are left out where
    it is gone, has another grid or other fields.

    Raises:
        InputError: a snapshot of the run cannot be read.
    """
    return _since_start(folder, GENERATIONS)


def _since_start(folder: Path, generations: int) -> list[Path]:
    own = list_snapshots(folder)
    time = branch_day(folder)
    if not own or time is None or not generations:
        return own
    parent = parent_of(folder)
    if parent is None:
        return own
    try:
        first = read_snapshot(own[0])
        before = []
        for path in _since_start(parent, generations - 1):
            each = read_snapshot(path)
            if each.time > time - SAME_TIME:
                break
            if each.grid != first.grid or each.fields != first.fields:
                return own
            before.append(path)
    except InputError:  # the parent is damaged, and the branch is whole without it
        return own
    return [*before, *own]


def parent_of(folder: Path) -> Path | None:
    """Folder of the run that a branch left; None for no branch, or where it is gone."""
    paths = list_snapshots(folder)
    origin = read_provenance(paths[-1]) if paths else {}
    if not origin.get("parent"):
        return None
    written = Path(origin["parent"]).parent
    for place in (written, folder.resolve().parent / written.name):
        try:
            found = list_snapshots(place) if place.is_dir() else []
            hashes = {read_provenance(each).get("config_sha256") for each in found[:1] + found[-1:]}
        except InputError:
            continue
        if origin.get("parent_config_sha256") in hashes and not place.samefile(folder):
            return place
    return None


def since_start(run: Run) -> Run:
    """A run with the snapshots of its parent before the branch."""
    return dataclasses.replace(run, snapshots=tuple(snapshots_since_start(run.folder)))


def span(start: float, end: float) -> str:
    """Two times in words, such as 'day 0 to 14'."""
    return f"day {start:g} to {end:g}" if end != start else f"day {start:g}"


def percent(start: float, end: float) -> float:
    """Change of a value [%]; nan where it began at nothing."""
    return 100 * (end / start - 1) if start else math.nan


def signed(value: float, unit: str = "%", decimals: int = 1) -> str:
    """Number with its sign, as text; none at zero."""
    if not round(value, decimals):
        return f"{0:.{decimals}f} {unit}"
    return f"{value:+.{decimals}f} {unit}".replace("-", "\N{MINUS SIGN}")


def changes_in_words(
    name: str,
    metrics: Columns,
    branched: float | None = None,
    *,
    unit: str = "",
    digits: str = ".4f",
) -> list[str]:
    """A metric at its ends in words, with the time that each change counts from.

    Args:
        name: of the metric, as in metrics.csv.
        metrics: columns of metrics.csv, those of a branch with the rows of its parent.
        branched: time at which the run left its parent [day].
        unit: of the metric, for the sentences; empty for none.
        digits: format of its values.

    Returns:
        A sentence without a point about the change since the first row; for a branch with rows of
        its parent another one about the change since the branch.
    """
    times, values = metrics["time_day"], metrics[name]
    starts = [0]
    if branched is not None and times[0] < branched - SAME_TIME:
        starts.append(int(np.searchsorted(times, branched + SAME_TIME)) - 1)
    found: list[str] = []
    for index in starts:
        start, end = values[index], values[-1]
        before, after = (f"{value:{digits}} {unit}".rstrip() for value in (start, end))
        text = f"{before} on day {times[index]:g}, {after} on day {times[-1]:g}"
        change = percent(start, end)
        if math.isfinite(change) and index != len(times) - 1:
            text += f" ({signed(change, decimals=2)})"
        found.append(text if not found else f"since the branch: {text}")
    return found
