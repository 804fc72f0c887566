"""Automatic thresholds on scans whose bone is known voxel by voxel."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.threshold import automatic_threshold, bone_share_warning

CLOSE = 0.05
"""Relative error of BV/TV up to which a threshold counts as right."""

MARROW, BONE = 1000.0, 2700.0
SHAPE = (40, 48, 48)


def structure(share: float, seed: int = 0) -> np.ndarray:
    """Bone of a share: a smooth random field cut at its quantile, trabeculae some voxels thick."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 3, mode="wrap")
    return np.asarray(field > np.quantile(field, 1 - share))


def scan(bone: np.ndarray, noise: float, blur: float = 0.0, seed: int = 0) -> np.ndarray:
    """Gray values of bone and marrow; the noise is a share of their contrast."""
    gray = np.where(bone, BONE, MARROW)
    gray = ndimage.gaussian_filter(gray, blur) if blur else gray
    error = np.random.default_rng(seed).normal(size=SHAPE)
    return np.asarray(gray + noise * (BONE - MARROW) * error)


def outside(kind: str) -> np.ndarray:
    """Voxels beyond the field of view."""
    _, y, x = np.indices(SHAPE)
    y, x = y - (SHAPE[1] - 1) / 2, x - (SHAPE[2] - 1) / 2
    if kind == "polygon":
        turns = (0, np.pi / 3, 2 * np.pi / 3)
        return np.max([abs(np.cos(a) * y + np.sin(a) * x) for a in turns], axis=0) > 21
    radius = {"circle": 23.5, "small circle": 17.0, "large circle": 30.0}[kind]
    return np.asarray(y**2 + x**2 > radius**2)


def judged(gray: np.ndarray, bone: np.ndarray) -> tuple[float, tuple[str, ...]]:
    """Relative error of the bone that the threshold finds, and what it warns of."""
    found = automatic_threshold(gray)
    marked = gray > found.threshold
    if found.left_out is not None:
        marked &= ~found.left_out
    return float(marked.sum() / bone.sum() - 1), found.warnings


@pytest.mark.parametrize("share", [0.05, 0.12, 0.2, 0.35, 0.5])
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_two_classes_are_parted(share: float, noise: float, dtype: str) -> None:
    bone = structure(share)
    error, warnings = judged(scan(bone, noise).clip(0).astype(dtype), bone)
    assert abs(error) < CLOSE
    assert warnings == ()


@pytest.mark.parametrize("dtype", ["u2", "i2", "f4"])
@pytest.mark.parametrize("count", [1, 5, 50, 900])
def test_hot_voxels_are_left_out_and_named(dtype: str, count: int) -> None:
    bone = structure(0.2)
    gray = scan(bone, 0.05).clip(0).astype(dtype)
    hot = np.random.default_rng(1).permutation(gray.size)[:count]
    gray.ravel()[hot] = 32767 if dtype == "i2" else 65535
    found = automatic_threshold(gray)
    error = ((gray > found.threshold) & (gray < 30_000)).sum() / bone.sum() - 1
    assert abs(error) < CLOSE
    # a few do not move the threshold, and are not looked for
    assert count < 50 or any(f"left out {count} voxels" in line for line in found.log)


def test_spikes_to_both_sides_are_left_out() -> None:
    bone = structure(0.2)
    gray = scan(bone, 0.05).astype("f4")
    gray[3, 4, 5], gray[10, 4, 5] = 1e6, -1e6
    error, _ = judged(gray, bone)
    assert abs(error) < CLOSE


@pytest.mark.parametrize("radius", [1.5, 3.0, 5.0])
def test_a_screw_does_not_become_the_bone(radius: float) -> None:
    """Metal up to half a percent of the box."""
    bone = structure(0.2)
    z, y, x = np.indices(SHAPE)
    metal = (z - 20) ** 2 + (y - 20) ** 2 + (x - 25) ** 2 < radius**2
    gray = np.where(metal, 20_000.0, scan(bone, 0.05))
    found = automatic_threshold(gray)
    error = ((gray > found.threshold) & ~metal).sum() / (bone & ~metal).sum() - 1
    assert abs(error) < CLOSE


