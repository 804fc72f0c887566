"""Folder of a run: created, cleared and listed; an earlier run is removed only on request."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings
from tissue.scenario.config import RunConfig
from tissue.scenario.resolved import resolved_toml
from tissue.simulation.superseded import remove_superseded
from tissue.storage import checkpoint as checkpoint_files
from tissue.storage import snapshot as snapshot_files
from tissue.storage.atomic import ABANDONED_AGE, refuse_link, remove_temporary
from tissue.storage.checkpoint import Checkpoint, list_checkpoints
from tissue.storage.index import INDEX, OLD_XDMF, SERIES
from tissue.storage.names import list_shards
from tissue.storage.snapshot import list_snapshots

METRICS_TABLE, LEDGER_TABLE, RUN_LOG, RUN_FILE = "metrics.csv", "ledger.csv", "run.log", "run.toml"

TABLES = (METRICS_TABLE, LEDGER_TABLE)
"""Tables with a row for each step."""

_APPENDED = (*TABLES, RUN_LOG)
"""Files that a resumed run appends to; it replaces all others."""

_FILES = (
    RUN_FILE,
    *_APPENDED,
    "summary.png",
    "morphometry.csv",
    INDEX,
    SERIES,
    OLD_XDMF,
)


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Creates the folder of a run; an earlier run in it stays until `clear_folder`.

    Raises:
        InputError: it cannot be written to, or contains a run that may not be replaced.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = _files(folder)
        if files and not overwrite:
            raise InputError(
                f"{folder} already holds a run ({files[0].name}); continue it with --resume, "
                "choose another folder with --out, or replace it with --overwrite"
            )
        probe = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written to ({error.strerror}); "
            "choose another with --out"
        ) from None
    with suppress(OSError):  # it is empty
        probe.close()


def refuse_to_delete_inputs(
    config: RunConfig, folder: Path, parent: Checkpoint | None = None
) -> None:
    """Refuses to replace files of an earlier run that the new one reads.

    The run file of an earlier run is an exception where the new one writes the same content.
    """
    own = resolved_toml(config, folder).encode()
    read = [] if has_content(folder / RUN_FILE, own) else [config.source]
    if isinstance(config.geometry, ImageSettings):
        read.append(config.geometry.file)
    if parent and parent.path:
        read.append(parent.path)
    for file in _files(folder):
        # a dangling link cannot be read
        if file.exists() and any(path.exists() and file.samefile(path) for path in read):
            raise InputError(
                f"the run reads {file}, which would be replaced; choose another folder with --out"
            )


def has_content(path: Path, content: bytes) -> bool:
    """Whether a file exists with exactly this content."""
    with suppress(OSError):
        return path.read_bytes() == content
    return False


def refuse_links(folder: Path) -> None:
    """Refuses to resume a run whose files are links, before any of them is changed."""
    for name in _APPENDED:
        refuse_link(folder / name)


def clear_folder(folder: Path) -> None:
    """Removes an earlier run from its folder, and no other file."""
    remove_unfinished(folder)
    for old in _files(folder):
        if old.name != RUN_FILE:  # replaced atomically by the new one
            old.unlink()
    remove_superseded(folder)


def remove_unfinished(folder: Path) -> None:
    """Removes the temporary files of a killed run, but not those of other active commands."""
    snapshot_files.remove_unfinished(folder)
    checkpoint_files.remove_unfinished(folder)
    for name in _FILES:
        remove_temporary(folder, name, older=ABANDONED_AGE)


def _files(folder: Path) -> list[Path]:
    files = (folder / name for name in _FILES)
    found = [file for file in files if os.path.lexists(file)]
    failed = folder.glob("failed_*.h5")
    return [
        *found,
        *list_snapshots(folder),
        *list_checkpoints(folder),
        *failed,
        *list_shards(folder),
    ]


def intact_output(folder: Path) -> str:
    """Sentence about the intact output of a run that had to stop, after its last snapshot."""
    snapshots, checkpoints = list_snapshots(folder), list_checkpoints(folder)
    if not snapshots:
        return f"{folder} has no complete snapshot"
    text = f"results up to {snapshots[-1].name} in {folder} are intact"
    if checkpoints:
        text += f", and {checkpoints[-1].name} is the last good checkpoint (--resume)"
    return text
