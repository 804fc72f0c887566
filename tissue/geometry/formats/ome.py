"""The XML with which OME-TIFF files describe their planes, sizes and the files of a set."""

import math
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from tissue.geometry.formats.imagej import StackFacts
from tissue.geometry.image import MICROMETERS, Spacing, edges, shortened

Element = ElementTree.Element

UNITS = {**MICROMETERS, "pm": 1e-6, "å": 1e-4, "km": 1e9, "in": 25400.0, "ft": 304800.0}
"""Length units of the OME model [um]; "in" and "ft" are exactly 25.4 and 304.8 mm."""
NO_LENGTH = ("pixel", "reference frame")
"""Units of the OME model that are no lengths."""
TYPES = {name: name for name in ("int8", "int16", "int32", "uint8", "uint16", "uint32")}
TYPES |= {"bit": "bool", "float": "float32", "double": "float64"}
"""numpy types of the pixel types of the OME model."""
PLACES = {"PositionX", "PositionY", "PositionZ"}
"""Attributes of a plane that give the position of the stage of a microscope."""
MOST_PLANES = 10**6
"""Planes of an image; more are no scan, and a list of them fills the memory."""


START = re.compile(r"<(\w+:)?OME[\s>]")
FOREWORD = 2000
"""Characters in which the outermost element begins; declarations and remarks come before it."""


class Damaged(Exception):
    """XML text that does not describe an image; the message is a clause with its remedy."""


@dataclass(frozen=True)
class Plane:
    """Place of one plane: a page of a file.

    Attributes:
        file: name of the file; empty where the file itself is meant.
        uuid: identifier of that file; empty where none is written.
        page: number of the page in that file.
    """

    file: str
    uuid: str
    page: int


@dataclass(frozen=True)
class Described:
    """Facts of an image that the XML states.

    Attributes:
        images: names of the images in it; the first one is described.
        rows: rows of a plane.
        columns: columns of a plane.
        stored: name of the numpy type of the stored numbers; empty where it is not known.
        planes: places of the planes in the order of the axes; None where one is not named.
        facts: axes, voxel edges, assumptions and doubts.
    """

    images: tuple[str, ...]
    rows: int
    columns: int
    stored: str
    planes: tuple[Plane | None, ...]
    facts: StackFacts


def is_ome(description: str) -> bool:
    """Whether a description is meant as XML of OME, be it damaged or not."""
    return START.search(description, 0, FOREWORD) is not None


def root_of(xml: str) -> Element:
    """Outermost element of an XML text.

    Raises:
        Damaged: the text is not XML, or defines entities.
    """
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise Damaged("has an OME-XML that defines entities; save it again with its own program")
    try:
        return ElementTree.fromstring(xml.strip())
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise Damaged(
            f"has a damaged OME-XML ({shortened(str(error))}); copy the file again from its source"
        ) from None


def companion(root: Element) -> str:
    """Name of the file that describes this one; empty where it does so itself."""
    found = _first(root, "BinaryOnly")
    return "" if found is None else found.get("MetadataFile", "")


def uuid_of(root: Element) -> str:
    """Identifier of the file that holds the XML."""
    return root.get("UUID", "")


