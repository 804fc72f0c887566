"""Resources that the system gives this process: memory, cores and disk space."""

import os
import platform
import re
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from tissue.errors import RunError

BUSY_LOAD = 1.5
"""Load over cores [1] above which measured times are those of a shared machine."""


_sharing = 1  # processes of one run on this machine


def share_memory(processes: int) -> None:
    """Notes that so many processes of a run share the memory of this machine, this one included."""
    global _sharing
    _sharing = processes


@contextmanager
def memory_shared() -> Iterator[None]:
    """Adds to a complaint about memory that processes of the run share that of this machine."""
    try:
        yield
    except RunError as error:
        if _sharing == 1:
            raise
        raise RunError(
            f"{error}; {_sharing} processes of this run share the memory of {platform.node()}: "
            "start fewer on one host"
        ) from None


def host_memory() -> int:
    """Memory of this machine [bytes]."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        return os.cpu_count() or 1


def processor() -> str:
    """Name of the processor of this machine."""
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", about, re.M)
    return found[1] if found else platform.machine()


def busy_percent(seconds: float = 0.5) -> int | None:
    """Share of the processor that work uses now [%]; None where the system does not report it."""

    def ticks() -> tuple[int, int]:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        counts = [int(n) for n in first.split()[1:]]
        return sum(counts[3:5]), sum(counts)

    try:
        idle, every = ticks()
        time.sleep(seconds)
        idle_after, every_after = ticks()
    except (OSError, ValueError):
        return None
    return round(100 * (1 - (idle_after - idle) / max(1, every_after - every)))


def load_note() -> str:
    """Note that other work keeps this machine busy; empty where it does not."""
    try:
        load = os.getloadavg()[0]
    except OSError:  # the system does not report its load
        return ""
    if load <= BUSY_LOAD * cores():
        return ""
    return f", where other work keeps the processor busy (load {load:.0f} on {cores()} cores)"


def allowed_memory(root: Path = Path("/")) -> int:
    """Memory that this process may take [bytes]: that of the machine, or less by a limit.

    Containers and queues limit their control group, of version 1 or 2 and at any level of it; a
    shell limits the address space of a process (ulimit -v). Processes of one run on this machine
    have equal shares of its memory, and of that of their group.

    Args:
        root: folder of `proc` and `sys`.
    """
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    unlimited = addresses == resource.RLIM_INFINITY
    share = min([host_memory(), *_group_limits(root)]) // _sharing
    return share if unlimited else min(share, addresses)


def _group_limits(root: Path) -> Iterator[int]:
    """Memory limits of the control groups of this process [bytes]."""
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # no Linux
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            top, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # a container may see its own group only, as the top one
        inner = PurePosixPath(path.lstrip("/"))
        for group in (inner, *inner.parents):
            with suppress(OSError, ValueError):  # "max" is not a number and means no limit
                yield int((top / group / name).read_text(encoding="ascii"))


def free_disk(folder: Path) -> int | None:
    """Free disk space for a folder that may not exist yet [bytes]; None where it is unknown."""
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), folder)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None


def resident_memory() -> int | None:
    """Memory of this machine that this process uses now [bytes]; None where it is unknown."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:  # no Linux
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> float:
    """Largest memory of this process so far [GB]."""
    scale = 1e9 if platform.system() == "Darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
