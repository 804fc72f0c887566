"""Morphometry of all snapshots of a run, kept in its folder."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

from tissue.analysis.morphometry import MEASURES, MINERAL_DENSITY, morphometry
from tissue.errors import InputError
from tissue.storage.atomic import write_atomically
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import read_table

log = logging.getLogger(__name__)

TABLE = "morphometry.csv"

Rows = dict[float, dict[str, float]]


def measured_run(
    folder: Path,
    mineral_density: float = MINERAL_DENSITY,
    which: Sequence[int] | None = None,
    must_keep: bool = True,
    skip_damaged: bool = False,
) -> tuple[list[float], list[dict[str, float]]]:
    """Measures of each snapshot; those that are in the table already are read.

    Args:
        folder: of the run; `morphometry.csv` in it is written or completed.
        mineral_density: of bone tissue [mg HA/cm^3].
        which: indices of the snapshots; all by default.
        must_keep: fail where the table cannot be written; otherwise only warn.
        skip_damaged: leave out snapshots that cannot be read, with a warning.

    Returns:
        Times [day], and the measures at each.

    Raises:
        InputError: the folder holds no snapshots, or one that cannot be read.
        OSError: the table must be kept and cannot be.
    """
    paths = list_snapshots(folder)
    if not paths:
        raise InputError(f"{folder} holds no snapshots; give the folder of a run")
    known = _known(folder / TABLE, mineral_density)
    rows: Rows = {}
    kept = True
    for path in paths if which is None else sorted({paths[i] for i in which}):
        try:
            snapshot = read_snapshot(path)
        except InputError as error:
            if not skip_damaged:
                raise
            log.warning(f"left out of {TABLE}: {error}")
            continue
        time = float(f"{snapshot.time:.9g}")
        rows[time] = known.get(time) or morphometry(
            snapshot.field("bone_volume_fraction"),
            snapshot.grid.spacing,
            mineral_density=mineral_density,
        )
        if time not in known and kept:  # kept at once, as it is costly
            try:
                _write(folder / TABLE, known | rows)
            except OSError as error:
                if must_keep:
                    raise
                kept = False
                log.warning(
                    f"{folder / TABLE} cannot be written to ({error.strerror or error}): the "
                    "measures are not kept, and are computed again next time"
                )
    return list(rows), list(rows.values())


def _known(path: Path, mineral_density: float) -> Rows:
    if not path.is_file():
        return {}
    table = read_table(path)
    if set(table) != {"time_day", *MEASURES}:
        return {}
    found = {
        float(time): {name: float(table[name][i]) for name in MEASURES}
        for i, time in enumerate(table["time_day"])
    }
    # a table of another mineral density is not used
    fits = all(
        math.isclose(row["bmd"], mineral_density * row["bv_tv"], rel_tol=1e-6)
        for row in found.values()
    )
    return found if fits else {}


def _write(path: Path, rows: Rows) -> None:
    lines = [",".join(("time_day", *MEASURES))]
    for time in sorted(rows):
        values = (time, *(rows[time][name] for name in MEASURES))
        lines.append(",".join(f"{value:.9g}" for value in values))
    write_atomically(path, ("\n".join(lines) + "\n").encode())
