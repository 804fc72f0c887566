"""What a run has of this machine."""

import ctypes
import os
import platform
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import jax

CROWDED = 1.5
"""Processes that want to run, in cores, from which a measured time is no longer a machine's own."""


def device() -> str:
    """The devices that compute."""
    kinds = [d.device_kind for d in jax.devices()]
    return f"{len(kinds)} x {kinds[0]} ({jax.default_backend()})"


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
    load, most = os.getloadavg()[0], cores()
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


def usable_memory() -> int:
    """Memory that the fields of a run can fill [bytes]: of the first device, or of the host."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", allowed_memory()))


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


def device_memory() -> int | None:
    """Memory in use on the first device [bytes], where it has its own; the CPU has none."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats["bytes_in_use"]) if "bytes_in_use" in stats else None


def keep_memory() -> None:
    """Lets freed memory be used again without going back to the system, where glibc can.

    A step frees and asks for dozens of whole fields. Each would come fresh from the system, which
    clears it page by page: a quarter of the time of a step on CPU, and more on large grids.
    """
    libc = _libc()
    if libc:
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)):
            libc.mallopt(option, value)


def release_memory() -> None:
    """Gives back what compilation has left behind, half a gigabyte."""
    libc = _libc()
    if libc:
        libc.malloc_trim(0)


def release_programs() -> None:
    """Forgets compiled programs before they are more than a process may hold.

    On CPU a program lies in dozens of memory maps: those of one shape of grid and one kind of run
    in some 3000, so that the twentieth bone of a process would pass what Linux allows (65,530) and
    end it in a segmentation fault. Programs that are needed again are read back or compiled anew.
    """
    held, allowed = _memory_maps()
    if held > allowed / 2:
        jax.clear_caches()


def _memory_maps() -> tuple[int, float]:
    """How many memory maps this process holds, and how many it may."""
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii"))
        return Path("/proc/self/maps").read_bytes().count(b"\n"), allowed
    except (OSError, ValueError):
        return 0, float("inf")  # no Linux: no such bound


_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
