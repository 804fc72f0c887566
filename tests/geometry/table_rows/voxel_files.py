"""Rows of NRRD, MetaImage and NIfTI, written by SimpleITK and nibabel."""

import bz2
import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import nibabel
import numpy as np
import SimpleITK as sitk
from geometry.table_rows.base import ABSENT, REFUSED, Row, Scan, Told, refusal

from tissue.geometry.images import read_image

LENGTHS = {"mm": 1e3, "um": 1.0, "micron": 1.0, "cm": 1e4, "nm": 1e-3, "meter": 1e6}
"""Units of length [um]."""

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "zlib": zlib.compress,
}


def by_itk(file: Path, micrometers: float = 1e3) -> Told:
    """A file as SimpleITK reads it; `micrometers` is its unit, which SimpleITK does not know."""
    image = sitk.ReadImage(str(file))
    return Told(
        sitk.GetArrayFromImage(image),
        np.array(image.GetSpacing()[::-1]) * micrometers,
        np.array(image.GetOrigin()[::-1]) * micrometers,
        np.array(image.GetDirection()).reshape(3, 3)[::-1, ::-1],
    )


def of_itk(scan: Scan, micrometers: float = 1e3) -> sitk.Image:
    """A scan as SimpleITK holds it, with lengths in a unit."""
    image = sitk.GetImageFromArray(scan.values)
    image.SetSpacing([edge / micrometers for edge in scan.edges[::-1]])
    image.SetOrigin([along / micrometers for along in scan.origin[::-1]])
    image.SetDirection(scan.matrix.ravel().tolist())
    return image


class Itk(Row):
    """Files of SimpleITK, completed with facts that it cannot write.

    Attributes:
        ending: of the name of the file.
        form: compression that the row is about.
        last: what the header ends with.
        fourth: words of the refusal of a fourth axis.
    """

    ending: ClassVar[str]
    form: ClassVar[str] = "raw"
    last: ClassVar[bytes]
    fourth: ClassVar[str] = "axes T"
    orders = ("<", ">")

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / f"scan.{self.ending}"
        image = of_itk(scan, LENGTHS[scan.unit or "mm"])
        sitk.WriteImage(image, str(file), useCompression=self.form != "raw")
        voxels = next((each for each in folder.iterdir() if each != file), file)
        whole = file.read_bytes()
        end = whole.index(self.last) + len(self.last) if voxels == file else len(whole)
        stored = scan.values.astype(scan.values.dtype.newbyteorder(scan.order)).tobytes()
        body = PACKED[scan.packing or self.form](stored)
        head = self.edited(whole[:end].decode(), scan, len(body)).encode()
        file.write_bytes(head + (body if voxels == file else b""))
        if voxels != file:
            voxels.write_bytes(body)
        return file

    def edited(self, head: str, scan: Scan, size: int) -> str:
        """The header with the unit, byte order, compression and calibration of a scan."""
        raise NotImplementedError

    def told(self, file: Path, scan: Scan) -> Told:
        if scan.packing == "bzip2":  # which SimpleITK does not read
            return Told(scan.values)
        told = by_itk(file, LENGTHS[scan.unit or "mm"])
        return told if scan.line is None else replace(told, values=scan.grays)

    def axes(self, folder: Path) -> str:
        series = sitk.JoinSeries([of_itk(self.usual), of_itk(self.usual)])
        colors = sitk.GetImageFromArray(np.zeros((6, 7, 8, 3), "u1"), isVector=True)
        for name, image, word in (("t", series, self.fourth), ("c", colors, "channels")):
            file = folder / f"{name}.{self.ending}"
            sitk.WriteImage(image, str(file), useCompression=self.form != "raw")
            assert word in refusal(file)
        return REFUSED


