"""Rows of folders with TIFF slices."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tifffile
from geometry.formats.tiff_made import retagged
from geometry.formats.volumes import gray
from geometry.table_rows.base import REFUSED, RIGHT, Row, Scan, Told, asked_for_a_size, refusal
from geometry.table_rows.slices import Folder
from geometry.table_rows.tiffs import LENGTHS, UPRIGHT, ImageJ, Ome, Plain, Tiff, imagej

from tissue.geometry.images import read_image


class TiffFolder(Folder, Tiff):
    """Slices that ImageJ saved as a sequence."""

    name = "folder of TIFF of ImageJ"
    types: ClassVar[tuple[str, ...]] = ("u1", "u2", "i2", "f4")
    units: ClassVar[Mapping[str, float]] = LENGTHS
    has: ClassVar[frozenset[str]] = frozenset({"edges", "line"})
    packings: ClassVar[tuple[str, ...]] = ("zlib",)
    ending = "tif"

    def write(self, folder: Path, scan: Scan) -> Path:
        for number, plane in enumerate(scan.values):
            options = {"photometric": "minisblack", "byteorder": scan.order, **UPRIGHT}
            options |= {"compression": scan.packing} if scan.packing else {}
            tifffile.imwrite(
                folder / f"rec{number:04d}.tif", plane, **(options | self.options(scan))
            )
        return folder

    def options(self, scan: Scan) -> dict[str, Any]:
        told = imagej(scan)
        told["metadata"]["axes"] = "YX"
        return told

    def told(self, file: Path, scan: Scan) -> Told:
        slices = [ImageJ().told(each, scan) for each in self.slices(file)]
        return Told(np.stack([each.values for each in slices]), slices[0].edges)

    def flip(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        retagged(self.slices(scan)[3], t274=4)
        assert "mirrored" in refusal(scan)
        return REFUSED

    def axes(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        third = self.slices(scan)[2]
        tifffile.imwrite(third, gray("u1", (7, 8, 3)), photometric="rgb")
        assert "colors" in refusal(scan)
        tifffile.imwrite(third, gray("u2", (2, 7, 8)), photometric="minisblack")
        assert "2 pages" in refusal(scan)
        return REFUSED

    def endianness(self, folder: Path) -> str:
        """Slices of both orders in one folder too."""
        super().endianness(folder)
        scan = self.made(folder / "mixed", self.usual)
        other = self.made(folder / "other", replace(self.usual, order=">"))
        for here, there in list(zip(self.slices(scan), self.slices(other), strict=True))[::2]:
            here.write_bytes(there.read_bytes())
        self.same(scan, self.usual)
        return RIGHT


class PlainFolder(TiffFolder):
    name = "folder of TIFF, plain"
    types: ClassVar[tuple[str, ...]] = Row.types
    has: ClassVar[frozenset[str]] = frozenset()
    units: ClassVar[Mapping[str, float]] = {}

    def options(self, scan: Scan) -> dict[str, Any]:
        return Plain().options(scan)

    def told(self, file: Path, scan: Scan) -> Told:
        return Told(np.stack([tifffile.imread(each) for each in self.slices(file)]))

    def spacing(self, folder: Path) -> str:
        asked_for_a_size(self.made(folder, self.usual))
        return REFUSED

    def unit(self, folder: Path) -> str:
        for unit in ("INCH", "CENTIMETER"):
            asked_for_a_size(self.made(folder / unit, replace(self.usual, unit=unit)))
        return REFUSED

    def calibration(self, folder: Path) -> str:
        scan = self.made(folder, replace(self.usual, values=gray("u1")))
        for each, plane in zip(self.slices(scan), gray("u1"), strict=True):
            tifffile.imwrite(each, plane, photometric="miniswhite", metadata=None)
        np.testing.assert_array_equal(read_image(scan).values, 255 - gray("u1"))
        tifffile.imwrite(self.slices(scan)[2], gray("u1")[2], metadata=None)
        assert "of one kind only" in refusal(scan)
        return RIGHT


class OmeSet(Folder, Ome):
    """A set of OME-TIFF files that name each other, one slice a file."""

    name = "folder of OME-TIFF that name each other"
    ending = "ome.tif"

    def write(self, folder: Path, scan: Scan) -> Path:
        names = [f"s_z{number:03d}.ome.tif" for number in range(len(scan.values))]
        planes = "".join(
            f'<TiffData FirstZ="{number}" IFD="0" PlaneCount="1"><UUID FileName="{name}">'
            f"urn:uuid:{number:032x}</UUID></TiffData>"
            for number, name in enumerate(names)
        )
        nz, ny, nx = scan.values.shape
        unit = scan.unit or "µm"
        sizes = "".join(
            f' PhysicalSize{axis}="{edge / self.units[unit]!r}" PhysicalSize{axis}Unit="{unit}"'
            for axis, edge in zip("ZYX", scan.edges, strict=True)
        )
        kind = scan.values.dtype.name.replace("float32", "float").replace("float64", "double")
        for number, name in enumerate(names):
            text = (
                '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/'
                f'Schemas/OME/2016-06" UUID="urn:uuid:{number:032x}"><Image ID="Image:0"><Pixels'
                f' ID="Pixels:0" DimensionOrder="XYZCT" Type="{kind}" SizeX="{nx}" SizeY="{ny}"'
                f' SizeZ="{nz}" SizeC="1" SizeT="1"{sizes}><Channel ID="Channel:0:0"'
                f' SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
            )
            options: dict[str, Any] = {"compression": scan.packing} if scan.packing else {}
            tifffile.imwrite(
                folder / name,
                scan.values[number],
                description=text.encode(),
                metadata=None,
                photometric="minisblack",
                byteorder=scan.order,
                **UPRIGHT,
                **options,
            )
        return folder

    def told(self, file: Path, scan: Scan) -> Told:
        return Ome.told(self, self.slices(file)[0], scan)

    def neighbor(self, slices: list[Path]) -> str:
        return slices[2].name

    def flip(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        for each in self.slices(scan):
            retagged(each, t274=4)
        assert "mirrored" in refusal(scan)
        return REFUSED

    def axes(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        for each in self.slices(scan):
            text = each.read_bytes()
            swapped = text.replace(b'SizeZ="6"', b'SizeT="6"').replace(b'SizeT="1"', b'SizeZ="1"')
            each.write_bytes(swapped.replace(b"FirstZ", b"FirstT"))
        assert "axes T" in refusal(scan)
        return REFUSED


ROWS: tuple[Row, ...] = (TiffFolder(), PlainFolder(), OmeSet())
