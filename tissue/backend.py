"""The machine a run computes on: versions, devices, memory, and whether its results are right."""

import hashlib
import logging
import os
import platform
import resource
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

# read when JAX is loaded: its loader of programs kept on disk takes tuning hints for missing
# machine features, and tells each in a line of 2 kB
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp
import numpy as np

import tissue.kernels  # noqa: F401 - the same 64-bit mode as in a run
from tissue.errors import RunError
from tissue.version import __version__

log = logging.getLogger(__name__)

CHOICE = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
"""Variables of the environment by which a user tells JAX on what to compute."""

PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "h5py", "SimpleITK")
_SIZE = 200_000  # large enough for the vectorized and parallel code paths


def start() -> None:
    """Starts the device that JAX computes on.

    Raises:
        RunError: there is none, or it does not compute.
    """
    try:
        jnp.zeros(1).block_until_ready()
    except Exception as error:  # RuntimeError, AssertionError and others, by the version of JAX
        asked = [f"{name} = {os.environ[name]!r}" for name in CHOICE if os.environ.get(name)]
        # JAX adds advice of its own, in parentheses
        reason = f"{error}".partition(" (set ")[0].strip(" .")
        told = f" ({reason})" if reason else ""
        if asked:
            raise RunError(
                f"{' and '.join(asked)} asks for a device on which JAX cannot compute here{told}; "
                "unset it, or set it to cpu"
            ) from None
        raise RunError(
            f"JAX cannot compute on this machine{told}; JAX_PLATFORMS=cpu leaves out all devices "
            "but the processor"
        ) from None


def keep_compiled() -> None:
    """Keeps compiled programs on disk between runs, unless the user has said where or not to.

    One folder for each kind of processor: a home folder may be shared by machines that do not
    understand each other's programs. Where there is no folder to write to, none are kept.
    """
    if jax.config.values["jax_compilation_cache_dir"]:
        return
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = root / "tissue" / "jax" / _processor()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        log.warning(
            f"compiled programs are not kept, so that every run compiles anew ({error}); set "
            "XDG_CACHE_HOME to a folder that can be written to"
        )
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _processor() -> str:
    """A short name for what programs this processor understands."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = [platform.processor()]
    skills = sorted(
        {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    )
    return hashlib.sha256("\n".join(skills or lines).encode()).hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    own = {"tissue": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PACKAGES}


def devices() -> tuple[str, ...]:
    """A line for each device, with its memory where it tells."""
    lines = []
    for device in jax.devices():
        stats = device.memory_stats() or {}
        limit = stats.get("bytes_limit")
        memory = f", {limit / 1e9:.1f} GB" if limit else ""
        lines.append(f"{device.device_kind} ({device.platform} {device.id}{memory})")
    return tuple(lines)


def peak_memory() -> float:
    """Largest memory of this process so far [GB]."""
    scale = 1e9 if platform.system() == "Darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def wrong_results() -> tuple[str, ...]:
    """Names of the operations the model relies on in which the backend differs from numpy."""
    rng = np.random.default_rng(0)
    failed = []
    for kind, accuracy in (("float32", 2e-6), ("float64", 1e-13)):
        x = rng.uniform(0.1, 4, _SIZE).astype(kind)
        for name, (there, here) in _OPERATIONS.items():
            got = np.asarray(jax.jit(there)(jnp.asarray(x)), "float64")
            wanted = np.asarray(here(x.astype("float64")))
            # a NaN fails the comparison, as it should
            if not np.all(np.abs(got - wanted) <= accuracy * np.maximum(1, np.abs(wanted))):
                failed.append(f"{name} in {kind}")
    return (*failed, *_wrong_nan())


def _wrong_nan() -> tuple[str, ...]:
    x = jnp.ones(_SIZE).at[_SIZE // 3].set(jnp.nan)
    return () if not bool(jnp.isfinite(x).all()) else ("finding a NaN",)


def drops_nan() -> bool:
    """Whether jnp.max hides a NaN here; harmless, as no check of a run uses it."""
    x = jnp.ones(_SIZE, jnp.float32).at[_SIZE // 3].set(jnp.nan)
    return not bool(jnp.isnan(jnp.max(x)))


def _shifted(x: jax.Array) -> jax.Array:
    return jax.lax.pad(x, jnp.zeros((), x.dtype), [(-1, 1, 0)])


_Operation = tuple[Callable[[jax.Array], jax.Array], Callable[[np.ndarray], np.ndarray]]
_OPERATIONS: dict[str, _Operation] = {
    "exp": (lambda x: jnp.exp(-x), lambda x: np.exp(-x)),
    "expm1": (lambda x: jnp.expm1(-x), lambda x: np.expm1(-x)),
    "sqrt": (jnp.sqrt, np.sqrt),
    "power": (lambda x: x**2.5, lambda x: x**2.5),
    "sinh": (lambda x: x / jnp.sinh(x), lambda x: x / np.sinh(x)),
    "division": (lambda x: x / (x + 3), lambda x: x / (x + 3)),
    "sum": (lambda x: jnp.sum(x, dtype=jnp.float64), np.sum),
    "shift": (_shifted, lambda x: np.append(x[1:], 0)),
    "cumulative loop": (
        lambda x: jax.lax.fori_loop(0, 8, lambda _, u: 0.5 * (u + _shifted(u)), x),
        lambda x: _smoothed(x, 8),
    ),
}


def _smoothed(x: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        x = 0.5 * (x + np.append(x[1:], 0))
    return x
