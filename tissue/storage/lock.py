"""Lock of a folder: one run at a time writes to it."""

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
from tissue.storage.atomic import open_no_follow

log = logging.getLogger(__name__)

LOCK = "run.lock"
MAX_ATTEMPTS = 100
"""Attempts to lock a file that is removed meanwhile. Each needs a run that ends at that moment, so
that more mean a file system whose inode numbers change."""

Process = Mapping[str, str | int | None]
"""Host, number and start of a process, as a lock file names it."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder; the system releases it however the process ends.

    Where the file system has no locks, the lock file still names its process. A second run on the
    same machine is then refused, one on another machine is not: it cannot be seen whether a process
    of another machine still runs, and a run that a queue restarts must not wait for the one that
    was killed.

    Raises:
        InputError: another process holds it.
    """
    path = folder / LOCK
    own = _process(os.getpid())
    file, exclusive = _acquire(path)
    try:
        with suppress(OSError):  # full disk: the lock works without a name
            file.truncate(0)
            file.write(json.dumps(own).encode())
        yield
    finally:
        with suppress(OSError):  # where it may not be removed, it stays unlocked
            if exclusive or _process_in(file) == own:
                file.truncate(0)
                path.unlink()
        with suppress(OSError):
            file.close()


def _acquire(path: Path) -> tuple[IO[bytes], bool]:
    """Lock file, and whether the file system excludes other processes."""
    for _ in range(MAX_ATTEMPTS):
        # appending: its content stays until it is locked
        file = open_no_follow(path, "a+b", buffering=0)
        try:
            exclusive = _lock(path, file)
        except BaseException:
            file.close()
            raise
        # the run that held the lock may have removed the file that was opened here
        if _is_at(path, file):
            return file, exclusive
        file.close()
    log.warning(f"{path} is never the file that was opened: it cannot exclude a second run")
    return open_no_follow(path, "a+b", buffering=0), False


def _lock(path: Path, file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _in_use(path, _process_in(file)) from None
    except OSError as error:  # some mounts of Lustre and NFS
        holder = _process_in(file)
        if holder and holder["start"] and holder == _process(holder["process"]):
            raise _in_use(path, holder) from None
        warning = (
            f"the file system of {path.parent} has no locks ({error.strerror}): a second run in "
            "this folder on another machine would go unnoticed and spoil both"
        )
        if holder and holder["host"] != platform.node():
            warning += (
                f"; {path.name} names process {holder['process']} on {holder['host']}: if that "
                "run is still active, stop one of the two"
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
    """Process of this machine; its start distinguishes it from a later one of the same number."""
    start = None
    with suppress(OSError, IndexError):
        # the 22nd field, counted after the name, which may hold anything: proc(5)
        ticks = Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        start = f"{boot} {ticks.split()[19]}"
    return {"host": platform.node(), "process": number, "start": start}


def _process_in(file: IO[bytes]) -> Process | None:
    """Process that a lock file names; None where it names none."""
    file.seek(0)
    try:
        found = json.loads(file.read())
        return {
            "host": str(found["host"]),
            "process": int(found["process"]),
            "start": found["start"],
        }
    except (ValueError, TypeError, KeyError):  # empty, or written by another program
        return None


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
