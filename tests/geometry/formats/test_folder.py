"""Folders: their volume is recognized, and other entries are ignored."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
import tifffile
from geometry.formats.test_ome import a_set
from geometry.formats.test_slices import opened, refusal, tiffs
from geometry.formats.tiff_made import volume


def test_other_files_are_named(tmp_path: Path) -> None:
    place = tiffs(tmp_path / "scan", volume())
    for name in ("._rec0000.tif", ".DS_Store", "Thumbs.db", "notes.txt", "table.csv"):
        (place / name).write_bytes(b"\0\5\x16\7")
    tifffile.imwrite(place / "overview.tif", np.zeros((5, 5), "u1"))
    (place / "raw").mkdir()
    image = opened(place)
    np.testing.assert_array_equal(image.values, volume())
    assert set(image.inventory.ignored) == {
        *("._rec0000.tif", ".DS_Store", "Thumbs.db", "notes.txt", "table.csv"),
        *("overview.tif", "folder raw"),
    }


def test_choice_of_a_stack(tmp_path: Path) -> None:
    place = tiffs(tmp_path / "scan", volume(), "femur_rec{:04d}.tif")
    tiffs(place, volume("u1"), "tibia_rec{:04d}.tif")
    for series in ("tibia_rec*", "tibia_rec", "Tibia_rec"):
        image = opened(place, series)
        np.testing.assert_array_equal(image.values, volume("u1"))
        assert len(image.inventory.ignored) == 5
    text = refusal(place, "radius")
    assert "geometry.series = 'radius'" in text
    assert "femur_rec*" in text


def test_folders_without_a_stack(tmp_path: Path) -> None:
    place = tmp_path / "scan"
    place.mkdir()
    assert "nothing" in refusal(place)
    (place / "inside").mkdir()
    (place / "notes.txt").write_text("x")
    text = refusal(place)
    assert "notes.txt" in text
    assert "folder inside" in text
    tiffs(place, volume()[:1])
    assert "one image file (rec0000.tif)" in refusal(place)
    tiffs(place, volume()[:2], "rec_-{:03d}.tif")
    (place / "rec0000.tif").unlink()
    assert "minus" in refusal(place)


def test_set_of_ome(tmp_path: Path) -> None:
    files = a_set(tmp_path / "scan")
    image = opened(tmp_path / "scan")
    np.testing.assert_array_equal(image.values, volume())
    assert image.spacing == (16.0, 8.0, 8.0)
    assert image.file == tmp_path / "scan"
    tiffs(tmp_path / "scan", volume()[:1], "other{}.tif")
    text = refusal(tmp_path / "scan")
    assert "only 5 of the 6 pictures" in text
    assert "other0.tif" in text
    (tmp_path / "scan" / "other0.tif").unlink()
    files[2].unlink()
    assert files[2].name in refusal(tmp_path / "scan")


def test_nothing_foreign_is_opened(tmp_path: Path) -> None:
    place = tiffs(tmp_path / "scan", volume())
    elsewhere = (place / "rec0002.tif").rename(tmp_path / "elsewhere.tif")
    (place / "rec0002.tif").symlink_to(elsewhere)
    assert "rec0002.tif" in refusal(place)
    elsewhere.rename(tmp_path / "gone")
    text = refusal(place)
    assert "rec0002.tif" in text
    assert "not there" in text
    (tmp_path / "gone").rename(place / "within")
    (place / "rec0002.tif").unlink()
    (place / "rec0002.tif").symlink_to("within")
    (place / "within").rename(place / ".within")
    (place / "rec0002.tif").unlink()
    (place / "rec0002.tif").symlink_to(".within")
    np.testing.assert_array_equal(opened(place).values, volume())


def test_beside_dicom(tmp_path: Path) -> None:
    """A few pictures beside a DICOM series are overviews; a stack is another scan."""
    place = tmp_path / "scan"
    place.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number, page in enumerate(np.resize(volume("i2"), (12, 20, 24))):
        image = sitk.GetImageFromArray(page)
        for key, value in {
            "0008|0060": "CT",
            "0020|000e": "1.2.3",
            "0008|0018": f"1.2.3.{number}",
            "0020|0013": str(number),
            "0020|0032": f"0\\0\\{0.008 * number:.6f}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0028|0030": "0.008\\0.008",
        }.items():
            image.SetMetaData(key, value)
        writer.SetFileName(str(place / f"i{number:04d}.dcm"))
        writer.Execute(image)
    tifffile.imwrite(place / "overview.tif", np.zeros((5, 5), "u1"))
    image = opened(place)
    np.testing.assert_array_equal(image.values, np.resize(volume("i2"), (12, 20, 24)))
    assert "overview.tif" in image.inventory.ignored
    tiffs(place, volume())
    text = refusal(place)
    assert "12 DICOM files" in text
    assert "6 pictures" in text
