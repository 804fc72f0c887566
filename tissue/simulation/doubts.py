"""Warnings of choices that a grid, a box or the precision of a run cannot hold."""

import math
from collections.abc import Iterator

import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.geometry.settings import SyntheticSettings
from tissue.scenario.config import RunConfig

ALIKE = 0.6
"""Share of the difference between places half a box apart by which bone may differ from end to end
of a periodic box: made-up bone that goes on there differs by at most 0.5 of it, the shrew image by
0.8 to 1.2, at voxels of 8 to 25 um."""

VOXELS_PER_DECAY = 2
"""Voxels that a solute must decay over to be resolved."""

SHORTEST_FLOAT32_STEP = 0.02
"""Step below which rounding of phi costs more than a thousandth of the motion [day]."""

COARSEST_VOXEL = {"mouse": 10.0, "human": 25.0}
"""Voxel edge above which trabeculae of the species lose surface [um]."""


def doubts(config: RunConfig, grid: Grid) -> Iterator[str]:
    """Warnings of voxels, steps and boxes that do not suit a run."""
    coarsest = COARSEST_VOXEL[config.run.preset]
    if grid.spacing > coarsest * 1.01:
        synthetic = isinstance(config.geometry, SyntheticSettings)
        key = "geometry.synthetic.spacing" if synthetic else "geometry.resample"
        yield (
            f"voxels of {grid.spacing:g} um are coarse for {config.run.preset} trabeculae: up to "
            f"{coarsest:g} um keeps their surface; set {key} to a finer voxel"
        )
    if config.run.precision == "float32" and (config.run.fixed_step or 1) < SHORTEST_FLOAT32_STEP:
        yield (
            f"steps of {config.run.fixed_step:g} day move bone by less than float32 can add up "
            "well: set run.precision to float64 or run.step to "
            f"{SHORTEST_FLOAT32_STEP:g} day or more"
        )
    yield from _decay(config, grid)


def _decay(config: RunConfig, grid: Grid) -> Iterator[str]:
    """Warnings of gradients that the grid or the box cannot hold."""
    p, edge = config.acting, max(grid.shape) * grid.spacing
    in_places = bool(config.disease.pannus or config.boundary.walls)
    rates = {"il1": (p.D_I, p.k_I), "tnf": (p.D_T, p.k_T), "rankl": (p.D_R, p.k_R)}
    for solute, (diffusivity, rate) in (rates | {"opg": (p.D_O, p.k_O)}).items():
        length = math.sqrt(float(diffusivity) / float(rate))
        if length < VOXELS_PER_DECAY * grid.spacing:
            yield (
                f"{solute} decays over {length:.3g} um, less than {VOXELS_PER_DECAY} voxels: its "
                "gradients are not resolved; use finer voxels"
            )
        if in_places and length > edge:
            yield (
                f"{solute} decays over {length:.3g} um, farther than the box of {edge:.3g} um: "
                "what acts in some places only reaches almost all; use a larger box"
            )


def cuts(config: RunConfig, geometry: Geometry) -> Iterator[str]:
    """Warnings of a periodic box whose bone does not go on at the other end."""
    bone = geometry.bone_volume_fraction
    for name, axis in zip(config.boundary.periodic, config.periodic_axes, strict=True):
        across = float(np.abs(bone.take(0, axis) - bone.take(-1, axis)).mean())
        apart = float(np.abs(bone - np.roll(bone, bone.shape[axis] // 2, axis)).mean())
        if across > ALIKE * apart:
            yield (
                f"bone differs by {across:.2f} from one end of {name} to the other and by "
                f"{apart:.2f} half a box apart: it does not go on there, and boundary.periodic "
                "makes a surface of the cut; it suits bone that repeats itself"
            )
