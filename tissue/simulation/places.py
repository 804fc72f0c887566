"""What acts in some places only: pannus and open walls, as fields on the grid of a bone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from tissue.errors import InputError
from tissue.geometry.images import told_of
from tissue.geometry.load import Geometry, ImageSettings, load_image
from tissue.geometry.synthetic import SyntheticSettings
from tissue.model.forcing import Local, Wall
from tissue.scenario.config import RunConfig
from tissue.scenario.disease import OpenFace, face_distance


def local_forcing(config: RunConfig, geometry: Geometry) -> Local | None:
    """What acts in some places only, as fields on the grid; None where nothing does.

    Raises:
        InputError: the mask of a pannus cannot be read or does not fit the bone.
    """
    disease, grid = config.disease, geometry.grid
    if not disease.focal:
        return None
    share = np.zeros(grid.shape)
    cells = float(config.parameters.F_0)
    if disease.pannus:
        for face in disease.pannus.faces:
            near = face_distance(face, grid.shape, grid.spacing) < disease.pannus.depth
            share = np.maximum(share, near)
        if disease.pannus.mask:
            share = np.maximum(share, _mask(disease.pannus.mask, config.geometry, geometry))
        cells = cells if disease.pannus.cells is None else disease.pannus.cells
    density = np.maximum(cells * share, disease.inflammatory_cells)
    walls = {
        solute: _wall([w for w in disease.walls if w.solute == solute], config, geometry)
        for solute in {wall.solute for wall in disease.walls}
    }
    return Local(jnp.asarray(density, config.precision), walls)


def _wall(walls: Sequence[OpenFace], config: RunConfig, geometry: Geometry) -> Wall:
    """Faces of the box through which a solute comes and goes."""
    grid, p = geometry.grid, config.parameters
    diffusivity = {"il1": p.D_I, "tnf": p.D_T, "rankl": p.D_R, "opg": p.D_O}
    rate, inflow = np.zeros(grid.shape), np.zeros(grid.shape)
    for wall in walls:
        if wall.permeability is None:  # held on the face, half a voxel from the first centres
            exchange = 2 * float(diffusivity[wall.solute]) / grid.spacing**2
        else:
            exchange = wall.permeability / grid.spacing
        at_face = face_distance(wall.face, grid.shape, grid.spacing) < grid.spacing
        rate += exchange * at_face
        inflow += exchange * wall.concentration * at_face
    beyond = np.divide(inflow, rate, out=np.zeros_like(rate), where=rate > 0)
    return Wall(jnp.asarray(rate, config.precision), jnp.asarray(beyond, config.precision))


def _mask(
    file: Path, settings: ImageSettings | SyntheticSettings, geometry: Geometry
) -> np.ndarray:
    """Share of a voxel that a mask image marks."""
    grid = geometry.grid
    like = (
        settings if isinstance(settings, ImageSettings) else ImageSettings(file, None, grid.spacing)
    )
    plain = replace(
        like, file=file, smooth=0.0, threshold=0.0, keep_largest=False, close_pockets=False
    )
    with told_of("disease.pannus.mask"):
        share = load_image(plain).bone_volume_fraction
    if share.shape != grid.shape:
        raise InputError(
            f"disease.pannus.mask = {str(file)!r} has {share.shape} voxels [z, y, x] after "
            f"resampling where the bone has {grid.shape}: it must be as large as the image of the "
            "bone"
        )
    return share
