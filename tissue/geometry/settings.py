"""Choices of how an image is read and segmented."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tissue.geometry.image import VoxelSize

Crop = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class ImageSettings:
    """Choices of how to read and segment an image.

    Attributes:
        file: the image, or a folder of slices.
        dataset: path inside an HDF5 or netCDF file.
        series: one of several DICOM series, or stacks of slices, in a folder.
        voxel_size: edges (z, y, x), or one for all [um]; overrides the file's own.
        crop: voxel ranges [start, stop) to keep in z, y, x.
        region: mask image of the region of interest.
        smooth: standard deviation of a Gaussian filter on the gray values [um].
        threshold: bone is above it [gray value of the file], or "otsu".
        resample: wanted edge of the cubic voxels [um]; None: the smallest of the file.
        keep_largest: drop every bone component but the largest.
        close_pockets: fill marrow pockets that reach no face of the box.
    """

    file: Path
    dataset: str | None = None
    voxel_size: float | VoxelSize | None = None
    crop: Crop | None = None
    region: Path | None = None
    smooth: float = 0.0
    threshold: float | Literal["otsu"] = "otsu"
    resample: float | None = None
    keep_largest: bool = True
    close_pockets: bool = True
    series: str | None = None
