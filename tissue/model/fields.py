"""Registry of the fields that snapshots may hold; this module needs no JAX."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tissue.model.species import SOLUTES

if TYPE_CHECKING:
    from jax import Array

    from tissue.model.bone import BoneGeometry
    from tissue.model.state import State

PER_MM = 1e3
"""1/um in 1/mm: a rate per mm^2 of surface times the surface in 1/um, as a rate per mm^3."""


class SnapshotField(NamedTuple):
    """A field of snapshots.

    Attributes:
        unit: of its values.
        long_name: its name for people.
        of: the field [z, y, x] of a state and its geometry.
    """

    unit: str
    long_name: str
    of: "Callable[[State, BoneGeometry], Array]"


def _concentration(name: str, state: "State", _: "BoneGeometry") -> "Array":
    return state.solutes[name]


FIELDS: Mapping[str, SnapshotField] = {
    "bone_volume_fraction": SnapshotField(
        "1", "bone volume fraction", lambda state, _: state.bone_volume_fraction
    ),
    **{
        name: SnapshotField(
            "pM", f"{solute.long_name} in marrow fluid", partial(_concentration, name)
        )
        for name, solute in SOLUTES.items()
    },
    "osteoclasts": SnapshotField(
        "1/mm^3",
        "osteoclasts per tissue volume",
        lambda state, geometry: PER_MM * geometry.exchange.surface * state.osteoclasts,
    ),
    "osteoblasts": SnapshotField(
        "1/mm^3",
        "osteoblasts per tissue volume",
        lambda state, geometry: PER_MM * geometry.exchange.surface * state.osteoblasts,
    ),
    "lining_cells": SnapshotField(
        "1/mm^3",
        "lining cells per tissue volume",
        lambda state, geometry: PER_MM * geometry.exchange.surface * state.lining_cells,
    ),
    "osteoclast_precursors": SnapshotField(
        "1/mm^3",
        "osteoclast precursors per tissue volume",
        lambda state, geometry: geometry.exchange.porosity * state.osteoclast_precursors,
    ),
    "osteoblast_precursors": SnapshotField(
        "1/mm^3",
        "osteoblast precursors per tissue volume",
        lambda state, geometry: geometry.exchange.porosity * state.osteoblast_precursors,
    ),
}
"""Fields by name; densities count cells per volume of tissue."""
