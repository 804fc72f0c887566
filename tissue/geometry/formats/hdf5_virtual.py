"""Virtual datasets of HDF5: which voxels come from which dataset of which file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import h5py
import numpy as np

from tissue.geometry.formats.hdf5_links import MOST_FILES, Foreign
from tissue.geometry.image import shortened

Ranges = tuple[slice, ...]
"""Start and stop along each axis of a dataset."""

LARGEST_TABLE = 10**8
"""Bytes of a table of sources and indices; with more, overlaps of sources are not looked for."""


@dataclass(frozen=True)
class Source:
    """A piece of a virtual dataset.

    Attributes:
        file: name of the file, as it is written.
        name: path of the dataset in that file.
        runs: indices of the virtual dataset along each axis: start, stride, count and block.
        last: last index of the source that is used along each axis; None for all of the source.
    """

    file: str
    name: str
    runs: tuple[tuple[int, int, int, int], ...]
    last: tuple[int, ...] | None

    @property
    def size(self) -> int:
        """Number of voxels."""
        return prod(count * block for _, _, count, block in self.runs)

    def touches(self, box: Ranges) -> bool:
        """Whether the piece may hold voxels of a box."""
        return all(
            start < along.stop and start + (count - 1) * stride + block > along.start
            for along, (start, stride, count, block) in zip(box, self.runs, strict=True)
        )

    def indices(self, axis: int, size: int) -> np.ndarray:
        """Truth values of the indices along an axis that the piece holds."""
        start, stride, count, block = self.runs[axis]
        held = np.zeros(size, bool)
        for offset in range(block):
            held[start + offset : start + offset + (count - 1) * stride + 1 : stride] = True
        return held

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether the source has the voxels that are taken from it."""
        if self.last is None:
            return prod(shape) == self.size
        return len(shape) == len(self.last) and all(
            last < size for last, size in zip(self.last, shape, strict=True)
        )


def sources_of(dataset: h5py.Dataset) -> list[Source]:
    """Pieces of a virtual dataset.

    Raises:
        Foreign: it is of a kind of which a missing piece cannot be recognized.
    """
    found = []
    for file, name, own, their in (
        (each.file_name, each.dset_name, each.vspace, each.src_space)
        for each in dataset.virtual_sources()
    ):
        if "%" in file or "%" in name:
            raise Foreign(
                f"is a virtual dataset that names its files by a pattern ({shortened(file)}), so"
                " that a missing one cannot be recognized; copy it into one plain dataset"
            )
        last = None
        if their.get_select_type() != h5py.h5s.SEL_ALL:
            last = tuple(their.get_select_bounds()[1])
        found.append(Source(file, name, _runs(dataset.shape, own), last))
    return found


def _runs(shape: tuple[int, ...], space: h5py.h5s.SpaceID) -> tuple[tuple[int, int, int, int], ...]:
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return tuple((0, 1, 1, size) for size in shape)
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        raise Foreign(
            "is a virtual dataset of irregular pieces, of which a missing one cannot be recognized;"
            " copy it into one plain dataset"
        )
    runs = tuple(zip(*space.get_regular_hyperslab(), strict=True))
    for size, (start, stride, count, block) in zip(shape, runs, strict=True):
        if start + (count - 1) * stride + block > size:
            raise Foreign(
                "is a virtual dataset that may grow; copy it into one plain dataset, as large as"
                " the volume"
            )
    return runs


def covered(shape: tuple[int, ...], sources: Sequence[Source]) -> int:
    """Number of voxels that some source gives, counted once each.

    Along each axis, indices that the same sources cover are one class; a combination of classes is
    covered as a whole or not at all.
    """
    if len(sources) * max(shape) > LARGEST_TABLE:
        return min(prod(shape), sum(source.size for source in sources))
    classes, sizes = [], []
    for axis, size in enumerate(shape):
        table = np.array([source.indices(axis, size) for source in sources])
        found, counts = np.unique(table, axis=1, return_counts=True)
        classes.append(found)
        sizes.append(counts)
    total = 0
    for numbers in product(*(range(len(counts)) for counts in sizes[:-1])):
        both = np.ones(len(sources), bool)
        for axis, number in enumerate(numbers):
            both &= classes[axis][:, number]
        lines = classes[-1][both].any(axis=0)
        total += int(sizes[-1][lines].sum()) * prod(
            int(sizes[axis][number]) for axis, number in enumerate(numbers)
        )
    return total


def parts_of(dataset: h5py.Dataset, box: Ranges) -> Iterator[Ranges]:
    """Parts of a box, each with voxels from so few files that all of them can be open.

    Args:
        dataset: a dataset; one that is not virtual is one part.
        box: the voxels that are wanted.
    """
    sources = sources_of(dataset) if dataset.is_virtual else []
    waiting = [box]
    while waiting:
        part = waiting.pop()
        files = {source.file for source in sources if source.touches(part)}
        lengths = [along.stop - along.start for along in part]
        axis = lengths.index(max(lengths))
        if len(files) <= MOST_FILES or lengths[axis] < 2:
            yield part
            continue
        middle = part[axis].start + lengths[axis] // 2
        for half in (slice(middle, part[axis].stop), slice(part[axis].start, middle)):
            waiting.append((*part[:axis], half, *part[axis + 1 :]))
