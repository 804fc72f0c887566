"""`tissue metrics` of an image measures what is there; numbers counted apart with numpy."""

import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from commands.conftest import Capture, refused

from tissue.cli import main
from tissue.commands.image_options import IMAGE_KEYS
from tissue.geometry.grid import Grid
from tissue.geometry.settings import ImageSettings
from tissue.storage.snapshot import write_snapshot

VOXEL = "--voxel-size=8 um"


def plates() -> np.ndarray:
    """Four plates of bone, 16 of 40 layers, with a closed pocket in one of them."""
    gray = np.full((40, 40, 40), 30, "u1")
    for z in range(4, 40, 9):
        gray[z : z + 4] = 200
    gray[5:7, 10:14, 10:14] = 30
    return gray


@pytest.fixture
def image(tmp_path: Path) -> str:
    np.save(tmp_path / "voi.npy", plates())
    return str(tmp_path / "voi.npy")


def table(capfd: Capture, *words: str) -> tuple[dict[str, float], str]:
    """The measures as `--csv` prints them, and what was said beside them."""
    assert main(["metrics", *words, "--csv"]) == 0
    out, err = capfd.readouterr()
    names, values = (line.split(",") for line in out.splitlines())
    return dict(zip(names, map(float, values), strict=True)), err


def test_every_piece_of_an_image_is_measured(capfd: Capture, image: str) -> None:
    found, said = table(capfd, image, "--threshold", "115", VOXEL)
    assert found["bv_tv"] == pytest.approx((plates() > 115).mean(), rel=1e-12)
    assert "read voi.npy: 40 x 40 x 40 voxels (z, y, x), uint8, values 30 to 200" in said
    assert "dropped" not in said
    # 1 - the Euler number, of a pocket: measured where a simulation would have closed it
    cleaned, said = table(capfd, image, "--threshold", "115", VOXEL, "--clean")
    assert "4 bone components (26-connected), dropped all but the largest" in said
    assert "closed 0 marrow pockets" in said
    assert cleaned["bv_tv"] == pytest.approx(0.1, rel=1e-12)


def test_black_and_white_voxels_have_no_density(capfd: Capture, image: str) -> None:
    without, _ = table(capfd, image, "--threshold", "115", VOXEL)
    assert not {"bmd", "bmc", "time_day"} & set(without)
    given, _ = table(capfd, image, "--threshold", "115", VOXEL, "--mineral-density", "1000")
    assert given["bmd"] == pytest.approx(1000 * (plates() > 115).mean())
    assert main(["metrics", image, "--threshold", "115", VOXEL]) == 0
    head = capfd.readouterr()[0].splitlines()[0]
    assert head.split() == ["measure", "value", "unit", "long", "name"]


def test_long_voxels_are_resampled_and_said(capfd: Capture, tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(plates()[::2])
    image.SetSpacing((0.008, 0.008, 0.016))
    sitk.WriteImage(image, str(tmp_path / "voi.nrrd"))
    found, said = table(capfd, str(tmp_path / "voi.nrrd"), "--threshold", "115")
    assert "interpolated gray values" in said
    assert found["bv_tv"] == pytest.approx((plates() > 115).mean(), rel=0.1)


def test_every_key_of_an_image_is_an_option(capfd: Capture, image: str, tmp_path: Path) -> None:
    settings = {field.name for field in fields(ImageSettings)} - {"file"}
    cleaning = {"keep_largest", "close_pockets"}
    assert set(IMAGE_KEYS) == settings - cleaning
    bone, given = plates() > 115, (image, "--threshold=115", VOXEL)
    found, said = table(capfd, *given, "--crop", "[[0, 17], [0, 40], [10, 40]]")
    assert found["bv_tv"] == pytest.approx(bone[:17, :, 10:].mean(), rel=1e-8)
    assert "cropped to voxels" in said
    found, _ = table(capfd, *given, "--resample", "16 um")
    assert found["bv_tv"] == pytest.approx(bone.mean(), rel=1e-8)
    marked = np.zeros(bone.shape, "u1")
    marked[:, :20] = 1
    np.save(tmp_path / "mask.npy", marked)
    found, _ = table(capfd, *given, "--region", str(tmp_path / "mask.npy"))
    # the box around what is marked
    assert found["bv_tv"] == pytest.approx(bone[:, :20].mean(), rel=1e-8)
    _, said = table(capfd, *given, "--smooth", "8 um")
    assert "smoothed gray values with a Gaussian of sigma 8 um" in said
    found, said = table(capfd, image, "--threshold=115", "--voxel-size", '["8 um", "8 um", "4 um"]')
    assert "interpolated gray values to" in said


def test_a_value_is_refused_as_in_a_run_file(capfd: Capture, image: str, tmp_path: Path) -> None:
    refusals = {
        "--voxel-size=8": "--voxel-size: '8' has no unit",
        "--resample=16": "--resample: '16' has no unit",
        "--threshold=": "--threshold = '' must be a finite number or 'otsu'",
        "--threshold=128 HU": "--threshold = '128 HU' must be a finite number or 'otsu'",
        "--crop=[[0, 4], [3, 2], [0, 4]]": "--crop: [3, 2] is not a range",
        "--crop=[[0, 9], [0, 9], [0, 41]]": "--crop = [[0, 9], [0, 9], [0, 41]] does not fit",
        "--smooth=-1 um": "--smooth = '-1 um' must be a length >= 0",
        "--region=gone.npy": "--region: there is no ",
    }
    for option, words in refusals.items():
        given = () if option.startswith("--voxel") else (VOXEL,)
        assert words in refused(capfd, "metrics", image, *given, option)
    solid = plates()
    solid[:, [0, -1]] = solid[:, :, [0, -1]] = solid[[0, -1]] = 200
    np.save(tmp_path / "shell.npy", solid)
    words = refused(capfd, "metrics", str(tmp_path / "shell.npy"), VOXEL, "--clean")
    assert "--clean leaves no marrow" in words
    assert "leave it out, or crop the shell away" in words
    (tmp_path / "run.toml").write_text("[run]\n")
    words = refused(capfd, "metrics", str(tmp_path / "run.toml"))
    assert "run.toml is a run file; give the folder of its run, or the image that it names" in words


def test_a_snapshot_is_known_by_its_content(capfd: Capture, tmp_path: Path) -> None:
    bone = (plates() > 115).astype(np.float32)
    made = write_snapshot(
        tmp_path,
        grid=Grid(bone.shape, 8.0),
        step=3,
        time=7.0,
        fields={"bone_volume_fraction": bone},
        provenance={},
    )
    renamed = tmp_path / "day7.h5"
    shutil.copy(made, renamed)
    one, _ = table(capfd, str(made))
    assert one == table(capfd, str(renamed))[0]
    assert one["time_day"] == 7
    assert one["bv_tv"] == pytest.approx(bone.mean())
    for flag in (["--threshold", "0.5"], [VOXEL], ["--clean"]):
        words = refused(capfd, "metrics", str(renamed), *flag)
        assert f"{flag[0].partition('=')[0]} is for an image, and" in words
        assert "is a snapshot; leave it out" in words


def test_messages_name_the_options_of_the_command(capfd: Capture, image: str) -> None:
    assert '--voxel-size "10 um"' in refused(capfd, "metrics", image)
    assert "--dataset: 'x' is given" in refused(capfd, "metrics", image, VOXEL, "--dataset", "x")
    assert "[geometry]" not in refused(capfd, "metrics", "missing.nrrd")
    words = refused(capfd, "metrics", image, VOXEL, "--mineral-density", "inf")
    assert "--mineral-density inf must be > 0 and finite" in words
