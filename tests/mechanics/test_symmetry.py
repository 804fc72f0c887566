"""Bone that is turned or mirrored gives the same answer along the axis that turned with it."""

from functools import cache
from itertools import permutations

import numpy as np
import pytest
from mechanics.bones import partial

from tissue.mechanics.compression import AXES, LOADINGS, Compression, compress

BONE = partial((12, 12, 12))
TIGHT = 1e-6


def slow(*cases: object) -> list[object]:
    """Cases that only `make test-all` runs."""
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


@cache
def upright(loading: str) -> dict[str, Compression]:
    return compress(BONE, AXES, loading, TIGHT)


def close(found: Compression, field: np.ndarray, modulus: float) -> None:
    assert found.apparent_modulus == pytest.approx(modulus, rel=1e-8)
    np.testing.assert_allclose(found.energy_density, field, atol=1e-4 * field.max())


def test_the_axes_differ() -> None:
    """So that a swap of names cannot pass."""
    moduli = [found.apparent_modulus for found in upright("platens").values()]
    ratios = [a / b for a, b in permutations(moduli, 2)]
    assert min(abs(r - 1) for r in ratios) > 0.01


def test_x_is_the_last_axis_of_the_array() -> None:
    """A plate across x is soft along x alone."""
    bone = np.ones((8, 8, 8))
    bone[:, :, 3] = 0.02
    found = {axis: c.apparent_modulus for axis, c in compress(bone, AXES, "slide").items()}
    assert found["x"] < 0.2
    assert found["y"] > 0.8
    assert found["z"] > 0.8


@pytest.mark.parametrize("loading", LOADINGS)
@pytest.mark.parametrize("order", [(1, 2, 0), *slow((2, 1, 0), (0, 2, 1))])
def test_bone_that_is_turned(order: tuple[int, int, int], loading: str) -> None:
    turned = compress(BONE.transpose(order), AXES, loading, TIGHT)
    for place, axis in enumerate(order):
        expected = upright(loading)[AXES[2 - axis]]
        field = np.asarray(expected.energy_density).transpose(order)
        close(turned[AXES[2 - place]], field, expected.apparent_modulus)


@pytest.mark.parametrize("axis", [0, *slow(1, 2)])
@pytest.mark.parametrize("loading", ["confined", "platens"])
def test_bone_that_is_mirrored(loading: str, axis: int) -> None:
    mirrored = compress(np.flip(BONE, axis), AXES, loading, TIGHT)
    for name in AXES:
        expected = upright(loading)[name]
        field = np.flip(np.asarray(expected.energy_density), axis)
        close(mirrored[name], field, expected.apparent_modulus)


def test_a_softer_tissue_gives_the_same_answer_but_for_its_modulus() -> None:
    half = compress(0.5 * BONE, ("z",), "platens", TIGHT)["z"]
    full = upright("platens")["z"]
    assert half.apparent_modulus == pytest.approx(0.5 * full.apparent_modulus, rel=1e-8)
    field = np.asarray(full.energy_density)
    # energy per volume of bone is that of the tissue
    np.testing.assert_allclose(half.energy_density, field, atol=1e-4 * field.max())
