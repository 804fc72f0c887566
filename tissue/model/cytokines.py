"""Steady fields of the solutes that diffuse alone: they reach balance within hours.

Sources and losses carry the porosity: a uniform concentration in the marrow stays uniform.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.binding import PairSolution
from tissue.kernels.elliptic import Solution, SolverStats, screened_diffusion
from tissue.kernels.stencil import Field
from tissue.model import signals
from tissue.model.bone import BoneGeometry, surface_mean
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing, Value, Wall
from tissue.model.parameters import Parameters, Scalar
from tissue.model.production import PRODUCTION, released
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.species import OPG, PAIR, RANKL, UNCOUPLED, Solute


class UncoupledSolute(NamedTuple):
    """A solute that diffuses alone, over one step.

    Attributes:
        field: [pM].
        stats: of its solve.
        source: production, and what came through a wall [pM/day].
        lost: clearance, and what left through a wall [pM/day].
    """

    field: Field
    stats: SolverStats
    source: Field
    lost: Field


class Fluid(NamedTuple):
    """The solutes of one step.

    Attributes:
        uncoupled: those that diffuse alone, by name.
        pair: RANKL and OPG [pM].
        sources: of RANKL and OPG [pM/day].
        rates: at which they are lost, each without the other [1/day].
    """

    uncoupled: dict[str, UncoupledSolute]
    pair: PairSolution
    sources: tuple[Field, Field]
    rates: tuple[Value, Value]

    @property
    def concentrations(self) -> dict[str, Field]:
        """Every solute, by name [pM]."""
        alone = {name: solute.field for name, solute in self.uncoupled.items()}
        return alone | {RANKL.name: self.pair.a, OPG.name: self.pair.b}


def production(
    solute: Solute,
    environment: Environment,
    bisphosphonate: Value,
    f: Forcing,
    p: Parameters,
) -> Value:
    """Production of a solute that diffuses alone, by marrow and inflammatory cells [pM/day].

    (production) production = k excess + release + what marrow makes

    Args:
        solute: its entry.
        environment: solutes before it in `species.UNCOUPLED`, and inflammatory cells.
        bisphosphonate: bound to bone, averaged over its surface [1].
        f: disease and therapy.
        p: parameters.
    """
    name = solute.name
    made = PRODUCTION[name](environment, bisphosphonate, f, p)
    made = made + getattr(p, solute.clearance) * f.excess.get(name, 0.0)
    made = made + released(solute, environment, f, p)
    return f.production.get(name, 1.0) * made + f.source.get(name, 0.0)


def uncoupled_solutes(
    guess: Mapping[str, Field], bisphosphonate: Field, geometry: BoneGeometry, context: StepContext
) -> tuple[dict[str, UncoupledSolute], Environment]:
    """Solutes that diffuse alone, in balance, and the environment they make for cells in marrow.

    (T, I, J) 0 = div(eps D grad c) - eps k c + eps production

    One solute after the other.

    Args:
        guess: first guess of each, by name [pM].
        bisphosphonate: bound to the bone surface [1].
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    bound = _mean_over_surface(geometry, bisphosphonate)
    found: dict[str, UncoupledSolute] = {}
    environment = Environment({}, f.inflammatory_cells)
    for solute in UNCOUPLED:
        name, diffusivity = solute.name, getattr(p, solute.diffusivity)
        loss, source, level = _balance(solute, geometry, environment, bound, context)
        if _same_everywhere(solute, f):
            found[name] = _at_level(loss, source)
        else:
            level, stats = _in_balance(
                geometry, (loss, source), guess[name], diffusivity, context.numerics
            )
            found[name] = UncoupledSolute(level, stats, source, loss * level)
        environment = environment.with_solute(name, level)
    return found, environment


