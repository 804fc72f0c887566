"""The bone of a run as far as its plan needs it: of a large one, a part is read or made."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from tissue.errors import InputError
from tissue.geometry.extent import Extent, extent
from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal, by
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import Crop, ImageSettings, SyntheticSettings
from tissue.geometry.synthetic import (
    BYTES_MADE,
    part_of,
    refuse_unmakeable,
    synthesize,
    voxels_made,
)
from tissue.scenario.config import RunConfig
from tissue.simulation.simulation import load_geometry

MADE = 2**24
"""Voxels up to which made-up bone is made as a whole [of the grid that it is made on]: 3 s."""

READ = 600_000_000
"""Memory up to which an image is read as a whole [bytes]: 256^3 voxels, some 5 s."""

PART = 160
"""Edge of the part that is read of a larger image [voxels of the file]."""


class Foreseen(NamedTuple):
    """Bone of a run, as far as its plan needs it.

    Attributes:
        geometry: the bone, or a part of it.
        whole: grid of the run, where the geometry is a part of it.
        loading: time that reading or making all of it takes [s].
        reading: memory that this takes [bytes].
    """

    geometry: Geometry
    whole: Grid | None
    loading: float
    reading: int


def foresee(config: RunConfig) -> Foreseen:
    """Looks at the bone of a run, or at a part where the whole would take long.

    Raises:
        InputError: the image or a setting cannot be used.
        RunError: the memory is too small for a bone that a part tells nothing of.
    """
    settings = config.geometry
    if isinstance(settings, SyntheticSettings):
        refuse_unmakeable(settings)
        reading = BYTES_MADE * voxels_made(settings)
        seen = _made(settings, config, reading)
    else:
        whole = extent(settings, Journal())
        reading = whole.memory
        seen = _read(settings, whole, config)
    if seen:
        return seen
    geometry, loading = _timed(lambda: load_geometry(config))
    return Foreseen(geometry, None, loading, reading)


def _made(settings: SyntheticSettings, config: RunConfig, reading: int) -> Foreseen | None:
    """A bone of the same settings in a smaller box; None where the whole is small enough."""
    part = part_of(settings)
    if voxels_made(settings) <= MADE or part.shape == settings.shape:
        return None
    with suppress(InputError):  # of the part
        bone, loading = _timed(lambda: synthesize(part, config.periodic_axes))
        told = f"looked at {by(part.shape)} voxels of such bone; a run makes all of it"
        share = voxels_made(settings) / voxels_made(part)
        return Foreseen(
            replace(bone, log=(told,), warnings=()),
            Grid(settings.shape, settings.spacing),
            loading * share,
            reading,
        )
    return None


def _read(settings: ImageSettings, whole: Extent, config: RunConfig) -> Foreseen | None:
    """The middle of an image; None where it is small, or the middle holds no bone or no marrow."""
    if whole.memory <= READ:
        return None
    crop = _middle(whole)
    with suppress(InputError):  # of the part
        bone, loading = _timed(
            lambda: load_image(replace(settings, crop=crop), config.periodic_axes)
        )
        told = (
            f"looked at the middle of the {by(whole.shape)} voxels only: what is told of the bone "
            "is about right; a run reads all of it"
        )
        share = math.prod(whole.shape) / math.prod(stop - start for start, stop in crop)
        seen = replace(bone, log=(*bone.log, told))
        return Foreseen(seen, whole.grid, loading * share, whole.memory)
    return None


def _middle(whole: Extent) -> Crop:
    z, y, x = (
        (start, start + min(size, PART))
        for start, size in (
            (along.start + max(size - PART, 0) // 2, size)
            for along, size in zip(whole.box, whole.shape, strict=True)
        )
    )
    return z, y, x


def _timed(load: Callable[[], Geometry]) -> tuple[Geometry, float]:
    start = time.perf_counter()
    return load(), time.perf_counter() - start
