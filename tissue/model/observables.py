"""Metrics of the tissue: one entry for each column of metrics.csv."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.programs import program
from tissue.kernels.slabs import number_of_voxels
from tissue.kernels.stencil import Axes, Field, local_max, total
from tissue.model.bone import BoneGeometry, marrow_mean, surface_mean
from tissue.model.fields import FIELDS, PER_MM, Observed
from tissue.model.forcing import Forcing, Value, averaged
from tissue.model.species import SOLUTES
from tissue.model.state import State
from tissue.model.targets import TARGETS, Concentration

CORE, CORE_RADIUS = 0.9, 2
"""Bone volume fraction of a solid voxel [1], and the distance within which a strut has one
[voxels] (assumption)."""


class Observation(NamedTuple):
    """Tissue at the end of a step, with the step.

    Attributes:
        time: at the end of the step [day].
        dt: length of the step [day].
        state: of the tissue.
        geometry: of its bone.
        at_surface: solutes there in the step, by name [pM].
        resorption, formation: gross velocities in the step [um/day].
        forcing: in the step.
        start_fraction: BV/TV at the start of the run.
    """

    time: Value
    dt: Value
    state: State
    geometry: BoneGeometry
    at_surface: Mapping[str, Value]
    resorption: Field
    formation: Field
    forcing: Forcing
    start_fraction: Value


class Metric(NamedTuple):
    """A column of metrics.csv.

    Attributes:
        unit: of its values.
        long_name: its meaning.
        of: its value for an observation.
    """

    unit: str
    long_name: str
    of: Callable[[Observation], Value]


def unresolved_fraction(bone_volume_fraction: Field, periodic: Axes) -> Array:
    """Share of bone in struts without a solid core: no voxel of 0.9 within two voxels.

    A surface that moves through voxels smears, and growth never raises a local maximum: bone that
    was once thin stays gray. Above a fifth, morphometry by threshold is no longer right.
    """
    volume = total(bone_volume_fraction)
    hollow = local_max(bone_volume_fraction, CORE_RADIUS, periodic) < CORE
    unresolved = total(jnp.where(hollow, bone_volume_fraction, 0))
    return jnp.where(volume > 0, unresolved / jnp.where(volume > 0, volume, 1), 0)


def observe(observation: Observation) -> dict[str, Value]:
    """Every metric of an observation, by the names in METRICS."""
    return {name: metric.of(observation) for name, metric in METRICS.items()}


@program
def fields_of(observed: Observed) -> dict[str, Field]:
    """Fields as snapshots show them, by the names in `fields.FIELDS`."""
    return {name: field.of(observed) for name, field in FIELDS.items()}


def _bv_tv(o: Observation) -> Array:
    bone = o.state.bone_volume_fraction
    return total(bone) / number_of_voxels(bone)


def _surface_density(o: Observation) -> Array:
    surface = o.geometry.exchange.surface
    return PER_MM * total(surface) / number_of_voxels(surface)


def _density_at_surface(name: str, o: Observation) -> Array:
    return surface_mean(o.geometry, getattr(o.state, name))


def _solute_at_surface(name: str, o: Observation) -> Array:
    level = jnp.asarray(o.at_surface[name])
    return surface_mean(o.geometry, jnp.broadcast_to(level, o.state.bone_volume_fraction.shape))


def _solute_in_marrow(name: str, o: Observation) -> Array:
    return marrow_mean(o.geometry, o.state.solutes[name])


def _exposure(target: str, o: Observation) -> Value:
    return averaged(lambda drug: drug, o.forcing.drug(target))


def _not_solved(_: Observation) -> float:
    return math.nan


def _finite_elements(unit: str, long_name: str) -> Metric:
    """A metric that only runs with finite elements have: the run puts in that of its last solve."""
    return Metric(unit, f"{long_name}; nan without finite elements", _not_solved)


FINITE_ELEMENT_METRICS: Mapping[str, Metric] = {
    **{
        f"apparent_modulus_{axis}_MPa": _finite_elements(
            "MPa", f"apparent modulus of the box along {axis}, as last solved"
        )
        for axis in ("x", "y", "z")
    },
    "stiffness_z_N_per_mm": _finite_elements("N/mm", "stiffness of the box along z"),
    "stiffness_z_change_percent": _finite_elements("%", "change of that stiffness since health"),
    "failure_load_z_N": _finite_elements(
        "N", "failure load of the box along z (Pistoia: 2 % of bone beyond 7000 microstrain)"
    ),
    "failure_load_z_change_percent": _finite_elements(
        "%", "change of that failure load since health"
    ),
    "mean_energy_density_MPa": _finite_elements(
        "MPa", "strain energy per bone volume under usual forces, mean over the bone"
    ),
    "fe_iterations": _finite_elements(
        "1", "iterations of the solve after this step along all axes; 0 where there was none"
    ),
    "fe_residual": _finite_elements("1", "largest relative residual of the last solve"),
}
"""Metrics of runs that compute load by finite elements, by the name of their column."""

METRICS: Mapping[str, Metric] = {
    "time_day": Metric("day", "simulated time", lambda o: o.time),
    "bv_tv": Metric("1", "bone volume fraction, BV/TV", _bv_tv),
    "bv_tv_change_percent": Metric(
        "%", "change of BV/TV since the start", lambda o: 100 * (_bv_tv(o) / o.start_fraction - 1)
    ),
    "surface_density_per_mm": Metric(
        "1/mm", "bone surface per tissue volume, of the gray bone (S_V)", _surface_density
    ),
    "osteoclasts_per_mm2": Metric(
        "1/mm^2", "osteoclasts per bone surface", partial(_density_at_surface, "osteoclasts")
    ),
    "osteoblasts_per_mm2": Metric(
        "1/mm^2", "osteoblasts per bone surface", partial(_density_at_surface, "osteoblasts")
    ),
    "resorption_um_per_day": Metric(
        "um/day",
        "gross resorption velocity, mean over the bone surface",
        lambda o: surface_mean(o.geometry, o.resorption),
    ),
    "formation_um_per_day": Metric(
        "um/day",
        "gross formation velocity, mean over the bone surface",
        lambda o: surface_mean(o.geometry, o.formation),
    ),
    **{
        f"{name}_pM": Metric(
            "pM", f"{solute.long_name} at the bone surface", partial(_solute_at_surface, name)
        )
        for name, solute in SOLUTES.items()
    },
    **{
        f"{name}_marrow_pM": Metric(
            "pM", f"{solute.long_name} in marrow fluid", partial(_solute_in_marrow, name)
        )
        for name, solute in SOLUTES.items()
    },
    "unresolved_bone_fraction": Metric(
        "1",
        "share of the bone in struts without a solid core, which the grid does not resolve",
        lambda o: unresolved_fraction(o.state.bone_volume_fraction, o.geometry.periodic),
    ),
    "osteomorphs_per_mm2": Metric(
        "1/mm^2",
        "osteomorphs (osteoclasts that wait for RANKL) per bone surface",
        partial(_density_at_surface, "osteomorphs"),
    ),
    "lining_cells_per_mm2": Metric(
        "1/mm^2",
        "lining cells of quiescent bone surface",
        partial(_density_at_surface, "lining_cells"),
    ),
    "bisphosphonate": Metric(
        "1",
        "bisphosphonate bound to the bone surface over that of a full dose",
        partial(_density_at_surface, "bisphosphonate"),
    ),
    "estrogen_loss": Metric(
        "1", "share of estrogen that is lost", lambda o: o.forcing.estrogen_loss
    ),
    **{
        f"{name}_drug_pM": Metric(
            "pM",
            f"drugs in marrow, {target.long_name}, mean over the step",
            partial(_exposure, name),
        )
        for name, target in TARGETS.items()
        if isinstance(target.action, Concentration)
    },
    "anabolic": Metric(
        "1", "factor of drugs and age on osteoblasts per resorption", lambda o: o.forcing.anabolic
    ),
    "step_day": Metric("day", "length of the coupling step", lambda o: o.dt),
    **FINITE_ELEMENT_METRICS,
}
"""Metrics by the name of their column."""
