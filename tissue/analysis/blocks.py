"""Coarse fields for drawings and pages."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def block_means(values: NDArray[Any], block: int) -> NDArray[Any]:
    """Means over cubes of `block` voxels [z, y, x]; edge values fill the incomplete cubes.

    They are float64, as a sum of float32 may overflow.
    """
    if block == 1:
        return values
    padded = np.pad(values, [(0, -count % block) for count in values.shape], mode="edge")
    nz, ny, nx = (count // block for count in padded.shape)
    return padded.reshape(nz, block, ny, block, nx, block).mean(axis=(1, 3, 5), dtype="f8")
