"""Forcing of the user: a function that changes what acts on the tissue during each step."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.errors import InputError, shown
from tissue.model.forcing import Forcing, LocalForcing
from tissue.model.species import PAIR, SOLUTES
from tissue.model.targets import TARGETS, Concentration

OwnForcing = Callable[[Forcing, float, float], Forcing]
"""Function of the forcing of the run file, the time at which a step starts [day] and its length
[day]; it returns the forcing of that step."""

_EXPOSED = [name for name, each in TARGETS.items() if isinstance(each.action, Concentration)]
"""Targets that act through the concentration of their drugs during a step."""


class _Kind(NamedTuple):
    """Kind of a value.

    Attributes:
        allowed: its name in messages.
        fits: whether an array of a shape is one.
    """

    allowed: str
    fits: Callable[[tuple[int, ...]], bool]


_NUMBER = _Kind("a number", lambda shape: shape == ())
_NODES = _Kind("a number or one for each node", lambda shape: len(shape) < 2 and 0 not in shape)
_BY_NAME = ("excess", "production", "source", "exposure")
_NUMBERS = [each.name for each in fields(Forcing) if each.name not in (*_BY_NAME, "local")]


def checked(given: Any, before: Forcing, shape: tuple[int, ...], precision: str) -> Forcing:
    """Forcing that the function of a user returned, its numbers in the precision of the run.

    Args:
        given: the returned value.
        before: the forcing that the function got.
        shape: of the grid.
        precision: "float32" or "float64".

    Raises:
        InputError: it is not a forcing, names an unknown solute or target, or has a value that is
            not a finite number >= 0 or of another shape.
    """
    if not isinstance(given, Forcing):
        raise InputError(
            f"forcing must return a tissue.Forcing, not {type(given).__name__}: change the one "
            "that it gets, such as forcing.with_source('il1', field)"
        )

    def read(key: str, value: Any, kind: _Kind) -> Array:
        return _array(f"forcing.{key}", value, kind, precision)

    def by_name(key: str, kind: _Kind) -> dict[str, Array]:
        values = _named(key, getattr(given, key))
        return {name: read(f"{key}[{name!r}]", value, kind) for name, value in values.items()}

    on_grid = f"of the grid's shape {shape}"
    local = given.local
    if local is not None and local is not before.local:
        if not isinstance(local, LocalForcing):
            raise InputError(f"forcing.local = {shown(local)} must be a LocalForcing or None")
        cells = _Kind(f"an array {on_grid}", lambda found: found == shape)
        local = LocalForcing(
            read("local.inflammatory_cells", local.inflammatory_cells, cells),
            jax.tree.map(partial(jnp.asarray, dtype=precision), local.walls),
        )
    field = _Kind(f"a number or an array {on_grid}", lambda found: found in ((), shape))
    numbers: dict[str, Any] = {name: read(name, getattr(given, name), _NUMBER) for name in _NUMBERS}
    return replace(
        given,
        excess=by_name("excess", _NUMBER),
        production=by_name("production", _NUMBER),
        source=by_name("source", field),
        exposure={name: jnp.atleast_1d(row) for name, row in by_name("exposure", _NODES).items()},
        local=local,
        **numbers,
    )


def _named(key: str, values: Any) -> Mapping[str, Any]:
    """Values by solute or target.

    Raises:
        InputError: they are not a dict, or a name is not known or cannot be used.
    """
    known: Collection[str] = _EXPOSED if key == "exposure" else SOLUTES
    one = "a target of drugs that act by concentration" if key == "exposure" else "a solute"
    if not isinstance(values, Mapping):
        raise InputError(
            f"forcing.{key} = {shown(values)} must be a dict by the name of {one}, such as "
            f"{{{next(iter(known))!r}: 1.0}}"
        )
    for name in values:
        if name not in known:
            raise InputError(
                f"forcing.{key}[{shown(name)}] does not name {one}: they are {', '.join(known)}"
            )
        if key == "excess" and name in {each.name for each in PAIR}:
            raise InputError(
                f"forcing.excess[{name!r}] cannot be given: RANKL and OPG bind each other; "
                f"use a source, forcing.with_source({name!r}, pM_per_day)"
            )
    return values


def _array(where: str, value: Any, kind: _Kind, precision: str) -> Array:
    """A number or an array in the precision of the run.

    Raises:
        InputError: it is neither, or not finite, negative or of another shape.
    """
    try:
        found = np.asarray(value)
    except ValueError:  # rows of different lengths
        found = np.asarray(None)
    if found.dtype.kind not in "biuf":
        raise InputError(f"{where} = {shown(value)} must be {kind.allowed}")
    if not kind.fits(found.shape):
        raise InputError(f"{where} has the shape {found.shape} and must be {kind.allowed}")
    with np.errstate(over="ignore"):  # too large for float32: refused as not finite
        found = found.astype(precision)
    if not np.all(np.isfinite(found)):
        raise InputError(
            f"{where} holds values that are not finite in {precision}; it must be {kind.allowed}"
        )
    if (lowest := found.min()) < 0:
        raise InputError(f"{where} = {lowest:g}{' in a voxel' * (found.ndim > 1)} must be >= 0")
    return jnp.asarray(found)
