import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import ImageSettings


def save(file: Path, values: np.ndarray) -> ImageSettings:
    np.save(file, values)
    return ImageSettings(file, voxel_size=10.0)


def said(geometry: Geometry, words: str) -> bool:
    return any(words in line for line in geometry.log)


def warned(geometry: Geometry, words: str) -> bool:
    return any(words in line for line in geometry.warnings)


@pytest.fixture
def slab(tmp_path: Path) -> ImageSettings:
    """A plate of bone 8 voxels thick across z in a box of 24 x 20 x 16."""
    values = np.zeros((24, 20, 16), np.uint8)
    values[8:16] = 200
    return save(tmp_path / "slab.npy", values)


def test_demo_bone_at_half_resolution(shrew: Path) -> None:
    geometry = load_image(ImageSettings(shrew, resample=8.2))
    assert geometry.grid.shape == (57, 57, 57)
    assert geometry.grid.spacing == 8.2
    assert geometry.grid.origin == (2.05, 2.05, 2.05)
    assert geometry.bone_volume_fraction.dtype == np.float64
    assert geometry.bone_volume_fraction.shape == (57, 57, 57)
    assert geometry.bone_volume_fraction.mean() == pytest.approx(0.293, abs=0.001)
    assert said(geometry, "cut 1 x 0 x 0 voxels")
    assert geometry.warnings == ()


@pytest.mark.parametrize(
    ("bone", "shape", "told"),
    [
        (np.ones((1, 8, 8)), (1, 8, 8), r"shape \(1, 8, 8\); a volume .* at least two voxels"),
        (np.ones((8, 8)), (1, 8, 8), r"shape \(8, 8\); a volume"),
        (np.ones((0, 8, 8)), (0, 8, 8), r"shape \(0, 8, 8\); a volume"),
        (np.ones((8, 8, 8)), (8, 8, 9), r"shape \(8, 8, 8\), and its grid \(8, 8, 9\)"),
        (np.full((8, 8, 8), 1.5), (8, 8, 8), "values from 1.5 to 1.5; shares of bone in each"),
        (np.full((8, 8, 8), -0.1), (8, 8, 8), "values from -0.1 to -0.1"),
        (np.full((8, 8, 8), np.nan), (8, 8, 8), "values from nan to nan"),
    ],
)
def test_a_bone_that_cannot_be_is_refused(
    bone: np.ndarray, shape: tuple[int, int, int], told: str
) -> None:
    with pytest.raises(InputError, match=told):
        Geometry(Grid(shape, 10.0), bone, (), ())


def test_kept_grid_gets_partial_volumes(slab: ImageSettings) -> None:
    geometry = load_image(slab)
    assert geometry.grid.shape == (24, 20, 16)
    profile = geometry.bone_volume_fraction[:, 5, 5]
    np.testing.assert_allclose(profile[6:10], [0, 0.25, 0.75, 1])
    assert geometry.bone_volume_fraction.mean() == pytest.approx(8 / 24)
    assert said(geometry, "binomial pass")


def test_crop_moves_the_origin(slab: ImageSettings) -> None:
    geometry = load_image(replace(slab, crop=((4, 20), (0, 18), (2, 16)), resample=20.0))
    assert geometry.grid.shape == (8, 9, 7)
    assert geometry.grid.origin == (45.0, 5.0, 25.0)
    np.testing.assert_array_equal(geometry.bone_volume_fraction[:, 0, 0], [0, 0, 1, 1, 1, 1, 0, 0])


@pytest.mark.parametrize("crop", [((0, 25), (0, 20), (0, 16)), ((5, 5), (0, 20), (0, 16))])
def test_crop_must_fit(slab: ImageSettings, crop: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InputError, match=r"geometry\.crop.*24 x 20 x 16"):
        load_image(replace(slab, crop=crop))  # type: ignore[arg-type]


def test_smoothing_is_in_micrometers(tmp_path: Path) -> None:
    values = np.zeros((24, 24, 24), np.uint8)
    values[8:16] = 100
    settings = replace(save(tmp_path / "a.npy", values), voxel_size=(10.0, 10.0, 10.0))
    blurred = ndimage.gaussian_filter(values.astype(np.float32), 2.0, mode="nearest")
    geometry = load_image(replace(settings, smooth=20.0, threshold=30.0))
    assert said(geometry, f"BV/TV {(blurred > 30).mean():.4f} above")
    assert (blurred > 30).mean() > 8 / 24
    with pytest.raises(InputError, match=r"geometry\.smooth"):
        load_image(replace(settings, smooth=-1.0))


