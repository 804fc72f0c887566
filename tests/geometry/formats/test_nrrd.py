"""NRRD: voxels, units, place and axes, against SimpleITK."""

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.nrrd_made import MM, PLACED, VECTORS, header, written
from geometry.formats.volumes import (
    EDGES,
    SHAPE,
    TYPES,
    by_itk,
    check_crops,
    check_same,
    gray,
    opened,
    peak_memory,
    refusal,
    written_by_itk,
)
from storage.places import DIRECTIONS

from tissue.geometry.formats.nrrd import read
from tissue.geometry.grid import UPRIGHT, Frame


@pytest.mark.parametrize("name", ["a.nrrd", "a_packed.nrrd", "a.nhdr"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_place_of_itk(tmp_path: Path, direction: str, name: str) -> None:
    written_by_itk(tmp_path / name, gray(), direction)
    image = opened(read, tmp_path / name)
    check_same(image, by_itk(tmp_path / name))
    check_crops(image)
    np.testing.assert_allclose(np.array(image.voxel_size), EDGES, rtol=1e-12)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bz2", "ascii", "hex"])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", [*TYPES, "i8", "u8"])
def test_types(tmp_path: Path, dtype: str, order: str, encoding: str) -> None:
    values = gray(dtype)
    stored = values.astype(f"{'<' if order == 'little' else '>'}{dtype}").tobytes()
    data = {
        "raw": stored,
        "gzip": gzip.compress(stored),
        "bz2": bz2.compress(stored),
        "ascii": " ".join(str(value) for value in values.ravel().tolist()).encode(),
        "hex": b"\n".join(stored.hex().encode()[at : at + 30] for at in range(0, 99999, 30)),
    }[encoding]
    lines = header(PLACED, encoding, dtype).replace(b"little", order.encode())
    file = tmp_path / "a.nrrd"
    file.write_bytes(lines + b"\n" + data)
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == np.dtype(dtype)
    check_crops(image)
    if encoding != "bz2":  # which SimpleITK does not read
        check_same(image, by_itk(file))


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("um", 1e3),
        ("µm", 1e3),
        ("microns", 1e3),
        ("mm", 1.0),
        ("cm", 0.1),
        ("m", 1e-3),
        ("nm", 1e6),
    ],
)
@pytest.mark.parametrize("field", ["space units", "units"])
@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_units(tmp_path: Path, unit: str, scale: float, field: str, coding: str) -> None:
    edges = [0.008 * scale, 0.01 * scale, 0.0125 * scale]
    units = f'{field}: "{unit}" "{unit}" "{unit}"\n'
    if field == "units":
        lines = f"spacings: {edges[0]} {edges[1]} {edges[2]}\n{units}"
    else:
        vectors = f"({edges[0]},0,0) (0,{edges[1]},0) (0,0,{edges[2]})"
        lines = f"space: LPS\nspace directions: {vectors}\n{units}space origin: ({scale},0,0)\n"
    file = tmp_path / "a.nrrd"
    file.write_bytes(header().replace(b"\n", b"\r\n") + lines.encode(coding) + b"\r\n")
    file.write_bytes(file.read_bytes() + gray().astype("<i2").tobytes())
    image = opened(read, file)
    assert image.voxel_size == pytest.approx(EDGES)
    assert image.inventory.spacing_unit == unit
    assert image.inventory.assumed == ()
    np.testing.assert_array_equal(image.values, gray())
    if field == "space units":
        assert image.frame is not None
        assert image.frame.origin == pytest.approx((0, 0, 1000))


def test_unit_of_each_axis(tmp_path: Path) -> None:
    lines = 'spacings: 0.008 10 0.0125\nunits: "mm" "um" "mm"\n'
    assert opened(read, written(tmp_path / "a.nrrd", lines)).voxel_size == EDGES
    lines = f'space: LPS\nspace directions: {VECTORS}\nspace units: "um" "mm" "m"\n'
    assert opened(read, written(tmp_path / "a.nrrd", lines)).voxel_size == (12500.0, 10.0, 0.008)


@pytest.mark.parametrize("unit", ["parsec", "pixel"])
def test_unknown_unit_is_named(tmp_path: Path, unit: str) -> None:
    lines = f'spacings: 1 1 1\nunits: "{unit}" "{unit}" "{unit}"\n'
    assert unit in refusal(read, written(tmp_path / "a.nrrd", lines))


