"""The picture of a segmentation shows the bone where it lies on the scan."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.measure import label

from tissue.analysis.overlay import segmentation_figure, write_segmentation
from tissue.cli import main
from tissue.geometry.journal import Journal
from tissue.geometry.preparation import cleaned
from tissue.geometry.segment import Segmentation, segment
from tissue.geometry.settings import ImageSettings


def scan(folder: Path, name: str = "scan.npy", shape: tuple[int, ...] = (24, 28, 32)) -> Path:
    """A block of bone with a pocket in it, and a loose piece."""
    gray = np.full(shape, 30, np.uint8)
    gray[:, 4:20, 4:20] = 200
    gray[10:14, 10:14, 10:14] = 30
    gray[:, 24:26, 24:30] = 200
    np.save(folder / name, gray)
    return folder / name


def segmented(file: Path, **keys: object) -> Segmentation:
    settings = ImageSettings(file, **{"threshold": 115.0, "voxel_size": 10.0, **keys})  # type: ignore[arg-type]
    return segment(settings, Journal())


def test_outline_and_fills_lie_on_the_scan(tmp_path: Path) -> None:
    found = segmented(scan(tmp_path), crop=((0, 24), (2, 28), (3, 32)))
    figure = segmentation_figure(found, cleaned(found.bone, True, True, Journal()))
    across_z, across_y, across_x, histogram = figure.axes
    assert [each.get_title() for each in (across_z, across_y, across_x)] == [
        "plane z = 12 of the scan",
        "plane y = 15 of the scan",
        "plane x = 17 of the scan",
    ]
    # in mm from the first voxel of the file: the crop starts at y 2, x 3
    assert across_z.get_xlim() == pytest.approx((0.03, 0.32))
    assert across_z.get_ylim() == pytest.approx((0.28, 0.02))
    lines = [line for each in across_z.collections for line in each.get_paths()]
    corners = np.concatenate([line.vertices for line in lines])
    assert corners.min(axis=0) == pytest.approx([0.04, 0.04], abs=0.006)
    assert corners.max(axis=0) == pytest.approx([0.30, 0.26], abs=0.006)
    gray, dropped, closed = (np.asarray(each.get_array()) for each in across_z.images)
    assert gray.shape == (26, 29)
    assert (dropped[..., 3] > 0).sum() == 2 * 6
    assert (closed[..., 3] > 0).sum() == 4 * 4
    assert histogram.get_title() == "threshold 115"
    share = (np.load(tmp_path / "scan.npy")[:, 2:, 3:] > 115).mean()
    assert f"BV/TV {share:.3f}" in str(figure.get_suptitle())


def test_finer_voxels_are_drawn_in_their_place(tmp_path: Path) -> None:
    found = segmented(scan(tmp_path), voxel_size=(20.0, 10.0, 10.0), resample=8.0)
    assert found.bone.shape != found.gray.shape
    panel = segmentation_figure(found, found.bone).axes[1]
    corners = np.concatenate([line.vertices for line in panel.collections[0].get_paths()])
    assert corners[:, 0].min() == pytest.approx(0.04, abs=0.01)
    assert corners[:, 0].max() == pytest.approx(0.20, abs=0.01)
    assert panel.get_ylim() == pytest.approx((0, 0.48))


def test_what_is_left_out_is_shaded(tmp_path: Path) -> None:
    region = np.zeros((24, 28, 32), np.uint8)
    region[2:22, 2:26, 2:16] = 1
    region[:, 2:5, 2:5] = 0
    np.save(tmp_path / "roi.npy", region)
    found = segmented(scan(tmp_path), region=tmp_path / "roi.npy")
    figure = segmentation_figure(found, found.bone)
    shaded = np.asarray(figure.axes[0].images[-1].get_array())
    assert (shaded[..., 3] > 0).sum() == 9


def test_large_planes_are_thinned_out(tmp_path: Path) -> None:
    found = segmented(scan(tmp_path, shape=(4, 40, 2600)))
    figure = segmentation_figure(found, found.bone)
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (40, 867)
    assert figure.axes[0].get_xlim() == pytest.approx((0, 26))


def test_the_command_draws_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan(tmp_path, "cost_$5_of_$6.npy")
    run = tmp_path / "run.toml"
    run.write_text(
        '[run]\nduration = "1 day"\n[geometry]\nfile = "cost_$5_of_$6.npy"\nvoxel_size = "10 um"\n'
    )
    picture = tmp_path / "scan.png"
    assert main(["check", str(run), "--picture", str(picture)]) == 0
    assert f"picture: {picture}" in capfd.readouterr()[0]
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    orange = (pixels[..., 0] > 180) & (pixels[..., 2] < 80)
    assert label(orange).max() >= 5, "outlines in three planes, the threshold and the legend"
    for words, reason in (
        ([str(run), "--picture", str(tmp_path / "no" / "a.png")], "does not exist"),
        ([str(run), "--picture", str(tmp_path / "a.jpg")], "the picture is a PNG"),
        (["healthy", "--set", "geometry.synthetic.shape=[16,16,16]"], "does not go with"),
    ):
        assert main(["check", *words]) == 2
        assert reason in capfd.readouterr()[1]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    found = segmented(scan(tmp_path))
    with pytest.raises(OSError, match="gone"):
        write_segmentation(found, found.bone, tmp_path / "gone" / "a.png")


def test_an_interpolated_volume_is_drawn_in_the_plane_of_the_scan(tmp_path: Path) -> None:
    gray = np.full((20, 20, 20), 30, np.uint8)
    gray[10:] = 200
    gray[:, 2:5, 2:5] = 200  # bone on both sides of the plane
    np.save(tmp_path / "half.npy", gray)
    found = segmented(tmp_path / "half.npy", resample=23.0)  # 184 of 200 um make whole voxels
    figure = segmentation_figure(found, np.ones_like(found.bone))
    assert figure.axes[0].get_title() == "plane z = 10 of the scan"
    # bone fills plane 10: nothing in it is marrow that was filled
    assert len(figure.axes[0].images) == 1
