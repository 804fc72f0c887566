"""HDF5 files: NeXus, netCDF-4, ITK, ilastik, MATLAB 7.3, snapshots of tissue and plain ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from tissue.checksum import is_intact, stored_digest
from tissue.errors import InputError
from tissue.geometry.formats.conventions import text
from tissue.geometry.formats.hdf5_header import (
    CHECKPOINT,
    INDEX,
    SHARD,
    SNAPSHOT,
    Header,
    attributes_of,
    header_of,
)
from tissue.geometry.formats.hdf5_links import Foreign, Tree
from tissue.geometry.formats.hdf5_storage import refuse_elsewhere, refuse_incomplete
from tissue.geometry.formats.hdf5_trial import tried
from tissue.geometry.formats.hdf5_virtual import parts_of
from tissue.geometry.formats.mango import mango_parts
from tissue.geometry.image import Box, Image, Inventory, listed, refused, shortened, unreadable

MOST_NAMES = 20
"""Names of datasets that a refusal lists."""

SIGN = b"\x89HDF\r\n\x1a\n"
STARTS = (0, 512, 1024, 2048)
"""Places of the sign: at a power of two behind a block of the user, such as that of MATLAB."""

BONE = "VTKHDF/PointData/bone_volume_fraction"
"""Volume of a snapshot that is read where no dataset is named."""

PARTS_OF_RUNS = {INDEX: "the index", CHECKPOINT: "a checkpoint", SHARD: "a shard"}
"""Files of runs that hold no image for another run, by their format."""

OTHERS = {
    "minc-2.0": "is a MINC file, whose values are scaled slice by slice; convert it with mnc2nii",
    "DataSetInfo": "is an Imaris file, whose volumes are filled up at their ends; export a TIFF",
}
"""Formats within HDF5 that are not read, by a group at the root that identifies them."""


def is_hdf5(head: bytes) -> bool:
    """Whether the first bytes of a file are those of HDF5."""
    return any(head[start : start + len(SIGN)] == SIGN for start in STARTS)


def read(file: Path, dataset: str | None) -> Image:
    """A volume in an HDF5 file.

    Args:
        file: the file.
        dataset: path of the volume in it; needed where it holds several.

    Raises:
        InputError: there is no such volume, it takes data from elsewhere, or is not complete.
    """
    with _one_sentence(file):
        if is_intact(file) is False:
            raise refused(
                file, "is damaged: its checksum does not match; copy it again from its source"
            )
    return volume_at(file, tried(file, dataset) or choose(file, dataset))


def choose(file: Path, dataset: str | None) -> str:
    """Path of the volume to read; `read` asks another process for it first.

    Raises:
        InputError: the file holds no such volume, or several and none is named.
    """
    with _one_sentence(file), Tree(file) as tree:
        _refuse_other_files(file, tree)
        if dataset is not None:
            return dataset.strip("/")
        if text(tree.root.attrs.get("format", b"")) == SNAPSHOT:
            return BONE
        return _only_volume(file, tree)


def volume_at(file: Path, path: str) -> Image:
    """The volume at a path in the file.

    Raises:
        InputError: it takes data from elsewhere, is not complete, or is not a volume.
    """
    with _one_sentence(file), Tree(file) as tree:
        node = _named(file, tree, path)
        refuse_elsewhere(tree, node)
        header = header_of(file, tree, node)
        needed, found = _bytes(node)
        inventory = Inventory(
            format=header.format,
            axes=header.axes.letters,
            parts=mango_parts(attributes_of(node.parent), node.shape[header.axes.order[0]]),
            bytes_needed=needed,
            bytes_found=found,
            spacing_unit=header.spacing_unit,
            calibration=header.packing.rule,
            ignored=tuple(header.notes.ignored),
            assumed=tuple(header.notes.assumed),
            doubts=tuple(header.notes.doubts),
        )
        return Image(
            file=file,
            shape=tuple(node.shape[axis] for axis in header.axes.order),
            dtype=header.packing.dtype,
            reader=partial(_box_of, file, path, header),
            inventory=inventory,
            spacing=header.spacing,
            frame=header.frame,
            unit=header.unit,
        )


@contextmanager
def _one_sentence(file: Path) -> Iterator[None]:
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Foreign as error:
        raise refused(file, str(error)) from None
    except Exception as error:  # a damaged file may lead HDF5 and h5py to fail in any way
        raise unreadable(file, error) from error


def _refuse_other_files(file: Path, tree: Tree) -> None:
    kind = text(tree.root.attrs.get("format", b""))
    if kind in PARTS_OF_RUNS:
        raise refused(
            file,
            f"is {PARTS_OF_RUNS[kind]} of a run of tissue; give one of its snapshots (snap_*.hdf)",
        )
    if kind != SNAPSHOT and all(group in tree.root for group in ("VTKHDF", "ITKImage")):
        # no other program writes both, and lengths of the one are um, those of the other mm
        raise refused(
            file,
            "has the parts of a snapshot of tissue and does not say that it is one; it is damaged:"
            " copy it again from its source",
        )
    for group, reason in OTHERS.items():
        if group in tree.root:
            raise refused(file, reason)
    if kind == SNAPSHOT and "shards" in tree.root:
        _refuse_bad_shards(file, tree)


def _refuse_bad_shards(file: Path, tree: Tree) -> None:
    """Refuse a snapshot of many processes one of whose shards is missing or another one."""
    names, digests = (tree.root[f"shards/{column}"][()] for column in ("file", "sha256"))
    for name, digest in zip(map(text, names), map(text, digests), strict=True):
        path = tree.inside(name, tree.root)
        found = stored_digest(path)
        if found is None or found.hex() != digest or not is_intact(path):
            raise refused(
                file,
                f"takes data from {shortened(name)}, which is damaged or belongs to another file;"
                " copy that file again from its source",
            )


def _only_volume(file: Path, tree: Tree) -> str:
    volumes: list[str] = []
    held: list[str] = []
    for name, node in tree.datasets():  # one open at a time: HDF5 is slow with many
        if _is_volume(node):
            volumes.append(name)
        elif len(held) <= MOST_NAMES:
            held.append(f"{name} ({' x '.join(map(str, node.shape or ()))})")
    if len(volumes) == 1:
        return volumes[0]
    if volumes:
        raise InputError(
            f"{file.name} holds several 3-D datasets; name one of {listed(volumes, MOST_NAMES)}",
            key="geometry.dataset",
        )
    raise refused(
        file,
        f"holds no 3-D dataset, but {listed(held) or 'nothing'}{_broken_links(tree)}; save the"
        " volume as one dataset with the axes z, y, x",
    )


def _is_volume(node: h5py.Dataset) -> bool:
    return node.shape is not None and sum(size > 1 for size in node.shape) == 3


def _broken_links(tree: Tree) -> str:
    """List links that could not be followed, for the end of a sentence."""
    return f"; {', '.join(tree.broken[:3])}" if tree.broken else ""


def _named(file: Path, tree: Tree, path: str) -> h5py.Dataset:
    try:
        node = tree.node(path)
    except KeyError:
        node = None
    if isinstance(node, h5py.Dataset) and node.shape:
        return node
    kind = (
        "not a dataset" if node is None else "a group" if isinstance(node, h5py.Group) else "empty"
    )
    volumes = [name for name, each in tree.datasets() if _is_volume(each)]
    raise InputError(
        f"= {shortened(path)!r} is {kind} of {file.name}; it holds the 3-D"
        f" datasets {listed(volumes, MOST_NAMES) or '(none)'}{_broken_links(tree)}",
        key="geometry.dataset",
    )


def _bytes(node: h5py.Dataset) -> tuple[int | None, int | None]:
    """Bytes of voxels that are promised and that lie in the file, where they lie in one piece."""
    offset = node.id.get_offset()
    if offset is None:
        return None, None
    needed = node.size * node.dtype.itemsize
    size = Path(node.file.filename).stat().st_size
    # HDF5 mixes up voxels where its header gives them less room than they take
    return needed, min(needed, node.id.get_storage_size(), max(0, size - offset))


def _box_of(file: Path, path: str, header: Header, box: Box) -> np.ndarray:
    """Gray values of a box [z, y, x]; no more than a slab of chunks is held besides them."""
    order = header.axes.order
    with _one_sentence(file):
        with Tree(file) as tree:
            node = _named(file, tree, path)
            ranges = [slice(0, 1)] * node.ndim
            for axis, along in zip(order, box, strict=True):
                ranges[axis] = along
            if not node.is_virtual:
                refuse_incomplete(node, tuple(ranges))
            parts = list(parts_of(node, tuple(ranges)))
        stored = [axis for axis in range(len(ranges)) if axis in order]
        values = np.empty([_length(ranges[axis]) for axis in stored], header.packing.dtype)
        for part in parts:
            # files of a virtual dataset stay open until its own file is closed
            with Tree(file) as tree:
                _fill(values, _named(file, tree, path), part, ranges, stored, header)
    return values.transpose([stored.index(axis) for axis in order])


def _fill(
    values: np.ndarray,
    node: h5py.Dataset,
    part: tuple[slice, ...],
    ranges: list[slice],
    stored: list[int],
    header: Header,
) -> None:
    """Writes the gray values of a part of a box to their places in the box."""
    native = node.dtype.newbyteorder("=")
    if native.kind == "f" and native.itemsize > 8:
        native = np.dtype(np.float64)
    first = stored[0]
    depth = node.chunks[first] if node.chunks else 1
    start = part[first].start
    while start < part[first].stop:
        stop = min(part[first].stop, (start // depth + 1) * depth)
        slab = [slice(start, stop) if axis == first else part[axis] for axis in range(node.ndim)]
        chosen = tuple(along if axis in stored else 0 for axis, along in enumerate(slab))
        place = tuple(
            slice(slab[axis].start - ranges[axis].start, slab[axis].stop - ranges[axis].start)
            for axis in stored
        )
        values[place] = header.packing.unpacked(node.astype(native)[chosen])
        start = stop


def _length(along: slice) -> int:
    return int(along.stop - along.start)
