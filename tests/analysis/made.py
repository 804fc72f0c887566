"""The folder of a run that never ran, for tests of what is shown."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.storage.results import open_run
from tissue.storage.snapshot import write_snapshot
from tissue.storage.tables import Table

COLUMNS = (
    *("time_day", "bv_tv", "bv_tv_change_percent", "surface_density_per_mm"),
    *("osteoclasts_per_mm2", "osteoblasts_per_mm2", "resorption_um_per_day"),
    *("formation_um_per_day", "rankl_pM", "opg_pM", "il1_marrow_pM"),
)


ORIGIN = {"tissue": "0", "config_sha256": "abc"}


def made(
    folder: Path,
    loss: float = 0.1,
    edge: int = 24,
    snapshots: int = 3,
    provenance: Mapping[str, str] = ORIGIN,
    first_day: float = 0.0,
) -> Path:
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
            row = dict.fromkeys(COLUMNS, 1.0 + step) | {"bv_tv": left.mean()}
            row["time_day"] = first_day + 7 * step
            metrics.append(row | {"bv_tv_change_percent": -10.0 * loss * step})
            ledger.append({"time_day": row["time_day"], "bone_residual": 1e-7})
            write_snapshot(
                folder,
                grid=Grid(bone.shape, 10.0),
                step=step,
                time=row["time_day"],
                fields={"bone_volume_fraction": left, "rankl": 10 + gradient + step},
                provenance=provenance,
            )
    (folder / "run.log").write_text("x WARNING <b>look</b> out\n")
    (folder / "run.toml").write_text(
        '[run]\nduration = "14 day"\n[geometry.synthetic]\n'
        '[[therapy]]\ndrug = "anakinra"\ndose = "1 mg/kg"\n'
        'times = ["0 day", "7 day"]\n'
    )
    return folder


def branched(parent: Path, folder: Path, loss: float) -> Path:
    """The folder of a branch of such a run, from its second snapshot on.

    Args:
        parent: folder of the run.
        folder: of the branch.
        loss: of bone volume fraction from the second to the third snapshot.
    """
    shutil.copytree(parent, folder)
    lines = (folder / "metrics.csv").read_text().splitlines()
    names, row = lines[0].split(","), lines[-1].split(",")
    last = open_run(parent)
    bone = np.clip(last.field("bone_volume_fraction", 1) - loss, 0, 1).astype("f4")
    origin = ORIGIN | {
        "config_sha256": "def",
        "parent": str(parent / "ckpt_day0007.000.h5"),
        "parent_config_sha256": "abc",
        "parent_time": "7 day",
    }
    for path in folder.glob("snap_*"):
        path.unlink()
    for index in (1, 2):
        fields = {name: last.field(name, index) for name in last.fields}
        if index == 2:
            fields["bone_volume_fraction"] = bone
        write_snapshot(
            folder,
            grid=last.grid,
            step=index,
            time=7.0 * index,
            fields=fields,
            provenance=origin,
        )
    row[names.index("bv_tv")] = lines[-2].split(",")[names.index("bv_tv")]
    if loss:
        row[names.index("bv_tv")] = f"{bone.mean():.9g}"
    (folder / "metrics.csv").write_text("\n".join([*lines[:-1], ",".join(row)]) + "\n")
    return folder
