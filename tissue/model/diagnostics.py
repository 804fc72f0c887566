"""What one step did: all that metrics and conservation budgets are made of."""

from typing import NamedTuple

from jax import Array

from tissue.kernels.binding import PairSolution
from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion
from tissue.model.bone import BoneGeometry


class Solute(NamedTuple):
    """A solute without a partner over one step.

    Attributes:
        field: [pM].
        stats: of its solve.
        source: what was made of it, or came through a wall [pM/day].
        lost: what was cleared, or left through a wall [pM/day].
    """

    field: Field
    stats: SolverStats
    source: Field
    lost: Field


class Fluid(NamedTuple):
    """The solutes of one step.

    Attributes:
        il1, tnf: each alone.
        pair: RANKL and OPG [pM].
        rankl_source, opg_source: what was made of them [pM/day].
        rankl_rate, opg_rate: at which they are lost, each without the other [1/day].
    """

    il1: Solute
    tnf: Solute
    pair: PairSolution
    rankl_source: Field
    opg_source: Field
    rankl_rate: Field | Array | float
    opg_rate: Field | Array | float


class SurfaceConcentrations(NamedTuple):
    """What the bone surface sees.

    Attributes:
        il1, rankl, opg, tnf: concentrations [pM].
        signal, excess: the IL-1 signal s and s_h there.
    """

    il1: Field
    rankl: Field
    opg: Field
    tnf: Field
    signal: Field
    excess: Field


class StepValue(NamedTuple):
    """A density that grows by a constant rate and decays: after the step, and its mean over it."""

    after: Field
    mean: Field


class Lineage(NamedTuple):
    """One line of cells over a step.

    Attributes:
        precursors: in the marrow, averaged over the step [cells/mm^3 marrow].
        after: their number after it [cells/mm^3 tissue].
        supply: precursors that arrived [cells/mm^3/day].
        recruited: cells that the surface made of them [cells/mm^2/day].
        formed: cells formed on the surface [cells/mm^2/day]; of osteoclasts also those that
            osteomorphs make, and not those that become osteomorphs.
        loss: their death rate [1/day].
        cells: after the step and averaged over it [cells/mm^2].
        stats: of the solve for the precursors.
    """

    precursors: Field
    after: Field
    supply: Field
    recruited: Field
    formed: Field
    loss: Array | float
    cells: StepValue
    stats: SolverStats


class Waiting(NamedTuple):
    """Osteomorphs over a step.

    Attributes:
        cells: after it and averaged over it [cells/mm^2].
        arrested: osteoclasts that did not form [cells/mm^2/day].
        lost: those that fused or died [cells/mm^2/day].
    """

    cells: StepValue
    arrested: Field
    lost: Field


class StepTerms(NamedTuple):
    """What solutes and cells did in one step, before anything moved along or with the surface.

    Attributes:
        geometry: geometry at the start of the step, used by every term.
        fluid: the solutes.
        at_surface: what the surface saw of them.
        osteoclasts, osteoblasts: the two lineages.
        osteomorphs: osteoclasts that wait.
        store: the coupling store [um].
        resorption, formation: gross velocities of the bone surface [um/day].
    """

    geometry: BoneGeometry
    fluid: Fluid
    at_surface: SurfaceConcentrations
    osteoclasts: Lineage
    osteoblasts: Lineage
    osteomorphs: Waiting
    store: StepValue
    resorption: Field
    formation: Field


class LocalError(NamedTuple):
    """What one step is wrong by, at most: the middle as expected against the middle as found.

    Attributes:
        bone: misplaced bone over all bone [1].
        cells: of the velocities that osteoclasts and osteoblasts make, relative [1].
    """

    bone: Array
    cells: Array


class StepDiagnostics(NamedTuple):
    """What one step did: all that metrics and conservation budgets are made of.

    Attributes:
        activity: of solutes and cells.
        motion: of the bone.
        geometry: geometry at the end of the step.
        spread_stats: of the diffusion along the surface.
        error: of the step in time.
    """

    activity: StepTerms
    motion: Motion
    geometry: BoneGeometry
    spread_stats: SolverStats
    error: LocalError

    @property
    def solver_stats(self) -> dict[str, SolverStats]:
        """What every solve of the step took, by what it solved for."""
        done = self.activity
        return {
            "il1": done.fluid.il1.stats,
            "tnf": done.fluid.tnf.stats,
            "rankl and opg": done.fluid.pair.stats,
            "osteoclast precursors": done.osteoclasts.stats,
            "osteoblast precursors": done.osteoblasts.stats,
            "cells along the surface": self.spread_stats,
        }
