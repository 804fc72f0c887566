"""Random bone with struts, the same at every resolution or larger with every grid.

A sum of plane waves whose lengths scatter about one wavelength, cut where the largest
face-connected part has the wanted volume.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Bone = npt.NDArray[np.bool_]

WAVES = 80
SPREAD = 0.15  # of the wave numbers about their mean


def waves(shape: tuple[int, ...], wavelength: float, seed: int) -> npt.NDArray[np.float64]:
    """Sum of plane waves of random directions and phases; wavelength in voxels."""
    random = np.random.default_rng(seed)
    directions = random.standard_normal((WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = 2 * np.pi / wavelength * (1 + SPREAD * random.standard_normal(WAVES))
    phases = random.uniform(0, 2 * np.pi, WAVES)
    total = np.zeros(shape)
    for k, phase in zip(directions * lengths[:, None], phases, strict=True):
        z, y, x = (np.exp(1j * k[d] * (np.arange(n) + 0.5)) for d, n in enumerate(shape))
        total += np.real(np.exp(1j * phase) * z[:, None, None] * y[:, None] * x)
    return total


def largest(mask: Bone) -> Bone:
    """Largest face-connected part."""
    parts, _ = ndimage.label(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def cut(field: npt.NDArray[np.float64], share: float) -> Bone:
    """Largest part of the field above a threshold, chosen so that it fills a share of the grid."""
    low, high = float(field.min()), float(field.max())
    for _ in range(20):
        middle = (low + high) / 2
        if largest(field > middle).mean() > share:
            low = middle
        else:
            high = middle
    bone = largest(field > low)
    assert all(np.take(bone, end, axis).any() for axis in range(3) for end in (0, -1))
    return bone


def refined(edge: int, share: float = 0.13, seed: int = 5) -> Bone:
    """One bone at any resolution, like the radius: struts of about 3 voxels at 64^3."""
    return cut(waves((edge,) * 3, edge / 4.5, seed), share)


def grown(edge: int, share: float = 0.2, seed: int = 7) -> Bone:
    """Struts of the same few voxels in a box of any size."""
    return cut(waves((edge,) * 3, 13.0, seed), share)


def partial(shape: tuple[int, int, int], seed: int = 0) -> npt.NDArray[np.float64]:
    """Bone volume fraction of thick bone with gray voxels at its surface, in a box of any shape."""
    field = waves(shape, 9.0, seed)
    bone = cut(field, 0.45)
    fraction = np.clip(ndimage.gaussian_filter(bone.astype(float), 0.6), 0, 1)
    return np.where(fraction < 0.05, 0, fraction)
