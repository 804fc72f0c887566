"""Checks of the state of a run: is it physical, and did its solves converge?"""

import logging
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from tissue.errors import InputError
from tissue.kernels.elliptic import SolverStats
from tissue.kernels.programs import grid_shape, program
from tissue.kernels.slabs import first_place, value_at
from tissue.kernels.stencil import total
from tissue.model.homeostasis import HealthyState, min_precursor_fraction
from tissue.model.parameters import Parameters
from tissue.model.state import HealthyReference, State
from tissue.simulation.step_size import ControllerState, TimeStep

log = logging.getLogger(__name__)

FAILURES_REPORTED = 3
"""Failed steps that are reported one by one; later ones as their number passes a power of ten."""

MIN_PRECURSOR_FRACTION = 0.05
"""Share of the nominal precursor density that healthy marrow must keep [1]."""

CONVERGENCE_SLACK = 10
"""Error of a solve over its tolerance that counts as converged [1]: rounding may keep it from the
last digit, not from the first."""


def _bad(name: str, values: Array) -> Array:
    """Voxels in which a field is not finite, negative, or a bone volume fraction above 1."""
    # compared voxel by voxel: max and min drop NaN on some CPU backends
    wrong = ~jnp.isfinite(values) | (values < 0)
    return wrong | (values > 1) if name == "bone_volume_fraction" else wrong


@program
def bad_voxels(state: State) -> dict[str, Array]:
    """Number of unphysical voxels of each field, by name."""
    # as `total` adds them up: counted as whole numbers each field would take 8 bytes a voxel
    return {
        name: total(_bad(name, values).astype(values.dtype))
        for name, values in state.fields.items()
    }


@program(static_argnames="name")
def _first_bad(values: Array, name: str) -> tuple[tuple[Array, Array, Array], Array]:
    """Place of the first unphysical voxel in the grid, and its value."""
    place = first_place(_bad(name, values))
    return place, value_at(values, place)


@program
def _all_finite(reference: HealthyReference) -> Array:
    """Whether every value of a healthy reference is finite."""
    leaves = jax.tree.leaves(reference)
    wrong = [(~jnp.isfinite(leaf)).astype(jnp.float32) for leaf in leaves]
    return jnp.stack([total(each) if each.ndim else each for each in wrong]).sum() == 0


def unconverged(solver_stats: Mapping[str, SolverStats], tolerance: float) -> str | None:
    """A sentence about the first solve that ended far from its tolerance, if there is one.

    The budgets do not show it: every solve ends by closing its own.
    """
    for name, stats in solver_stats.items():
        if not float(stats.relative_error) <= CONVERGENCE_SLACK * tolerance:
            return (
                f"the solve for {name} did not converge: relative error "
                f"{float(stats.relative_error):.2g} "
                f"after {int(stats.iterations)} iterations"
            )
    return None


def diagnosis(state: State, counts: Mapping[str, Any]) -> str | None:
    """A sentence about the first unphysical field, if there is one."""
    for name, values in state.fields.items():
        count = counts[name]
        if count:
            (z, y, x), value = jax.device_get(_first_bad(values, name))
            extent = f"{int(count)} of {math.prod(grid_shape(values))} voxels wrong"
            return f"{name} is {value:g} in voxel [{z}, {y}, {x}] ({extent})"
    return None


def refuse_unhealthy_start(healthy: HealthyState, tolerance: float) -> None:
    """Refuses a bone whose healthy state is not physical or was not found.

    Raises:
        InputError: saying what is wrong with it.
    """
    state = healthy.state
    wrong = diagnosis(state, bad_voxels(state)) or unconverged(healthy.solver_stats, tolerance)
    if wrong or not _all_finite(healthy.reference):
        raise InputError(
            f"this bone has no healthy state with these parameters: "
            f"{wrong or 'a healthy reference is not finite'}; look at the bone with "
            "tissue check, or use parameters nearer to the preset's"
        )


def refuse_starved_marrow(state: State, healthy: HealthyReference, p: Parameters) -> None:
    """Refuses a bone whose healthy marrow has places without precursors.

    Raises:
        InputError: naming the precursors.
    """
    for name, share in min_precursor_fraction(state, healthy, p).items():
        if not float(share) >= MIN_PRECURSOR_FRACTION:
            raise InputError(
                f"this bone has no healthy state with these parameters: {name} fall to "
                f"{float(share):.3g} of their nominal density in part of the marrow (at least "
                f"{MIN_PRECURSOR_FRACTION:g} is needed); use weaker chemotaxis or a larger random "
                "motility"
            )


def warn_of_failure(
    clock: ControllerState, step: TimeStep, wrong: str, shorter: ControllerState
) -> None:
    """Warns of a step that failed and is tried again, without flooding the log.

    Args:
        clock: before the step.
        step: the step.
        wrong: with what it made.
        shorter: the clock to try again at.
    """
    number = shorter.failures
    failure = f"step {clock.steps + 1} of {step.length:g} day from day {clock.time:g}"
    if number <= FAILURES_REPORTED:
        log.warning(
            f"{failure} failed: {wrong}; it is replaced by shorter ones, the first of at most "
            f"{shorter.length_limit:g} day, up to day {shorter.retry_until:g}"
        )
    elif math.log10(number).is_integer():
        log.warning(
            f"{number} steps so far failed and were replaced by shorter ones; the last was "
            f"{failure}: {wrong}"
        )


def warn_of_failures(number: int) -> None:
    """Sums up what `warn_of_failure` has not reported one by one."""
    if number > FAILURES_REPORTED:
        log.warning(f"{number} steps of this run failed and were replaced by shorter ones")