def test_anisotropic_voxels_become_cubes(tmp_path: Path) -> None:
    z, y, x = np.mgrid[:20, :36, :40].astype(np.float32)
    distance = np.sqrt(((z - 9.5) * 20) ** 2 + ((y - 17.5) * 12) ** 2 + ((x - 19.5) * 10) ** 2)
    settings = replace(
        save(tmp_path / "ball.npy", -distance), voxel_size=(20.0, 12.0, 10.0), threshold=-120.0
    )
    geometry = load_image(settings)
    assert geometry.grid.shape == (40, 43, 40)
    assert geometry.grid.spacing == 10.0
    volume = geometry.bone_volume_fraction.sum() * 10.0**3
    assert volume == pytest.approx(4 / 3 * np.pi * 120**3, rel=0.03)
    center = ndimage.center_of_mass(geometry.bone_volume_fraction)
    where = np.array(geometry.grid.origin) + 10.0 * np.array(center)
    np.testing.assert_allclose(where, [9.5 * 20, 17.5 * 12, 19.5 * 10], atol=1.0)


def test_finer_than_the_image(slab: ImageSettings) -> None:
    geometry = load_image(replace(slab, resample=5.0))
    assert geometry.grid.shape == (48, 40, 32)
    assert geometry.bone_volume_fraction.mean() == pytest.approx(8 / 24, abs=0.01)


def test_loose_components(tmp_path: Path) -> None:
    values = np.zeros((24, 24, 24), np.uint8)
    values[:8] = 1
    values[12::4, ::4, ::4] = 1
    settings = save(tmp_path / "specks.npy", values)
    geometry = load_image(settings)
    loose = 3 * 6 * 6
    assert said(geometry, f"{loose + 1} bone components")
    assert said(geometry, f"{loose} voxels (2.29% of the bone)")
    assert warned(geometry, f"{loose} loose bone components")
    assert geometry.bone_volume_fraction[12, 12, 12] == 0
    kept = load_image(replace(settings, keep_largest=False))
    assert kept.bone_volume_fraction[12, 12, 12] > 0


def test_pockets(tmp_path: Path) -> None:
    values = np.zeros((24, 20, 16), np.uint8)
    values[4:20] = 1
    values[10:12, 8:10, 8:10] = 0
    settings = save(tmp_path / "pocket.npy", values)
    closed = load_image(settings)
    assert said(closed, "closed 1 marrow pockets")
    assert closed.bone_volume_fraction[11, 9, 9] == 1
    assert load_image(replace(settings, close_pockets=False)).bone_volume_fraction[11, 9, 9] < 1


def test_sealed_box(tmp_path: Path) -> None:
    values = np.ones((8, 8, 8), np.uint8)
    values[3:5, 3:5, 3:5] = 0
    with pytest.raises(InputError, match=r"geometry\.close_pockets"):
        load_image(save(tmp_path / "shell.npy", values))


def test_otsu_without_valley_warns(tmp_path: Path) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(24, 24, 24)), 2)
    settings = save(tmp_path / "noise.npy", noise)
    assert warned(load_image(settings), "geometry.threshold in the file's units")
    assert not warned(load_image(replace(settings, threshold=0.0)), "valley")


def test_thin_bone_warns(tmp_path: Path) -> None:
    values = np.zeros((24, 20, 16), bool)
    values[8:10] = True
    geometry = load_image(save(tmp_path / "thin.npy", values))
    assert warned(geometry, "2.0 voxels thick")


def test_settings_may_be_given_by_name(slab: ImageSettings) -> None:
    """In Python a path and settings by name do what all settings at once do."""
    mask = np.zeros((24, 20, 16), np.uint8)
    mask[4:20] = 1
    region = save(slab.file.with_name("mask.npy"), mask).file
    by_name = load_image(str(slab.file), voxel_size=10.0, threshold=100.0, region=str(region))
    at_once = load_image(replace(slab, voxel_size=10.0, threshold=100.0, region=region))
    np.testing.assert_array_equal(by_name.bone_volume_fraction, at_once.bone_volume_fraction)
    assert by_name.grid.shape == (16, 20, 16)
    assert repr(by_name) == "<Geometry: 16 x 20 x 16 voxels (z, y, x) of 10 um, BV/TV 0.5000>"


