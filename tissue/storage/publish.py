"""Files that are complete under their name or absent, never partial, and never elsewhere.

File systems differ in what they can do: what one refuses costs a warning, and only what it fails
at is an error. Links out of a folder are not followed.
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
_STEM = 50
"""Letters of a file's name that its temporary one begins with: a name has at most 255 bytes."""

ABANDONED = 3600.0
"""Age at which a temporary file has no writer any more [s]: one is written within minutes."""

CANNOT = frozenset((errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF))
"""Answers to fsync of file systems that do not have it (fsync(2)); others mean lost data."""


def publish(path: Path, *parts: bytes | memoryview) -> None:
    """Writes a file so that no reader, and no restart after a crash, ever meets half of it.

    Several processes may publish the same file: each writes one of its own first, and the last
    one stays. A link of this name is replaced, not followed.

    Args:
        path: the file.
        parts: what it holds, one after the other.

    Raises:
        OSError: its folder cannot be written to; what was there is untouched.
    """
    own = f"{path.name[:_STEM]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}"
    temporary = path.with_name(own)
    try:
        with open_own(temporary, "xb") as file:
            file.writelines(parts)
            close_kept(file)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # nobody knows the temporary name
            raise OSError(error.errno, error.strerror, f"{path}") from None
        raise
    keep_names(path.parent)


def publish_sealed(path: Path, content: bytes | memoryview) -> None:
    """Writes a file as `publish` does, with a checksum footer behind its content."""
    publish(path, content, footer(content))


def open_own(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Opens a file of a run to write to.

    Args:
        path: the file.
        mode: as of `open`.
        how: encoding and the like, as of `open`.

    Raises:
        InputError: it is a link, and what is written would land elsewhere.
        OSError: it cannot be opened.
    """
    try:
        return open(path, mode, opener=_unfollowed, **how)
    except OSError:
        refuse_link(path)
        raise


def refuse_link(path: Path) -> None:
    """Refuses a file to write to that is a link.

    Raises:
        InputError: it is one.
    """
    if path.is_symlink():
        raise InputError(
            f"{path} is a link, and a run writes to no file outside its folder; put the file "
            "itself there, or remove the link"
        )


def _unfollowed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def close_kept(file: IO[Any]) -> None:
    """Closes a file after all that was written to it is on the disk.

    Raises:
        OSError: not all of it is.
    """
    try:
        file.flush()
        kept = keep(file)
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    try:
        file.close()
    except OSError as error:
        if not kept:  # nothing else has told whether it is there
            raise
        folder = Path(file.name).parent
        _warn(f"a file in {folder} is on the disk but was not closed well ({error.strerror})")


def keep(file: IO[Any]) -> bool:
    """Waits until what was flushed to an open file is on the disk.

    Returns:
        Whether the file system can tell.

    Raises:
        OSError: not all of it is.
    """
    return _keep(file.fileno(), Path(file.name).parent)


def _keep(handle: int, folder: Path) -> bool:
    """Waits until an open file or folder is on the disk; whether the file system can tell."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in CANNOT:
            raise
        _warn_of_power_cuts(folder, error)
        return False
    return True


def keep_names(folder: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except (PermissionError, IsADirectoryError) as error:  # it may be written to, not read
        _warn_of_power_cuts(folder, error)
        return
    try:
        _keep(handle, folder)
    finally:
        with suppress(OSError):
            os.close(handle)


def remove_old(path: Path) -> None:
    """Removes a file that nobody needs; where that is refused it stays, with a warning."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _warn(
            f"old files in {path.parent} cannot be removed ({error.strerror}): they stay and take "
            "room"
        )


def remove_temporary(folder: Path, pattern: str, older: float = 0.0) -> None:
    """Removes what a killed writer left behind.

    Args:
        folder: where to look.
        pattern: of the names of the files that were being written.
        older: what was changed in this time stays [s].
    """
    for path in Path(folder).glob(f"{pattern}*{TEMPORARY}"):
        with suppress(FileNotFoundError):  # its writer was faster
            if time.time() - path.lstat().st_mtime >= older:
                remove_old(path)


def _warn_of_power_cuts(folder: Path, error: OSError) -> None:
    _warn(
        f"the file system of {folder} does not tell when files are on the disk "
        f"({error.strerror}): a power cut may cost the newest ones"
    )


@lru_cache(maxsize=256)  # the same again and again would hide what else is said
def _warn(text: str) -> None:
    log.warning(text)
