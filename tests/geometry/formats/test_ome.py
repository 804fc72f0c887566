"""OME-TIFF: planes, edges and axes as the XML says, and every file of a set."""

import os
import re
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from geometry.formats.tiff_made import SHAPE, volume
from geometry.formats.volumes import check_crops, opened, refusal

from tissue.geometry.formats.tiff import files_of, read

HEAD = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
SIZES = 'SizeX="24" SizeY="20" SizeC="1" SizeT="1" Type="uint16"'
EDGES = 'PhysicalSizeX="8" PhysicalSizeY="8" PhysicalSizeZ="16"'


def xml(planes: str, sizes: str = f'{SIZES} SizeZ="5"', own: str = "", extra: str = "") -> str:
    """XML of one image with planes that are written word for word."""
    mine = f' UUID="{own}"' if own else ""
    return (
        f'{HEAD}{mine}><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" {sizes}'
        f' {EDGES}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{planes}</Pixels>{extra}</Image>'
        "</OME>"
    )


def written(file: Path, values: np.ndarray, description: str) -> Path:
    tifffile.imwrite(file, values, description=description, metadata=None, photometric="minisblack")
    return file


def a_set(folder: Path, per_file: int = 1) -> list[Path]:
    """A set of files that name each other, each with some planes."""
    folder.mkdir(exist_ok=True)
    starts = range(0, SHAPE[0], per_file)
    names = {start: f"part_z{start:03d}.ome.tif" for start in starts}
    ids = {start: f"urn:uuid:{uuid.UUID(int=start + 1)}" for start in starts}
    planes = "".join(
        f'<TiffData FirstZ="{start + step}" IFD="{step}" PlaneCount="1">'
        f'<UUID FileName="{names[start]}">{ids[start]}</UUID></TiffData>'
        for start in starts
        for step in range(min(per_file, SHAPE[0] - start))
    )
    return [
        written(
            folder / names[start],
            volume()[start : start + per_file],
            xml(planes, own=ids[start]),
        )
        for start in starts
    ]


