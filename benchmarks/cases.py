"""Bones and running simulations that the suites share."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation
from tissue.simulation.speed import mirrored

SPACING = 10.0  # voxel edge of synthetic mouse bone [um]
TRANSIENT_STEPS = 10  # steps until a simulation is measured: the first ones are short


def config(
    edge: int,
    *,
    parameters: Mapping[str, str] | None = None,
    preset: str = "mouse",
    step: str = "adaptive",
    duration: str = "56 day",
    il1: str = "3.5 pM",
    spacing: float = SPACING,
    thickness: float = 60.0,
) -> RunConfig:
    """Run on a cube of synthetic bone."""
    data: dict[str, Any] = {
        "run": {"preset": preset, "duration": duration, "step": step},
        "geometry": {
            "synthetic": {
                "shape": [edge] * 3,
                "spacing": f"{spacing} um",
                "bv_tv": 0.2,
                "thickness": f"{thickness} um",
            }
        },
        "disease": {"il1_excess": il1},
        "parameters": dict(parameters or {}),
    }
    return read_run_file(data, name="bench")


def running(
    run: RunConfig, bone: Geometry | None = None, steps: int = TRANSIENT_STEPS
) -> Simulation:
    """Simulation after its first, short steps."""
    simulation = Simulation(run, bone or tiled(run))
    for _ in range(steps):
        simulation.advance()
    return simulation


def tiled(run: RunConfig) -> Geometry:
    """Synthetic bone of a run, mirrored from a block, which takes next to no time and memory."""
    assert isinstance(run.geometry, SyntheticSettings)
    return mirrored(run.geometry)


def noise(edge: int) -> Geometry:
    """Thresholded noise, the synthetic bone of the package."""
    return synthesize(SyntheticSettings((edge,) * 3, SPACING, 0.2, 60.0, 0))


def gyroid(edge: int, bv_tv: float = 0.2, period: float = 24.0) -> Geometry:
    """Gyroid sheet of a given BV/TV; `period` in voxels."""
    z, y, x = np.meshgrid(*[2 * np.pi / period * np.arange(edge)] * 3, indexing="ij")
    level = np.abs(np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x))
    cut = np.quantile(level, bv_tv)
    slope = 2 * np.pi / period * 1.5  # change of the level per voxel near the sheet
    bone = np.clip(0.5 + (cut - level) / slope, 0, 1)
    return Geometry(Grid((edge,) * 3, SPACING), bone, (), ())


def shrew(edge: int | None = None) -> Geometry:
    """Bundled image of real bone, 57^3, or mirrored at its ends to a larger cube."""
    settings = read_run_file(examples()["shrew"]).geometry
    assert not isinstance(settings, SyntheticSettings)
    bone = load_image(settings)
    if edge is None:
        return bone
    pad = [(0, max(0, edge - n)) for n in bone.grid.shape]
    mirrored_bone = np.pad(bone.bone_volume_fraction, pad, mode="symmetric")
    return Geometry(Grid(mirrored_bone.shape, bone.grid.spacing), mirrored_bone, (), ())
