"""State of the tissue, and the healthy reference it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.programs import grid_shape
from tissue.kernels.stencil import Field
from tissue.model.species import SOLUTES


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class State:
    """Every evolving quantity; fields are [z, y, x].

    Attributes:
        bone_volume_fraction: phi in [0, 1], the mineralized share of a voxel.
        solutes: concentration in marrow fluid, by name [pM]; RANKL is what OPG leaves free.
        osteoclast_precursors, osteoblast_precursors: M and P [cells/mm^3 marrow].
        osteoclasts, osteoblasts: C and B [cells/mm^2 bone surface], defined in every voxel.
        lining_cells: L, of quiescent surface [cells/mm^2 bone surface], in every voxel.
        coupling_store: E, resorbed matrix not yet answered by formation [um], in every voxel.
        osteomorphs: Q, osteoclasts that wait for RANKL to fuse [cells/mm^2 bone surface].
        bisphosphonate: q, bound to the bone surface over that of a full dose [1].
        endosteal_supply: d, return of the precursors that the healthy surface takes
            [1/um]; on the healthy geometry the deposit of one per area of surface, afterwards
            in proportion to the volume of all marrow.
    """

    bone_volume_fraction: Field
    solutes: dict[str, Field]
    osteoclast_precursors: Field
    osteoblast_precursors: Field
    osteoclasts: Field
    osteoblasts: Field
    lining_cells: Field
    coupling_store: Field
    endosteal_supply: Field
    osteomorphs: Field
    bisphosphonate: Field

    def __repr__(self) -> str:
        bone = self.bone_volume_fraction
        return (
            f"State: {jnp.dtype(bone.dtype)} fields {grid_shape(bone)} of {', '.join(self.fields)}"
        )

    @property
    def fields(self) -> dict[str, Field]:
        """Every field by name, solutes among the others."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        solutes: dict[str, Field] = named.pop("solutes")
        return named | solutes

    @classmethod
    def of_fields(cls, named: Mapping[str, Any]) -> "State":
        """State of what `fields` gave."""
        solutes = {name: named[name] for name in SOLUTES}
        others = {name: field for name, field in named.items() if name not in SOLUTES}
        return cls(solutes=solutes, **others)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class HealthyReference:
    """Local references of the healthy tissue, which make it stand still on any geometry.

    Attributes:
        osteoclast_precursors, osteoblast_precursors: M_h and P_h [cells/mm^3 marrow].
        rank_occupancy: rho at the surface, in every voxel that a surface may reach [1].
        drive: osteoclastogenic drive N_G there [1].
        marrow_per_surface: mean porosity over mean specific surface [um]: turns a rate per
            volume of marrow into one per area of bone surface.
        local_density: bone volume fraction near by, from which load is inferred; None where it is
            not.
        tgf_beta: that at the surface on average, which halves the pull of its gradient on
            osteoblast precursors [pM]; None where it does not steer them.
    """

    osteoclast_precursors: Field
    osteoblast_precursors: Field
    rank_occupancy: Field
    drive: Field
    marrow_per_surface: Array
    local_density: Field | None = None
    tgf_beta: Array | None = None
