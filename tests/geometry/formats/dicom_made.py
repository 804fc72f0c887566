"""DICOM series made for tests, element by element."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset

SIZE = (0.03, 0.02, 0.01)
"""Voxel edges (z, y, x) [mm]."""

UPRIGHT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
OBLIQUE = ((0.8, 0.6, 0.0), (-0.36, 0.48, 0.8))
"""Unit vectors along a row and along a column (x, y, z)."""


def gray(dtype: str = "i2", shape: tuple[int, int, int] = (5, 6, 7)) -> np.ndarray:
    """Every voxel has its own value, so that no mistake in order can go unseen."""
    values = np.arange(np.prod(shape)).reshape(shape)
    return (values - (100 if np.dtype(dtype).kind == "i" else 0)).astype(dtype)


def elements(
    values: np.ndarray,
    z: int,
    axes: tuple[tuple[float, ...], tuple[float, ...]] = UPRIGHT,
    origin: tuple[float, ...] = (1.0, -2.0, 3.0),
    step: float = SIZE[0],
    **more: Any,
) -> Dataset:
    """One CT slice of a volume [z, y, x]; elements in `more` stand in place of the usual ones."""
    data = Dataset()
    data.SOPClassUID = pydicom.uid.CTImageStorage
    data.SOPInstanceUID = f"1.2.3.4.{z + 1}"
    data.Modality = "CT"
    data.SeriesInstanceUID = "1.2.3"
    data.SeriesNumber = 7
    data.InstanceNumber = z + 1
    row, column = np.array(axes)
    place = np.array(origin) + z * step * np.cross(row, column)
    data.ImagePositionPatient = [float(f"{part:.6f}") for part in place]
    data.ImageOrientationPatient = [*map(float, row), *map(float, column)]
    data.PixelSpacing = [SIZE[1], SIZE[2]]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = values.shape[1:]
    bits = 8 * values.dtype.itemsize
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = int(values.dtype.kind == "i")
    data.PixelData = values[z].tobytes()
    for name, value in more.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def save(
    data: Dataset, file: Path, syntax: str = pydicom.uid.ExplicitVRLittleEndian, bare: bool = False
) -> Path:
    """Writes a data set; a bare one without preamble and file meta information."""
    uid = pydicom.uid.UID(syntax)
    if "PixelData" in data:
        data["PixelData"].VR = "OB" if uid.is_encapsulated else "OW"
    if bare:
        data.save_as(file, implicit_vr=uid.is_implicit_VR, little_endian=uid.is_little_endian)
        return file
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = uid
    data.save_as(file, enforce_file_format=True)
    return file


def series(folder: Path, values: np.ndarray | None = None, **more: Any) -> Path:
    """A folder with a series whose names run against its positions."""
    volume = gray() if values is None else values
    folder.mkdir(parents=True, exist_ok=True)
    for z in range(len(volume)):
        save(elements(volume, z, **more), folder / f"i{90 - z}.dcm")
    return folder


def frames(values: np.ndarray, **more: Any) -> Dataset:
    """An enhanced CT: one file, with the place of each frame in its functional groups."""
    data = elements(values, 0, **more)
    data.SOPClassUID = pydicom.uid.EnhancedCTImageStorage
    data.NumberOfFrames = len(values)
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = data.PixelSpacing
    turned.ImageOrientationPatient = data.ImageOrientationPatient
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [turned]
    data.SharedFunctionalGroupsSequence = [shared]
    single = []
    for z in range(len(values)):
        group, place, scale = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = elements(values, z, **more).ImagePositionPatient
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = 2.0 + z, -10.0, "HU"
        group.PlanePositionSequence = [place]
        group.PixelValueTransformationSequence = [scale]
        single.append(group)
    data.PerFrameFunctionalGroupsSequence = single
    del data.ImagePositionPatient, data.ImageOrientationPatient, data.PixelSpacing
    data.PixelData = values.tobytes()
    return data
