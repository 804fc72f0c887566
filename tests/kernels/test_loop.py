"""Repetition of a step, and results held in memory by a fusion barrier."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from tissue.kernels.loop import materialize, repeat

U = jnp.asarray(np.random.default_rng(0).random((3, 4, 5)))


def stencil(u: Array, factor: Array) -> tuple[Array, Array]:
    return factor * jnp.roll(u, 1, 0) - u, jnp.sum(u * u)


def test_a_materialized_result_equals_the_function() -> None:
    factor = jnp.asarray(0.3)
    plain = jax.jit(stencil)(U, factor)
    held = jax.jit(lambda u, f: materialize(stencil, u, f))(U, factor)
    for expected, found in zip(plain, held, strict=True):
        assert found.dtype == expected.dtype
        # a fused multiply-add may round once less
        assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-15, abs=1e-15)


def test_materialize_puts_a_branch_before_the_readers_on_cpu() -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("the barrier serves the CPU backend only")
    text = jax.jit(lambda u: materialize(jnp.sin, u)).lower(U).as_text()
    assert "stablehlo.case" in text


@pytest.mark.parametrize("place", [(0, 0, 0), (1, 2, 3)])
def test_a_nan_passes_through(place: tuple[int, int, int]) -> None:
    found = jax.jit(lambda u: materialize(lambda v: v + 1, u))(U.at[place].set(jnp.nan))
    assert np.isnan(found[place])


def test_materialize_takes_a_tree() -> None:
    pair = (U, 2 * U)
    found = materialize(lambda p: p[0] + p[1], pair)
    assert np.asarray(found) == pytest.approx(3 * np.asarray(U), rel=1e-15)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_repeat_applies_a_step_n_times(n: int) -> None:
    def step(state: tuple[Array, Array]) -> tuple[Array, Array]:
        return state[0] * 2, state[1] + 1

    value, count = jax.jit(repeat(step, n))((jnp.asarray(3.0), jnp.asarray(0)))
    assert float(value) == 3 * 2**n
    assert int(count) == n
