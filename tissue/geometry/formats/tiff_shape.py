"""The shape and axes that tifffile, and scikit-image through it, write into a TIFF file."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tissue.geometry.formats.tiff_layout import Layout

UNKNOWN = "q"
"""Letter of an axis over pages that nobody named."""

Axes = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Block:
    """Pages that were written together.

    Attributes:
        axes: letters and lengths of the axes over the planes, the slowest first; empty where
            nobody named a shape.
        planes: number of planes that the shape asks for.
        pages: number of pages that are there.
        stale: shape that does not fit the pages; empty where there is none.
    """

    axes: Axes
    planes: int
    pages: int = 0
    stale: str = ""


def block_of(descriptions: Sequence[str], layout: Layout) -> Block | None:
    """Read the shape that the first page of a block states; None where it states none.

    Args:
        descriptions: texts of the page.
        layout: how the page stores its voxels.
    """
    for text in descriptions:
        if not text.startswith('{"shape":'):
            continue
        try:
            written = json.loads(text)
            shape = tuple(int(size) for size in written["shape"])
            letters = str(written.get("axes") or "").lower()
        except (ValueError, TypeError, KeyError, RecursionError):
            return Block((), 0, stale=text)
        page: tuple[int, ...] = (layout.rows, layout.columns)
        if layout.samples > 1:
            page = (layout.samples, *page) if layout.separate else (*page, layout.samples)
        if shape[-len(page) :] != page:
            return Block((), 0, stale=str(shape))
        outer = shape[: -len(page)]
        if len(letters) != len(shape):
            letters = UNKNOWN * len(shape)
        axes = tuple(zip(letters, outer, strict=False))
        return Block(axes, math.prod(outer))
    return None


def axes_of(blocks: Sequence[Block], planes: int) -> tuple[Axes, tuple[str, ...], tuple[str, ...]]:
    """Axes over all planes of a file, what was assumed of them, and what is doubtful.

    Pages of several blocks, and those of a block that has more of them than its shape, are one
    stack in the order of the file where nothing says otherwise.
    """
    assumed = tuple(
        f"the description names the shape {block.stale}, which its pages have not"
        for block in blocks
        if block.stale
    )
    longer = [tuple((axis, size) for axis, size in block.axes if size > 1) for block in blocks]
    if len(blocks) == 1 and blocks[0].planes == planes and len(longer[0]) > 1:
        return longer[0], assumed, ()
    named = sorted({axis for axes in longer for axis, _ in axes} - {UNKNOWN, "z", "i"})
    if named and len(blocks) == 1 and blocks[0].planes == planes:
        return longer[0], assumed, ()
    doubts: tuple[str, ...] = ()
    if named or any(len(axes) > 1 for axes in longer):
        letters = " and ".join("".join(axis for axis, _ in axes).upper() for axes in longer if axes)
        doubts = (f"has pages with the axes {letters}; save one stack of slices (Z) alone",)
    if planes > 1 and not any(axis == "z" for axes in longer for axis, _ in axes):
        assumed = (*assumed, "a plain TIFF names no axes: its pages are taken as z")
    if len(blocks) > 1 and max(block.planes for block in blocks) > 1:
        count = f"{len(blocks)} series of pages"
        assumed = (*assumed, f"{count} are taken as one stack, in the order of the file")
    return (("z", planes),), assumed, doubts
