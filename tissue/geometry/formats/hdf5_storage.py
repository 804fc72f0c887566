"""Where the voxels of an HDF5 dataset lie, and whether all of them are there.

HDF5 gives fill values, without a word, for what was never written, for a source that is missing and
for sources of which too many would have to be open.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from math import prod
from typing import Any

import h5py
import numpy as np

from tissue.geometry.formats.hdf5_links import MOST_FILES, Foreign, Tree
from tissue.geometry.image import listed, shortened

Ranges = tuple[slice, ...]
"""Start and stop along each axis of a dataset."""

SELF = "."
"""Name by which a virtual dataset takes data from its own file."""

PREFIXES = ("HDF5_VDS_PREFIX", "HDF5_EXT_PREFIX")
"""Environment variables that name the folder in which HDF5 looks for other files first."""

DEEPEST = 8
"""Virtual datasets that may be made of one another."""

CHECKSUM = 4
"""Bytes that the filter Fletcher32 adds to a block."""

LARGEST_TABLE = 10**8
"""Bytes of a table of sources and indices; with more, overlaps of sources are not looked for."""


def refuse_elsewhere(tree: Tree, dataset: h5py.Dataset, depth: int = 0) -> None:
    """Refuses a dataset whose voxels lie where they are not followed, or not at all.

    Raises:
        Foreign: they lie in a file outside the folder or in a file that is not HDF5, a source of
            a virtual dataset is missing or too small, or a filter is not installed.
    """
    if dataset.external:
        raise Foreign(
            f"keeps its voxels in {shortened(str(dataset.external[0][0]))} (external storage of"
            " HDF5), which is not followed; copy the dataset into one file with h5repack -f NONE"
        )
    if not dataset.is_virtual:
        _refuse_filters(dataset)
        return
    prefix = next((name for name in PREFIXES if os.environ.get(name)), None)
    if prefix:
        raise Foreign(
            f"is a virtual dataset, and the environment variable {prefix} leads HDF5 to files"
            " elsewhere; unset it"
        )
    if depth > DEEPEST:
        raise Foreign("is made of virtual datasets that go round in a circle; make it one dataset")
    sources = dataset.virtual_sources()
    for source in sources:
        _refuse_source(tree, dataset, source, depth)
    missing = dataset.size - _covered(dataset.shape, [each.vspace for each in sources])
    if missing > 0:
        raise Foreign(
            f"is a virtual dataset, and {missing} of its {dataset.size} voxels come from no"
            " source; make it anew from all its files"
        )


def refuse_incomplete(dataset: h5py.Dataset, box: Ranges) -> None:
    """Refuses voxels that were never written, or that HDF5 would take from its own memory.

    Args:
        dataset: not a virtual one.
        box: the voxels that are wanted.

    Raises:
        Foreign: a block of the box was never written, or is smaller than a block must be.
    """
    name = shortened(dataset.name.strip("/"))
    remedy = "write all of it, or crop the image to what is there"
    if dataset.chunks is None:
        if dataset.size and dataset.id.get_storage_size() == 0:
            raise Foreign(f"holds the dataset {name} without voxels; {remedy}")
        return
    touched = [
        range(along.start // chunk, -(-along.stop // chunk))
        for along, chunk in zip(box, dataset.chunks, strict=True)
    ]
    written = damaged = 0
    filters, plain = _filters(dataset), prod(dataset.chunks) * dataset.id.get_type().get_size()

    def count(chunk: h5py.h5d.StoreInfo) -> None:
        nonlocal written, damaged
        numbers = (at // size for at, size in zip(chunk.chunk_offset, dataset.chunks, strict=True))
        if all(number in span for number, span in zip(numbers, touched, strict=True)):
            written += 1
            damaged += not _fits(chunk.size, chunk.filter_mask, filters, plain)

    dataset.id.chunk_iter(count)
    needed = prod(len(span) for span in touched)
    if written < needed:
        raise Foreign(
            f"is not complete: {needed - written} of {needed} blocks (chunks) of {name} were never"
            f" written; {remedy}"
        )
    if damaged:
        raise Foreign(
            f"is damaged: {damaged} blocks (chunks) of {name} cannot be as the file says; copy it"
            " again from its source"
        )


def parts_of(tree: Tree, dataset: h5py.Dataset, box: Ranges) -> Iterator[Ranges]:
    """Parts of a box, each with voxels from so few files that all of them can be open.

    Args:
        tree: the file.
        dataset: a dataset; one that is not virtual is one part.
        box: the voxels that are wanted.
    """
    if not dataset.is_virtual:
        yield box
        return
    bounds = [(each.file_name, *_bounds(each.vspace)) for each in dataset.virtual_sources()]
    waiting = [box]
    while waiting:
        part = waiting.pop()
        files = {
            name
            for name, low, high in bounds
            if all(
                first < along.stop and last >= along.start
                for along, first, last in zip(part, low, high, strict=True)
            )
        }
        lengths = [along.stop - along.start for along in part]
        axis = lengths.index(max(lengths))
        if len(files) <= MOST_FILES or lengths[axis] < 2:
            yield part
            continue
        middle = part[axis].start + lengths[axis] // 2
        for half in (slice(middle, part[axis].stop), slice(part[axis].start, middle)):
            waiting.append((*part[:axis], half, *part[axis + 1 :]))


def _refuse_source(tree: Tree, dataset: h5py.Dataset, source: Any, depth: int) -> None:
    """Checks one source of a virtual dataset; its file is closed again."""
    name = source.file_name
    if "%" in name or "%" in source.dset_name:
        raise Foreign(
            f"is a virtual dataset that names its files by a pattern ({shortened(name)}), so that"
            " a missing one cannot be told; copy it into one plain dataset"
        )
    if name == SELF:
        _refuse_source_in(tree, dataset.file, source, depth)
        return
    # a tree of its own within the same folder: hundreds of sources need not be open at a time
    with Tree(tree.inside(name, dataset.file), tree.folder) as other:
        _refuse_source_in(other, other.root, source, depth)


def _refuse_source_in(tree: Tree, file: h5py.File, source: Any, depth: int) -> None:
    shown = f"{shortened(source.dset_name)} of {shortened(source.file_name)}"
    try:
        node = tree.node("/" + source.dset_name, file["/"])
    except KeyError:
        node = None
    if not isinstance(node, h5py.Dataset):
        raise Foreign(f"takes voxels from {shown}, which is missing; copy that file again")
    space = source.src_space
    if space.get_select_type() == h5py.h5s.SEL_ALL:  # all of it, however large it was
        fits = node.size == source.vspace.get_select_npoints()
    else:
        _, last = space.get_select_bounds()
        fits = node.ndim == len(last) and all(
            end < size for end, size in zip(last, node.shape, strict=True)
        )
    if not fits:
        raise Foreign(
            f"takes voxels from {shown}, which has another size than promised ({node.shape}); copy"
            " that file again from its source"
        )
    refuse_elsewhere(tree, node, depth + 1)
    if not node.is_virtual:
        refuse_incomplete(node, tuple(slice(0, size) for size in node.shape))


def _covered(shape: tuple[int, ...], spaces: list[h5py.h5s.SpaceID]) -> int:
    """Number of voxels of a virtual dataset that some source gives, counted once each.

    Along each axis, indices that the same sources cover are one class; a combination of classes is
    covered as a whole or not at all.
    """
    if len(spaces) * max(shape) > LARGEST_TABLE:
        return min(prod(shape), sum(space.get_select_npoints() for space in spaces))
    covers: list[list[np.ndarray]] = [[] for _ in shape]
    for space in spaces:
        for axis, indices in enumerate(_indices(shape, space)):
            covers[axis].append(indices)
    classes, sizes = [], []
    for covered in covers:
        found, counts = np.unique(np.array(covered), axis=1, return_counts=True)
        classes.append(found)
        sizes.append(counts)
    total = 0
    for numbers in product(*(range(len(counts)) for counts in sizes[:-1])):
        both = np.ones(len(spaces), bool)
        for axis, number in enumerate(numbers):
            both &= classes[axis][:, number]
        lines = classes[-1][both].any(axis=0)
        total += int(sizes[-1][lines].sum()) * prod(
            int(sizes[axis][number]) for axis, number in enumerate(numbers)
        )
    return total


def _bounds(space: h5py.h5s.SpaceID) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First and last index that a selection holds along each axis."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        return (0,) * len(space.shape), tuple(size - 1 for size in space.shape)
    low, high = space.get_select_bounds()
    return tuple(low), tuple(high)


def _indices(shape: tuple[int, ...], space: h5py.h5s.SpaceID) -> Iterator[np.ndarray]:
    """Indices along each axis that a source covers, as truth values."""
    if space.get_select_type() == h5py.h5s.SEL_ALL:
        yield from (np.ones(size, bool) for size in shape)
        return
    if space.get_select_type() != h5py.h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        raise Foreign(
            "is a virtual dataset of irregular pieces, of which a missing one cannot be told; copy"
            " it into one plain dataset"
        )
    for size, start, stride, count, block in zip(
        shape, *space.get_regular_hyperslab(), strict=True
    ):
        if start + (count - 1) * stride + block > size:
            raise Foreign(
                "is a virtual dataset that may grow; copy it into one plain dataset, as large as"
                " the volume"
            )
        covered = np.zeros(size, bool)
        for offset in range(block):
            covered[start + offset : start + offset + (count - 1) * stride + 1 : stride] = True
        yield covered


def _filters(dataset: h5py.Dataset) -> list[tuple[int, str]]:
    """Number and name of each filter that blocks of a dataset pass, in order."""
    options = dataset.id.get_create_plist()
    found = [options.get_filter(number) for number in range(options.get_nfilters())]
    return [(code, name.decode("utf-8", "replace")) for code, _, _, name in found]


def _fits(size: int, mask: int, filters: list[tuple[int, str]], plain: int) -> bool:
    """Whether a block can have its size.

    Args:
        size: bytes of the block in the file.
        mask: one bit for each filter that was left out.
        filters: filters of the dataset.
        plain: bytes of a block without any filter.
    """
    passed = [code for number, (code, _) in enumerate(filters) if not mask >> number & 1]
    if mask >> len(filters):
        return False
    if set(passed) - {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}:
        return True  # compressed: whoever unpacks it sees whether it is whole
    return size == plain + CHECKSUM * passed.count(h5py.h5z.FILTER_FLETCHER32)


def _refuse_filters(dataset: h5py.Dataset) -> None:
    """Refuses a dataset that needs a decompressor which is not installed."""
    missing = [each for each in _filters(dataset) if not h5py.h5z.filter_avail(each[0])]
    if not missing:
        return
    with suppress(ImportError):
        import hdf5plugin  # noqa: F401  (installs the filters it knows)
    missing = [each for each in missing if not h5py.h5z.filter_avail(each[0])]
    if missing:
        names = [f"{name or 'unnamed'}, number {code}" for code, name in missing]
        raise Foreign(
            f"is compressed by a filter of HDF5 that is not installed ({listed(names)}); install"
            " it with: pip install hdf5plugin, or compress the file anew with h5repack -f GZIP=1"
        )
