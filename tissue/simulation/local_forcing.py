"""What acts in some places only: pannus and open walls, as fields on the grid of a bone."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry, mask_share, refuse_misplaced_mask
from tissue.geometry.settings import ImageSettings
from tissue.model.forcing import LocalForcing, Wall
from tissue.scenario.config import RunConfig
from tissue.scenario.disease import OpenFace, face_distance

MASK_KEY = "disease.pannus.mask"
"""The key that names the mask of a pannus."""


def local_forcing(config: RunConfig, geometry: Geometry, journal: Journal) -> LocalForcing | None:
    """Fields of what acts in some places only; None where nothing does.

    Args:
        config: the run.
        geometry: the bone.
        journal: takes up how the mask of a pannus was placed.

    Raises:
        InputError: the mask of a pannus cannot be read or does not fit the bone.
    """
    disease, grid = config.disease, geometry.grid
    if not disease.has_local_forcing:
        return None
    share = np.zeros(grid.shape)
    cells = float(config.parameters.F_0)
    if disease.pannus:
        for face in disease.pannus.faces:
            near = face_distance(face, grid.shape, grid.spacing) < disease.pannus.depth
            share = np.maximum(share, near)
        share = np.maximum(share, pannus_mask(config, grid, journal))
        cells = cells if disease.pannus.cells is None else disease.pannus.cells
    density = np.maximum(cells * share, disease.inflammatory_cells)
    walls = {
        solute: _wall([w for w in disease.walls if w.solute == solute], config, geometry)
        for solute in {wall.solute for wall in disease.walls}
    }
    return LocalForcing(jnp.asarray(density, config.precision), walls)


def pannus_mask(config: RunConfig, grid: Grid, journal: Journal) -> np.ndarray | float:
    """Share of each voxel that the mask of a pannus marks [z, y, x]; 0 where there is no mask.

    Raises:
        InputError: the mask cannot be read or does not fit the bone.
    """
    pannus = config.disease.pannus
    if not (pannus and pannus.mask):
        return 0.0
    return mask_share(pannus.mask, MASK_KEY, _image(config), grid, journal)


def refuse_misplaced_pannus(config: RunConfig, grid: Grid, journal: Journal) -> None:
    """Refuses the masks that `pannus_mask` refuses, without a field of the grid in memory.

    Raises:
        InputError: the mask cannot be read or does not fit the bone.
    """
    pannus = config.disease.pannus
    if pannus and pannus.mask:
        refuse_misplaced_mask(pannus.mask, MASK_KEY, _image(config), grid, journal)


def _image(config: RunConfig) -> ImageSettings | None:
    """The image of a run; None where its bone is made up."""
    return config.geometry if isinstance(config.geometry, ImageSettings) else None


def _wall(walls: Sequence[OpenFace], config: RunConfig, geometry: Geometry) -> Wall:
    """Faces of the box through which a solute comes and goes."""
    grid, p = geometry.grid, config.parameters
    diffusivity = {"il1": p.D_I, "tnf": p.D_T, "rankl": p.D_R, "opg": p.D_O}
    rate, inflow = np.zeros(grid.shape), np.zeros(grid.shape)
    for wall in walls:
        if wall.permeability is None:  # held on the face, half a voxel from the first centers
            exchange = 2 * float(diffusivity[wall.solute]) / grid.spacing**2
        else:
            exchange = wall.permeability / grid.spacing
        at_face = face_distance(wall.face, grid.shape, grid.spacing) < grid.spacing
        rate += exchange * at_face
        inflow += exchange * wall.concentration * at_face
    beyond = np.divide(inflow, rate, out=np.zeros_like(rate), where=rate > 0)
    return Wall(jnp.asarray(rate, config.precision), jnp.asarray(beyond, config.precision))
