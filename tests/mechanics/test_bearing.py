"""Bone that bears load, and bone that is refused."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from mechanics.bones import partial
from mechanics.direct import solve

from tissue.errors import InputError, RunError
from tissue.mechanics import compression
from tissue.mechanics.compression import AXES, Compression, compress

Volume = npt.NDArray[np.float64]
SHAPE = (12, 12, 12)


@cache
def whole() -> Volume:
    return partial(SHAPE)


def emptied(axis: str, end: int) -> Volume:
    """Bone without its outermost voxels at one end of an axis."""
    bone = whole().copy()
    np.moveaxis(bone, 2 - AXES.index(axis), 0)[end] = 0
    return bone


def along_z(bone: Volume) -> Compression:
    return compress(bone, ("z",), "platens", 1e-7)["z"]


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("axis", AXES)
def test_bone_that_does_not_reach_an_end_is_refused_by_the_name_of_the_axis(
    axis: str, end: int
) -> None:
    bone = emptied(axis, end)
    with pytest.raises(InputError, match=f"bone does not reach both ends in {axis}"):
        compress(bone, (axis,), "platens")


def test_an_axis_that_is_not_asked_for_may_be_open() -> None:
    bone = emptied("x", -1)
    expected = solve(bone, 0, "platens")
    found = along_z(bone).apparent_modulus
    assert found == pytest.approx(expected.apparent_modulus, rel=1e-8)


@pytest.mark.parametrize("loading", ["confined", "platens", "slide"])
def test_parts_that_reach_one_end_each_carry_nothing(loading: str) -> None:
    bone = np.ones((9, 8, 8))
    bone[4] = 0
    with pytest.raises(InputError, match="bone does not reach both ends in z"):
        compress(bone, ("z",), loading)


@pytest.mark.parametrize("shift", [(1, 1), (1, 0)], ids=["corner", "edge"])
def test_bone_that_hangs_by_a_corner_or_an_edge_carries_nothing(shift: tuple[int, int]) -> None:
    bone = np.zeros((8, 8, 8))
    bone[:4, :4, :4] = 1
    y, x = 4 * shift[0], 4 * shift[1]
    bone[4:, y : y + 4, x : x + 4] = 1
    with pytest.raises(InputError, match="bone does not reach both ends in z"):
        compress(bone, ("z",), "platens")


def test_no_bone_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="bone does not reach both ends in x"):
        compress(np.zeros((8, 8, 8)), ("x",), "platens")


def test_specks_in_the_air_bear_nothing() -> None:
    bone = np.zeros(SHAPE)
    bone[:, 2:6, 2:6] = 1
    alone = along_z(bone)
    dirty = bone.copy()
    dirty[5:7, 9:11, 9:11] = 1  # in the air
    dirty[0:3, 9, 2] = 1  # on one platen
    dirty[4, 6, 6] = 1  # by an edge
    dirty[8, 1, 1] = 0.5  # by an edge, on the other side
    found = along_z(dirty)
    assert found.apparent_modulus == pytest.approx(alone.apparent_modulus, rel=1e-9)
    assert not np.asarray(found.energy_density)[(bone == 0)].any()
    np.testing.assert_allclose(found.energy_density, alone.energy_density, atol=1e-6)
    assert found.iterations <= alone.iterations + 1


def test_traces_of_bone_are_left_out() -> None:
    bone = np.zeros(SHAPE)
    bone[:, 2:6, 2:6] = 1
    alone = along_z(bone)
    found = along_z(np.where(bone > 0, bone, 0.0099))
    assert found.apparent_modulus == pytest.approx(alone.apparent_modulus, rel=1e-9)
    some = along_z(np.where(bone > 0, bone, 0.0101))
    assert some.apparent_modulus > 1.05 * alone.apparent_modulus


def test_two_bones_side_by_side_bear_both() -> None:
    one = np.zeros(SHAPE)
    one[:, 1:4, 1:4] = 1
    both = one.copy()
    both[:, 2:5, 7:10] = 1
    single, double = along_z(one), along_z(both)
    assert double.apparent_modulus == pytest.approx(2 * single.apparent_modulus, rel=1e-8)


def test_nothing_moves_off_bone_also_from_an_earlier_solve() -> None:
    bone = np.zeros(SHAPE)
    bone[:, 2:8, 2:8] = 1
    before = along_z(bone)
    bone[:, 6:8] = 0
    after = compress(bone, ("z",), "platens", 1e-7, start={"z": before.displacement})["z"]
    moved = np.asarray(after.displacement)
    assert moved[:, :, 2:7, 2:9].any()
    assert not moved[:, :, 7:].any()
    assert after.apparent_modulus == pytest.approx(along_z(bone).apparent_modulus, rel=1e-8)


def test_a_solve_that_ends_with_its_last_sweep_is_not_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "MAX_SWEEPS", 1)
    found = compress(whole(), ("z",), "platens", 1e-4)["z"]
    assert 0 < found.residual <= 1e-4
    assert found.iterations > 0
    with pytest.raises(RunError, match=r"along z did not converge: residual .*e-0[67]"):
        compress(whole(), ("z",), "platens", 1e-9)
