"""Rows of DICOM, written by pydicom, and of Scanco's AIM and ISQ."""

import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom
from geometry.formats.dicom_made import elements, frames, save
from geometry.formats.scanco_made import (
    CALIBRATION,
    aim,
    bits,
    isq,
    runs_of_two,
    runs_of_values,
    vax,
)
from geometry.table_rows.base import REFUSED, RIGHT, Row, Scan, Told, Values, gray, refusal
from geometry.table_rows.slices import Folder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tissue.geometry.grid import Frame
from tissue.geometry.images import read_image

SYNTAXES = {"": ExplicitVRLittleEndian, "implicit": ImplicitVRLittleEndian, "RLE": RLELossless}


VOXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def tags(scan: Scan) -> dict[str, Any]:
    """Elements that place the slices of a scan."""
    z, y, x = (edge / 1e3 for edge in scan.edges)
    row, column, _ = scan.matrix.T
    told: dict[str, Any] = {
        "axes": (tuple(row), tuple(column)),
        "origin": tuple(along / 1e3 for along in scan.origin[::-1]),
        "step": z * right_handed(scan),
        "PixelSpacing": [y, x],
    }
    if scan.line is not None:
        slope, offset = scan.line
        told |= {"RescaleSlope": slope, "RescaleIntercept": offset, "RescaleType": "mgHA/cm3"}
    return told


def stored_as(data: Any, scan: Scan, file: Path) -> Path:
    """Writes a data set in the byte order and compression of a scan."""
    if scan.order == ">":
        name = next(name for name in VOXELS if name in data)
        setattr(data, name, swapped(data[name].value, scan.values.dtype))
        return save(data, file, ExplicitVRBigEndian)
    if scan.packing != "RLE":
        return save(data, file, SYNTAXES[scan.packing])
    save(data, file)
    packed = pydicom.dcmread(file)
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(file)
    return file


def by_pydicom(file: Path) -> Any:
    """A file as pydicom reads it; one that does not tell its syntax is taken as the usual one."""
    data = pydicom.dcmread(file, force=True)
    if "TransferSyntaxUID" not in data.file_meta:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def right_handed(scan: Scan) -> int:
    """1, or -1 where the third axis points against the normal of the first two."""
    return int(np.sign(np.linalg.det(scan.matrix)))


def swapped(data: bytes, kind: np.dtype[Any]) -> bytes:
    return np.frombuffer(data, kind).byteswap().tobytes()


class Slices(Row):
    """What both forms of DICOM share: slices count along the normal of their rows and columns."""

    fixed_unit = "mm"
    orders = ("<", ">")
    packings: ClassVar[tuple[str, ...]] = ("", "implicit", "RLE")
    has: ClassVar[frozenset[str]] = Row.has | {"line"}

    def stored(self, scan: Scan) -> Values:
        """Gray values; those of a left-handed scan from its other end."""
        return self.grays(scan)[:: right_handed(scan)]

    def grays(self, scan: Scan) -> Values:
        """Gray values from the first slice that was written."""
        return scan.grays

    def placed(self, scan: Scan) -> tuple[Any, Any]:
        matrix = scan.matrix * [1, 1, right_handed(scan)]
        if right_handed(scan) > 0:
            return scan.origin, matrix[::-1, ::-1]
        last = scan.matrix[:, 2] * (len(scan.values) - 1) * scan.edges[0]
        return np.array(scan.origin) + last[::-1], matrix[::-1, ::-1]

    def by_pydicom(
        self, planes: list[Values], places: list[Any], spacing: Any, turned: Any
    ) -> Told:
        """What pydicom gives, in the order of the positions along the normal."""
        row, column = np.array(turned, float).reshape(2, 3)
        normal = np.cross(row, column)
        points = np.array(places, float)
        order = np.argsort(points @ normal)
        points = points[order]
        z = float((points[-1] - points[0]) @ normal) / (len(points) - 1)
        y, x = spacing
        matrix = np.stack([row, column, normal], axis=1)[::-1, ::-1]
        values = np.stack(planes)[order]
        return Told(values, np.array([z, y, x]) * 1e3, points[0][::-1] * 1e3, matrix)


class Dicom(Folder, Slices):
    """A series whose names run against its positions."""

    name = "DICOM, a folder with a series"
    ending = "dcm"

    def write(self, folder: Path, scan: Scan) -> Path:
        for z in range(len(scan.values)):
            data = elements(scan.values, z, **tags(scan))
            if scan.values.dtype.kind == "f":
                name = {4: "FloatPixelData", 8: "DoubleFloatPixelData"}[scan.values.itemsize]
                setattr(data, name, data.PixelData)
                del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
            stored_as(data, scan, folder / f"i{90 - z}.dcm")
        return folder

    def slices(self, folder: Path) -> list[Path]:
        return super().slices(folder)[::-1]

    def told(self, file: Path, scan: Scan) -> Told:
        slices = [by_pydicom(each) for each in self.slices(file)]
        first = slices[0]
        return self.by_pydicom(
            [pydicom.pixels.apply_rescale(each.pixel_array, each) for each in slices],
            [each.ImagePositionPatient for each in slices],
            first.PixelSpacing,
            first.ImageOrientationPatient,
        )

    def axes(self, folder: Path) -> str:
        scan = self.made(folder, self.usual)
        for z in range(6):
            later = elements(self.usual.values, z, **tags(self.usual))
            later.SOPInstanceUID = f"1.2.3.5.{z}"
            save(later, scan / f"later{z}.dcm")
        assert "several slices at the same position" in refusal(scan)
        for each in scan.glob("later*"):
            each.unlink()
        for each in self.slices(scan):
            data = pydicom.dcmread(each)
            data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
            data.PlanarConfiguration = 0
            data.PixelData = data.PixelData * 3
            data.save_as(each)
        assert "colors" in refusal(scan)
        return REFUSED


