"""Bone that a run starts with, as partial volumes, from an image file."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tissue.display import Displayed
from tissue.errors import InputError, shown
from tissue.geometry.extent import chosen_voxel_size
from tissue.geometry.grid import Axes, Frame, Grid
from tissue.geometry.image import VoxelSize
from tissue.geometry.images import read_image
from tissue.geometry.journal import Journal, dims
from tissue.geometry.masks import Scan, marked_part, read_mask
from tissue.geometry.place import Lattice, Mask, nearest_of
from tissue.geometry.preparation import cleaned, partial_volumes, warn_if_thin
from tissue.geometry.resample import block_means, choose_sampling
from tissue.geometry.segment import Binary, segment
from tissue.geometry.settings import ImageSettings, settings_by_name

ROUNDING = 1e-6
"""Share of bone beyond 0 and 1 that float32 may leave."""

PLANES = 16
"""Planes of samples of a mask that are looked at together, which bounds the memory."""


@dataclass(frozen=True)
class Geometry(Displayed):
    """Bone that a run starts with.

    Attributes:
        grid: its voxels, and the place of its scan in space.
        bone_volume_fraction: share of bone in each voxel [z, y, x], float64 in [0, 1].
        log: one line for each step of its preparation.
        warnings: sentences that the user should look at.
    """

    grid: Grid
    bone_volume_fraction: np.ndarray
    log: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def bv_tv(self) -> float:
        """Bone volume per tissue volume, the share of bone in the box."""
        return float(np.mean(self.bone_volume_fraction))

    def __repr__(self) -> str:
        """Describe the bone in one line."""
        voxels = f"{dims(self.grid.shape)} voxels (z, y, x) of {self.grid.spacing:g} um"
        return f"<Geometry: {voxels}, BV/TV {self.bv_tv:.4f}>"

    def __post_init__(self) -> None:
        """Refuse a bone that no simulation can start with.

        Raises:
            InputError: it has another shape than the grid, less than two voxels along an axis, or
                values outside 0 to 1.
        """
        shape = np.shape(self.bone_volume_fraction)
        if len(shape) != 3 or min(shape) < 2:
            raise InputError(
                f"the bone has the shape {shape}; a volume [z, y, x] of at least two voxels along "
                "each axis is needed"
            )
        if shape != tuple(self.grid.shape):
            raise InputError(
                f"the bone has the shape {shape}, and its grid {tuple(self.grid.shape)}; give both "
                "the same"
            )
        low, high = np.min(self.bone_volume_fraction), np.max(self.bone_volume_fraction)
        if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # with a NaN, both are NaN
            raise InputError(
                f"the bone holds values from {low:g} to {high:g}; shares of bone in each voxel, "
                "from 0 to 1, are needed"
            )


def load_image(
    image: ImageSettings | str | Path,
    periodic: Axes = (),
    memory_limit: float = math.inf,
    **settings: Any,
) -> Geometry:
    """Read an image and segment its bone: crop, smooth, threshold, resample, clean, in this order.

    Args:
        image: file or folder of an image, or all its settings at once.
        periodic: axes along which the box repeats, -3 to -1 for z, y, x.
        memory_limit: memory that may be used [bytes].
        **settings: fields of `ImageSettings` for a file, such as `threshold=200` or `resample=20`
            [um] or "20 um"; see there for the others.

    Returns:
        The bone as partial volumes on cubic voxels, with the log and warnings of each step.

    Raises:
        InputError: the file or a setting cannot be used.
        RunError: the memory is too small.
    """
    if not isinstance(image, ImageSettings):
        if not isinstance(image, str | Path):
            raise InputError(
                f"image = {shown(image)} must be the path of an image; bone in an array is a "
                "tissue.Geometry(grid, bone)"
            )
        image = settings_by_name(ImageSettings, "geometry", {"file": image, **settings})
    elif settings:
        raise InputError(
            f"{', '.join(settings)} cannot be given beside ImageSettings: change the settings, or "
            "give a file"
        )
    journal = Journal()
    return simulated_bone(segment(image, journal, memory_limit).binary, image, journal, periodic)


def simulated_bone(
    found: Binary, settings: ImageSettings, journal: Journal, periodic: Axes = ()
) -> Geometry:
    """The bone of a simulation, from that of an image.

    Components and pockets are judged on the finest binary volume, before it is averaged.

    Raises:
        InputError: no marrow is left.
    """
    bone = cleaned(found.bone, settings.keep_largest, settings.close_pockets, journal, periodic)
    warn_if_thin(bone, found.sampling, journal)
    factor, spacing = found.sampling.factor, found.sampling.spacing
    fraction = partial_volumes(bone, factor, spacing, journal, periodic)
    return Geometry(found.grid, fraction, tuple(journal.log), tuple(journal.warnings))


def measured_image(
    settings: ImageSettings, clean: bool = False, memory_limit: float = math.inf
) -> Geometry:
    """The bone of an image as it is, to be measured: no piece dropped, no pocket closed.

    Args:
        settings: the image.
        clean: drop loose pieces and close pockets as for a simulation.
        memory_limit: memory that may be used [bytes].

    Returns:
        The binary volume as 0 and 1 where the voxels of the file are kept, or shares of bone where
        they had to be resampled to cubes.

    Raises:
        InputError: the file or a setting cannot be used.
    """
    journal = Journal()
    found = segment(settings, journal, memory_limit)
    if found.scanned is not None:
        journal.warnings.append(
            f"{1 - found.scanned.mean():.1%} of the box was not scanned and counts as marrow: every"
            f" measure is of all of the box; BV/TV of what was scanned is {found.bone_share:.4f}"
        )
    binary = found.binary
    del found  # its gray values
    bone = cleaned(binary.bone, True, True, journal) if clean else binary.bone
    fraction = block_means(bone, binary.sampling.factor)
    return Geometry(binary.grid, fraction, tuple(journal.log), tuple(journal.warnings))


def mask_share(
    file: Path, key: str, settings: ImageSettings | None, grid: Grid, journal: Journal
) -> np.ndarray:
    """Share of each grid voxel that a mask image marks [z, y, x].

    Args:
        file: the mask, of any format, orientation and spacing.
        key: the key that names it.
        settings: the image that the grid was made of; None for a synthetic bone.
        grid: the voxels.
        journal: receives the log lines and warnings.

    Raises:
        InputError: the mask cannot be read, or lies elsewhere than the bone.
    """
    placed = _placed(file, key, settings, grid, journal)
    sampled = nearest_of(placed.marked, placed.source, placed.target)
    if not sampled.any():
        raise placed.elsewhere
    return partial_volumes(sampled, placed.factor, grid.spacing, Journal())


def refuse_misplaced_mask(
    file: Path, key: str, settings: ImageSettings | None, grid: Grid, journal: Journal
) -> None:
    """Refuse the masks that `mask_share` refuses, without a field of the grid in memory.

    Raises:
        InputError: the mask cannot be read, or lies elsewhere than the bone.
    """
    placed = _placed(file, key, settings, grid, journal)
    nz, ny, nx = placed.target.shape
    for first in range(0, nz, PLANES):
        few = slice(first, min(first + PLANES, nz))
        planes = placed.target.part((few, slice(0, ny), slice(0, nx)))
        if nearest_of(placed.marked, placed.source, planes).any():
            return
    raise placed.elsewhere


class _Placed(NamedTuple):
    """A mask beside the voxels that it is sampled on.

    Attributes:
        marked: voxels of the scan that it marks, in a box of it.
        source: place of that box.
        target: the points to sample it at.
        factor: number of them along the edge of a grid voxel.
        elsewhere: the complaint if it marks none of them.
    """

    marked: Mask
    source: Lattice
    target: Lattice
    factor: int
    elsewhere: InputError


def _placed(
    file: Path, key: str, settings: ImageSettings | None, grid: Grid, journal: Journal
) -> _Placed:
    """A mask and the grid, both along the axes of the scan."""
    mask = read_mask(file, key)
    if settings is None:
        edges = (grid.spacing,) * 3
        scan = Scan("the synthetic bone", grid.shape, edges, edges, None)
    else:
        image = read_image(settings.file, settings.dataset, settings.series)
        voxel = chosen_voxel_size(image.spacing, settings.voxel_size, Journal())
        scan = Scan(image.name, image.shape, voxel, image.spacing, image.frame)
    box, marked = marked_part(mask, scan, key, journal)
    # from here on along the axes of the scan, from its first voxel
    source = Lattice(scan.lattice.shape, scan.voxel_size, Frame()).part(box)
    factor = _samples(grid.spacing, scan.voxel_size)
    fine = grid.spacing / factor
    nz, ny, nx = (size * factor for size in grid.shape)
    z, y, x = (first - (grid.spacing - fine) / 2 for first in grid.origin)
    target = Lattice((nz, ny, nx), (fine,) * 3, Frame((z, y, x)))
    elsewhere = InputError(
        f"{mask.name} marks no voxel of the bone; mark the place with values above 0", key=key
    )
    return _Placed(marked, source, target, factor, elsewhere)


def _samples(spacing: float, voxel: VoxelSize) -> int:
    """Samples of a mask along the edge of a grid voxel: its own voxels, or points between them."""
    sampling = choose_sampling(voxel, spacing)
    return math.ceil(2 * spacing / min(voxel)) if sampling.interpolate else sampling.factor
