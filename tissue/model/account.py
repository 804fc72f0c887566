"""What one step did: all that metrics and conservation budgets are made of."""

from typing import NamedTuple

from jax import Array

from tissue.kernels.binding import Pair
from tissue.kernels.elliptic import Effort
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion
from tissue.model.bone import Pores


class Il1(NamedTuple):
    """IL-1 [pM], the effort of its solve, and what was made of it [pM/day]."""

    field: Field
    effort: Effort
    source: Field


class Fluid(NamedTuple):
    """The solutes of one step [pM], what was made of each [pM/day], and the effort."""

    il1: Field
    pair: Pair
    il1_source: Field
    rankl_source: Field
    opg_source: Field
    il1_effort: Effort


class Seen(NamedTuple):
    """What the bone surface sees of the solutes [pM], and the IL-1 signal s and s_h there."""

    il1: Field
    rankl: Field
    opg: Field
    signal: Field
    excess: Field


class Relaxed(NamedTuple):
    """A density that grows by a constant rate and decays: after the step, and its mean over it."""

    after: Field
    mean: Field


class Lineage(NamedTuple):
    """One line of cells over a step.

    Attributes:
        precursors: in the marrow, averaged over the step [cells/mm^3 marrow].
        after: their number after it [cells/mm^3 tissue].
        supply: precursors that arrived [cells/mm^3/day].
        formed: cells formed on the surface [cells/mm^2/day].
        loss: their death rate [1/day].
        cells: after the step and averaged over it [cells/mm^2].
        effort: of the solve for the precursors.
    """

    precursors: Field
    after: Field
    supply: Field
    formed: Field
    loss: Array | float
    cells: Relaxed
    effort: Effort


class Activity(NamedTuple):
    """What solutes and cells did in one step, before anything moved along or with the surface.

    Attributes:
        pores: geometry at the start of the step, used by every term.
        fluid: the solutes.
        seen: what the surface saw of them.
        osteoclasts, osteoblasts: the two lineages.
        store: the coupling store [um].
        resorption, formation: gross velocities of the bone surface [um/day].
    """

    pores: Pores
    fluid: Fluid
    seen: Seen
    osteoclasts: Lineage
    osteoblasts: Lineage
    store: Relaxed
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


class Account(NamedTuple):
    """What one step did: all that metrics and conservation budgets are made of.

    Attributes:
        activity: of solutes and cells.
        motion: of the bone.
        pores: geometry at the end of the step.
        spread_effort: of the diffusion along the surface.
        error: of the step in time.
    """

    activity: Activity
    motion: Motion
    pores: Pores
    spread_effort: Effort
    error: LocalError

    @property
    def efforts(self) -> dict[str, Effort]:
        """What every solve of the step took, by what it solved for."""
        done = self.activity
        return {
            "il1": done.fluid.il1_effort,
            "rankl and opg": done.fluid.pair.effort,
            "osteoclast precursors": done.osteoclasts.effort,
            "osteoblast precursors": done.osteoblasts.effort,
            "cells along the surface": self.spread_effort,
        }
