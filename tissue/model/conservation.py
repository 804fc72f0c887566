"""Conservation budgets of one step: gain, loss and change as sums over the box.

gained - lost = change, for the bone, every solute and every kind of cell
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Field, total
from tissue.model.bone import cell_porosity
from tissue.model.diagnostics import Lineage, StepDiagnostics
from tissue.model.fields import PER_MM
from tissue.model.forcing import Value
from tissue.model.parameters import Parameters, Scalar
from tissue.model.species import PAIR, UNCOUPLED
from tissue.model.state import State

MIN_TURNOVER = 3e-2
"""Share of what is stored that counts as turnover at least. Where a field is uniform all its voxels
round the same way: each of the few roundings of a step in float32 moves the whole store by up to
6e-8, which the bound of 1e-5 on a budget must not take for a leak."""

OSTEOMORPH_FLOOR = 1e-3
"""Osteomorphs over osteoclasts below which their budget need not close to the last digit."""

VOLUME, AREA = 1e-9, 1e-6  # um^3 in mm^3; um^2 in mm^2, also for numbers of surface cells


class Budget(NamedTuple):
    """gained - lost = change, each summed over voxels and over the step; and what is stored."""

    gained: Array
    lost: Array
    change: Value
    stored: Value

    @property
    def residual(self) -> Array:
        """|gained - lost - change| relative to the turnover [1]."""
        size = jnp.maximum(jnp.maximum(self.gained, self.lost), MIN_TURNOVER * self.stored)
        return jnp.abs(self.gained - self.lost - self.change) / jnp.where(size > 0, size, 1)


class StepRecord(NamedTuple):
    """One step with all that its budgets are made of.

    Attributes:
        before, after: states at its start and end.
        diagnostics: of the step.
        p: parameters.
        dt: [day].
    """

    before: State
    after: State
    diagnostics: StepDiagnostics
    p: Parameters
    dt: Scalar


class BudgetEntry(NamedTuple):
    """A conserved quantity.

    Attributes:
        unit: of its columns.
        scale: sums over voxels times um^3, in that unit.
        long_name: its name for people.
        of: its budget in a step.
        on_surface: it is a density per bone surface, swept as the surface itself changes.
    """

    unit: str
    scale: float
    long_name: str
    of: Callable[[StepRecord], Budget]
    on_surface: bool = False


def budgets(record: StepRecord) -> dict[str, Budget]:
    """Every budget of a step, by the names in BUDGETS."""
    return {name: entry.of(record) for name, entry in BUDGETS.items()}


def swept(after: State, diagnostics: StepDiagnostics) -> dict[str, Array]:
    """Cells and store that came or went as the surface changed under a kept density.

    From the middle of the step, whose surface its budgets use, to its end
    [cells/mm^2 or um, times um^3/um, summed over voxels], by the names in SWEPT.
    """
    change = diagnostics.geometry.exchange.surface - diagnostics.terms.geometry.exchange.surface
    return {name: total(change * getattr(after, name)) for name in SWEPT}


def _bone(record: StepRecord) -> Budget:
    before, after, motion = record.before, record.after, record.diagnostics.motion
    change = total(after.bone_volume_fraction - before.bone_volume_fraction)
    return Budget(motion.grown, motion.eroded, change, total(after.bone_volume_fraction))


def _uncoupled(name: str, record: StepRecord) -> Budget:
    solute = record.diagnostics.terms.fluid.uncoupled[name]
    return Budget(total(solute.source), total(solute.lost), 0, 0)


def _of_pair(index: int, record: StepRecord) -> Budget:
    """RANKL (0) or OPG (1): cleared, and bound to the other one to one."""
    terms = record.diagnostics.terms
    eps, fluid = terms.geometry.solute_porosity, terms.fluid
    bound = total(eps * record.p.kappa * fluid.pair.a * fluid.pair.b)
    free = (fluid.pair.a, fluid.pair.b)[index]
    cleared = total(eps * fluid.rates[index] * free)
    return Budget(total(fluid.sources[index]), cleared + bound, 0, 0)


def _osteoclast_precursors(record: StepRecord) -> Budget:
    p, line = record.p, record.diagnostics.terms.osteoclasts
    return _precursors(record, "osteoclast_precursors", line, p.delta_M, p.n_f)


def _osteoblast_precursors(record: StepRecord) -> Budget:
    p, line = record.p, record.diagnostics.terms.osteoblasts
    return _precursors(record, "osteoblast_precursors", line, p.delta_P, 1 / p.n_p)


def _precursors(
    record: StepRecord, name: str, line: Lineage, turnover: Value, each: Value
) -> Budget:
    """Supply against death and recruitment, `each` precursors for one cell on the surface."""
    geometry = record.diagnostics.terms.geometry
    died = total(geometry.exchange.porosity * turnover * line.precursors.mean)
    recruited = each * PER_MM * total(geometry.exchange.surface * line.recruited)
    old, new = _porosities(record)
    start, end = getattr(record.before, name), getattr(record.after, name)
    change = total(new * end - old * start)
    return Budget(
        total(line.supply) * record.dt, (died + recruited) * record.dt, change, total(new * end)
    )


def _osteoclasts(record: StepRecord) -> Budget:
    return _cells(record, "osteoclasts", record.diagnostics.terms.osteoclasts)


def _osteoblasts(record: StepRecord) -> Budget:
    return _cells(record, "osteoblasts", record.diagnostics.terms.osteoblasts)


def _cells(record: StepRecord, name: str, line: Lineage) -> Budget:
    return _on_surface(record, name, line.formed, line.loss * line.cells.mean)


def _coupling_store(record: StepRecord) -> Budget:
    terms = record.diagnostics.terms
    return _on_surface(record, "coupling_store", terms.resorption, record.p.k_E * terms.store.mean)


def _osteomorphs(record: StepRecord) -> Budget:
    terms = record.diagnostics.terms
    budget = _on_surface(record, "osteomorphs", terms.osteomorphs.arrested, terms.osteomorphs.lost)
    # next to none of them decay to numbers that a float32 cannot hold
    osteoclasts = total(terms.geometry.exchange.surface * record.after.osteoclasts)
    return budget._replace(stored=budget.stored + OSTEOMORPH_FLOOR * osteoclasts)


def _lining_cells(record: StepRecord) -> Budget:
    lining = record.diagnostics.terms.lining_cells
    return _on_surface(record, "lining_cells", lining.gained, lining.lost)


def _on_surface(record: StepRecord, name: str, made: Field, lost: Field) -> Budget:
    surface = record.diagnostics.terms.geometry.exchange.surface
    start, end = getattr(record.before, name), getattr(record.after, name)
    change, after = total(surface * (end - start)), total(surface * end)
    dt = record.dt
    return Budget(total(surface * made) * dt, total(surface * lost) * dt, change, after)


def _endosteal_supply(record: StepRecord) -> Budget:
    old, new = _porosities(record)
    expected = total(record.before.endosteal_supply) * total(new) / total(old)
    return Budget(expected, total(record.after.endosteal_supply), 0, 0)


def _porosities(record: StepRecord) -> tuple[Field, Field]:
    before, after = record.before, record.after
    return cell_porosity(before.bone_volume_fraction), cell_porosity(after.bone_volume_fraction)


BUDGETS: Mapping[str, BudgetEntry] = {
    "bone": BudgetEntry("mm3", VOLUME, "bone volume", _bone),
    **{
        solute.name: BudgetEntry(
            "pM_mm3_per_day", VOLUME, solute.long_name, partial(_uncoupled, solute.name)
        )
        for solute in UNCOUPLED
    },
    **{
        solute.name: BudgetEntry(
            "pM_mm3_per_day", VOLUME, solute.long_name, partial(_of_pair, index)
        )
        for index, solute in enumerate(PAIR)
    },
    "osteoclast_precursors": BudgetEntry(
        "cells", VOLUME, "osteoclast precursors", _osteoclast_precursors
    ),
    "osteoblast_precursors": BudgetEntry(
        "cells", VOLUME, "osteoblast precursors", _osteoblast_precursors
    ),
    "osteoclasts": BudgetEntry("cells", AREA, "osteoclasts", _osteoclasts, on_surface=True),
    "osteoblasts": BudgetEntry("cells", AREA, "osteoblasts", _osteoblasts, on_surface=True),
    "lining_cells": BudgetEntry("cells", AREA, "lining cells", _lining_cells, on_surface=True),
    "coupling_store": BudgetEntry(
        "mm3", VOLUME, "resorbed matrix awaiting formation", _coupling_store, on_surface=True
    ),
    "endosteal_supply": BudgetEntry(
        "mm2", AREA, "endosteal supply of precursors", _endosteal_supply
    ),
    "osteomorphs": BudgetEntry("cells", AREA, "osteomorphs", _osteomorphs, on_surface=True),
}
"""Conserved quantities by name."""

SWEPT = tuple(name for name, entry in BUDGETS.items() if entry.on_surface)
"""Quantities that come or go as the surface changes under a kept density."""
