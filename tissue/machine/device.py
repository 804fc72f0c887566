"""Devices that compute, their memory and programs, and the memory of a process on the CPU."""

import ctypes
import hashlib
import logging
import os
import platform
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp

import tissue.kernels  # noqa: F401 - the same 64-bit mode as in a run
from tissue.errors import RunError
from tissue.machine.host import allowed_memory
from tissue.machine.program_cache import keep_whole_programs
from tissue.version import __version__

log = logging.getLogger(__name__)

PLATFORM_VARIABLES = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
"""Environment variables that choose the devices of JAX."""

CROWDED_GRID = 2**22
"""Number of voxels from which memory counts more than the last per cents of speed (assumption)."""

LOG_LEVEL, LEVEL_OF_JAX = "TF_CPP_MIN_LOG_LEVEL", "1"
"""Environment variable that `import tissue` sets, and its value where JAX was imported before."""

MIN_COMPILE_TIME = "jax_persistent_cache_min_compile_time_secs"
"""Setting of JAX: time of compiling [s] from which a program is kept on disk."""

USUAL_MIN_COMPILE_TIME = 1.0
"""Its value where the user has set none [s]; a run has hundreds of smaller programs."""

VIRTUAL_DEVICES = "--xla_force_host_platform_device_count"
"""Setting of XLA, in its variable XLA_FLAGS, that shows a processor as several devices."""

PATIENCE = {
    "--xla_cpu_collective_call_warn_stuck_timeout_seconds": 600,
    "--xla_cpu_collective_call_terminate_timeout_seconds": 7200,
}
"""Times that such devices wait for each other until XLA warns and until it ends the process [s]. By
default 20 and 40, which a machine that is busy with other work exceeds: then the threads of some
devices get no core for that long."""

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "h5py", "SimpleITK")


def patient(flags: str) -> str:
    """Settings of XLA with which virtual devices wait for each other on a busy machine.

    Args:
        flags: settings of the user, which stay.
    """
    if VIRTUAL_DEVICES not in flags:
        return flags
    missing = (f"{name}={time}" for name, time in PATIENCE.items() if name not in flags)
    return " ".join([flags, *missing])


if "XLA_FLAGS" in os.environ:  # XLA reads it when it first compiles
    os.environ["XLA_FLAGS"] = patient(os.environ["XLA_FLAGS"])


def start_backend() -> None:
    """Starts the device that JAX computes on.

    Raises:
        RunError: there is none, or it does not compute.
    """
    try:
        jnp.zeros(1).block_until_ready()
    except Exception as error:  # RuntimeError, AssertionError and others, by the version of JAX
        variables = (name for name in PLATFORM_VARIABLES if os.environ.get(name))
        chosen = " and ".join(f"{name} = {os.environ[name]!r}" for name in variables)
        # JAX adds its own advice in parentheses
        text = f"{error}".partition(" (set ")[0].strip(" .")
        reason = f" ({text})" if text else ""
        if chosen:
            raise RunError(
                f"{chosen} selects a device on which JAX cannot compute here{reason}; unset it, or "
                "set it to cpu"
            ) from None
        raise RunError(
            f"JAX cannot compute on this machine{reason}; set JAX_PLATFORMS=cpu to use the "
            "processor only"
        ) from None


def enable_compilation_cache() -> None:
    """Keeps compiled programs on disk between runs, unless the user has set JAX otherwise.

    None are kept where JAX was imported before tissue, and would log hundreds of lines about them.
    There is one folder for each kind of processor: a home folder may be shared by machines that
    cannot run each other's programs. Without a folder to write to, none are kept.
    """
    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or os.environ.get(LOG_LEVEL) == LEVEL_OF_JAX:
        return
    if not settings["jax_enable_compilation_cache"]:
        return
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = root / "tissue" / "jax" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        _warn_once(
            f"compiled programs are not kept, and every run compiles again ({error}); set "
            "XDG_CACHE_HOME to a folder that can be written to"
        )
        return
    keep_whole_programs()
    jax.config.update("jax_compilation_cache_dir", str(folder))
    if settings[MIN_COMPILE_TIME] == USUAL_MIN_COMPILE_TIME:
        jax.config.update(MIN_COMPILE_TIME, 0.0)


@cache
def _warn_once(sentence: str) -> None:
    """Warns, also where a session makes many simulations, a single time."""
    log.warning(sentence)


def _processor() -> str:
    """Short name of the features that programs for this processor depend on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = [platform.processor()]
    features = sorted(
        {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    )
    return hashlib.sha256("\n".join(features or lines).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions of this program, of Python and of the packages that results depend on."""
    own = {"tissue": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PACKAGES}


def device_lines() -> tuple[str, ...]:
    """Description of each device, with its memory where JAX reports it."""
    lines = []
    for device in jax.devices():
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit")
        memory = f", {limit / 1e9:.1f} GB" if limit else ""
        lines.append(f"{device.device_kind} ({device.platform} {device.id}{memory})")
    return tuple(lines)


def device_summary(number: int | None = None) -> str:
    """Number and kind of the devices that compute, such as 1 x cpu (cpu).

    Args:
        number: of the devices; all that there are by default.
    """
    there = jax.devices()
    return f"{number or len(there)} x {there[0].device_kind} ({jax.default_backend()})"


def usable_memory() -> int:
    """Memory that the fields of a run can fill [bytes]: of the first device, or of the host."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit", allowed_memory()))


def device_memory() -> int | None:
    """Memory in use on the first device [bytes]; None for a CPU, which has none of its own."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return int(stats["bytes_in_use"]) if "bytes_in_use" in stats else None


def keep_memory() -> None:
    """Keeps freed memory in the process for reuse, where glibc allows it.

    A step frees and allocates dozens of fields. The system would clear each one page by page: a
    quarter of the time of a step on CPU, and more on large grids.
    """
    libc = _libc()
    if libc:
        for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)):
            libc.mallopt(option, value)


def release_memory() -> None:
    """Returns gaps in the heap to the system; compilation leaves half a gigabyte of them."""
    libc = _libc()
    if libc:
        libc.malloc_trim(0)


def room_maker(voxels: int) -> Callable[[], None] | None:
    """Function that makes room for the largest solve of a step; None where it is not worth it.

    Freed fields leave gaps in the heap that the single block of a solve does not fit in. To return
    them to the system costs a few per cent of a step, which only a large grid on a CPU need pay.

    Args:
        voxels: of the grid.
    """
    large = voxels >= CROWDED_GRID and jax.default_backend() == "cpu"
    return release_memory if large else None


def release_programs() -> None:
    """Drops compiled programs before they exceed what a process may hold.

    On CPU a program takes dozens of memory maps: about 3000 for one shape of grid and one kind of
    run, so that the twentieth bone of a process would exceed the limit of Linux (65,530) and end
    in a segmentation fault. Programs that are needed again are read back or compiled again.
    """
    held, allowed = _memory_maps()
    if held > allowed / 2:
        jax.clear_caches()


def _memory_maps() -> tuple[int, float]:
    """Number of memory maps of this process, and the largest number allowed."""
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii"))
        return Path("/proc/self/maps").read_bytes().count(b"\n"), allowed
    except (OSError, ValueError):
        return 0, float("inf")  # no Linux: no such limit


_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt(3)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
