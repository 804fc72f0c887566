"""Test that the operations the model relies on are computed correctly on this machine."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import tissue.kernels  # noqa: F401 - the same 64-bit mode as in a run

_SIZE = 200_000  # large enough for the vectorized and parallel code paths


def wrong_results() -> tuple[str, ...]:
    """Names of the operations of the model whose results on the device differ from numpy's."""
    rng = np.random.default_rng(0)
    failed = []
    for kind, accuracy in (("float32", 2e-6), ("float64", 1e-13)):
        x = rng.uniform(0.1, 4, _SIZE).astype(kind)
        for name, (on_device, in_numpy) in _OPERATIONS.items():
            got = np.asarray(jax.jit(on_device)(jnp.asarray(x)), "float64")
            expected = np.asarray(in_numpy(x.astype("float64")))
            # a NaN fails the comparison, as it should
            if not np.all(np.abs(got - expected) <= accuracy * np.maximum(1, np.abs(expected))):
                failed.append(f"{name} in {kind}")
    return (*failed, *_wrong_nan())


def _wrong_nan() -> tuple[str, ...]:
    x = jnp.ones(_SIZE).at[_SIZE // 3].set(jnp.nan)
    return () if not bool(jnp.isfinite(x).all()) else ("finding a NaN",)


def drops_nan() -> bool:
    """Whether jnp.max ignores a NaN here; harmless, as no check of a run uses it."""
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
