"""Rows of the tables that a branch has from its parent, so that both count from one start."""

import logging
import math
from collections.abc import Collection, Mapping

from tissue.errors import InputError
from tissue.storage.checkpoint import Checkpoint
from tissue.storage.tables import TIME_RTOL, read_table

log = logging.getLogger(__name__)

Rows = list[dict[str, float]]


def parent_rows(parent: Checkpoint, tables: Mapping[str, Collection[str]]) -> dict[str, Rows]:
    """Rows of the parent's tables up to the checkpoint that a branch starts from.

    The last one is the state at the time of the branch. Columns that the parent lacks are nan.
    Where a table cannot be read or is incomplete, the branch has no such rows, and a warning says
    so.

    Args:
        parent: checkpoint that the branch starts from.
        tables: columns of each table by the name of its file; the first one is the time [day].
    """
    if parent.path is None:
        return {}
    try:
        return {
            name: _rows(parent, name, columns, parent.rows[name])
            for name, columns in tables.items()
        }
    except (InputError, OSError, KeyError) as error:
        why = f"no {error} in its checkpoint" if isinstance(error, KeyError) else error
        log.warning(
            f"the tables of the parent cannot be used ({why}): those of the branch begin at day "
            f"{parent.time:g}, and figures and pages count its changes from there"
        )
        return {}


def _rows(parent: Checkpoint, name: str, columns: Collection[str], count: int) -> Rows:
    assert parent.path
    path = parent.path.parent / name
    table = read_table(path)
    last = parent.time + TIME_RTOL * max(abs(parent.time), 1.0)
    times = table[next(iter(columns))]
    kept = [index for index, time in enumerate(times) if time <= last]
    if len(kept) != count:
        raise InputError(f"{path} has {len(kept)} and not {count} rows up to day {parent.time:g}")
    return [
        {column: float(table[column][i]) if column in table else math.nan for column in columns}
        for i in kept
    ]
