"""Surface equations: osteoclasts, osteoblasts, the coupling store and the velocities of the bone.

The predictor and the step itself evaluate the same functions, once with what is known at the start
of a step and once with what has been solved for in its middle.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from tissue.kernels.stencil import Field
from tissue.model import signals
from tissue.model.context import StepContext
from tissue.model.forcing import Forcing, Value
from tissue.model.integrators import StepValue, exponential_step
from tissue.model.parameters import Parameters, Scalar
from tissue.model.signals import SurfaceConcentrations
from tissue.model.state import State


class Recruitment(NamedTuple):
    """Osteoclasts that the surface would make at the healthy density of their precursors.

    Attributes:
        formed: osteoclasts [cells/mm^2/day], delta_C C_0 N.
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

    (N) N = (N_G/N_Gh) / (1 + x_R x), A_Q = sigma_Q max(1 - N, 0)

    References:
        McDonald 2021, Cell 184:1330 (osteomorphs wait where RANKL is blocked and fuse when it
        returns).
    """
    drive = signals.osteoclastogenic_drive(
        at_surface["rankl"], at_surface.signal, at_surface["tnf"], f, p
    )
    relative = drive / healthy_drive * signals.osteoclast_inhibition(f, p)
    healthy = p.delta_C * p.C_0
    arrested = p.sigma_Q * jnp.maximum(1 - relative, 0)
    return Recruitment(healthy * relative, healthy * arrested, p.k_Q * relative)


class OsteomorphTerms(NamedTuple):
    """Osteomorphs over a step: osteoclasts that could not form for want of RANKL and wait.

    Attributes:
        cells: Q [cells/mm^2].
        arrested: osteoclasts that did not form [cells/mm^2/day].
        lost: those that fused or died [cells/mm^2/day].
    """

    cells: StepValue
    arrested: Field
    lost: Field


class OsteoclastTerms(NamedTuple):
    """Osteoclasts and osteomorphs over a step.

    Attributes:
        formed: osteoclasts [cells/mm^2/day], from osteomorphs too.
        cells: C [cells/mm^2].
        osteomorphs: those that wait.
    """

    formed: Field
    cells: StepValue
    osteomorphs: OsteomorphTerms


def osteoclasts(
    state: State, available: Field, recruitment: Recruitment, loss: Value, p: Parameters, dt: Scalar
) -> OsteoclastTerms:
    """Osteoclasts C and osteomorphs Q over a step.

    (C) dC/dt = delta_C C_0 N see(m) + k_Q N Q - delta C + spread
    (Q) dQ/dt = delta_C C_0 A_Q see(m) - (k_Q N + delta_Q) Q

    Args:
        state: at the start.
        available: see(m), precursors at the surface over the healthy ones [1].
        recruitment: at their healthy density.
        loss: delta, death rate of osteoclasts [1/day].
        p: parameters.
        dt: [day].
    """
    arrested, gone = available * recruitment.arrested, recruitment.fusion + p.delta_Q
    waiting = exponential_step(state.osteomorphs, arrested, gone, dt)
    formed = available * recruitment.formed + recruitment.fusion * waiting.mean
    return OsteoclastTerms(
        formed,
        exponential_step(state.osteoclasts, formed, loss, dt),
        OsteomorphTerms(waiting, arrested, gone * waiting.mean),
    )


class ResorptionTerms(NamedTuple):
    """Resorption over a step and its consequences.

    Attributes:
        velocity: v_res, averaged over the step [um/day].
        store: coupling store E [um].
        bisphosphonate: bound to the surface, q [1].
    """

    velocity: Field
    store: StepValue
    bisphosphonate: StepValue


def resorption(
    state: State,
    osteoclast_mean: Field,
    at_surface: SurfaceConcentrations,
    context: StepContext,
    dt: Scalar,
) -> ResorptionTerms:
    """Resorption by osteoclasts, the matrix it releases and the bisphosphonate it frees.

    (v_res) v_res = k_res C act
    (E) dE/dt = v_res - k_E E + spread

    Args:
        state: at the start.
        osteoclast_mean: C, averaged over the step [cells/mm^2].
        at_surface: solutes there.
        context: of the step.
        dt: [day].
    """
    p = context.parameters
    occupancy, f = context.healthy.rank_occupancy, context.forcing
    activity = signals.resorption_activity(at_surface["rankl"], at_surface.signal, occupancy, f, p)
    velocity = p.k_res * osteoclast_mean * activity
    return ResorptionTerms(
        velocity,
        exponential_step(state.coupling_store, velocity, p.k_E, dt),
        bisphosphonate_release(state.bisphosphonate, velocity, p, dt),
    )


def bisphosphonate_release(bound: Field, velocity: Field, p: Parameters, dt: Scalar) -> StepValue:
    """Bone-bound bisphosphonate q: resorption frees it, or new bone buries it.

    (q) dq/dt = -(q / tau_q) sqrt(v_res / v_0), between doses
    """
    turnover = jnp.sqrt(velocity / p.v_0) / p.tau_q
    left = jnp.exp(-turnover * dt)
    return StepValue(bound * left, bound * 0.5 * (1 + left))


def osteoblast_recruitment(
    coupling_store: Field, excess: Field, load: Value, f: Forcing, p: Parameters
) -> Field:
    """Osteoblasts formed at healthy precursor density [cells/mm^2/day]; J_B without see(p).

    (J_B) J_B = (delta_B / k_form) k_E E g see(p)

    The coupling store stands for the factors that resorption frees from the matrix: it is what
    ties formation to resorption, with the delay of the reversal phase.
    """
    released = p.k_E * coupling_store
    return p.delta_B / p.k_form * released * signals.osteoblast_differentiation(excess, load, f, p)


def osteoblasts(density: Field, formed: Field, loss: Value, dt: Scalar) -> StepValue:
    """Osteoblasts B over a step [cells/mm^2].

    (B) dB/dt = J_B - delta_B (1 + omega_B l) B + spread
    """
    return exponential_step(density, formed, loss, dt)


@jax.jit
def formation(osteoblast_mean: Field, at_surface: SurfaceConcentrations, p: Parameters) -> Field:
    """Velocity at which osteoblasts form bone [um/day].

    (v_form) v_form = k_form B / (1 + g_f s_+^2)
    """
    return p.k_form * osteoblast_mean * signals.matrix_formation(at_surface.excess, p)
