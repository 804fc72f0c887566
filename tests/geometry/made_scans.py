"""Gray-value scans of a bone that is known voxel by voxel, made with numpy and scipy alone."""

from functools import cache

import numpy as np
from scipy import ndimage

from tissue.geometry.threshold import AutomaticThreshold

LOW, HIGH = 300.0, 2000.0
"""Gray values of marrow and bone."""
CONTRAST = HIGH - LOW


@cache
def bone_of(share: float, size: int = 48, thickness: float = 4.0) -> np.ndarray:
    """Trabeculae of a level set of smoothed noise, with exactly this share of bone [z, y, x]."""
    field = np.random.default_rng(0).normal(size=(size, size, size))
    field = ndimage.gaussian_filter(field, thickness, mode="wrap")
    bone = field > np.quantile(field, 1 - share)
    bone.flags.writeable = False
    return bone


def scan_of(
    bone: np.ndarray, noise: float = 0.05, blur: float = 0.0, ramp: float = 0.0
) -> np.ndarray:
    """Gray values of a scan.

    Args:
        bone: binary volume [z, y, x].
        noise: standard deviation, as a share of the contrast.
        blur: Gaussian width of the scanner [voxels].
        ramp: brightening toward the rim, as beam hardening does it, as a share of the contrast.
    """
    gray = np.where(bone, HIGH, LOW)
    if blur:
        gray = ndimage.gaussian_filter(gray, blur, mode="nearest")
    z, y, x = (np.linspace(-1, 1, size) for size in bone.shape)
    gray = gray + CONTRAST * ramp * (x**2 + y[:, None] ** 2 + 0 * z[:, None, None]) / 2
    return np.asarray(gray + np.random.default_rng(1).normal(0, noise * CONTRAST, bone.shape))


def stored(gray: np.ndarray, dtype: str) -> np.ndarray:
    """Gray values as a file holds them; 8 bits take 12 gray values each."""
    if dtype == "f4":
        return gray.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(gray / 12 if dtype == "u1" else gray), limits.min, limits.max).astype(
        dtype
    )


def outside_of(shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Voxels outside a field of view, bool [z, y, x]."""
    z, y, x = np.indices(shape) - (shape[0] - 1) / 2
    half = shape[0] / 2
    if kind == "circle":
        return y**2 + x**2 > half**2
    if kind == "wide circle":
        return y**2 + x**2 > (1.25 * half) ** 2
    if kind == "off the middle":
        return (y + 0.4 * half) ** 2 + (x - 0.6 * half) ** 2 > (1.5 * half) ** 2
    if kind == "hexagon":
        turns = np.pi * np.arange(3) / 3
        return np.max([abs(np.cos(a) * y + np.sin(a) * x) for a in turns], axis=0) > 0.85 * half
    if kind == "tilted box":
        return np.maximum(abs(0.9 * y + 0.436 * z), abs(0.8 * x - 0.6 * y)) > 0.9 * half
    if kind == "slices":
        return abs(z) > 0.75 * half
    raise ValueError(kind)


def metal_of(shape: tuple[int, ...], share: float, kind: str) -> np.ndarray:
    """Voxels of metal: scattered hot voxels, or a ball."""
    size = int(np.prod(shape))
    if kind == "hot voxels":
        metal = np.zeros(size, bool)
        metal[np.random.default_rng(2).permutation(size)[: max(1, int(share * size))]] = True
        return metal.reshape(shape)
    z, y, x = np.indices(shape) - shape[0] / 2
    return z**2 + y**2 + x**2 < (0.75 / np.pi * share * size) ** (2 / 3)


def found_bone(gray: np.ndarray, found: AutomaticThreshold) -> np.ndarray:
    bone = gray > found.threshold
    return bone if found.left_out is None else bone & ~found.left_out


def doubts(found: AutomaticThreshold) -> list[str]:
    """Warnings that say more than that padding counts as marrow."""
    return [line for line in found.warnings if "lie outside the field of view" not in line]


def error(gray: np.ndarray, found: AutomaticThreshold, truth: np.ndarray) -> float:
    return float(found_bone(gray, found).mean() / truth.mean() - 1)
