"""Regions of interest, and segmentations of a scanner as bone and as region."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometry.formats.dicom_made import series
from geometry.formats.scanco_made import aim, runs_of_two

from tissue.errors import InputError
from tissue.geometry.load import load_image
from tissue.geometry.settings import ImageSettings


def bone_and_region(folder: Path) -> tuple[Path, Path]:
    """A plate of bone, and a region that holds the middle of it."""
    gray = np.full((12, 12, 12), 10, "u1")
    gray[4:8] = 200
    region = np.zeros_like(gray)
    region[2:10, 3:9, 1:11] = 1
    for name, values in (("bone.nrrd", gray), ("roi.nrrd", region)):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((0.01,) * 3)
        sitk.WriteImage(image, str(folder / name))
    return folder / "bone.nrrd", folder / "roi.nrrd"


def test_a_region_is_cut_out_of_its_place(tmp_path: Path) -> None:
    file, region = bone_and_region(tmp_path)
    found = load_image(ImageSettings(file, region=region, threshold=100.0))
    assert found.grid.shape == (8, 6, 10)
    assert found.grid.origin == (20, 30, 10)
    assert found.bone_volume_fraction[2:6].all()
    assert found.bone_volume_fraction.mean() == 0.5
    told = "kept the region roi.nrrd: 100.0% of its box, voxels 2:10, 3:9, 1:11 (z, y, x)"
    assert any(told in line for line in found.log)


def test_outside_a_region_there_is_marrow(tmp_path: Path) -> None:
    file, region = bone_and_region(tmp_path)
    whole = ((0, 12),) * 3
    found = load_image(ImageSettings(file, region=region, crop=whole, threshold="otsu"))
    bone = found.bone_volume_fraction
    assert bone[4:8, 3:9, 1:11].all()
    assert bone.sum() == 4 * 6 * 10


def test_a_region_that_does_not_fit_is_told(tmp_path: Path) -> None:
    file, _ = bone_and_region(tmp_path)
    np.save(tmp_path / "small.npy", np.ones((3, 3, 3)))
    np.save(tmp_path / "none.npy", np.zeros((12, 12, 12)))
    for name, told in (
        ("small.npy", "small.npy has 3 x 3 x 3 voxels and bone.nrrd 12 x 12 x 12"),
        ("none.npy", "none.npy marks no voxel"),
        ("gone.npy", "there is no .*gone.npy"),
    ):
        with pytest.raises(InputError, match=rf"geometry\.region: .*{told}"):
            load_image(ImageSettings(file, region=tmp_path / name, threshold=100.0))


def plates() -> np.ndarray:
    """Marked plates that differ along each axis."""
    z, y, x = np.indices((12, 14, 16))
    return (z % 6 < 2) | ((y % 7 < 2) & (x < 10))


CUBE = (0.02, 0.02, 0.02)


def test_a_segmentation_of_scanco_is_bone_and_region(tmp_path: Path) -> None:
    marked = plates()
    gray = np.where(marked, 6000, 1500).astype("i2")
    bone = np.where(marked, 127, 0).astype("i1")
    half = np.where(np.indices(marked.shape)[1] < 7, 127, 0).astype("i1")
    scan = aim(tmp_path / "scan.aim", gray, 0x00020002, gray.tobytes(), CUBE)
    seg = aim(tmp_path / "seg.aim", bone, 0x00150001, runs_of_two(bone), CUBE)
    # the mask is stored for its half alone, at its place in the scan
    part = half[:, :7]
    mask = aim(tmp_path / "mask.aim", part, 0x00010001, part.tobytes(), CUBE)
    whole = {"keep_largest": False, "close_pockets": False}
    found = load_image(ImageSettings(seg, threshold=63.0, **whole))  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.bone_volume_fraction > 0.5, marked)
    # 6000 and 1500 are 782 and -97 mg HA/cm^3
    found = load_image(
        ImageSettings(scan, threshold=320.0, region=mask, **whole)  # type: ignore[arg-type]
    )
    np.testing.assert_array_equal(found.bone_volume_fraction > 0.5, marked[:, :7])
    assert any("mg HA/cm^3" in line for line in found.log)


def test_a_dicom_series_is_bone(tmp_path: Path) -> None:
    marked = plates()
    gray = np.where(marked, 2000, 900).astype("i2")
    folder = series(tmp_path / "scan", gray, RescaleSlope=2.0, RescaleIntercept=-1000.0)
    found = load_image(
        ImageSettings(
            folder,
            threshold=1900.0,
            resample=None,
            voxel_size=(20.0, 20.0, 20.0),
            keep_largest=False,
            close_pockets=False,
        )
    )
    np.testing.assert_array_equal(found.bone_volume_fraction > 0.5, marked)
    assert any(" HU" in line for line in found.log)


@pytest.mark.parametrize(("padding", "kind"), [(-1000.0, "marrow"), (9000.0, "bone")])
def test_padding_is_told_whatever_gives_the_threshold(
    tmp_path: Path, padding: float, kind: str
) -> None:
    gray = np.random.default_rng(5).normal(200, 40, (12, 40, 40))
    gray[:, 10:30, 16:24] += 1300
    y, x = np.mgrid[:40, :40] - 19.5
    gray[:, y**2 + x**2 > 19**2] = padding
    np.save(tmp_path / "round.npy", gray)
    settings = ImageSettings(tmp_path / "round.npy", voxel_size=10.0, threshold=850.0)
    share = (gray == padding).mean()
    told = f"{share:.1%} of the box hold the padding value {padding:g}, outside the field of view"
    assert any(
        told in each and f"count as {kind}" in each for each in load_image(settings).warnings
    )
