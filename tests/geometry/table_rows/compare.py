"""Comparisons that the rows of the table of formats share."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue.geometry.grid import Frame
from tissue.geometry.image import Box


def same_frame(
    frame: Frame | None, origin: Sequence[float] | NDArray[np.float64], direction: Any
) -> None:
    """A place is this one, within the rounding of float32."""
    assert frame is not None
    np.testing.assert_allclose(frame.origin, origin, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(frame.direction, direction, atol=1e-6)


def boxes(shape: tuple[int, ...]) -> tuple[Box, ...]:
    """A slice, a part of the middle, and the last voxel."""
    nz, ny, nx = shape
    return (
        (slice(0, 1), slice(0, ny), slice(0, nx)),
        (slice(2, nz - 1), slice(3, 5), slice(1, nx - 2)),
        (slice(nz - 1, nz), slice(ny - 1, ny), slice(nx - 1, nx)),
    )
