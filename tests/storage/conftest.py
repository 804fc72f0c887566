import shutil
from pathlib import Path

import numpy as np
import pytest
from storage import joined_run

from tissue.geometry.grid import Grid
from tissue.model.observables import METRICS
from tissue.simulation.ledger import LEDGER
from tissue.storage.index import write_indices
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

GRID = Grid((5, 4, 3), 8.0, (100.0, 20.0, 4.0))
"""Grid of three different lengths away from the origin, so that a mix-up of axes is seen."""

TIMES = (0.0, 7.0, 21.0)


def field(name: str, index: int) -> np.ndarray:
    """Values that tell every voxel, time and field from every other."""
    start = 1000.0 * index + (0.5 if name == "il1" else 0.0)
    return np.arange(60, dtype="f4").reshape(GRID.shape) + np.float32(start)


def write_run(folder: Path) -> Path:
    """Fills the folder of a run of three snapshots."""
    for index, time in enumerate(TIMES):
        fields = {name: field(name, index) for name in ("bone_volume_fraction", "il1")}
        write_snapshot(
            folder,
            grid=GRID,
            step=10 * index,
            time=time,
            fields=fields,
            provenance={"config_sha256": "abc"},
        )
    for name in ("metrics.csv", "ledger.csv"):
        with Table(folder / name, ("time_day", "bv_tv_change_percent")) as table:
            table.append({"time_day": 21, "bv_tv_change_percent": -3})
    write_indices(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run of three snapshots."""
    return write_run(tmp_path)


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two processes."""
    folder = joined_run.write_run(tmp_path_factory.mktemp("run"))
    for name, columns in (("metrics.csv", METRICS), ("ledger.csv", LEDGER)):
        rows = [",".join([f"{day:g}"] * len(columns)) for day in joined_run.TIMES]
        (folder / name).write_text("\n".join((",".join(columns), *rows, "")))
    return folder


@pytest.fixture
def run(complete: Path, tmp_path: Path) -> Path:
    """Copy of the run of two processes elsewhere, away from where it was written."""
    return Path(shutil.copytree(complete, tmp_path / "copied"))
