"""Padding around the field of view of a scan, left out exactly, and what only looks like it."""

from itertools import product

import numpy as np
import pytest
from geometry.made_scans import (
    HIGH,
    LOW,
    bone_of,
    doubts,
    error,
    metal_of,
    outside_of,
    scan_of,
    stored,
)
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.threshold import automatic_threshold

TOLERANCE = 0.05

FIELDS = ("circle", "wide circle", "off the middle", "hexagon", "tilted box", "slices")


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize(
    ("dtype", "padding"),
    [
        *[("i2", value) for value in (-32768, -3024, -1024, 0, 32767)],
        *[("f4", value) for value in (-2000.0, 0.0, -1.5e38)],
        *[("u2", 65535), ("u1", 0), ("u1", 255)],
    ],
)
def test_padding_takes_no_part(kind: str, dtype: str, padding: float) -> None:
    bone = bone_of(0.2)
    outside = outside_of(bone.shape, kind)
    gray = stored(scan_of(bone, 0.05), dtype)
    gray[outside] = padding
    gray[0, 0, :2] = gray.max()  # hot voxels in the padding
    found = automatic_threshold(gray)
    assert found.left_out is not None
    outside[0, 0, :2] = gray[0, 0, 0] == padding
    assert (found.left_out != outside).sum() <= 0.01 * outside.sum()
    assert any(f"of the padding value {padding:g}" in line for line in found.log)
    assert any("lie outside the field of view" in line for line in found.warnings)
    assert doubts(found) == []
    assert abs(error(gray, found, bone & ~outside)) < 0.01


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize(("dtype", "padding"), [("i2", -3024), ("u1", 0)])
def test_no_silent_error_of_padding_noise_and_metal(kind: str, dtype: str, padding: float) -> None:
    for share, noise, blur in product((0.05, 0.35), (0.05, 0.15, 0.3), (0.0, 1.0)):
        bone = bone_of(share)
        outside, metal = outside_of(bone.shape, kind), metal_of(bone.shape, 0.003, "metal")
        gray = stored(np.where(metal, 30000.0, scan_of(bone, noise, blur)), dtype)
        gray[outside] = padding
        found = automatic_threshold(gray)
        wrong = error(gray, found, bone & ~outside & ~metal)
        assert abs(wrong) < TOLERANCE or doubts(found), (share, noise, blur)


@pytest.mark.parametrize("padding", [0, 65535])
def test_marks_in_the_padding_do_not_hide_it(padding: int) -> None:
    bone = bone_of(0.2)
    outside = outside_of(bone.shape, "hexagon")
    gray = stored(np.where(outside, padding, scan_of(bone)), "u2")
    gray[::5, [0, 0, -1, -1], [0, -1, 0, -1]] = 1500
    found = automatic_threshold(gray)
    assert found.left_out is not None
    assert (found.left_out != (outside & (gray == padding))).mean() < 0.001


def test_padding_with_a_blurred_edge() -> None:
    bone = bone_of(0.2)
    gray = scan_of(bone)
    gray[outside_of(bone.shape, "circle")] = -3024
    turned = ndimage.rotate(gray, 15, axes=(1, 2), order=1, reshape=True, cval=-3024)
    turned = np.rint(turned).astype("i2")
    found = automatic_threshold(turned)
    assert found.left_out is not None
    assert (found.left_out == (turned == -3024)).all()
    assert found.threshold == pytest.approx((LOW + HIGH) / 2, rel=0.1)


def test_zeros_around_a_scan_whose_noise_is_cut_off_at_zero() -> None:
    bone = bone_of(0.2)
    outside = outside_of(bone.shape, "circle")
    gray = np.maximum(scan_of(bone, 0.08) - LOW, 0)  # half of the marrow is 0
    gray[outside] = 0
    found = automatic_threshold(gray)
    assert found.left_out is not None
    assert (found.left_out & ~outside).mean() < 0.05  # marrow near the edge
    assert (outside & ~found.left_out).sum() < 0.02 * outside.sum()
    assert abs(error(gray, found, bone & ~outside)) < TOLERANCE


