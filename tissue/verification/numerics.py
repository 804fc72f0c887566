"""Whether surfaces, fluxes and steps are computed rightly."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import jax.numpy as jnp
import numpy as np
from scipy import ndimage

from tissue.geometry.segmentation import mean_thickness
from tissue.geometry.synthetic import SyntheticSettings, synthesize
from tissue.kernels.surface import move, specific_surface
from tissue.model.balance import osteoblast_population
from tissue.model.bone import bone_geometry
from tissue.model.cells import step_precursors
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, preset
from tissue.model.signals import Environment, il1_signal
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.simulation import Simulation
from tissue.verification.lab import Lab, Measured, bone
from tissue.verification.mouse import OVARIECTOMY

Found = Sequence[Measured]

LONG = 1e7  # day: long enough for any gradient to settle
RAYS = 300  # along which the surface of a ball is looked for
LOOKS = 5  # points per edge of a voxel that tell its share of a ball


def repelled(_: Lab) -> Found:
    """V22: precursors in a fixed gradient of IL-1, where they have come to rest."""
    p = preset("mouse")
    made = bone("mouse")
    phi = jnp.asarray(made.bone_volume_fraction, "float64")
    pore, nothing = bone_geometry(phi, made.grid.spacing, p), jnp.zeros_like(phi)
    il1 = jnp.broadcast_to(jnp.linspace(40.0, 1.0, phi.shape[2]), phi.shape)
    around = Environment(il1)
    signal = np.asarray(il1_signal(around, Forcing(), p))

    def settled(p: Parameters) -> np.ndarray:
        population = osteoblast_population(
            around, None, None, nothing, nothing, pore, Forcing(), p
        )._replace(turnover=0.0, supply=nothing)
        uniform = jnp.full_like(phi, 1000.0)
        start = pore.exchange.porosity * uniform
        spacing = made.grid.spacing
        done = step_precursors(start, uniform, population, pore, LONG, spacing, 1e-12)
        return np.asarray(done[0])

    driven, still = settled(p), settled(replace(p, chi_I=0.0))
    law = driven * np.exp(float(p.chi_I) / float(p.D_P) * signal)
    return [
        Measured(float(law.std() / law.mean())),
        Measured(float(still.std() / still.mean())),
        Measured(float(driven[..., -1].mean() / driven[..., 0].mean())),
    ]


def ball(radius: float, spacing: float) -> np.ndarray:
    """An eighth of a ball around a corner of the box, as shares of voxels.

    Args:
        radius: [um].
        spacing: edge of a voxel [um].
    """
    number = int(np.ceil(radius / spacing)) + 3
    fine = (np.arange(number * LOOKS) + 0.5) * spacing / LOOKS
    squared = fine**2
    inside = squared[:, None, None] + squared[None, :, None] + squared[None, None, :] < radius**2
    blocks = inside.reshape(number, LOOKS, number, LOOKS, number, LOOKS)
    return np.asarray(blocks.mean(axis=(1, 3, 5)))


def area(_: Lab) -> Found:
    """V43: area over the true one, of the model's surface and of two that it does not use."""
    radius, spacing = 150.0, 10.0
    share = ball(radius, spacing)
    true = 4 * np.pi * radius**2 / 8
    binary = (share > 0.5).astype(float)
    faces = sum(np.abs(np.diff(binary, axis=axis)).sum() for axis in range(3)) * spacing**2
    found = [
        float(specific_surface(jnp.asarray(f), spacing).sum()) * spacing**3 for f in (share, binary)
    ]
    return [Measured(found[0] / true), Measured(found[1] / true), Measured(float(faces) / true)]


def velocity(_: Lab) -> Found:
    """V44: speed of the surface of an eroding ball over that asked for, on three grids."""
    found = []
    for spacing in (20.0, 10.0, 5.0):
        phi = jnp.asarray(ball(150.0, spacing))
        one, none = jnp.ones_like(phi), jnp.zeros_like(phi)
        after = move(phi, one, none, spacing, jnp.asarray(60.0)).phi
        radii = [_radius(np.asarray(share), spacing) for share in (phi, after)]
        found.append(Measured((radii[0] - radii[1]) / 60))
    return found


def _radius(share: np.ndarray, spacing: float) -> float:
    """Mean distance from the corner at which the share falls to a half [um]."""
    rays = np.abs(np.random.default_rng(0).normal(size=(RAYS, 3)))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    along = np.linspace(0, 180, 721)
    places = rays.T[:, :, None] * along / spacing - 0.5
    seen = ndimage.map_coordinates(share, places, order=1, mode="nearest")
    return float(along[np.argmax(seen < 0.5, axis=1)].mean())


def splitting(lab: Lab) -> Found:
    """V46: what steps of a day and of half a day cost over steps of an eighth."""
    changes = [
        lab.run("mouse", 28, step=step, **OVARIECTOMY).change(28).value for step in (1, 0.5, 0.125)
    ]
    return [Measured(abs(change - changes[2])) for change in changes[:2]]


def made_up_bone(_: Lab) -> Found:
    """V42: synthetic bone with the numbers of a mouse."""
    spacing = 10.0
    made = synthesize(
        SyntheticSettings(shape=(64, 64, 64), spacing=spacing, bv_tv=0.115, thickness=50.0, seed=1)
    ).bone_volume_fraction
    thickness, gap = (mean_thickness(part) * spacing for part in (made > 0.5, made <= 0.5))
    return [
        Measured(100 * float(made.mean())),
        Measured(thickness),
        Measured(1000 / (thickness + gap)),
    ]


def well_mixed(il1_excess: float, time: float) -> np.ndarray:
    """The well-mixed limit of the shrew bone, by the columns of well_mixed_shrew.csv.

    The same equations without space, as ordinary differential equations for precursors, cells,
    coupling store and bone, solved with scipy's LSODA (rtol 1e-8) by a program written
    independently of this code: mouse preset without mechanostat, BV/TV 0.29305, BS/TV 13.161 per
    mm (mean Godunov |grad phi|), k_R = 5 per day. Ratios are to health.

    Args:
        il1_excess: from time 0 on, one of 0, 1, 3.5, 10 and 30 [pM].
        time: 0, 4, 8, .. 28 [day].
    """
    with (files("tissue.verification") / "well_mixed_shrew.csv").open() as file:
        table = np.genfromtxt(file, delimiter=",", names=True)
    found: np.ndarray = table[(table["il1_excess_pM"] == il1_excess) & (table["time_day"] == time)]
    return found[0]


def real_bone_without_space(_: Lab) -> Found:
    """V45: the shrew bone against its well-mixed limit."""
    changes = ["disease.il1_excess=3.5 pM", "knockout.mechanostat=true"]
    simulation = Simulation(read_run_file(examples()["shrew"], changes))
    start = simulation.start_metrics()
    while not simulation.finished:
        end = simulation.advance().metrics
    limit = well_mixed(3.5, 28)

    def over_limit(cells: str) -> Measured:
        ratio = end[f"{cells}s_per_mm2"] / start[f"{cells}s_per_mm2"]
        return Measured(ratio / float(limit[f"{cells}_ratio"]))

    change = Measured(end["bv_tv_change_percent"], simulation.controller_state.error_used)
    return [
        change.minus(Measured(float(limit["bv_tv_change_percent"]))),
        over_limit("osteoclast"),
        over_limit("osteoblast"),
    ]
