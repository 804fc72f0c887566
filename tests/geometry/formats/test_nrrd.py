import bz2
import gzip
import os
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from geometry.formats.volumes import (
    EDGES,
    SHAPE,
    TYPES,
    by_itk,
    check_crops,
    check_same,
    gray,
    opened,
    refusal,
    written_by_itk,
)
from storage.places import DIRECTIONS

from tissue.geometry.formats.nrrd import read
from tissue.geometry.grid import UPRIGHT, Frame

NAMES = {
    "u1": "uchar",
    "i1": "signed char",
    "u2": "ushort",
    "i2": "short",
    "u4": "unsigned int",
    "i4": "int32",
    "u8": "uint64",
    "i8": "long long",
    "f4": "float",
    "f8": "double",
}
VECTORS = "(0.008,0,0) (0,0.01,0) (0,0,0.0125)"
PLACED = f"space: left-posterior-superior\nspace directions: {VECTORS}\nspace origin: (1,2,3)\n"
MM = 'space units: "mm" "mm" "mm"\n'


def header(
    lines: str = "", encoding: str = "raw", dtype: str = "i2", sizes: str = "8 7 6"
) -> bytes:
    """A header of a volume of little-endian numbers, without the empty line at its end."""
    text = (
        f"NRRD0005\ntype: {NAMES[dtype]}\ndimension: {len(sizes.split())}\nsizes: {sizes}\n"
        f"endian: little\nencoding: {encoding}\n{lines}"
    )
    return text.encode()


def written(file: Path, lines: str = "", values: np.ndarray | None = None) -> Path:
    """A file with these further lines of a header."""
    data = (gray() if values is None else values).astype("<i2").tobytes()
    file.write_bytes(header(lines) + b"\n" + data)
    return file


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


def detached(folder: Path, lines: str, encoding: str = "raw") -> Path:
    """A header whose voxels are elsewhere."""
    file = folder / "a.nhdr"
    file.write_bytes(header(PLACED, encoding) + lines.encode())
    return file


def slices(folder: Path, pattern: str, first: int = 1, step: int = 1) -> None:
    """One file a slice."""
    for index, plane in enumerate(gray().astype("<i2")):
        (folder / (pattern % (first + index * step))).write_bytes(plane.tobytes())


def test_data_file(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "my scan.raw").write_bytes(gray().astype("<i2").tobytes())
    file = detached(tmp_path, "data file: below/my scan.raw\n")
    image = opened(read, file)
    check_same(image, by_itk(file))
    assert image.inventory.parts == ()


@pytest.mark.parametrize(
    "spec",
    [
        "LIST\n" + "".join(f"s{number:02d}.raw\n" for number in range(3, 9)),
        "LIST 2\n" + "".join(f"s{number:02d}.raw\n" for number in range(3, 9)),
        "s%02d.raw 3 8 1\n",
        "s%02d.raw 3 8 1 2\n",
    ],
)
def test_slices_as_data_files(tmp_path: Path, spec: str) -> None:
    slices(tmp_path, "s%02d.raw", 3)
    file = detached(tmp_path, f"data file: {spec}")
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_crops(image)
    assert [(part.kind, part.found, part.used) for part in image.inventory.parts] == [
        ("data files", 6, 6)
    ]


def test_slices_with_steps_and_backwards(tmp_path: Path) -> None:
    slices(tmp_path, "s%d.raw", 10, 10)
    file = detached(tmp_path, "data file: s%d.raw 10 60 10\n")
    np.testing.assert_array_equal(opened(read, file).values, gray())
    file = detached(tmp_path, "data file: s%d.raw 60 10 -10\n")
    np.testing.assert_array_equal(opened(read, file).values, gray()[::-1])


