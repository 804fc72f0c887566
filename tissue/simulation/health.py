"""Is the state of a run still physical?"""

from collections.abc import Mapping
from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.kernels.elliptic import Effort
from tissue.model.state import State

SLACK = 10  # rounding may keep a solve from the last digit of its tolerance, not from the first

FIELDS = tuple(field.name for field in fields(State))


def _bad(name: str, values: Array) -> Array:
    """Where a field is not finite, negative, or more bone than there is room for."""
    # compared voxel by voxel: max and min drop NaN on some CPU backends
    wrong = ~jnp.isfinite(values) | (values < 0)
    return wrong | (values > 1) if name == "bone_volume_fraction" else wrong


@jax.jit
def bad_voxels(state: State) -> Array:
    """Number of unphysical voxels of each field, in the order of FIELDS."""
    return jnp.stack([jnp.sum(_bad(name, getattr(state, name))) for name in FIELDS])


def unconverged(efforts: Mapping[str, Effort], tolerance: float) -> str | None:
    """A sentence about the first solve that ended far from its tolerance, if there is one.

    The budgets cannot tell: every solve ends by closing its own.
    """
    for name, effort in efforts.items():
        if not float(effort.error) <= SLACK * tolerance:
            return (
                f"the solve for {name} did not converge: relative error {float(effort.error):.2g} "
                f"after {int(effort.cycles)} iterations"
            )
    return None


def diagnosis(state: State, counts: np.ndarray) -> str | None:
    """A sentence about the first unphysical field, if there is one."""
    for name, count in zip(FIELDS, counts, strict=True):
        if count:
            values = getattr(state, name)
            voxel = np.unravel_index(int(jnp.argmax(_bad(name, values))), values.shape)
            z, y, x = (int(i) for i in voxel)
            value = float(values[voxel])
            extent = f"{int(count)} of {values.size} voxels wrong"
            return f"{name} is {value:g} in voxel [{z}, {y}, {x}] ({extent})"
    return None
