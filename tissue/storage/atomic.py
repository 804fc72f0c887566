"""Atomic writing: a file is complete under its name or absent, and never outside its folder.

File systems differ in what they support: an operation that one lacks causes a warning, and only a
failure is an error. Links out of a folder are not followed.
"""

import errno
import logging
import os
import secrets
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from tissue.checksum import footer
from tissue.errors import InputError

log = logging.getLogger(__name__)

TEMPORARY = ".tmp"
_STEM_LENGTH = 50
"""Letters of a file's name that its temporary name begins with: a name has at most 255 bytes."""

ABANDONED_AGE = 3600.0
"""Age from which a temporary file has no writer any more [s]: writing takes minutes at most."""

FSYNC_UNSUPPORTED = frozenset(
    (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
)
"""Errors of fsync on file systems without it (fsync(2)); all others mean lost data."""


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Writes a file that no reader, and no restart after a crash, finds half written.

    Several processes may write the same file: each writes its own temporary file first, and the
    last one stays. A link of this name is replaced, not followed.

    Args:
        path: the file.
        parts: its content, one part after the other. The caller releases a view of a buffer, also
            after an error, which holds it: Python 3.13 reports a buffer that it cannot close.

    Raises:
        OSError: its folder cannot be written to; what was there is untouched.
    """
    own = f"{path.name[:_STEM_LENGTH]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}"
    temporary = path.with_name(own)
    try:
        with open_no_follow(temporary, "xb") as file:
            file.writelines(parts)
            close_synced(file)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # users do not know the temporary name
            raise OSError(error.errno, error.strerror, f"{path}") from None
        raise
    sync_folder(path.parent)


def write_with_checksum(path: Path, content: bytes | memoryview) -> None:
    """Writes a file as `write_atomically` does, with a checksum footer behind its content."""
    write_atomically(path, content, footer(content))


def open_no_follow(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Opens a file of a run for writing and follows no link.

    Args:
        path: the file.
        mode: as of `open`.
        how: further arguments of `open`, such as the encoding.

    Raises:
        InputError: it is a link into another folder.
        OSError: it cannot be opened.
    """
    try:
        return open(path, mode, opener=_no_follow, **how)
    except OSError:
        refuse_link(path)
        raise


def refuse_link(path: Path) -> None:
    """Refuses to write to a link.

    Raises:
        InputError: the path is one.
    """
    if path.is_symlink():
        raise InputError(
            f"{path} is a link, and a run writes to no file outside its folder; replace the link "
            "with the file itself, or remove it"
        )


def _no_follow(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def close_synced(file: IO[Any]) -> None:
    """Closes a file after its content is on the disk.

    Raises:
        OSError: not all of it is.
    """
    try:
        file.flush()
        synced = sync(file)
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    try:
        file.close()
    except OSError as error:
        if not synced:  # nothing else has shown that the data are on the disk
            raise
        folder = Path(file.name).parent
        _warn(f"a file in {folder} is on the disk but was not closed well ({error.strerror})")


def sync(file: IO[Any]) -> bool:
    """Waits until the flushed content of an open file is on the disk.

    Returns:
        Whether the file system supports this.

    Raises:
        OSError: not all of it is.
    """
    return _sync(file.fileno(), Path(file.name).parent)


def _sync(handle: int, folder: Path) -> bool:
    """Waits until an open file or folder is on the disk; False where that is not supported."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in FSYNC_UNSUPPORTED:
            raise
        _warn_of_power_cuts(folder, error)
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Waits until the list of the files in a folder is on the disk."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError) as error:  # writable, but not readable
        _warn_of_power_cuts(folder, error)
        return
    try:
        _sync(handle, folder)
    finally:
        with suppress(OSError):
            os.close(handle)


def remove_old(path: Path) -> None:
    """Removes a file that is no longer needed; logs a warning where that is refused."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _warn(
            f"old files in {path.parent} cannot be removed ({error.strerror}): they stay and use "
            "disk space"
        )


def remove_temporary(folder: Path, pattern: str, older: float = 0.0) -> None:
    """Removes the temporary files of a killed writer.

    Args:
        folder: of the files.
        pattern: of the names of the files that were being written.
        older: age from which they are removed [s].
    """
    for path in Path(folder).glob(f"{pattern}*{TEMPORARY}"):
        with suppress(FileNotFoundError):  # its writer has finished meanwhile
            if time.time() - path.lstat().st_mtime >= older:
                remove_old(path)


def _warn_of_power_cuts(folder: Path, error: OSError) -> None:
    _warn(
        f"the file system of {folder} does not report when files are on the disk "
        f"({error.strerror}): a power cut may lose the newest ones"
    )


@lru_cache(maxsize=256)  # repetitions would hide other messages
def _warn(text: str) -> None:
    log.warning(text)
