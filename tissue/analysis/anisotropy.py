"""Degree of anisotropy by the mean intercept length."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

DIRECTIONS = 200
LINES = 4000
"""Lines cast in each direction, from random points [1]."""

STRIDE = 3**0.5
"""Distance of samples on a line [voxel]: so far apart that no two lie in the same voxel."""


def degree_of_anisotropy(mask: Mask, seed: int = 0) -> float:
    """Degree of anisotropy: 0 for isotropic bone, 1 where bone is uniform along a direction.

    It is 1 - (smallest / largest eigenvalue) of the tensor fitted to the square of the number of
    intercepts per length.

    Args:
        mask: bone [z, y, x].
        seed: of the random points.

    References:
        Harrigan and Mann 1984, J Mater Sci 19:761; Odgaard 1997, Bone 20:315.
    """
    rng = np.random.default_rng(seed)
    directions = _directions()
    counted = np.array([_intercepts(mask, n, rng) for n in directions])
    if not counted.any():
        return 0.0
    z, y, x = directions.T
    terms = np.stack([z * z, y * y, x * x, 2 * z * y, 2 * z * x, 2 * y * x], axis=1)
    zz, yy, xx, zy, zx, yx = np.linalg.lstsq(terms, counted**2, rcond=None)[0]
    values = np.linalg.eigvalsh([[zz, zy, zx], [zy, yy, yx], [zx, yx, xx]]).clip(0)
    return float(1 - values[0] / values[-1])


def _directions() -> NDArray[np.float64]:
    """Unit vectors (z, y, x), spread evenly over half a sphere along a golden spiral."""
    k = np.arange(DIRECTIONS) + 0.5
    z = 1 - k / DIRECTIONS
    angle = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z * z)
    return np.stack([z, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def _intercepts(mask: Mask, direction: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Changes between bone and marrow per length along lines of one direction [1/voxel]."""
    shape = np.array(mask.shape)
    samples = max(2, int(0.5 * shape.min() / STRIDE))  # a line has two ends even in a thin slab
    steps = STRIDE * np.arange(samples)[:, None] * direction
    lowest, highest = steps.min(axis=0), steps.max(axis=0)
    starts = rng.uniform(-lowest, shape - highest, (LINES, 3))
    voxels = np.floor(starts[:, None] + steps).astype(np.intp)
    voxels = np.clip(voxels, 0, shape - 1)
    line = mask[voxels[..., 0], voxels[..., 1], voxels[..., 2]]
    return float(np.count_nonzero(line[:, 1:] != line[:, :-1]) / (STRIDE * (samples - 1) * LINES))
