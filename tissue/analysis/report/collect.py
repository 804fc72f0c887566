"""Contents of a report page: numbers, texts and packed volumes of a run."""

import base64
import gzip
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue.analysis.blocks import block_means
from tissue.analysis.common_start import (
    GENERATIONS,
    SAME_TIME,
    branch_day,
    parent_of,
    percent,
    since_start,
)
from tissue.analysis.courses import PER_MM2
from tissue.analysis.displacement import at_surface, moved
from tissue.analysis.morphometry import MEASURES
from tissue.analysis.strength import solved
from tissue.analysis.treatment import regimens
from tissue.errors import InputError
from tissue.model.fields import ENERGY_DENSITY, FIELDS
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import Snapshot, read_provenance
from tissue.storage.tables import read_table

MOST_TIMES = 12
"""Most snapshots of a page [1]; of more, evenly spaced ones are used."""

LARGEST_EDGE = 64
"""Most voxels along an edge of a field in a page [1]; the bone has all its voxels."""

SHOWN_ENERGY = 0.98
"""Share of the loaded voxels [1] whose strain energy the colors of a page distinguish."""

SOLID = 0.5
"""Bone volume fraction from which a block of voxels is bone [1]."""

LEAST_MOVED = 0.05
"""Least distance at the end of the color scale [voxel]."""

SHOWN_DISTANCES = 0.98
"""Share of the surface whose distances the colors of a page distinguish [1]."""

ROUND = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
"""Ends of a scale over a power of ten [1]: so close that most of its colors are used."""

BONE = "bone_volume_fraction"
HEADLINES = {
    "bv_tv": ("BV/TV", ""),
    "osteoclasts_per_mm2": ("osteoclasts, N.Oc/BS", PER_MM2),
    "osteoblasts_per_mm2": ("osteoblasts, N.Ob/BS", PER_MM2),
    "stiffness_z_N_per_mm": ("stiffness, z", "N/mm"),
    "failure_load_z_N": ("failure load, z", "N"),
}
"""Metrics at the top of a page, with symbol and unit; the last two only of runs that have them.
BS/TV is that of the morphometry alone, as the model counts surface in another way."""

STRENGTH = ("stiffness_z_N_per_mm", "failure_load_z_N")
"""Metrics of runs whose mechanics is computed by finite elements."""

Values = NDArray[np.floating[Any]]


def collected(folder: Path) -> dict[str, Any]:
    """Contents of a page about a run except its name, as JSON types.

    Raises:
        InputError: the folder holds no run with a snapshot.
    """
    own = open_run(folder)
    if not own.snapshots:
        raise InputError(f"{folder} has no snapshots (snap_*.hdf); give the folder of a run")
    if not own.metrics["time_day"].size:
        raise InputError(f"{folder / 'metrics.csv'} has no rows yet; wait for the first")
    run = since_start(own)
    shown = [run.opened[i] for i in chosen(len(run.snapshots))]
    for each in shown:
        if each.grid != shown[0].grid:
            raise InputError(
                f"{each.path} has another grid than {shown[0].path}, and a page shows one: move "
                "snapshots of another run out of the folder"
            )
    text = _text(folder / "run.toml")
    grid = shown[0].grid
    bones = [each.field(BONE) for each in shown]
    return {
        "times": [each.time for each in shown],
        "left_out": len(run.snapshots) - len(shown),
        "branched": branch_day(folder),
        "grid": {"shape": grid.shape, "spacing": grid.spacing, "origin": grid.origin},
        "metrics": _metrics(run),
        "bone": [packed(_bytes(each, 0, 1)) for each in bones],
        "fields": {name: _field(shown, bones, name) for name in run.fields},
        "moved": _moved(bones, grid.spacing),
        "morphometry": _morphometry(folder),
        "headlines": _headlines(run),
        "strength": _strength(run),
        "therapy": [each._asdict() for each in regimens(text)],
        "ledger": _ledger(run),
        "warnings": _warnings(folder / "run.log"),
        "run_file": text,
        "provenance": read_provenance(own.snapshots[-1]),
    }


