"""Slices of SkyScan scanners with the log of NRecon or CTAn beside them."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from geometry.formats.test_slices import opened, refusal, tiffs
from geometry.formats.tiff_made import volume
from PIL import Image as Picture

from tissue.geometry.image import Image

LOG = """[System]
Scanner=SkyScan1272
Camera Pixel Size (um)=9.0
[Acquisition]
Filename Prefix=femur
Number Of Files=  471
Number Of Rows=  896
Number Of Columns= 1075
Image Pixel Size (um)=19.797722
Scaled Image Pixel Size (um)=19.797722
[Reconstruction]
Reconstruction Program=NRecon
Program Version=Version: 2.0.0.5
First Section=27
Last Section=31
Section to Section Step=1
Sections Count=5
Result File Type=BMP
Result File Header Length (bytes)=1134
Result Image Width (pixels)=24
Result Image Height (pixels)=20
Pixel Size (um)=9.89886
Draw Scales=OFF
Minimum for CS to Image Conversion=-0.003000
Maximum for CS to Image Conversion=0.136673
HU Calibration=OFF
[File name convention]
Filename Index Length=8
Filename Prefix=femur_rec
"""
"""Lines as NRecon 2.0 writes them, cut down to those that are read and their like."""


def scan(folder: Path, log: str | None = LOG, name: str = "femur_rec.log") -> Path:
    """A folder of BMP slices as NRecon leaves it."""
    folder.mkdir()
    for number, page in enumerate(volume("u1"), start=27):
        Picture.fromarray(page).save(folder / f"femur_rec{number:08d}.bmp")
    Picture.fromarray(np.zeros((50, 30), "u1")).save(folder / "femur_rec_spr.bmp")
    for other in ("femur_rec.crv", "femur_rec.txt", "femur_rec_.csv"):
        (folder / other).write_bytes(b"\0\1")
    if log is not None:
        (folder / name).write_bytes(log.replace("\n", "\r\n").encode("latin-1"))
    return folder


def lines(image: Image) -> str:
    return "\n".join(image.inventory.lines())


def test_scan(tmp_path: Path) -> None:
    image = opened(scan(tmp_path / "scan"))
    assert image.spacing == (9.89886, 9.89886, 9.89886)
    assert image.inventory.spacing_unit == "um"
    np.testing.assert_array_equal(image.values, volume("u1"))
    reader = sitk.ImageSeriesReader()
    reader.SetOutputPixelType(sitk.sitkUInt8)
    reader.SetFileNames([str(file) for file in sorted((tmp_path / "scan").glob("*rec0*.bmp"))])
    np.testing.assert_array_equal(image.values, sitk.GetArrayFromImage(reader.Execute()))
    told = lines(image)
    assert "SkyScan folder of BMP slices with femur_rec.log" in told
    assert "5 of 5 slices used" in told
    assert "-0.003 to 0.136673 1/mm" in told
    for name in ("femur_rec_spr.bmp", "femur_rec.crv", "femur_rec.txt", "femur_rec_.csv"):
        assert name in image.inventory.ignored
    assert "femur_rec.log" not in image.inventory.ignored


def test_16_bits(tmp_path: Path) -> None:
    folder = tiffs(tmp_path / "scan", volume(), "femur_rec{:04d}.tif")
    (folder / "femur_rec.log").write_text(LOG)
    tiffs(folder, np.zeros((1, 40, 40), "u2"), "femur_rec_spr.tif")
    image = opened(folder)
    assert image.spacing == (9.89886, 9.89886, 9.89886)
    np.testing.assert_array_equal(image.values, volume())


@pytest.mark.parametrize(
    ("old", "new", "spacing"),
    [
        ("Pixel Size (um)=9.89886\n", "Pixel Size (um) = 9,89886\n", 9.89886),
        ("Pixel Size (um)=9.89886\n", "", 19.797722),  # the size in the scan is told
        ("Pixel Size (um)=9.89886\n", "Pixel Size (um)=0\n", 19.797722),
        ("Minimum for CS", "Mininum for CS", 9.89886),  # as NRecon 1.5 spells it
        ("Scanner=SkyScan1272", "Scanner=SkyScan 1076 µCT", 9.89886),
    ],
)
def test_other_logs(tmp_path: Path, old: str, new: str, spacing: float) -> None:
    image = opened(scan(tmp_path / "scan", LOG.replace(old, new)))
    assert image.spacing == (spacing, spacing, spacing)
    assert "1/mm" in lines(image)


def test_coarse_steps(tmp_path: Path) -> None:
    log = LOG.replace("Step=1", "Step=2").replace("Last Section=31", "Last Section=35")
    image = opened(scan(tmp_path / "scan", log))
    assert image.spacing == (2 * 9.89886, 9.89886, 9.89886)
    assert "one slice of every 2" in lines(image)


@pytest.mark.parametrize("name", ["femur~rec.log", "femur_rec_voi_.log", "femur_REC.LOG"])
def test_names_of_logs(tmp_path: Path, name: str) -> None:
    assert opened(scan(tmp_path / "scan", name=name)).spacing[0] == 9.89886


def test_without_log(tmp_path: Path) -> None:
    image = opened(scan(tmp_path / "scan", None))
    assert image.spacing == (None, None, None)
    (tmp_path / "scan" / "batman.log").write_text("[Process]\nkey=1\nno lines of a scan\n")
    assert opened(tmp_path / "scan").spacing == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("Sections Count=5", "Sections Count=9", ("5 slices", "states 9", "27 to 31")),
        ("Sections Count=5\n", "", ()),
        ("Sections Count=5", "Sections Count=4", ("5 slices", "states 4")),
        ("Width (pixels)=24", "Width (pixels)=48", ("24 x 20", "48 x 20")),
        ("Height (pixels)=20", "Height (pixels)=40", ("24 x 20", "24 x 40")),
        ("Pixel Size (um)=9.89886\n", "Pixel Size (um)=9\nPixel Size (um)=8\n", ("twice",)),
    ],
)
def test_logs_that_do_not_fit(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    folder = scan(tmp_path / "scan", LOG.replace(old, new, 1))
    if not words:
        assert opened(folder).spacing[0] == 9.89886
        return
    text = refusal(folder)
    for word in (*words, "femur_rec.log"):
        assert word in text


def test_missing_last_slices(tmp_path: Path) -> None:
    """No gap tells that the last slices were not copied; the log does."""
    for log in (LOG, LOG.replace("Sections Count=5\n", "")):
        folder = scan(tmp_path / f"scan{len(log)}", log)
        (folder / "femur_rec00000031.bmp").unlink()
        text = refusal(folder)
        assert "4 slices, femur_rec00000027.bmp to femur_rec00000030.bmp" in text
        assert "states 5" in text


def test_log_of_other_slices(tmp_path: Path) -> None:
    other = LOG.replace("=femur_rec", "=tibia_rec")
    # sizes and numbers agree: the slices were renamed
    image = opened(scan(tmp_path / "a", other, "tibia_rec.log"))
    assert "names slices tibia_rec*" in lines(image)
    less = other.replace("Sections Count=5\n", "").replace("First Section=27\n", "")
    assert "tibia_rec" in refusal(scan(tmp_path / "b", less, "tibia_rec.log"))


def test_several_logs(tmp_path: Path) -> None:
    folder = scan(tmp_path / "scan")
    (folder / "tibia_rec.log").write_text(LOG.replace("=femur_rec", "=tibia_rec"))
    assert opened(folder).spacing[0] == 9.89886
    (folder / "femur_rec_.log").write_text(LOG.replace("9.89886", "8"))
    text = refusal(folder)
    assert "femur_rec.log and femur_rec_.log" in text


def test_projections_are_no_slices(tmp_path: Path) -> None:
    """The folder of the scan itself holds X-ray images, and a log without a reconstruction."""
    folder = tiffs(tmp_path / "scan", volume(), "femur{:04d}.tif")
    (folder / "femur.log").write_text(LOG.partition("[Reconstruction]")[0])
    assert "projections" in refusal(folder)


def test_projections_beside_the_log_of_a_reconstruction(tmp_path: Path) -> None:
    """NRecon adds its lines to the log of the scan: what they tell is no size of projections."""
    log = LOG.partition("[File name")[0]
    log = log.replace("Rows=  896", "Rows=  20").replace("Columns= 1075", "Columns= 24")
    for name in ("femur{:04d}.tif", "femur_{:08d}.tif"):
        folder = tiffs(tmp_path / name[:6], volume(), name)
        (folder / "femur.log").write_text(log)
        assert "projections" in refusal(folder)
    folder = tiffs(tmp_path / "rec", volume(), "femur_rec{:04d}.tif")
    (folder / "femur.log").write_text(log)
    assert opened(folder).spacing[0] == 9.89886


def test_log_and_slices_disagree(tmp_path: Path) -> None:
    folder = tiffs(
        tmp_path / "scan",
        volume(),
        "femur_rec{:04d}.tif",
        imagej=True,
        resolution=(1 / 12, 1 / 12),
        metadata={"unit": "um", "axes": "YX"},
    )
    (folder / "femur_rec.log").write_text(LOG)
    text = refusal(folder)
    assert "12 um" in text
    assert "9.89886 um" in text


def test_what_else_a_log_tells(tmp_path: Path) -> None:
    log = LOG.replace("Draw Scales=OFF", "Draw Scales=ON").replace(
        "HU Calibration=OFF", "HU Calibration=ON"
    )
    told = lines(opened(scan(tmp_path / "scan", log)))
    assert "Draw Scales" in told
    assert "Hounsfield" in told


def test_encodings(tmp_path: Path) -> None:
    for number, data in enumerate(
        (LOG.encode("utf-16"), LOG.encode("utf-8-sig"), b"\xff" + LOG.encode())
    ):
        folder = scan(tmp_path / f"scan{number}", None)
        (folder / "femur_rec.log").write_bytes(data)
        assert opened(folder).spacing[0] == 9.89886
