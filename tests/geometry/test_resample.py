import numpy as np
import pytest

from tissue.geometry.resample import (
    Sampling,
    binomial_pass,
    block_means,
    choose_sampling,
    grid_shape,
    interpolated_bone,
)

CUBE = (10.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("voxel", "target", "expected"),
    [
        (CUBE, None, Sampling(10.0, 1, False)),
        (CUBE, 10.05, Sampling(10.0, 1, False)),
        (CUBE, 20.0, Sampling(20.0, 2, False)),
        (CUBE, 30.2, Sampling(30.0, 3, False)),
        (CUBE, 25.0, Sampling(25.0, 3, True)),
        (CUBE, 8.0, Sampling(8.0, 2, True)),
        (CUBE, 12.0, Sampling(12.0, 2, True)),
        ((20.0, 10.0, 10.0), None, Sampling(10.0, 2, True)),
        ((20.0, 10.0, 10.0), 30.0, Sampling(30.0, 3, True)),
    ],
)
def test_rule(voxel: tuple[float, float, float], target: float | None, expected: Sampling) -> None:
    assert choose_sampling(voxel, target) == expected


def test_block_means_conserve_volume() -> None:
    bone = np.random.default_rng(0).random((6, 9, 12)) < 0.3
    means = block_means(bone, 3)
    assert means.shape == (2, 3, 4)
    assert means.dtype == np.float64
    assert means.sum() * 27 == pytest.approx(bone.sum(), rel=1e-14)
    assert means[1, 2, 3] == bone[3:, 6:, 9:].mean()


def test_binomial_pass() -> None:
    bone = np.zeros((7, 8, 9), dtype=bool)
    bone[3, 4, 5] = True
    smooth = binomial_pass(bone)
    assert smooth.sum() == pytest.approx(1.0)
    assert smooth[3, 4, 5] == 1 / 8
    assert smooth[2, 3, 4] == 1 / 64
    assert smooth[3, 4, 6] == 1 / 16
    assert (binomial_pass(np.ones((3, 4, 5), dtype=bool)) == 1).all()


def test_binomial_pass_crosses_periodic_faces() -> None:
    bone = np.random.default_rng(0).random((5, 6, 7)) < 0.3
    moved = np.roll(bone, (2, 3), (0, 2))
    expected = np.roll(binomial_pass(bone, (-3, -1)), (2, 3), (0, 2))
    np.testing.assert_allclose(binomial_pass(moved, (-3, -1)), expected, atol=1e-15)


def test_interpolation_keeps_places() -> None:
    """A plane at a known height stays there, on voxels of any edge."""
    voxel = (24.0, 15.0, 10.0)
    z, y, x = ((np.arange(n) + 0.5) * h for n, h in zip((10, 16, 24), voxel, strict=True))
    gray = z[:, None, None] + y[None, :, None] - x[None, None, :]
    sampling = choose_sampling(voxel, 10.0)
    shape = grid_shape((10, 16, 24), voxel, sampling)
    assert shape == (24, 24, 24)
    bone = interpolated_bone(gray, voxel, 5.0, (48, 48, 48), 120.5)
    center = (np.arange(48) + 0.5) * 5.0
    plane = center[:, None, None] + center[None, :, None] - center[None, None, :]
    inner = (slice(4, -4),) * 3
    np.testing.assert_array_equal(bone[inner], plane[inner] > 120.5)
