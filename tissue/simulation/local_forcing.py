"""Disease that acts in a part of the box only: pannus and open walls, as fields on the grid."""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry, mask_share, refuse_misplaced_mask
from tissue.geometry.settings import ImageSettings
from tissue.kernels.programs import put
from tissue.kernels.stencil import Field
from tissue.model.forcing import LocalForcing, Wall
from tissue.model.species import SOLUTES, Solute
from tissue.model.walls import blood_exchange, held_exchange
from tissue.scenario.boundary import WallTable
from tissue.scenario.config import RunConfig
from tissue.scenario.values import AXES

MASK_KEY = "disease.pannus.mask"
"""Key that names the mask of a pannus."""


class LocalSchedule:
    """Local disease over the time of a run: fixed walls and pannus, uniform cells that may vary."""

    def __init__(
        self,
        config: RunConfig,
        grid: Grid,
        pannus: np.ndarray | None,
        walls: Mapping[str, Wall],
        mesh: Mesh | None,
    ) -> None:
        """Keeps what does not change.

        Args:
            config: the run.
            grid: grid of its bone.
            pannus: density of inflammatory cells in a pannus, 0 outside [cells/mm^3].
            walls: open walls, by solute.
            mesh: devices over which fields lie in slabs; None on one device.
        """
        self._cells, self._walls = config.disease.inflammatory_cells, put(dict(walls), mesh)
        self._shape, self._precision, self._mesh = grid.shape, config.run.precision, mesh
        self._pannus = None
        if pannus is not None:
            self._pannus = put(pannus.astype(self._precision), mesh)
        self._last: tuple[float, LocalForcing] | None = None

    def at(self, time: float) -> LocalForcing:
        """Local disease at a time [day]; the field is computed anew where its value changes."""
        uniform = self._cells.at(time)
        if self._last is None or self._last[0] != uniform:
            self._last = uniform, LocalForcing(self._density(uniform), self._walls)
        return self._last[1]

    def _density(self, uniform: float) -> Field:
        """Inflammatory cells [cells/mm^3 marrow], the larger of the pannus and the uniform ones."""
        if self._pannus is None:
            return put(np.full(self._shape, uniform, self._precision), self._mesh)
        return jnp.maximum(self._pannus, uniform) if uniform else self._pannus


def local_schedule(
    config: RunConfig, geometry: Geometry, journal: Journal, mesh: Mesh | None = None
) -> LocalSchedule | None:
    """Local disease of a run; None where all disease is uniform.

    Args:
        config: the run.
        geometry: the bone.
        journal: records how the mask of a pannus was placed.
        mesh: devices over which fields lie in slabs; None on one device.

    Raises:
        InputError: the mask of a pannus cannot be read or does not fit the bone.
    """
    grid = geometry.grid
    if not config.has_local_forcing:
        return None
    walls = {
        solute: _wall(SOLUTES[solute], faces, config, grid)
        for solute, faces in config.boundary.walls.items()
    }
    return LocalSchedule(config, grid, _pannus(config, grid, journal), walls, mesh)


def _pannus(config: RunConfig, grid: Grid, journal: Journal) -> np.ndarray | None:
    """Density of inflammatory cells in a pannus [z, y, x] [cells/mm^3]; None without one."""
    pannus = config.disease.pannus
    if pannus is None:
        return None
    share = np.zeros(grid.shape)
    for face in pannus.faces:
        near = face_distance(face, grid) < pannus.depth
        share = np.maximum(share, near)
    share = np.maximum(share, pannus_mask(config, grid, journal))
    return (float(config.parameters.F_0) if pannus.cells is None else pannus.cells) * share


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
    """Refuse the masks that `pannus_mask` refuses, without a field of the grid in memory.

    Raises:
        InputError: the mask cannot be read or does not fit the bone.
    """
    pannus = config.disease.pannus
    if pannus and pannus.mask:
        refuse_misplaced_mask(pannus.mask, MASK_KEY, _image(config), grid, journal)


def face_distance(face: str, grid: Grid) -> np.ndarray:
    """Distance of voxel centers from a face of the box [um], to be broadcast to the grid."""
    axis = AXES[face[0]]
    depth = (np.arange(grid.shape[axis]) + 0.5) * grid.spacing
    if face.endswith("high"):
        depth = depth[::-1]
    return np.expand_dims(depth, tuple({0, 1, 2} - {axis}))


def _image(config: RunConfig) -> ImageSettings | None:
    """Image of a run; None where its bone is synthetic."""
    return config.geometry if isinstance(config.geometry, ImageSettings) else None


def _wall(solute: Solute, faces: Mapping[str, WallTable], config: RunConfig, grid: Grid) -> Wall:
    """Exchange of a solute through open faces of the box."""
    diffusivity = float(getattr(config.parameters, solute.diffusivity))
    rate, inflow = np.zeros(grid.shape), np.zeros(grid.shape)
    for face, wall in faces.items():
        if wall.permeability is None:
            exchange = held_exchange(diffusivity, grid.spacing)
        else:
            exchange = blood_exchange(wall.permeability, grid.spacing)
        at_face = face_distance(face, grid) < grid.spacing
        rate += exchange * at_face
        inflow += exchange * wall.concentration * at_face
    beyond = np.divide(inflow, rate, out=np.zeros_like(rate), where=rate > 0)
    precision = config.run.precision
    return Wall(rate.astype(precision), beyond.astype(precision))  # type: ignore[arg-type]
