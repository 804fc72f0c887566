"""Morphometry on shapes of known answer; biases are those that docs/morphometry.md tells of.

The expectations of thickness of balls, of a frame's connectivity and of the structure model index
are those of BoneJ's own tests.
"""

import re

import numpy as np
import pytest
from scipy import ndimage

from tissue.analysis.anisotropy import degree_of_anisotropy
from tissue.analysis.morphometry import MEASURES, morphometry, structure_model_index, surface
from tissue.analysis.thickness import distance, local_thickness
from tissue.analysis.topology import (
    connectivity,
    euler_characteristic,
    inner_euler_characteristic,
)


def places(*shape: int) -> tuple[np.ndarray, ...]:
    """Coordinates of the voxels (z, y, x) from the middle of the box."""
    axes = [np.arange(n) - (n - 1) / 2 for n in shape]
    return tuple(np.meshgrid(*axes, indexing="ij"))


def filled(depth: np.ndarray) -> np.ndarray:
    """Bone volume fraction of what lies `depth` voxels below a surface."""
    return np.clip(depth + 0.5, 0, 1).astype("f4")


def ball(radius: float, margin: int = 4) -> np.ndarray:
    z, y, x = places(*(int(2 * (radius + margin)),) * 3)
    return filled(radius - np.sqrt(z * z + y * y + x * x))


def rod(diameter: float, length: int = 0) -> np.ndarray:
    edge = int(diameter) + 10
    _, y, x = places(length or edge, edge, edge)
    return filled(diameter / 2 - np.hypot(y, x))


def plate(thickness: float, edge: int = 40) -> np.ndarray:
    z, _, _ = places(edge, edge, edge)
    return filled(thickness / 2 - np.abs(z))


def test_distance_is_the_euclidean_one() -> None:
    mask = np.random.default_rng(0).random((9, 11, 13)) < 0.9
    np.testing.assert_allclose(distance(mask), ndimage.distance_transform_edt(mask), rtol=1e-6)


@pytest.mark.parametrize("diameter", [4, 6, 9, 12, 17, 24])
def test_thickness_of_a_rod(diameter: int) -> None:
    mask = rod(diameter) >= 0.5
    assert abs(local_thickness(mask)[mask].mean() - diameter) < 1.5


@pytest.mark.parametrize("radius", [2, 4, 8, 16, 24])
def test_thickness_of_a_ball(radius: int) -> None:
    mask = ball(radius) >= 0.5
    expected = 1.9441872882 * radius - 1.218936
    assert local_thickness(mask)[mask].mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("thickness", [2, 4, 8, 12, 20])
def test_thickness_and_separation_of_plates(thickness: int) -> None:
    mask = np.zeros((40, 24, 24), bool)
    mask[5 : 5 + thickness] = mask[5 + thickness + 10 :] = True
    assert local_thickness(mask)[10].mean() == pytest.approx(thickness, rel=0.05) or thickness < 6
    between = local_thickness(~mask)[5 + thickness : 15 + thickness]
    assert between.mean() == pytest.approx(10, rel=0.05)


