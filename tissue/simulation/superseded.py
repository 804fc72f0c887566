"""What a run has written after the moment it goes on from, moved out of the way of what comes."""

import logging
from contextlib import suppress
from itertools import count
from pathlib import Path

from tissue.storage.atomic import sync_folder, write_atomically
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.index import INDEX, XDMF, write_series
from tissue.storage.names import time_of
from tissue.storage.snapshot import list_snapshots
from tissue.storage.tables import rows_until

log = logging.getLogger(__name__)

FOLDER = "superseded_"
"""Beginning of the names of the folders that take up what is moved."""

MORPHOMETRY = "morphometry.csv"

COPIED = ("metrics.csv", "ledger.csv", MORPHOMETRY)
"""Tables, whose later rows are cut off: of the first two by the run that goes on."""


def set_aside(folder: Path, time: float) -> Path | None:
    """Moves snapshots and checkpoints later than a time into a folder of their own.

    Checkpoints go first, the newest before the others, and the tables are copied before: wherever
    this is interrupted, the newest checkpoint that is left has its snapshots and its rows.

    Args:
        folder: of the run.
        time: of the checkpoint that the run goes on from [day].

    Returns:
        Where they are now; None where nothing is later.

    Raises:
        OSError: the folder cannot be written to.
    """
    later = [path for path in reversed(list_checkpoints(folder)) if _is_later(path, time)]
    later += [path for path in list_snapshots(folder) if _is_later(path, time)]
    if not later:
        return None
    aside = _new_folder(folder)
    for name in COPIED:
        if (folder / name).is_file() and not (folder / name).is_symlink():
            write_atomically(aside / name, (folder / name).read_bytes())
    for path in later:
        path.rename(aside / path.name)
    sync_folder(aside)
    # they would show what is no longer there
    for name in (INDEX, XDMF):
        (folder / name).unlink(missing_ok=True)
    write_series(folder, list_snapshots(folder))
    if (aside / MORPHOMETRY).exists():
        write_atomically(folder / MORPHOMETRY, rows_until(folder / MORPHOMETRY, time).encode())
    log.info(
        f"{len(later)} files later than day {time:g} and copies of the tables are in {aside} now, "
        "which may be deleted"
    )
    return aside


def remove_superseded(folder: Path) -> None:
    """Removes what earlier runs have set aside; other files and folders stay."""
    for aside in folder.glob(f"{FOLDER}*"):
        if aside.is_symlink() or not aside.is_dir():
            continue
        for path in (*list_checkpoints(aside), *list_snapshots(aside)):
            path.unlink()
        for name in COPIED:
            (aside / name).unlink(missing_ok=True)
        with suppress(OSError):  # somebody keeps something in it
            aside.rmdir()


def _is_later(path: Path, time: float) -> bool:
    found = time_of(path)
    # one that does not tell its time is damaged
    return found is None or found > time + 1e-9 * max(abs(time), 1.0)


def _new_folder(folder: Path) -> Path:
    for number in count(1):
        aside = folder / f"{FOLDER}{number}"
        with suppress(FileExistsError):
            aside.mkdir()
            return aside
    raise AssertionError("count does not end")
