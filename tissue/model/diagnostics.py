"""Diagnostics of one step: the terms that metrics and conservation budgets are made of."""

from typing import NamedTuple

from jax import Array

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion
from tissue.model.bone import BoneGeometry
from tissue.model.cytokines import Fluid
from tissue.model.forcing import Value
from tissue.model.integrators import StepValue
from tissue.model.precursors import PrecursorStep
from tissue.model.signals import SurfaceConcentrations
from tissue.model.surface_rates import LiningCellTerms, OsteomorphTerms


class Lineage(NamedTuple):
    """One lineage of cells over a step.

    Attributes:
        precursors: in the marrow.
        supply: precursors that arrived [cells/mm^3/day].
        recruited: cells that the surface made of them [cells/mm^2/day].
        formed: cells formed on the surface [cells/mm^2/day]; of osteoclasts also those that
            osteomorphs make, and not those that become osteomorphs; of osteoblasts also those that
            lining cells become.
        loss: their death rate [1/day].
        cells: on the surface [cells/mm^2].
    """

    precursors: PrecursorStep
    supply: Field
    recruited: Field
    formed: Field
    loss: Value
    cells: StepValue


class StepTerms(NamedTuple):
    """Terms of the equations in one step, before anything moves along or with the surface.

    Attributes:
        geometry: in the middle of the step, used by every term.
        fluid: the solutes.
        at_surface: the solutes there.
        osteoclasts, osteoblasts: the two lineages.
        osteomorphs: osteoclasts that wait.
        lining_cells: of quiescent surface.
        store: the coupling store [um].
        resorption, formation: gross velocities of the bone surface [um/day].
    """

    geometry: BoneGeometry
    fluid: Fluid
    at_surface: SurfaceConcentrations
    osteoclasts: Lineage
    osteoblasts: Lineage
    osteomorphs: OsteomorphTerms
    lining_cells: LiningCellTerms
    store: StepValue
    resorption: Field
    formation: Field


class LocalError(NamedTuple):
    """Upper estimate of the error of one step: its predicted midpoint against the one it found.

    Attributes:
        bone: misplaced bone over all bone [1].
        cells: of the velocities that osteoclasts and osteoblasts make, relative [1].
    """

    bone: Array
    cells: Array


class StepDiagnostics(NamedTuple):
    """Everything that metrics and conservation budgets of one step are made of.

    Attributes:
        terms: of the equations.
        motion: of the bone.
        geometry: at the end of the step.
        spread_stats: of the diffusion along the surface.
        error: of the step in time.
    """

    terms: StepTerms
    motion: Motion
    geometry: BoneGeometry
    spread_stats: SolverStats
    error: LocalError

    @property
    def solver_stats(self) -> dict[str, SolverStats]:
        """Statistics of every solve of the step, by its unknown."""
        terms = self.terms
        return {
            **{name: solute.stats for name, solute in terms.fluid.uncoupled.items()},
            "rankl and opg": terms.fluid.pair.stats,
            "osteoclast precursors": terms.osteoclasts.precursors.stats,
            "osteoblast precursors": terms.osteoblasts.precursors.stats,
            "cells along the surface": self.spread_stats,
        }
