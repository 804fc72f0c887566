"""Checks of the numbers of a snapshot that another program may have edited or written."""

from itertools import chain
from math import ceil, isfinite, prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError, printable
from tissue.geometry.grid import Frame, Vector

MAX_SPACING = 1e6
"""Upper bound of the edge of a voxel [um]: 1 m, far beyond any bone."""

MAX_TIME = 1e6
"""Upper bound of the simulated time [day]: 2700 years, far beyond any run."""

UNIT_LENGTH_ATOL = 0.01
"""Error of the length of a unit vector [1], far beyond rounding."""

MIN_AXES_VOLUME = 0.5
"""Smallest volume spanned by the unit vectors of a scan [1]: axes at right angles span 1, and the
sheared ones of a registration nearly that."""

Shape = tuple[int, int, int]


def shape_of(path: Path, dataset: h5py.Group | h5py.Dataset, name: str) -> Shape:
    """Number of voxels along z, y and x.

    Raises:
        InputError: the object of this name is not a volume of real numbers.
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
    """Edge of the voxels [um], from the spacing along x, y and z.

    Raises:
        InputError: it is not a length, or not the same along all axes.
    """
    edges = [float(edge) for edge in np.ravel(spacing)]
    if len(set(edges)) != 1 or not 0 < edges[0] <= MAX_SPACING:
        shown = ", ".join(f"{edge:g}" for edge in edges[:3])
        raise InputError(
            f"{path} has the voxel size {shown} um, and one length above 0 and up to"
            f" {MAX_SPACING:g} um is needed; give another snapshot (snap_*.hdf)"
        )
    return edges[0]


def number_of(path: Path, name: str, value: Any) -> float:
    """Number that must be finite.

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


def time_of(path: Path, value: Any) -> float:
    """Simulated time [day].

    Raises:
        InputError: it is not the time of a run.
    """
    time = number_of(path, "the time", value)
    if not 0 <= time <= MAX_TIME:
        raise InputError(
            f"{path} has the time {time:g}, and days from 0 to {MAX_TIME:g} are needed; give"
            " another snapshot (snap_*.hdf)"
        )
    return time


def text_of(value: Any) -> str:
    """Text that may be stored as a fixed number of bytes, as many programs do."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def refuse_bad_position(path: Path, origin: Vector, frame: Frame) -> None:
    """Refuses an impossible position in space.

    Args:
        path: the file.
        origin: offset from the first voxel of the scan (z, y, x) [um].
        frame: position and axes of the scan.

    Raises:
        InputError: a number of it is not finite, or its axes are no unit vectors that span space.
    """
    for number in (*origin, *frame.origin, *chain(*frame.direction)):
        number_of(path, "in its position the number", number)
    axes = np.array(frame.direction)
    lengths = np.linalg.norm(axes, axis=0)
    if (
        not np.allclose(lengths, 1, rtol=0, atol=UNIT_LENGTH_ATOL)
        or abs(np.linalg.det(axes)) < MIN_AXES_VOLUME
    ):
        raise InputError(
            f"{path} has axes that are not unit vectors in three directions; give another snapshot"
            " (snap_*.hdf)"
        )


def step_of(path: Path, value: Any) -> int:
    """Number of steps.

    Raises:
        InputError: it is not an integer from 0 on.
    """
    if np.asarray(value).dtype.kind not in "iu" or int(value) < 0:
        raise InputError(
            f"{path} has the step {printable(str(value))}, and an integer from 0 on is needed;"
            " give another snapshot (snap_*.hdf)"
        )
    return int(value)


def values_of(path: Path, dataset: h5py.Dataset, name: str, shape: Shape) -> NDArray[np.float32]:
    """Values of a field [z, y, x].

    Args:
        path: the file.
        dataset: the field.
        name: of the field.
        shape: expected shape.

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
    complete = dataset.id.get_storage_size() > 0
    if chunks is not None:
        counts = [ceil(size / chunk) for size, chunk in zip(shape, chunks, strict=True)]
        complete = dataset.id.get_num_chunks() >= prod(counts)
    if not complete:  # HDF5 would return zeros
        raise InputError(
            f"{path} has only a part of {name}; give another snapshot (snap_*.hdf), or export a"
            " field that is complete"
        )
    with np.errstate(over="ignore"):  # values beyond float32 are refused below
        values = np.asarray(dataset[()], dtype=np.float32)
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise InputError(
            f"{path} has {bad} NaN or infinite values in {name}; give another snapshot (snap_*.hdf)"
        )
    return values
