"""Distances between two surfaces of known shape."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tissue.analysis.displacement import at_surface, moved

SPACING = 10.0


def ball(radius: float) -> NDArray[np.float32]:
    """A ball in a box of 40 voxels along each edge, with partial volumes; radius in voxels."""
    z, y, x = np.indices((40, 40, 40)) - 19.5
    return np.clip(radius - np.sqrt(x * x + y * y + z * z) + 0.5, 0, 1).astype("f4")


@pytest.mark.parametrize("after", [13.8, 13.3, 12.3, 10.0, 15.5])
def test_a_ball_that_shrinks_or_grows(after: float) -> None:
    found = at_surface(moved(ball(14), ball(after), SPACING), ball(after))
    wanted = SPACING * (after - 14)
    assert found.mean() == pytest.approx(wanted, rel=0.06)
    assert np.abs(found - wanted).max() < 0.25 * SPACING  # a quarter of a voxel


def test_a_plane_that_moves_by_a_part_of_a_voxel() -> None:
    z = np.arange(20.0)[:, None, None] * np.ones((1, 12, 12))
    before, after = (np.clip(place - z, 0, 1).astype("f4") for place in (10.2, 9.6))
    found = at_surface(moved(before, after, SPACING), after)
    assert found == pytest.approx(np.full(len(found), -6.0), abs=0.4)


def test_no_bone_has_no_surface() -> None:
    nothing = np.zeros((8, 8, 8), "f4")
    assert not moved(ball(6)[:8, :8, :8], nothing, SPACING).any()
    assert at_surface(nothing, nothing).size == 0
