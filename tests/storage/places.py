"""Scans at places that show any mix-up of axes, signs and units, and grids made of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tissue.geometry.grid import Frame, Grid
from tissue.geometry.load import Geometry
from tissue.storage.layout import DEFAULT_FIELD
from tissue.storage.snapshot import write_snapshot

OBLIQUE = ((0.48, -0.8, 0.36), (0.6, 0.6, 0.529150262212918), (-0.64, 0.0, 0.768374908919555))
"""A rotation is made of it by Gram and Schmidt; it is not symmetric."""


def _rotation() -> NDArray[np.float64]:
    q, r = np.linalg.qr(np.array(OBLIQUE))
    return np.asarray(q * np.sign(np.diag(r)))


DIRECTIONS: dict[str, NDArray[np.float64]] = {
    "upright": np.eye(3),
    "flipped": np.diag([1.0, -1.0, 1.0]),
    "turned": np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "turned and flipped": np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    "oblique": _rotation(),
    "oblique and flipped": _rotation() @ np.diag([-1.0, 1.0, 1.0]),
}
"""Unit vectors of the axes x, y, z of an array as columns (x, y, z), as ITK counts."""

ORIGIN_MM = (-12.0625, 35.5, 410.123046875)
"""Center of the first voxel (x, y, z) [mm], of numbers that float32, and so NIfTI, holds."""


@dataclass(frozen=True)
class Placed:
    """A scan in memory, as SimpleITK knows it.

    Attributes:
        image: gray values 30 and 200, and the place [mm].
        edges: voxel edges (z, y, x) [um].
    """

    image: sitk.Image
    edges: tuple[float, float, float]

    @property
    def gray(self) -> NDArray[np.uint8]:
        """Gray values [z, y, x]."""
        return np.asarray(sitk.GetArrayFromImage(self.image))

    @property
    def bone(self) -> NDArray[np.bool_]:
        """Voxels above the threshold 115 [z, y, x]."""
        return np.asarray(self.gray > 115)

    @property
    def frame(self) -> Frame:
        """Place of the scan, in the order (z, y, x) and um."""
        x, y, z = self.image.GetOrigin()
        direction = np.array(self.image.GetDirection()).reshape(3, 3)[::-1, ::-1]
        rows = [(float(a), float(b), float(c)) for a, b, c in direction]
        return Frame((1e3 * z, 1e3 * y, 1e3 * x), (rows[0], rows[1], rows[2]))

    def grid(
        self, start: tuple[int, int, int], shape: tuple[int, int, int], spacing: float
    ) -> Grid:
        """Cubes of an edge [um] whose corner is that of the voxel `start` (z, y, x)."""
        z, y, x = (
            (first - 0.5) * edge + spacing / 2
            for first, edge in zip(start, self.edges, strict=True)
        )
        return Grid(shape, spacing, (z, y, x), self.frame)

    def center(
        self, start: tuple[int, int, int], spacing: float, index: tuple[int, int, int]
    ) -> NDArray[np.float64]:
        """Center of a voxel of such a grid (x, y, z) [mm], from what SimpleITK makes of the scan.

        Args:
            start: voxel of the scan at the corner of the grid (z, y, x).
            spacing: edge of the grid's voxels [um].
            index: voxel of the grid (z, y, x).
        """
        at = [
            first - 0.5 + (number + 0.5) * spacing / edge
            for first, number, edge in zip(start, index, self.edges, strict=True)
        ]
        return np.array(self.image.TransformContinuousIndexToPhysicalPoint(at[::-1]))


def plates(shape: tuple[int, int, int], thick: int = 1) -> NDArray[np.uint8]:
    """Plates that differ along each axis [z, y, x], of three or four times `thick` voxels."""
    z, y, x = np.indices(shape) // thick
    bone = (z % 12 < 4) | ((y % 14 < 3) & (x < 20)) | ((x % 16 < 3) & (z < 16))
    bone[(z < 2) | (x > (shape[2] - 3) // thick)] = False
    return np.where(bone, 200, 30).astype(np.uint8)


def scan(
    direction: str = "upright",
    edges: tuple[float, float, float] = (8.0, 8.0, 8.0),
    shape: tuple[int, int, int] = (22, 26, 30),
    thick: int = 1,
) -> Placed:
    """A scan of plates whose axes point in one of DIRECTIONS."""
    image = sitk.GetImageFromArray(plates(shape, thick))
    image.SetSpacing([edge / 1e3 for edge in edges[::-1]])
    image.SetOrigin(ORIGIN_MM)
    image.SetDirection(DIRECTIONS[direction].ravel().tolist())
    return Placed(image, edges)


def bone_snapshot(folder: Path, geometry: Geometry) -> Path:
    """A snapshot with nothing but the bone of a geometry."""
    return write_snapshot(
        folder,
        grid=geometry.grid,
        step=0,
        time=0.0,
        fields={DEFAULT_FIELD: geometry.bone_volume_fraction},
        provenance={},
    )
