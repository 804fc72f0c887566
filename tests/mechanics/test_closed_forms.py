"""Compression of bodies whose answer is a formula, and what the fields add up to."""

import numpy as np
import numpy.typing as npt
import pytest
from mechanics.direct import CONFINED, LAME_1, POISSON

from tissue.mechanics.compression import AXES, LOADINGS, Compression, compress

N = 8
TIGHT = 1e-7
FULL = np.ones((N, N, N))
FIRST, SECOND = 0.75, 0.125  # moduli of the layers of a laminate, exact in single precision
CLOSE = pytest.approx


def layers(axis: int, first: int = N // 2) -> npt.NDArray[np.float64]:
    """Cube of two layers across an axis of the array; `first` voxels of the stiffer one."""
    place = np.arange(N).reshape([N if d == axis else 1 for d in range(3)])
    return np.broadcast_to(np.where(place < first, FIRST, SECOND), FULL.shape).copy()


def pressed(bone: npt.NDArray[np.float64], axis: str, loading: str) -> Compression:
    return compress(bone, (axis,), loading, TIGHT)[axis]


@pytest.mark.parametrize("axis", AXES)
def test_a_confined_cube_has_the_modulus_of_one_dimensional_strain(axis: str) -> None:
    found = pressed(FULL, axis, "confined")
    modulus = (1 - POISSON) / ((1 + POISSON) * (1 - 2 * POISSON))
    assert modulus == CLOSE(1.346153846153846, rel=1e-15)
    assert found.apparent_modulus == CLOSE(modulus, rel=1e-10)
    np.testing.assert_allclose(found.energy_density, modulus / 2, rtol=1e-5)
    np.testing.assert_allclose(found.centroid_energy_density, modulus / 2, rtol=1e-5)


@pytest.mark.parametrize("axis", AXES)
def test_a_cube_between_greased_platens_has_youngs_modulus(axis: str) -> None:
    found = pressed(FULL, axis, "slide")
    assert found.apparent_modulus == CLOSE(1, rel=1e-9)
    np.testing.assert_allclose(found.energy_density, 0.5, rtol=1e-5)
    # it widens by Poisson's ratio, away from the mirrors at the low faces
    place = np.indices((N + 1,) * 3)
    loaded = 2 - AXES.index(axis)
    for component in range(3):
        strain = -1.0 if component == loaded else POISSON
        expected = strain * place[component]
        np.testing.assert_allclose(found.displacement[component], expected, atol=1e-5)


@pytest.mark.parametrize("axis", AXES)
def test_layers_one_behind_the_other_share_the_stress(axis: str) -> None:
    bone = layers(2 - AXES.index(axis), first=2)
    share = 2 / N
    modulus = CONFINED / (share / FIRST + (1 - share) / SECOND)
    found = pressed(bone, axis, "confined")
    assert found.apparent_modulus == CLOSE(modulus, rel=1e-9)
    # strain by the stress over the layer's stiffness; energy counts per volume of bone
    density = modulus**2 / (2 * CONFINED * bone) / bone
    np.testing.assert_allclose(found.energy_density, density, rtol=1e-5)


@pytest.mark.parametrize(("axis", "across"), [("z", "x"), ("z", "y"), ("x", "z"), ("y", "x")])
def test_confined_layers_side_by_side_move_their_interface(axis: str, across: str) -> None:
    """Both layers are shortened alike, and the stiffer one presses the other aside.

    With the strain e across the layers: M1 e1 + l1 = M2 e2 + l2 (the same stress across) and
    f1 e1 + f2 e2 = 0 (the walls stay); the mean stress along the axis is f1 (M1 + l1 e1) +
    f2 (M2 + l2 e2), counted positive in compression.
    """
    first = 2
    f1, f2 = first / N, 1 - first / N
    m1, m2, l1, l2 = FIRST * CONFINED, SECOND * CONFINED, FIRST * LAME_1, SECOND * LAME_1
    e1 = (l2 - l1) / (m1 + m2 * f1 / f2)
    e2 = -e1 * f1 / f2
    modulus = f1 * (m1 + l1 * e1) + f2 * (m2 + l2 * e2)
    # the rule of mixtures, which lets no interface move, is too stiff by a tenth
    assert modulus < 0.97 * (f1 * m1 + f2 * m2)
    bone = layers(2 - AXES.index(across), first)
    assert pressed(bone, axis, "confined").apparent_modulus == CLOSE(modulus, rel=1e-9)


def test_halves_of_full_and_a_tenth_of_bone_side_by_side() -> None:
    bone = np.where(np.arange(N) < N // 2, 1.0, 0.1) * FULL
    m, l = CONFINED, LAME_1
    # 0.1 has no exact value in single precision
    expected = 0.5 * (1.1 * m - 0.81 / 1.1 * l**2 / m)
    assert expected == CLOSE(0.649351, abs=5e-7)
    assert pressed(bone, "z", "confined").apparent_modulus == CLOSE(expected, rel=2e-8)


@pytest.mark.parametrize("loading", LOADINGS)
def test_the_energy_of_the_voxels_adds_up_to_the_modulus(loading: str) -> None:
    bone = layers(2, first=3)
    found = pressed(bone, "y", loading)
    energy = np.sum(np.asarray(found.energy_density, float) * bone)
    assert 2 * energy / bone.size == CLOSE(found.apparent_modulus, rel=1e-5)
    assert found.residual <= TIGHT
