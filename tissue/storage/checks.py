"""Numbers of a snapshot that may have been edited or written by another program."""

from math import ceil, isfinite, prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError, printable

LARGEST_EDGE = 1e6
"""Edge of a voxel [um] that no bone has: 1 m."""

Shape = tuple[int, int, int]


def shape_of(path: Path, dataset: h5py.Group | h5py.Dataset, name: str) -> Shape:
    """Number of voxels along z, y and x.

    Raises:
        InputError: the object under this name is no volume of real numbers.
    """
    numbers = isinstance(dataset, h5py.Dataset) and dataset.dtype.kind in "fiu"
    if not numbers or dataset.shape is None:
        raise InputError(f"{path} has no numbers in {name}; give another snapshot (snap_*.hdf)")
    if len(dataset.shape) != 3 or not dataset.size:
        raise InputError(
            f"{path} has {name} of the shape {dataset.shape}, and a volume [z, y, x] is needed;"
            " give another snapshot (snap_*.hdf)"
        )
    nz, ny, nx = dataset.shape
    return nz, ny, nx


def edge_of(path: Path, spacing: Any) -> float:
    """Edge of the voxels [um] by the spacing along x, y and z.

    Raises:
        InputError: it is no length, or not the same along all axes.
    """
    edges = [float(edge) for edge in np.ravel(spacing)]
    if len(set(edges)) != 1 or not 0 < edges[0] <= LARGEST_EDGE:
        shown = ", ".join(f"{edge:g}" for edge in edges[:3])
        raise InputError(
            f"{path} has the voxel size {shown} um, and one length above 0 and up to"
            f" {LARGEST_EDGE:g} um is needed; give another snapshot (snap_*.hdf)"
        )
    return edges[0]


def number_of(path: Path, name: str, value: Any) -> float:
    """A finite number.

    Raises:
        InputError: it is not finite.
    """
    number = float(value)
    if not isfinite(number):
        raise InputError(
            f"{path} has {name} {number:g}, and a finite number is needed; give another snapshot"
            " (snap_*.hdf)"
        )
    return number


def step_of(path: Path, value: Any) -> int:
    """A number of steps.

    Raises:
        InputError: it is no whole number from 0 on.
    """
    if np.asarray(value).dtype.kind not in "iu" or int(value) < 0:
        raise InputError(
            f"{path} has the step {printable(str(value))}, and a whole number from 0 on is needed;"
            " give another snapshot (snap_*.hdf)"
        )
    return int(value)


def values_of(path: Path, dataset: h5py.Dataset, name: str, shape: Shape) -> NDArray[np.float32]:
    """The values of a field [z, y, x].

    Args:
        path: the file.
        dataset: the field.
        name: of the field.
        shape: that it must have.

    Raises:
        InputError: it has another shape, is not complete, or holds NaN or infinite values.
    """
    found = shape_of(path, dataset, name)
    if found != shape:
        raise InputError(
            f"{path} has {name} of the shape {found}, but bone of {shape}; give another snapshot"
            " (snap_*.hdf)"
        )
    chunks = dataset.chunks
    whole = dataset.id.get_storage_size() > 0
    if chunks is not None:
        counts = [ceil(size / chunk) for size, chunk in zip(shape, chunks, strict=True)]
        whole = dataset.id.get_num_chunks() >= prod(counts)
    if not whole:  # HDF5 would give zeros
        raise InputError(
            f"{path} has {name} in part only; give another snapshot (snap_*.hdf), or export a field"
            " that is whole"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is told below
        values = np.asarray(dataset[()], dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise InputError(
            f"{path} has {bad} NaN or infinite values in {name}; give another snapshot (snap_*.hdf)"
        )
    return values
