"""What a run reports of the tissue: a number for each column of metrics.csv."""

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Axes, Field, highest_near, total
from tissue.model.account import Seen
from tissue.model.bone import Pores
from tissue.model.cells import PER_MM
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
    "grey_bone_share",
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


def surface_mean(pore: Pores, field: Field) -> Array:
    """Mean over the bone surface; 0 where no surface is left."""
    surface = pore.exchange.surface
    area = total(surface)
    return jnp.where(area > 0, total(surface * field) / jnp.where(area > 0, area, 1), 0)


def marrow_mean(pore: Pores, field: Field) -> Array:
    """Mean over the marrow fluid."""
    eps = pore.exchange.porosity
    return total(eps * field) / total(eps)


def grey_share(bone_volume_fraction: Field, periodic: Axes) -> Array:
    """Share of bone in struts without a solid core: no voxel of 0.9 within two voxels.

    A surface that moves through voxels smears, and growth never raises a local maximum: bone that
    was once thin stays grey. Above a fifth, morphometry by threshold is no longer right.
    """
    mass = total(bone_volume_fraction)
    hollow = highest_near(bone_volume_fraction, 2, periodic) < 0.9
    grey = total(jnp.where(hollow, bone_volume_fraction, 0))
    return jnp.where(mass > 0, grey / jnp.where(mass > 0, mass, 1), 0)


def observe(
    state: State,
    pore: Pores,
    seen: Seen,
    resorption: Field,
    formation: Field,
    start_fraction: Array | float,
) -> dict[str, Array]:
    """The metrics of a tissue but for the time and the step.

    Args:
        state: at the end of a step.
        pore: its geometry.
        seen: solutes as the surface saw them in the step.
        resorption: gross velocity in the step [um/day].
        formation: gross velocity in the step [um/day].
        start_fraction: BV/TV at the start of the run.
    """
    bone = state.bone_volume_fraction
    bv_tv = total(bone) / bone.size
    values = (
        bv_tv,
        100 * (bv_tv / start_fraction - 1),
        PER_MM * total(pore.exchange.surface) / bone.size,
        surface_mean(pore, state.osteoclasts),
        surface_mean(pore, state.osteoblasts),
        surface_mean(pore, resorption),
        surface_mean(pore, formation),
        surface_mean(pore, seen.rankl),
        surface_mean(pore, seen.opg),
        surface_mean(pore, seen.il1),
        marrow_mean(pore, state.il1),
        marrow_mean(pore, state.rankl),
        marrow_mean(pore, state.opg),
        grey_share(bone, pore.periodic),
        marrow_mean(pore, state.tnf),
        surface_mean(pore, state.osteomorphs),
        surface_mean(pore, state.bisphosphonate),
    )
    return dict(zip(METRICS[1:], values, strict=False))


@jax.jit
def fields_of(state: State, pore: Pores) -> dict[str, Field]:
    """The tissue as snapshots show it: cells of either kind per mm^3 of tissue."""
    surface, eps = PER_MM * pore.exchange.surface, pore.exchange.porosity
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
