"""A small run that writes all that a run writes, and what must be the same of two of them.

Steps are few and grids tiny: what is tried is how files are written, not what is in them.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.snapshot import list_snapshots, read_snapshot
from tissue.storage.tables import read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DAYS = 2.0

RUN = f"""
[run]
preset = "mouse"
duration = "{DAYS} day"
step = "0.5 day"
[geometry.synthetic]
shape = [8, 8, 8]
spacing = "10 um"
bv_tv = 0.3
thickness = "30 um"
[disease]
il1_excess = "3 pM"
[[therapy]]
drug = "anakinra"
dose = "10 mg/kg"
every = "1 day"
start = "1 day"
[output]
snapshots = "1 day"
checkpoints = "0.5 day"
keep_every = 2
"""

BACK = "1 day"
"""Moment whose checkpoint stays until the end."""

TABLES = ("metrics.csv", "ledger.csv")
MADE = (*TABLES, "run.toml", "run.log", "run.hdf", "run.hdf.series", "summary.png")
"""Files of a finished run besides snapshots and checkpoints."""


def nothing_drawn(*_: object) -> "Figure":
    """A blank picture, to save the seconds that the drawing of a summary takes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1), dpi=10)
    FigureCanvasAgg(figure)
    return figure


def everything_opens(folder: Path) -> None:
    """Asserts that every file under its final name is intact."""
    for path in list_snapshots(folder):
        snapshot = read_snapshot(path)
        for name in snapshot.fields:
            assert np.isfinite(snapshot.field(name)).all(), path
    for path in list_checkpoints(folder):
        read_checkpoint(path)
    for name in TABLES:
        # one that has just begun has no complete line yet
        if (folder / name).is_file() and b"\n" in (folder / name).read_bytes():
            read_table(folder / name)


def same(one: Path, other: Path) -> None:
    """Two finished runs are the same, bit for bit."""
    for name in TABLES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    mine, theirs = (read_checkpoint(list_checkpoints(folder)[-1]) for folder in (one, other))
    assert mine.controller == theirs.controller
    for name, values in mine.state.items():
        np.testing.assert_array_equal(values, theirs.state[name], err_msg=name)
    assert [p.name for p in list_snapshots(one)] == [p.name for p in list_snapshots(other)]
    for pair in zip(list_snapshots(one), list_snapshots(other), strict=True):
        ours, its = map(read_snapshot, pair)
        for name in ours.fields:
            np.testing.assert_array_equal(ours.field(name), its.field(name))


def complete(folder: Path) -> None:
    """A finished run has all its files, and what shows its snapshots as one shows all of them."""
    missing = [name for name in MADE if not (folder / name).is_file()]
    assert not missing, f"without {', '.join(missing)}"
    for path in list_snapshots(folder):
        assert path.name in (folder / "run.hdf.series").read_text(encoding="utf-8")
        assert path.name.encode() in (folder / "run.hdf").read_bytes()
