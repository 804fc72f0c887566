"""Voxels as plain or packed bytes in one file or several, counted first and read box by box."""

from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from tissue.geometry.formats.unpacking import (
    BLOCK,
    DamagedError,
    Packing,
    Piece,
    Source,
    length,
    opened,
)
from tissue.geometry.image import Box, refused, shortened

EXACT = 1 << 24
"""Largest whole number up to which float32 holds every whole number."""


@dataclass(frozen=True)
class Calibration:
    """Straight line that turns stored numbers into gray values.

    Attributes:
        slope: gray value of one stored unit.
        offset: gray value of a stored 0.
    """

    slope: float
    offset: float

    def __str__(self) -> str:
        sign = "-" if self.offset < 0 else "+"
        return f"{self.slope:.9g} * stored {sign} {abs(self.offset):.9g}"

    def dtype(self, stored: np.dtype) -> np.dtype:
        """Type of the gray values: float32 where it holds each stored number apart."""
        if stored.kind not in "iuf":  # no real numbers, which the gate refuses
            return stored
        single = np.finfo(np.float32)
        fine = float(single.tiny) <= abs(self.slope) <= float(single.max) / EXACT
        if stored.kind == "f":
            fine = fine and stored.itemsize <= 4
        elif fine:
            limits = np.iinfo(stored)
            fine = max(-limits.min, limits.max) + abs(self.offset / self.slope) <= EXACT
        return np.dtype(np.float32 if fine else np.float64)


@dataclass(frozen=True)
class Stored:
    """An array in files, x fastest.

    Attributes:
        pieces: the files in order; each holds an equal number of slices.
        shape: number of entries along each axis of the array, the slowest first.
        dtype: type of an entry in the files, with its byte order.
        packing: form of the bytes.
        calibration: turns stored numbers into gray values; None where they are the same.
    """

    pieces: tuple[Piece, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    packing: Packing = "raw"
    calibration: Calibration | None = None

    @property
    def size(self) -> int:
        """Number of bytes of all voxels, unpacked."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def values(self) -> np.dtype:
        """Type of the gray values, in the byte order of this machine."""
        plain = self.dtype.newbyteorder("=")
        return plain if self.calibration is None else self.calibration.dtype(plain)

    def voxels(self, box: Box) -> np.ndarray:
        """Gray values of a box [z, y, x]; reads no more than the rows that the box touches."""
        z, y, x = box
        _, ny, nx = self.shape
        shape = tuple(along.stop - along.start for along in box)
        values = np.empty(shape, self.values)
        row = nx * self.dtype.itemsize
        rows = max(1, BLOCK // row)
        slices = self.shape[0] // len(self.pieces)
        with ExitStack() as closing:
            source: Source | None = None
            number = -1
            for index, plane in enumerate(range(z.start, z.stop)):
                if source is None or plane // slices != number:
                    number = plane // slices
                    closing.close()
                    source = opened(self.pieces[number], self.packing, self.dtype, closing)
                for first in range(y.start, y.stop, rows):
                    last = min(first + rows, y.stop)
                    begin = (plane % slices * ny + first) * row
                    block = source.take(begin, (last - first) * row)
                    part = np.frombuffer(block, self.dtype).reshape(last - first, nx)[:, x]
                    values[index, first - y.start : last - y.start] = self._gray(part)
        return values

    def _gray(self, stored: np.ndarray) -> np.ndarray:
        if self.calibration is None:
            return stored
        # a value beyond float32 becomes infinite, which the image refuses by itself
        with np.errstate(over="ignore", invalid="ignore"):
            exact = self.calibration.slope * stored.astype(np.float64) + self.calibration.offset
            return exact.astype(self.values)


def counted(header: Path, stored: Stored) -> tuple[int | None, tuple[str, ...]]:
    """Number of bytes of voxels that are there, unpacked, and what is wrong with them.

    Args:
        header: the file that the user gave.
        stored: the array that the header promises.

    Returns:
        The number of bytes, for the gate to compare; None where the doubts say it more clearly.
    """
    share = stored.size // len(stored.pieces)
    total: int | None = 0
    doubts = []
    for piece in stored.pieces:
        own = piece.file == header
        inside = "" if own else f" in {shortened(piece.file.name)}"
        try:
            found = length(piece, stored.packing, stored.dtype, share)
        except DamagedError as error:
            doubts.append(
                f"has damaged voxels{inside} ({shortened(str(error))}); copy it again from its"
                " source"
            )
            total = None
            continue
        if found < share and not own:
            doubts.append(
                f"has voxels{inside}, which is cut short: {share} bytes are needed and {found}"
                f" are there; copy {shortened(piece.file.name)} again from its source"
            )
            total = None
        elif found > share:
            doubts.append(
                f"holds more bytes{inside} than the {share} bytes of voxels that its header"
                " promises; correct the sizes in the header, or save the volume again"
            )
        if total is not None:
            total += min(found, share)
    return total, tuple(doubts)


def beside(header: Path, name: str) -> Path:
    """The data file that a header names, in the folder of the header or below it.

    Raises:
        InputError: the file is not there, or lies outside that folder.
    """
    named = f"names the data file {shortened(name)}, which"
    path = header.parent / name
    try:
        inside = path.resolve().is_relative_to(header.parent.resolve())
        there = path.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a circle of links, a zero byte
        raise refused(header, f"{named} cannot be opened; put it beside the header") from error
    if not inside:
        raise refused(
            header,
            f"{named} lies outside its folder; copy it beside the header and name it there without"
            " a path",
        )
    if not there:
        raise refused(header, f"{named} is not there; put it beside the header")
    return path


def after_lines(header: Path, file: Path, start: int, lines: int) -> int:
    """Number of bytes before the data of a file that begin a number of lines after `start`.

    Raises:
        InputError: the file has fewer lines.
    """
    with file.open("rb") as stream:
        stream.seek(start)
        for _ in range(lines):
            while not (line := stream.readline(BLOCK)).endswith(b"\n"):
                if not line:
                    raise refused(
                        header,
                        f"has fewer lines in {shortened(file.name)} than the {lines} that its"
                        " header leaves out; correct the number in the header",
                    )
        return stream.tell()
