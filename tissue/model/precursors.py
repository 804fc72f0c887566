"""Precursors of osteoclasts and osteoblasts: motile cells of the marrow.

They wander, follow gradients, come from the marrow and are recruited by the bone surface. Uptake by
the surface is implicit and is the adjoint of `to_surface`: what the surface recruits is what the
marrow loses.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Solution, SolverStats
from tissue.kernels.programs import program
from tissue.kernels.response import saturation
from tissue.kernels.stencil import Field, total
from tissue.kernels.transport import drift_diffusion
from tissue.model import osteoblast_responses, osteoclast_responses, signals
from tissue.model.bone import BoneGeometry, cell_porosity
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Value
from tissue.model.integrators import local_theta
from tissue.model.parameters import Scalar
from tissue.model.signals import Environment


class Population(NamedTuple):
    """Motion, gain and loss of a kind of precursor; fields are [z, y, x].

    Attributes:
        diffusivity: random motility [um^2/day].
        drift: potential of its chemotaxis over its diffusivity [1].
        mobility: factor on its whole flux [1].
        turnover: death rate [1/day].
        supply: cells that arrive [cells/mm^3/day].
        uptake: rate at which the surface recruits them [1/day], per volume of tissue.
    """

    diffusivity: Value
    drift: Field
    mobility: Field | float
    turnover: Value
    supply: Field
    uptake: Field


class PrecursorStep(NamedTuple):
    """Precursors over a step.

    Attributes:
        mean: density that acted throughout it [cells/mm^3 marrow].
        end: their number at its end [cells/mm^3 tissue].
        stats: of the solve.
    """

    mean: Field
    end: Field
    stats: SolverStats


class SurfaceTurnover(NamedTuple):
    """Precursors that the bone surface takes and gets back.

    Attributes:
        returned: endosteal supply [cells/mm^3/day].
        uptake: rate at which the surface recruits them [1/day], per volume of tissue.
    """

    returned: Field
    uptake: Field


@program
def osteoclast_precursors(
    rankl: Field,
    environment: Environment,
    surface: SurfaceTurnover,
    geometry: BoneGeometry,
    context: StepContext,
) -> Population:
    """Osteoclast precursors M, drawn up the gradient of RANK occupancy.

    (M) d(eps_c M)/dt = div[eps_c (D_M grad M - chi_R M grad rho)] - eps_c delta_M M
    + f_M (eps_c delta_M M_0 + n_f delta_C C_0 d) - m n_f dep(delta_C C_0 [N + A_Q])

    Args:
        rankl: [pM].
        environment: in the marrow.
        surface: supply n_f delta_C C_0 d, and uptake.
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    return Population(
        diffusivity=p.D_M,
        drift=-p.chi_R / p.D_M * signals.rank_occupancy(rankl, f, p),
        mobility=1.0,
        turnover=p.delta_M,
        supply=(geometry.exchange.porosity * p.delta_M * p.M_0 + surface.returned)
        * osteoclast_responses.precursor_supply(environment, f, p),
        uptake=surface.uptake,
    )


