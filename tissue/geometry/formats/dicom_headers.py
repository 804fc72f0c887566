"""Headers of DICOM files: all facts of an image that are known before a voxel is read.

Element names are those of the standard (DICOM PS3.6); lengths are in mm and coordinates in x, y, z,
as the files hold them.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom

from tissue.errors import InputError
from tissue.geometry.formats.dicom_elements import (
    Numbers,
    count_of,
    first_number,
    first_numbers,
    first_text,
    quiet,
    text_of,
)
from tissue.geometry.formats.dicom_stored import Pixels, pixels_of
from tissue.geometry.image import refused, unreadable

HEAD = 1024
"""Bytes at the start of a file in which its kind is looked for."""

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Identifier of Deflated Explicit VR Little Endian, whose header cannot be read in part."""

GROUPS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameContentSequence",
    "MREchoSequence",
    "SegmentIdentificationSequence",
)
"""Functional groups that hold facts of a frame."""

ELEMENTS = [
    *(
        "SOPClassUID",
        "Modality",
        "SegmentationType",
        "LossyImageCompression",
        "FrameOfReferenceUID",
    ),
    *("SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "ImagesInAcquisition"),
    *("InstanceNumber", "AcquisitionNumber", "EchoNumbers", "TemporalPositionIdentifier"),
    *("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
    *("PixelSpacing", "SpacingBetweenSlices", "Rows", "Columns", "NumberOfFrames"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel"),
    *("PhotometricInterpretation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]
"""Elements that are read; others, and the voxels, are passed over."""


@dataclass(frozen=True)
class Slice:
    """One slice: a file, or a frame of a file with several.

    Attributes:
        file: the file.
        frame: number of the frame in the file, from 0.
        name: name of the slice in messages.
        instance: InstanceNumber; the number of the frame in a file with several.
        position: center of the first voxel (x, y, z) [mm].
        orientation: unit vectors along a row and along a column (x, y, z each).
        location: SliceLocation [mm].
        spacing: distances between rows and between columns [mm].
        between: SpacingBetweenSlices [mm].
        slope: gray value per stored number.
        intercept: gray value of a stored zero.
        unit: RescaleType, the unit of the gray values; None where no calibration is written.
        marks: names and values of facts that distinguish volumes recorded at one place.
        acquisition: AcquisitionNumber.
    """

    file: Path
    frame: int
    name: str
    instance: int | None
    position: Numbers | None
    orientation: Numbers | None
    location: float | None
    spacing: Numbers | None
    between: float | None
    slope: float
    intercept: float
    unit: str | None
    marks: tuple[tuple[str, str], ...]
    acquisition: str


@dataclass(frozen=True)
class Header:
    """Facts of one DICOM file.

    Attributes:
        file: the file.
        kind: name of its SOP class, such as "CT Image Storage".
        series: SeriesInstanceUID.
        number: SeriesNumber.
        description: SeriesDescription.
        modality: Modality, such as "CT".
        place: FrameOfReferenceUID.
        expected: ImagesInAcquisition; 0 where it is not written.
        rows: number of rows of voxels; 0 where the file holds no image.
        columns: number of columns of voxels.
        pixels: its voxels; None where the file holds no image.
        slices: its slices.
        segmentation: SegmentationType; empty for other files.
        lossy: whether the image was compressed with loss.
        table: whether gray values follow from a table (Modality LUT).
    """

    file: Path
    kind: str
    series: str
    number: str
    description: str
    modality: str
    place: str
    expected: int
    rows: int
    columns: int
    pixels: Pixels | None
    slices: tuple[Slice, ...]
    segmentation: str
    lossy: bool
    table: bool


def is_dicom(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a DICOM file with its preamble."""
    return head[128:132] == b"DICM"


def may_be_dicom(head: bytes) -> bool:
    """Whether a file may be DICOM: it has the preamble, or begins with an element of a header."""
    bare = head[:2] in (b"\x08\x00", b"\x02\x00") and head[3:4] == b"\0"
    return is_dicom(head) or bare or (head[:3] == b"\0\x08\0" and head[4:6].isalpha())


def read_header(file: Path) -> Header | None:
    """Read the header of a file; None where the file is not DICOM after all.

    Raises:
        InputError: the header is damaged.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(HEAD)
            if not may_be_dicom(head):
                return None
            if DEFLATED in head:
                raise refused(file, "is deflated as a whole; save it uncompressed")
            # of a mapped file no length in a damaged header makes more be read than is there
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped, quiet():
                return _header(file, mapped, is_dicom(head))
    except (InputError, MemoryError):
        raise
    except OSError as error:
        raise unreadable(file, error) from error
    except Exception as error:  # a damaged header may make its reader fail in any way
        raise unreadable(file, f"its DICOM header is damaged: {error}") from error


def _header(file: Path, mapped: mmap.mmap, sure: bool) -> Header | None:
    data = pydicom.dcmread(mapped, stop_before_pixels=True, force=True, specific_tags=ELEMENTS)
    kind = text_of(data, "SOPClassUID") or text_of(data.file_meta, "MediaStorageSOPClassUID")
    if not (sure or kind or "Modality" in data or "Rows" in data):
        return None
    rows, columns = count_of(data, "Rows"), count_of(data, "Columns")
    image = rows > 0 and columns > 0
    name = pydicom.uid.UID(kind).name if kind else "DICOM object of no kind"
    # a header that is cut short names no kind, or a part of one
    lost = not kind or (name == kind and not text_of(data, "SeriesInstanceUID"))
    if not image and (lost or name.endswith(("Image Storage", "Segmentation Storage"))):
        raise ValueError("it ends before it says the size of its image")
    frames = max(1, count_of(data, "NumberOfFrames"))
    return Header(
        file=file,
        kind=name,
        series=text_of(data, "SeriesInstanceUID"),
        number=text_of(data, "SeriesNumber"),
        description=text_of(data, "SeriesDescription"),
        modality=text_of(data, "Modality"),
        place=text_of(data, "FrameOfReferenceUID"),
        expected=count_of(data, "ImagesInAcquisition"),
        rows=rows if image else 0,
        columns=columns if image else 0,
        pixels=pixels_of(data, mapped, rows * columns, frames) if image else None,
        slices=tuple(_slices(file, data, frames)) if image else (),
        segmentation=text_of(data, "SegmentationType").upper(),
        lossy=text_of(data, "LossyImageCompression") == "01",
        table="ModalityLUTSequence" in data,
    )


def _slices(file: Path, data: Any, frames: int) -> Iterator[Slice]:
    shared = (data.get("SharedFunctionalGroupsSequence") or [None])[0]
    single = data.get("PerFrameFunctionalGroupsSequence") or []
    if single and len(single) != frames:
        raise ValueError(f"it describes {len(single)} of its {frames} frames")
    instance = text_of(data, "InstanceNumber")
    for frame in range(frames):
        groups = [group for group in (single[frame] if single else None, shared) if group]
        facts = [*_items(groups), data]
        if frames > 1:
            name, number = f"frame {frame + 1} of {file.name}", str(frame + 1)
        else:
            name = f"{file.name} (instance {instance})" if instance else file.name
            number = instance
        marks = {
            "stack": first_text(facts, "StackID"),
            "segment": first_text(facts, "ReferencedSegmentNumber"),
            "echo": first_text(facts, "EffectiveEchoTime") or first_text(facts, "EchoNumbers"),
            "time": first_text(facts, "TemporalPositionIndex")
            or first_text(facts, "TemporalPositionIdentifier"),
        }
        slope = first_number(facts, "RescaleSlope")
        intercept = first_number(facts, "RescaleIntercept")
        if slope == 0:
            raise ValueError("RescaleSlope is 0")
        if (slope is None) != (intercept is None):
            raise ValueError("it has one of RescaleSlope and RescaleIntercept and not the other")
        yield Slice(
            file=file,
            frame=frame,
            name=name,
            instance=int(number) if number else None,
            # one position for all frames of a file is that of none
            position=first_numbers(facts[:-1] if frames > 1 else facts, "ImagePositionPatient", 3),
            orientation=first_numbers(facts, "ImageOrientationPatient", 6),
            location=first_number(facts, "SliceLocation"),
            spacing=first_numbers(facts, "PixelSpacing", 2),
            between=first_number(facts, "SpacingBetweenSlices"),
            slope=1.0 if slope is None else slope,
            intercept=0.0 if intercept is None else intercept,
            unit=None if slope is None else first_text(facts, "RescaleType"),
            marks=tuple((key, value) for key, value in marks.items() if value),
            acquisition=first_text(facts, "FrameAcquisitionNumber")
            or first_text(facts, "AcquisitionNumber"),
        )


def _items(groups: list[Any]) -> Iterator[Any]:
    """The data sets in functional groups."""
    for group in groups:
        for name in GROUPS:
            yield from (group.get(name) or [])[:1]
