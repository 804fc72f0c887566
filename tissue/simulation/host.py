"""Resources that the system gives this process: memory, cores, room on disks."""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

CROWDED = 1.5
"""Processes that want to run, in cores, from which a measured time is no longer a machine's own."""


def host_memory() -> int:
    """Memory of this machine [bytes]."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        return os.cpu_count() or 1


def busy() -> str:
    """Words that tell of much other work on this machine; empty where there is little."""
    try:
        load, most = os.getloadavg()[0], cores()
    except OSError:  # the system does not tell
        return ""
    if load <= CROWDED * most:
        return ""
    return f", where other work keeps the processor busy (load {load:.0f} on {most} cores)"


def allowed_memory(root: Path = Path("/")) -> int:
    """Memory that this process may take [bytes]: that of the machine, or less by a limit.

    Containers and queues set limits of their control group, of version 1 or 2 and at any level of
    it; a shell sets one of the addresses of a process (ulimit -v).

    Args:
        root: where `proc` and `sys` lie.
    """
    addresses, _ = resource.getrlimit(resource.RLIMIT_AS)
    unlimited = addresses == resource.RLIM_INFINITY
    return min([host_memory(), *_group_limits(root), *([] if unlimited else [addresses])])


def _group_limits(root: Path) -> Iterator[int]:
    """Limits of memory of the control groups that this process is in [bytes]."""
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
            with suppress(OSError, ValueError):  # "max" is no number and no limit
                yield int((top / group / name).read_text(encoding="ascii"))


def free_disk(folder: Path) -> int | None:
    """Room for files in a folder that may not exist yet [bytes]; None where it is not told."""
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), folder)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return None


def resident_memory() -> int | None:
    """Memory of this machine that this process takes now [bytes], where the system tells."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:  # no Linux
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
