"""Makes one volume of the slices of a DICOM series, or refuses."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from tissue.geometry.formats.dicom_geometry import place, refuse_unlike
from tissue.geometry.formats.dicom_headers import Header, Slice
from tissue.geometry.formats.dicom_pixels import gray_type, gray_values
from tissue.geometry.formats.dicom_stored import Pixels
from tissue.geometry.image import Box, Image, Inventory, Parts, listed, refused, shortened

Owners = dict[Path, Header]

ONCE: tuple[tuple[str, Callable[[Header, Pixels], object]], ...] = (
    ("size (Rows)", lambda header, _: header.rows),
    ("size (Columns)", lambda header, _: header.columns),
    ("Modality", lambda header, _: header.modality),
    ("SegmentationType", lambda header, _: header.segmentation),
    ("bits per voxel (BitsAllocated)", lambda _, pixels: pixels.allocated),
    ("bits per voxel (BitsStored)", lambda _, pixels: pixels.stored),
    ("sign (PixelRepresentation)", lambda _, pixels: pixels.signed),
    ("kind of number", lambda _, pixels: "real" if pixels.real else "whole"),
    ("number of colors (SamplesPerPixel)", lambda _, pixels: pixels.samples),
    ("PhotometricInterpretation", lambda _, pixels: pixels.photometric),
)
"""Names of facts that are the same in all files of a volume, with their readers."""

MARKS = ("stack", "segment", "echo", "time")
"""Names of facts that distinguish volumes recorded at one place."""


def volume_of(source: Path, headers: Sequence[Header], ignored: tuple[str, ...]) -> Image:
    """The volume of one series; its voxels are read when they are asked for.

    Args:
        source: the file or folder, for complaints.
        headers: headers of the files of the series, each with its voxels.
        ignored: what else the folder holds.

    Raises:
        InputError: its slices do not make one volume.
    """
    owners = {each.file: each for each in headers}
    slices = [part for each in headers for part in each.slices]
    first = headers[0]
    pixels = first.pixels
    assert pixels
    _refuse_kind(source, first, pixels)
    _refuse_cut(source, headers)
    _refuse_mixed(source, slices, owners)
    labels = bool(first.segmentation)
    where = place(source, slices, sparse=labels)
    acquisitions = _acquisitions(source, where.order)
    scales = {(each.slope, each.intercept) for each in slices}
    calibrated = scales != {(1.0, 0.0)} and not labels
    dtype = gray_type(pixels, calibrated)

    def box_of(box: Box) -> np.ndarray:
        z, y, x = box
        out = np.zeros([along.stop - along.start for along in box], dtype)
        for into, part in zip(out, where.order[z], strict=True):
            if part is not None:
                into[:] = gray_values(owners[part.file], part, dtype, calibrated)[y, x]
        return out

    return Image(
        file=source,
        shape=(len(where.order), first.rows, first.columns),
        dtype=dtype,
        reader=box_of,
        inventory=Inventory(
            f"DICOM {first.modality}".strip(),
            parts=(Parts("slices", len(slices), len(slices)),),
            spacing_unit="mm",
            calibration=_calibration(scales) if calibrated else "",
            ignored=ignored,
            assumed=(*where.assumed, *acquisitions, *_remarks(headers, slices, scales)),
        ),
        spacing=where.spacing,
        frame=where.frame,
        unit="" if labels else _unit(first, slices[0].unit),
        labels=labels,
    )


def _refuse_kind(source: Path, first: Header, pixels: Pixels) -> None:
    """Refuse voxels that are neither gray values nor labels."""
    if pixels.samples != 1 or pixels.photometric == "PALETTE COLOR":
        raise refused(source, "holds colors; save it with one gray value per voxel")
    if pixels.photometric == "MONOCHROME1" and first.modality != "CT":
        raise refused(
            source,
            "may be inverted: screens show its low values white (MONOCHROME1); save it as"
            " MONOCHROME2, with bone as high values",
        )
    if first.table:
        raise refused(
            source,
            "gives its gray values by a table (Modality LUT), which is not applied here; save it"
            " with RescaleSlope and RescaleIntercept",
        )
    if first.segmentation == "FRACTIONAL":
        raise refused(source, "holds fractions and no labels; save the segmentation as BINARY")


def _refuse_cut(source: Path, headers: Sequence[Header]) -> None:
    cut = [
        f"{each.file.name} holds {each.pixels.found} of {each.pixels.needed}"
        for each in headers
        if each.pixels and each.pixels.found < each.pixels.needed
    ]
    if cut:
        raise refused(
            source,
            f"is cut short: {listed(cut)} bytes of its voxels (frames, where it is compressed);"
            " copy it again from its source",
        )
    for each in headers:
        row = each.columns * each.pixels.allocated // 8 if each.pixels else 0
        if each.pixels and each.pixels.behind > max(row, 1):
            raise refused(
                source,
                f"is damaged: {each.file.name} holds {each.pixels.behind} bytes of voxels more than"
                f" its {len(each.slices)} x {each.rows} x {each.columns} voxels; copy it again from"
                " its source",
            )


def _refuse_mixed(source: Path, slices: Sequence[Slice], owners: Owners) -> None:
    """Refuse slices that differ in a fact that a volume has once."""
    for what, fact in ONCE:
        refuse_unlike(source, slices, what, partial(_fact_of, fact, owners))
    if all(owners[each.file].place for each in slices):
        what = "space (FrameOfReferenceUID)"
        refuse_unlike(source, slices, what, lambda each: owners[each.file].place)
    what = "calibration (RescaleSlope)"
    refuse_unlike(source, slices, what, lambda each: "none" if each.unit is None else "one")
    refuse_unlike(source, slices, "unit (RescaleType)", lambda each: each.unit)
    for mark in MARKS:
        refuse_unlike(source, slices, mark, partial(_mark, mark))


def _mark(name: str, part: Slice) -> str | None:
    return dict(part.marks).get(name)


def _fact_of(fact: Callable[[Header, Pixels], object], owners: Owners, part: Slice) -> object:
    header = owners[part.file]
    assert header.pixels
    return fact(header, header.pixels)


def _acquisitions(source: Path, order: Sequence[Slice | None]) -> tuple[str, ...]:
    """A remark where a volume was recorded in parts, one after another along it.

    Raises:
        InputError: slices of several acquisitions lie between each other.
    """
    parts = [key for key, _ in groupby(part.acquisition for part in order if part)]
    if len(parts) == len(set(parts)):
        return (f"it was recorded in {len(parts)} acquisitions",) if len(parts) > 1 else ()
    raise refused(
        source,
        f"has slices of the acquisitions {listed(sorted(set(parts)))} (AcquisitionNumber) between"
        " each other; keep those of one acquisition in the folder",
    )


def _calibration(scales: set[tuple[float, float]]) -> str:
    if len(scales) == 1:
        slope, intercept = next(iter(scales))
        return f"{slope:.9g} * stored {intercept:+.9g}"
    slopes, intercepts = zip(*scales, strict=True)
    return (
        f"slope * stored + intercept of each slice (slopes {min(slopes):.6g} to {max(slopes):.6g},"
        f" intercepts {min(intercepts):.6g} to {max(intercepts):.6g})"
    )


def _unit(first: Header, written: str | None) -> str:
    """Unit of the gray values; a CT whose RescaleType is not written is in Hounsfield units.

    The standard says so (DICOM PS3.3, C.11.1.1.2); US stands for unspecified.
    """
    if written is None or written.upper() == "US":
        return ""
    return shortened(written) or ("HU" if first.modality == "CT" else "")


def _remarks(
    headers: Sequence[Header], slices: Sequence[Slice], scales: set[tuple[float, float]]
) -> list[str]:
    notes = []
    first = headers[0]
    if first.modality == "CT" and slices[0].unit is None:
        notes.append("it holds no calibration to Hounsfield units")
    paddings = {each.pixels.padding for each in headers if each.pixels} - {None}
    if paddings and not first.segmentation:
        slope, intercept = next(iter(scales))
        values = [
            f"{value * slope + intercept:g}"
            if len(scales) == 1
            else f"{value:g} before calibration"
            for value in sorted(each for each in paddings if each is not None)
        ]
        notes.append(
            f"voxels of {listed(values)} lie outside the field of view (PixelPaddingValue)"
        )
    if first.pixels and first.pixels.photometric == "MONOCHROME1":
        notes.append("screens show its low values white (MONOCHROME1); the values are as stored")
    if any(each.lossy for each in headers):
        notes.append("its slices were compressed with loss")
    expected = max(each.expected for each in headers)
    if expected > len(slices):
        notes.append(
            f"the scan had {expected} images (ImagesInAcquisition), of which {len(slices)} are here"
        )
    return notes
