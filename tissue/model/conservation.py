"""The conservation budgets of one step: what came, what went, and what stayed, as sums."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model.cells import PER_MM
from tissue.model.parameters import Parameters
from tissue.model.state import State
from tissue.model.step import Account, Lineage, Store

BUDGETS = (
    "bone",
    "il1",
    "rankl",
    "opg",
    "osteoclast_precursors",
    "osteoblast_precursors",
    "osteoclasts",
    "osteoblasts",
    "coupling_store",
    "endosteal_supply",
)
SWEPT = ("osteoclasts", "osteoblasts", "coupling_store")


class Budget(NamedTuple):
    """gained - lost = change, each summed over voxels and over the step."""

    gained: Array
    lost: Array
    change: Array | float

    @property
    def residual(self) -> Array:
        """|gained - lost - change| over the larger of gained and lost [1]."""
        size = jnp.maximum(self.gained, self.lost)
        return jnp.abs(self.gained - self.lost - self.change) / jnp.where(size > 0, size, 1)


def budgets(before: State, after: State, done: Account, p: Parameters, dt: Array) -> dict[str, Budget]:
    """Every budget of the step from `before` to `after`, by the names in BUDGETS."""
    eps, pair = done.before.solutes, done.fluid.pair
    bound = total(eps * p.kappa * pair.a * pair.b)  # the same number for both partners
    supplied = total(before.endosteal_supply)
    return {
        "bone": Budget(
            done.motion.grown,
            done.motion.eroded,
            total(after.bone_volume_fraction) - total(before.bone_volume_fraction),
        ),
        "il1": Budget(total(done.fluid.il1_source), total(eps * p.k_I * done.fluid.il1), 0.0),
        "rankl": Budget(total(done.fluid.rankl_source), total(eps * p.k_R * pair.a) + bound, 0.0),
        "opg": Budget(total(done.fluid.opg_source), total(eps * p.k_O * pair.b) + bound, 0.0),
        "osteoclast_precursors": _precursors(
            done, done.osteoclasts, before.osteoclast_precursors, after.osteoclast_precursors,
            p.delta_M, p.n_f, dt,
        ),
        "osteoblast_precursors": _precursors(
            done, done.osteoblasts, before.osteoblast_precursors, after.osteoblast_precursors,
            p.delta_P, 1 / p.n_p, dt,
        ),
        "osteoclasts": _cells(done, done.osteoclasts, before.osteoclasts, dt),
        "osteoblasts": _cells(done, done.osteoblasts, before.osteoblasts, dt),
        "coupling_store": _surface(
            done, done.store, before.coupling_store, done.resorption, p.k_E, dt
        ),
        "endosteal_supply": Budget(supplied, total(after.endosteal_supply), 0.0),
    }


def swept(before: State, after: State, done: Account) -> dict[str, Array]:
    """Cells and store that came or went as the surface changed under a kept density.

    [cells/mm^2 or um, times um^3/um, summed over voxels], by the names in SWEPT.
    """
    change = done.after.exchange.surface - done.before.exchange.surface
    return {name: total(change * getattr(after, name)) for name in SWEPT}


def _surface(
    done: Account, line: Lineage | Store, start: Field, made: Field, loss: Array | float, dt: Array
) -> Budget:
    surface = done.before.exchange.surface
    return Budget(
        total(surface * made) * dt,
        total(surface * loss * line.cells.mean) * dt,
        total(surface * line.spread) - total(surface * start),
    )


def _cells(done: Account, line: Lineage, start: Field, dt: Array) -> Budget:
    return _surface(done, line, start, line.formed, line.loss, dt)


def _precursors(
    done: Account, line: Lineage, start: Field, end: Field, turnover: Array | float,
    each: Array | float, dt: Array,
) -> Budget:
    """Supply against death and recruitment, `each` precursors for one cell on the surface."""
    eps, surface = done.before.exchange.porosity, done.before.exchange.surface
    died = total(eps * turnover * line.precursors)
    recruited = each * PER_MM * total(surface * line.formed)
    stored = total(done.after.exchange.porosity * end) - total(eps * start)
    return Budget(total(line.supply) * dt, (died + recruited) * dt, stored)
