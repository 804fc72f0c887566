"""Steady fields of the solutes that diffuse alone: they reach balance within hours.

Sources and losses carry the porosity: a uniform concentration in the marrow stays uniform.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.binding import PairSolution
from tissue.kernels.elliptic import Solution, SolverStats, screened_diffusion
from tissue.kernels.programs import program
from tissue.kernels.stencil import Field, total
from tissue.model import signals
from tissue.model.bone import BoneGeometry, surface_mean
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing, Value, Wall
from tissue.model.parameters import Parameters, Scalar
from tissue.model.production import PRODUCTION, released
from tissue.model.signals import Environment, SurfaceConcentrations
from tissue.model.species import OPG, RANKL, UNCOUPLED, Solute
from tissue.model.turnover import Turnover, of_rates


class UncoupledSolute(NamedTuple):
    """A solute that diffuses alone, over one step.

    Attributes:
        field: [pM]; a number where it is the same everywhere.
        stats: of its solve.
        turnover: production and clearance, and what passed a wall [pM/day].
    """

    field: Value
    stats: SolverStats
    turnover: Turnover


class Fluid(NamedTuple):
    """The solutes of one step.

    Attributes:
        uncoupled: those that diffuse alone, by name.
        pair: RANKL and OPG [pM].
        pair_turnover: of RANKL and OPG, by name [pM/day].
    """

    uncoupled: dict[str, UncoupledSolute]
    pair: PairSolution
    pair_turnover: dict[str, Turnover]

    @property
    def concentrations(self) -> dict[str, Value]:
        """Every solute, by name [pM]."""
        alone = {name: solute.field for name, solute in self.uncoupled.items()}
        return alone | self.bound

    @property
    def bound(self) -> dict[str, Field]:
        """RANKL and OPG by name [pM]."""
        return {RANKL.name: self.pair.a, OPG.name: self.pair.b}

    @property
    def turnover(self) -> dict[str, Turnover]:
        """Turnover of every solute, by name [pM/day]."""
        alone = {name: solute.turnover for name, solute in self.uncoupled.items()}
        return alone | self.pair_turnover

    @property
    def stats(self) -> dict[str, SolverStats]:
        """Statistics of their solves, by name."""
        alone = {name: solute.stats for name, solute in self.uncoupled.items()}
        return alone | {"rankl and opg": self.pair.stats}


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
    environment = _inflammatory_cells(f)
    for solute in UNCOUPLED:
        name, diffusivity = solute.name, getattr(p, solute.diffusivity)
        if _same_everywhere(solute, f):
            found[name] = _at_level(solute, geometry, environment, bound, context)
        else:
            loss, source = _balance(solute, geometry, environment, bound, context)
            level, stats = _in_balance(
                geometry, (loss, source), guess[name], diffusivity, context.numerics
            )
            found[name] = UncoupledSolute(level, stats, of_rates(source, loss, level))
            del loss, source  # not kept while the next one is solved
        environment = environment.with_solute(name, found[name].field)
    return found, environment


@program
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
    environment = _inflammatory_cells(f)
    for solute in UNCOUPLED:
        level: Value = solutes[solute.name]
        if _same_everywhere(solute, f):
            bound = _mean_over_surface(geometry, bisphosphonate)
            made = production(solute, environment, bound, f, p)
            level = jnp.asarray(made / getattr(p, solute.clearance), bisphosphonate.dtype)
        environment = environment.with_solute(solute.name, level)
    return environment


def _inflammatory_cells(f: Forcing) -> Environment:
    """Environment in which no solute is known yet."""
    return Environment({}, f.local.inflammatory_cells if f.local else None)


def surface_environment(environment: Environment, geometry: BoneGeometry) -> Environment:
    """Environment of cells at the bone surface."""

    def to_surface(values: Value) -> Array:
        # what is the same everywhere is the same at the surface
        values = jnp.asarray(values)
        return geometry.exchange.to_surface(values) if values.ndim else values

    surface: Environment = jax.tree.map(to_surface, environment)
    return surface


@program
def surface_concentrations(
    environment: Environment,
    bound: Mapping[str, Field],
    geometry: BoneGeometry,
    context: StepContext,
) -> SurfaceConcentrations:
    """Solutes at the bone surface.

    Args:
        environment: in the marrow.
        bound: RANKL there, and OPG where it is asked for, by name [pM].
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    here = surface_environment(environment, geometry)
    near = {name: geometry.exchange.to_surface(level) for name, level in bound.items()}
    signal = signals.il1_signal(here, f, p)
    return SurfaceConcentrations(
        {**here.solutes, **near},
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


@program
def _tgf_beta_balance(
    geometry: BoneGeometry, coupling_store: Field, p: Parameters
) -> tuple[Field, Field]:
    released = geometry.exchange.deposit(p.theta_G * p.k_E * coupling_store)
    return geometry.solute_porosity * p.k_G, released


@program(static_argnames="solute")
def _balance(
    solute: Solute,
    geometry: BoneGeometry,
    environment: Environment,
    bisphosphonate: Value,
    context: StepContext,
) -> tuple[Field, Field]:
    """Loss [1/day] and source [pM/day] per volume of tissue."""
    rate, made = _rates(solute, environment, bisphosphonate, context)
    return geometry.solute_porosity * rate, geometry.solute_porosity * made


def _rates(
    solute: Solute, environment: Environment, bisphosphonate: Value, context: StepContext
) -> tuple[Value, Value]:
    """Loss [1/day] and source [pM/day] per volume of marrow."""
    f, p = context.forcing, context.parameters
    made = production(solute, environment, bisphosphonate, f, p)
    return through_wall(getattr(p, solute.clearance), made, f.wall(solute.name))


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


@program
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


@program(static_argnames="solute")
def _at_level(
    solute: Solute,
    geometry: BoneGeometry,
    environment: Environment,
    bisphosphonate: Value,
    context: StepContext,
) -> UncoupledSolute:
    """A solute that is the same everywhere: its level needs no solve, and no field."""
    rate, made = _rates(solute, environment, bisphosphonate, context)
    marrow = total(geometry.solute_porosity)
    level = jnp.asarray(made / rate, geometry.exchange.porosity.dtype)
    none = SolverStats(jnp.zeros((), jnp.int32), jnp.zeros(()))
    return UncoupledSolute(level, none, Turnover(made * marrow, rate * level * marrow))
