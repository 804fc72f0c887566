"""One coupling step: of the second order in time at the price of one solve of every field.

All rates are those of the midpoint of the step. Its geometry is predicted from the start; from
there on every stage uses what has been found before it. Nothing rests on the steps before.

A step is a short chain of compiled programs rather than one: the multigrid solve, by far the
longest to compile, is then compiled once for all fields. Nothing is read back between them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import jax.numpy as jnp

from tissue.kernels.elliptic import SolverStats
from tissue.kernels.stencil import Field
from tissue.kernels.surface import Motion, diffuse_along_surface, move
from tissue.model import cytokines, precursors, surface_rates
from tissue.model.bone import BoneGeometry, bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import Fluid
from tissue.model.diagnostics import Lineage, StepDiagnostics, StepTerms
from tissue.model.integrators import THETA_MIN
from tissue.model.lineages import osteoblast_lineage, osteoclast_lineage
from tissue.model.parameters import Scalar
from tissue.model.predictor import Midpoint, local_error, predict_midpoint
from tissue.model.rankl_opg import RanklOpgSources, solve_rankl_opg
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.state import State


def advance(
    state: State, context: StepContext, dt: Scalar, theta_min: Scalar = THETA_MIN
) -> tuple[State, StepDiagnostics]:
    """The tissue dt days later, and diagnostics of the step.

    Args:
        state: now; its solutes are those of the last step.
        context: forcing, parameters, numerics and healthy reference.
        dt: [day].
        theta_min: THETA_MIN, or 1 for the first step after a change of the forcing, whose jump
            would ring, and for a step whose density would fall below zero.
    """
    with _stage("predict the midpoint"):
        midpoint, store = _midpoint(state, context, dt)
    geometry = midpoint.geometry
    with _stage("osteoblast lineage"):
        uncoupled, environment = cytokines.uncoupled_solutes(
            state.solutes, midpoint.bisphosphonate, geometry, context
        )
        osteoblasts, lining_cells = osteoblast_lineage(
            state, (midpoint, store), environment, context, dt, theta_min
        )
        del store  # every field let go is memory for the solves
    with _stage("RANKL and OPG"):
        fluid, at_surface = _coupled_solutes(
            state, midpoint, (uncoupled, environment), osteoblasts, context
        )
    with _stage("osteoclast lineage"):
        osteoclasts, osteomorphs = osteoclast_lineage(
            state, midpoint, (fluid, environment, at_surface), context, dt, theta_min
        )
    with _stage("remodel"):
        resorbed = _resorption(state, osteoclasts.cells.mean, at_surface, context, dt)
        formation = surface_rates.formation(osteoblasts.cells.mean, at_surface, context)
        terms = StepTerms(
            geometry=geometry,
            fluid=fluid,
            at_surface=at_surface,
            osteoclasts=osteoclasts,
            osteoblasts=osteoblasts,
            osteomorphs=osteomorphs,
            lining_cells=lining_cells,
            store=resorbed.store,
            resorption=resorbed.velocity,
            formation=formation,
        )
        error = local_error(midpoint, terms, state.bone_volume_fraction, dt)
        del midpoint
        spread, spread_stats = _spread_along_surface(terms, context, dt)
        moved = _remodel(state, terms, context, dt)
    following = State(
        bone_volume_fraction=moved.motion.phi,
        solutes=fluid.concentrations,
        osteoclast_precursors=moved.osteoclast_precursors,
        osteoblast_precursors=moved.osteoblast_precursors,
        osteoclasts=spread["osteoclasts"],
        osteoblasts=spread["osteoblasts"],
        lining_cells=lining_cells.cells.end,
        coupling_store=spread["coupling_store"],
        endosteal_supply=moved.supply,
        osteomorphs=osteomorphs.cells.end,
        bisphosphonate=resorbed.bisphosphonate.end,
    )
    return following, StepDiagnostics(terms, moved.motion, moved.geometry, spread_stats, error)


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Names a stage of the step in the traces of a profiler and in compiled programs."""
    with jax.named_scope(name.replace(" ", "_")), jax.profiler.TraceAnnotation(name):
        yield


def _midpoint(state: State, context: StepContext, dt: Scalar) -> tuple[Midpoint, Field]:
    """Predicted midpoint, and the coupling store averaged over the step [um]."""
    p, n = context.parameters, context.numerics
    start = bone_geometry(state.bone_volume_fraction, n.spacing, p, n.periodic)
    environment = cytokines.marrow_environment(state.solutes, state.bisphosphonate, start, context)
    at_surface = cytokines.surface_concentrations(environment, state.solutes, start, context)
    return predict_midpoint(state, start, at_surface, context, dt)


def _coupled_solutes(
    state: State,
    midpoint: Midpoint,
    alone: tuple[dict[str, cytokines.UncoupledSolute], Environment],
    osteoblasts: Lineage,
    context: StepContext,
) -> tuple[Fluid, SurfaceConcentrations]:
    """RANKL and OPG with the sources of the midpoint, and all solutes at the surface."""
    uncoupled, environment = alone
    geometry = midpoint.geometry
    start = state.bone_volume_fraction, state.osteoblast_precursors
    cells = RanklOpgSources(
        precursors.halfway(start, osteoblasts.precursors.end, geometry),
        osteoblasts.cells.mean,
        midpoint.load,
        context.healthy.marrow_per_surface,
    )
    pair = solve_rankl_opg(state.solutes, environment, cells, geometry, context)
    fluid = Fluid(uncoupled, *pair)
    solutes = fluid.concentrations
    return fluid, cytokines.surface_concentrations(environment, solutes, geometry, context)


_resorption = jax.jit(surface_rates.resorption)


class _Moved(NamedTuple):
    """Bone and what moves along with its surface."""

    motion: Motion
    geometry: BoneGeometry
    osteoclast_precursors: Field
    osteoblast_precursors: Field
    supply: Field


@jax.jit
def _remodel(state: State, terms: StepTerms, context: StepContext, dt: Scalar) -> _Moved:
    """Motion of the bone at v_form - v_res; precursors and supply follow the pore space.

    (phi) dphi/dt = |grad phi| (v_form - v_res)
    """
    p, n = context.parameters, context.numerics
    bone = state.bone_volume_fraction
    motion = move(bone, terms.resorption, terms.formation, n.spacing, dt, n.periodic)
    before = bone_geometry(bone, n.spacing, p, n.periodic)
    after = bone_geometry(motion.phi, n.spacing, p, n.periodic)
    eps = after.exchange.porosity
    return _Moved(
        motion,
        after,
        terms.osteoclasts.precursors.end / eps,
        terms.osteoblasts.precursors.end / eps,
        precursors.moved_supply(state.endosteal_supply, before, after),
    )


def _spread_along_surface(
    terms: StepTerms, context: StepContext, dt: Scalar
) -> tuple[dict[str, Field], SolverStats]:
    """Densities after diffusing along the surface; one at a time, for the sake of memory."""
    p = context.parameters
    densities = {
        "osteoclasts": (terms.osteoclasts.cells.end, p.D_sC),
        "osteoblasts": (terms.osteoblasts.cells.end, p.D_sB),
        "coupling_store": (terms.store.end, p.D_sB),
    }
    spread, iterations, error = {}, jnp.zeros((), jnp.int32), jnp.zeros(())
    for name, (density, motility) in densities.items():
        surface = terms.geometry.exchange.surface
        spread[name], stats = _spread(density, surface, motility, dt, context.numerics)
        iterations, error = iterations + stats.iterations, jnp.maximum(error, stats.relative_error)
    return spread, SolverStats(iterations, error)


@jax.jit
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