def test_a_region_around_an_organ_with_zeros_among_negative_values() -> None:
    bone = bone_of(0.2)
    _, y, x = np.indices(bone.shape) - 23.5
    outside = (y / 20) ** 2 + (x / 14 + 0.25 * np.sin(y / 12)) ** 2 > 1
    gray = np.where(outside, 0.0, scan_of(bone, 0.06) - LOW - 50)
    found = automatic_threshold(gray)
    assert found.left_out is not None
    assert (found.left_out != outside).sum() == 0
    assert abs(error(gray, found, bone & ~outside)) < 0.01


def test_what_is_no_padding_is_not_left_out() -> None:
    bone = bone_of(0.2)
    masked = np.where(bone, scan_of(bone), 0.0)
    blurred = np.rint(ndimage.gaussian_filter(np.where(bone, 200.0, 30.0), 1.0)).astype("u1")
    plates = np.broadcast_to(np.arange(48)[:, None, None] % 12 < 4, bone.shape)
    layers = np.rint(ndimage.gaussian_filter(np.where(plates, 200.0, 30.0), 1.0)).astype("u1")
    cylinder = ~outside_of(bone.shape, "circle")
    shell = bone | outside_of(bone.shape, "hexagon")
    cortex = np.rint(ndimage.gaussian_filter(np.where(shell, 200.0, 30.0), 1.0)).astype("u1")
    for gray, truth in [
        (masked, bone),
        (np.where(cylinder, masked, 0.0), bone & cylinder),
        (blurred, bone),
        (layers, plates),
        (np.where(bone, 255, 0).astype("u1"), bone),
        (np.where(bone & cylinder, 127, 0).astype("i1"), bone & cylinder),
        (np.where(bone, 2000.0, 300.0), bone),
        (np.where(outside_of(bone.shape, "hexagon"), 2, bone).astype("u1"), shell),
        (cortex, shell),
    ]:
        found = automatic_threshold(gray)
        assert found.left_out is None
        assert not any("hold exactly" in line for line in found.warnings)
        assert abs(error(gray, found, truth)) < 0.02


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_bone_of_one_value_is_no_padding_beside_metal(share: float) -> None:
    bone = bone_of(share, thickness=5.0)
    gray = np.where(bone, 1700.0, 0.0)
    gray[metal_of(bone.shape, 0.002, "hot voxels") & ~bone] = 6000
    found = automatic_threshold(gray)
    assert found.left_out is None
    assert 0 < found.threshold < 1700


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_bone_of_nearly_one_value_is_no_padding(share: float) -> None:
    bone = bone_of(share, 72, 6.0)
    gray = stored(scan_of(bone, 0.002), "u1")
    found = automatic_threshold(gray)
    assert found.left_out is None
    assert abs(error(gray, found, bone)) < 0.01


def test_only_one_of_many_values_is_padding() -> None:
    bone = bone_of(0.4)
    outside = outside_of(bone.shape, "circle")
    shaded = stored(scan_of(bone, 0.0, 0.0, 0.15), "u1")
    offset = np.where(bone, 1600.0, -100.0)
    offset[metal_of(bone.shape, 0.01, "hot voxels")] = 6000
    for gray in (shaded, offset):
        gray[outside] = 0
        found = automatic_threshold(gray)
        assert found.left_out is None or not (found.left_out & ~outside).any()


def test_white_around_a_scan_that_reaches_white_is_told() -> None:
    bone = bone_of(0.2)
    gray = stored(scan_of(bone, 0.25) + 800, "u1")
    gray[outside_of(bone.shape, "circle")] = 255
    found = automatic_threshold(gray)
    assert any("hold exactly 255" in line for line in doubts(found))


def test_a_region_of_padding_is_refused() -> None:
    bone = bone_of(0.2)
    outside = outside_of(bone.shape, "circle")
    gray = np.where(outside, -3024.0, scan_of(bone))
    with pytest.raises(InputError, match="nothing but padding lies in the region"):
        automatic_threshold(gray, inside=outside)
