"""Stored voxels of a DICOM file, as its header describes them."""

import mmap
from dataclasses import dataclass
from typing import Any, Literal

import pydicom

from tissue.geometry.formats.dicom_elements import count_of, padding_of, text_of

REAL = 0x0008
DOUBLE_REAL = 0x0009
"""Numbers of the elements of group 0x7FE0 that hold floating point voxels."""

VOXELS = (b"OB", b"OW", b"OF", b"OD", b"UN")
"""Types of the element that holds voxels."""

BITS = (1, 8, 16, 32, 64)
"""Bits that a stored number may take."""

UNKNOWN = 0xFFFFFFFF
"""Length of an element whose end is marked, which compressed voxels have."""

FRAGMENT = b"\xfe\xff\x00\xe0"
END = b"\xfe\xff\xdd\xe0"
"""Marks of a fragment of compressed voxels, and of the end of all fragments."""


@dataclass(frozen=True)
class Pixels:
    """Voxels of a file, as its header describes them.

    Attributes:
        start: place of their element in the file [bytes].
        needed: bytes of uncompressed voxels, or number of compressed frames, that the header
            promises.
        found: bytes or frames that are there.
        behind: bytes of uncompressed voxels that are there and that the header knows nothing of.
        allocated: bits that a stored number takes.
        stored: bits of them that count.
        signed: whether stored numbers may be negative.
        real: whether they are floating point numbers.
        syntax: identifier of the transfer syntax, which states byte order and compression.
        samples: numbers per voxel.
        photometric: meaning of the numbers on a screen.
        padding: stored number of voxels outside the field of view; None where none is named.
    """

    start: int
    needed: int
    found: int
    behind: int
    allocated: int
    stored: int
    signed: bool
    real: bool
    syntax: str
    samples: int
    photometric: str
    padding: float | None


def pixels_of(data: Any, mapped: mmap.mmap, area: int, frames: int) -> Pixels:
    """Describe the voxels behind a header.

    Args:
        data: the header.
        mapped: the file, at the element that holds the voxels.
        area: voxels of a slice.
        frames: number of slices.

    Raises:
        ValueError: the element is damaged.
    """
    start = mapped.tell()
    implicit, little = data.original_encoding
    order: Literal["little", "big"] = "little" if little else "big"
    syntax = data.file_meta.get("TransferSyntaxUID")
    if not syntax:  # a file without its preamble does not say; its elements show
        uid = pydicom.uid
        plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
        syntax = plain if little else uid.ExplicitVRBigEndian
    # the element itself decides, as some headers are wrong
    width = 12 if mapped[start + 4 : start + 6] in VOXELS else 8
    opening = mapped[start : start + width]
    whole = len(opening) == width
    number = int.from_bytes(opening[2:4], order)
    length = int.from_bytes(opening[-4:], order)
    allocated = count_of(data, "BitsAllocated") or (64 if number == DOUBLE_REAL else 32)
    if allocated not in BITS:
        raise ValueError(f"it gives {allocated} bits a voxel (BitsAllocated)")
    samples = max(1, count_of(data, "SamplesPerPixel"))
    if syntax.is_encapsulated:
        needed, found = frames, _frames(mapped, start + width, frames) if whole else 0
        length = needed
    elif width == 8 and not syntax.is_implicit_VR and start + width + length > len(mapped):
        raise ValueError("its voxels have no known type")
    elif length == UNKNOWN:
        raise ValueError("its voxels are compressed, and it does not say how")
    else:
        needed = (area * samples * frames * allocated + 7) // 8
        found = min(length, len(mapped) - start - width) if whole else 0
    return Pixels(
        start=start + width,
        needed=needed,
        found=max(0, found),
        behind=max(0, length - needed),
        allocated=allocated,
        stored=count_of(data, "BitsStored") or allocated,
        signed=count_of(data, "PixelRepresentation") == 1,
        real=number in (REAL, DOUBLE_REAL),
        syntax=str(syntax),
        samples=samples,
        photometric=text_of(data, "PhotometricInterpretation"),
        padding=padding_of(data, order),
    )


def _frames(mapped: mmap.mmap, at: int, frames: int) -> int:
    """Number of compressed frames that are there, of which each has one fragment or more."""
    count = -1  # the first one holds the places of the others
    while mapped[at : at + 4] == FRAGMENT:
        at += 8 + int.from_bytes(mapped[at + 4 : at + 8], "little")
        if at > len(mapped):
            return min(count, frames - 1)
        count += 1
    # a length that is wrong leads elsewhere than to the mark of the end, or to the end of the file
    ended = mapped[at : at + 4] == END or at == len(mapped)
    return count if ended else min(count, frames - 1)