def test_slabs_as_packed_data_files(tmp_path: Path) -> None:
    for number, slab in enumerate(np.split(gray().astype("<i2"), 2)):
        (tmp_path / f"{number}.raw.gz").write_bytes(gzip.compress(slab.tobytes()))
    file = detached(tmp_path, "data file: LIST 3\n0.raw.gz\n1.raw.gz\n", "gzip")
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_crops(image)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("s%02d.raw 1 5 1\n", "5 data files for 6 slices"),
        ("s%02d.raw 1 60000000 1\n", "60000000 data files"),
        ("s%02d.raw 6 1 1\n", "-4 data files"),
        ("s%02d.raw 1 6 0\n", "0 data files"),
        ("s%02s.raw 1 6 1\n", "not a pattern"),
        ("s%02d_%d.raw 1 6 1\n", "not a pattern"),
        ("s%02d.raw 2 7 1\n", "s07.raw, which is not there"),
        ("LIST\ns01.raw\n", "s01.raw, which is cut short: 672 bytes are needed and 112"),
        ("LIST\n", "0 data files"),
        ("gone.raw\n", "gone.raw, which is not there"),
        ("\n", "not there"),
    ],
)
def test_data_files_that_do_not_fit(tmp_path: Path, spec: str, words: str) -> None:
    slices(tmp_path, "s%02d.raw")
    assert words in refusal(read, detached(tmp_path, f"data file: {spec}"))


def test_cut_data_file_is_named(tmp_path: Path) -> None:
    slices(tmp_path, "s%d.raw")
    file = detached(tmp_path, "data file: s%d.raw 1 6 1\n")
    data = (tmp_path / "s4.raw").read_bytes()
    (tmp_path / "s4.raw").write_bytes(data[:-7])
    assert "s4.raw, which is cut short: 112 bytes are needed and 105" in refusal(read, file)
    (tmp_path / "s4.raw").write_bytes(data + b"1234567")
    assert "more bytes in s4.raw" in refusal(read, file)


def test_files_outside_the_folder_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for folder in (tmp_path, inside):
        (folder / "v.raw").write_bytes(gray().astype("<i2").tobytes())
    (inside / "link.raw").symlink_to(tmp_path / "v.raw")
    (inside / "near.raw").symlink_to("v.raw")
    (inside / "loop.raw").symlink_to("loop.raw")
    for name in (str(tmp_path / "v.raw"), "../v.raw", "link.raw"):
        assert "lies outside its folder" in refusal(read, detached(inside, f"data file: {name}\n"))
    for name in (str(inside / "v.raw"), "v.raw", "../inside/v.raw", "near.raw"):
        image = opened(read, detached(inside, f"data file: {name}\n"))
        np.testing.assert_array_equal(image.values, gray())
    assert "loop.raw" in refusal(read, detached(inside, "data file: loop.raw\n"))
    os.mkfifo(inside / "pipe.raw")
    assert "not there" in refusal(read, detached(inside, "data file: pipe.raw\n"))


def test_skips(tmp_path: Path) -> None:
    stored = gray().astype("<i2").tobytes()
    (tmp_path / "v.raw").write_bytes(b"one\ntwo\nHEAD" + stored)
    file = detached(tmp_path, "data file: v.raw\nline skip: 2\nbyte skip: 4\n")
    check_same(opened(read, file), by_itk(file))
    file = detached(tmp_path, "data file: v.raw\nbyte skip: -1\n")
    check_same(opened(read, file), by_itk(file))
    (tmp_path / "v.raw").write_bytes(b"HEAD" + stored + b"TAIL")
    file = detached(tmp_path, "data file: v.raw\nbyte skip: -5\n")
    check_same(opened(read, file), by_itk(file))
    (tmp_path / "v.raw").write_bytes(b"line\n" + gzip.compress(b"HEAD" + stored))
    file = detached(tmp_path, "data file: v.raw\nline skip: 1\nbyte skip: 4\n", "gzip")
    check_same(opened(read, file), by_itk(file))
    check_crops(opened(read, file))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("byte skip: 3\n", "cut short: 672 bytes are needed and 669"),
        ("line skip: 9\n", "fewer lines"),
        ("line skip: -1\n", "line skip -1"),
        ("byte skip: one\n", "byte skip: one"),
    ],
)
def test_skips_that_do_not_fit(tmp_path: Path, lines: str, words: str) -> None:
    (tmp_path / "v.raw").write_bytes(np.ones(336, "<i2").tobytes())
    assert words in refusal(read, detached(tmp_path, f"data file: v.raw\n{lines}"))


def test_cut_files(tmp_path: Path) -> None:
    file = written(tmp_path / "a.nrrd", PLACED)
    data = file.read_bytes()
    for kept in range(0, len(data), 37):
        file.write_bytes(data[:kept])
        refusal(read, file)
    file.write_bytes(data[:-1])
    assert "promises 672 bytes of voxels and 671 are there" in refusal(read, file)
    file.write_bytes(data + b"\0")
    assert "more bytes than the 672 bytes" in refusal(read, file)


