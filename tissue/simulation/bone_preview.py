"""Preview of the bone of a run for its plan: a large one is read or synthesized only in part."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from tissue.errors import InputError
from tissue.geometry.extent import Extent, extent
from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal, dims
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import Crop, ImageSettings, SyntheticSettings
from tissue.geometry.synthetic import (
    BYTES_PER_VOXEL,
    part_of,
    refuse_unmakeable,
    synthesize,
    voxels_synthesized,
)
from tissue.scenario.config import RunConfig
from tissue.simulation.simulation import load_geometry

MAX_SYNTHESIZED = 2**24
"""Largest number of voxels of bone that is synthesized completely, on its finer grid: 3 s."""

MAX_READ = 240_000_000
"""Largest memory of an image that is read completely [bytes]: 256^3 voxels, some 5 s."""

PART_EDGE = 160
"""Edge of the part that is read of a larger image [voxels of the file]."""


class BonePreview(NamedTuple):
    """Bone of a run, or a part of it.

    Attributes:
        geometry: the bone, or a part of it.
        full_grid: grid of the run, where the geometry is a part of it.
        loading_time: time to read or synthesize the complete bone [s].
        loading_memory: memory that this takes [bytes].
    """

    geometry: Geometry
    full_grid: Grid | None
    loading_time: float
    loading_memory: int


def preview_bone(config: RunConfig) -> BonePreview:
    """Loads the bone of a run, or a part of it where all of it would take long.

    Raises:
        InputError: the image or a setting cannot be used.
        RunError: the memory is too small, and a part of the bone contains no bone or no marrow.
    """
    settings = config.geometry
    if isinstance(settings, SyntheticSettings):
        refuse_unmakeable(settings)
        memory = BYTES_PER_VOXEL * voxels_synthesized(settings)
        preview = _synthesized(settings, config, memory)
    else:
        scan = extent(settings, Journal())
        memory = scan.memory
        preview = _read(settings, scan, config)
    if preview:
        return preview
    geometry, loading = _timed(lambda: load_geometry(config))
    return BonePreview(geometry, None, loading, memory)


def _synthesized(settings: SyntheticSettings, config: RunConfig, memory: int) -> BonePreview | None:
    """Bone of the same settings in a smaller box; None where the complete one is small enough."""
    part = part_of(settings)
    if voxels_synthesized(settings) <= MAX_SYNTHESIZED or part.shape == settings.shape:
        return None
    with suppress(InputError):  # of the part
        bone, loading = _timed(lambda: synthesize(part, config.periodic_axes))
        note = f"synthesized {dims(part.shape)} voxels of such bone; a run synthesizes all of it"
        share = voxels_synthesized(settings) / voxels_synthesized(part)
        return BonePreview(
            replace(bone, log=(note,), warnings=()),
            Grid(settings.shape, settings.spacing),
            loading * share,
            memory,
        )
    return None


def _read(settings: ImageSettings, scan: Extent, config: RunConfig) -> BonePreview | None:
    """Middle of an image; None where it is small, or its middle contains no bone or no marrow."""
    if scan.memory <= MAX_READ:
        return None
    crop = middle_crop(scan)
    with suppress(InputError):  # of the part
        bone, loading = _timed(
            lambda: load_image(replace(settings, crop=crop), config.periodic_axes)
        )
        note = (
            f"read only the middle of the {dims(scan.shape)} voxels: the numbers of the bone are "
            "approximate; a run reads all of it"
        )
        share = math.prod(scan.shape) / math.prod(stop - start for start, stop in crop)
        noted = replace(bone, log=(*bone.log, note))
        return BonePreview(noted, scan.grid, loading * share, scan.memory)
    return None


def middle_crop(scan: Extent) -> Crop:
    """Ranges of voxels in the middle of a scan, `PART_EDGE` long or as long as it is."""
    z, y, x = (
        (start, start + min(size, PART_EDGE))
        for start, size in (
            (along.start + max(size - PART_EDGE, 0) // 2, size)
            for along, size in zip(scan.box, scan.shape, strict=True)
        )
    )
    return z, y, x


def _timed(load: Callable[[], Geometry]) -> tuple[Geometry, float]:
    start = time.perf_counter()
    return load(), time.perf_counter() - start
