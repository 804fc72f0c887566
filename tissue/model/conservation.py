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
from tissue.model.diagnostics import StepDiagnostics
from tissue.model.forcing import Value
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
    """

    before: State
    after: State
    diagnostics: StepDiagnostics


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
    change = diagnostics.geometry.exchange.surface - diagnostics.middle.exchange.surface
    return {name: total(change * getattr(after, name)) for name in SWEPT}


def _bone(record: StepRecord) -> Budget:
    before, after = record.before, record.after
    change = total(after.bone_volume_fraction - before.bone_volume_fraction)
    turnover = record.diagnostics.turnover["bone"]
    return Budget(*turnover, change, total(after.bone_volume_fraction))


def _solute(name: str, record: StepRecord) -> Budget:
    return Budget(*record.diagnostics.turnover[name], 0, 0)


def _precursors(name: str, record: StepRecord) -> Budget:
    old, new = _porosities(record)
    start, end = getattr(record.before, name), getattr(record.after, name)
    change = total(new * end - old * start)
    return Budget(*record.diagnostics.turnover[name], change, total(new * end))


def _on_surface(name: str, record: StepRecord) -> Budget:
    surface = record.diagnostics.middle.exchange.surface
    start, end = getattr(record.before, name), getattr(record.after, name)
    change, after = total(surface * (end - start)), total(surface * end)
    return Budget(*record.diagnostics.turnover[name], change, after)


def _osteomorphs(record: StepRecord) -> Budget:
    budget = _on_surface("osteomorphs", record)
    # next to none of them decay to numbers that a float32 cannot hold
    osteoclasts = total(record.diagnostics.middle.exchange.surface * record.after.osteoclasts)
    return budget._replace(stored=budget.stored + OSTEOMORPH_FLOOR * osteoclasts)


def _endosteal_supply(record: StepRecord) -> Budget:
    old, new = _porosities(record)
    expected = total(record.before.endosteal_supply) * total(new) / total(old)
    return Budget(expected, total(record.after.endosteal_supply), 0, 0)


def _porosities(record: StepRecord) -> tuple[Field, Field]:
    before, after = record.before, record.after
    return cell_porosity(before.bone_volume_fraction), cell_porosity(after.bone_volume_fraction)


def _cells(name: str, long_name: str) -> BudgetEntry:
    of = _osteomorphs if name == "osteomorphs" else partial(_on_surface, name)
    return BudgetEntry("cells", AREA, long_name, of, on_surface=True)


BUDGETS: Mapping[str, BudgetEntry] = {
    "bone": BudgetEntry("mm3", VOLUME, "bone volume", _bone),
    **{
        solute.name: BudgetEntry(
            "pM_mm3_per_day", VOLUME, solute.long_name, partial(_solute, solute.name)
        )
        for solute in (*UNCOUPLED, *PAIR)
    },
    **{
        name: BudgetEntry("cells", VOLUME, name.replace("_", " "), partial(_precursors, name))
        for name in ("osteoclast_precursors", "osteoblast_precursors")
    },
    "osteoclasts": _cells("osteoclasts", "osteoclasts"),
    "osteoblasts": _cells("osteoblasts", "osteoblasts"),
    "lining_cells": _cells("lining_cells", "lining cells"),
    "coupling_store": BudgetEntry(
        "mm3",
        VOLUME,
        "resorbed matrix awaiting formation",
        partial(_on_surface, "coupling_store"),
        on_surface=True,
    ),
    "endosteal_supply": BudgetEntry(
        "mm2", AREA, "endosteal supply of precursors", _endosteal_supply
    ),
    "osteomorphs": _cells("osteomorphs", "osteomorphs"),
}
"""Conserved quantities by name."""

SWEPT = tuple(name for name, entry in BUDGETS.items() if entry.on_surface)
"""Quantities that come or go as the surface changes under a kept density."""