@pytest.mark.parametrize(
    ("unit", "um"),
    [("µm", 1.0), ("mm", 1e3), ("nm", 1e-3), ("cm", 1e4), ("Å", 1e-4), ("in", 25400)],
)
def test_edges(tmp_path: Path, unit: str, um: float) -> None:
    sizes = {f"PhysicalSize{axis}": size / um for axis, size in zip("ZYX", (16, 9, 8), strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "ZYX"}
    tifffile.imwrite(tmp_path / "a.ome.tif", volume(), metadata={"axes": "ZYX", **sizes, **units})
    image = opened(read, tmp_path / "a.ome.tif")
    assert image.spacing == pytest.approx((16.0, 9.0, 8.0), rel=1e-6)
    assert image.inventory.spacing_unit == unit
    np.testing.assert_array_equal(image.values, volume())
    check_crops(image)


def test_edges_nobody_wrote(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        volume(),
        metadata={"axes": "ZYX", "PhysicalSizeX": 8.0, "PhysicalSizeXUnit": "pixel"},
    )
    assert opened(read, tmp_path / "a.ome.tif").spacing == (None, None, None)
    text = xml("<TiffData/>").replace('PhysicalSizeY="8"', 'PhysicalSizeY="8,5"')
    image = opened(read, written(tmp_path / "b.ome.tif", volume(), text))
    assert image.spacing == (16.0, None, 8.0)
    assert any("PhysicalSizeY 8,5" in sentence for sentence in image.inventory.assumed)


@pytest.mark.parametrize(
    "planes",
    [
        "",
        "<TiffData/>",
        '<TiffData IFD="0" PlaneCount="5"/>',
        "".join(f'<TiffData FirstZ="{z}" IFD="{z}"/>' for z in range(5)),
    ],
)
def test_ways_to_name_planes(tmp_path: Path, planes: str) -> None:
    file = written(tmp_path / "a.ome.tif", volume(), xml(planes))
    np.testing.assert_array_equal(opened(read, file).values, volume())


def test_names_with_a_prefix(tmp_path: Path) -> None:
    text = re.sub(r"<(/?)(\w)", r"<\1OME:\2", xml("<TiffData/>")).replace("xmlns=", "xmlns:OME=")
    image = opened(read, written(tmp_path / "a.ome.tif", volume(), text))
    assert image.inventory.format == "OME-TIFF"
    assert image.spacing == (16.0, 8.0, 8.0)
    file = written(tmp_path / "b.tif", volume(), "sample:OMENTUM <OMEGA>")
    assert opened(read, file).inventory.format == "TIFF"


def test_order_of_planes(tmp_path: Path) -> None:
    """The XML may name pages in another order than the file has them."""
    planes = "".join(f'<TiffData FirstZ="{4 - z}" IFD="{z}"/>' for z in range(5))
    image = opened(read, written(tmp_path / "a.ome.tif", volume(), xml(planes)))
    np.testing.assert_array_equal(image.values, volume()[::-1])
    np.testing.assert_array_equal(image.values, tifffile.imread(tmp_path / "a.ome.tif"))


@pytest.mark.parametrize("order", ["XYCZT", "XYZCT", "XYTZC"])
def test_other_axes(tmp_path: Path, order: str) -> None:
    text = xml("<TiffData/>", 'SizeX="24" SizeY="20" SizeC="5" SizeT="1" Type="uint16" SizeZ="1"')
    text = text.replace("XYZCT", order)
    assert "CYX" in refusal(read, written(tmp_path / "a.ome.tif", volume(), text))


def test_other_images(tmp_path: Path) -> None:
    second = xml("<TiffData/>").partition("<Image")[2].partition("</OME>")[0]
    text = xml("<TiffData/>").replace("</OME>", f'<Image Name="label" {second}</OME>')
    text = text.replace('Name="label"  ID="Image:0"', 'Name="label" ID="Image:1"')
    text = refusal(read, written(tmp_path / "a.ome.tif", volume(), text))
    assert "only 1 of the 2 images" in text
    assert "label" in text


def test_pages_the_xml_leaves_out(tmp_path: Path) -> None:
    text = xml('<TiffData IFD="0" PlaneCount="4"/>', f'{SIZES} SizeZ="4"')
    assert "only 4 of the 5 pages" in refusal(read, written(tmp_path / "a.tif", volume(), text))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (xml("<TiffData/>")[:-40] + "</OME>", "damaged OME-XML"),
        (HEAD + "></OME>", "without an image"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + xml("<TiffData/>"), "entities"),
        (xml("<TiffData/>").replace('SizeX="24"', 'SizeX="25"'), "is described as 20 x 25"),
        (xml("<TiffData/>").replace("uint16", "int8"), "int8"),
        (xml("<TiffData/>").replace('SizeZ="5"', 'SizeZ="-5"'), "SizeZ"),
        (xml("<TiffData/>").replace('SizeZ="5"', 'SizeZ="9999999"'), "planes"),
        (xml("<TiffData/>").replace('SizeZ="5"', 'SizeZ="6"'), "without its plane 5"),
        (xml("<TiffData/>").replace("XYZCT", "ZYXCT"), "order"),
        (xml('<TiffData IFD="0" PlaneCount="99999999"/>'), "outside"),
        (xml('<TiffData IFD="1" PlaneCount="5"/>'), "needs page 5"),
        (xml('<TiffData IFD="0" FirstZ="1"/><TiffData IFD="1" FirstZ="1"/>'), "twice"),
        (xml("<TiffData/>", extra="<ModuloAlongZ/>"), "ModuloAlongZ"),
        ("<OME " * 3000, "damaged OME-XML"),
        (HEAD + ">" + "<a>" * 100000, "damaged OME-XML"),
    ],
)
def test_xml_that_is_refused(tmp_path: Path, text: str, word: str) -> None:
    start = time.process_time()
    assert word in refusal(read, written(tmp_path / "a.ome.tif", volume(), text))
    assert time.process_time() - start < 5


