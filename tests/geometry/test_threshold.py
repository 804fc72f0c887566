"""The automatic threshold on scans whose bone is known: within 5 %, or in doubt."""

import time
import tracemalloc
from itertools import product

import numpy as np
import pytest
from geometry.made_scans import (
    CONTRAST,
    HIGH,
    LOW,
    bone_of,
    doubts,
    error,
    found_bone,
    metal_of,
    outside_of,
    scan_of,
    stored,
)
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.histogram import moved_by_shading
from tissue.geometry.threshold import automatic_threshold, bone_share_warning

TOLERANCE = 0.05


SHARES = (0.03, 0.05, 0.1, 0.2, 0.35, 0.5)


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0, 2.0])
def test_no_silent_error_of_noise_blur_and_shading(share: float, blur: float) -> None:
    bone = bone_of(share)
    for noise, ramp in product((0.01, 0.1, 0.2, 0.4), (0.0, 0.2)):
        gray = scan_of(bone, noise, blur, ramp)
        found = automatic_threshold(gray)
        assert found.left_out is None
        assert abs(error(gray, found, bone)) < TOLERANCE or found.warnings, (noise, ramp)


@pytest.mark.parametrize("share", [*SHARES[1:]])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_a_clear_scan_raises_no_doubt(share: float, dtype: str) -> None:
    bone = bone_of(share)
    for noise in (0.01, 0.05, 0.1):
        gray = stored(scan_of(bone, noise), dtype)
        found = automatic_threshold(gray)
        assert found.warnings == ()
        assert found.left_out is None
        assert error(gray, found, bone) == pytest.approx(0, abs=0.01)


def test_noise_that_moves_bone_is_told_with_its_size() -> None:
    bone = bone_of(0.1)
    gray = scan_of(bone, 0.2)
    found = automatic_threshold(gray)
    wrong = error(gray, found, bone)
    assert wrong > TOLERANCE
    (warning,) = found.warnings
    assert "too much bone" in warning
    assert "geometry.threshold" in warning
    told = float(warning.split("about ")[1].split("%")[0]) / 100
    assert told == pytest.approx(wrong, abs=0.02)


def test_noise_that_moves_bone_is_told_where_the_file_cuts_it_off_at_zero() -> None:
    bone = bone_of(0.05)
    gray = np.maximum(scan_of(bone, 0.2) - LOW, 0)
    found = automatic_threshold(gray)
    wrong = error(gray, found, bone)
    assert wrong > TOLERANCE
    told = [line for line in found.warnings if "too much bone" in line]
    assert told
    assert float(told[0].split("about ")[1].split("%")[0]) / 100 == pytest.approx(wrong, abs=0.03)


def test_shading_that_moves_bone_is_told() -> None:
    bone = bone_of(0.1, thickness=3.0)
    gray = scan_of(bone, 0.1, 0.5, 0.6)
    found = automatic_threshold(gray)
    assert error(gray, found, bone) > TOLERANCE
    assert any("too much bone" in line and "shading" in line for line in found.warnings)


def test_share_of_bone_that_shading_makes() -> None:
    bone = bone_of(0.1)
    for ramp in (0.6, -0.6, 0.0):
        gray = scan_of(bone, 0.05, 0.0, ramp)
        middle = (LOW + HIGH) / 2 + ramp / 3 * CONTRAST
        wrong = (gray > middle - 0.35 * CONTRAST).mean() - bone.mean()
        moved = moved_by_shading(gray, None, middle - 0.35 * CONTRAST)
        assert moved == pytest.approx(wrong, rel=0.5, abs=0.002)
    gray = scan_of(bone, 0.05, 0.0, 0.6)
    half = np.indices(bone.shape)[1] < 24
    gray[~half] += 5000
    only = moved_by_shading(gray, half, 1100.0)
    assert only == pytest.approx((gray > 1100)[half].mean() - bone[half].mean(), rel=0.5)


