"""Surfaces and steps of the model against exact solutions and finer grids."""

import csv
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from tissue.kernels.surface import move, specific_surface
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation
from tissue.validation.ovariectomy import OVARIECTOMY
from tissue.validation.simulations import Estimate, Estimates, SimulationCache

RAYS = 300
"""Rays from the center of a ball along which its surface is searched."""
SUBSAMPLES = 5
"""Points per edge of a voxel that give its share of a ball."""


def ball(radius: float, spacing: float) -> np.ndarray:
    """An eighth of a ball around a corner of the box, as volume fractions [z, y, x].

    Args:
        radius: of the ball [um].
        spacing: edge of a voxel [um].
    """
    number = int(np.ceil(radius / spacing)) + 3
    fine = (np.arange(number * SUBSAMPLES) + 0.5) * spacing / SUBSAMPLES
    squared = fine**2
    inside = squared[:, None, None] + squared[None, :, None] + squared[None, None, :] < radius**2
    blocks = inside.reshape(number, SUBSAMPLES, number, SUBSAMPLES, number, SUBSAMPLES)
    return np.asarray(blocks.mean(axis=(1, 3, 5)))


def area(_: SimulationCache) -> Estimates:
    """V43: area over the true one, by the model and by two methods that it does not use."""
    radius, spacing = 150.0, 10.0
    share = ball(radius, spacing)
    true = 4 * np.pi * radius**2 / 8
    binary = (share > 0.5).astype(float)
    faces = sum(np.abs(np.diff(binary, axis=axis)).sum() for axis in range(3)) * spacing**2
    found = [
        float(specific_surface(jnp.asarray(f), spacing).sum()) * spacing**3 for f in (share, binary)
    ]
    return [Estimate(found[0] / true), Estimate(found[1] / true), Estimate(float(faces) / true)]


def velocity(_: SimulationCache) -> Estimates:
    """V44: speed of the surface of an eroding ball over the prescribed one, on three grids."""
    found = []
    for spacing in (20.0, 10.0, 5.0):
        phi = jnp.asarray(ball(150.0, spacing))
        one, none = jnp.ones_like(phi), jnp.zeros_like(phi)
        after = move(phi, one, none, spacing, jnp.asarray(60.0)).phi
        radii = [_radius(np.asarray(share), spacing) for share in (phi, after)]
        found.append(Estimate((radii[0] - radii[1]) / 60))
    return found


def _radius(share: np.ndarray, spacing: float) -> float:
    """Mean distance from the corner at which the share falls to a half [um]."""
    rays = np.abs(np.random.default_rng(0).normal(size=(RAYS, 3)))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    along = np.linspace(0, 180, 721)
    places = rays.T[:, :, None] * along / spacing - 0.5
    seen = ndimage.map_coordinates(share, places, order=1, mode="nearest")
    return float(along[np.argmax(seen < 0.5, axis=1)].mean())


def splitting(cache: SimulationCache) -> Estimates:
    """V46: shift of the loss by steps of a day and of half a day from steps of an eighth."""
    changes = [
        cache.run("mouse", 28, step=step, **OVARIECTOMY).change(28).value
        for step in (1, 0.5, 0.125)
    ]
    return [Estimate(abs(change - changes[2])) for change in changes[:2]]


def well_mixed(case: str, time: float) -> dict[str, float]:
    """Well-mixed limit of the shrew bone, a row of well_mixed_shrew.csv by its columns.

    The same equations without space, as ordinary differential equations for precursors, cells,
    coupling store and bone, solved with scipy's LSODA by a program written from docs/model.md and
    independently of this code (tests/model/well_mixed.py, which also writes the table): mouse
    preset without mechanostat, BV/TV 0.29305, BS/TV 13.161 per mm (mean Godunov |grad phi|), which
    goes as (phi (1 - phi))^0.65, as that of the shrew bone does. Ratios are to health.

    Args:
        case: disease or therapy from time 0 on, such as "il1_3.5" [pM].
        time: 0, 4, 8, .. 28 [day].
    """
    with (files("tissue.verification") / "well_mixed_shrew.csv").open() as file:
        for row in csv.DictReader(file):
            if row.pop("case") == case and float(row["time_day"]) == time:
                return {name: float(value) for name, value in row.items()}
    raise KeyError(case, time)


def well_mixed_limit(_: SimulationCache) -> Estimates:
    """V45: the shrew bone against its well-mixed limit."""
    changes = ["disease.il1_excess=3.5 pM", "load.mechanics='off'"]
    simulation = Simulation(read_run_file(examples()["shrew"], changes))
    start = simulation.start_metrics()
    while not simulation.finished:
        end = simulation.advance().metrics
    limit = well_mixed("il1_3.5", 28)

    def over_limit(cells: str) -> Estimate:
        ratio = end[f"{cells}s_per_mm2"] / start[f"{cells}s_per_mm2"]
        return Estimate(ratio / limit[f"{cells}_ratio"])

    change = Estimate(end["bv_tv_change_percent"], simulation.controller_state.error_used)
    return [
        change.minus(Estimate(limit["bv_tv_change_percent"])),
        over_limit("osteoclast"),
        over_limit("osteoblast"),
    ]
