"""Checks of the bone, the lengths and the choices that a user gives to a compression."""

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tissue.errors import InputError, shown
from tissue.mechanics.compression import AXES

ROUNDING = 1e-6
"""Share of bone beyond 0 and 1 that float32 may leave."""


def checked_bone(bone_volume_fraction: ArrayLike) -> NDArray[Any]:
    """The bone as an array [z, y, x].

    Args:
        bone_volume_fraction: share of each voxel that is bone.

    Raises:
        InputError: it has another number of axes, less than two voxels along one, or values that
            are not finite or not from 0 to 1.
    """
    name = "bone_volume_fraction"
    try:
        bone = np.asarray(bone_volume_fraction)
    except ValueError:  # lists of unequal lengths
        raise InputError(f"{name} must be an array of numbers [z, y, x]") from None
    if bone.dtype.kind not in "buif":
        raise InputError(f"{name} holds {bone.dtype}; numbers from 0 to 1 are needed")
    if bone.ndim != 3 or min(bone.shape) < 2:
        raise InputError(
            f"{name} has the shape {bone.shape}; a volume [z, y, x] of at least two voxels along "
            "each axis is needed"
        )
    unknown = bone.size - int(np.count_nonzero(np.isfinite(bone)))
    if unknown:
        raise InputError(
            f"{name} has {unknown} of {bone.size} values that are not finite (nan or inf); set "
            "them to the share of bone there, 0 for marrow"
        )
    low, high = float(bone.min()), float(bone.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        remedy = ": divide a mask of 0 and 255 by 255" if high == 255 else ""
        raise InputError(
            f"{name} holds values from {low:g} to {high:g}; shares of bone in each voxel, from 0 "
            f"to 1, are needed{remedy}"
        )
    return bone


def checked_axes(axes: Iterable[str]) -> tuple[str, ...]:
    """The directions of compression, each once.

    Args:
        axes: some of `AXES`.

    Raises:
        InputError: there is none, or another name among them.
    """
    given = tuple(axes) if isinstance(axes, Iterable) else ()
    if not given or any(not isinstance(axis, str) or axis not in AXES for axis in given):
        raise InputError(f"axes = {shown(axes)} must hold one or more of 'x', 'y' and 'z'")
    return tuple(dict.fromkeys(given))


def refuse_unknown(name: str, value: object, known: Sequence[str]) -> None:
    """Refuse a name that is not among those known.

    Args:
        name: of the argument.
        value: that was given.
        known: names that exist, two or more.

    Raises:
        InputError: with all names, and the one that was likely meant.
    """
    if isinstance(value, str) and value in known:
        return
    *others, last = map(repr, known)
    near = difflib.get_close_matches(value.lower(), known, n=1) if isinstance(value, str) else []
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{name} = {shown(value)} must be {', '.join(others)} or {last}{hint}")


def positive(name: str, value: Any, unit: str = "", remedy: str = "") -> float:
    """A number that is > 0 and finite.

    Args:
        name: of the argument.
        value: that was given.
        unit: of the number; empty for a share.
        remedy: clause for what is not one number.

    Raises:
        InputError: it is not.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = None
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf if value > 0 else -math.inf
    if number is None or isinstance(value, str):
        of = f" [{unit}]" if unit else ""
        raise InputError(f"{name} = {shown(value)} must be one number{of}{remedy}")
    if not 0 < number < math.inf:
        raise InputError(f"{name} {f'{number:g} {unit}'.rstrip()} must be > 0 and finite")
    return number