def chosen(count: int) -> list[int]:
    """Indices of the snapshots of a page out of `count`, with the first and the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_TIMES))})


def packed(values: NDArray[np.uint8]) -> str:
    """Compressed bytes as text of a page."""
    return base64.b64encode(gzip.compress(values.tobytes(), 6, mtime=0)).decode("ascii")


def _bytes(values: Values, low: float, high: float) -> NDArray[np.uint8]:
    scaled = (values - low) / (high - low if high > low else 1.0)
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def _field(snapshots: Sequence[Snapshot], bones: Sequence[Values], name: str) -> dict[str, Any]:
    """Field with few enough voxels and bits for a page, each time with the range it has."""
    block = -(-max(snapshots[0].grid.shape) // LARGEST_EDGE)
    # the difference of two float32 may overflow
    series = [block_means(each.field(name), block).astype("f8") for each in snapshots]
    where = place(name)
    ranges = []
    for values, bone in zip(series, bones, strict=True):
        solid = block_means(bone, block) >= SOLID
        inside = {"marrow": ~solid, "bone": solid}.get(where)
        seen = values if inside is None or not inside.any() else values[inside]
        seen = seen[np.isfinite(seen)] if np.isfinite(seen).any() else np.zeros(1)
        ranges.append((0.0, 1.0) if name == BONE else (float(seen.min()), _highest(name, seen)))
    unit, long_name, *_ = FIELDS.get(name, ("", name))
    return {
        "unit": unit,
        "long_name": long_name,
        "where": where,
        "low": [low for low, _ in ranges],
        "high": [high for _, high in ranges],
        "shape": series[0].shape,
        "block": block,
        "data": [
            packed(_bytes(np.nan_to_num(values), *ends))
            for values, ends in zip(series, ranges, strict=True)
        ],
    }


def _highest(name: str, values: Values) -> float:
    """Highest shown value of a field; a few voxels have many times the usual energy."""
    loaded = values[values > 0]
    if name == ENERGY_DENSITY and loaded.size:
        return float(np.quantile(loaded, SHOWN_ENERGY))
    return float(values.max())


def place(name: str) -> str:
    """Part of the tissue that a field describes: marrow, bone, or all of it."""
    if name == BONE or name in (ENERGY_DENSITY, "load_stimulus"):
        return "bone"
    known = FIELDS.get(name)
    return "marrow" if known and (known.unit == "pM" or "precursors" in name) else "tissue"


def _moved(bones: Sequence[Values], spacing: float) -> dict[str, Any]:
    """Distances of surfaces from that at the start, their medians, and the end of a scale [um]."""
    distances = [moved(bones[0], each, spacing) for each in bones[1:]]
    shown = [at_surface(each, bone) for each, bone in zip(distances, bones[1:], strict=True)]
    sizes = [float(np.quantile(np.abs(each), SHOWN_DISTANCES)) for each in shown if each.size]
    largest = round_up(max([LEAST_MOVED * spacing, *sizes]))
    medians = [float(np.median(each)) if each.size else None for each in shown]
    data = [packed(_bytes(each, -largest, largest)) for each in distances]
    return {"largest": largest, "medians": [None, *medians], "data": ["", *data]}


def round_up(value: float) -> float:
    """Least of `ROUND` times a power of ten that is not below a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(k * power for k in ROUND if k * power >= value * 0.9999))


def _metrics(run: Run) -> dict[str, list[float | None]]:
    """Columns of metrics.csv; strength only where it was computed anew."""
    found = {name: _numbers(column) for name, column in run.metrics.items()}
    anew = solved(run.metrics)
    for name in STRENGTH:
        if name in found:
            found[name] = [
                value if new else None for value, new in zip(found[name], anew, strict=True)
            ]
    return found


def _numbers(column: Values) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in column]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _headlines(run: Run) -> list[dict[str, Any]]:
    found = []
    for name, (label, unit) in HEADLINES.items():
        if name in STRENGTH and not _computed(run, name):
            continue
        start, end = (float(x) for x in run.metrics[name][[0, -1]])
        change = 100 * (end / start - 1) if start else None
        found.append(
            {
                "name": name,
                "label": label,
                "unit": unit,
                "start": start,
                "end": end,
                "change": change,
            }
        )
    return found


