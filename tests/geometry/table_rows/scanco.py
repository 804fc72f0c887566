"""Rows of Scanco's AIM, which py_aimio reads, and ISQ."""

import re
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
from geometry.formats.scanco_made import (
    BITS,
    CALIBRATION,
    CHAR,
    SHORT,
    TWO,
    VALUES,
    VAX,
    aim,
    bits,
    isq,
    runs_of_two,
    runs_of_values,
    vax,
)
from geometry.formats.volumes import gray
from geometry.table_rows.base import REFUSED, RIGHT, Row, Scan, Told, refusal

from tissue.geometry.grid import Frame
from tissue.geometry.images import read_image


class Aim(Row):
    """Volumes of Scanco; py_aimio reads them."""

    name = "Scanco AIM"
    types: ClassVar[tuple[str, ...]] = ("i1", "i2", "f4")
    fixed_unit = "mm"
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "line"})
    packings: ClassVar[tuple[str, ...]] = ("runs of two", "runs", "bits")
    usual = Scan(origin=(62.5, 40.0, 24.0))

    far = (-37.5, 40000.0, 56.0)

    KINDS: ClassVar[dict[str, int]] = {"i1": CHAR, "i2": SHORT, "f4": VAX}

    def write(self, folder: Path, scan: Scan) -> Path:
        kind, data = self.KINDS[scan.values.dtype.str[1:]], scan.values.tobytes()
        if scan.values.dtype.kind == "f":
            data = b"".join(vax(float(value)) for value in scan.values.ravel())
        if scan.packing:
            packed = {"runs of two": runs_of_two, "runs": runs_of_values, "bits": bits}
            codes = {"runs of two": TWO, "runs": VALUES, "bits": BITS}
            kind, data = codes[scan.packing], packed[scan.packing](scan.values)
        z, y, x = (edge / 1e3 for edge in scan.edges)
        nz, ny, nx = (
            round(start / edge) for start, edge in zip(scan.origin, scan.edges, strict=True)
        )
        log: dict[str, object] = {}
        if scan.line is not None:
            slope, offset = scan.line
            log = {**CALIBRATION, "Density: slope": slope * 8192, "Density: intercept": offset}
        file = folder / "scan.aim"
        return aim(file, scan.values, kind, data, (z, y, x), (nz, ny, nx), log=log)

    def told(self, file: Path, scan: Scan) -> Told:
        import py_aimio

        # it takes no umlauts in the log
        data = file.read_bytes()
        start = int(np.frombuffer(data, "<i4", 5)[:3].sum())
        log = data[160:start].decode("ascii", "replace").replace("\ufffd", "?").encode()
        plain = file.with_name("plain.aim")
        plain.write_bytes(data[:160] + log + data[start:])
        try:
            values, header = py_aimio.read_aim(str(plain), density=scan.line is not None)
        except ValueError:  # it asks for entries of the log that densities do not need
            return self.by_numpy(data, scan)
        edges = np.array(header["element_size"][::-1]) * 1e3
        origin = np.array(header["position"][::-1]) * edges
        return Told(values, edges, origin, np.eye(3))

    def by_numpy(self, data: bytes, scan: Scan) -> Told:
        """Gray values of 16 bits of a plain file."""
        sizes = np.frombuffer(data, "<i4", 5)
        shape = np.frombuffer(data, "<i4", 3, 56)[::-1]
        start = int(sizes[:3].sum())
        values = np.frombuffer(data, "<i2", int(np.prod(shape)), start).reshape(shape)
        if scan.line is not None:
            log = data[160:start].decode("latin-1")
            scaling, slope, offset = (
                float(re.search(rf"^{name} +(\S+)$", log, re.MULTILINE)[1])  # type: ignore[index]
                for name in ("Mu_Scaling", "Density: slope", "Density: intercept")
            )
            values = values * slope / scaling + offset
        return Told(values)

    def compression(self, folder: Path) -> str:
        for number, packing in enumerate(self.packings):
            scan = self.packed(packing)
            assert self.same(self.made(folder / f"{number}", scan), scan).labels
        return RIGHT

    def packed(self, packing: str) -> Scan:
        """A segmentation, as gray values are not compressed."""
        two = np.where(gray("i1") > 0, 127, 0).astype("i1")
        return Scan(two, origin=self.usual.origin, packing=packing)

    def calibration(self, folder: Path) -> str:
        """Gray values become densities, and labels of a segmentation do not."""
        super().calibration(folder / "gray")
        mask = np.where(gray() > 0, 127, 0).astype("i1")
        scan = Scan(mask, origin=self.usual.origin, line=(0.25, -391.5))
        image = read_image(self.made(folder / "mask", scan))
        np.testing.assert_array_equal(image.values, mask)
        return RIGHT

    def axes(self, folder: Path) -> str:
        """The format has no others; a type of voxels that is not known is refused."""
        file = self.made(folder, self.usual)
        data = bytearray(file.read_bytes())
        struct.pack_into("<i", data, 20 + 20, 0x00110003)
        file.write_bytes(data)
        assert "not known" in refusal(file)
        return REFUSED


def number(stored: bytes) -> float:
    """A number of eight bytes as the computer of the scanner writes it (VAX G floating)."""
    ordered = b"".join(stored[at : at + 2][::-1] for at in (0, 2, 4, 6))
    return float(struct.unpack(">d", ordered)[0]) / 4


class Isq(Row):
    """Scans of Scanco as they were reconstructed."""

    name = "Scanco ISQ"
    types: ClassVar[tuple[str, ...]] = ("i2",)
    fixed_unit = "um"
    has: ClassVar[frozenset[str]] = frozenset({"edges", "line"})
    usual = Scan(edges=(30.0, 20.0, 10.0))

    def write(self, folder: Path, scan: Scan) -> Path:
        slope, offset = scan.line or (0.0, 0.0)
        return isq(folder / "scan.isq", scan.values, slope * 8192, offset)

    def told(self, file: Path, scan: Scan) -> Told:
        """The numbers of the header and the blocks behind it, by numpy."""
        data = file.read_bytes()
        counts, lengths = np.frombuffer(data, "<i4", 6, 44).reshape(2, 3)[:, ::-1]
        start = 512 * (1 + int(np.frombuffer(data, "<i4", 1, 508)[0]))
        values = np.frombuffer(data, "<i2", int(np.prod(counts)), start).reshape(counts)
        if scan.line is not None:
            slope, offset = (number(data[1024 + at :]) for at in (664, 672))
            values = values * (slope / int(np.frombuffer(data, "<i4", 1, 88)[0])) + offset
        return Told(values, lengths / counts)

    def spare(self, whole: bytes) -> int:
        """The last block is filled up."""
        return len(whole) - 512 - self.usual.values.nbytes + 1

    def origin(self, folder: Path) -> str:
        """Its first voxel is where the places of AIM files cut from it count from."""
        whole = read_image(self.made(folder / "isq", self.usual))
        assert whole.frame == Frame()
        corner = (60.0, 60.0, 20.0)
        cut = Scan(self.usual.values[2:, 3:, 2:], self.usual.edges, corner)
        part = read_image(Aim().made(folder / "aim", cut))
        assert part.frame is not None
        np.testing.assert_allclose(part.frame.origin, whole.frame.at(corner), rtol=1e-6)
        return RIGHT

    def axes(self, folder: Path) -> str:
        file = folder / "scan.rsq"
        isq(file, self.usual.values)
        assert "projections" in refusal(file)
        return REFUSED


ROWS: tuple[Row, ...] = (Aim(), Isq())
