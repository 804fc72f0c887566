"""Registry of the fields that snapshots may hold; this module needs no JAX."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tissue.model.species import SOLUTES

if TYPE_CHECKING:
    from jax import Array

    from tissue.kernels.stencil import Field
    from tissue.model.bone import BoneGeometry
    from tissue.model.state import State

PER_MM = 1e3
"""1/um in 1/mm: a rate per mm^2 of surface times the surface in 1/um, as a rate per mm^3."""


class Observed(NamedTuple):
    """Tissue that a snapshot shows.

    Attributes:
        state: of the tissue.
        geometry: of its bone.
        load_stimulus: of the mechanostat [1].
        energy_density: strain energy per volume of bone under usual forces [MPa].
    """

    state: "State"
    geometry: "BoneGeometry"
    load_stimulus: "Field"
    energy_density: "Field"


class SnapshotField(NamedTuple):
    """A field of snapshots.

    Attributes:
        unit: of its values.
        long_name: its name for people.
        of: the field [z, y, x] of what is observed.
    """

    unit: str
    long_name: str
    of: "Callable[[Observed], Array]"


def _concentration(name: str, o: Observed) -> "Array":
    return o.state.solutes[name]


def _on_surface(name: str, o: Observed) -> "Array":
    density: Array = getattr(o.state, name)
    return PER_MM * o.geometry.exchange.surface * density


def _in_marrow(name: str, o: Observed) -> "Array":
    density: Array = getattr(o.state, name)
    return o.geometry.exchange.porosity * density


ENERGY_DENSITY = "strain_energy_density"
"""Field that only finite elements have."""


FIELDS: Mapping[str, SnapshotField] = {
    "bone_volume_fraction": SnapshotField(
        "1", "bone volume fraction", lambda o: o.state.bone_volume_fraction
    ),
    **{
        name: SnapshotField(
            "pM", f"{solute.long_name} in marrow fluid", partial(_concentration, name)
        )
        for name, solute in SOLUTES.items()
    },
    **{
        name: SnapshotField(
            "1/mm^3",
            f"{name.replace('_', ' ')} per tissue volume",
            partial(_on_surface, name),
        )
        for name in ("osteoclasts", "osteoblasts", "lining_cells")
    },
    **{
        name: SnapshotField(
            "1/mm^3",
            f"{name.replace('_', ' ')} per tissue volume",
            partial(_in_marrow, name),
        )
        for name in ("osteoclast_precursors", "osteoblast_precursors")
    },
    "load_stimulus": SnapshotField(
        "1", "stimulus of load on bone, 0 in health", lambda o: o.load_stimulus
    ),
    ENERGY_DENSITY: SnapshotField(
        "MPa",
        "strain energy per bone volume under usual forces, of finite elements",
        lambda o: o.energy_density,
    ),
}
"""Fields by name; densities count cells per volume of tissue."""
