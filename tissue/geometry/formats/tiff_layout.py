"""The way in which a page of a TIFF file stores its voxels, as its directory says."""

from dataclasses import dataclass

import numpy as np

from tissue.geometry.formats import tiff_tags as tag
from tissue.geometry.formats.tiff_codec import FLOATING_POINT, HORIZONTAL, JPEG, KNOWN, NONE, Coding
from tissue.geometry.formats.tiff_tags import Bytes, Directory
from tissue.geometry.image import refused

WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE = 0, 1, 3
"""Numbers of the TIFF tag PhotometricInterpretation that pages of one value a pixel have."""
UNSIGNED, SIGNED, FLOAT, UNDEFINED = 1, 2, 3, 4
"""Numbers of the TIFF tag SampleFormat."""

COMPRESSIONS = {
    1: "none",
    2: "CCITT RLE",
    3: "CCITT group 3",
    4: "CCITT group 4",
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    8: "deflate",
    32773: "PackBits",
    32946: "deflate",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
}
"""Names of the numbers of the tag Compression."""


@dataclass(frozen=True)
class Layout:
    """The way in which a page stores its voxels.

    Attributes:
        rows: rows of the page.
        columns: columns of the page.
        samples: numbers of a pixel; more than one are colors.
        separate: whether the samples are stored one after the other, not pixel by pixel.
        photometric: number of the tag PhotometricInterpretation; None where it is absent.
        gray: whether a color table, if there is one, gives each value its own shade of gray.
        orientation: number of the tag Orientation; 1 where the first row is the upper one.
        segment_rows: rows of a strip or tile.
        segment_columns: columns of a strip or tile.
        tiled: whether the page consists of tiles.
        coding: how the numbers of a strip or tile are stored.
    """

    rows: int
    columns: int
    samples: int
    separate: bool
    photometric: int | None
    gray: bool
    orientation: int
    segment_rows: int
    segment_columns: int
    tiled: bool
    coding: Coding

    @property
    def kind(self) -> tuple[object, ...]:
        """Properties that the pages of one stack share; their compression may differ."""
        color = (self.samples, self.photometric, self.gray, self.orientation)
        return (self.rows, self.columns, self.coding.dtype, self.coding.bits, *color)

    @property
    def words(self) -> str:
        """The kind of the page in words."""
        shades = {None: "", WHITE_IS_ZERO: ", white is zero", BLACK_IS_ZERO: ""}
        color = shades.get(self.photometric, f", photometric {self.photometric}")
        return f"{self.rows} x {self.columns} {self.coding.dtype}{color}"

    @property
    def grid(self) -> tuple[int, int]:
        """Number of strips or tiles down and across the page."""
        return -(-self.rows // self.segment_rows), -(-self.columns // self.segment_columns)

    def segment_size(self, down: int) -> int:
        """Rows that are stored of the strips or tiles of a place down the page."""
        left = self.rows - down * self.segment_rows
        return self.segment_rows if self.tiled else min(self.segment_rows, left)


def layout_of(source: Bytes, directory: Directory) -> Layout:
    """The way in which a page stores its voxels.

    Raises:
        InputError: the directory contradicts itself, or what it says is not known.
    """
    rows, columns = directory.number(tag.LENGTH, 0), directory.number(tag.WIDTH, 0)
    samples = directory.number(tag.SAMPLES, 1)
    if min(rows, columns, samples) < 1:
        raise source.damaged(f"a page has {rows} rows, {columns} columns and {samples} samples")
    if directory.number(tag.DEPTH, 1) > 1:
        raise refused(
            source.file,
            "holds several slices in one page (ImageDepth); save it with one slice a page",
        )
    tiles = [each in directory.numbers for each in (tag.TILE_WIDTH, tag.TILE_LENGTH)]
    tiled = all(tiles)
    if any(tiles) and not tiled:
        raise source.damaged("a page names one of the two lengths of its tiles")
    down = directory.number(tag.TILE_LENGTH if tiled else tag.ROWS_PER_STRIP, 0 if tiled else rows)
    across = directory.number(tag.TILE_WIDTH, columns)
    if min(down, across) < 1:
        raise source.damaged(f"its strips or tiles have {down} rows and {across} columns")
    planar, fill = directory.number(tag.PLANAR, 1), directory.number(tag.FILL_ORDER, 1)
    if planar not in (1, 2) or fill not in (1, 2):
        raise source.damaged(f"it has PlanarConfiguration {planar} and FillOrder {fill}")
    photometric = directory.numbers.get(tag.PHOTOMETRIC)
    return Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        separate=planar == 2,
        photometric=photometric[0] if photometric else None,
        gray=photometric != (PALETTE,) or _is_gray(directory),
        orientation=directory.number(tag.ORIENTATION, 1),
        segment_rows=down if tiled else min(down, rows),
        segment_columns=across,
        tiled=tiled,
        coding=_coding(source, directory),
    )


