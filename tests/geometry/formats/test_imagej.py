"""Stacks of ImageJ: voxel edges, place, axes and gray values as Fiji shows them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from geometry.formats.tiff_made import retagged, volume
from geometry.formats.volumes import check_crops, opened, refusal

from tissue.geometry.formats.tiff import read
from tissue.geometry.grid import Frame


def written(file: Path, values: np.ndarray, edge: float | None = 8.0, **metadata: Any) -> Path:
    """A stack as ImageJ writes it, with pixels of an edge in the unit of the metadata."""
    options: dict[str, Any] = {} if edge is None else {"resolution": (1 / edge, 1 / edge)}
    tifffile.imwrite(
        file,
        values,
        imagej=True,
        photometric="minisblack",
        metadata={"axes": "ZYX", **metadata},
        **options,
    )
    return file


def described(file: Path, values: np.ndarray, lines: str, **options: Any) -> Path:
    """A stack with a description that is written word for word."""
    tifffile.imwrite(
        file, values, description=f"ImageJ=1.54f\n{lines}", metadata=None, photometric="minisblack",
        **options,
    )  # fmt: skip
    return file


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("um", 1.0),
        ("micron", 1.0),
        ("\\u00B5m", 1.0),
        ("mm", 1e3),
        ("cm", 1e4),
        ("nm", 1e-3),
        ("inch", 25400.0),
    ],
)
def test_units(tmp_path: Path, unit: str, um: float) -> None:
    edge = 8.0 / um
    file = written(tmp_path / "a.tif", volume(), edge, unit=unit, spacing=2 * edge)
    image = opened(read, file)
    assert image.voxel_size is not None
    assert image.voxel_size == pytest.approx((16.0, 8.0, 8.0), rel=1e-6)
    assert image.inventory.spacing_unit == unit.replace("\\u00B5", "µ")
    np.testing.assert_array_equal(image.values, volume())


def test_units_that_differ(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.tif", volume(), 8.0, unit="um", yunit="nm", zunit="mm", spacing=0.016
    )
    assert opened(read, file).spacing == (16.0, 0.008, 8.0)


def test_edges_nobody_wrote(tmp_path: Path) -> None:
    cases: list[tuple[float | None, dict[str, Any], Any]] = [
        (8.0, {"unit": "um"}, (None, 8.0, 8.0)),  # ImageJ leaves a depth of 1 away
        (None, {"unit": "um", "spacing": 16.0}, (16.0, None, None)),
        (1.0, {"unit": "um", "spacing": 1.0}, (1.0, 1.0, 1.0)),
        (8.0, {"spacing": 16.0}, (None, None, None)),
        (8.0, {"spacing": 16.0, "unit": "pixel"}, (None, None, None)),
        (8.0, {"spacing": 0.0, "unit": "um"}, (None, 8.0, 8.0)),
        (8.0, {"spacing": "nan", "unit": "um"}, (None, 8.0, 8.0)),
        (8.0, {"spacing": -16.0, "unit": "um"}, (16.0, 8.0, 8.0)),
    ]
    for number, (edge, metadata, spacing) in enumerate(cases):
        image = opened(read, written(tmp_path / f"{number}.tif", volume(), edge, **metadata))
        assert image.spacing == spacing, metadata
    image = opened(read, written(tmp_path / "b.tif", volume(), 8.0, unit="parsec", spacing=1.5))
    assert image.spacing == (None, None, None)
    assert any("parsec" in sentence for sentence in image.inventory.assumed)


def test_centimeters_and_micrometers(tmp_path: Path) -> None:
    """Pixels a cm in the tags and um in the description, as ImageJ sorts it out."""
    lines = "images=5\nslices=5\nunit=um\nspacing=16.0\n"
    file = described(
        tmp_path / "a.tif", volume(), lines, resolution=(1250, 1250), resolutionunit="CENTIMETER"
    )
    assert opened(read, file).spacing == (16.0, 8.0, 8.0)


def test_printing_resolution_is_no_edge(tmp_path: Path) -> None:
    lines = "images=5\nslices=5\nunit=um\nspacing=16.0\n"
    file = described(
        tmp_path / "a.tif", volume(), lines, resolution=(72, 72), resolutionunit="INCH"
    )
    assert opened(read, file).spacing == (16.0, None, None)
    file = tmp_path / "b.tif"
    tifffile.imwrite(file, volume(), resolution=(3000, 3000), resolutionunit="CENTIMETER")
    assert opened(read, file).spacing == (None, None, None)


def test_place(tmp_path: Path) -> None:
    """ImageJ counts the origin in voxels from the first one: that lies at its negative."""
    keys = {"unit": "um", "spacing": 16.0}
    file = written(tmp_path / "a.tif", volume(), 8.0, xorigin=-10, yorigin=2.5, **keys)
    image = opened(read, file)
    assert image.frame == Frame((0.0, -20.0, 80.0))
    assert any("directions" in sentence for sentence in image.inventory.assumed)
    assert opened(read, written(tmp_path / "b.tif", volume(), 8.0, **keys)).frame is None
    upwards = written(tmp_path / "c.tif", volume(), 8.0, xorigin=-10, inverty="true", **keys)
    image = opened(read, upwards)
    assert image.frame is None
    assert any("upwards" in sentence for sentence in image.inventory.assumed)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_calibration(tmp_path: Path, dtype: str) -> None:
    file = written(tmp_path / "a.tif", volume(dtype), cf=0, c0=-391.2, c1=0.1957, vunit="mg HA/ccm")
    image = opened(read, file)
    density = -391.2 + 0.1957 * volume(dtype).astype(float)
    np.testing.assert_allclose(image.values, density, rtol=1e-6, atol=1e-3)
    assert image.dtype == image.values.dtype == np.float32
    assert image.unit == "mg HA/ccm"
    assert image.inventory.calibration == "0.1957 * stored - 391.2"
    assert not image.labels
    check_crops(image)


def test_signed_numbers(tmp_path: Path) -> None:
    """ImageJ keeps signed numbers as unsigned ones with c0 = -32768."""
    signed = volume("i2")
    stored = (signed.astype("i4") + 32768).astype("u2")
    keys: dict[str, Any] = {"cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "Gray Value"}
    image = opened(read, written(tmp_path / "a.tif", stored, **keys))
    np.testing.assert_array_equal(image.values, signed)
    assert image.unit == ""
    # where the file itself stores signed numbers, ImageJ adds 32768 before it calibrates
    lines = "images=5\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    image = opened(read, described(tmp_path / "b.tif", signed, lines))
    np.testing.assert_array_equal(image.values, signed)
    image = opened(read, described(tmp_path / "c.tif", signed, "images=5\n"))
    np.testing.assert_array_equal(image.values, signed)


def test_labels_are_left_as_they_are(tmp_path: Path) -> None:
    mask = np.where(volume() > 30000, 255, 0).astype("u1")
    mask[0] = 0
    image = opened(read, written(tmp_path / "a.tif", mask, cf=0, c0=-5.0, c1=2.0, vunit="mg"))
    assert image.labels
    assert image.dtype == np.uint8
    assert image.unit == ""
    np.testing.assert_array_equal(image.values, mask)


def test_floats_are_not_calibrated(tmp_path: Path) -> None:
    """ImageJ calibrates integers of 8 and 16 bits alone."""
    file = written(tmp_path / "a.tif", volume("f4"), cf=0, c0=-5.0, c1=2.0, vunit="mg")
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, volume("f4"))
    assert image.unit == "mg"


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"cf": 4, "c0": 1.0, "c1": 2.0, "vunit": "mg"}, "function 4"),
        ({"cf": 21, "vunit": "OD"}, "function 21"),
        ({"cf": 0, "c0": 1.0, "vunit": "mg"}, "without a line"),
        ({"cf": 0, "c0": 1.0, "c1": 0.0, "vunit": "mg"}, "without a line"),
        ({"cf": 0, "c0": 1.0, "c1": "nan", "vunit": "mg"}, "without a line"),
        ({"cf": 0, "c0": 1.0, "c1": 2.0}, "vunit"),
        ({"cf": 0, "c0": 1.0, "c1": 2.0, "vunit": "mg", "zeroclip": "true"}, "clips"),
    ],
)
def test_calibrations_that_are_refused(tmp_path: Path, keys: dict[str, Any], word: str) -> None:
    lines = "images=5\n" + "".join(f"{key}={value}\n" for key, value in keys.items())
    assert word in refusal(read, described(tmp_path / "a.tif", volume(), lines))


def test_no_function(tmp_path: Path) -> None:
    lines = "images=5\ncf=20\nvunit=Gray Value\n"
    image = opened(read, described(tmp_path / "a.tif", volume(), lines))
    np.testing.assert_array_equal(image.values, volume())


def test_inverting_table(tmp_path: Path) -> None:
    """Fiji's masks may be stored with bone as 255 that is shown black."""
    file = tmp_path / "a.tif"
    tifffile.imwrite(
        file, volume("u1"), imagej=True, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    assert "Invert LUT" in refusal(read, retagged(file, t262=0))


def test_one_directory_for_all_slices(tmp_path: Path) -> None:
    """Above 4 GB ImageJ writes one directory, and the slices one after the other."""
    values = volume()
    file = described(tmp_path / "a.tif", values[0], "images=5\nslices=5\nunit=um\nspacing=8.0\n")
    with tifffile.TiffFile(file) as tiff:
        start = tiff.pages[0].dataoffsets[0]
    data = file.read_bytes()
    assert start + values[0].nbytes >= len(data) - 1
    file.write_bytes(data[: start + values[0].nbytes] + values[1:].tobytes())
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, values)
    np.testing.assert_array_equal(image.values, tifffile.imread(file))
    check_crops(image)
    file.write_bytes(file.read_bytes()[:-2])
    assert "5 slices end at byte" in refusal(read, file)


