"""Position and axes of a grid in HDF5 files, and in the order (x, y, z) of viewers.

The numbers of a grid and its frame are stored unchanged besides those for viewers, and read back
bit for bit.
"""

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tissue.geometry.grid import UPRIGHT, Frame, Grid, Vector

COSINE_ATOL = 1e-6
"""Rounding of direction cosines, which are often stored as float32 [1]."""

RULE = (
    "lengths in um, axes (z, y, x); the first voxel lies at frame_origin + frame_direction @ origin"
    " in the space of the scanner (LPS); frame_direction is a 3 x 3 matrix, row by row"
)
"""Meaning of the attributes, for readers of the file without this program."""


def frame_attributes(grid: Grid) -> dict[str, NDArray[np.float64] | str]:
    """Position and axes of a grid as attributes of a file.

    Returns:
        The offset of its first voxel from that of the scan (3), the position of the scan (3) and
        the direction of its axes (9, row by row: netCDF has no matrices), all (z, y, x) [um].
    """
    return {
        "origin": np.array(grid.origin, dtype="f8"),
        "frame_origin": np.array(grid.frame.origin, dtype="f8"),
        "frame_direction": np.array(grid.frame.direction, dtype="f8").ravel(),
        "frame_rule": RULE,
    }


def read_frame(file: h5py.File) -> Frame:
    """Position and axes of the scan in space.

    Returns:
        The frame that `frame_attributes` stored; the axes and the origin of space for files of
        version 1.0, which store no frame.
    """
    if "frame_origin" not in file.attrs:
        return Frame()
    z, y, x = (vector(row) for row in file.attrs["frame_direction"].reshape(3, 3))
    return Frame(vector(file.attrs["frame_origin"]), (z, y, x))


def vector(numbers: Any) -> Vector:
    """Three numbers of a file, unchanged."""
    first, second, third = (float(number) for number in numbers)
    return (first, second, third)


def first_xyz(grid: Grid) -> NDArray[np.float64]:
    """Center of the first voxel in space (x, y, z) [um]."""
    return np.array(grid.first[::-1], dtype="f8")


def direction_xyz(grid: Grid) -> NDArray[np.float64]:
    """Unit vectors of the array axes x, y, z as columns (x, y, z), the order of VTK and ITK."""
    return np.array(grid.frame.direction, dtype="f8")[::-1, ::-1].copy()


def runs_along_space(grid: Grid) -> bool:
    """Whether the axes of a grid are those of space, up to rounding."""
    return bool(np.allclose(grid.frame.direction, UPRIGHT, rtol=0, atol=COSINE_ATOL))


def position_text(grid: Grid) -> str:
    """Position and axes of a grid in one line, for formats that have no fields for them."""
    x, y, z = (f"({_listed(column)})" for column in direction_xyz(grid).T)
    return (
        f"voxel edge {grid.spacing:.9g} um, center of the first voxel at"
        f" ({_listed(first_xyz(grid) / 1000)}) mm (x, y, z; LPS), axes x {x}, y {y}, z {z}"
    )


def _listed(numbers: NDArray[np.float64]) -> str:
    return ", ".join(f"{number + 0.0:.9g}" for number in numbers)  # + 0.0: no minus zero