def test_unit_of_some_axes_is_refused(tmp_path: Path) -> None:
    lines = 'spacings: 8 8 16\nunits: "um" "" "um"\n'
    assert "some of its axes" in refusal(read, written(tmp_path / "a.nrrd", lines))


def test_name_does_not_change_the_unit(tmp_path: Path) -> None:
    lines = 'spacings: 8 10 12.5\nunits: "um" "um" "um"\n'
    for name in ("bone.nrrd", "bone.nii.nrrd", "x.nii.gz_crop.nrrd"):
        assert opened(read, written(tmp_path / name, lines)).voxel_size == EDGES


@pytest.mark.parametrize(
    "lines",
    [PLACED, "spacings: 0.008 0.01 0.0125\n", "spacings: 0.008 0.01 0.0125\nunits: " + 3 * '"" '],
)
def test_millimeters_are_assumed_and_said(tmp_path: Path, lines: str) -> None:
    image = opened(read, written(tmp_path / "a.nrrd", lines.rstrip() + "\n"))
    assert image.voxel_size == EDGES
    assert "NRRD: no unit of length is written; mm is assumed" in image.inventory.assumed


def test_spacing_that_nobody_wrote(tmp_path: Path) -> None:
    image = opened(read, written(tmp_path / "a.nrrd", "spacings: nan nan 0.016\n"))
    assert image.spacing == (16.0, None, None)
    assert opened(read, written(tmp_path / "a.nrrd")).spacing == (None, None, None)
    image = opened(read, written(tmp_path / "a.nrrd", "spacings: 0.016 0 1\n"))
    assert image.spacing == (None, None, 16.0)
    lines = "space: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n"
    image = opened(read, written(tmp_path / "a.nrrd", lines))
    assert image.spacing == (None, None, None)
    assert image.frame is None
    image = opened(read, written(tmp_path / "a.nrrd", lines + MM))
    assert image.voxel_size == (1000.0, 1000.0, 1000.0)
    assert image.frame == Frame()


def test_place_that_nobody_wrote(tmp_path: Path) -> None:
    lines = f"space: LPS\nspace directions: {VECTORS}\n"
    assert opened(read, written(tmp_path / "a.nrrd", lines)).frame is None
    nowhere = f"{lines}space origin: (nan,nan,nan)\n"
    assert opened(read, written(tmp_path / "a.nrrd", nowhere)).frame is None
    somewhere = f"{lines}space origin: (0,0,0)\n"
    assert opened(read, written(tmp_path / "a.nrrd", somewhere)).frame == Frame()


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("LPS", (1, 1, 1)),
        ("right-anterior-superior", (1, -1, -1)),
        ("RAS", (1, -1, -1)),
        ("left-anterior-superior", (1, -1, 1)),
        ("las", (1, -1, 1)),
        ("scanner-xyz", (1, 1, 1)),
        ("3D-right-handed", (1, 1, 1)),
    ],
)
def test_spaces(tmp_path: Path, space: str, signs: tuple[int, int, int]) -> None:
    file = written(tmp_path / "a.nrrd", PLACED.replace("left-posterior-superior", space))
    image = opened(read, file)
    check_same(image, by_itk(file))
    assert image.frame is not None
    assert image.frame.origin == tuple(
        1000.0 * s * at for s, at in zip(signs, (3, 2, 1), strict=True)
    )
    said = any("taken as LPS" in line for line in image.inventory.assumed)
    assert said == space.startswith(("scanner", "3D"))


def test_space_without_a_name(tmp_path: Path) -> None:
    lines = PLACED.replace("space: left-posterior-superior", "space dimension: 3")
    image = opened(read, written(tmp_path / "a.nrrd", lines + MM))
    assert image.frame == Frame((3000.0, 2000.0, 1000.0), UPRIGHT)
    assert image.inventory.assumed == ("NRRD: the axes of its space (not named) are taken as LPS",)


def test_axes_stay_as_stored(tmp_path: Path) -> None:
    lines = PLACED.replace(VECTORS, "(0,0,-0.008) (0.01,0,0) (0,0.0125,0)")
    file = written(tmp_path / "a.nrrd", lines)
    image = opened(read, file)
    assert image.voxel_size == EDGES
    assert image.frame is not None
    # space z along -x of the array, space y along z, space x along y
    assert image.frame.direction == ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    check_same(image, by_itk(file))


