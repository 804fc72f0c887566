"""The folder of a run: made, cleared and looked through; an earlier run is never lost unasked."""

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
from tissue.storage.index import INDEX, SERIES, XDMF
from tissue.storage.snapshot import list_snapshots

METRICS_TABLE, LEDGER_TABLE, RUN_LOG, RUN_FILE = "metrics.csv", "ledger.csv", "run.log", "run.toml"

TABLES = (METRICS_TABLE, LEDGER_TABLE)
"""Tables with a row for each step."""

_WRITTEN_ON = (*TABLES, RUN_LOG)
"""Files that a resumed run goes on with; others are replaced as a whole."""

_MADE = (
    RUN_FILE,
    *_WRITTEN_ON,
    "summary.png",
    "morphometry.csv",
    INDEX,
    SERIES,
    XDMF,
)


def prepare_folder(folder: Path, overwrite: bool) -> None:
    """Makes the folder of a run; an earlier run in it stays until `clear_folder`.

    Raises:
        InputError: it cannot be written to, or holds a run that may not be replaced.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = _made(folder)
        if made and not overwrite:
            raise InputError(
                f"{folder} already holds a run ({made[0].name}); go on with it with --resume, "
                "choose another folder with --out, or replace it with --overwrite"
            )
        probe = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written to ({error.strerror}); "
            "choose another with --out"
        ) from None
    with suppress(OSError):  # it holds nothing that could be lost
        probe.close()


def refuse_to_delete_inputs(
    config: RunConfig, folder: Path, parent: Checkpoint | None = None
) -> None:
    """Refuses to replace an earlier run that the new one reads.

    The run file that a run has written is no such thing: the new one writes the same again.
    """
    own = resolved_toml(config, folder).encode()
    read = [] if holds(folder / RUN_FILE, own) else [config.source]
    if isinstance(config.geometry, ImageSettings):
        read.append(config.geometry.file)
    if parent and parent.path:
        read.append(parent.path)
    for made in _made(folder):
        # a link that leads nowhere is nothing that is read
        if made.exists() and any(path.exists() and made.samefile(path) for path in read):
            raise InputError(
                f"the run reads {made}, which would be replaced; choose another folder with --out"
            )


def holds(path: Path, content: bytes) -> bool:
    """Whether a file is there and holds just that."""
    with suppress(OSError):
        return path.read_bytes() == content
    return False


def refuse_links(folder: Path) -> None:
    """Refuses to go on with a run whose files lie elsewhere, before any of them is changed."""
    for name in _WRITTEN_ON:
        refuse_link(folder / name)


def clear_folder(folder: Path) -> None:
    """Takes an earlier run out of its folder, and nothing else."""
    remove_unfinished(folder)
    for old in _made(folder):
        if old.name != RUN_FILE:  # the new one takes its place in one piece
            old.unlink()
    remove_superseded(folder)


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed run was writing; other commands may be writing now what they write."""
    snapshot_files.remove_unfinished(folder)
    checkpoint_files.remove_unfinished(folder)
    for name in _MADE:
        remove_temporary(folder, name, older=ABANDONED_AGE)


def _made(folder: Path) -> list[Path]:
    files = (folder / name for name in _MADE)
    found = [file for file in files if os.path.lexists(file)]
    return [*found, *list_snapshots(folder), *list_checkpoints(folder), *folder.glob("failed_*.h5")]


def intact_output(folder: Path) -> str:
    """What a run that had to stop leaves; to be asked once its last snapshot is written."""
    snapshots, checkpoints = list_snapshots(folder), list_checkpoints(folder)
    if not snapshots:
        return f"no snapshot in {folder} is finished"
    whole = f"results up to {snapshots[-1].name} in {folder} are whole"
    if checkpoints:
        whole += f", and {checkpoints[-1].name} is the last good checkpoint (--resume)"
    return whole
