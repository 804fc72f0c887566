"""What a run reports of the tissue: a number for each column of metrics.csv."""

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Axes, Field, local_max, total
from tissue.model.bone import BoneGeometry
from tissue.model.cells import PER_MM
from tissue.model.diagnostics import SurfaceConcentrations
from tissue.model.state import State

METRICS = (
    "time_day",
    "bv_tv",
    "bv_tv_change_percent",
    "surface_density_per_mm",
    "osteoclasts_per_mm2",
    "osteoblasts_per_mm2",
    "resorption_um_per_day",
    "formation_um_per_day",
    "rankl_pM",
    "opg_pM",
    "il1_pM",
    "il1_marrow_pM",
    "rankl_marrow_pM",
    "opg_marrow_pM",
    "gray_bone_share",
    "tnf_marrow_pM",
    "osteomorphs_per_mm2",
    "bisphosphonate",
    "estrogen_loss",
    "il1ra_drug_pM",
    "denosumab_pM",
    "tnf_blocker_pM",
    "il4_pM",
    "anabolic",
    "step_day",
)


def surface_mean(geometry: BoneGeometry, field: Field) -> Array:
    """Mean over the bone surface; 0 where no surface is left."""
    surface = geometry.exchange.surface
    area = total(surface)
    return jnp.where(area > 0, total(surface * field) / jnp.where(area > 0, area, 1), 0)


def marrow_mean(geometry: BoneGeometry, field: Field) -> Array:
    """Mean over the marrow fluid."""
    eps = geometry.exchange.porosity
    return total(eps * field) / total(eps)


def gray_share(bone_volume_fraction: Field, periodic: Axes) -> Array:
    """Share of bone in struts without a solid core: no voxel of 0.9 within two voxels.

    A surface that moves through voxels smears, and growth never raises a local maximum: bone that
    was once thin stays gray. Above a fifth, morphometry by threshold is no longer right.
    """
    mass = total(bone_volume_fraction)
    hollow = local_max(bone_volume_fraction, 2, periodic) < 0.9
    gray = total(jnp.where(hollow, bone_volume_fraction, 0))
    return jnp.where(mass > 0, gray / jnp.where(mass > 0, mass, 1), 0)


def observe(
    state: State,
    geometry: BoneGeometry,
    at_surface: SurfaceConcentrations,
    resorption: Field,
    formation: Field,
    start_fraction: Array | float,
) -> dict[str, Array]:
    """The metrics of a tissue but for the time and the step.

    Args:
        state: at the end of a step.
        geometry: its geometry.
        at_surface: solutes as the surface saw them in the step.
        resorption: gross velocity in the step [um/day].
        formation: gross velocity in the step [um/day].
        start_fraction: BV/TV at the start of the run.
    """
    bone = state.bone_volume_fraction
    bv_tv = total(bone) / bone.size
    values = (
        bv_tv,
        100 * (bv_tv / start_fraction - 1),
        PER_MM * total(geometry.exchange.surface) / bone.size,
        surface_mean(geometry, state.osteoclasts),
        surface_mean(geometry, state.osteoblasts),
        surface_mean(geometry, resorption),
        surface_mean(geometry, formation),
        surface_mean(geometry, at_surface.rankl),
        surface_mean(geometry, at_surface.opg),
        surface_mean(geometry, at_surface.il1),
        marrow_mean(geometry, state.il1),
        marrow_mean(geometry, state.rankl),
        marrow_mean(geometry, state.opg),
        gray_share(bone, geometry.periodic),
        marrow_mean(geometry, state.tnf),
        surface_mean(geometry, state.osteomorphs),
        surface_mean(geometry, state.bisphosphonate),
    )
    return dict(zip(METRICS[1:], values, strict=False))


@jax.jit
def fields_of(state: State, geometry: BoneGeometry) -> dict[str, Field]:
    """The tissue as snapshots show it: cells of either kind per mm^3 of tissue."""
    surface, eps = PER_MM * geometry.exchange.surface, geometry.exchange.porosity
    return {
        "bone_volume_fraction": state.bone_volume_fraction,
        "il1": state.il1,
        "rankl": state.rankl,
        "opg": state.opg,
        "osteoclasts": surface * state.osteoclasts,
        "osteoblasts": surface * state.osteoblasts,
        "osteoclast_precursors": eps * state.osteoclast_precursors,
        "osteoblast_precursors": eps * state.osteoblast_precursors,
        "tnf": state.tnf,
    }
