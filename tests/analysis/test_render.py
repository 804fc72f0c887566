"""The renderer must show the right thing from the right side."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tissue.analysis.rays import View, box_edges
from tissue.analysis.render import picture_of_bone, pictures_of_loss

Array = NDArray[np.float32]


def ball(shape: tuple[int, int, int], radius: float) -> Array:
    z, y, x = np.ogrid[tuple(slice(0, count) for count in shape)]
    center = [0.5 * (count - 1) for count in shape]
    squares = (z - center[0]) ** 2 + (y - center[1]) ** 2 + (x - center[2]) ** 2
    return np.clip(radius + 0.5 - np.sqrt(squares), 0, 1).astype(np.float32)


def test_axes_of_a_view_are_right_handed() -> None:
    right, up, towards = View(50.0, 20.0).axes()
    np.testing.assert_allclose(np.stack([right, up, towards]) @ towards, [0, 0, 1], atol=1e-12)
    # (z, y, x) triples reverse the sense of the cross product
    np.testing.assert_allclose(np.cross(right, up), -towards, atol=1e-12)
    assert up[0] > 0


@pytest.mark.parametrize("shape", [(24, 24, 24), (12, 20, 30), (70, 64, 66)])
def test_a_ball_covers_a_disc(shape: tuple[int, int, int]) -> None:
    radius = 0.4 * min(shape)
    view = View()
    picture = picture_of_bone(ball(shape, radius), width=120, view=view)
    right, _, _ = view.axes()
    pixel = np.abs(right) @ np.array(shape) / 120
    assert picture.shape[1:] == (120, 4)
    assert picture[..., 3].sum() * pixel**2 == pytest.approx(np.pi * radius**2, rel=0.04)
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_light_comes_from_above_left() -> None:
    picture = picture_of_bone(ball((24, 24, 24), 10), width=120)
    rows, columns = (np.flatnonzero(picture[..., 3].sum(axis=axis)) for axis in (1, 0))
    middle, center = rows.mean().astype(int), columns.mean().astype(int)
    brightness = picture[..., :3].mean(axis=2)
    assert brightness[middle - 20, center - 15] > 1.3 * brightness[middle + 20, center + 15]


def test_a_full_box_shows_its_cut_faces_up_to_the_edges() -> None:
    shape = (10, 14, 20)
    picture = picture_of_bone(np.ones(shape, np.float32), width=100)
    front, behind = box_edges(shape)
    assert (len(front), len(behind)) == (9, 3)
    assert picture[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() == 0
    height, width, _ = picture.shape
    for edge in front:
        # just inside the middle of the edge
        across, down = 0.94 * edge.mean(axis=0) + 0.06 * 0.5
        assert picture[int(down * height), int(across * width), 3] == 1


def test_a_tall_box_makes_no_giant_picture() -> None:
    height, width, _ = picture_of_bone(np.ones((90, 10, 10), np.float32), width=80).shape
    assert height == 100
    assert 10 < width < 30


def test_an_edge_on_view_is_refused() -> None:
    with pytest.raises(ValueError, match="oblique"):
        View(azimuth=90.0)


def test_no_bone_gives_an_empty_picture() -> None:
    assert not picture_of_bone(np.zeros((8, 9, 10), np.float32), width=50).any()


def test_what_was_lost_is_an_orange_veil() -> None:
    before = ball((24, 24, 24), 10)
    whole, veiled = pictures_of_loss(before, np.zeros_like(before), width=100)
    middle = tuple(count // 2 for count in whole.shape[:2])
    red, green, blue, opacity = veiled[middle]
    assert red > 1.5 * green > 1.5 * blue
    assert 0.5 < opacity < 1
    assert whole[middle][3] == 1
    same, unchanged = pictures_of_loss(before, before, width=100)
    np.testing.assert_allclose(same, unchanged, atol=1e-6)
