"""The doctor's examination: a sound backend passes, an unsound one is named."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tissue
from tissue import backend
from tissue.simulation.machine import host_memory


def test_this_backend_computes_rightly() -> None:
    assert backend.wrong_results() == ()


def only(monkeypatch: pytest.MonkeyPatch, there: backend._Operation) -> None:
    monkeypatch.setattr(backend, "_OPERATIONS", {"root": there})


def test_a_small_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].add(1e-5), np.sqrt))
    assert backend.wrong_results() == ("root in float32", "root in float64")


def test_lost_precision_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x.astype("float32")), np.sqrt))
    assert backend.wrong_results() == ("root in float64",)


def test_a_nan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].set(jnp.nan), np.sqrt))
    assert backend.wrong_results() == ("root in float32", "root in float64")


def test_a_backend_that_cannot_see_nan_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "_OPERATIONS", {})
    monkeypatch.setattr(jnp, "isfinite", jnp.ones_like)
    assert backend.wrong_results() == ("finding a NaN",)


def test_the_machine_is_described() -> None:
    versions = backend.versions()
    assert (versions["tissue"], versions["jax"]) == (tissue.__version__, jax.__version__)
    assert len(backend.devices()) == len(jax.devices())
    assert 0 < backend.peak_memory() < host_memory() / 1e9
    assert backend.drops_nan() in (True, False)


@pytest.mark.parametrize("given", [None, "chosen"])
def test_compiled_programs_are_kept_where_the_user_says_or_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    options = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: jax.config.values[name] for name in options}
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    try:
        jax.config.update("jax_compilation_cache_dir", given)
        backend.keep_compiled()
        kept = Path(jax.config.values["jax_compilation_cache_dir"])
        assert kept == Path("chosen") if given else kept.parent == Path("cache/tissue/jax")
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