@pytest.mark.parametrize("kind", ["circle", "small circle", "large circle", "polygon"])
@pytest.mark.parametrize(
    ("padding", "dtype"),
    [(-32768, "i2"), (-3024, "i2"), (-1024, "i2"), (0, "u2"), (65535, "u2"), (-1000, "f4")],
)
def test_padding_around_the_field_of_view_is_left_out(kind: str, padding: int, dtype: str) -> None:
    bone = structure(0.2)
    beyond = outside(kind)
    gray = scan(bone, 0.05).clip(0 if dtype == "u2" else None).astype(dtype)
    gray[beyond] = padding
    found = automatic_threshold(gray)
    marked = gray > found.threshold
    if found.left_out is not None:
        marked &= ~found.left_out
    assert abs(marked.sum() / (bone & ~beyond).sum() - 1) < CLOSE
    if beyond.mean() > 0.05:
        assert found.left_out is not None
        assert (found.left_out == beyond).mean() > 0.999
        assert any("left out" in line and f"{padding}" in line for line in found.log)


def test_no_error_above_a_twentieth_is_silent() -> None:
    """Of 180 scans with noise up to the contrast's 40 %, blur and metal, the bad ones warn."""
    bad, silent = 0, []
    for share, noise, blur, metal in itertools.product(
        (0.04, 0.1, 0.2, 0.35, 0.5), (0.0, 0.1, 0.2, 0.3, 0.4), (0.0, 1.0, 2.0), (0, 200)
    ):
        bone = structure(share, seed=2)
        gray = scan(bone, noise, blur)
        hot = np.random.default_rng(3).permutation(gray.size)[:metal]
        gray.ravel()[hot] = 60_000
        try:
            error, warnings = judged(gray, bone)
        except InputError:
            continue
        bad += abs(error) > CLOSE
        if abs(error) > CLOSE and not warnings:
            silent.append((share, noise, blur, metal, round(error, 3)))
    assert bad > 20, "the family holds scans that no threshold parts"
    assert silent == []


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 127), (0, 1), (30, 200)])
def test_two_values_are_parted_in_the_middle(low: int, high: int) -> None:
    gray = np.where(structure(0.3), high, low).astype("u1")
    found = automatic_threshold(gray)
    assert found.threshold == (low + high) / 2
    assert found.left_out is None
    assert found.warnings == ()


def test_a_mask_around_which_nothing_was_marked_is_no_padding() -> None:
    """0 is marrow as well as what lies beyond: it counts, as it has no gray values beside it."""
    gray = np.where(structure(0.3) & ~outside("circle"), 255, 0).astype("u1")
    assert automatic_threshold(gray).left_out is None


def test_labels_of_several_tissues_are_doubted() -> None:
    gray = structure(0.3).astype("u1") + 2 * structure(0.2, seed=4).astype("u1")
    (warning,) = automatic_threshold(gray).warnings
    assert "like labels of several tissues" in warning


def test_one_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"\[geometry\] threshold: all that was scanned has the"):
        automatic_threshold(np.full((8, 8, 8), 7))


def test_a_region_alone_is_looked_at() -> None:
    """A box that holds air beside the bone, of which the region holds none."""
    bone = structure(0.2)
    inside = np.zeros(SHAPE, bool)
    inside[:, :30] = True
    gray = np.where(inside, scan(bone, 0.05), -20_000.0)
    found = automatic_threshold(gray, "", inside)
    marked = (gray > found.threshold) & inside
    assert abs(marked.sum() / (bone & inside).sum() - 1) < CLOSE


@pytest.mark.parametrize(
    ("share", "doubted"), [(0.01, "too high"), (0.05, ""), (0.4, ""), (0.7, "too low")]
)
def test_a_share_of_bone_that_is_not_trabecular_is_doubted(share: float, doubted: str) -> None:
    warning = bone_share_warning(share)
    assert (warning is not None) == bool(doubted)
    if warning:
        assert doubted in warning
        assert "set [geometry] threshold" in " ".join(warning.split())
