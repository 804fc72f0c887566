"""Is the state of a run still physical?"""

from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tissue.model.state import State

FIELDS = tuple(field.name for field in fields(State) if field.name != "time")


def _bad(name: str, values: Array) -> Array:
    """Where a field is not finite, negative, or more bone than there is room for."""
    # compared voxel by voxel: max and min drop NaN on some CPU backends
    wrong = ~jnp.isfinite(values) | (values < 0)
    return wrong | (values > 1) if name == "bone_volume_fraction" else wrong


@jax.jit
def bad_voxels(state: State) -> Array:
    """Number of unphysical voxels of each field, in the order of FIELDS."""
    return jnp.stack([jnp.sum(_bad(name, getattr(state, name))) for name in FIELDS])


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