def described(root: Element, pages: int) -> Described:
    """Read the facts of the first image.

    Args:
        root: outermost element.
        pages: number of pages in the file, which a description may mean all.

    Raises:
        Damaged: the XML describes no image, or contradicts itself.
    """
    images = [node for node in root if _name(node) == "Image"]
    pixels = _first(images[0], "Pixels") if images else None
    if pixels is None:
        raise Damaged("has an OME-XML without an image; save it again with its own program")
    order = pixels.get("DimensionOrder", "XYZCT")
    if sorted(order) != sorted("XYZCT") or not order.startswith("XY"):
        raise Damaged(f"has an OME-XML with the order {shortened(order)!r} of its axes; correct it")
    sizes = {axis: _whole(pixels, f"Size{axis}") for axis in "XYZCT"}
    # colors of a pixel are no planes
    samples = max((_whole(node, "SamplesPerPixel", 1) for node in pixels), default=1)
    sizes["C"] = max(1, sizes["C"] // samples)
    axes = tuple((axis.lower(), sizes[axis]) for axis in "TZC")
    if math.prod(size for _, size in axes) > MOST_PLANES:
        raise Damaged(f"has an OME-XML with {sizes} planes; correct its sizes")
    spacing, units, assumed = _spacing(pixels)
    doubts = []
    if any(_name(node) == "ModuloAlongZ" for node in root.iter()):
        doubts.append("has planes along z that are no slices (ModuloAlongZ); save one volume alone")
    if any(_name(node) == "Plane" and PLACES.intersection(node.keys()) for node in pixels):
        assumed = (*assumed, "the positions of its planes are those of a stage, and give no place")
    kind = pixels.get("Type") or pixels.get("PixelType") or ""
    return Described(
        images=tuple(node.get("Name") or node.get("ID") or "unnamed" for node in images),
        rows=sizes["Y"],
        columns=sizes["X"],
        stored=TYPES.get(kind, ""),
        planes=_planes(pixels, sizes, order, pages),
        facts=StackFacts(axes, spacing, units, assumed=assumed, doubts=tuple(doubts)),
    )


def _planes(
    pixels: Element, sizes: dict[str, int], order: str, pages: int
) -> tuple[Plane | None, ...]:
    """Places of the planes in the order of the axes T, Z, C."""
    places: dict[tuple[int, ...], Plane] = {}
    blocks = [node for node in pixels if _name(node) == "TiffData"]
    # without any, all pages are meant, from the first one on
    blocks = blocks or [ElementTree.Element("TiffData")]
    for block in blocks:
        first = {axis: _whole(block, f"First{axis}", 0) for axis in "TZC"}
        page = _whole(block, "IFD", 0)
        everything = min(pages, math.prod(sizes[axis] for axis in "TZC"))
        alone = len(blocks) == 1 and block.get("IFD") is None
        count = _whole(block, "PlaneCount", everything if alone else 1)
        named = _first(block, "UUID")
        file = "" if named is None else named.get("FileName", "")
        uuid = "" if named is None or not named.text else named.text.strip()
        at = [first[axis] for axis in order[2:]]
        for step in range(count):
            where = dict(zip(order[2:], at, strict=True))
            if any(where[axis] >= sizes[axis] for axis in "TZC"):
                raise Damaged(
                    "has an OME-XML that names planes outside of its sizes"
                    f" ({', '.join(f'{axis} {where[axis]}' for axis in 'TZC')}); copy the file"
                    " again from its source, or save it again with its own program"
                )
            index = tuple(where[axis] for axis in "TZC")
            plane = Plane(file, uuid, page + step)
            if places.setdefault(index, plane) != plane:
                raise Damaged(f"has an OME-XML that names the plane z = {where['Z']} twice")
            for position, axis in enumerate(order[2:]):  # the first axis changes fastest
                at[position] += 1
                if at[position] < sizes[axis] or position == 2:
                    break
                at[position] = 0
    return tuple(
        places.get((t, z, c))
        for t in range(sizes["T"])
        for z in range(sizes["Z"])
        for c in range(sizes["C"])
    )


def _spacing(pixels: Element) -> tuple[Spacing, str, tuple[str, ...]]:
    lengths: list[float | None] = []
    units, assumed = [], []
    for axis in "ZYX":
        text = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        scale = UNITS.get(unit.lower())
        try:
            length = None if text is None or scale is None else float(text) * scale
        except ValueError:
            length = None
        if text is not None and length is None and unit.lower() not in NO_LENGTH:
            size = f"PhysicalSize{axis} {text} {unit}"
            assumed.append(f"{shortened(size)} is not a known length and is ignored")
        if length is not None and unit not in units:
            units.append(unit)
        lengths.append(length)
    return edges(lengths), " and ".join(units), tuple(assumed)


def _whole(node: Element, key: str, default: int | None = None) -> int:
    text = node.get(key)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        value = -1
    least = 1 if key.startswith(("Size", "Samples")) else 0
    if not least <= value < 2**31:
        raise Damaged(
            f"has an OME-XML with {key} = {shortened(str(text))!r}; copy the file again from its"
            " source"
        )
    return value


def _name(node: Element) -> str:
    return str(node.tag).rpartition("}")[2]


def _first(node: Element, name: str) -> Element | None:
    return next((child for child in node.iter() if _name(child) == name), None)