class Detached(Itk):
    """A header with a file of voxels beside it."""

    def incomplete(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        voxels = next(each for each in folder.iterdir() if each != file)
        whole = voxels.read_bytes()
        for size in (0, len(whole) // 2, len(whole) - 1):
            voxels.write_bytes(whole[:size])
            assert voxels.name in refusal(file)
        voxels.unlink()
        assert voxels.name in refusal(file)
        head = file.read_bytes()
        voxels.write_bytes(whole)
        for size in (0, len(head) // 2, len(head) - 8):
            file.write_bytes(head[:size])
            refusal(file)
        return REFUSED


class Nrrd(Itk):
    name = "NRRD, raw"
    ending = "nrrd"
    last = b"\n\n"
    fourth = "4 dimensions"
    units: ClassVar[Mapping[str, float]] = LENGTHS

    def edited(self, head: str, scan: Scan, size: int) -> str:
        if scan.unit:
            units = f'"{scan.unit}" ' * 3
            head = head.replace("endian:", f"space units: {units}\nendian:")
        if scan.order == ">":
            head = head.replace("endian: little", "endian: big")
        if scan.packing:
            head = head.replace(f"encoding: {self.form}", f"encoding: {scan.packing}")
        return head

    def calibration(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        data = file.read_bytes()
        assert read_image(file).inventory.ignored == ()
        file.write_bytes(data.replace(b"endian:", b"old min: 0\nold max: 1\nendian:"))
        told = " ".join(read_image(file).inventory.ignored)
        assert "old min" in told
        assert "old max" in told
        np.testing.assert_array_equal(read_image(file).values, self.usual.values)
        return ABSENT


class NrrdPacked(Nrrd):
    name = "NRRD, gzip"
    form = "gzip"
    packings: ClassVar[tuple[str, ...]] = ("gzip", "bzip2")


class NrrdDetached(Detached, Nrrd):
    name = "NRRD, detached (.nhdr)"
    ending = "nhdr"


class MetaImage(Itk):
    name = "MetaImage (.mha), raw"
    ending = "mha"
    last = b"LOCAL\n"
    units: ClassVar[Mapping[str, float]] = {name: LENGTHS[name] for name in ("mm", "um", "cm")}
    has: ClassVar[frozenset[str]] = Row.has | {"line"}

    def edited(self, head: str, scan: Scan, size: int) -> str:
        lines = [] if not scan.unit else [f"DistanceUnits = {scan.unit}"]
        if scan.line is not None:
            names = ("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset")
            lines += [f"{name} = {part}" for name, part in zip(names, scan.line, strict=True)]
        for line in head.splitlines():
            key = line.partition(" = ")[0]
            if key == "BinaryDataByteOrderMSB":
                lines.append(f"{key} = {scan.order == '>'}")
            else:
                lines.append(f"{key} = {size}" if key == "CompressedDataSize" else line)
        return "\n".join([*lines, ""])


class MetaImagePacked(MetaImage):
    name = "MetaImage (.mha), zlib"
    form = "zlib"
    packings: ClassVar[tuple[str, ...]] = ("zlib",)


class MetaImageDetached(Detached, MetaImage):
    name = "MetaImage, detached (.mhd)"
    ending = "mhd"


class Nifti(Row):
    """Files of nibabel."""

    name = "NIfTI-1"
    kind: ClassVar[Any] = nibabel.Nifti1Image
    ending: ClassVar[str] = "nii"
    units: ClassVar[Mapping[str, float]] = {"mm": 1e3, "micron": 1.0, "meter": 1e6}
    orders = ("<", ">")
    has: ClassVar[frozenset[str]] = Row.has | {"line"}

    def write(self, folder: Path, scan: Scan) -> Path:
        file = folder / f"scan.{self.ending}"
        header = self.kind.header_class(endianness=scan.order)
        header.set_data_dtype(scan.values.dtype)
        scale = LENGTHS[scan.unit or "mm"]
        affine = np.eye(4)
        affine[:3, :3] = scan.matrix * scan.edges[::-1] / scale
        affine[:3, 3] = np.array(scan.origin[::-1]) / scale
        image = self.kind(scan.values.T, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, header)
        image.header.set_xyzt_units(scan.unit or "mm")
        nibabel.save(image, file)
        if scan.line is not None:
            self.with_line(file, *scan.line)
        return file

    def with_line(self, file: Path, slope: float, offset: float) -> None:
        """Puts a calibration into a header, which nibabel does to values it scales itself only."""
        data = file.read_bytes()
        data = gzip.decompress(data) if file.suffix == ".gz" else data
        header = self.kind.header_class(data[: self.kind.header_class.sizeof_hdr])
        header["scl_slope"], header["scl_inter"] = slope, offset
        data = header.binaryblock + data[len(header.binaryblock) :]
        file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)

    def told(self, file: Path, scan: Scan) -> Told:
        image = nibabel.load(file)
        code = {0: 1e3, 1: 1e6, 2: 1e3, 3: 1.0}[int(image.header["xyzt_units"]) & 7]
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
        columns = affine[:3, :3]
        return Told(
            np.asarray(image.dataobj).T,
            np.linalg.norm(columns, axis=0)[::-1] * code,
            affine[2::-1, 3] * code,
            (columns / np.linalg.norm(columns, axis=0))[::-1, ::-1],
        )

    def seconds(self, file: Path, scan: Scan) -> tuple[Told, ...]:
        """The header states the edges twice, and the two may differ by rounding."""
        told, header = self.told(file, scan), nibabel.load(file).header
        code = {0: 1e3, 1: 1e6, 2: 1e3, 3: 1.0}[int(header["xyzt_units"]) & 7]
        return (replace(told, edges=np.array(header.get_zooms()[:3], float)[::-1] * code),)

    def shown(self, unit: str) -> str:
        return {"micron": "um", "meter": "m"}.get(unit, unit)

    def axes(self, folder: Path) -> str:
        values = np.zeros((8, 7, 6, 2), "i2")
        colors = np.zeros((8, 7, 6), [(part, "u1") for part in "RGB"])
        for name, array, word in (("t", values, "axes T"), ("c", colors, "channels")):
            file = folder / f"{name}.{self.ending}"
            nibabel.save(self.kind(array, np.diag([0.01, 0.01, 0.01, 1])), file)
            assert word in refusal(file)
        return REFUSED


class NiftiPacked(Nifti):
    name = "NIfTI-1, gzip"
    ending = "nii.gz"
    packings: ClassVar[tuple[str, ...]] = ("gzip",)

    def spare(self, whole: bytes) -> int:
        return 9  # behind the voxels come the eight bytes of a check


class Nifti2(Nifti):
    name = "NIfTI-2"
    kind = nibabel.Nifti2Image


class NiftiPair(Nifti):
    name = "NIfTI-1, pair (.hdr, .img)"
    kind = nibabel.Nifti1Pair
    ending = "hdr"

    def incomplete(self, folder: Path) -> str:
        file = self.made(folder, self.usual)
        voxels = file.with_suffix(".img")
        whole = voxels.read_bytes()
        voxels.write_bytes(whole[:-1])
        assert "scan.img" in refusal(file)
        voxels.unlink()
        assert "scan.img" in refusal(file)
        voxels.write_bytes(whole)
        file.write_bytes(file.read_bytes()[:300])
        assert "scan.hdr" in refusal(file)
        return REFUSED


ROWS: tuple[Row, ...] = (
    *(Nrrd(), NrrdPacked(), NrrdDetached()),
    *(MetaImage(), MetaImagePacked(), MetaImageDetached()),
    *(Nifti(), NiftiPacked(), Nifti2(), NiftiPair()),
)
