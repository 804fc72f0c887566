"""IL-1, TNF, RANKL, OPG and TGF-beta: in balance with their sources within hours, so steady fields.

Sources and losses carry the porosity: a uniform concentration in the marrow stays uniform.
"""

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.binding import PairSolution, Reactant, binding_pair
from tissue.kernels.elliptic import SolverStats, screened_diffusion
from tissue.kernels.stencil import Field
from tissue.model import signals
from tissue.model.bone import BoneGeometry
from tissue.model.diagnostics import Solute
from tissue.model.forcing import PM_PER_MM3, Forcing, Wall
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Environment, Value


def surface_environment(environment: Environment, geometry: BoneGeometry) -> Environment:
    """What surrounds cells at the bone surface."""

    # what is the same everywhere is the same at the surface
    il1, tnf, cells = (
        geometry.exchange.to_surface(jnp.asarray(values)) if jnp.ndim(values) else values
        for values in environment
    )
    return Environment(jnp.asarray(il1), tnf, cells)


def _made_by(cells: Value, rate: Scalar) -> Value:
    """What cells [cells/mm^3] make at a rate [molecules/cell/day], in pM/day."""
    return PM_PER_MM3 * rate * cells


def _through(rate: Value, made: Value, wall: Wall | None) -> tuple[Value, Value]:
    """Rate of loss [1/day] and source [pM/day] with an open wall."""
    if wall is None:
        return rate, made
    return rate + wall.rate, made + wall.rate * wall.beyond


@jax.jit
def _tnf_balance(geometry: BoneGeometry, f: Forcing, p: Parameters) -> tuple[Field, Field]:
    made = p.k_T * signals.tnf_production(f, p) + _made_by(f.inflammatory_cells, p.q_FT)
    rate, made = _through(p.k_T, made, f.wall("tnf"))
    return geometry.solute_porosity * rate, geometry.solute_porosity * made


def tnf(
    geometry: BoneGeometry,
    start: Field,
    f: Forcing,
    p: Parameters,
    spacing: Scalar,
    tolerance: Scalar,
) -> Solute:
    """TNF; where nothing makes it in some places only, it is uniform and needs no solve."""
    loss, source = _tnf_balance(geometry, f, p)
    if f.local is None:
        return Solute(source / loss, _no_solve(), source, source)
    return _in_balance(geometry, loss, source, start, p.D_T, spacing, tolerance)


def _in_balance(
    geometry: BoneGeometry,
    loss: Field,
    source: Field,
    start: Field,
    diffusivity: Scalar,
    spacing: Scalar,
    tolerance: Scalar,
) -> Solute:
    """A solute that diffuses alone, in balance with its loss and source."""
    field, stats = screened_diffusion(
        geometry.solute_porosity,
        loss,
        source,
        start,
        diffusivity=diffusivity,
        spacing=spacing,
        tolerance=tolerance,
        periodic=geometry.periodic,
    )
    return Solute(field, stats, source, loss * field)


def _no_solve() -> SolverStats:
    return SolverStats(jnp.zeros((), jnp.int32), jnp.zeros(()))


@jax.jit
def _il1_balance(
    geometry: BoneGeometry, tnf: Value, bisphosphonate: Value, f: Forcing, p: Parameters
) -> tuple[Field, Field]:
    made = p.S_I0 * signals.il1_production(tnf, bisphosphonate, f, p)
    made = made + f.il1 * (p.k_I * f.il1_excess + _made_by(f.inflammatory_cells, p.q_FI))
    rate, made = _through(p.k_I, made, f.wall("il1"))
    return geometry.solute_porosity * rate, geometry.solute_porosity * made


def il1(
    geometry: BoneGeometry,
    tnf: Value,
    bisphosphonate: Value,
    start: Field,
    f: Forcing,
    p: Parameters,
    spacing: Scalar,
    tolerance: Scalar,
) -> Solute:
    """IL-1, made by marrow and by inflammatory cells.

    Args:
        geometry: geometry.
        tnf: [pM].
        bisphosphonate: bound to bone, averaged over its surface [1].
        start: a guess [pM].
        f: disease and therapy.
        p: parameters.
        spacing: edge of a voxel [um].
        tolerance: relative error.
    """
    loss, source = _il1_balance(geometry, tnf, bisphosphonate, f, p)
    return _in_balance(geometry, loss, source, start, p.D_I, spacing, tolerance)