def test_sheared_axes_are_refused(tmp_path: Path) -> None:
    lines = PLACED.replace("(0,0.01,0)", "(0.0005,0.01,0)")
    assert "not orthogonal: x and y meet at 87.14 degrees" in refusal(
        read, written(tmp_path / "a.nrrd", lines)
    )


def test_two_edges_are_refused(tmp_path: Path) -> None:
    lines = PLACED + "spacings: 0.008 0.01 0.02\n"
    assert "z edge of a voxel, 20 um (spacings) and 12.5 um" in refusal(
        read, written(tmp_path / "a.nrrd", lines)
    )


@pytest.mark.parametrize(
    ("sizes", "lines"),
    [
        ("8 7 6 1", "kinds: domain domain domain list\n"),
        ("1 8 7 6", "kinds: vector domain domain domain\n"),
        (
            "8 7 6 1",
            "space: LPST\nspace directions: (0.008,0,0,0) (0,0.01,0,0) (0,0,0.0125,0) (0,0,0,1)\n",
        ),
        ("1 8 7 6", f"space: LPS\nspace directions: none {VECTORS}\n"),
        ("8 7 6 1", "spacings: 0.008 0.01 0.0125 nan\n"),
        ("8 7 1 6", "spacings: 0.008 0.01 nan 0.0125\n"),
    ],
)
def test_single_entries_are_dropped(tmp_path: Path, sizes: str, lines: str) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(header(lines, sizes=sizes) + b"\n" + gray().astype("<i2").tobytes())
    image = opened(read, file)
    np.testing.assert_array_equal(image.values, gray())
    assert image.voxel_size in (EDGES, None)
    assert (image.voxel_size is None) == ("kinds" in lines)


@pytest.mark.parametrize(
    ("sizes", "lines", "letters"),
    [
        ("8 7 6 2", "kinds: domain domain domain list\n", "LZYX"),
        ("3 8 7 6", "kinds: RGB-color domain domain domain\n", "ZYXC"),
        ("8 7 6", "kinds: domain domain time\n", "TYX"),
        ("8 7 6", 'labels: "x" "y" "time"\n', "TYX"),
        ("8 7 6 2", "", "?ZYX"),
        ("3 8 7 6", f"space: LPS\nspace directions: none {VECTORS}\n", "ZYX?"),
        ("8 7", "", "YX"),
    ],
)
def test_other_axes_are_refused(tmp_path: Path, sizes: str, lines: str, letters: str) -> None:
    file = tmp_path / "a.nrrd"
    count = int(np.prod([int(size) for size in sizes.split()]))
    file.write_bytes(header(lines, sizes=sizes) + b"\n" + bytes(2 * count))
    assert f"has the axes {letters}" in refusal(read, file)


def test_comments_and_pairs(tmp_path: Path) -> None:
    lines = (
        "# sizes: 1 1 1\ncontent: bone: a sample\nkey:=sizes: 9 9 9\ncenterings: node cell ???\n"
        "thicknesses: nan nan 0.02\nsample units: mg HA/cm3\nold min: 0\n"
    )
    image = opened(read, written(tmp_path / "a.nrrd", lines))
    assert image.shape == SHAPE
    assert image.unit == "mg HA/cm3"
    assert image.inventory.ignored == ("old min (before the numbers were quantized)",)
    assert not image.labels
    assert opened(read, written(tmp_path / "a.nrrd", "Segment0_ID:=Segment_1\n")).labels


def test_crop_of_a_large_file_reads_little(tmp_path: Path) -> None:
    file = tmp_path / "a.nrrd"
    lines = header("", sizes="4096 4096 2048") + b"\n"
    row = np.arange(4096, dtype="<i2").tobytes()
    with file.open("wb") as stream:  # 64 GiB of zeros that take no room
        stream.write(lines)
        stream.seek(len(lines) + 2 * 4096 * (1000 * 4096 + 2000))
        stream.write(row)
        stream.truncate(len(lines) + 2 * 4096 * 4096 * 2048)
    box = (slice(992, 1024), slice(1990, 2118), slice(100, 612))
    crop, most = peak_memory(lambda: opened(read, file).voxels(box))
    assert most <= 2 * crop.nbytes
    np.testing.assert_array_equal(crop[8, 10], np.arange(100, 612))
    assert np.count_nonzero(crop) == 512
