"""Forcing of the user: a function that changes what acts on the tissue during each step."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from tissue.errors import InputError
from tissue.model.forcing import Forcing, Value
from tissue.model.species import PAIR, SOLUTES
from tissue.model.targets import TARGETS

OwnForcing = Callable[[Forcing, float, float], Forcing]
"""Function of the forcing of the run file, the time at which a step starts [day] and its length
[day]; it returns the forcing of that step."""


def checked(given: Any, shape: tuple[int, ...], precision: str) -> Forcing:
    """Forcing that the function of a user returned, its arrays in the precision of the run.

    Args:
        given: the returned value.
        shape: of the grid.
        precision: "float32" or "float64".

    Raises:
        InputError: it is not a forcing, names an unknown solute, or has a value of another shape.
    """
    if not isinstance(given, Forcing):
        raise InputError(
            f"forcing must return a tissue.Forcing, not {type(given).__name__}: change the one "
            "that it gets, such as forcing.with_source('il1', field)"
        )
    for target in given.exposure:
        if target not in TARGETS:
            raise InputError(
                f"forcing.exposure[{target!r}] does not name a target of drugs: they are "
                f"{', '.join(TARGETS)}"
            )
    for solute in PAIR:
        if solute.name in given.excess:
            raise InputError(
                f"forcing.excess[{solute.name!r}] cannot be given: RANKL and OPG bind each other; "
                f"use a source, forcing.with_source({solute.name!r}, pM_per_day)"
            )
    return replace(
        given,
        excess=_values("excess", given.excess, (), precision),
        production=_values("production", given.production, (), precision),
        source=_values("source", given.source, shape, precision),
    )


def _values(
    key: str, values: Mapping[str, Any], shape: tuple[int, ...], precision: str
) -> dict[str, Value]:
    allowed = "a number" if shape == () else f"a number or an array of the grid's shape {shape}"
    found: dict[str, Value] = {}
    for name, value in values.items():
        where = f"forcing.{key}[{name!r}]"
        if name not in SOLUTES:
            raise InputError(f"{where} does not name a solute: they are {', '.join(SOLUTES)}")
        if np.shape(value) not in {(), shape}:
            raise InputError(f"{where} has the shape {np.shape(value)} and must be {allowed}")
        if not np.all(np.isfinite(value)):
            raise InputError(f"{where} holds values that are not finite; it must be {allowed}")
        found[name] = jnp.asarray(value, precision) if np.shape(value) else float(value)
    return found
