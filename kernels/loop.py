"""Repetition of a step, and the fusion barrier that XLA's CPU backend needs."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax import lax

State = TypeVar("State")
Result = TypeVar("Result")


def repeat(step: Callable[[State], State], n: int) -> Callable[[State], State]:
    """Function that applies `step` n times to a state, n compiled in."""

    def repeated(state: State) -> State:
        return lax.scan(lambda carry, _: (step(carry), None), state, length=n)[0]

    return repeated


def materialize(function: Callable[..., Result], *arguments: Any) -> Result:
    """Result of function(*arguments), written to memory before anything reads it.

    XLA's CPU backend fuses a stencil into the next one and so recomputes it at every neighbor,
    which multiplies the cost of a multigrid cycle by eight; it deletes `optimization_barrier`
    before it fuses, but never fuses across a branch. Other backends fuse sensibly.
    """
    function = jax.jit(function)  # traced once, although it is called twice below
    shapes = jax.eval_shape(function, *arguments)

    # plain operations of lax, here and below: those of jax.numpy take ten times as long to trace
    def all_nan(*_: Any) -> Result:
        return jax.tree.map(lambda s: lax.full(s.shape, np.nan, s.dtype), shapes)

    def behind_branch(*arguments: Any) -> Result:
        leaf = jax.tree.leaves(arguments)[0]
        first = lax.reshape(lax.slice(leaf, (0,) * leaf.ndim, (1,) * leaf.ndim), ())
        # a NaN takes the other branch and so stays a NaN
        taken = lax.lt(first, np.asarray(np.inf, leaf.dtype))
        return lax.cond(taken, function, all_nan, *arguments)

    return lax.platform_dependent(*arguments, cpu=behind_branch, default=function)
