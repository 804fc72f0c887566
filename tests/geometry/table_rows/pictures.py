"""Rows of folders with BMP, PNG and JPEG slices, and of those with the log of a SkyScan scanner."""

import io
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from geometry.formats.volumes import gray
from geometry.table_rows.base import REFUSED, RIGHT, Row, Scan, Told, Values, refusal
from geometry.table_rows.slices import Folder
from PIL import Image

from tissue.geometry.images import read_image


class Pictures(Folder):
    """Slices that Pillow writes."""

    has: ClassVar[frozenset[str]] = frozenset()
    types: ClassVar[tuple[str, ...]] = ("u1", "?")
    usual = Scan(gray("u1"))
    stem: ClassVar[str] = "femur_rec"

    def write(self, folder: Path, scan: Scan) -> Path:
        for number, plane in enumerate(scan.values):
            file = folder / f"{self.stem}{number:08d}.{self.ending}"
            Image.fromarray(plane).save(file, **self.options(scan))
        return folder

    def options(self, scan: Scan) -> dict[str, Any]:
        """Options of Pillow."""
        return {}

    def told(self, file: Path, scan: Scan) -> Told:
        planes = []
        for each in self.slices(file):
            with Image.open(each) as picture:
                planes.append(np.array(picture))
        return Told(np.stack(planes))

    def axes(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        third = self.slices(scan)[2]
        Image.fromarray(gray("u1", (7, 8, 3))).save(third)
        assert "colors" in refusal(scan)
        return REFUSED


def bitmap(plane: Values, packed: bool = False, upright: bool = False) -> bytes:
    """A BMP of 256 grays with runs of equal pixels, or with its rows from the top down."""
    rows, columns = plane.shape
    if packed:
        body = b""
        for row in plane[::-1]:
            body += b"".join(bytes([1, value]) for value in row.tolist()) + b"\0\0"
        body += b"\0\1"
    else:
        lines = plane if upright else plane[::-1]
        body = b"".join(line.tobytes().ljust(-(-columns // 4) * 4, b"\0") for line in lines)
    table = b"".join(bytes([shade, shade, shade, 0]) for shade in range(256))
    start = 14 + 40 + len(table)
    head = struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
    height = -rows if upright else rows
    size = len(body)
    head += struct.pack("<IiiHHIIiiII", 40, columns, height, 1, 8, int(packed), size, 0, 0, 256, 0)
    return head + table + body


class Bmp(Pictures):
    name = "folder of BMP"
    ending = "bmp"
    packings: ClassVar[tuple[str, ...]] = ("runs",)

    def write(self, folder: Path, scan: Scan) -> Path:
        if scan.packing != "runs":
            return super().write(folder, scan)
        for number, plane in enumerate(scan.values):
            file = folder / f"{self.stem}{number:08d}.bmp"
            file.write_bytes(bitmap(plane, packed=True))
        return folder

    def flip(self, folder: Path) -> str:
        """Rows from the top down, and from the bottom up."""
        for upright in (False, True):
            scan = self.made(folder / f"{upright}", self.usual)
            for each, plane in zip(self.slices(scan), self.usual.values, strict=True):
                each.write_bytes(bitmap(plane, upright=upright))
            self.same(scan, self.usual)
        return RIGHT


class Png(Pictures):
    name = "folder of PNG"
    ending = "png"
    types: ClassVar[tuple[str, ...]] = ("u1", "u2", "?")
    orders = (">",)
    packings: ClassVar[tuple[str, ...]] = ("0", "9")
    usual = Scan(gray("u2"))

    def options(self, scan: Scan) -> dict[str, Any]:
        return {"compress_level": int(scan.packing or 6)}


class Jpeg(Pictures):
    name = "folder of JPEG"
    ending = "jpg"
    types: ClassVar[tuple[str, ...]] = ("u1",)
    packings: ClassVar[tuple[str, ...]] = ("60", "95")

    def options(self, scan: Scan) -> dict[str, Any]:
        return {"quality": int(scan.packing or 90)}

    def stored(self, scan: Scan) -> Values:
        """Gray values of a scan that remain."""
        planes = []
        for plane in scan.values:
            stream = io.BytesIO()
            Image.fromarray(plane).save(stream, "JPEG", **self.options(scan))
            planes.append(np.array(Image.open(stream)))
        return np.stack(planes)

    def compression(self, folder: Path) -> str:
        super().compression(folder)
        image = read_image(self.made(folder / "told", self.usual))
        assert "lossy" in " ".join(image.inventory.assumed)
        return RIGHT


LOG = """[System]
Scanner=SkyScan1172
[Acquisition]
Image Pixel Size (um)={scan}
[Reconstruction]
Reconstruction Program=NRecon
Sections Count={count}
Result Image Width (pixels)={width}
Result Image Height (pixels)={height}
Pixel Size (um)={size}
Minimum for CS to Image Conversion=0.000
Maximum for CS to Image Conversion=0.080000
[File name convention]
Filename Index Length=8
Filename Prefix=femur_rec
"""


class SkyScan(Bmp):
    """Slices of NRecon with its log; their voxels are cubes."""

    name = "folder of SkyScan (BMP and _rec.log)"
    has: ClassVar[frozenset[str]] = frozenset({"edges"})
    fixed_unit = "um"
    usual = Scan(gray("u1"), edges=(8.13, 8.13, 8.13))

    def write(self, folder: Path, scan: Scan) -> Path:
        super().write(folder, scan)
        count, height, width = scan.values.shape
        size = scan.edges[0]
        text = LOG.format(scan=2 * size, size=size, count=count, width=width, height=height)
        (folder / "femur_rec.log").write_text(text, encoding="latin-1")
        (folder / "femur_rec_spr.bmp").write_bytes(bitmap(gray("u1", (9, 9))))
        return folder

    def slices(self, folder: Path) -> list[Path]:
        return [file for file in super().slices(folder) if not file.stem.endswith("_spr")]

    def told(self, file: Path, scan: Scan) -> Told:
        text = (file / "femur_rec.log").read_text(encoding="latin-1")
        found = re.search(r"^Pixel Size \(um\)=([0-9.]+)$", text, re.MULTILINE)
        told = super().told(file, scan)
        return told if found is None else replace(told, edges=(float(found[1]),) * 3)

    def calibration(self, folder: Path) -> str:
        """Gray values stay as they are stored, and it is told what their range stands for."""
        image = self.same(self.made(folder, self.usual), self.usual)
        assert "attenuations of 0 to 0.08 1/mm" in " ".join(image.inventory.assumed)
        assert image.inventory.calibration == ""
        return RIGHT

    def incomplete(self, folder: Path) -> str:
        super().incomplete(folder / "one")
        scan = self.made(folder / "two", self.usual)
        self.slices(scan)[-1].unlink()
        assert "has 5 slices" in refusal(scan)
        return REFUSED


ROWS: tuple[Row, ...] = (Bmp(), Png(), Jpeg(), SkyScan())