@jax.jit
def marrow_environment(
    solutes: Mapping[str, Field],
    bisphosphonate: Field,
    geometry: BoneGeometry,
    context: StepContext,
) -> Environment:
    """Environment of cells in marrow with known fields; uniform solutes follow the forcing at once.

    Args:
        solutes: [pM], by name.
        bisphosphonate: bound to the bone surface [1].
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    environment = Environment({}, f.inflammatory_cells)
    for solute in UNCOUPLED:
        level: Value = solutes[solute.name]
        if _same_everywhere(solute, f):
            bound = _mean_over_surface(geometry, bisphosphonate)
            made = production(solute, environment, bound, f, p)
            level = jnp.asarray(made / getattr(p, solute.clearance), bisphosphonate.dtype)
        environment = environment.with_solute(solute.name, level)
    return environment


def surface_environment(environment: Environment, geometry: BoneGeometry) -> Environment:
    """Environment of cells at the bone surface."""

    def to_surface(values: Value) -> Array:
        # what is the same everywhere is the same at the surface
        values = jnp.asarray(values)
        return geometry.exchange.to_surface(values) if values.ndim else values

    surface: Environment = jax.tree.map(to_surface, environment)
    return surface


@jax.jit
def surface_concentrations(
    environment: Environment,
    pair: Mapping[str, Field],
    geometry: BoneGeometry,
    context: StepContext,
) -> SurfaceConcentrations:
    """Solutes at the bone surface.

    Args:
        environment: in the marrow.
        pair: RANKL and OPG there, by name [pM].
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    here = surface_environment(environment, geometry)
    bound = {solute.name: geometry.exchange.to_surface(pair[solute.name]) for solute in PAIR}
    signal = signals.il1_signal(here, f, p)
    return SurfaceConcentrations(
        {**here.solutes, **bound},
        signal,
        signals.excess_signal(signal, p),
        signals.sensitive_excess(here, f, p),
    )


def tgf_beta(
    geometry: BoneGeometry, coupling_store: Field, p: Parameters, numerics: Numerics
) -> Field:
    """Active TGF-beta [pM], freed from the matrix that osteoclasts resorb (Tang 2009).

    (G_T) 0 = div(eps D_G grad G_T) - eps k_G G_T + dep(theta_G k_E E)
    """
    loss, source = _tgf_beta_balance(geometry, coupling_store, p)
    return _in_balance(geometry, (loss, source), jnp.zeros_like(source), p.D_G, numerics)[0]


@jax.jit
def _tgf_beta_balance(
    geometry: BoneGeometry, coupling_store: Field, p: Parameters
) -> tuple[Field, Field]:
    released = geometry.exchange.deposit(p.theta_G * p.k_E * coupling_store)
    return geometry.solute_porosity * p.k_G, released


@partial(jax.jit, static_argnames="solute")
def _balance(
    solute: Solute,
    geometry: BoneGeometry,
    environment: Environment,
    bisphosphonate: Value,
    context: StepContext,
) -> tuple[Field, Field, Value]:
    """Loss [1/day] and source [pM/day] per volume of tissue, and the level without diffusion."""
    f, p = context.forcing, context.parameters
    made = production(solute, environment, bisphosphonate, f, p)
    rate, made = through_wall(getattr(p, solute.clearance), made, f.wall(solute.name))
    level = jnp.asarray(made / rate, geometry.solute_porosity.dtype)
    return geometry.solute_porosity * rate, geometry.solute_porosity * made, level


def _in_balance(
    geometry: BoneGeometry,
    rates: tuple[Field, Field],
    start: Field,
    diffusivity: Scalar,
    numerics: Numerics,
) -> Solution:
    """A solute that diffuses alone, in balance with its loss and source."""
    return screened_diffusion(
        geometry.solute_porosity,
        *rates,
        start,
        diffusivity=diffusivity,
        spacing=numerics.spacing,
        tolerance=numerics.tolerance,
        periodic=geometry.periodic,
    )


@jax.jit
def _mean_over_surface(geometry: BoneGeometry, field: Field) -> Array:
    return surface_mean(geometry, field).astype(field.dtype)


def _same_everywhere(solute: Solute, f: Forcing) -> bool:
    """Whether nothing that varies in space makes a solute, which then needs no solve.

    What marrow makes of it depends on the forcing, on the solutes before it, and on the mean of
    bone-bound bisphosphonate.
    """
    return f.is_uniform(each.name for each in UNCOUPLED[: UNCOUPLED.index(solute) + 1])


def through_wall(rate: Value, made: Value, wall: Wall | None) -> tuple[Value, Value]:
    """Rate of loss [1/day] and source [pM/day] with an open wall."""
    if wall is None:
        return rate, made
    return rate + wall.rate, made + wall.rate * wall.beyond


@jax.jit
def _at_level(loss: Field, source: Field) -> UncoupledSolute:
    """A solute that is the same everywhere: its level needs no solve."""
    level, none = source / loss, SolverStats(jnp.zeros((), jnp.int32), jnp.zeros(()))
    return UncoupledSolute(level, none, source, loss * level)
