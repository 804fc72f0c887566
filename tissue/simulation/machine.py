"""Devices that compute, their memory, and the memory of a process on the CPU."""

import ctypes
import platform
from pathlib import Path

import jax

from tissue.simulation.host import allowed_memory


def device() -> str:
    """The devices that compute."""
    kinds = [d.device_kind for d in jax.devices()]
    return f"{len(kinds)} x {kinds[0]} ({jax.default_backend()})"


def usable_memory() -> int:
    """Memory that the fields of a run can fill [bytes]: of the first device, or of the host."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", allowed_memory()))


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
    """Number of memory maps that this process holds, and of those that it may."""
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii"))
        return Path("/proc/self/maps").read_bytes().count(b"\n"), allowed
    except (OSError, ValueError):
        return 0, float("inf")  # no Linux: no such bound


_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