def _computed(run: Run, name: str) -> bool:
    """Whether a run has a metric at its start and at its end."""
    values = run.metrics.get(name)
    return values is not None and bool(np.isfinite(values[[0, -1]]).all())


def _strength(run: Run) -> bool:
    return all(_computed(run, name) for name in STRENGTH)


def _morphometry(folder: Path) -> dict[str, list[float | None]]:
    """Measures of the snapshots, those of a branch with the start of its parent before them."""
    found = _measured(folder)
    origin = folder
    for _ in range(GENERATIONS):
        parent, time = parent_of(origin), branch_day(origin)
        if not found or parent is None or time is None:
            break
        before, origin = _measured(parent), parent
        if before and before["time_day"][0] is not None and before["time_day"][0] < time:
            found = {name: [before.get(name, [None])[0], *values] for name, values in found.items()}
    return found


def _measured(folder: Path) -> dict[str, list[float | None]]:
    path = folder / "morphometry.csv"
    if not path.is_file():
        return {}
    table = read_table(path)
    return {name: _numbers(table[name]) for name in ("time_day", *MEASURES) if name in table}


def _ledger(run: Run) -> list[dict[str, Any]]:
    """Largest residual of every budget."""
    suffix = "_residual"
    return [
        {"name": name.removesuffix(suffix).replace("_", " "), "residual": float(column.max())}
        for name, column in run.ledger.items()
        if name.endswith(suffix) and column.size
    ]


def _warnings(log: Path) -> list[str]:
    marks = (" WARNING ", " ERROR ")
    return [
        line.partition(mark)[2]
        for line in _text(log).splitlines()
        for mark in marks
        if mark in line
    ]


def differences(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Metrics of all runs on the last day that all have, with their changes since the start.

    Returns:
        The days of the comparison, and a line for each metric: its value at the start and at the
        end of each run, the change of each [%], and the difference of the changes of each from
        that of the first run [percentage point]; no lines where the runs share no span of days.
    """
    start = max(run["metrics"]["time_day"][0] for run in runs)
    end = min(run["metrics"]["time_day"][-1] for run in runs)
    lines = []
    for line in runs[0]["headlines"] if start < end else ():
        name = line["name"]
        if not all(any(each["name"] == name for each in run["headlines"]) for run in runs):
            continue
        arms: list[dict[str, float | None]] = []
        for run in runs:
            before, after = (_at(run["metrics"], name, day) for day in (start, end))
            change = 100 * (after / before - 1) if before else None
            first = arms[0]["change"] if arms else change
            points = None if change is None or first is None else change - first
            arms.append({"start": before, "end": after, "change": change, "points": points})
        lines.append({"label": line["label"], "unit": line["unit"], "arms": arms})
    return {"start": start, "end": end, "lines": lines}


def since_first_dose(
    runs: Sequence[Mapping[str, Any]], start: float, end: float
) -> dict[float, list[tuple[str, float]]]:
    """Changes of BV/TV from a first dose to the end, of arms that began untreated.

    Args:
        runs: the arms.
        start: first day of the comparison.
        end: its last day.

    Returns:
        For each day of a first dose between the two, name and change [%] of each arm that has its
        first dose on that day or no dose before the end.
    """
    firsts = []
    for run in runs:
        times = [time for each in run["therapy"] for time in each["times"] if time < end]
        firsts.append(min(times, default=math.inf))
    days = sorted({day for day in firsts if start + SAME_TIME < day < math.inf})
    return {
        day: [
            (run["name"], percent(*(_at(run["metrics"], "bv_tv", time) for time in (day, end))))
            for run, first in zip(runs, firsts, strict=True)
            if first in (day, math.inf)
        ]
        for day in days
    }


def _at(metrics: Mapping[str, Sequence[float | None]], name: str, day: float) -> float:
    """Value of a metric on a day, between two rows in proportion."""
    known = [
        (time, value)
        for time, value in zip(metrics["time_day"], metrics[name], strict=True)
        if time is not None and value is not None
    ]
    times, values = zip(*known, strict=True)
    return float(np.interp(day, times, values))