@pytest.mark.parametrize("kind", ["hot voxels", "metal"])
@pytest.mark.parametrize(
    ("dtype", "value", "amount"),
    [
        *product(["f4"], [1e6, 1e30, 9000], [1e-5, 0.01]),
        *product(["u2"], [65535, 9000], [1e-5, 1e-3, 0.005, 0.01]),
        *product(["i2"], [32767], [1e-5, 0.005]),
        *product(["u1"], [255], [1e-3, 0.01]),
    ],
)
def test_hot_voxels_and_metal_do_not_move_the_threshold(
    dtype: str, value: float, kind: str, amount: float
) -> None:
    for share in (0.05, 0.2):
        bone = bone_of(share)
        metal = metal_of(bone.shape, amount, kind)
        gray = stored(scan_of(bone, 0.05), dtype)
        gray[metal] = value
        found = automatic_threshold(gray)
        middle = (LOW + HIGH) / 2 / (12 if dtype == "u1" else 1)
        assert found.threshold == pytest.approx(middle, rel=0.15)
        (line,) = [line for line in found.log if line.startswith("left out")]
        assert f"left out {metal.sum()} voxels" in line
        assert f"of {value:g}, far above the rest" in line
        # bone is above the threshold, and so is metal: where that matters, it is told
        truth = bone & ~metal
        assert (gray > found.threshold).sum() == (bone | metal).sum()
        much = metal.sum() > 0.031 * (bone | metal).sum()
        assert much == any("metal or hot voxels" in line for line in found.warnings)
        assert abs(error(gray, found, truth)) < TOLERANCE or found.warnings


def test_cold_voxels_are_left_out_and_named() -> None:
    bone = bone_of(0.2)
    gray = scan_of(bone)
    gray[5, 6, 7] = -1e6
    gray[8, 9, 10] = 1e6
    found = automatic_threshold(gray, "HU")
    clean = automatic_threshold(scan_of(bone))
    assert found.threshold == pytest.approx(clean.threshold, abs=0.01 * CONTRAST)
    cold, hot, last = found.log
    assert cold.startswith("left out 1 voxels")
    assert "of -1e+06 HU, far below the rest" in cold
    assert "of 1e+06 HU, far above the rest" in hot
    assert last.startswith(f"threshold {found.threshold:g} HU, by Otsu's method")
    assert found.warnings == ()


def test_metal_with_a_blurred_edge() -> None:
    bone = bone_of(0.2)
    metal = ndimage.gaussian_filter(50000.0 * metal_of(bone.shape, 0.004, "metal"), 1.5)
    gray = scan_of(bone, 0.05) + metal
    found = automatic_threshold(gray)
    assert found.threshold == pytest.approx((LOW + HIGH) / 2, rel=0.15)
    assert any("metal" in line for line in found.warnings)


def test_metal_that_is_much_or_beside_noise() -> None:
    bone = bone_of(0.2)
    glow = np.random.default_rng(3).normal(30000, 500, bone.shape)
    for amount, noise in ((0.03, 0.05), (0.01, 0.4)):
        metal = metal_of(bone.shape, amount, "metal")
        gray = np.where(metal, glow, scan_of(bone, noise))
        found = automatic_threshold(gray)
        assert LOW < found.threshold < HIGH
        assert f"left out {metal.sum()} voxels" in found.log[0]
        assert any("like metal" in line or "no valley" in line for line in found.warnings)


def test_labels_are_told() -> None:
    bone = bone_of(0.3)
    labels = bone + (bone & (np.indices(bone.shape)[2] > 20)).astype("u1")
    found = automatic_threshold(labels)
    assert found.left_out is None
    assert 0 < found.threshold < 1
    (warning,) = found.warnings
    assert "only the 3 values 0 (70.0%), 1 (" in warning
    around = np.where(outside_of(bone.shape, "circle"), 0, bone + 1)
    found = automatic_threshold(around)
    assert 1 < found.threshold < 2
    assert doubts(found) == []


