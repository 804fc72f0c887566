"""The only callers of scan, and the one place where a backend's needs are told apart."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

Carry = TypeVar("Carry")
Result = TypeVar("Result")


def repeat(step: Callable[[Carry], Carry], n: int) -> Callable[[Carry], Carry]:
    """The function that applies `step` n times."""

    def run(state: Carry) -> Carry:
        return lax.scan(lambda carry, _: (step(carry), None), state, length=n)[0]

    return run


def repeated_while(
    condition: Callable[[Carry], Array], step: Callable[[Carry], Carry], start: Carry
) -> Carry:
    """`start` after as many steps as the condition asks for."""
    return lax.while_loop(condition, step, start)


def materialize(function: Callable[..., Result], *arguments: Any) -> Result:
    """function(*arguments), held in memory before anything reads it.

    XLA's CPU backend fuses a stencil into the next one and so recomputes it at every neighbor,
    which multiplies the cost of a multigrid cycle by eight; it deletes `optimization_barrier`
    before it fuses, but never fuses across a branch. Other backends fuse sensibly.
    """
    function = jax.jit(function)  # traced once, however often it stands below
    shapes = jax.eval_shape(function, *arguments)

    def otherwise(*_: Any) -> Result:
        return jax.tree.map(lambda s: jnp.full(s.shape, jnp.nan, s.dtype), shapes)

    def held(*arguments: Any) -> Result:
        leaf = jax.tree.leaves(arguments)[0]
        taken = leaf[(0,) * leaf.ndim] < jnp.inf  # a NaN takes the other branch and so stays a NaN
        return lax.cond(taken, function, otherwise, *arguments)

    return lax.platform_dependent(*arguments, cpu=held, default=function)