def test_a_strut_that_leaves_the_box_is_as_thick_there() -> None:
    mask = rod(12) >= 0.5
    thick = local_thickness(mask)
    np.testing.assert_array_equal(thick[0], thick[len(thick) // 2])


def test_thickness_of_nothing_and_of_all() -> None:
    assert not local_thickness(np.zeros((4, 4, 4), bool)).any()
    assert (local_thickness(np.ones((4, 4, 6), bool)) == 6).all()


@pytest.mark.parametrize(("radius", "margin"), [(8, 24), (16, 48)])
def test_surface_of_a_ball(radius: int, margin: int) -> None:
    mask = ball(radius, margin) >= 0.5
    assert surface(mask) == pytest.approx(4 * np.pi * radius**2, rel=0.06)


def test_surface_of_tilted_planes() -> None:
    """One plane through the box, at every tilt: 13 directions leave an error of 5 %."""
    z, y, x = places(48, 48, 48)
    rng = np.random.default_rng(0)
    errors = []
    for normal in rng.normal(size=(12, 3)):
        normal /= np.linalg.norm(normal)
        depth = normal[0] * z + normal[1] * y + normal[2] * x
        # sheets a wave length apart: their area per volume is 2 per wave length
        mask = np.sin(2 * np.pi * depth / 12) > 0
        errors.append(surface(mask) / mask.size * 6 - 1)
    assert max(np.abs(errors)) < 0.06
    assert abs(np.mean(errors)) < 0.02


def test_faces_of_the_box_are_no_surface() -> None:
    assert surface(np.ones((8, 8, 8), bool)) == 0
    assert surface(rod(24) >= 0.5) == pytest.approx(np.pi * 24 * 34, rel=0.05)


def test_structure_model_index() -> None:
    assert structure_model_index(plate(6)) == pytest.approx(0, abs=0.05)
    assert structure_model_index(rod(24, 64)) == pytest.approx(3, abs=0.06)
    assert structure_model_index(ball(24)) == pytest.approx(4, abs=0.06)
    # hollow surfaces count against it
    assert structure_model_index(1 - rod(24, 64)) < 0


def frame(*shape: int) -> np.ndarray:
    """The edges of a cuboid, one voxel thick."""
    ends = [np.isin(np.arange(n), (0, n - 1)) for n in shape]
    on = np.stack(np.meshgrid(*ends, indexing="ij")).sum(axis=0)
    return np.pad(on >= 2, 8)


def test_a_frame_of_edges_has_five_connections() -> None:
    box = frame(16, 32, 64)
    assert euler_characteristic(box) == -4
    assert connectivity(box) == 5
    volume = (16 + 16) * (32 + 16) * (64 + 16) * 0.0002**3  # mm^3, of voxels of 0.2 um
    found = morphometry(box.astype("f4"), 0.2)["conn_d"]
    assert found == pytest.approx(5 / volume, rel=1e-9)


def test_boxes_laid_side_by_side_add_up() -> None:
    """The Euler characteristic of a large piece, put together from its parts."""
    noise = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(41, 41, 41)), 2)
    mask = noise > 0.05
    whole = inner_euler_characteristic(mask)
    halves = (slice(0, 21), slice(20, 41))
    # neighbors share a layer of voxels, which counts a half in each
    parts = [
        inner_euler_characteristic(mask[a, b, c]) for a in halves for b in halves for c in halves
    ]
    assert sum(parts) == pytest.approx(whole, abs=1e-9)
    assert abs(whole) > 10


def test_anisotropy_of_plates_rods_and_noise() -> None:
    z, _, _ = places(96, 96, 96)
    assert degree_of_anisotropy(np.floor(z / 4).astype(int) % 2 == 0) == pytest.approx(1, abs=1e-4)
    noise = np.random.default_rng(0).random((128,) * 3) < 0.25
    assert degree_of_anisotropy(noise) < 0.02
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(96,) * 3), (6, 3, 3))
    assert 0.4 < degree_of_anisotropy(smooth > 0) < 0.9
    assert degree_of_anisotropy(np.ones((8, 8, 8), bool)) == 0


def test_a_brick_has_its_volume() -> None:
    brick = np.pad(np.ones((32, 64, 96), "f4"), 1)
    assert morphometry(brick, 10.0)["bv_tv"] == pytest.approx(196608 / 219912, rel=1e-12)


def test_units_and_mineral() -> None:
    bone = plate(8)
    found = morphometry(bone, 20.0, mineral_density=1000)
    assert set(found) == set(MEASURES)
    assert found["tb_th"] == pytest.approx(8 * 0.02, rel=1e-6)
    assert found["bv_tv"] == pytest.approx(0.2, rel=1e-6)
    assert found["bmd"] == pytest.approx(200, rel=1e-6)  # mg HA/cm^3
    assert found["bmc"] == pytest.approx(200 * (40 * 0.02 / 10) ** 3, rel=1e-6)  # of 0.8 mm cubed
    assert found["bs_tv"] == pytest.approx(2 / 0.8, rel=0.06)
    assert found["bs_bv"] == pytest.approx(found["bs_tv"] / 0.2, rel=1e-6)
    assert found["tb_n"] == pytest.approx(1 / (found["tb_th"] + found["tb_sp"]))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_no_bone_and_nothing_but_bone(value: float) -> None:
    found = morphometry(np.full((8, 8, 8), value), 10.0)
    assert found["bv_tv"] == value
    assert np.isnan(found["tb_th"])


def test_every_measure_has_a_name_and_a_unit() -> None:
    for measure in MEASURES.values():
        assert measure.symbol
        assert measure.unit
        assert re.match(r"[a-z]", measure.long_name)


@pytest.mark.parametrize("shape", [(8, 8, 8), (2, 8, 8), (3, 4, 40)])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_plane_of_one_voxel_has_measures(shape: tuple[int, int, int], share: float) -> None:
    """It may be too thin for a mesh and so have no structure model index; all else is a number."""
    bone = np.zeros(shape)
    bone[1] = share
    found = morphometry(bone, 10.0)
    assert found["bv_tv"] == share / shape[0]
    assert np.isnan(found["smi"]) or shape[0] == 2
    assert np.isfinite([value for name, value in found.items() if name != "smi"]).all()
