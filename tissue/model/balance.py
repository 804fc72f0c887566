"""What comes to rest within hours: the solutes around the cells, and who moves among them."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.stencil import Axes, Field
from tissue.model import cells, cytokines, signals
from tissue.model.bone import BoneGeometry
from tissue.model.cells import Population
from tissue.model.diagnostics import Fluid, Solute, SurfaceConcentrations
from tissue.model.forcing import Forcing
from tissue.model.observables import surface_mean
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Environment, Value
from tissue.model.state import State


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Numerics:
    """How finely a step is computed.

    Attributes:
        spacing: edge of a voxel [um].
        tolerance: relative error of every solve.
        periodic: axes along which the box repeats itself, -3 to -1: tissue goes on where it ends.
    """

    spacing: Scalar
    tolerance: Scalar
    periodic: Axes = field(default=(), metadata={"static": True})


class Surroundings(NamedTuple):
    """Who makes RANKL and OPG, and under which load.

    Attributes:
        stroma: osteoblast precursors [cells/mm^3 marrow].
        osteoblasts: [cells/mm^2].
        load: stimulus of the mechanostat [1].
    """

    stroma: Field
    osteoblasts: Field
    load: Value


def marrow_environment(il1: Field, tnf: Field, f: Forcing, p: Parameters) -> Environment:
    """What surrounds cells in the marrow."""
    level = tnf if f.local else jnp.asarray(signals.tnf_production(f, p), il1.dtype)
    return Environment(il1, level, f.inflammatory_cells)


def solve_alone(
    guess: State,
    bisphosphonate: Field,
    geometry: BoneGeometry,
    f: Forcing,
    p: Parameters,
    n: Numerics,
) -> tuple[Solute, Solute]:
    """IL-1 and TNF in balance with their sources.

    Args:
        guess: gives a first guess of both.
        bisphosphonate: bound to the bone surface [1].
        geometry: geometry.
        f: disease and therapy.
        p: parameters.
        n: numerics.
    """
    tnf = cytokines.tnf(geometry, guess.tnf, f, p, n.spacing, n.tolerance)
    level = marrow_environment(guess.il1, tnf.field, f, p).tnf
    bound = _at_surface(geometry, bisphosphonate)
    return cytokines.il1(geometry, level, bound, guess.il1, f, p, n.spacing, n.tolerance), tnf


@jax.jit
def _at_surface(geometry: BoneGeometry, field: Field) -> Array:
    return surface_mean(geometry, field).astype(field.dtype)


def solve_pair(
    guess: State,
    alone: tuple[Solute, Solute],
    makers: Surroundings,
    geometry: BoneGeometry,
    healthy_ratio: Array,
    f: Forcing,
    p: Parameters,
    n: Numerics,
) -> Fluid:
    """RANKL and OPG in balance with the cells that make them.

    Args:
        guess: gives RANKL and OPG as a first guess.
        alone: IL-1 and TNF, solved before.
        makers: cells and load.
        geometry: geometry.
        healthy_ratio: marrow volume over bone surface in health [um].
        f: disease and therapy.
        p: parameters.
        n: numerics.
    """
    il1, tnf = alone
    environment = marrow_environment(il1.field, tnf.field, f, p)
    stroma, osteoblasts, load = makers
    sources = (
        cytokines.rankl_source(geometry, environment, stroma, load, healthy_ratio, f, p),
        cytokines.opg_source(geometry, environment, stroma, osteoblasts, healthy_ratio, f, p),
    )
    rates = cytokines.loss_rates(f, p)
    start = guess.rankl, guess.opg
    pair = cytokines.rankl_opg(geometry, sources, rates, start, p, n.spacing, n.tolerance)
    return Fluid(il1, tnf, pair, *sources, *rates)


@jax.jit
def surface_concentrations(
    il1: Field,
    tnf: Field,
    rankl: Field,
    opg: Field,
    geometry: BoneGeometry,
    f: Forcing,
    p: Parameters,
) -> SurfaceConcentrations:
    """The solutes [pM] as the bone surface sees them."""
    environment = cytokines.surface_environment(marrow_environment(il1, tnf, f, p), geometry)
    rankl, opg = geometry.exchange.to_surface(rankl), geometry.exchange.to_surface(opg)
    signal = signals.il1_signal(environment, f, p)
    excess = signals.excess_signal(signal, p)
    return SurfaceConcentrations(
        environment.il1, rankl, opg, jnp.asarray(environment.tnf), signal, excess
    )


def osteoclast_population(
    rankl: Field,
    supply_returned: Field,
    uptake: Field,
    geometry: BoneGeometry,
    f: Forcing,
    p: Parameters,
) -> Population:
    """Osteoclast precursors: drawn up the gradient of RANK occupancy.

    Args:
        rankl: [pM].
        supply_returned: endosteal supply [cells/mm^3/day].
        uptake: by the surface [1/day].
        geometry: geometry.
        f: disease and therapy.
        p: parameters.
    """
    return Population(
        diffusivity=p.D_M,
        drift=cells.osteoclast_precursor_drift(rankl, f, p),
        mobility=1.0,
        turnover=p.delta_M,
        supply=geometry.exchange.porosity * p.delta_M * p.M_0 + supply_returned,
        uptake=uptake,
    )


def osteoblast_population(
    environment: Environment,
    tgf_beta: Field | None,
    half: Array | None,
    supply_returned: Field,
    uptake: Field,
    geometry: BoneGeometry,
    f: Forcing,
    p: Parameters,
) -> Population:
    """Osteoblast precursors: slowed and repelled by IL-1, drawn by TGF-beta where it steers them.

    Args:
        environment: in the marrow.
        tgf_beta: [pM].
        half: TGF-beta of half its effect [pM].
        supply_returned: endosteal supply [cells/mm^3/day].
        uptake: by the surface [1/day].
        geometry: geometry.
        f: disease and therapy.
        p: parameters.
    """
    return Population(
        diffusivity=p.D_P,
        drift=cells.osteoblast_precursor_drift(environment, tgf_beta, half, f, p),
        mobility=cells.osteoblast_precursor_mobility(environment, f, p),
        turnover=p.delta_P,
        supply=geometry.exchange.porosity * p.delta_P * p.P_0 + supply_returned,
        uptake=uptake,
    )
