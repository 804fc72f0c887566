"""The folder of a run that never ran, for tests of what is shown."""

from pathlib import Path

import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

COLUMNS = (
    *("time_day", "bv_tv", "bv_tv_change_percent", "surface_density_per_mm"),
    *("osteoclasts_per_mm2", "osteoblasts_per_mm2", "resorption_um_per_day"),
    *("formation_um_per_day", "rankl_pM", "opg_pM", "il1_marrow_pM"),
)


def made(folder: Path, loss: float = 0.1, edge: int = 24, snapshots: int = 3) -> Path:
    """The folder of a run that never ran: real bone that is lost evenly, and a gradient."""
    folder.mkdir(parents=True)
    bone = synthesize(SyntheticSettings((edge,) * 3, 10.0, 0.3, 60.0, seed=1)).bone_volume_fraction
    gradient = np.broadcast_to(np.arange(edge)[:, None, None] / edge, bone.shape)
    with (
        Table(folder / "metrics.csv", COLUMNS) as metrics,
        Table(folder / "ledger.csv", ("time_day", "bone_residual")) as ledger,
    ):
        for step in range(snapshots):
            left = np.clip(bone - loss * step, 0, 1).astype("f4")
            row = dict.fromkeys(COLUMNS, 1.0 + step) | {"time_day": 7 * step, "bv_tv": left.mean()}
            metrics.append(row | {"bv_tv_change_percent": -10.0 * loss * step})
            ledger.append({"time_day": 7 * step, "bone_residual": 1e-7})
            write_snapshot(
                folder,
                grid=Grid(bone.shape, 10.0),
                step=step,
                time=7.0 * step,
                fields={"bone_volume_fraction": left, "rankl": 10 + gradient + step},
                provenance={"tissue": "0", "config_sha256": "abc"},
            )
    (folder / "run.log").write_text("x WARNING <b>look</b> out\n")
    (folder / "run.toml").write_text(
        '[run]\nduration = "14 day"\n[geometry.synthetic]\n'
        '[[therapy]]\ndrug = "anakinra"\ndose = "1 mg/kg"\n'
        'times = ["0 day", "7 day"]\n'
    )
    return folder