def test_above_4_gigabytes(tmp_path: Path) -> None:
    """The last slices of a file of 5 GB, which takes no room on the disk but for them."""
    count, size = 5000, 1000
    page = np.zeros((size, size), "u1")
    file = described(tmp_path / "a.tif", page, f"images={count}\nslices={count}\n")
    with tifffile.TiffFile(file) as tiff:
        start = tiff.pages[0].dataoffsets[0]
    last = volume("u1")[0]
    with file.open("r+b") as stream:
        stream.truncate(start + count * size * size)
        for row, numbers in enumerate(last):
            stream.seek(start + (count - 1) * size * size + (size - 20 + row) * size + size - 24)
            stream.write(numbers.tobytes())
    assert file.stat().st_blocks * 512 < 100e6
    image = opened(read, file)
    assert image.shape == (count, size, size)
    crop = image.voxels((slice(count - 2, count), slice(size - 20, size), slice(size - 24, size)))
    np.testing.assert_array_equal(crop, [np.zeros_like(last), last])


def test_axes(tmp_path: Path) -> None:
    values = np.resize(volume(), (2, 3, 2, 20, 24))
    tifffile.imwrite(tmp_path / "a.tif", values, imagej=True, metadata={"axes": "TZCYX"})
    assert "TZCYX" in refusal(read, tmp_path / "a.tif")
    lines = "images=5\nframes=5\n"
    assert "TYX" in refusal(read, described(tmp_path / "b.tif", volume(), lines))
    lines = "images=5\nslices=4\n"
    assert "5 images as 4 slices" in refusal(read, described(tmp_path / "c.tif", volume(), lines))
    lines = "images=4\nslices=4\n"
    assert "holds 5 pages" in refusal(read, described(tmp_path / "d.tif", volume(), lines))
    image = opened(read, described(tmp_path / "e.tif", volume(), "unit=um\n"))
    assert image.shape == volume().shape


def test_scifio(tmp_path: Path) -> None:
    """Fiji's newer writer names axes as ImageJ does."""
    for number, (line, right) in enumerate([("slices=5", True), ("channels=5", False)]):
        file = tmp_path / f"{number}.tif"
        tifffile.imwrite(
            file,
            volume(),
            description=f"SCIFIO=0.42\nimages=5\n{line}\nunit=um\nspacing=16\n",
            metadata=None,
            photometric="minisblack",
        )
        if right:
            assert opened(read, file).spacing == (None, None, None)
        else:
            assert "CYX" in refusal(read, file)


def test_latin_1(tmp_path: Path) -> None:
    """The micro sign in one byte, as programs of Windows write it."""
    file = described(tmp_path / "a.tif", volume(), "images=5\nunit=@@m\nspacing=16.0\n")
    file.write_bytes(file.read_bytes().replace(b"@@m", b"\xb5m\n"))
    assert opened(read, file).spacing[0] == 16.0
