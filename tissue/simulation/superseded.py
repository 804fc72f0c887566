"""Superseded output: files later than the checkpoint a run is resumed from, set aside."""

import logging
from contextlib import suppress
from itertools import count
from pathlib import Path

from tissue.storage.atomic import sync_folder, write_atomically
from tissue.storage.checkpoint import list_checkpoints
from tissue.storage.index import INDEX, OLD_XDMF, write_series
from tissue.storage.names import FAILED, list_shards, shards_beside, time_of
from tissue.storage.snapshot import list_snapshots
from tissue.storage.tables import rows_until

log = logging.getLogger(__name__)

FOLDER_PREFIX = "superseded_"
"""Start of the names of the folders for superseded files."""

MORPHOMETRY = "morphometry.csv"

COPIED = ("metrics.csv", "ledger.csv", MORPHOMETRY)
"""Tables, whose later rows are removed: of the first two by the resumed run."""


def set_aside(folder: Path, time: float) -> Path | None:
    """Moves snapshots and checkpoints later than a time to a new folder, and states that failed.

    A state that failed has the time of the checkpoint before its step. Its shards would be taken
    for those of the next state that fails in this step.

    The tables are copied first, then the checkpoints are moved, newest first: after an interruption
    anywhere, the newest checkpoint that is left has its snapshots and its rows.

    Args:
        folder: of the run.
        time: of the checkpoint that the run is resumed from [day].

    Returns:
        The new folder; None where there is nothing to move.

    Raises:
        OSError: the folder cannot be written to.
    """
    later = [path for path in reversed(list_checkpoints(folder)) if _is_later(path, time)]
    later += [path for path in list_snapshots(folder) if _is_later(path, time)]
    later += [path for path in sorted(folder.glob(FAILED)) if not _is_earlier(path, time)]
    if not later:
        return None
    aside = _new_folder(folder)
    for name in COPIED:
        if (folder / name).is_file() and not (folder / name).is_symlink():
            write_atomically(aside / name, (folder / name).read_bytes())
    for path in later:
        for each in (*shards_beside(path), path):  # a file without its shards is of no use
            each.rename(aside / each.name)
    sync_folder(aside)
    # the indices refer to files that are no longer here
    for name in (INDEX, OLD_XDMF):
        (folder / name).unlink(missing_ok=True)
    write_series(folder, list_snapshots(folder))
    if (aside / MORPHOMETRY).exists():
        write_atomically(folder / MORPHOMETRY, rows_until(folder / MORPHOMETRY, time).encode())
    log.info(
        f"moved {len(later)} files later than day {time:g}, and copied the tables, to {aside}, "
        "which may be deleted"
    )
    return aside


def remove_superseded(folder: Path) -> None:
    """Removes the superseded files of earlier runs; other files and folders stay."""
    for aside in folder.glob(f"{FOLDER_PREFIX}*"):
        if aside.is_symlink() or not aside.is_dir():
            continue
        failed = aside.glob(FAILED)
        files = (*list_checkpoints(aside), *list_snapshots(aside), *failed, *list_shards(aside))
        for path in files:
            path.unlink()
        for name in COPIED:
            (aside / name).unlink(missing_ok=True)
        with suppress(OSError):  # it has other files
            aside.rmdir()


def _is_later(path: Path, time: float) -> bool:
    found = time_of(path)
    # without a readable time it is damaged
    return found is None or found > time + _same(time)


def _is_earlier(path: Path, time: float) -> bool:
    found = time_of(path)
    return found is not None and found < time - _same(time)


def _same(time: float) -> float:
    """Difference of times [day] that are the same."""
    return 1e-9 * max(abs(time), 1.0)


def _new_folder(folder: Path) -> Path:
    for number in count(1):
        aside = folder / f"{FOLDER_PREFIX}{number}"
        with suppress(FileExistsError):
            aside.mkdir()
            return aside
    raise AssertionError("count does not end")
