import tracemalloc
from itertools import product

import numpy as np
import pytest

from tissue.geometry.histogram import otsu
from tissue.geometry.segmentation import closed_pockets, components, mean_thickness


def two_peaks(distance: float, share: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(1)
    bone = random.random((40, 30, 20)) < share
    return random.normal(0, 1, bone.shape) + distance * bone


def test_otsu_parts_two_peaks_in_the_middle() -> None:
    found = otsu(two_peaks(8.0))
    assert found.valley
    assert found.threshold == pytest.approx(4.0, abs=0.6)


@pytest.mark.parametrize("distance", [0.0, 1.5])
def test_otsu_sees_that_there_is_no_valley(distance: float) -> None:
    assert not otsu(two_peaks(distance, 0.15)).valley


def test_otsu_of_integers_with_few_values() -> None:
    found = otsu(np.round(two_peaks(8.0)).astype(np.int16))
    assert found.valley
    assert 2 < found.threshold < 6


@pytest.mark.parametrize("pair", [(0, 255), (-3, 7), (0, 1)])
def test_otsu_of_binary_volume_is_the_middle(pair: tuple[int, int]) -> None:
    values = np.array(pair, dtype=np.int16)[np.eye(4, dtype=int)]
    found = otsu(values)
    assert found.threshold == sum(pair) / 2
    assert found.valley


def test_otsu_of_constant() -> None:
    found = otsu(np.full((3, 3, 3), 5.0))
    assert found.threshold == 5.0
    assert not found.valley


def test_corners_connect_bone() -> None:
    bone = np.zeros((6, 6, 6), dtype=bool)
    bone[0, 0, 0] = bone[1, 1, 1] = bone[2, 2, 2] = True
    bone[5, 5, 5] = True
    pieces = components(bone)
    assert (pieces.count, pieces.voxels) == (2, 1)
    assert pieces.bone.sum() == 3
    assert not pieces.bone[5, 5, 5]


def test_corners_do_not_connect_marrow() -> None:
    bone = np.ones((5, 6, 7), dtype=bool)
    bone[1, 1, 1] = False
    bone[0, 0, 0] = False
    bone[2:, 3, 3] = False
    pieces = closed_pockets(bone)
    assert (pieces.count, pieces.voxels) == (1, 1)
    assert pieces.bone[1, 1, 1]
    assert not pieces.bone[0, 0, 0]
    assert not pieces.bone[2:, 3, 3].any()


def pieces_by_walking(
    volume: np.ndarray, periodic: tuple[int, ...], corners: bool
) -> list[set[tuple[int, ...]]]:
    """The pieces of a volume, from voxel to neighbor, the box going on along some axes."""
    left, found = {tuple(map(int, place)) for place in np.argwhere(volume)}, []
    steps = [step for step in product((-1, 0, 1), repeat=3) if corners or np.abs(step).sum() == 1]
    while left:
        piece, edge = set(), [left.pop()]
        while edge:
            place = edge.pop()
            piece.add(place)
            for step in steps:
                beside = [a + b for a, b in zip(place, step, strict=True)]
                for axis in periodic:
                    beside[axis] %= volume.shape[axis]
                if tuple(beside) in left:
                    left.remove(tuple(beside))
                    edge.append(tuple(beside))
        found.append(piece)
    return sorted(found, key=len)


@pytest.mark.parametrize("periodic", [(), (-3,), (-2, -1), (-3, -2, -1)])
@pytest.mark.parametrize("seed", range(4))
def test_pieces_hang_together_where_the_box_meets_itself(
    periodic: tuple[int, ...], seed: int
) -> None:
    bone = np.random.default_rng(seed).random((6, 5, 7)) < 0.13
    *loose, largest = pieces_by_walking(bone, periodic, corners=True)
    assert len(loose[-1]) < len(largest)
    found = components(bone, periodic)
    assert (found.count, found.voxels) == (len(loose) + 1, sum(map(len, loose)))
    assert {tuple(place) for place in np.argwhere(found.bone)} == largest


@pytest.mark.parametrize("periodic", [(), (-3,), (-2, -1), (-3, -2, -1)])
@pytest.mark.parametrize("seed", range(4))
def test_pockets_are_closed_where_they_reach_no_wall(periodic: tuple[int, ...], seed: int) -> None:
    bone = np.random.default_rng(seed).random((6, 5, 7)) < 0.8

    def open_to_a_wall(piece: set[tuple[int, ...]]) -> bool:
        walls = {-3, -2, -1}.difference(periodic)
        return any(place[axis] in (0, bone.shape[axis] - 1) for place in piece for axis in walls)

    marrow = pieces_by_walking(~bone, periodic, corners=False)
    if len(periodic) == 3:
        assert len(marrow[-2]) < len(marrow[-1])
        del marrow[-1]
    closed = [piece for piece in marrow if not open_to_a_wall(piece)]
    found = closed_pockets(bone, periodic)
    assert (found.count, found.voxels) == (len(closed), sum(map(len, closed)))
    filled = {tuple(place) for place in np.argwhere(found.bone & ~bone)}
    assert filled == set().union(*closed)


@pytest.mark.parametrize("radius", [4, 8])
def test_thickness_of_slab_and_rod(radius: int) -> None:
    z, y, _ = np.mgrid[:48, :40, :32].astype(float)
    slab = abs(z - 23.5) < radius
    rod = (z - 23.3) ** 2 + (y - 19.6) ** 2 < radius**2
    assert mean_thickness(slab) == pytest.approx(2 * radius, abs=0.8)
    assert mean_thickness(rod) == pytest.approx(2 * radius, abs=1.2)


def test_thickness_where_the_center_is_empty() -> None:
    bone = np.zeros((30, 30, 30), dtype=bool)
    bone[:4] = True
    assert mean_thickness(bone, box=10) == pytest.approx(4, abs=4)


def test_thickness_of_a_tube_whose_middle_is_marrow() -> None:
    y, x = np.mgrid[:120, :128].astype(float)
    radius = np.hypot(y - 59.6, x - 63.4)
    tube = np.broadcast_to((radius > 45) & (radius < 55), (96, 120, 128)).copy()
    tube[40:50] = False  # where the box in the middle is, there is no bone at all
    small, whole = (mean_thickness(tube, box=box) for box in (30, 128))
    # box 30 holds a plate that is cut off at its sides
    assert small == pytest.approx(10, abs=0.8)
    assert whole == pytest.approx(10, abs=0.8)
    for bone in (tube, ~tube):
        assert mean_thickness(np.moveaxis(bone, 0, 2), box=30) > 0


def test_thickness_where_the_center_is_nothing_but_bone() -> None:
    bone = np.ones((60, 50, 40), dtype=bool)
    bone[:, :20] = False
    bone[:, 46:] = False
    assert mean_thickness(bone, box=64) == pytest.approx(26, abs=0.8)
    bone = np.zeros((60, 50, 40), dtype=bool)
    bone[5:13] = bone[50:57] = True  # no plane holds both bone and marrow
    assert mean_thickness(bone, box=20) == pytest.approx(7, abs=1)


def test_thickness_takes_the_memory_of_a_box() -> None:
    plate = np.zeros((64, 128, 128), dtype=bool)
    plate[:, 3:11] = True
    tracemalloc.start()
    try:
        mean_thickness(plate, samples=20, box=32)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < 2 * plate.size  # of the whole volume 25 bytes a voxel
