"""Numbers and runs as Scanco's files hold them: VAX floating point and run-length compression.

The layouts are those that two public readers agree on: Numerics88/AimIO (source/Compression.cxx,
source/PlatformFloat.h) and dgobbi/vtk-dicom (Source/vtkScancoCTReader.cxx).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tissue.geometry.image import Box

DENSITY = "mg HA/cm^3"
UNCALIBRATED = "the scanner's own unit"
DENSITY_NAMES = ("", "mg HA/ccm", "mg HA/cm^3", "mgHA/ccm", "mgHA/cm^3")
"""Names of the unit of density in the headers."""

LONGEST = 254
"""Voxels of the longest run of a two-valued image; a length of 255 says that as many follow of the
same value."""


def vax_float(raw: bytes) -> float:
    """A number of four bytes (VAX F floating: halves swapped, exponent bias higher by two)."""
    return struct.unpack("<f", raw[2:4] + raw[0:2])[0] / 4


def vax_double(raw: bytes) -> float:
    """A number of eight bytes (VAX G floating: quarters reversed, exponent bias higher by two)."""
    return struct.unpack("<d", raw[6:8] + raw[4:6] + raw[2:4] + raw[0:2])[0] / 4


def vax_floats(raw: np.ndarray) -> np.ndarray:
    """Numbers from their halves of two bytes, which lie along the last axis; float32."""
    return np.ascontiguousarray(raw[..., ::-1]).view("<f4")[..., 0] / np.float32(4)


@dataclass(frozen=True)
class Runs:
    """A volume stored as runs of equal voxels, x fastest.

    Attributes:
        values: value of each run.
        ends: number of voxels up to the end of each run.
    """

    values: np.ndarray
    ends: np.ndarray

    @property
    def voxels(self) -> int:
        """Number of voxels of all runs."""
        return int(self.ends[-1]) if self.ends.size else 0

    def box_of(self, shape: tuple[int, int, int]) -> Callable[[Box], np.ndarray]:
        """Reader of the voxels of a box; it unpacks one slice at a time."""

        def read(box: Box) -> np.ndarray:
            z, y, x = box
            out = np.empty([along.stop - along.start for along in box], self.values.dtype)
            for index in range(z.start, z.stop):
                out[index - z.start] = self._slice(index, shape)[y, x]
            return out

        return read

    def _slice(self, index: int, shape: tuple[int, int, int]) -> np.ndarray:
        size = shape[1] * shape[2]
        first = int(np.searchsorted(self.ends, index * size, side="right"))
        last = int(np.searchsorted(self.ends, (index + 1) * size, side="left")) + 1
        borders = np.clip(self.ends[first:last] - index * size, 0, size)
        values = np.repeat(self.values[first:last], np.diff(borders, prepend=0))
        return values.reshape(shape[1:])


def runs_of_two_values(stream: np.ndarray) -> Runs:
    """Runs from two values followed by the lengths of runs that alternate between them."""
    pair, lengths = stream[:2].view("i1"), stream[2:]
    changes = np.cumsum(lengths[:-1] != LONGEST + 1)
    second = np.concatenate(([0], changes))[: lengths.size] % 2
    return Runs(pair[second], np.cumsum(np.minimum(lengths, LONGEST), dtype=np.int64))


def runs_of_values(stream: np.ndarray) -> Runs:
    """Runs from pairs of a value and a length."""
    pairs = stream[: stream.size // 2 * 2].reshape(-1, 2)
    return Runs(pairs[:, 0].view("i1"), np.cumsum(pairs[:, 1], dtype=np.int64))


def packed_bits(stream: np.ndarray, shape: tuple[int, int, int]) -> Callable[[Box], np.ndarray]:
    """Reader of voxels packed as one byte for 2 x 2 x 2 voxels, followed by the value they mark."""
    halves = [(size + 1) // 2 for size in shape]
    cubes = stream[: int(np.prod(halves))].reshape(halves)
    # a file without any marked voxel names no value
    value = stream[-1:].view("i1")[0] or np.int8(127)

    def read(box: Box) -> np.ndarray:
        z, y, x = (np.arange(along.start, along.stop) for along in box)
        out = np.empty((z.size, y.size, x.size), "i1")
        for place, index in zip(out, z, strict=True):
            bits = index % 2 * 4 + (y % 2 * 2)[:, None] + x % 2
            bytes_of = cubes[index // 2][(y // 2)[:, None], x // 2]
            place[:] = (bytes_of >> bits.astype("u1") & 1).astype("i1") * value
        return out

    return read
