"""One run at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tissue.errors import InputError

LOCK = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder; the system lets go of it however the process ends.

    Raises:
        InputError: another process holds it.
    """
    path = folder / LOCK
    file = _held(path)
    try:
        yield
    finally:
        with suppress(OSError):  # where nothing may be removed, it stays and holds nothing
            path.unlink()
        file.close()


def _held(path: Path) -> TextIO:
    while True:
        file = path.open("w", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever held it may have removed the file that was opened here
            if _is_at(path, file):
                return file
        except BlockingIOError:
            file.close()
            raise InputError(
                f"another run is writing to {path.parent}; wait for it, or choose another folder "
                "with --out"
            ) from None
        file.close()


def _is_at(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
