"""Rows of TIFF: of ImageJ, OME and plain ones."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np
import tifffile
from geometry.formats.tiff_made import by_itk, by_pillow, pillow_stack, retagged
from geometry.formats.volumes import gray
from geometry.table_rows.base import (
    REFUSED,
    RIGHT,
    Row,
    Scan,
    Told,
    Values,
    asked_for_a_size,
    refusal,
)

from tissue.geometry.images import read_image

UPRIGHT = {"extratags": [(274, "H", 1, 1, False)]}
"""The tag that tells how an image is turned, at 1 for not at all."""

LENGTHS = {"um": 1.0, "micron": 1.0, "mm": 1e3, "nm": 1e-3, "cm": 1e4, "inch": 25400.0}


def imagej(scan: Scan) -> dict[str, Any]:
    """Options of tifffile for a scan of ImageJ."""
    unit = scan.unit or "um"
    z, y, x = (edge / LENGTHS[unit] for edge in scan.edges)
    metadata: dict[str, Any] = {"axes": "ZYX", "unit": unit, "spacing": z}
    for axis, start, edge in zip("zyx", scan.origin, scan.edges, strict=True):
        metadata[f"{axis}origin"] = repr(-start / edge)
    if scan.line is not None:
        slope, offset = scan.line
        metadata |= {"cf": 0, "c0": offset, "c1": slope, "vunit": "mg HA/ccm"}
    return {"imagej": True, "resolution": (1 / x, 1 / y), "metadata": metadata}


def lines(description: str | bytes) -> dict[str, Any]:
    """Entries of a description of ImageJ that is not quite as tifffile wants it."""
    found: dict[str, Any] = {}
    if isinstance(description, bytes):
        description = description.decode("latin-1")
    for line in description.splitlines():
        key, _, value = line.partition("=")
        try:
            found[key] = float(value)
        except ValueError:
            found[key] = value
    return found if description.startswith("ImageJ") else {}


class Tiff(Row):
    """Files of one stack that tifffile writes."""

    orders = ("<", ">")
    usual = Scan(gray("u2"))
    ending: ClassVar[str] = "tif"

    def options(self, scan: Scan) -> dict[str, Any]:
        """Options of tifffile for a scan."""
        raise NotImplementedError

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / f"scan.{self.ending}"
        options = {"photometric": "minisblack", "byteorder": scan.order, **UPRIGHT}
        options |= {"compression": scan.packing} if scan.packing else {}
        tifffile.imwrite(file, scan.values, **(options | self.options(scan)))
        return file

    def seconds(self, file: Path, scan: Scan) -> tuple[Told, ...]:
        found = []
        for read in (by_pillow, by_itk):
            with suppress(Exception):  # of a damaged file they may raise anything
                found.append(Told(read(file)))
        return tuple(found)

    def spare(self, whole: bytes) -> int:
        """The file may end with a resolution of its last page, which is of no account."""
        return 24

    def flip(self, folder: Path) -> str:
        for number, turn in enumerate((2, 4, 6)):
            file = self.made(folder / f"{number}", self.usual)
            assert "mirrored" in refusal(retagged(file, t274=turn))
        return REFUSED

    def axes(self, folder: Path) -> str:
        for axes in ("TYX", "CYX"):
            file = folder / f"{axes}.{self.ending}"
            options = self.options(self.usual)
            options["metadata"] = {"axes": axes}
            values = gray("u2", (2, 7, 8))
            tifffile.imwrite(file, values, photometric="minisblack", **options)
            assert axes in refusal(file)
        colors = gray("u1", (6, 7, 8, 3))
        tifffile.imwrite(folder / f"c.{self.ending}", colors, photometric="rgb")
        assert "colors" in refusal(folder / f"c.{self.ending}")
        return REFUSED


class ImageJ(Tiff):
    name = "TIFF of ImageJ or Fiji"
    types: ClassVar[tuple[str, ...]] = ("u1", "u2", "i2", "f4")
    units: ClassVar[Mapping[str, float]] = LENGTHS
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "line"})
    packings: ClassVar[tuple[str, ...]] = ("zlib",)

    def options(self, scan: Scan) -> dict[str, Any]:
        return imagej(scan)

    def told(self, file: Path, scan: Scan) -> Told:
        return self.described(file, tifffile.imread(file))

    def seconds(self, file: Path, scan: Scan) -> tuple[Told, ...]:
        return tuple(self.described(file, told.values) for told in super().seconds(file, scan))

    def described(self, file: Path, stored: Values) -> Told:
        """Stored numbers of a file with what its description says of them."""
        with tifffile.TiffFile(file) as tiff:
            keys = tiff.imagej_metadata or lines(tiff.pages[0].tags["ImageDescription"].value)
            values = stored
            if "c0" in keys and "c1" in keys:
                values = keys["c0"] + keys["c1"] * values.astype(float)
            scale = LENGTHS.get(str(keys.get("unit")))
            names = ("spacing", "zorigin", "yorigin", "xorigin")
            places = [
                float(keys[name]) for name in names if isinstance(keys.get(name), float | int)
            ]
            if scale is None or len(places) < 4:
                return Told(values)
            tags = tiff.pages[0].tags
            if not {"XResolution", "YResolution"} <= {tag.name for tag in tags}:
                return Told(values)
            terms = [tags[f"{axis}Resolution"].value for axis in "YX"]
            if not all(part for pair in terms for part in pair):
                return Told(values)
            y, x = (below / above * scale for above, below in terms)
            edges = (places[0] * scale, y, x)
            origin = [-start * edge for start, edge in zip(places[1:], edges, strict=True)]
        return Told(values, edges, origin, np.eye(3))


class Ome(Tiff):
    name = "OME-TIFF"
    ending = "ome.tif"
    units: ClassVar[Mapping[str, float]] = {"µm": 1.0, "mm": 1e3, "nm": 1e-3, "in": 25400.0}
    has: ClassVar[frozenset[str]] = frozenset({"edges"})
    packings: ClassVar[tuple[str, ...]] = ("zlib",)

    def options(self, scan: Scan) -> dict[str, Any]:
        unit = scan.unit or "µm"
        metadata: dict[str, Any] = {"axes": "ZYX"}
        for axis, edge in zip("ZYX", scan.edges, strict=True):
            metadata[f"PhysicalSize{axis}"] = edge / self.units[unit]
            metadata[f"PhysicalSize{axis}Unit"] = unit
        return {"metadata": metadata}

    def told(self, file: Path, scan: Scan) -> Told:
        with tifffile.TiffFile(file) as tiff:
            root = ElementTree.fromstring(tiff.ome_metadata or "")
            pixels = next(node for node in root.iter() if node.tag.endswith("Pixels"))
            told = [pixels.get(f"PhysicalSize{axis}") for axis in "ZYX"]
            units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
            known = None not in told and all(unit in self.units for unit in units)
            pairs = zip(told, units, strict=True) if known else ()
            edges = [float(size or 0) * self.units[unit] for size, unit in pairs]
            return Told(tiff.asarray(), edges or None)


class Plain(Tiff):
    """Pages without a word on their depth; resolutions of prints are no voxel sizes."""

    name = "TIFF, plain"
    has: ClassVar[frozenset[str]] = frozenset()
    packings: ClassVar[tuple[str, ...]] = ("zlib", "tiff_lzw", "packbits")

    def options(self, scan: Scan) -> dict[str, Any]:
        unit = scan.unit or "CENTIMETER"
        resolution = [{"CENTIMETER": 1e4, "INCH": 25400.0}[unit] / edge for edge in scan.edges]
        return {"resolution": resolution[:0:-1], "resolutionunit": unit, "metadata": None}

    def write(self, folder: Path, scan: Scan) -> Path:
        if scan.packing in ("", "zlib"):
            return super().write(folder, scan)
        return pillow_stack(folder / "scan.tif", scan.values, compression=scan.packing)

    def told(self, file: Path, scan: Scan) -> Told:
        return Told(tifffile.imread(file, series=0) if not scan.packing else by_pillow(file))

    def spacing(self, folder: Path) -> str:
        asked_for_a_size(self.made(folder, self.usual))
        return REFUSED

    def unit(self, folder: Path) -> str:
        for unit in ("INCH", "CENTIMETER"):
            file = self.made(folder / unit, replace(self.usual, unit=unit))
            assert read_image(file).inventory.spacing_unit == ""
            asked_for_a_size(file)
        return REFUSED

    def calibration(self, folder: Path) -> str:
        """Numbers stored as white is zero, which Pillow turns around too."""
        file = folder / "scan.tif"
        tifffile.imwrite(file, gray("u1"), photometric="miniswhite", metadata=None)
        image = read_image(file)
        np.testing.assert_array_equal(image.values, 255 - gray("u1"))
        np.testing.assert_array_equal(image.values, by_pillow(file))
        assert image.inventory.calibration == "255 - stored (white is zero)"
        return RIGHT


class Big(Plain):
    name = "BigTIFF, plain"
    packings: ClassVar[tuple[str, ...]] = ("zlib",)

    def options(self, scan: Scan) -> dict[str, Any]:
        return {**super().options(scan), "bigtiff": True}


ROWS: tuple[Row, ...] = (ImageJ(), Ome(), Plain(), Big())