def test_entities_without_a_type(tmp_path: Path) -> None:
    """A thousand million laughs are refused before they are told."""
    laughs = "".join(
        f'<!ENTITY l{n} "{"".join(f"&l{n - 1};" for _ in range(10))}">' for n in range(1, 10)
    )
    text = f'<!DOCTYPE l [<!ENTITY l0 "ha">{laughs}]><OME>&l9;</OME>'
    start = time.process_time()
    assert "entities" in refusal(read, written(tmp_path / "a.ome.tif", volume(), text))
    assert time.process_time() - start < 1


@pytest.mark.parametrize("per_file", [1, 2, 5])
def test_set(tmp_path: Path, per_file: int) -> None:
    files = a_set(tmp_path, per_file)
    for file in files:
        image = opened(read, file)
        np.testing.assert_array_equal(image.values, volume())
        assert image.spacing == (16.0, 8.0, 8.0)
        assert set(files_of(file)) == set(files)
        check_crops(image)


def test_missing_file_of_a_set(tmp_path: Path) -> None:
    files = a_set(tmp_path)
    files[3].unlink()
    for file in (files[0], files[4]):
        assert "part_z003.ome.tif is missing" in refusal(read, file)


def test_cut_file_of_a_set(tmp_path: Path) -> None:
    files = a_set(tmp_path)
    files[3].write_bytes(files[3].read_bytes()[:-500])
    text = refusal(read, files[0])
    assert "part_z003.ome.tif is cut short" in text


def test_file_of_another_set(tmp_path: Path) -> None:
    files = a_set(tmp_path / "a")
    own = f"urn:uuid:{uuid.UUID(int=99)}"
    written(files[3], volume()[3], xml("<TiffData/>", f'{SIZES} SizeZ="1"', own))
    assert "part_z003.ome.tif, which belongs to another set" in refusal(read, files[0])


def test_renamed_file(tmp_path: Path) -> None:
    file = a_set(tmp_path, per_file=5)[0]
    renamed = file.rename(tmp_path / "bone.ome.tif")
    np.testing.assert_array_equal(opened(read, renamed).values, volume())


def test_nothing_foreign_is_opened(tmp_path: Path) -> None:
    """Files of a set lie beside each other, whatever the XML and the links in the folder say."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    files = a_set(inside)
    outside.mkdir()
    shutil.move(files[3], outside / "part_z003.ome.tif")
    files[3].symlink_to(outside / "part_z003.ome.tif")
    assert "lies outside of its folder" in refusal(read, files[0])
    for name in ("../outside/part_z003.ome.tif", str(outside / "part_z003.ome.tif")):
        planes = "".join(
            f'<TiffData FirstZ="{z}" IFD="{z}"/>'
            if z < 4
            else f'<TiffData FirstZ="4" IFD="0"><UUID FileName="{name}">x</UUID></TiffData>'
            for z in range(5)
        )
        file = written(inside / "whole.ome.tif", volume()[:4], xml(planes))
        text = refusal(read, file)
        assert os.path.basename(name) in text  # noqa: PTH119
        assert "lies outside of its folder" in text


def test_files_below_the_folder(tmp_path: Path) -> None:
    files = a_set(tmp_path / "parts")
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="0"><UUID FileName="parts/{file.name}">x</UUID></TiffData>'
        for z, file in enumerate(files[1:], start=1)
    )
    text = xml('<TiffData FirstZ="0" IFD="0"/>' + planes)
    image = read(written(tmp_path / "first.ome.tif", volume()[0], text))
    np.testing.assert_array_equal(image.values, volume())


def test_description_in_another_file(tmp_path: Path) -> None:
    """The files of a set may name one that describes them all."""
    files = a_set(tmp_path, per_file=5)
    with tifffile.TiffFile(files[0]) as tiff:
        whole = tiff.pages[0].description
    only: Any = (
        f'{HEAD} UUID="urn:uuid:{uuid.UUID(int=1)}">'
        '<BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:x"/></OME>'
    )
    file = written(tmp_path / "part_z000.ome.tif", volume(), only)
    text = refusal(read, file)
    assert "all.companion.ome, which is missing" in text
    (tmp_path / "all.companion.ome").write_text(whole, encoding="utf-8")
    np.testing.assert_array_equal(opened(read, file).values, volume())