@pytest.mark.parametrize("pair", [(0, 255), (-3, 7), (0, 1)])
def test_two_values_are_parted_in_the_middle(pair: tuple[int, int]) -> None:
    for share in (0.05, 0.293):
        found = automatic_threshold(np.array(pair, np.int16)[bone_of(share).astype(int)])
        assert found.threshold == sum(pair) / 2
        assert found.left_out is None
        assert found.warnings == ()


def test_air_around_tissue_is_told() -> None:
    bone = bone_of(0.2)
    gray = scan_of(bone)
    outside = outside_of(bone.shape, "hexagon")
    gray[outside] = np.random.default_rng(4).normal(-1500, 60, outside.sum())
    found = automatic_threshold(gray)
    assert found_bone(gray, found).mean() > 0.4
    assert any("has 3 peaks (-1" in line and "crop" in line for line in found.warnings)


def test_a_histogram_without_a_valley_is_told() -> None:
    # like a human radius of 61 um voxels: thin trabeculae, blurred and noisy
    bone = bone_of(0.15, thickness=2.0)
    gray = scan_of(bone, 0.2, 1.0)
    found = automatic_threshold(gray, "mg HA/cm3")
    assert abs(error(gray, found, bone)) > 0.3
    (warning,) = found.warnings
    assert "no valley" in warning
    assert "mg HA/cm3" in warning


def test_noise_cut_off_at_both_ends_makes_no_valley() -> None:
    bone = bone_of(0.4)
    gray = np.clip(scan_of(bone, 0.4), 0, HIGH + 500)
    found = automatic_threshold(gray)
    assert any("no valley" in line for line in found.warnings)


def test_a_class_with_hardly_a_voxel_is_told() -> None:
    gray = np.where(bone_of(0.01), 255, 0)
    (warning,) = automatic_threshold(gray).warnings
    assert "only 1.00% of the scanned voxels lie above" in warning


def test_only_the_region_counts() -> None:
    bone = bone_of(0.2)
    gray = scan_of(bone)
    inside = np.zeros(bone.shape, bool)
    inside[:, :, :20] = True
    gray[~inside] += 5 * CONTRAST
    found = automatic_threshold(gray, inside=inside)
    assert found.threshold == pytest.approx((LOW + HIGH) / 2, rel=0.1)
    assert found.warnings == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_gray_value_is_refused(value: float) -> None:
    gray = scan_of(bone_of(0.2))
    gray[1, 2, 3] = value
    with pytest.raises(InputError, match=r"geometry\.threshold: .*not numbers or beyond"):
        automatic_threshold(gray)


def test_one_value_is_refused() -> None:
    with pytest.raises(InputError, match=r"geometry\.threshold: .*one gray value 5 HU"):
        automatic_threshold(np.full((9, 9, 9), 5.0), "HU")


def test_bone_shares_outside_those_of_trabecular_bone() -> None:
    assert bone_share_warning(0.02) is bone_share_warning(0.6) is None
    for share, remedy in ((0.0199, "crop to the bone"), (0.601, "invert the image")):
        warning = bone_share_warning(share)
        assert warning is not None
        assert f"BV/TV {share:.3g} lies outside 0.02 to 0.6" in warning
        assert "geometry.threshold" in warning
        assert remedy in warning


def test_a_large_scan_takes_little_time_and_memory() -> None:
    shape = (160, 160, 160)  # more voxels than the histogram takes
    random = np.random.default_rng(6)
    field = ndimage.gaussian_filter(random.normal(size=shape).astype("f4"), 5)
    bone = field > 1.0 * field.std()
    gray = (np.where(bone, HIGH, LOW) + random.normal(0, 100, shape)).astype("i2")
    outside = outside_of(shape, "circle")
    gray[outside] = -3024
    gray[80, 80, 80] = 30000
    tracemalloc.start()
    start = time.process_time()
    found = automatic_threshold(gray)
    seconds = time.process_time() - start
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert abs(error(gray, found, bone & ~outside)) < 0.01
    assert any("left out 1 voxels" in line and "of 30000" in line for line in found.log)
    assert peak < 16 * gray.size
    assert seconds < 3
