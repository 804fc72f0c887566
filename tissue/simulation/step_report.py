"""Report of a step: metrics, budgets and checks of the state it made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.programs import program
from tissue.kernels.slabs import mean
from tissue.model.bone import bone_geometry
from tissue.model.conservation import Budget, StepRecord, budgets, swept
from tissue.model.context import StepContext
from tissue.model.cytokines import marrow_environment, surface_concentrations
from tissue.model.forcing import Forcing
from tissue.model.observables import Observation, observe
from tissue.model.species import OPG, PAIR
from tissue.model.state import State
from tissue.simulation.state_checks import bad_voxels


@dataclass(frozen=True)
class Record:
    """Report of one step.

    Attributes:
        metrics, ledger: its rows of metrics.csv and ledger.csv.
        iterations: of each solve, by its unknown.
        rejected: steps tried in its place that were too long or failed.
    """

    metrics: Mapping[str, float]
    ledger: Mapping[str, float]
    iterations: Mapping[str, int]
    rejected: int = 0

    def __repr__(self) -> str:
        found = self.metrics
        return (
            f"Record: day {found['time_day']:g}, step of {found['step_day']:.3g} day, BV/TV "
            f"{found['bv_tv']:.4f} ({found['bv_tv_change_percent']:+.2f} %), "
            f"{self.rejected} steps rejected before"
        )


class StepNumbers(NamedTuple):
    """Numbers of a step: metrics, budgets with their residuals, and bad voxels by field."""

    metrics: Mapping[str, Any]
    budgets: Mapping[str, Budget]
    residuals: Mapping[str, Any]
    swept: Mapping[str, Any]
    bad: Mapping[str, Any]


@program
def step_numbers(
    record: StepRecord, forcing: Forcing, span: tuple[float, float], start: Array
) -> StepNumbers:
    """Numbers of a step.

    Args:
        record: the step.
        forcing: in it.
        span: time at its end, and its length [day].
        start: BV/TV at the start of the run.
    """
    found = budgets(record)
    residuals = {name: budget.residual for name, budget in found.items()}
    carried = swept(record.after, record.diagnostics)
    # one kernel for the sums of both budgets and metrics would run out of registers on a GPU
    observed = jax.lax.optimization_barrier(record)
    found_there, after = observed.diagnostics, observed.after
    opg = found_there.middle.exchange.to_surface(after.solutes[OPG.name])
    observation = Observation(
        time=span[0],
        dt=span[1],
        state=after,
        geometry=found_there.geometry,
        at_surface={**found_there.at_surface, OPG.name: opg},
        resorption=found_there.resorption,
        formation=found_there.formation,
        forcing=forcing,
        start_fraction=start,
    )
    return StepNumbers(observe(observation), found, residuals, carried, bad_voxels(after))


@program
def start_numbers(state: State, context: StepContext, time: float, start: Array) -> dict[str, Any]:
    """Metrics of the healthy start.

    Args:
        state: the tissue.
        context: without any forcing.
        time: of the start [day].
        start: its BV/TV.
    """
    p, n, bone = context.parameters, context.numerics, state.bone_volume_fraction
    geometry = bone_geometry(bone, n.spacing, p, n.periodic)
    nothing = jnp.zeros_like(bone)
    environment = marrow_environment(state.solutes, nothing, geometry, context)
    bound = {solute.name: state.solutes[solute.name] for solute in PAIR}
    velocity = jnp.full_like(bone, p.v_0)
    observation = Observation(
        time=time,
        dt=0.0,
        state=state,
        geometry=geometry,
        at_surface=surface_concentrations(environment, bound, geometry, context).solutes,
        resorption=velocity,
        formation=velocity,
        forcing=context.forcing,
        start_fraction=start,
    )
    return observe(observation)


@program
def bv_tv(bone_volume_fraction: Array) -> Array:
    """Bone over the volume of the box [1], in float64."""
    return mean(bone_volume_fraction, jnp.float64)


def plain_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as numbers of Python.

    All that a run does not have are one and the same nan, so that equal records compare equal.
    """
    found = {name: float(value) for name, value in values.items()}
    return {name: math.nan if math.isnan(value) else value for name, value in found.items()}
