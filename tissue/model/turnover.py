"""Turnover: sums over the box of what a quantity gains and loses in a step.

They are taken as soon as a stage of the step is done. What follows then keeps two numbers, not the
fields behind them, which would be half of all memory of a step.
"""

from typing import NamedTuple

from jax import Array

from tissue.kernels.programs import program
from tissue.kernels.stencil import Field, total
from tissue.model.quantity import Scalar


class Turnover(NamedTuple):
    """Gain and loss of a quantity, each summed over voxels: of solutes in a day, else in a step."""

    gained: Array
    lost: Array


@program
def of_rates(gained: Field, loss: Field, level: Field) -> Turnover:
    """Turnover of a level that a loss [1/time] takes from."""
    return Turnover(total(gained), total(loss * level))


def on_surface(surface: Field, gained: Field, lost: Field, dt: Scalar) -> Turnover:
    """Turnover in a step of a density on the surface, from its rates [1/area/time]."""
    return Turnover(total(surface * gained) * dt, total(surface * lost) * dt)
