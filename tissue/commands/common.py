"""Exit codes and options that several commands share."""

import argparse
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tissue.commands.completer import complete_with
from tissue.errors import InputError, RunError, printable
from tissue.suggestion import nearest

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig

RUN_FAILED, BAD_INPUT, STOPPED, INTERRUPTED = 1, 2, 75, 130
"""Exit codes; 75 (EX_TEMPFAIL) asks a queue to start the run again with --resume."""


class Commands(Protocol):
    """Collection of commands; argparse keeps its own class private."""

    def add_parser(self, name: str, *, help: str) -> argparse.ArgumentParser:
        """Add a command and return the parser of its arguments."""
        ...


class Options(Protocol):
    """Collection of options; argparse keeps its own class private."""

    def add_argument(self, *names: str, **how: Any) -> argparse.Action:
        """Add an option."""
        ...


def add_run_file(command: argparse.ArgumentParser, needed: bool = True) -> None:
    """Add the arguments that name a run file and change its values."""
    file = command.add_argument(
        "file",
        metavar="FILE",
        nargs=None if needed else "?",
        help="a run file, or the name of a bundled example run",
    )
    complete_with(file, "run files")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.key=value",
        help="change a value of the run file; may be repeated",
    )


def config_of(options: argparse.Namespace) -> "RunConfig":
    """Read the run file of a command, with its changes."""
    from tissue.scenario.config import read_run_file
    from tissue.scenario.library import find

    return read_run_file(find(options.file), options.set)


INPUTS = ("folder", "folders", "parent", "path")
"""Options that name a file or folder which has to exist."""

OUTPUT_FOLDER = Path("runs/out")
"""Folder of the runs that name no other."""


def refuse_mistyped(options: argparse.Namespace) -> None:
    """Refuse a file or folder that does not exist, where one of a similar name does.

    Raises:
        InputError: with the name that may be meant; others are refused by the command itself.
    """
    for name in INPUTS:
        given = getattr(options, name, None)
        for path in given if isinstance(given, list) else [given]:
            if isinstance(path, Path) and not os.path.lexists(path):
                meant = _similar(path)
                if meant:
                    raise InputError(f"there is no {printable(f'{path}')}, did you mean {meant}?")


def _similar(path: Path) -> Path | None:
    """Existing file or folder whose name is near, in the same folder or among the runs."""
    folders = [path.parent]
    if path.parent == Path():
        folders.append(OUTPUT_FOLDER)
    for folder in folders:
        with suppress(OSError, ValueError):
            found = nearest(path.name, [each.name for each in folder.iterdir()])
            if found:
                return folder / found
    return None


def require_folder(option: str, path: Path | None) -> None:
    """Refuse the file of an option whose folder does not exist."""
    if path and not path.parent.is_dir():
        raise InputError(f"{option} {path}: the folder {path.parent} does not exist")


def why_no_device() -> str | None:
    """Reason why JAX cannot compute on this machine; None where it can."""
    try:
        from tissue.machine import device

        device.start_backend()
    except RunError as error:
        return f"{error}"
    except (RuntimeError, AssertionError) as error:  # of the import: a processor it is not made for
        return f"JAX cannot be loaded on this machine ({error})"
    return None
