"""State for ParaView: a script that opens a run with its days, units and colors."""

import json
from importlib.resources import files
from pathlib import Path

from tissue.storage.atomic import write_atomically
from tissue.storage.frame import direction_xyz, runs_along_space
from tissue.storage.index import series_is_current, write_series
from tissue.storage.results import Run
from tissue.viewers.appearance import COLORS, appearances, shown_field

FILE_NAME = "view_paraview.py"
TEMPLATE = "paraview_state.py.in"


def write_state(run: Run, field: str = "", path: Path | None = None) -> Path:
    """Writes the state, and the list of snapshots that it opens.

    Args:
        run: with one snapshot or more.
        field: that the bone is colored by at first; empty for RANKL, where there is.
        path: of the script; view_paraview.py in the folder of the run by default.

    Returns:
        The path of the script.

    Raises:
        InputError: the run has no snapshot or no such field.
        OSError: the folder cannot be written to.
    """
    looks = {
        name: {**look._asdict(), "ticks": look.ticks, "shares": look.shares}
        for name, look in appearances(run).items()
    }
    if not series_is_current(run.folder, run.snapshots):
        write_series(run.folder, run.snapshots)
    values = {
        "FOLDER": repr(str(run.folder.resolve())),
        "FIELDS": repr(json.dumps(looks)),
        "COLORS": repr(COLORS),
        "SHOWN": repr(shown_field(run, field)),
        "ALONG_SPACE": repr(runs_along_space(run.grid)),
        "NORMAL": repr(direction_xyz(run.grid)[:, 2].tolist()),
        "UP": repr(direction_xyz(run.grid)[:, 1].tolist()),
    }
    text = files("tissue.viewers").joinpath(TEMPLATE).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    path = path or run.folder / FILE_NAME
    write_atomically(path, text.encode())
    return path