@jax.jit
def rankl_source(
    geometry: BoneGeometry,
    environment: Environment,
    osteoblast_precursors: Field,
    load: Value,
    per_surface: Array,
    f: Forcing,
    p: Parameters,
) -> Field:
    """RANKL made [pM/day]: by stromal precursors in the marrow, by osteocytes at the surface.

    And by inflammatory cells, and what comes through an open wall.

    Args:
        geometry: geometry.
        environment: of cells in the marrow.
        osteoblast_precursors: [cells/mm^3 marrow].
        load: stimulus of the mechanostat.
        per_surface: marrow volume over bone surface in health [um].
        f: disease and therapy.
        p: parameters.
    """
    at_surface = surface_environment(environment, geometry)
    marrow = p.w_P * osteoblast_precursors / p.P_0 * _rankl_induction(environment, f, p)
    surface = p.w_Y * signals.osteocyte_rankl(load, f) * _rankl_induction(at_surface, f, p)
    cells = _made_by(f.inflammatory_cells, p.q_FR)
    made = f.rankl * (
        p.S_R0
        * (geometry.solute_porosity * marrow + geometry.exchange.deposit(per_surface * surface))
        + geometry.solute_porosity * cells
    )
    _, beyond = _through(0.0, 0.0, f.wall("rankl"))
    return made + geometry.solute_porosity * beyond


@jax.jit
def opg_source(
    geometry: BoneGeometry,
    environment: Environment,
    osteoblast_precursors: Field,
    osteoblasts: Field,
    per_surface: Array,
    f: Forcing,
    p: Parameters,
) -> Field:
    """OPG made [pM/day]: by osteoblasts at the surface [cells/mm^2], by stroma in the marrow."""
    at_surface = surface_environment(environment, geometry)
    marrow = p.v_P * osteoblast_precursors / p.P_0 * _opg_suppression(environment, f, p)
    surface = per_surface * p.v_B * osteoblasts / p.B_0 * _opg_suppression(at_surface, f, p)
    made = f.opg * p.S_O0 * (geometry.solute_porosity * marrow + geometry.exchange.deposit(surface))
    _, beyond = _through(0.0, 0.0, f.wall("opg"))
    return made + geometry.solute_porosity * beyond


def rankl_opg(
    geometry: BoneGeometry,
    sources: tuple[Field, Field],
    rates: tuple[Value, Value],
    start: tuple[Field, Field],
    p: Parameters,
    spacing: Scalar,
    tolerance: Scalar,
) -> PairSolution:
    """Free RANKL and OPG [pM], each lost with the other one to one."""
    return binding_pair(
        geometry.solute_porosity,
        Reactant(p.D_R, rates[0], sources[0], start[0]),
        Reactant(p.D_O, rates[1], sources[1], start[1]),
        p.kappa,
        spacing=spacing,
        tolerance=tolerance,
        periodic=geometry.periodic,
    )


def loss_rates(f: Forcing, p: Parameters) -> tuple[Value, Value]:
    """At which RANKL and OPG are lost, each without the other [1/day]."""
    return _through(p.k_R, 0.0, f.wall("rankl"))[0], _through(p.k_O, 0.0, f.wall("opg"))[0]


@jax.jit
def _released(geometry: BoneGeometry, coupling_store: Field, p: Parameters) -> tuple[Field, Field]:
    released = geometry.exchange.deposit(p.theta_G * p.k_E * coupling_store)
    return geometry.solute_porosity * p.k_G, released


def tgf_beta(
    geometry: BoneGeometry, coupling_store: Field, p: Parameters, spacing: Scalar, tolerance: Scalar
) -> Field:
    """Active TGF-beta [pM], freed from the matrix that osteoclasts resorb (Tang 2009)."""
    loss, source = _released(geometry, coupling_store, p)
    start = jnp.zeros_like(source)
    return _in_balance(geometry, loss, source, start, p.D_G, spacing, tolerance).field


def _rankl_induction(environment: Environment, f: Forcing, p: Parameters) -> Field:
    excess = signals.excess_signal(signals.il1_signal(environment, f, p), p)
    return signals.rankl_induction(excess, environment.tnf, f, p)


def _opg_suppression(environment: Environment, f: Forcing, p: Parameters) -> Field:
    excess = signals.excess_signal(signals.il1_signal(environment, f, p), p)
    return signals.opg_suppression(excess, f, p)