@program
def osteoblast_precursors(
    environment: Environment,
    tgf_beta: Field | None,
    surface: SurfaceTurnover,
    geometry: BoneGeometry,
    context: StepContext,
) -> Population:
    """Osteoblast precursors P, slowed and repelled by IL-1; TGF-beta draws them where it is on.

    (P) d(eps_c P)/dt = div[eps_c mu (D_P grad P + chi_I P grad s)] + eps_c delta_P (P_0 - P)
    + (1 - w_L) (delta_B B_0/n_p) (d - p dep(h_E g))

    Args:
        environment: in the marrow.
        tgf_beta: share of its largest pull [1]; None where it does not steer them.
        surface: supply (1 - w_L) delta_B B_0 d / n_p, and uptake.
        geometry: pore space.
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    signal = signals.il1_signal(environment, f, p)
    drift = p.chi_I / p.D_P * signal
    if tgf_beta is not None:
        drift = drift - p.chi_G / p.D_P * tgf_beta
    return Population(
        diffusivity=p.D_P,
        drift=jnp.broadcast_to(drift, geometry.exchange.porosity.shape),
        mobility=osteoblast_responses.osteoblast_motility(
            signals.sensitive_excess(environment, f, p), p
        ),
        turnover=p.delta_P,
        supply=geometry.exchange.porosity * p.delta_P * p.P_0 + surface.returned,
        uptake=surface.uptake,
    )


def tgf_beta_effect(tgf_beta: Field, half: Array) -> Field:
    """Share of the largest pull of TGF-beta [1]; half is K_G [pM].

    (g_G) g_G = G_T/(G_T + K_G)
    """
    return saturation(tgf_beta, half)


def moved_supply(supply: Field, before: BoneGeometry, after: BoneGeometry) -> Field:
    """Endosteal supply d on changed bone [1/um].

    Where bone has filled pores it moves to the nearest ones. It comes with the marrow, like the
    rest of the supply, and so grows and shrinks with the volume of all marrow.
    """
    old, new = before.exchange.porosity, after.exchange.porosity
    buried = supply * jnp.maximum(1 - new / old, 0)
    moved = supply - buried + after.exchange.spread(buried)
    return moved * (total(new) / total(old)).astype(moved.dtype)


def step_precursors(
    start: tuple[Field, Field],
    population: Population,
    geometry: BoneGeometry,
    dt: Scalar,
    numerics: Numerics,
    theta_min: Scalar,
) -> PrecursorStep:
    """Precursors over one step of the theta method.

    (theta) eps_c n = N_start + theta (N_end - N_start)

    One density n acts throughout, with the porosity eps_c of the midpoint.

    Args:
        start: bone volume fraction and density [cells/mm^3 marrow] at the start.
        population: how they move, come and go.
        geometry: in the middle of the step.
        dt: [day].
        numerics: resolution.
        theta_min: smallest theta.
    """
    amount, theta, time = _amount_and_theta(start, geometry, dt, theta_min)
    mean, stats = implicit_step((amount, start[1]), population, geometry, time, numerics)
    return PrecursorStep(mean, _end(amount, mean, geometry, theta), stats)


def implicit_step(
    start: tuple[Field, Field],
    population: Population,
    geometry: BoneGeometry,
    time: Field | Scalar,
    numerics: Numerics,
) -> Solution:
    """Precursors `time` days later by an implicit step; time = inf gives the steady state.

    Args:
        start: number at the start [cells/mm^3 tissue], and a guess of the density.
        population: how they move, come and go.
        geometry: pore space.
        time: [day].
        numerics: resolution.

    Returns:
        Their density [cells/mm^3 marrow], and statistics of the solve.
    """
    amount, guess = start
    loss, source = _loss_and_source(amount, population, geometry, time)
    return drift_diffusion(
        geometry.exchange.porosity,
        population.mobility,
        population.drift,
        loss,
        source,
        guess,
        diffusivity=population.diffusivity,
        spacing=numerics.spacing,
        tolerance=numerics.tolerance,
        periodic=geometry.periodic,
    )


@program
def halfway(start: tuple[Field, Field], end: Field, geometry: BoneGeometry) -> Field:
    """Precursors in the middle of a step [cells/mm^3 marrow].

    Args:
        start: bone volume fraction and density [cells/mm^3 marrow] at the start.
        end: number at the end [cells/mm^3 tissue].
        geometry: in the middle.
    """
    return 0.5 * (_amount(start) + end) / geometry.exchange.porosity


def _amount(start: tuple[Field, Field]) -> Field:
    """Number [cells/mm^3 tissue] of a bone volume fraction and a density [cells/mm^3 marrow]."""
    bone_volume_fraction, density = start
    return cell_porosity(bone_volume_fraction) * density


@program
def _amount_and_theta(
    start: tuple[Field, Field], geometry: BoneGeometry, dt: Scalar, theta_min: Scalar
) -> tuple[Field, Field, Field]:
    """Number at the start [cells/mm^3 tissue], theta and theta dt."""
    amount = _amount(start)
    theta = local_theta(amount, geometry, theta_min)
    return amount, theta, theta * dt


@program
def _loss_and_source(
    amount: Field, population: Population, geometry: BoneGeometry, time: Field | Scalar
) -> tuple[Field, Field]:
    """Loss and source of the implicit step."""
    eps = geometry.exchange.porosity
    loss = eps * population.turnover + population.uptake + eps / time
    return loss, population.supply + amount / time


@program
def _end(amount: Field, mean: Field, geometry: BoneGeometry, theta: Field) -> Field:
    """Number at the end of a step of the theta method [cells/mm^3 tissue]."""
    return amount + (geometry.exchange.porosity * mean - amount) / theta
