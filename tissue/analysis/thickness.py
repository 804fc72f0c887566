"""Thickness and separation by maximal spheres."""

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

MOST_RADII = 64
"""Most radii of spheres [1]; where the image has more, evenly spaced ones are used."""


def local_thickness(mask: Mask) -> NDArray[np.float32]:
    """Diameter of the largest sphere that holds a voxel and fits inside the mask.

    Beyond the faces of the box the mask continues as at the face, so that a strut that leaves the
    box is as thick there as inside.

    Args:
        mask: bone or marrow [z, y, x].

    Returns:
        Diameters [voxel], 0 outside the mask: exact for a plate of an even number of voxels, one
        voxel more for one of an odd number.

    References:
        Hildebrand and Ruegsegger 1997, J Microsc 185:67.
    """
    thickness = np.zeros(mask.shape, np.float32)
    if not mask.any():
        return thickness
    if mask.all():
        return np.full(mask.shape, max(mask.shape), np.float32)
    depth = distance(mask)
    for radius in _radii(depth[mask]):
        centers = depth >= radius
        held = mask & (distance(~centers) < radius)
        thickness[held | centers] = 2 * radius
    return thickness


def distance(mask: Mask) -> NDArray[np.float32]:
    """Distance from each voxel of a mask to the nearest one outside [voxel]; 0 outside."""
    outside = sitk.GetImageFromArray((~mask).astype(np.uint8))
    signed = sitk.SignedMaurerDistanceMap(
        outside, insideIsPositive=False, squaredDistance=False, useImageSpacing=False
    )
    return np.maximum(sitk.GetArrayFromImage(signed), 0)


def _radii(depths: NDArray[np.float32]) -> NDArray[np.float32]:
    radii = np.unique(depths)
    if len(radii) > MOST_RADII:
        wanted = np.linspace(radii[0], radii[-1], MOST_RADII)
        radii = radii[np.unique(np.searchsorted(radii, wanted))]
    return radii
