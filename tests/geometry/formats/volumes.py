"""Volumes for the tests of formats, and what other programs read in them."""

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from storage.places import DIRECTIONS, ORIGIN_MM

from tissue.errors import InputError
from tissue.geometry.gate import admit
from tissue.geometry.image import Image

SHAPE = (6, 7, 8)
EDGES_MM = (0.008, 0.01, 0.0125)
"""Edges (x, y, z) of a voxel [mm]."""

EDGES = (12.5, 10.0, 8.0)
"""The same (z, y, x) [um]."""

TYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")
Reader = Callable[[Path], Image]


def gray(dtype: str = "i2", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Numbers that use the range of a type and differ along each axis [z, y, x]."""
    kind = np.dtype(dtype)
    rng = np.random.default_rng(20)
    if kind == np.bool_:
        return rng.random(shape) > 0.5
    if kind.kind == "f":
        return rng.normal(0, 1000, shape).astype(kind)
    limits = np.iinfo(kind)
    values = rng.integers(
        limits.min, limits.max, shape, dtype=kind.newbyteorder("="), endpoint=True
    )
    values.flat[:2] = limits.min, limits.max
    return values


@dataclass(frozen=True)
class Told:
    """Contents of a file as another program reads it: all in the order (z, y, x), um and LPS."""

    values: np.ndarray
    edges: np.ndarray
    origin: np.ndarray
    direction: np.ndarray


def by_itk(file: Path, micrometers: float = 1e3) -> Told:
    """A file as SimpleITK reads it; `micrometers` is its unit, which SimpleITK does not know."""
    image = sitk.ReadImage(str(file))
    axes = image.GetDimension()
    return Told(
        sitk.GetArrayFromImage(image),
        np.array(image.GetSpacing()[::-1]) * micrometers,
        np.array(image.GetOrigin()[::-1]) * micrometers,
        np.array(image.GetDirection()).reshape(axes, axes)[::-1, ::-1],
    )


def by_nibabel(file: Path) -> Told:
    """A NIfTI file as nibabel reads it."""
    image = nib.load(file)
    unit = {0: 1e3, 1: 1e6, 2: 1e3, 3: 1.0}[int(image.header["xyzt_units"]) & 7]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    columns = affine[:3, :3]
    values = np.asarray(image.dataobj)
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    return Told(
        values.T,
        np.array(image.header.get_zooms()[:3], float)[::-1] * unit,
        affine[2::-1, 3] * unit,
        (columns / np.linalg.norm(columns, axis=0))[::-1, ::-1],
    )


def opened(read: Reader, file: Path) -> Image:
    """An image that the gate admits."""
    return admit(read(file))


def refusal(read: Callable[..., Image], *place: object) -> str:
    """The sentence that a file is refused with, be it before or while its voxels are read.

    Args:
        read: reader of files of its format.
        place: file, and what else the reader takes.
    """
    with pytest.raises(InputError) as caught:
        _ = admit(read(*place)).values
    text = str(caught.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def check_same(image: Image, told: Told) -> None:
    """Voxels, edges and place of an image are those that another program reads."""
    assert image.frame is not None
    np.testing.assert_array_equal(image.values, told.values)
    assert image.values.dtype == image.dtype == told.values.dtype.newbyteorder("=")
    np.testing.assert_allclose(np.array(image.voxel_size), told.edges, rtol=1e-6)
    np.testing.assert_allclose(image.frame.origin, told.origin, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(image.frame.direction, told.direction, atol=1e-6)


def check_crops(image: Image) -> None:
    """Every crop is that slice of the whole."""
    nz, ny, nx = image.shape
    for box in (
        (slice(0, 1), slice(0, ny), slice(0, nx)),
        (slice(2, nz - 1), slice(3, 5), slice(1, nx - 2)),
        (slice(nz - 1, nz), slice(ny - 1, ny), slice(nx - 1, nx)),
    ):
        np.testing.assert_array_equal(image.voxels(box), image.values[box])


def check_slices(read: Reader, file: Path) -> None:
    """A header over the six files of `slices` gives the voxels of SimpleITK, also in crops."""
    image = opened(read, file)
    check_same(image, by_itk(file))
    check_crops(image)
    assert [(part.kind, part.found, part.used) for part in image.inventory.parts] == [
        ("data files", 6, 6)
    ]


def written_by_itk(file: Path, values: np.ndarray, direction: str = "upright") -> None:
    """A file that SimpleITK writes, with edges and a place."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(EDGES_MM)
    image.SetOrigin(ORIGIN_MM)
    image.SetDirection(DIRECTIONS[direction].ravel())
    sitk.WriteImage(image, str(file), useCompression=file.stem.endswith("packed"))


def slices(folder: Path, pattern: str, first: int = 1, step: int = 1) -> None:
    """The gray volume as one file a slice, without a header."""
    for index, plane in enumerate(gray().astype("<i2")):
        (folder / (pattern % (first + index * step))).write_bytes(plane.tobytes())


def peak_memory(read: Callable[[], np.ndarray]) -> tuple[np.ndarray, int]:
    """Voxels that a function reads, and the most memory that it takes for them [bytes]."""
    tracemalloc.start()
    values = read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return values, peak
