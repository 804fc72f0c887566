"""What a run has of this machine."""

import ctypes
import os
import platform

import jax


def device() -> str:
    """The devices that compute."""
    kinds = [d.device_kind for d in jax.devices()]
    return f"{len(kinds)} x {kinds[0]} ({jax.default_backend()})"


def host_memory() -> int:
    """Memory of this machine [bytes]."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def usable_memory() -> int:
    """Memory that the fields of a run can fill [bytes]: of the first device, or of the host."""
    stats = jax.devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", host_memory()))


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


_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
