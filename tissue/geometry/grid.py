"""The voxel grid every field lives on, and the frame that places it in space."""

from dataclasses import dataclass

Axes = tuple[int, ...]
"""Periodic axes of a box, -3 to -1 for z, y, x."""

Vector = tuple[float, float, float]
"""Components (z, y, x)."""

Matrix = tuple[Vector, Vector, Vector]

UPRIGHT: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
"""Direction of an image whose axes are those of space."""


@dataclass(frozen=True)
class Frame:
    """Place of an image in the space of its scanner (LPS: x to the left, y to the back, z up).

    Attributes:
        origin: center of the first voxel (z, y, x) [um].
        direction: unit vectors of the image axes; `direction[i][j]` is the component along axis i
            of space (z, y, x) of axis j of the array (z, y, x).
    """

    origin: Vector = (0.0, 0.0, 0.0)
    direction: Matrix = UPRIGHT

    def at(self, offset: Vector) -> Vector:
        """Point of space [um] at an offset along the axes of the image (z, y, x) [um]."""
        z, y, x = (
            start + sum(part * along for part, along in zip(row, offset, strict=True))
            for start, row in zip(self.origin, self.direction, strict=True)
        )
        return (z, y, x)


@dataclass(frozen=True)
class Grid:
    """A box of cubic voxels; arrays on it are indexed [z, y, x], x fastest.

    Attributes:
        shape: number of voxels (nz, ny, nx).
        spacing: edge of a voxel [um].
        origin: center of the first voxel (z, y, x) [um], from the first voxel of the image that
            the grid was made of, along the axes of that image.
        frame: place of that image in space.
    """

    shape: tuple[int, int, int]
    spacing: float
    origin: Vector = (0.0, 0.0, 0.0)
    frame: Frame = Frame()

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        nz, ny, nx = self.shape
        return nz * ny * nx

    @property
    def first(self) -> Vector:
        """Center of the first voxel in space (z, y, x) [um]."""
        return self.frame.at(self.origin)
