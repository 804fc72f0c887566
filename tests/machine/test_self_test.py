"""Self-test of the device: a correct one passes, and wrong results are named."""

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.machine import self_test


def test_this_device_computes_correctly() -> None:
    assert self_test.wrong_results() == ()


def only(monkeypatch: pytest.MonkeyPatch, operation: self_test._Operation) -> None:
    monkeypatch.setattr(self_test, "_OPERATIONS", {"root": operation})


def test_a_small_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].add(1e-5), np.sqrt))
    assert self_test.wrong_results() == ("root in float32", "root in float64")


def test_lost_precision_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x.astype("float32")), np.sqrt))
    assert self_test.wrong_results() == ("root in float64",)


def test_a_nan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, (lambda x: jnp.sqrt(x).at[7].set(jnp.nan), np.sqrt))
    assert self_test.wrong_results() == ("root in float32", "root in float64")


def test_a_device_that_does_not_find_nan_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_test, "_OPERATIONS", {})
    monkeypatch.setattr(jnp, "isfinite", jnp.ones_like)
    assert self_test.wrong_results() == ("finding a NaN",)
