"""A step with the fields behind its budgets, of which the package keeps only sums."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.binding import PairSolution
from tissue.model import cytokines, lineages, step
from tissue.model.bone import BoneGeometry
from tissue.model.context import StepContext
from tissue.model.cytokines import UncoupledSolute
from tissue.model.diagnostics import StepDiagnostics
from tissue.model.integrators import THETA_MIN
from tissue.model.lineages import Lineage
from tissue.model.parameters import Scalar
from tissue.model.signals import SurfaceConcentrations
from tissue.model.state import State
from tissue.model.surface_rates import LiningCellTerms, OsteomorphTerms

STAGES: Mapping[str, ModuleType] = {
    "uncoupled_solutes": cytokines,
    "surface_concentrations": cytokines,
    "osteoblast_turnover": lineages,
    "osteoclast_turnover": lineages,
    "rankl_opg_made": step,
    "solve_rankl_opg": step,
}
"""Functions whose arguments and results are kept, and the modules that call them."""


class FluidTerms(NamedTuple):
    """Solutes of a step, and the sources of RANKL and OPG [pM/day]."""

    uncoupled: dict[str, UncoupledSolute]
    pair: PairSolution
    sources: tuple[Array, Array]


class StepTerms(NamedTuple):
    """Terms of the equations in one step."""

    geometry: BoneGeometry
    fluid: FluidTerms
    at_surface: SurfaceConcentrations
    osteoclasts: Lineage
    osteoblasts: Lineage
    osteomorphs: OsteomorphTerms
    lining_cells: LiningCellTerms
    resorption: Array
    formation: Array


class ExaminedStep(StepDiagnostics):
    """Diagnostics of a step with its terms."""

    terms: StepTerms


def examined_step(
    state: State, context: StepContext, dt: Scalar, theta_min: Scalar = THETA_MIN
) -> tuple[State, ExaminedStep]:
    """Result of `step.advance`, and all that its stages made."""
    seen: dict[str, tuple[tuple[Any, ...], Any]] = {}

    def kept(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            result = function(*arguments)
            # copies: a later stage may take the memory
            seen[name] = arguments, jax.tree.map(jnp.copy, result)
            return result

        return watched

    with ExitStack() as patches:
        for name, module in STAGES.items():
            patches.enter_context(patch.object(module, name, kept(name, getattr(module, name))))
        following, found = step.advance(state, context, dt, theta_min)
    (osteoclasts, osteomorphs, *_), _ = seen["osteoclast_turnover"]
    (osteoblasts, lining_cells, *_), _ = seen["osteoblast_turnover"]
    pair, _ = seen["solve_rankl_opg"][1]
    uncoupled, _ = seen["uncoupled_solutes"][1]
    at_surface = seen["surface_concentrations"][1]
    opg = found.middle.exchange.to_surface(pair.b)
    examined = ExaminedStep(*found)
    examined.terms = StepTerms(
        found.middle,
        FluidTerms(uncoupled, pair, seen["rankl_opg_made"][1].sources),
        replace(at_surface, solutes={**at_surface.solutes, "opg": opg}),
        osteoclasts,
        osteoblasts,
        osteomorphs,
        lining_cells,
        found.resorption,
        found.formation,
    )
    return following, examined
