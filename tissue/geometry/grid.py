"""The voxel grid every field lives on."""

from dataclasses import dataclass

Axes = tuple[int, ...]
"""Axes along which a box meets itself, -3 to -1 for z, y, x."""


@dataclass(frozen=True)
class Grid:
    """A box of cubic voxels; arrays on it are indexed [z, y, x], x fastest.

    Attributes:
        shape: number of voxels (nz, ny, nx).
        spacing: edge of a voxel [um].
        origin: centre of the first voxel (z, y, x) [um].
    """

    shape: tuple[int, int, int]
    spacing: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        nz, ny, nx = self.shape
        return nz * ny * nx