@pytest.mark.parametrize("encoding", ["gzip", "bz2", "hex", "ascii"])
def test_cut_packed_files(tmp_path: Path, encoding: str) -> None:
    stored = gray().astype("<i2").tobytes()
    data = {
        "gzip": gzip.compress(stored),
        "bz2": bz2.compress(stored),
        "hex": stored.hex().encode(),
        "ascii": " ".join(str(value) for value in gray().ravel()).encode(),
    }[encoding]
    file = tmp_path / "a.nrrd"
    for kept in (0, 10, len(data) // 2, len(data) - 8):
        file.write_bytes(header("", encoding) + b"\n" + data[:kept])
        text = refusal(read, file)
        assert "cut short" in text or "end too early" in text
    file.write_bytes(header("", encoding) + b"\n" + data[:50] + b"~~" + data[52:])
    assert "damaged" in refusal(read, file) or encoding == "ascii"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [("70000", "beyond int16"), ("1.5", "fractions"), ("one", "cannot be read"), ("3.0", "")],
)
def test_text_is_checked(tmp_path: Path, numbers: str, words: str) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(header("", "ascii") + b"\n" + b"1 " * 335 + numbers.encode())
    if words:
        assert words in refusal(read, file)
    else:
        assert opened(read, file).values[-1, -1, -1] == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("NRRD0005", "NRRD0009", "first line"),
        ("type: short\n", "", "no line 'type'"),
        ("sizes: 8 7 6\n", "", "no line 'sizes'"),
        ("dimension: 3\n", "", "no line 'dimension'"),
        ("encoding: raw\n", "", "no line 'encoding'"),
        ("endian: little\n", "", "endian: little"),
        ("little", "middle", "'middle'"),
        ("raw", "zrl", "'zrl'"),
        ("short", "block", "'block'"),
        ("8 7 6", "8 7", '"sizes: 8 7"'),
        ("8 7 6", "8 7 -6", '"sizes: 8 7 -6"'),
        ("8 7 6", "8 7 6.0", "whole numbers"),
        ("8 7 6", "800000 700000 600000", "cut short"),
        ("8 7 6", "8 7 ٦", "whole numbers"),
        ("dimension: 3", "dimension: 99", "99 axes"),
        ("sizes: 8 7 6", "sizes: 8 7 6\nsizes: 8 7 6", "twice"),
        ("encoding", "encodign", "not a field of NRRD"),
        ("encoding: raw", "encoding raw", "not a field of NRRD"),
        ("left-posterior-superior", "up", "space 'up'"),
        ("space: left-posterior-superior\n", "", "in no space"),
        ("(0.008,0,0)", "(0.008,0)", "3 vectors"),
        ("(0.008,0,0)", "(0,008;0;0)", "3 vectors"),
        ("(1,2,3)", "1,2,3", "1 vectors"),
    ],
)
def test_damaged_headers(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = written(tmp_path / "a.nrrd", PLACED)
    data = file.read_bytes()
    assert old.encode() in data
    file.write_bytes(data.replace(old.encode(), new.encode(), 1))
    assert words in refusal(read, file)


def test_files_that_are_no_headers(tmp_path: Path) -> None:
    file = tmp_path / "a.nrrd"
    file.write_bytes(gzip.compress(header()))
    assert "unpack it first" in refusal(read, file)
    file.write_bytes(b"NRRD0005\n" + b"#" * (2 << 20))
    assert "without an end" in refusal(read, file)
    file.write_bytes(b"NRRD0005\n" + b"\x01\x02\n" * 99)
    assert "control characters" in refusal(read, file)


def test_packed_zeros_are_not_unpacked_without_end(tmp_path: Path) -> None:
    file = tmp_path / "a.nrrd"
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = b"".join(packer.compress(bytes(1 << 24)) for _ in range(8)) + packer.flush()
    file.write_bytes(header("", "gzip") + b"\n" + zeros)  # 128 MiB in 128 KiB
    tracemalloc.start()
    assert "more bytes" in refusal(read, file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20


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
    tracemalloc.start()
    crop = opened(read, file).voxels(box)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most <= 2 * crop.nbytes
    np.testing.assert_array_equal(crop[8, 10], np.arange(100, 612))
    assert np.count_nonzero(crop) == 512
