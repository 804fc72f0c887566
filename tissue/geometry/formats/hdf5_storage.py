"""Checks that all voxels of an HDF5 dataset exist, in files that may be followed.

HDF5 silently returns fill values for voxels that were never written, for a missing source and where
too many sources would have to be open.
"""

import os
from contextlib import suppress
from itertools import groupby
from math import prod
from operator import attrgetter

import h5py

from tissue.geometry.formats.hdf5_links import Foreign, Tree
from tissue.geometry.formats.hdf5_virtual import Ranges, Source, covered, sources_of
from tissue.geometry.image import listed, shortened

SELF = "."
"""Name by which a virtual dataset takes data from its own file."""

PREFIXES = ("HDF5_VDS_PREFIX", "HDF5_EXT_PREFIX")
"""Environment variables that name the folder in which HDF5 looks for other files first."""

DEEPEST = 8
"""Virtual datasets that may be made of one another."""

CHECKSUM = 4
"""Bytes that the filter Fletcher32 adds to a block."""


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
    sources = sources_of(dataset)
    for name, pieces in groupby(sorted(sources, key=attrgetter("file")), key=attrgetter("file")):
        if name == SELF:
            _refuse_pieces(tree, dataset.file, list(pieces), depth)
            continue
        # a tree of its own in the same folder: hundreds of files need not be open at a time
        with Tree(tree.inside(name, dataset.file), tree.folder) as other:
            _refuse_pieces(other, other.root, list(pieces), depth)
    missing = dataset.size - covered(dataset.shape, sources)
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


def _refuse_pieces(tree: Tree, file: h5py.File, pieces: list[Source], depth: int) -> None:
    """Checks the pieces of a virtual dataset that come from one file."""
    checked: dict[str, tuple[int, ...]] = {}
    for piece in pieces:
        shown = f"{shortened(piece.name)} of {shortened(piece.file)}"
        if piece.name not in checked:
            try:
                node = tree.node("/" + piece.name, file["/"])
            except KeyError:
                node = None
            if not isinstance(node, h5py.Dataset) or node.shape is None:
                raise Foreign(f"takes voxels from {shown}, which is missing; copy that file again")
            refuse_elsewhere(tree, node, depth + 1)
            if not node.is_virtual:
                refuse_incomplete(node, tuple(slice(0, size) for size in node.shape))
            checked[piece.name] = node.shape
        if not piece.fits(checked[piece.name]):
            raise Foreign(
                f"takes voxels from {shown}, which has another size than promised"
                f" {checked[piece.name]}; copy that file again from its source"
            )


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
