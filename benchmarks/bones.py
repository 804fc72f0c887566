"""Bones that the mechanics is measured on, at any edge in voxels, as masks [z, y, x].

shrew and radius are one bone each at every resolution; s2 is random bone whose struts grow with the
grid; g2 is random bone whose struts stay as thin in a grid of any size, the hard case.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

Bone = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float64]

SHREW = Path(__file__).resolve().parents[1] / "runs" / "data" / "shrew.nrrd"
RADIUS = "TISSUE_BENCH_RADIUS"
"""Environment variable with the file of the radius, whose license keeps it out of this project."""

BV_TV = 0.2
THICKNESS = 6.0  # voxels, of the struts of g2
WAVELENGTH = 1 / 0.36  # of the random field over the thickness
SPREAD = 0.22  # of its wave numbers
STRETCH = 1.3  # of the wave numbers along z: bone is longer that way
SEED, BISECTIONS = 1, 14
EDGE = 114  # of the cube of the shrew [voxels]
RADIUS_CUBE = (slice(30, 78), slice(5, 53), slice(0, 48))
RADIUS_THRESHOLD, RADIUS_SMOOTHING = 320.0, 0.8  # [mg HA/cm^3], [voxels]


class Missing(Exception):
    """Scan that is not here; the message says how to name it."""


def largest(mask: Bone) -> Bone:
    """Largest face-connected part."""
    parts, _ = ndimage.label(mask)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def resampled(image: Field, edge: int) -> Field:
    """Cube of another resolution: exact means of what a voxel covers, or linear in between."""
    for axis in range(3):
        old = image.shape[axis]
        if edge < old:
            bounds = np.arange(edge + 1) * old / edge
            covered = np.clip(bounds[1:, None] - np.arange(old), 0, 1)
            weights = covered - np.clip(bounds[:-1, None] - np.arange(old), 0, 1)
            weights /= weights.sum(1, keepdims=True)
        else:
            at = np.clip((np.arange(edge) + 0.5) * old / edge - 0.5, 0, old - 1)
            weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(old)))
        image = np.moveaxis(np.tensordot(weights, image, (1, axis)), 0, axis)
    return image


def read(path: Path) -> Field:
    return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), float)


def shrew(edge: int) -> Bone:
    return largest(resampled((read(SHREW)[:EDGE, :EDGE, :EDGE] > 128).astype(float), edge) > 0.5)


def radius(edge: int) -> Bone:
    """Human radius.

    Raises:
        Missing: no file is named.
    """
    path = os.environ.get(RADIUS)
    if not path:
        raise Missing(f"radius left out: name its file by --radius FILE or in {RADIUS}")
    image = np.asarray(ndimage.gaussian_filter(read(Path(path)), RADIUS_SMOOTHING), float)
    return largest(resampled(image[RADIUS_CUBE], edge) > RADIUS_THRESHOLD)


def random(edge: int, thickness: float) -> Bone:
    """Gaussian field of about one wavelength, cut where the largest part has the wanted volume."""
    wave = 1 / (WAVELENGTH * thickness)
    k = np.fft.fftfreq(edge)
    # x first, as the noise: the same bone as in earlier tables
    number = np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + (STRETCH * k) ** 2)
    spectrum = np.exp(-0.25 * ((number - wave) / (SPREAD * wave)) ** 2)
    noise = np.random.default_rng(SEED).standard_normal((edge,) * 3)
    field = np.real(np.fft.ifftn(np.fft.fftn(noise) * spectrum))
    field = (field / field.std()).transpose()
    low, high = -1.0, 3.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if largest(field > middle).mean() > BV_TV:
            low = middle
        else:
            high = middle
    return largest(field > low)


def s2(edge: int) -> Bone:
    return random(edge, edge / 8)


def g2(edge: int) -> Bone:
    return random(edge, THICKNESS)


MADE = {"shrew": shrew, "radius": radius, "s2": s2, "g2": g2}
"""Bone of an edge, by name."""
