"""Rows of DICOM, written and read by pydicom."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pydicom
from geometry.formats.dicom_made import elements, frames, save
from geometry.table_rows.base import REFUSED, Row, Scan, Told, Values, refusal
from geometry.table_rows.slices import Folder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

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
    """Base of both forms of DICOM: slices count along the normal of their rows and columns."""

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
        """Contents that pydicom gives, in the order of the positions along the normal."""
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


ROWS: tuple[Row, ...] = (Dicom(), Frames())
