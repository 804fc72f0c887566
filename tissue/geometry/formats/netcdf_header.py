"""Header of a netCDF classic file, in its three versions (CDF-1, CDF-2 and CDF-5).

The layout is that of the NetCDF Users Guide, "File Format Specifications": everything is big
endian; a name, an attribute and a variable are filled up to a multiple of 4 bytes.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np

TYPES = dict(
    enumerate([">i1", "S1", ">i2", ">i4", ">f4", ">f8", ">u1", ">u2", ">u4", ">i8", ">u8"], start=1)
)
"""Types by their number; those above 6 are of CDF-5 only."""

DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
"""Marks at the start of a list."""

LARGEST = 2**24
"""Bytes that a header may have: thousands of times more than any program writes."""

DAMAGED = "its header is cut short or damaged"


@dataclass(frozen=True)
class Variable:
    """An array in the file.

    Attributes:
        name: of the array.
        axes: names of its axes, slowest first.
        shape: number of values along each.
        dtype: type of the values as they lie in the file.
        begin: place of the first value in the file.
        stride: bytes from one entry of the first axis to the next; None where the values lie in
            one piece.
        attributes: numbers as arrays, text as str.
    """

    name: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    begin: int
    stride: int | None
    attributes: Mapping[str, Any]

    @property
    def end(self) -> int:
        """Place behind the last value in the file."""
        size = prod(self.shape) * self.dtype.itemsize
        if self.stride is None or not size:
            return self.begin + size
        return self.begin + (self.shape[0] - 1) * self.stride + size // self.shape[0]


@dataclass(frozen=True)
class Contents:
    """Attributes of a file, and its variables by name."""

    attributes: Mapping[str, Any]
    variables: Mapping[str, Variable]


class _Source:
    """Numbers and names, read one after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = 0
        self.version = self.take(4)[3]

    def take(self, count: int) -> bytes:
        self.at += count
        taken = self._stream.read(count) if self.at <= LARGEST else b""
        if len(taken) < count:
            raise ValueError(DAMAGED)
        return taken

    def word(self) -> int:
        """A number of 4 bytes."""
        return int(struct.unpack(">I", self.take(4))[0])

    def count(self) -> int:
        """A number of entries, of 8 bytes in CDF-5."""
        return int(struct.unpack(">Q", self.take(8))[0]) if self.version == 5 else self.word()

    def begin(self) -> int:
        """A place in the file, of 4 bytes in CDF-1."""
        return self.word() if self.version == 1 else int(struct.unpack(">Q", self.take(8))[0])

    def padded(self, count: int) -> bytes:
        taken = self.take(count)
        self.take(-count % 4)
        return taken

    def name(self) -> str:
        return self.padded(self.count()).decode("utf-8", "replace")

    def entries(self, mark: int) -> range:
        """Numbers of the entries of a list; none where the list is absent."""
        found, count = self.word(), self.count()
        if found not in (0, mark) or (found == 0 and count):
            raise ValueError(DAMAGED)
        return range(count)

    def type(self) -> np.dtype:
        number = self.word()
        if number not in TYPES:
            raise ValueError(DAMAGED)
        return np.dtype(TYPES[number])

    def attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in self.entries(ATTRIBUTES):
            name, kind, count = self.name(), self.type(), self.count()
            values = self.padded(count * kind.itemsize)
            found[name] = values if kind.kind == "S" else np.frombuffer(values, kind)
        return found


def read_contents(stream: BinaryIO, size: int) -> Contents:
    """Header of a netCDF classic file.

    Args:
        stream: the file, at its start.
        size: bytes of the file, for those whose writer did not note the number of records.

    Raises:
        ValueError: the header is damaged.
    """
    source = _Source(stream)
    records: int | None = source.count()
    if records == (2**64 - 1 if source.version == 5 else 2**32 - 1):
        records = None
    dimensions = [(source.name(), source.count()) for _ in source.entries(DIMENSIONS)]
    attributes = source.attributes()
    drafts = []
    for _ in source.entries(VARIABLES):
        name = source.name()
        numbers = [source.count() for _ in range(min(source.count(), len(dimensions) + 1))]
        own, kind, _, begin = source.attributes(), source.type(), source.count(), source.begin()
        if any(number >= len(dimensions) for number in numbers):
            raise ValueError(DAMAGED)
        drafts.append((name, [dimensions[number] for number in numbers], kind, begin, own))
    if any(begin < source.at for _, _, _, begin, _ in drafts):
        raise ValueError(DAMAGED)
    # a length of 0 marks the axis of records, which may only be the first one
    recorded = [
        (begin, prod(length for _, length in axes[1:]) * kind.itemsize)
        for _, axes, kind, begin, _ in drafts
        if axes and axes[0][1] == 0
    ]
    # a record of the only such variable is not filled up
    filled = [size if len(recorded) == 1 else -(-size // 4) * 4 for _, size in recorded]
    stride = sum(filled)
    if records is None:
        first = min((begin for begin, _ in recorded), default=size)
        records = max(0, size - first) // stride if stride else 0
    variables = {}
    for name, axes, kind, begin, own in drafts:
        grows = bool(axes) and axes[0][1] == 0
        shape = tuple(length for _, length in axes)
        variables[name] = Variable(
            name,
            tuple(axis for axis, _ in axes),
            (records, *shape[1:]) if grows else shape,
            kind,
            begin,
            stride if grows else None,
            own,
        )
    return Contents(attributes, variables)
