"""Buffers of files that could not be written are released with the error."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
from matplotlib.figure import Figure
from storage.conftest import write_run

from tissue.analysis.style import save
from tissue.geometry.grid import Grid
from tissue.storage.checkpoint import list_checkpoints, publish_checkpoint
from tissue.storage.index import write_index
from tissue.storage.snapshot import read_snapshot, write_snapshot

GRID = Grid((3, 4, 5), 8.0)


def snapshot(folder: Path) -> None:
    fields = {"bone_volume_fraction": np.zeros(GRID.shape, "f4")}
    write_snapshot(folder, grid=GRID, step=0, time=99.0, fields=fields, provenance={})


def checkpoint(folder: Path) -> None:
    publish_checkpoint(folder / "checkpoint_day0001.000.hdf", memoryview(b"content"))
    assert not list_checkpoints(folder)


def joined(folder: Path) -> None:
    write_index(folder, [read_snapshot(path) for path in sorted(folder.glob("snap_*"))])


def picture(folder: Path) -> None:
    save(Figure((1, 1)), folder / "picture.png")


def views(at: TracebackType | None) -> list[memoryview]:
    """Views that the frames of an error hold."""
    found = []
    while at:
        for value in at.tb_frame.f_locals.values():
            each = value if isinstance(value, tuple) else (value,)
            found += [view for view in each if isinstance(view, memoryview)]
        at = at.tb_next
    return found


@pytest.mark.parametrize("write", [snapshot, checkpoint, joined, picture])
def test_a_failed_file_holds_no_buffer(
    write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failed:
        write(tmp_path)
    held = views(failed.value.__traceback__)
    assert held
    for view in held:
        with pytest.raises(ValueError, match="released"):
            len(view)
