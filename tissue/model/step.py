"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the midpoint of the step. Its geometry is predicted from the start; from
there on every stage uses what has been found before it. Nothing rests on the steps before.

A step is a short chain of compiled programs rather than one: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.programs import program
from tissue.kernels.stencil import Field
from tissue.kernels.surface import diffuse_along_surface, move
from tissue.model import cytokines, precursors, surface_rates
from tissue.model.bone import BoneGeometry, bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import Fluid
from tissue.model.diagnostics import StepDiagnostics
from tissue.model.forcing import Value
from tissue.model.integrators import THETA_MIN
from tissue.model.lineages import LineageStep, osteoblast_lineage, osteoclast_lineage
from tissue.model.parameters import Scalar
from tissue.model.predictor import EarlyMidpoint, Midpoint, local_error, predict_midpoint
from tissue.model.rankl_opg import (
    RanklOpgMade,
    RanklOpgSources,
    rankl_opg_made,
    solve_rankl_opg,
)
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.species import RANKL
from tissue.model.state import State
from tissue.model.turnover import Turnover, on_surface


def advance(
    state: State,
    context: StepContext,
    dt: Scalar,
    theta_min: Scalar = THETA_MIN,
    make_room: Callable[[], None] | None = None,
) -> tuple[State, StepDiagnostics]:
    """The tissue dt days later, and diagnostics of the step.

    A stage keeps what later ones need, and sums of the rest: memory is short in the solve of RANKL
    and OPG.

    Args:
        state: now; its solutes are those of the last step.
        context: forcing, parameters, numerics and healthy reference.
        dt: [day].
        theta_min: THETA_MIN, or 1 for the first step after a change of the forcing, whose jump
            would ring, and for a step whose density would fall below zero.
        make_room: called before the solve that takes most memory; None where there is enough.
    """
    with _stage("predict the midpoint"):
        midpoint, early = _midpoint(state, context, dt)
    geometry = midpoint.geometry
    with _stage("uncoupled solutes"):
        uncoupled, environment = cytokines.uncoupled_solutes(
            state.solutes, early.bisphosphonate, geometry, context
        )
    with _stage("osteoblast lineage"):
        osteoblasts = osteoblast_lineage(
            state, (midpoint, early), environment, context, dt, theta_min
        )
    with _stage("RANKL and OPG"):
        made = _rankl_opg_made(state, (geometry, early.load), environment, osteoblasts, context)
        del early  # every field let go is memory for the solve
        if make_room:
            jax.block_until_ready(made)
            make_room()
        fluid = Fluid(uncoupled, *solve_rankl_opg(state.solutes, made, geometry, context))
        rankl = {RANKL.name: fluid.pair.a}
        at_surface = cytokines.surface_concentrations(environment, rankl, geometry, context)
    with _stage("osteoclast lineage"):
        osteoclasts = osteoclast_lineage(
            state, midpoint, (fluid.pair.a, environment, at_surface), context, dt, theta_min
        )
    with _stage("remodel"):
        resorbed, made_of_store = _resorption(
            state, osteoclasts.cells.mean, at_surface, geometry, context, dt
        )
        formation = surface_rates.formation(osteoblasts.cells.mean, at_surface, context)
        velocities = resorbed.velocity, formation
        error = local_error(midpoint, velocities, state.bone_volume_fraction, dt)
        del midpoint
        spread, spread_stats = _spread_along_surface(
            {
                "osteoclasts": osteoclasts.cells.end,
                "osteoblasts": osteoblasts.cells.end,
                "coupling_store": resorbed.store.end,
            },
            geometry,
            context,
            dt,
        )
        numbers = osteoclasts.precursors, osteoblasts.precursors
        moved = _remodel(state, velocities, numbers, fluid.concentrations, context, dt)
    following = State(
        bone_volume_fraction=moved.bone_volume_fraction,
        solutes=moved.solutes,
        osteoclast_precursors=moved.osteoclast_precursors,
        osteoblast_precursors=moved.osteoblast_precursors,
        osteoclasts=spread["osteoclasts"],
        osteoblasts=spread["osteoblasts"],
        lining_cells=osteoblasts.resting,
        coupling_store=spread["coupling_store"],
        endosteal_supply=moved.supply,
        osteomorphs=osteoclasts.resting,
        bisphosphonate=resorbed.bisphosphonate.end,
    )
    return following, StepDiagnostics(
        middle=geometry,
        geometry=moved.geometry,
        at_surface=at_surface.solutes,
        resorption=resorbed.velocity,
        formation=formation,
        turnover={
            "bone": moved.turnover,
            **fluid.turnover,
            **osteoclasts.turnover,
            **osteoblasts.turnover,
            "coupling_store": made_of_store,
        },
        solver_stats={
            **fluid.stats,
            "osteoclast precursors": osteoclasts.stats,
            "osteoblast precursors": osteoblasts.stats,
            "cells along the surface": spread_stats,
        },
        error=error,
    )


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Names a stage of the step in the traces of a profiler and in compiled programs."""
    with jax.named_scope(name.replace(" ", "_")), jax.profiler.TraceAnnotation(name):
        yield


def _midpoint(state: State, context: StepContext, dt: Scalar) -> tuple[Midpoint, EarlyMidpoint]:
    """Predicted midpoint."""
    p, n = context.parameters, context.numerics
    start = bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic)
    environment = cytokines.marrow_environment(state.solutes, state.bisphosphonate, start, context)
    rankl = {RANKL.name: state.solutes[RANKL.name]}
    at_surface = cytokines.surface_concentrations(environment, rankl, start, context)
    return predict_midpoint(state, start, at_surface, context, dt)


def _rankl_opg_made(
    state: State,
    predicted: tuple[BoneGeometry, Value],
    environment: Environment,
    osteoblasts: LineageStep,
    context: StepContext,
) -> RanklOpgMade:
    """RANKL and OPG made at the midpoint; the load on bone is the predicted one."""
    geometry, load = predicted
    start = state.bone_volume_fraction, state.osteoblast_precursors
    cells = RanklOpgSources(
        precursors.halfway(start, osteoblasts.precursors, geometry),
        osteoblasts.cells.mean,
        load,
        context.healthy.marrow_per_surface,
    )
    return rankl_opg_made(environment, cells, geometry, context)


@program
def _resorption(
    state: State,
    osteoclast_mean: Field,
    at_surface: SurfaceConcentrations,
    geometry: BoneGeometry,
    context: StepContext,
    dt: Scalar,
) -> tuple[surface_rates.ResorptionTerms, Turnover]:
    """Resorption, and the turnover of the coupling store."""
    found = surface_rates.resorption(state, osteoclast_mean, at_surface, context, dt)
    answered = context.parameters.k_E * found.store.mean
    return found, on_surface(geometry.exchange.surface, found.velocity, answered, dt)


class _Moved(NamedTuple):
    """Bone and what moves along with its surface; solutes as fields; the turnover of bone."""

    bone_volume_fraction: Field
    geometry: BoneGeometry
    osteoclast_precursors: Field
    osteoblast_precursors: Field
    supply: Field
    solutes: dict[str, Field]
    turnover: Turnover


@program
def _remodel(
    state: State,
    velocities: tuple[Field, Field],
    numbers: tuple[Field, Field],
    solutes: dict[str, Value],
    context: StepContext,
    dt: Scalar,
) -> _Moved:
    """Motion of the bone at v_form - v_res; precursors and supply follow the pore space.

    (phi) dphi/dt = |grad phi| (v_form - v_res)

    Args:
        state: at the start.
        velocities: resorption and formation [um/day].
        numbers: of osteoclast and osteoblast precursors at the end [cells/mm^3 tissue].
        solutes: by name [pM]; a number where one is the same everywhere.
        context: of the step.
        dt: [day].
    """
    p, n = context.parameters, context.numerics
    bone = state.bone_volume_fraction
    motion = move(bone, *velocities, n.spacing, dt, n.periodic)
    before = bone_geometry(bone, n.spacing, p, n.periodic)
    after = bone_geometry(motion.phi, n.spacing, p, n.periodic)
    osteoclast_precursors, osteoblast_precursors = numbers
    eps = after.exchange.porosity
    return _Moved(
        motion.phi,
        after,
        osteoclast_precursors / eps,
        osteoblast_precursors / eps,
        precursors.moved_supply(state.endosteal_supply, before, after),
        {name: jnp.broadcast_to(level, bone.shape) for name, level in solutes.items()},
        Turnover(motion.grown, motion.eroded),
    )


def _spread_along_surface(
    densities: dict[str, Field], geometry: BoneGeometry, context: StepContext, dt: Scalar
) -> tuple[dict[str, Field], SolverStats]:
    """Densities after diffusing along the surface; one at a time, for the sake of memory."""
    p, surface = context.parameters, geometry.exchange.surface
    spread, stats = {}, {}
    for name, density in densities.items():
        motility = p.D_sC if name == "osteoclasts" else p.D_sB
        spread[name], stats[name] = _spread(density, surface, motility, dt, context.numerics)
    return spread, _of_all(stats)


@program
def _of_all(stats: dict[str, SolverStats]) -> SolverStats:
    """Iterations of all solves, and their largest error."""
    iterations, errors = zip(*stats.values(), strict=True)
    return SolverStats(sum(iterations), jnp.max(jnp.stack(errors)))


@program
def _spread(
    density: Field, surface: Field, motility: Scalar, dt: Scalar, numerics: Numerics
) -> tuple[Field, SolverStats]:
    """A density after diffusing along the surface."""
    along = jnp.asarray(motility, density.dtype)[None]
    # little spreads in a step: the residual is small before anything is done
    tolerance = 0.1 * numerics.tolerance
    spread, stats = diffuse_along_surface(
        density[None],
        surface,
        along,
        numerics.spacing,
        dt,
        tolerance=tolerance,
        periodic=numerics.periodic,
    )
    return spread[0], stats
