"""RANKL and OPG, which bind each other one to one: their sources and their balance."""

from collections.abc import Mapping
from typing import NamedTuple

from jax import Array

from tissue.kernels.binding import PairSolution, Reactant, binding_pair
from tissue.kernels.programs import program
from tissue.kernels.stencil import Field, total
from tissue.model import osteoclast_responses as responses
from tissue.model.bone import BoneGeometry
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import surface_environment, through_wall
from tissue.model.forcing import Forcing, Value
from tissue.model.production import released
from tissue.model.signals import Environment
from tissue.model.species import OPG, PAIR, RANKL, Solute
from tissue.model.turnover import Turnover


class RanklOpgSources(NamedTuple):
    """Cells that make RANKL and OPG, and the load on them.

    Attributes:
        stroma: osteoblast precursors [cells/mm^3 marrow].
        osteoblasts: [cells/mm^2].
        load: stimulus of the mechanostat [1].
        marrow_per_surface: marrow volume over bone surface in health [um].
    """

    stroma: Field
    osteoblasts: Field
    load: Value
    marrow_per_surface: Array


def rankl_source(
    environment: Environment, cells: RanklOpgSources, geometry: BoneGeometry, context: StepContext
) -> Field:
    """RANKL made [pM/day]: by stromal precursors, by osteocytes, by inflammatory cells.

    (S_R) S_R = S_R0 [eps (1 - w_Y) (P/P_0) f_R f_E + dep((eps_c/a)_h (w_Y f_Y f_R(see)
    + r_A B/B_0))] + eps release

    Teriparatide makes osteoblasts express some (r_A). An open wall adds to it.

    Args:
        environment: of cells in the marrow.
        cells: that make it.
        geometry: pore space.
        context: of the step.
    """
    f, p, eps = context.forcing, context.parameters, geometry.solute_porosity
    here = surface_environment(environment, geometry)
    per_cell = responses.rankl_induction(environment, f, p) * responses.stromal_rankl(f, p)
    marrow = p.w_P * cells.stroma / p.P_0 * per_cell
    by_osteocytes = responses.osteocyte_rankl(cells.load, f, p)
    surface = p.w_Y * by_osteocytes * responses.rankl_induction(here, f, p)
    surface = surface + f.osteoblast_rankl * cells.osteoblasts / p.B_0
    per_volume = geometry.exchange.deposit(cells.marrow_per_surface * surface)
    by_cells = eps * released(RANKL, environment, f, p)
    made = p.S_R0 * (eps * marrow + per_volume) + by_cells
    return _with_inflow(made, RANKL, geometry, f)


def opg_source(
    environment: Environment, cells: RanklOpgSources, geometry: BoneGeometry, context: StepContext
) -> Field:
    """OPG made [pM/day]: by osteoblasts at the surface, by stroma in the marrow.

    (S_O) S_O = S_O0 [eps (1 - v_B) (P/P_0) f_O + dep((eps_c/a)_h v_B (B/B_0) f_O(see))]

    An open wall adds to it.

    Args:
        environment: of cells in the marrow.
        cells: that make it.
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    here = surface_environment(environment, geometry)
    marrow = p.v_P * cells.stroma / p.P_0 * responses.opg_production(environment, f, p)
    per_osteoblast = responses.opg_production(here, f, p)
    by_osteoblasts = p.v_B * cells.osteoblasts / p.B_0 * per_osteoblast
    per_volume = geometry.exchange.deposit(cells.marrow_per_surface * by_osteoblasts)
    made = p.S_O0 * (geometry.solute_porosity * marrow + per_volume)
    return _with_inflow(made, OPG, geometry, f)


class RanklOpgMade(NamedTuple):
    """Production of RANKL and OPG.

    Attributes:
        sources: of both [pM/day].
        totals: their sums over voxels.
    """

    sources: tuple[Field, Field]
    totals: tuple[Array, Array]


@program
def rankl_opg_made(
    environment: Environment, cells: RanklOpgSources, geometry: BoneGeometry, context: StepContext
) -> RanklOpgMade:
    """RANKL and OPG that cells make.

    Args:
        environment: of cells in the marrow.
        cells: that make them.
        geometry: pore space.
        context: of the step.
    """
    rankl = rankl_source(environment, cells, geometry, context)
    opg = opg_source(environment, cells, geometry, context)
    return RanklOpgMade((rankl, opg), (total(rankl), total(opg)))


def solve_rankl_opg(
    guess: Mapping[str, Field], made: RanklOpgMade, geometry: BoneGeometry, context: StepContext
) -> tuple[PairSolution, dict[str, Turnover]]:
    """Free RANKL and OPG in balance, each lost with the other one to one.

    (R, O) 0 = div(eps D grad c) - eps k c - eps kappa R O + S, for RANKL and for OPG

    Args:
        guess: first guess of both, by name [pM].
        made: what cells make of both; its fields are used up.
        geometry: pore space.
        context: of the step.

    Returns:
        Both [pM], and their turnover by name [pM/day].
    """
    f, p = context.forcing, context.parameters
    starts = guess[RANKL.name], guess[OPG.name]
    lost = [
        through_wall(getattr(p, solute.clearance), 0.0, f.wall(solute.name))[0] for solute in PAIR
    ]
    rates = _Rates((p.D_R, p.D_O), (lost[0], lost[1]), p.kappa)
    return _in_balance(made.sources, made.totals, starts, geometry, rates, context.numerics)


class _Rates(NamedTuple):
    """Diffusivities, rates of loss and rate of binding; a healthy set-up has the same types."""

    diffusivities: tuple[Value, Value]
    lost: tuple[Value, Value]
    bind: Value


# six arguments, of which the sources leave their memory to the solution; not the whole context,
# so that health and every step share one program, the longest to compile
@program(donate_argnames="sources")
def _in_balance(
    sources: tuple[Field, Field],
    totals: tuple[Array, Array],
    starts: tuple[Field, Field],
    geometry: BoneGeometry,
    rates: _Rates,
    numerics: Numerics,
) -> tuple[PairSolution, dict[str, Turnover]]:
    eps = geometry.solute_porosity
    rankl, opg = (
        Reactant(*each)
        for each in zip(rates.diffusivities, rates.lost, sources, starts, strict=True)
    )
    pair = binding_pair(
        eps,
        rankl,
        opg,
        rates.bind,
        spacing=numerics.spacing,
        tolerance=numerics.tolerance,
        periodic=geometry.periodic,
    )
    bound = total(eps * rates.bind * pair.a * pair.b)
    cleared = [total(eps * rate * c) for rate, c in zip(rates.lost, (pair.a, pair.b), strict=True)]
    turnover = {
        solute.name: Turnover(gained, lost + bound)
        for solute, gained, lost in zip(PAIR, totals, cleared, strict=True)
    }
    return pair, turnover


def _with_inflow(made: Field, solute: Solute, geometry: BoneGeometry, f: Forcing) -> Field:
    """Production [pM/day] under disease and therapy, with what comes from elsewhere."""
    name = solute.name
    _, inflow = through_wall(0.0, f.source.get(name, 0.0), f.wall(name))
    return f.production.get(name, 1.0) * made + geometry.solute_porosity * inflow
