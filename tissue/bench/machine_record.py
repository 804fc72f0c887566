"""Record of the measurements of one machine, kept as JSON, and its comparison with another's."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tissue.bench.measurement import Measurement
from tissue.errors import InputError, shown
from tissue.machine import bandwidth, device, host

FORM = "tissue bench"
"""Value of the key `made_by` of a record."""


def described(triad: bandwidth.Bandwidth) -> dict[str, Any]:
    """Description of this machine; call it before measuring, for the load of other work."""
    return {
        "made_by": FORM,
        "date": time.strftime("%Y-%m-%d"),
        "device": device.device_summary(),
        "processor": host.processor(),
        "cores": host.cores(),
        "busy_percent": host.busy_percent(),
        "bandwidth_gb_per_s": triad.triad,
        "bandwidth_by": triad.how,
    } | device.versions()


def read(path: Path) -> dict[str, Any]:
    """Record that `tissue bench --json` printed.

    Raises:
        InputError: it cannot be read, or is not one.
    """
    made = "make one with tissue bench --json > FILE"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{shown(path)} cannot be read ({error.strerror or error}); {made}"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{shown(path)} is not JSON, and no record of a machine; {made}") from None
    if not isinstance(record, dict) or record.get("made_by") != FORM or not _times(record):
        raise InputError(f"{shown(path)} holds no measurements of tissue bench; {made}")
    return record


def compared(path: Path, edges: Sequence[int]) -> Mapping[tuple[str, int], float]:
    """Times of another machine [ms] by name and edge, some of them on the grids to be measured.

    Raises:
        InputError: the file is not a record, or holds none of the grids.
    """
    times = _times(read(path))
    theirs = sorted({edge for _, edge in times})
    if not set(theirs) & set(edges):
        raise InputError(
            f"{shown(path)} has measurements of grids with an edge of {_listed(theirs)} voxels and "
            f"none of {_listed(edges)}: measure the same ones, with --edges {_listed(theirs, ',')}"
        )
    return times


def _times(record: Mapping[str, Any]) -> dict[tuple[str, int], float]:
    rows = record.get("measurements")
    found: dict[tuple[str, int], float] = {}
    for row in rows if isinstance(rows, list) else ():
        name, edge, spent = (
            row.get(key) if isinstance(row, dict) else None
            for key in ("name", "edge", "milliseconds")
        )
        good = isinstance(name, str) and isinstance(edge, int) and isinstance(spent, float | int)
        if good and spent > 0:  # type: ignore[operator]
            found[name, edge] = float(spent)  # type: ignore[index, arg-type]
    return found


def _listed(edges: Iterable[int], gap: str = ", ") -> str:
    return gap.join(str(edge) for edge in edges)


def against(row: Measurement, theirs: Mapping[tuple[str, int], float]) -> str:
    """Comparison of a measurement with that of the other machine, in words; empty without one."""
    other = theirs.get((row.name, row.edge))
    if other is None or row.milliseconds is None:
        return ""
    ratio = other / row.milliseconds
    return f"{ratio:.2f} of the other's speed" if ratio < 1 else f"{ratio:.3g} times the other's"
