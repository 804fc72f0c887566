"""Diagnostics of one step: what metrics and conservation budgets are made of."""

from collections.abc import Mapping
from typing import NamedTuple

from jax import Array

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.model.bone import BoneGeometry
from tissue.model.forcing import Value
from tissue.model.turnover import Turnover


class LocalError(NamedTuple):
    """Upper estimate of the error of one step: its predicted midpoint against the one it found.

    Attributes:
        bone: misplaced bone over all bone [1].
        cells: of the velocities that osteoclasts and osteoblasts make, relative [1].
    """

    bone: Array
    cells: Array


class StepDiagnostics(NamedTuple):
    """Everything that metrics and conservation budgets of one step are made of, besides its states.

    Attributes:
        middle: geometry in the middle of the step, used by every term.
        geometry: at the end of the step.
        at_surface: solutes at the bone surface in the middle, by name [pM]; without OPG.
        resorption, formation: gross velocities of the bone surface [um/day].
        turnover: of every quantity that its states do not show, by the name of its budget.
        solver_stats: of every solve of the step, by its unknown.
        error: of the step in time.
    """

    middle: BoneGeometry
    geometry: BoneGeometry
    at_surface: Mapping[str, Value]
    resorption: Field
    formation: Field
    turnover: Mapping[str, Turnover]
    solver_stats: Mapping[str, SolverStats]
    error: LocalError
