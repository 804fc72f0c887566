"""Contents of a report page: numbers, texts and packed volumes of a run."""

import base64
import gzip
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue import units
from tissue.analysis.blocks import block_means
from tissue.analysis.morphometry import MEASURES
from tissue.analysis.strength import solved
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

BONE = "bone_volume_fraction"
HEADLINES = {
    "bv_tv": ("BV/TV", ""),
    "surface_density_per_mm": ("BS/TV", "1/mm"),
    "osteoclasts_per_mm2": ("N.Oc/BS", "1/mm\N{SUPERSCRIPT TWO}"),
    "osteoblasts_per_mm2": ("N.Ob/BS", "1/mm\N{SUPERSCRIPT TWO}"),
    "stiffness_z_N_per_mm": ("stiffness, z", "N/mm"),
    "failure_load_z_N": ("failure load, z", "N"),
}
"""Metrics at the top of a page, with symbol and unit; the last two only of runs that have them."""

STRENGTH = ("stiffness_z_N_per_mm", "failure_load_z_N")
"""Metrics of runs whose mechanics is computed by finite elements."""

Values = NDArray[np.floating[Any]]


def collected(folder: Path) -> dict[str, Any]:
    """Contents of a page about a run except its name, as JSON types.

    Raises:
        InputError: the folder holds no run with a snapshot.
    """
    run = open_run(folder)
    if not run.snapshots:
        raise InputError(f"{folder} has no snapshots (snap_*.hdf); give the folder of a run")
    if not run.metrics["time_day"].size:
        raise InputError(f"{folder / 'metrics.csv'} has no rows yet; wait for the first")
    shown = [run.opened[i] for i in chosen(len(run.snapshots))]
    for each in shown:
        if each.grid != shown[0].grid:
            raise InputError(
                f"{each.path} has another grid than {shown[0].path}, and a page shows one: move "
                "snapshots of another run out of the folder"
            )
    text = _text(folder / "run.toml")
    grid = shown[0].grid
    return {
        "times": [each.time for each in shown],
        "left_out": len(run.snapshots) - len(shown),
        "grid": {"shape": grid.shape, "spacing": grid.spacing},
        "metrics": _metrics(run),
        "bone": [packed(_bytes(each.field(BONE), 0, 1)) for each in shown],
        "fields": {name: _field(shown, name) for name in run.fields},
        "morphometry": _morphometry(folder),
        "headlines": _headlines(run),
        "strength": _strength(run),
        "therapy": _therapy(text),
        "ledger": _ledger(run),
        "warnings": _warnings(folder / "run.log"),
        "run_file": text,
        "provenance": read_provenance(run.snapshots[0]),
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


def _field(snapshots: Sequence[Snapshot], name: str) -> dict[str, Any]:
    """Field with few enough voxels and bits for a page."""
    block = -(-max(snapshots[0].grid.shape) // LARGEST_EDGE)
    # the difference of two float32 may overflow
    series = [block_means(each.field(name), block).astype("f8") for each in snapshots]
    low = 0.0 if name == BONE else float(min(values.min() for values in series))
    high = 1.0 if name == BONE else max(_highest(name, values) for values in series)
    unit, long_name, *_ = FIELDS.get(name, ("", name))
    return {
        "unit": unit,
        "long_name": long_name,
        "low": low,
        "high": high,
        "shape": series[0].shape,
        "block": block,
        "data": [packed(_bytes(values, low, high)) for values in series],
    }


def _highest(name: str, values: Values) -> float:
    """Highest shown value of a field; a few voxels have many times the usual energy."""
    loaded = values[values > 0]
    if name == ENERGY_DENSITY and loaded.size:
        return float(np.quantile(loaded, SHOWN_ENERGY))
    return float(values.max())


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
        found.append({"label": label, "unit": unit, "start": start, "end": end, "change": change})
    return found


def _computed(run: Run, name: str) -> bool:
    """Whether a run has a metric at its start and at its end."""
    values = run.metrics.get(name)
    return values is not None and bool(np.isfinite(values[[0, -1]]).all())


def _strength(run: Run) -> bool:
    return all(_computed(run, name) for name in STRENGTH)


def _morphometry(folder: Path) -> dict[str, list[float | None]]:
    path = folder / "morphometry.csv"
    if not path.is_file():
        return {}
    table = read_table(path)
    return {name: _numbers(table[name]) for name in ("time_day", *MEASURES) if name in table}


def _therapy(text: str) -> list[dict[str, Any]]:
    """Doses of a run file; none where the file is damaged, which the command reports."""
    found = []
    try:
        for each in tomllib.loads(text).get("therapy", []):
            times = [units.parse(str(time), "day") for time in each["times"]]
            found.append({"drug": each["drug"], "dose": each["dose"], "times": times})
    except (ValueError, RecursionError, KeyError, TypeError, units.UnitError):
        return []
    return found


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


def differences(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Headlines of all runs at their end, with the change from the first run [%]."""
    first, *others = runs
    known = [{line["label"]: line["end"] for line in other["headlines"]} for other in others]
    return [
        {
            "label": line["label"],
            "unit": line["unit"],
            "first": line["end"],
            "others": [
                {
                    "end": ends[line["label"]],
                    "percent": 100 * (ends[line["label"]] / line["end"] - 1)
                    if line["end"]
                    else None,
                }
                for ends in known
            ],
        }
        for line in first["headlines"]
        if all(line["label"] in ends for ends in known)
    ]
