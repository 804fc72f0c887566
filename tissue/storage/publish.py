"""Files that are complete under their name or absent, never partial."""

import os
from pathlib import Path

from tissue.storage.seal import seal

TEMPORARY = ".tmp"


def publish(path: Path, *parts: bytes | memoryview) -> None:
    """Writes a file so that no reader, and no restart after a crash, ever meets half of it.

    Args:
        path: the file.
        parts: what it holds, one after the other.

    Raises:
        OSError: its folder cannot be written to; what was there is untouched.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as file:
            file.writelines(parts)
        synchronise(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    synchronise(path.parent)


def publish_sealed(path: Path, content: bytes | memoryview) -> None:
    """Writes a file as `publish` does, with a seal behind its content."""
    publish(path, content, seal(content))


def synchronise(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_temporary(folder: Path, pattern: str) -> None:
    """Removes what a killed writer left behind."""
    for path in Path(folder).glob(f"{pattern}{TEMPORARY}"):
        path.unlink(missing_ok=True)