class Frames(Slices):
    """All slices as the frames of one file, each with its place and calibration."""

    name = "DICOM, one file with frames"
    types: ClassVar[tuple[str, ...]] = ("u1", "u2", "i2", "i4")

    def write(self, folder: Path, scan: Scan) -> Path:
        told = tags(scan)
        for name in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            told.pop(name, None)
        data = frames(scan.values, **told)
        for z, group in enumerate(data.PerFrameFunctionalGroupsSequence):
            if scan.line is None:
                del group.PixelValueTransformationSequence
                continue
            scale = group.PixelValueTransformationSequence[0]
            scale.RescaleSlope, scale.RescaleIntercept = scan.line[0] * (1 + z), scan.line[1]
        return stored_as(data, scan, folder / "scan.dcm")

    def grays(self, scan: Scan) -> Values:
        if scan.line is None:
            return scan.values
        slopes = scan.line[0] * np.arange(1, 1 + len(scan.values))
        return scan.values * slopes[:, None, None] + scan.line[1]

    def told(self, file: Path, scan: Scan) -> Told:
        data = by_pydicom(file)
        groups = data.PerFrameFunctionalGroupsSequence
        planes = list(data.pixel_array)
        if scan.line is not None:
            scales = [group.PixelValueTransformationSequence[0] for group in groups]
            planes = [
                plane * float(scale.get("RescaleSlope", 1))
                + float(scale.get("RescaleIntercept", 0))
                for plane, scale in zip(planes, scales, strict=True)
            ]
        shared = data.SharedFunctionalGroupsSequence[0]
        told = self.by_pydicom(
            planes,
            [group.PlanePositionSequence[0].ImagePositionPatient for group in groups],
            shared.PixelMeasuresSequence[0].get("PixelSpacing", (0, 0)),
            shared.PlaneOrientationSequence[0].ImageOrientationPatient,
        )
        known = "PixelSpacing" in shared.PixelMeasuresSequence[0]
        return told if known else replace(told, edges=None)

    def axes(self, folder: Path) -> str:
        """Two volumes at one place."""
        file = self.made(folder, self.usual)
        data = pydicom.dcmread(file)
        groups = data.PerFrameFunctionalGroupsSequence
        for z, group in enumerate(groups):
            place = groups[z // 2 * 2].PlanePositionSequence[0].ImagePositionPatient
            group.PlanePositionSequence[0].ImagePositionPatient = list(place)
        data.save_as(file)
        assert "several slices at the same position" in refusal(file)
        return REFUSED


class Aim(Row):
    """Volumes of Scanco; py_aimio reads them."""

    name = "Scanco AIM"
    types: ClassVar[tuple[str, ...]] = ("i1", "i2", "f4")
    fixed_unit = "mm"
    has: ClassVar[frozenset[str]] = frozenset({"edges", "place", "line"})
    packings: ClassVar[tuple[str, ...]] = ("runs of two", "runs", "bits")
    usual = Scan(origin=(62.5, 40.0, 24.0))

    far = (-37.5, 40000.0, 56.0)

    KINDS: ClassVar[dict[str, int]] = {"i1": 0x00010001, "i2": 0x00020002, "f4": 0x00040004}

    def write(self, folder: Path, scan: Scan) -> Path:
        kind, data = self.KINDS[scan.values.dtype.str[1:]], scan.values.tobytes()
        if scan.values.dtype.kind == "f":
            data = b"".join(vax(float(value)) for value in scan.values.ravel())
        if scan.packing:
            packed = {"runs of two": runs_of_two, "runs": runs_of_values, "bits": bits}
            codes = {"runs of two": 0x00150001, "runs": 0x00080002, "bits": 0x00060001}
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

        try:
            values, header = py_aimio.read_aim(str(file), density=scan.line is not None)
        except (ValueError, UnicodeDecodeError):
            # it asks for entries of the log that densities do not need, and for no umlauts in it
            return self.by_numpy(file.read_bytes(), scan)
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
        two = np.where(gray("i1") > 0, 127, 0).astype("i1")
        for number, packing in enumerate(self.packings):
            scan = Scan(two, origin=self.usual.origin, packing=packing)
            assert self.same(self.made(folder / f"{number}", scan), scan).labels
        return RIGHT

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


ROWS: tuple[Row, ...] = (Dicom(), Frames(), Aim(), Isq())
