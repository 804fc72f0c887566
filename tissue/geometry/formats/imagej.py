"""The lines with which ImageJ describes a TIFF stack: axes, voxel edges, place and gray values.

They are read as ImageJ itself does (FileOpener.java and TiffDecoder.java of ImageJ 1.54).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tissue.geometry.formats import tiff_tags as tag
from tissue.geometry.formats.raw import Calibration
from tissue.geometry.formats.tiff_tags import Directory
from tissue.geometry.grid import Frame
from tissue.geometry.image import MICROMETERS, Parts, Spacing, edges, shortened

SIGNS = ("ImageJ", "SCIFIO")
"""Beginnings of the descriptions of ImageJ and of its successor, which names axes alike."""

STRAIGHT_LINE, NO_FUNCTION = 0, 20
"""Numbers of calibration functions (ij.measure.Calibration)."""
INCH, CENTIMETER = 2, 3
"""Numbers of the TIFF tag ResolutionUnit."""
NO_LENGTH = ("", " ", "pixel", "pixels", "voxel", "voxels", "gray value", "?")
"""Units that say that no length, or no unit of gray values, is known."""
SIGNED_16 = 32768
"""ImageJ adds this to signed 16-bit numbers and keeps them as unsigned ones."""


@dataclass(frozen=True)
class StackFacts:
    """Facts of a stack that a TIFF file states beside its pages.

    Attributes:
        axes: letters and lengths of the axes over the pages, the slowest first.
        spacing: voxel edges (z, y, x) [um]; None where they are not written.
        spacing_unit: unit of length as written.
        frame: place; None where it is not written.
        line: calibration of the gray values; None where they are the stored numbers.
        unit: unit of the gray values.
        parts: parts of other kinds than pages; pages among them where some belong to other files.
        ignored: parts that hold no voxel of the volume.
        assumed: assumptions about missing facts, one sentence each.
        doubts: clauses on what is ambiguous, with their remedy.
    """

    axes: tuple[tuple[str, int], ...] = ()
    spacing: Spacing = (None, None, None)
    spacing_unit: str = ""
    frame: Frame | None = None
    line: Calibration | None = None
    unit: str = ""
    parts: tuple[Parts, ...] = ()
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def planes(self) -> int:
        """Number of pages that the axes ask for."""
        return math.prod(size for _, size in self.axes)


def is_imagej(description: str) -> bool:
    """Whether ImageJ, or a program that writes like it, described the file."""
    return description.startswith(SIGNS)


def stack_facts(description: str, first: Directory, stored: str, pages: int) -> StackFacts:
    """Read a description of ImageJ.

    Args:
        description: text of the first page.
        first: directory of the first page.
        stored: name of the numpy type of the stored numbers.
        pages: number of pages in the file, for a description that names no number of images.
    """
    keys = _keys(description)
    assumed: list[str] = []
    doubts: list[str] = []
    spacing, units = _spacing(keys, first, assumed)
    if not description.startswith("ImageJ"):
        spacing, units = (None, None, None), ""
    line = _line(keys, stored, doubts)
    frame = _frame(keys, spacing)
    if frame is not None and keys.get("inverty") == "true":
        frame = None
        assumed.append("ImageJ counts y upwards in this stack: its place is left out of account")
    if frame is not None:
        assumed.append("ImageJ writes no directions: the axes of the stack are taken as z, y, x")
    unit = keys.get("vunit", "") if line or stored.startswith("float") else ""
    return StackFacts(
        axes=_axes(keys, pages, doubts),
        spacing=spacing,
        spacing_unit=units,
        frame=frame,
        line=line,
        unit="" if unit.lower() in NO_LENGTH else unit,
        assumed=tuple(assumed),
        doubts=tuple(doubts),
    )


def _keys(description: str) -> Mapping[str, str]:
    keys = {}
    for line in description.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            keys[key.strip()] = _unescaped(value).strip()
    return keys


def _unescaped(text: str) -> str:
    r"""Text without escapes: ImageJ writes the micro sign as the six characters \u00B5."""
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: chr(int(found[1], 16)), text)


def _number(keys: Mapping[str, str], key: str) -> float | None:
    try:
        return float(keys[key])
    except (KeyError, ValueError):
        return None


def _count(keys: Mapping[str, str], key: str) -> int:
    value = _number(keys, key)
    return int(value) if value is not None and 1 <= value < 2**31 else 1


def _axes(keys: Mapping[str, str], pages: int, doubts: list[str]) -> tuple[tuple[str, int], ...]:
    frames, slices, channels = (_count(keys, key) for key in ("frames", "slices", "channels"))
    images = _count(keys, "images") if "images" in keys else pages
    if frames * slices * channels == 1:
        slices = images
    if frames * slices * channels != images:
        doubts.append(
            f"describes {images} images as {slices} slices, {channels} channels and {frames}"
            " frames; save it again as one stack of slices"
        )
    return ("t", frames), ("z", slices), ("c", channels)


def _spacing(keys: Mapping[str, str], first: Directory, assumed: list[str]) -> tuple[Spacing, str]:
    unit = keys.get("unit", "")
    names = (keys.get("zunit", unit), keys.get("yunit", unit), unit)
    y, x = (first.numbers.get(axis, ()) for axis in (tag.Y_RESOLUTION, tag.X_RESOLUTION))
    resolution = first.number(tag.RESOLUTION_UNIT, 1)
    lengths = (_number(keys, "spacing"), _edge(y), _edge(x))
    # ImageJ turns edges in cm into um where the tag says cm and the description um
    shrunk = 1e4 if unit == "um" and resolution == CENTIMETER else 1.0
    if _is_stand_in(y, x, resolution, lengths[0]):
        lengths = (lengths[0], None, None)
        shrunk = 1.0
    found: list[float | None] = []
    for length, name, factor in zip(lengths, names, (1.0, shrunk, shrunk), strict=True):
        scale = _micrometers(name)
        if scale is None and name.lower() not in NO_LENGTH:
            note = f"the unit of length {shortened(name)!r} is not known; its lengths are ignored"
            assumed.extend([note] if note not in assumed else [])
        found.append(None if scale is None or length is None else length * scale * factor)
    return edges(found), " and ".join(dict.fromkeys(name for name in names if _micrometers(name)))


def _edge(terms: tuple[int, ...]) -> float | None:
    return terms[1] / terms[0] if len(terms) > 1 and terms[0] else None


def _is_stand_in(
    y: tuple[int, ...], x: tuple[int, ...], resolution: int, depth: float | None
) -> bool:
    """Whether the pixel edges are defaults of writers without a known edge.

    These are 1/1 of tifffile, where ImageJ itself writes millionths, unless the depth of a slice
    is given as 1, too; and 72 pixels an inch, which ImageJ leaves out of account.
    """
    if x == y == (1, 1):
        return depth != 1
    edge = _edge(x)
    return resolution == INCH and edge is not None and math.isclose(edge, 1 / 72)


def _micrometers(unit: str) -> float | None:
    return MICROMETERS.get({"in": "inch"}.get(unit.lower(), unit.lower()))


def _frame(keys: Mapping[str, str], spacing: Spacing) -> Frame | None:
    """Place of the first voxel; ImageJ counts in voxels from it to the origin of its axes."""
    steps = [_number(keys, f"{axis}origin") for axis in "zyx"]
    z, y, x = spacing
    if not any(steps) or z is None or y is None or x is None:
        return None
    start = [-(step or 0.0) * edge for step, edge in zip(steps, (z, y, x), strict=True)]
    return Frame((start[0], start[1], start[2]))


def _line(keys: Mapping[str, str], stored: str, doubts: list[str]) -> Calibration | None:
    """Calibration of the gray values, which ImageJ does to integers of 8 and 16 bits."""
    offset, slope = _number(keys, "c0"), _number(keys, "c1")
    function = _number(keys, "cf")
    if stored not in ("uint8", "uint16", "int16") or function == NO_FUNCTION:
        return None
    if function is None and offset is None and slope is None:
        return None
    remedy = "in Fiji choose Image > Type > 32-bit, which applies it, and save again"
    if function not in (None, STRAIGHT_LINE):
        doubts.append(f"has ImageJ's calibration function {function:g}, no straight line; {remedy}")
    elif offset is None or slope is None or not slope or not math.isfinite(offset * slope):
        doubts.append(f"has a calibration without a line (c0 {offset}, c1 {slope}); {remedy}")
    elif "vunit" not in keys:
        doubts.append(
            f"has a calibration (c0 {offset:g}, c1 {slope:g}) without the unit of its values"
            " (vunit), so that ImageJ leaves it out of account; write that unit, or leave c0 and c1"
            " away"
        )
    elif keys.get("zeroclip") == "true":
        doubts.append(f"has a calibration that clips values at 0; {remedy}")
    elif stored == "int16":
        return Calibration(slope, offset + slope * SIGNED_16)
    else:
        return Calibration(slope, offset)
    return None
