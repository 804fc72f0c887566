"""Osteoclasts, osteoblasts and their precursors over one step.

Precursors live in the marrow, wander and are drawn to the surface; osteoclasts, osteoblasts and
the coupling store are densities on the surface. What the surface recruits is what the marrow
loses: uptake is implicit and returned by the adjoint of what the surface sees.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.elliptic import Solution
from tissue.kernels.response import saturation
from tissue.kernels.stencil import Field, total
from tissue.kernels.surface import Exchange
from tissue.kernels.transport import drift_diffusion
from tissue.model import signals
from tissue.model.bone import BoneGeometry, cell_porosity
from tissue.model.diagnostics import StepValue, SurfaceConcentrations
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import Environment, Value

PER_MM = 1e3
"""1/um in 1/mm: a rate per mm^2 of surface times the surface in 1/um, as a rate per mm^3."""


def exponential_step(density: Field, gain: Field, loss: Array | float, dt: Scalar) -> StepValue:
    """dn/dt = gain - loss n, exactly, with gain and loss held over dt.

    Written in the small number loss dt, not around the level that n would settle at: where that is
    far away, its digits would swallow those of n.
    """
    decay = loss * dt
    left = -jnp.expm1(-decay) / decay  # mean of exp(-decay t/dt)
    few = 0.1 if density.dtype == jnp.float32 else 1e-3
    series = 1 / 2 - decay / 6 + decay**2 / 24 - decay**3 / 120
    lag = jnp.where(decay < few, series, (1 - left) / jnp.maximum(decay, few))
    after = density * jnp.exp(-decay) + gain * (dt * left)
    return StepValue(after, density * left + gain * (dt * lag))


def deposit_cells(exchange: Exchange, rate: Field) -> Field:
    """A rate per area of bone surface [1/mm^2/day] as one per volume [1/mm^3/day]."""
    return PER_MM * exchange.deposit(rate)


class Recruitment(NamedTuple):
    """What the surface does with osteoclast precursors at their healthy density.

    Attributes:
        formed: osteoclasts [cells/mm^2/day]; J_C without see(m).
        arrested: osteoclasts that do not form for want of RANKL and wait [cells/mm^2/day].
        fusion: rate at which those that wait form after all [1/day].
    """

    formed: Field
    arrested: Field
    fusion: Field


def osteoclast_recruitment(
    at_surface: SurfaceConcentrations, healthy_drive: Field, f: Forcing, p: Parameters
) -> Recruitment:
    """Osteoclasts formed and arrested.

    References:
        McDonald 2021, Cell 184:1330 (osteomorphs wait where RANKL is blocked and fuse when it
        returns).
    """
    drive = signals.osteoclastogenic_drive(
        at_surface.rankl, at_surface.signal, at_surface.tnf, f, p
    )
    relative = drive / healthy_drive * signals.osteoclast_inhibition(f, p)
    healthy = p.delta_C * p.C_0
    arrested = p.sigma_Q * jnp.maximum(1 - relative, 0)
    return Recruitment(healthy * relative, healthy * arrested, p.k_Q * relative)


def wait(
    osteomorphs: Field, arrested: Field, fusion: Field, p: Parameters, dt: Scalar
) -> StepValue:
    """Osteomorphs after dt days, and their mean [cells/mm^2]: arrested, fusing and dying."""
    return exponential_step(osteomorphs, arrested, fusion + p.delta_Q, dt)


def bisphosphonate(bound: Field, resorption: Field, p: Parameters, dt: Scalar) -> StepValue:
    """Bone-bound bisphosphonate after dt days: resorption frees it, or new bone buries it."""
    turnover = jnp.sqrt(resorption / p.v_0) / p.tau_q
    left = jnp.exp(-turnover * dt)
    return StepValue(bound * left, bound * 0.5 * (1 + left))


def osteoblast_recruitment(
    coupling_store: Field, excess: Field, load: Value, f: Forcing, p: Parameters
) -> Field:
    """Osteoblasts formed at healthy precursor density [cells/mm^2/day]; J_B without see(p).

    The coupling store stands for the factors that resorption frees from the matrix: it is what
    ties formation to resorption, with the delay of the reversal phase.
    """
    released = p.k_E * coupling_store
    return p.delta_B / p.k_form * released * signals.osteoblast_differentiation(excess, load, f, p)


def resorption(
    osteoclasts: Field,
    at_surface: SurfaceConcentrations,
    healthy_occupancy: Field,
    f: Forcing,
    p: Parameters,
) -> Field:
    """Velocity at which osteoclasts resorb bone [um/day]."""
    activity = signals.resorption_activity(
        at_surface.rankl, at_surface.signal, healthy_occupancy, f, p
    )
    return p.k_res * osteoclasts * activity


@jax.jit
def formation(osteoblasts: Field, at_surface: SurfaceConcentrations, p: Parameters) -> Field:
    """Velocity at which osteoblasts form bone [um/day]."""
    return p.k_form * osteoblasts * signals.matrix_formation(at_surface.excess, p)


def move_supply(supply: Field, before: BoneGeometry, after: BoneGeometry) -> Field:
    """The endosteal supply on changed bone.

    Where bone has filled pores it moves to the nearest ones. It comes with the marrow, like the
    rest of the supply, and so grows and shrinks with the volume of all marrow.
    """
    old, new = before.exchange.porosity, after.exchange.porosity
    buried = supply * jnp.maximum(1 - new / old, 0)
    moved = supply - buried + after.exchange.spread(buried)
    return moved * (total(new) / total(old)).astype(moved.dtype)


def osteoclast_precursor_drift(rankl: Field, f: Forcing, p: Parameters) -> Field:
    """psi of osteoclast precursors: they climb RANK occupancy."""
    return -p.chi_R / p.D_M * signals.rank_occupancy(rankl, f, p)


def osteoblast_precursor_drift(
    environment: Environment, tgf_beta: Field | None, half: Array | None, f: Forcing, p: Parameters
) -> Field:
    """psi of osteoblast precursors: IL-1 repels them, TGF-beta draws them where it is in play.

    Args:
        environment: in the marrow.
        tgf_beta: [pM].
        half: TGF-beta of half its effect [pM].
        f: disease and therapy.
        p: parameters.
    """
    repelled = p.chi_I / p.D_P * signals.il1_signal(environment, f, p)
    if tgf_beta is None or half is None:
        return repelled
    return repelled - p.chi_G / p.D_P * saturation(tgf_beta, half)


def osteoblast_precursor_mobility(environment: Environment, f: Forcing, p: Parameters) -> Field:
    """mu of osteoblast precursors."""
    excess = signals.excess_signal(signals.il1_signal(environment, f, p), p)
    return signals.osteoblast_motility(excess, p)


class Population(NamedTuple):
    """How a kind of precursor moves, comes and goes; fields are [z, y, x].

    Attributes:
        diffusivity: random motility [um^2/day].
        drift: potential of its chemotaxis over its diffusivity [1].
        mobility: factor on its whole flux [1].
        turnover: death rate [1/day].
        supply: cells that arrive [cells/mm^3/day].
        uptake: rate at which the surface recruits them [1/day], per volume of tissue.
    """

    diffusivity: Array | float
    drift: Field
    mobility: Field | float
    turnover: Array | float
    supply: Field
    uptake: Field


def local_theta(number: Field, geometry: BoneGeometry, theta_min: Scalar) -> Field:
    """Where between start and end of a step its mean is taken: 1 is the end, fully damped.

    `theta_min` where precursors are at rest with their surroundings, 1 where the density differs
    twofold from the one near by, as where bone has just opened or filled a voxel. It may differ
    from voxel to voxel: what moves between two of them is the same number for both.

    Args:
        number: precursors at the start [cells/mm^3 tissue].
        geometry: geometry in the middle of the step.
        theta_min: smallest theta.
    """
    here = number / geometry.exchange.porosity
    near = geometry.exchange.to_surface(here)
    fewer = jnp.minimum(here, near)
    unrest = jnp.where(fewer > 0, jnp.abs(here - near) / jnp.where(fewer > 0, fewer, 1), 1)
    return theta_min + (1 - theta_min) * jnp.minimum(unrest, 1)


@jax.jit
def ready(
    bone_volume_fraction: Field, density: Field, geometry: BoneGeometry, theta_min: Scalar
) -> tuple[Field, Field]:
    """Precursors at the start of a step [cells/mm^3 tissue], and their implicit theta."""
    number = cell_porosity(bone_volume_fraction) * density
    return number, local_theta(number, geometry, theta_min)


@jax.jit
def halfway(
    bone_volume_fraction: Field, before: Field, after: Field, geometry: BoneGeometry
) -> Field:
    """Precursors in the middle of a step [cells/mm^3 marrow].

    Args:
        bone_volume_fraction: at the start.
        before: density at the start [cells/mm^3 marrow].
        after: number at the end [cells/mm^3 tissue].
        geometry: geometry in the middle.
    """
    number = cell_porosity(bone_volume_fraction) * before
    return 0.5 * (number + after) / geometry.exchange.porosity


def step_precursors(
    number: Field,
    guess: Field,
    population: Population,
    geometry: BoneGeometry,
    time: Field | Scalar,
    spacing: Scalar,
    tolerance: Scalar,
) -> Solution:
    """Precursors `time` days later by an implicit step; for inf in balance.

    Args:
        number: at the start [cells/mm^3 tissue].
        guess: of the result.
        population: how they move, come and go.
        geometry: geometry.
        time: [day].
        spacing: edge of a voxel [um].
        tolerance: relative error.

    Returns:
        Their density [cells/mm^3 marrow], and the stats.
    """
    loss, source = _implicit(number, population, geometry, time)
    return drift_diffusion(
        geometry.exchange.porosity,
        population.mobility,
        population.drift,
        loss,
        source,
        guess,
        diffusivity=population.diffusivity,
        spacing=spacing,
        tolerance=tolerance,
        periodic=geometry.periodic,
    )


@jax.jit
def _implicit(
    number: Field, population: Population, geometry: BoneGeometry, time: Field | Scalar
) -> tuple[Field, Field]:
    """Loss and source of the implicit step."""
    eps = geometry.exchange.porosity
    loss = eps * population.turnover + population.uptake + eps / time
    return loss, population.supply + number / time


@jax.jit
def after_step(number: Field, precursors: Field, geometry: BoneGeometry, theta: Field) -> Field:
    """The number of precursors at the end of a step [cells/mm^3 tissue].

    Args:
        number: at its start.
        precursors: the density that acted throughout the step, at its implicit theta.
        geometry: geometry in its middle.
        theta: the implicit theta.
    """
    return number + (geometry.exchange.porosity * precursors - number) / theta
