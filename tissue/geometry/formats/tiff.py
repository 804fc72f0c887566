"""TIFF and BigTIFF files: stacks of pages, of ImageJ and of tifffile, and sets of OME-TIFF."""

from dataclasses import replace
from pathlib import Path

from tissue.geometry.formats import imagej, ome_set, tiff_shape, tiff_tags
from tissue.geometry.formats.imagej import StackFacts
from tissue.geometry.formats.ome import is_ome
from tissue.geometry.formats.tiff_layout import WHITE_IS_ZERO
from tissue.geometry.formats.tiff_pages import Page, following
from tissue.geometry.formats.tiff_stack import Contents, contents_of, image_of
from tissue.geometry.formats.tiff_tags import is_tiff
from tissue.geometry.image import Image, guarded, guarded_reader, refused

__all__ = ["files_of", "is_tiff", "read"]

VENDORS = {
    tiff_tags.STK: "MetaMorph",
    tiff_tags.FLUOVIEW: "FluoView",
    tiff_tags.LSM: "Zeiss LSM",
    tiff_tags.NIH: "NIH Image",
    tiff_tags.MICRO_MANAGER: "Micro-Manager",
}
"""Programs whose own tags, which are not read, give axes or calibrations."""


@guarded_reader
def read(file: Path) -> Image:
    """The stack in a TIFF file, or in the set of OME-TIFF files that it belongs to.

    Raises:
        InputError: the file is damaged or cut short, a file of its set is missing, or it stores
            voxels in a way that is not known.
    """
    contents = contents_of(file)
    for description in contents.descriptions:
        if is_ome(description):
            found = ome_set.gathered(contents, description)
            return image_of(contents, "OME-TIFF", found.planes, found.facts)
        if imagej.is_imagej(description):
            return _of_imagej(contents, description)
    return _of_pages(contents)


def files_of(file: Path) -> tuple[Path, ...]:
    """Files that the image of a TIFF file consists of: more than one where they are a set of OME.

    Raises:
        InputError: the file is damaged, or a file of its set is missing.
    """
    with guarded(file):
        contents = contents_of(file)
        for description in contents.descriptions:
            if is_ome(description):
                return ome_set.gathered(contents, description).files
    return (file,)


def _of_imagej(contents: Contents, description: str) -> Image:
    pages = contents.main
    stored = str(pages[0].layout.coding.dtype)
    facts = imagej.stack_facts(description, contents.first, stored, len(pages))
    doubts = list(facts.doubts)
    if len(pages) == 1 and facts.planes > 1:
        # in files above 4 GB ImageJ describes the first slice only
        pages = following(contents.source, pages[0], facts.planes)
    elif facts.planes != len(pages):
        doubts.append(
            f"describes {facts.planes} slices and holds {len(pages)} pages; save it again as one"
            " stack, or copy it again from its source"
        )
    if pages[0].layout.photometric == WHITE_IS_ZERO:
        doubts.append(
            "has ImageJ's inverting lookup table, which shows large numbers as dark; in Fiji choose"
            " Image > Lookup Tables > Invert LUT, see that bone is bright, and save again"
        )
    program = next(sign for sign in imagej.SIGNS if description.startswith(sign))
    facts = replace(facts, ignored=contents.copies, doubts=tuple(doubts))
    return image_of(contents, f"{program} TIFF", pages, facts)


def _of_pages(contents: Contents) -> Image:
    """The stack of all pages; tifffile names their shape and axes where it wrote them."""
    blocks: list[tiff_shape.Block] = []
    for page in contents.main:
        texts = contents.directories[page.number].texts.get(tiff_tags.DESCRIPTION, ())
        block = tiff_shape.block_of(texts, page.layout)
        if block is not None or not blocks:
            blocks.append(block or tiff_shape.Block((), 0))
        blocks[-1] = replace(blocks[-1], pages=blocks[-1].pages + 1)
    first = 0
    stack: list[Page] = []
    for block in blocks:
        own = list(contents.main[first : first + block.pages])
        first += block.pages
        if block.planes > block.pages == 1:
            # tifffile can describe the first slice only
            own = list(following(contents.source, own[0], block.planes))
        elif block.planes > block.pages:
            raise refused(
                contents.source.file,
                f"describes {block.planes} slices and holds {block.pages} pages; copy it again"
                " from its source",
            )
        stack += own
    axes, assumed, doubts = tiff_shape.axes_of(blocks, len(stack))
    for sign, program in VENDORS.items():
        if any(sign in directory.numbers for directory in contents.directories):
            doubts = (
                *doubts,
                f"was written by {program}, whose own entries are not read; open it in Fiji and"
                " save it as TIFF",
            )
    facts = StackFacts(axes=axes, ignored=contents.copies, assumed=assumed, doubts=doubts)
    return image_of(contents, "TIFF", stack, facts)
