"""What a run reports of a step: one number a column of metrics.csv."""

import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model.bone import Pores
from tissue.model.state import State
from tissue.model.step import Account


def surface_mean(pore: Pores, field: Field) -> Array:
    """Mean over the bone surface; 0 where no surface is left."""
    surface = pore.exchange.surface
    area = total(surface)
    return jnp.where(area > 0, total(surface * field) / jnp.where(area > 0, area, 1), 0)


def marrow_mean(pore: Pores, field: Field) -> Array:
    """Mean over the marrow fluid."""
    eps = pore.exchange.porosity
    return total(eps * field) / total(eps)


def observe(state: State, account: Account, start_fraction: Array | float) -> dict[str, Array]:
    """The metrics after a step.

    Args:
        state: at the end of the step.
        account: of the step.
        start_fraction: BV/TV at the start of the run.
    """
    pore, done = account.pores, account.activity
    bv_tv = total(state.bone_volume_fraction) / state.bone_volume_fraction.size
    return {
        "time_day": state.time,
        "bv_tv": bv_tv,
        "bv_tv_change_percent": 100 * (bv_tv / start_fraction - 1),
        "bs_tv_per_mm": 1e3 * total(pore.exchange.surface) / state.bone_volume_fraction.size,
        "osteoclasts_per_mm2": surface_mean(pore, state.osteoclasts),
        "osteoblasts_per_mm2": surface_mean(pore, state.osteoblasts),
        "resorption_um_per_day": surface_mean(pore, done.resorption),
        "formation_um_per_day": surface_mean(pore, done.formation),
        "rankl_pM": surface_mean(pore, done.seen.rankl),
        "opg_pM": surface_mean(pore, done.seen.opg),
        "il1_pM": surface_mean(pore, done.seen.il1),
        "il1_marrow_pM": marrow_mean(pore, state.il1),
        "rankl_marrow_pM": marrow_mean(pore, state.rankl),
        "opg_marrow_pM": marrow_mean(pore, state.opg),
    }
