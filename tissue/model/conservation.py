"""The conservation budgets of one step: what came, what went, and what stayed, as sums."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model.bone import cell_porosity
from tissue.model.cells import PER_MM
from tissue.model.diagnostics import Lineage, Solute, StepDiagnostics, StepTerms
from tissue.model.parameters import Parameters, Scalar
from tissue.model.state import State

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
    "tnf",
    "osteomorphs",
)
SWEPT = ("osteoclasts", "osteoblasts", "coupling_store", "osteomorphs")

LEAST_TURNOVER = 3e-2
"""Share of what is stored that counts as turnover at least. Where a field is uniform all its voxels
round the same way: each of the few roundings of a step in float32 moves the whole store by up to
6e-8, which the bound of 1e-5 on a budget must not take for a leak."""


FEW = 1e-3
"""Osteomorphs over osteoclasts below which their budget need not close to the last digit."""


class Budget(NamedTuple):
    """gained - lost = change, each summed over voxels and over the step; and what is stored."""

    gained: Array
    lost: Array
    change: Array | float
    stored: Array | float

    @property
    def residual(self) -> Array:
        """|gained - lost - change| relative to the turnover [1]."""
        size = jnp.maximum(jnp.maximum(self.gained, self.lost), LEAST_TURNOVER * self.stored)
        return jnp.abs(self.gained - self.lost - self.change) / jnp.where(size > 0, size, 1)


def budgets(
    before: State, after: State, diagnostics: StepDiagnostics, p: Parameters, dt: Scalar
) -> dict[str, Budget]:
    """Every budget of the step from `before` to `after`, by the names in BUDGETS."""
    done = diagnostics.activity
    eps, fluid, pair = done.geometry.solute_porosity, done.fluid, done.fluid.pair
    bound = total(eps * p.kappa * pair.a * pair.b)  # the same number for both partners
    old, new = (cell_porosity(state.bone_volume_fraction) for state in (before, after))

    def stored(start: Field, end: Field) -> tuple[Array, Array]:
        """What came, voxel by voxel, and what there is in the end."""
        return total(new * end - old * start), total(new * end)

    return {
        "bone": Budget(
            diagnostics.motion.grown,
            diagnostics.motion.eroded,
            total(after.bone_volume_fraction - before.bone_volume_fraction),
            total(after.bone_volume_fraction),
        ),
        "il1": _solute(fluid.il1),
        "rankl": Budget(
            total(fluid.rankl_source), total(eps * fluid.rankl_rate * pair.a) + bound, 0, 0
        ),
        "opg": Budget(total(fluid.opg_source), total(eps * fluid.opg_rate * pair.b) + bound, 0, 0),
        "tnf": _solute(fluid.tnf),
        "osteoclast_precursors": _precursors(
            done,
            done.osteoclasts,
            stored(before.osteoclast_precursors, after.osteoclast_precursors),
            p.delta_M,
            p.n_f,
            dt,
        ),
        "osteoblast_precursors": _precursors(
            done,
            done.osteoblasts,
            stored(before.osteoblast_precursors, after.osteoblast_precursors),
            p.delta_P,
            1 / p.n_p,
            dt,
        ),
        "osteoclasts": _cells(done, done.osteoclasts, before.osteoclasts, after.osteoclasts, dt),
        "osteoblasts": _cells(done, done.osteoblasts, before.osteoblasts, after.osteoblasts, dt),
        "coupling_store": _on_surface(
            done.geometry.exchange.surface,
            (before.coupling_store, after.coupling_store),
            done.resorption,
            p.k_E * done.store.mean,
            dt,
        ),
        "osteomorphs": _osteomorphs(done, before, after, dt),
        "endosteal_supply": Budget(
            total(before.endosteal_supply) * total(new) / total(old),
            total(after.endosteal_supply),
            0,
            0,
        ),
    }


def swept(after: State, diagnostics: StepDiagnostics) -> dict[str, Array]:
    """Cells and store that came or went as the surface changed under a kept density.

    From the middle of the step, whose surface its budgets use, to its end
    [cells/mm^2 or um, times um^3/um, summed over voxels], by the names in SWEPT.
    """
    change = diagnostics.geometry.exchange.surface - diagnostics.activity.geometry.exchange.surface
    return {name: total(change * getattr(after, name)) for name in SWEPT}


def _osteomorphs(done: StepTerms, before: State, after: State, dt: Scalar) -> Budget:
    surface, waiting = done.geometry.exchange.surface, done.osteomorphs
    density = before.osteomorphs, after.osteomorphs
    budget = _on_surface(surface, density, waiting.arrested, waiting.lost, dt)
    # next to none of them decay to numbers that a float32 cannot hold
    return budget._replace(stored=budget.stored + FEW * total(surface * after.osteoclasts))


def _solute(solute: Solute) -> Budget:
    return Budget(total(solute.source), total(solute.lost), 0, 0)


def _on_surface(
    surface: Field, density: tuple[Field, Field], made: Field, lost: Field, dt: Scalar
) -> Budget:
    start, end = density
    change, after = total(surface * (end - start)), total(surface * end)
    return Budget(total(surface * made) * dt, total(surface * lost) * dt, change, after)


def _cells(done: StepTerms, line: Lineage, start: Field, end: Field, dt: Scalar) -> Budget:
    surface = done.geometry.exchange.surface
    return _on_surface(surface, (start, end), line.formed, line.loss * line.cells.mean, dt)


def _precursors(
    done: StepTerms,
    line: Lineage,
    stored: tuple[Array, Array],
    turnover: Array | float,
    each: Array | float,
    dt: Scalar,
) -> Budget:
    """Supply against death and recruitment, `each` precursors for one cell on the surface."""
    eps, surface = done.geometry.exchange.porosity, done.geometry.exchange.surface
    died = total(eps * turnover * line.precursors)
    recruited = each * PER_MM * total(surface * line.recruited)
    change, after = stored
    return Budget(total(line.supply) * dt, (died + recruited) * dt, change, after)
