"""One run at a time in a folder."""

import fcntl
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tissue.errors import InputError
from tissue.storage.publish import open_own

log = logging.getLogger(__name__)

LOCK = "run.lock"
TRIES = 100
"""Times that a lock file may be gone before it could be locked. Each needs a run that ends in that
moment, so that more mean a file system whose inode numbers change."""

Process = Mapping[str, str | int | None]
"""A process as a lock file names it: host, number, and start."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder; the system lets go of it however the process ends.

    Where the file system has no locks, the lock file still names its process. A second run on the
    same machine is then refused, one on another machine is not: whether the process of another
    machine goes on cannot be seen, and a run that a queue starts again must not wait for the one
    that was killed.

    Raises:
        InputError: another process holds it.
    """
    path = folder / LOCK
    me = _process(os.getpid())
    file, sure = _held(path)
    try:
        with suppress(OSError):  # a full disk: the lock holds without a name
            file.truncate(0)
            file.write(json.dumps(me).encode())
        yield
    finally:
        with suppress(OSError):  # where nothing may be removed, it stays and holds nothing
            if sure or _named(file) == me:
                file.truncate(0)
                path.unlink()
        with suppress(OSError):
            file.close()


def _held(path: Path) -> tuple[IO[bytes], bool]:
    """The lock file, and whether the file system keeps others out of it."""
    for _ in range(TRIES):
        # nothing of it is lost before it is held
        file = open_own(path, "a+b", buffering=0)
        try:
            sure = _lock(path, file)
        except BaseException:
            file.close()
            raise
        # whoever held it may have removed the file that was opened here
        if _is_at(path, file):
            return file, sure
        file.close()
    log.warning(f"{path} is never the file that was opened: it cannot keep a second run out")
    return open_own(path, "a+b", buffering=0), False


def _lock(path: Path, file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _in_use(path, _named(file)) from None
    except OSError as error:  # no such call, no lock service: Lustre and NFS, as they are mounted
        holder = _named(file)
        if holder and holder["start"] and holder == _process(holder["process"]):
            raise _in_use(path, holder) from None
        warning = (
            f"the file system of {path.parent} has no locks ({error.strerror}): a second run in "
            "this folder on another machine would go unnoticed and spoil both"
        )
        if holder and holder["host"] != platform.node():
            warning += (
                f"; {path.name} names process {holder['process']} on {holder['host']}: if that "
                "run still goes on, stop one of the two"
            )
        log.warning(warning)
        return False
    return True


def _in_use(path: Path, holder: Process | None) -> InputError:
    who = f" (process {holder['process']} on {holder['host']})" if holder else ""
    return InputError(
        f"another run is writing to {path.parent}{who}; wait for it, or choose another folder "
        "with --out"
    )


def _process(number: str | int | None) -> Process:
    """A process of this machine; the time of its start tells it from a later one of its number."""
    start = None
    with suppress(OSError, IndexError):
        # the 22nd field, counted after the name, which may hold anything: proc(5)
        ticks = Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        start = f"{boot} {ticks.split()[19]}"
    return {"host": platform.node(), "process": number, "start": start}


def _named(file: IO[bytes]) -> Process | None:
    """The process that a lock file names."""
    file.seek(0)
    try:
        found = json.loads(file.read())
        return {
            "host": str(found["host"]),
            "process": int(found["process"]),
            "start": found["start"],
        }
    except (ValueError, TypeError, KeyError):  # empty, or of another program
        return None


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
