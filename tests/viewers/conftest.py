from pathlib import Path

import numpy as np
import pytest

from tissue.geometry.grid import Grid
from tissue.storage.index import write_indices
from tissue.storage.results import Run, open_run
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

GRID = Grid((12, 14, 16), 8.0, (100.0, 20.0, 4.0))
DAYS = (0.0, 3.5, 7.0)
PEAKS = (13.5, 25.0, 11.0)
"""Largest RANKL of each day: as in inflammation, the highest is in the middle."""


def write_run(folder: Path, days: tuple[float, ...] = DAYS, grid: Grid = GRID) -> Path:
    """Fills the folder of a run: a ball of bone that shrinks, and RANKL that rises and falls."""
    z, y, x = np.indices(grid.shape)
    distance = np.sqrt((z - 6) ** 2 + (y - 7) ** 2 + (x - 8) ** 2)
    for index, day in enumerate(days):
        bone = np.clip(5.5 - 0.5 * index - distance, 0, 1)
        rankl = PEAKS[index] * (0.7 + 0.3 * x / x.max())
        fields = {"bone_volume_fraction": bone, "rankl": rankl, "il1": np.zeros(grid.shape)}
        write_snapshot(folder, grid=grid, step=index, time=day, fields=fields, provenance={})
    for name in ("metrics.csv", "ledger.csv"):
        with Table(folder / name, ("time_day",)) as table:
            table.append({"time_day": days[-1]})
    write_indices(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of three days."""
    return open_run(write_run(tmp_path))
