"""What a run has of this machine."""

import os

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
