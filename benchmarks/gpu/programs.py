"""Programs that the gate compiles, as a run uses them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import elastic
import jax
import jax.numpy as jnp
from ahead import Built, Target
from counts import EXCESS, example
from jax import Array

from tissue.kernels import elliptic, multigrid
from tissue.kernels.explicit import Coefficients, steps
from tissue.model.conservation import StepRecord
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.homeostasis import healthy_state
from tissue.model.integrators import THETA_MIN
from tissue.model.step import advance
from tissue.scenario.config import read_run_file
from tissue.simulation.step_report import step_numbers

SPACING, TOLERANCE = 20.0, 1e-3  # um, relative
STEP = 8.0  # day
EXPLICIT_STEP, EXPLICIT_STEPS = 1e-5, 100  # day, in one program


def field(edge: int, *lead: int) -> jax.ShapeDtypeStruct:
    """Shape of a float32 field."""
    return jax.ShapeDtypeStruct((*lead, edge, edge, edge), jnp.float32)


def every(target: Target, edge: int) -> Iterator[Built]:
    """All programs, compiled for a grid of edge^3 voxels."""
    voxels = edge**3
    yield explicit(target, edge)
    for n in (1, 2):
        cycle = jax.jit(multigrid.v_cycle)
        yield target.built(f"V-cycle, {n}", voxels, cycle, hierarchy(edge, n), row(edge, n))
    one = jax.ShapeDtypeStruct((edge + 2, edge, edge), jnp.float32)  # padded
    system = elliptic.LinearSystem((one,) * 3, one, one, one)
    yield target.built("solve", voxels, elliptic.solve, system, TOLERANCE)
    arguments = coupling_arguments(edge)
    yield target.built("coupling step", voxels, jax.jit(advance), *arguments)
    before, context, *_ = arguments
    after, diagnostics = jax.eval_shape(advance, *arguments)
    start = jax.ShapeDtypeStruct((), jnp.float64)
    record = StepRecord(before, after, diagnostics)
    examined = record, context.forcing, (STEP, STEP), start
    yield target.built("diagnostics of a step", voxels, step_numbers, *examined)
    yield from elastic.every(target, edge)


def row(edge: int, *lead: int) -> jax.ShapeDtypeStruct:
    """Shape of a float32 field as a padded row."""
    return jax.ShapeDtypeStruct((*lead, (edge + 2) * edge * edge), jnp.float32)


def hierarchy(edge: int, n: int) -> Any:
    """Shapes of all levels for n fields."""
    build = partial(multigrid.hierarchy, shape=(edge,) * 3)
    return jax.eval_shape(build, (row(edge),) * 3, row(edge, n, n))


def explicit(target: Target, edge: int) -> Built:
    """Loop of explicit steps of three solutes that share a source, compiled."""

    def stepped(
        solutes: Any, pores: Array, source: Array, rates: tuple[Array, Array, Array]
    ) -> Any:
        equations = Coefficients(*rates)
        numerics = {"spacing": SPACING, "dt": EXPLICIT_STEP}
        return steps(solutes, pores, source, equations, **numerics, n=EXPLICIT_STEPS)

    pores = jax.ShapeDtypeStruct((edge, edge, edge), jnp.bool_)
    rates = (jax.ShapeDtypeStruct((3,), jnp.float32),) * 3
    three = (field(edge),) * 3
    function = jax.jit(stepped)
    return target.built("explicit step", edge**3, function, three, pores, field(edge), rates)


def coupling_arguments(edge: int) -> tuple[Any, ...]:
    """Arguments of a coupling step as shapes; load is inferred from the density of bone near by.

    Finite elements, where they are solved, add the reading of a field.
    """
    config = read_run_file(example(edge), name="gate")
    numerics = Numerics(SPACING, TOLERANCE)
    health = partial(healthy_state, load_from_density=True)
    state, healthy, _ = jax.eval_shape(health, field(edge), config.parameters, numerics)
    forcing = Forcing(excess={"il1": EXCESS})
    context = StepContext(forcing, config.parameters, numerics, healthy)
    return state, context, STEP, THETA_MIN
