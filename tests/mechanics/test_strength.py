"""Strength: moduli, stiffness and failure load of a compressed piece of bone."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tissue.errors import InputError
from tissue.mechanics.compression import Compression, compress
from tissue.mechanics.strength import (
    apparent_modulus_MPa,
    critical_strain,
    failure_load_N,
    left_out,
    stiffness_N_per_mm,
    strength,
    weighted_quantile,
)

SHAPE = (10, 4, 5)


def compressed(density: np.ndarray, centroid: np.ndarray | None = None) -> Compression:
    """A compression along z with given strain energy densities."""
    return Compression(
        axis="z",
        loading="platens",
        displacement=jnp.zeros((3, *(n + 1 for n in density.shape))),
        energy_density=jnp.asarray(density),
        centroid_energy_density=jnp.asarray(density if centroid is None else centroid),
        apparent_modulus=0.25,
        iterations=1,
        residual=0.0,
        applications=1.0,
    )


def test_stiffness_is_modulus_times_section_over_length() -> None:
    one = compressed(np.full(SHAPE, 0.5))
    assert apparent_modulus_MPa(one, 12000) == 3000
    # 20 voxels of 0.1 mm squared over 1 mm; along x the section is 40 voxels, the length 0.5 mm
    assert stiffness_N_per_mm(one, SHAPE, 100.0, 12000) == pytest.approx(3000 * 0.20 / 1.0)
    along_x = replace(one, axis="x")
    assert stiffness_N_per_mm(along_x, SHAPE, 100.0, 12000) == pytest.approx(3000 * 0.40 / 0.5)


def test_evenly_strained_bone_breaks_at_7000_microstrain() -> None:
    # energy 1/2 at unit strain: every element is strained as the box is
    one = compressed(np.full(SHAPE, 0.5))
    assert failure_load_N(one, np.ones(SHAPE), 100.0, 12000) == pytest.approx(0.007 * 3000 * 0.20)


def test_failure_load_is_set_by_the_strain_that_2_percent_of_the_bone_exceed() -> None:
    strain = np.linspace(1, 2, 10 * 4 * 5).reshape(SHAPE)
    one = compressed(strain**2 / 2)
    expected = np.percentile(strain, 98)
    assert critical_strain(one, np.ones(SHAPE)) == pytest.approx(expected, rel=1e-6)
    load = failure_load_N(one, np.ones(SHAPE), 100.0, 12000)
    assert load == pytest.approx(0.007 / expected * 3000 * 0.20, rel=1e-6)


def test_failure_load_uses_the_named_energy() -> None:
    one = compressed(np.full(SHAPE, 0.5), np.full(SHAPE, 0.45))
    bone = np.ones(SHAPE)
    mean, centroid = (
        failure_load_N(one, bone, 100.0, 1.0, energy) for energy in ("mean", "centroid")
    )
    assert centroid / mean == pytest.approx(np.sqrt(0.5 / 0.45), rel=1e-6)


def test_a_voxel_counts_with_its_bone_volume() -> None:
    # of 200 voxels 5, 2.5 %, are strained tenfold; nearly empty ones do not decide
    strain = np.ones(SHAPE)
    strain[0, 0] = 10
    full, partial = np.ones(SHAPE), np.ones(SHAPE)
    partial[0, 0] = 0.1
    one = compressed(strain**2 / 2)
    assert critical_strain(one, full) == pytest.approx(10, rel=1e-6)
    assert critical_strain(one, partial) == pytest.approx(1, rel=1e-6)


def test_bone_that_carries_nothing_is_left_out() -> None:
    density = np.full(SHAPE, 0.5)
    density[:, :, 2:] = 0
    bone = np.ones(SHAPE)
    bone[:, :, 3:] = 0
    one = compressed(density)
    assert left_out(one, bone) == pytest.approx(1 / 3)
    assert critical_strain(one, bone) == pytest.approx(1, rel=1e-6)


def test_quantile_with_weights_is_that_of_repeated_values() -> None:
    random = np.random.default_rng(3)
    values = random.random(1000)
    assert weighted_quantile(values, np.full(1000, 2.0), 0.98) == pytest.approx(
        np.quantile(values, 0.98), rel=1e-12
    )
    counts = random.integers(1, 5, 1000)
    repeated = np.quantile(np.repeat(values, counts), 0.98)
    assert weighted_quantile(values, counts, 0.98) == pytest.approx(repeated, abs=2e-3)


def test_solid_bone_under_a_uniaxial_load() -> None:
    found = strength(np.ones((6, 5, 4)), 50.0, 10000, loading="slide")
    for axis, section, length in (("x", 30, 4), ("y", 24, 5), ("z", 20, 6)):
        assert found.apparent_modulus_MPa[axis] == pytest.approx(10000, rel=1e-4)
        area = section * 0.05**2
        assert found.stiffness_N_per_mm[axis] == pytest.approx(1e4 * area / (length * 0.05), 1e-4)
        assert found.failure_load_N[axis] == pytest.approx(0.007 * 1e4 * area, rel=1e-3)
        assert found.left_out[axis] == 0
    assert (found.loading, found.energy, found.tissue_modulus_MPa) == ("slide", "centroid", 10000)


def test_strength_names_the_axis_that_bone_does_not_span() -> None:
    bone = np.ones((6, 5, 4))
    bone[:, 2] = 0
    with pytest.raises(InputError, match="bone does not reach both ends in y"):
        strength(bone, 50.0, 10000)
    slab = np.zeros((6, 5, 4))
    slab[:3] = 1
    slab[:, :, 2] = 0
    with pytest.raises(InputError, match="bone does not reach both ends in x and z: no part"):
        strength(slab, 50.0, 10000)
    assert strength(bone, 50.0, 10000, axes=("z",)).failure_load_N["z"] > 0


@pytest.mark.parametrize(
    ("spacing", "modulus", "message"),
    [
        (0.0, 1e4, "spacing 0 um"),
        (50.0, -1.0, "tissue_modulus -1 MPa"),
        (np.nan, 1.0, "spacing"),
        (10**400, 1.0, "spacing inf um must be > 0"),
        (50.0, -(10**400), "modulus -inf MPa must"),
    ],
)
def test_lengths_and_moduli_are_positive(spacing: float, modulus: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        strength(np.ones((4, 4, 4)), spacing, modulus)


ONES = np.ones((4, 4, 4))


@pytest.mark.parametrize(
    ("bone", "message"),
    [
        (255 * ONES, r"values from 255 to 255; shares of bone .* divide a mask"),
        (-ONES, "values from -1 to -1; shares of bone in each voxel, from 0 to 1, are needed$"),
        (np.where(ONES.cumsum(0) == 2, np.nan, 1), "has 16 of 64 values that are not finite"),
        (ONES[0], r"has the shape \(4, 4\); a volume \[z, y, x\]"),
        (ONES[:0], r"has the shape \(0, 4, 4\); a volume"),
        (ONES.astype(str), "numbers from 0 to 1 are needed"),
        ([[1.0], [1.0, 1.0]], "must be an array of numbers"),
    ],
)
def test_bone_is_a_volume_of_shares(bone: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"bone_volume_fraction .*{message}"):
        strength(bone, 50.0, 1e4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loading": "confind"}, "loading = 'confind' must be .*, did you mean 'confined'?"),
        ({"loading": None}, "loading = None must be 'confined', 'platens' or 'slide'"),
        ({"energy": "center"}, "energy = 'center' must be 'centroid' or 'mean'"),
        ({"axes": ("w",)}, r"axes = \('w',\) must hold one or more of 'x', 'y' and 'z'"),
        ({"axes": ()}, r"axes = \(\) must hold one or more"),
        ({"axes": 3}, "axes = 3 must hold one or more"),
        ({"spacing": (20, 20, 20)}, r"spacing = \(20, 20, 20\) must be one number \[um\]: voxels"),
        ({"tissue_modulus": "12 GPa"}, "tissue_modulus = '12 GPa' must be one number"),
        ({"tolerance": 0}, "tolerance 0 must be > 0 and finite"),
    ],
)
def test_choices_and_numbers_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        strength(ONES, **({"spacing": 50.0, "tissue_modulus": 1e4} | given))


def test_a_loose_speck_is_left_out() -> None:
    bone = np.zeros((12, 12, 12))
    bone[:, 1:4, 1:4] = 1
    bone[3:5, 6:8, 6:8] = 1
    (one,) = compress(bone, ("z",), "platens").values()
    assert left_out(one, bone) == pytest.approx(8 / 116)