@pytest.mark.parametrize("threshold", [-1.0, 200.0])
def test_threshold_outside_the_values(slab: ImageSettings, threshold: float) -> None:
    with pytest.raises(InputError, match=r"geometry\.threshold.*0 to 200"):
        load_image(replace(slab, threshold=threshold))


def test_voxel_size_must_come_from_somewhere(slab: ImageSettings) -> None:
    with pytest.raises(InputError, match=r"geometry\.voxel_size"):
        load_image(replace(slab, voxel_size=None))
    with pytest.raises(InputError, match=r"geometry\.voxel_size = 0"):
        load_image(replace(slab, voxel_size=0.0))


def plate(file: Path, edge: float) -> Path:
    """A file with a plate of bone, and this edge of a voxel in its header."""
    values = np.zeros((24, 20, 16), np.uint8)
    values[8:16] = 1
    image = sitk.GetImageFromArray(values)
    image.SetSpacing((edge, edge, edge))
    sitk.WriteImage(image, str(file))
    return file


def test_voxel_size_of_the_run_file_wins(tmp_path: Path) -> None:
    settings = ImageSettings(plate(tmp_path / "a.mha", 0.01))
    assert load_image(settings).grid.spacing == 10.0
    close = load_image(replace(settings, voxel_size=10.05))
    assert close.grid.spacing == 10.05
    assert close.warnings == ()
    other = load_image(replace(settings, voxel_size=12.0))
    assert other.grid.spacing == 12.0
    assert warned(other, "the run file's is used")


def test_resample_must_fit(slab: ImageSettings) -> None:
    for value, words in ((0.0, "not a length"), (150.0, "at least two fit"), (0.01, "coarser")):
        with pytest.raises(InputError, match=rf"geometry\.resample.*{words}"):
            load_image(replace(slab, resample=value))


def test_voxels_coarser_than_bone_are_doubted(tmp_path: Path) -> None:
    """Numbers in um in a header without a unit read as mm."""
    settings = ImageSettings(plate(tmp_path / "a.mha", 10.0))
    assert warned(load_image(settings), "10000 x 10000 x 10000 um (z, y, x), coarser than any")
    assert not warned(load_image(replace(settings, voxel_size=10.0)), "coarser than any")


def test_settings_by_name_are_read_as_those_of_a_run_file(slab: ImageSettings) -> None:
    settings: dict[str, Any] = {"threshold": 100, "crop": np.array([[4, 20], [0, 10], [0, 10]])}
    found = load_image(slab.file, voxel_size="0.01 mm", resample=20, **settings)
    expected = replace(
        slab, threshold=100.0, crop=((4, 20), (0, 10), (0, 10)), voxel_size=10.0, resample=20.0
    )
    same = load_image(expected)
    assert found.grid == same.grid
    assert found.grid.spacing == 20
    np.testing.assert_array_equal(found.bone_volume_fraction, same.bone_volume_fraction)
    edges = load_image(slab.file, voxel_size=(20, "10 um", np.float32(10)), threshold=100)
    assert edges.grid == load_image(replace(slab, voxel_size=(20.0, 10.0, 10.0))).grid


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"threshold": "li"}, "geometry.threshold = 'li' must be a finite number or 'otsu'"),
        ({"voxel_size": "4 kg"}, "geometry.voxel_size = '4 kg' must be a length > 0, from 0.001"),
        ({"voxel_size": (4, 4)}, "geometry.voxel_size = (4, 4) must be a length > 0"),
        ({"crop": [[0, 5], [0, 5]]}, "geometry.crop = [[0, 5], [0, 5]] must be three ranges"),
        ({"smooth": True}, "geometry.smooth = True must be a length >= 0"),
        ({"region": 3}, "geometry.region = 3 must be the path of a mask image"),
        ({"treshold": 3}, "geometry.treshold: no such setting, did you mean threshold?"),
    ],
)
def test_a_wrong_setting_by_name_is_refused(
    settings: dict[str, Any], sentence: str, slab: ImageSettings
) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        load_image(slab.file, **settings)


def test_an_array_or_settings_given_twice_are_no_image(slab: ImageSettings) -> None:
    with pytest.raises(InputError, match=r"bone in an array is a tissue\.Geometry"):
        load_image(np.ones((8, 8, 8)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="threshold cannot be given beside ImageSettings"):
        load_image(slab, threshold=3)
