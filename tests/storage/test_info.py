"""Description of a file in a few lines, and whether it is intact."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from storage.conftest import GRID

from tissue.errors import InputError
from tissue.storage import checkpoint
from tissue.storage.checkpoint import Checkpoint, write_checkpoint
from tissue.storage.index import INDEX
from tissue.storage.info import describe
from tissue.storage.snapshot import list_snapshots, write_snapshot
from tissue.storage.tables import Table


def reported(path: Path) -> str:
    return "\n".join(describe(path))


def test_a_snapshot_is_described(folder: Path) -> None:
    text = reported(list_snapshots(folder)[1])
    assert "snapshot    of day 7, step 10" in text
    assert "grid        5 x 4 x 3 voxels [z, y, x] of 8 um" in text
    assert "il1                      1000 .. 1060 pM" in text
    assert "config_sha256            abc" in text


def test_time_and_step_are_shown_exactly(tmp_path: Path) -> None:
    fields = {"bone_volume_fraction": np.ones(GRID.shape)}
    path = write_snapshot(
        tmp_path, grid=GRID, step=52_560, time=3650.13157894, fields=fields, provenance={}
    )
    assert path.name == "snap_day3650.13157894.hdf"
    assert "snapshot    of day 3650.13157894, step 52560" in reported(path)


def test_an_index_names_what_is_missing(folder: Path) -> None:
    assert "index       of 3 snapshots, day 0 to 21\nmissing     none" in reported(folder / INDEX)
    list_snapshots(folder)[2].unlink()
    assert "missing     ./snap_day0021.000.hdf" in reported(folder / INDEX)


def test_a_run_names_what_is_damaged(folder: Path) -> None:
    with Table(folder / "metrics.csv", ("time_day", "bv_tv_change_percent")) as table:
        for day, change in ((0, 0), (21, -3)):
            table.append({"time_day": day, "bv_tv_change_percent": change})
    reached = "reached     day 21, BV/TV -3.00 % since day 0"
    assert f"{reached}\nsnapshots   3, all intact" in reported(folder)
    path = list_snapshots(folder)[1]
    path.write_bytes(path.read_bytes()[:2000])
    assert f"snapshots   3, damaged: {path.name}" in reported(folder)


@pytest.mark.parametrize(("layout", "writer"), [("1.2", "0.1.0"), ("2.0", "0.2.0")])
def test_an_intact_checkpoint_of_an_older_version_is_not_damaged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, layout: str, writer: str
) -> None:
    parts: dict[str, Any] = {"grid": GRID, "state": {}, "healthy": {}, "controller": {}}
    monkeypatch.setattr(checkpoint, "FORMAT_VERSION", layout)
    old = write_checkpoint(folder, Checkpoint(step=1, time=1.0, **parts))
    assert f"checkpoints 1, of tissue {writer} (format {layout}): {old.name}" in reported(folder)
    assert reported(old) == (
        f"checkpoint  of tissue {writer} (format {layout}), which this version cannot resume"
    )
    broken = write_checkpoint(folder, Checkpoint(step=2, time=2.0, **parts))
    monkeypatch.undo()
    content = bytearray(broken.read_bytes())
    content[len(content) // 2] ^= 255
    broken.write_bytes(content)
    assert reported(folder).endswith(
        f"checkpoints 2, of tissue {writer} (format {layout}): {old.name}; damaged: {broken.name}"
    )


def test_damage_inside_the_data_is_found(folder: Path) -> None:
    path = list_snapshots(folder)[1]
    with h5py.File(path) as file:
        chunk = file["VTKHDF/PointData/il1"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 255
    path.write_bytes(content)
    assert path.name in reported(folder)


def test_foreign_content_is_reported(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 1
    (tmp_path / "b.h5").write_text("hello")
    for name, message in (
        ("a.h5", "was not written by tissue"),
        ("b.h5", "truncated, damaged or not HDF5"),
        ("c.h5", "does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            reported(tmp_path / name)
