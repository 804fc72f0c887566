"""Every loading and axis beside an assembled matrix that scipy factors in float64."""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from mechanics.bones import grown, partial
from mechanics.direct import solve

from tissue.mechanics.compression import AXES, LOADINGS, Compression, compress

TIGHT = 1e-7
BOX = (12, 12, 12)
"""Box of most bones here: every other one compiles its solves anew."""

Volume = npt.NDArray[np.float64]


def struts(gap: int) -> Volume:
    """Two struts of one voxel, side by side with a gap, between two plates."""
    bone = np.zeros(BOX)
    bone[:2], bone[-2:] = 1, 1
    bone[:, 4, 4] = bone[:, 4, 5 + gap] = 1
    return bone


def single() -> Volume:
    bone = np.zeros(BOX)
    bone[:, 2, 2] = 1
    return bone


def hinges() -> Volume:
    """Struts that touch by an edge and by a corner half-way up, each of which reaches both ends."""
    bone = np.zeros(BOX)
    bone[:, 1:3, 1:3] = bone[:, 6:8, 1:3] = bone[:, 1:3, 6:8] = 1
    bone[5, 3, 1:3] = bone[6, 4:6, 1:3] = 1  # edge between the third and the fourth row
    bone[8, 1:3, 3] = bone[8, 2, 4] = bone[9, 3, 5] = bone[9, 3, 6:8] = 1  # corner
    return bone


BONES: dict[str, Callable[[], Volume]] = {
    "bone of 12 voxels": lambda: partial(BOX),
    "struts in 16 voxels": lambda: grown(16) * (0.2 + 0.8 * noise((16, 16, 16))),
    "odd sizes": lambda: partial((7, 5, 6)),
    "a plate of one voxel": lambda: np.ones((1, 4, 5)),
}
ALONG_Z: dict[str, Callable[[], Volume]] = {
    "a strut of one voxel": single,
    "two struts in a coarse cell": lambda: struts(gap=1),
    "two struts that touch": lambda: struts(gap=0),
    "hinges": hinges,
}


def noise(shape: tuple[int, ...]) -> Volume:
    return np.random.default_rng(3).random(shape)


@cache
def bone(name: str) -> Volume:
    return (BONES | ALONG_Z)[name]()


@cache
def solved(name: str, loading: str) -> dict[str, Compression]:
    axes = ("z",) if name in ALONG_Z else AXES
    return compress(bone(name), axes, loading, TIGHT)


QUICK = "bone of 12 voxels"


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("loading", LOADINGS)
@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[] if each == QUICK else [pytest.mark.slow]) for each in BONES],
)
def test_modulus_and_energy_are_those_of_the_direct_solution(
    name: str, loading: str, axis: str
) -> None:
    same_as_direct(name, loading, axis)


# walls hold no strut that does not touch them
@pytest.mark.parametrize("name", ALONG_Z)
def test_thin_struts_and_hinges_between_platens(name: str) -> None:
    same_as_direct(name, "platens", "z")


def same_as_direct(name: str, loading: str, axis: str) -> None:
    expected = solve(bone(name), 2 - AXES.index(axis), loading)
    found = solved(name, loading)[axis]
    assert (found.axis, found.loading) == (axis, loading)
    assert found.residual <= TIGHT
    assert found.apparent_modulus == pytest.approx(expected.apparent_modulus, rel=1e-8)
    for field, reference in (
        (found.energy_density, expected.energy_density),
        (found.centroid_energy_density, expected.centroid_energy_density),
    ):
        np.testing.assert_allclose(field, reference, atol=1e-5 * reference.max())
        # its root is the effective strain
        assert np.asarray(field).min() >= 0
    far = np.abs(expected.displacement).max()
    np.testing.assert_allclose(found.displacement, expected.displacement, atol=1e-5 * far)


def test_the_energy_at_the_centroid_is_not_the_mean() -> None:
    found = solved("bone of 12 voxels", "platens")["z"]
    inside = bone("bone of 12 voxels") > 0
    ratio = np.asarray(found.centroid_energy_density)[inside].mean()
    ratio /= np.asarray(found.energy_density)[inside].mean()
    assert 0.85 < ratio < 0.99


def test_confined_bone_is_stiffest_and_free_bone_softest() -> None:
    name = "bone of 12 voxels"
    for axis in AXES:
        confined, platens, slide = (
            solved(name, loading)[axis].apparent_modulus
            for loading in ("confined", "platens", "slide")
        )
        assert confined > platens > slide


def test_a_strut_is_as_stiff_as_its_section() -> None:
    """Between platens it may widen but near its ends."""
    found = solved("a strut of one voxel", "platens")["z"].apparent_modulus
    assert 1 / 144 < found < 1.04 / 144
