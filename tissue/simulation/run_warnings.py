"""Warnings of settings that suit neither the grid, the box nor the precision of a run."""

import math
from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.geometry.segmentation import piece_sizes
from tissue.geometry.settings import SyntheticSettings
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig

PERIODIC_MISMATCH = 0.6
"""Largest difference of bone across a periodic face, over that between planes half a box apart [1]:
periodic synthetic bone has at most 0.5, the shrew image 0.8 to 1.2, at voxels of 8 to 25 um."""

VOXELS_PER_DECAY = 2
"""Smallest decay length of a solute that the grid resolves [voxels]."""

MIN_FLOAT32_STEP = 0.02
"""Step below which rounding of phi exceeds a thousandth of its change [day]."""

MAX_SPACING = {"mouse": 10.0, "human": 25.0}
"""Voxel edge above which trabeculae of the species lose surface [um]."""

JOINT = 0.3
"""Bone volume fraction below which a voxel hardly joins parts of a bone [1]."""

MAX_LOOSE = 0.1
"""Share of bone beyond such joints from which finite elements let parts grow together, as they did
in synthetic bone with 0.23; the bones of bundled runs by finite elements have 0 to 0.034 [1]."""


def grid_warnings(config: RunConfig, grid: Grid) -> Iterator[str]:
    """Yields warnings of voxels, steps and boxes that do not suit a run."""
    coarsest = MAX_SPACING[config.run.preset]
    if grid.spacing > coarsest * 1.01:
        synthetic = isinstance(config.geometry, SyntheticSettings)
        key = "geometry.synthetic.spacing" if synthetic else "geometry.resample"
        yield (
            f"voxels of {grid.spacing:g} um are coarse for {config.run.preset} trabeculae: up to "
            f"{coarsest:g} um resolves their surface; set {key} to a finer voxel"
        )
    if config.run.precision == "float32" and (config.run.fixed_step or 1) < MIN_FLOAT32_STEP:
        yield (
            f"steps of {config.run.fixed_step:g} day move bone by less than float32 can add up "
            "well: set run.precision to float64 or run.step to "
            f"{MIN_FLOAT32_STEP:g} day or more"
        )
    yield from _decay(config, grid)


def _decay(config: RunConfig, grid: Grid) -> Iterator[str]:
    """Yields warnings of gradients that the grid or the box does not resolve."""
    p, edge = config.acting, max(grid.shape) * grid.spacing
    is_local = bool(config.disease.pannus or config.boundary.walls)
    for name, solute in SOLUTES.items():
        length = math.sqrt(float(getattr(p, solute.diffusivity) / getattr(p, solute.clearance)))
        if length < VOXELS_PER_DECAY * grid.spacing:
            yield (
                f"{name} decays over {length:.3g} um, less than {VOXELS_PER_DECAY} voxels: its "
                "gradients are not resolved; use finer voxels"
            )
        if is_local and length > edge:
            yield (
                f"{name} decays over {length:.3g} um, farther than the box of {edge:.3g} um: "
                "a local source acts almost everywhere; use a larger box"
            )


def cut_warnings(config: RunConfig, geometry: Geometry) -> Iterator[str]:
    """Yields warnings of bone that does not continue across the faces of a periodic box."""
    bone = geometry.bone_volume_fraction
    for name, axis in zip(config.boundary.periodic, config.periodic_axes, strict=True):
        across = float(np.abs(bone.take(0, axis) - bone.take(-1, axis)).mean())
        apart = float(np.abs(bone - np.roll(bone, bone.shape[axis] // 2, axis)).mean())
        if across > PERIODIC_MISMATCH * apart:
            yield (
                f"bone differs by {across:.2f} from one end of {name} to the other and by "
                f"{apart:.2f} half a box apart: it does not continue there, and boundary.periodic "
                "makes a surface of the cut; use it for bone that repeats itself"
            )


def joint_warnings(bone: np.ndarray) -> Iterator[str]:
    """Yields a warning of bone [z, y, x] of parts that only scarcely filled voxels join.

    The modulus of a voxel goes with its bone volume, so that such a joint bears load as soon as it
    begins to fill, and the bone beside it is unloaded.
    """
    parts, count = ndimage.label(bone >= JOINT)
    if count < 2:
        return
    sizes = piece_sizes(parts, count)
    loose = 1 - sizes.max() / sizes.sum()
    if loose > MAX_LOOSE:
        yield (
            f"{loose:.0%} of the bone hangs on the rest by voxels filled by less than {JOINT:g}: "
            "by finite elements these bear load as soon as they begin to fill, and other bone is "
            "unloaded and lost; compare with load.mechanics = 'density', or take other bone"
        )