def _coding(source: Bytes, directory: Directory) -> Coding:
    bits = set(directory.numbers.get(tag.BITS, (1,)))
    formats = set(directory.numbers.get(tag.SAMPLE_FORMAT, (UNSIGNED,)))
    compression = directory.number(tag.COMPRESSION, NONE)
    predictor = directory.number(tag.PREDICTOR, 1)
    name = COMPRESSIONS.get(compression, f"number {compression}")
    if compression not in KNOWN:
        raise refused(
            source.file, f"has the compression {name}, which cannot be undone; save it without"
        )
    dtype = _dtype(bits, formats)
    if dtype is None:
        raise refused(
            source.file,
            f"holds numbers of {_either(bits)} bits and sample format {_either(formats)}, which"
            " are not known; save it with integers of 8 or 16 bits or floats of 32 bits",
        )
    coding = Coding(
        dtype,
        bits.pop(),
        source.order,
        compression,
        predictor,
        directory.number(tag.FILL_ORDER, 1),
        directory.number(tag.T4_OPTIONS, 0),
        bytes(directory.numbers.get(tag.JPEG_TABLES, ())),
    )
    whole = coding.bits == 8 * dtype.itemsize
    fits = {
        1: True,
        HORIZONTAL: whole and compression != JPEG,
        FLOATING_POINT: whole and dtype.kind == "f" and compression != JPEG,
    }
    if not fits.get(predictor, False):
        raise refused(
            source.file,
            f"has the predictor {predictor} with {dtype} and the compression {name}, which is not"
            " known; save it without compression",
        )
    if compression == JPEG and coding.bits != 8:
        raise refused(
            source.file, f"has {coding.bits} bits and JPEG compression; save it without compression"
        )
    return coding


def _dtype(bits: set[int], formats: set[int]) -> np.dtype | None:
    if len(bits) > 1 or len(formats) > 1:
        return None
    size, form = next(iter(bits)), next(iter(formats))
    if form in (UNSIGNED, UNDEFINED) and size == 1:
        return np.dtype(bool)
    if form in (UNSIGNED, UNDEFINED) and (0 < size <= 32 or size == 64):
        return np.dtype(f"u{1 if size <= 8 else 2 if size <= 16 else 4 if size <= 32 else 8}")
    if form == SIGNED and size in (8, 16, 32, 64):
        return np.dtype(f"i{size // 8}")
    if form == FLOAT and size in (16, 32, 64):
        return np.dtype(f"f{size // 8}")
    return None


def _either(numbers: set[int]) -> str:
    return " and ".join(str(number) for number in sorted(numbers))


def _is_gray(directory: Directory) -> bool:
    """Whether a color table gives each value its own shade: red, green and blue all rise alike."""
    table = directory.numbers.get(tag.COLOR_MAP)
    if table is None:
        return True
    size = len(table) // 3
    colors = np.array(table[: 3 * size]).reshape(3, size)
    ramp = np.round(np.linspace(0, 65535, size)) if size > 1 else np.zeros(size)
    # some programs write shades of 8 bits, and some 16 bits whose low byte is 0
    return any(
        bool((np.abs(colors - ramp * scale) <= slack).all())
        for scale, slack in ((1, 256), (1 / 257, 1))
    )
