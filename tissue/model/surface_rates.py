"""Surface equations: osteoclasts, osteoblasts, the coupling store and the velocities of the bone.

The predictor and the step itself evaluate the same functions, once with what is known at the start
of a step and once with what has been solved for in its middle.
"""

from typing import NamedTuple

import jax.numpy as jnp

from tissue.kernels.programs import program
from tissue.kernels.stencil import Field
from tissue.model import osteoblast_responses, osteoclast_responses
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

    @property
    def recruited(self) -> Field:
        """Precursors that the surface takes, as osteoclasts [cells/mm^2/day]."""
        return self.formed + self.arrested


def relative_drive(
    at_surface: SurfaceConcentrations, healthy_drive: Field, f: Forcing, p: Parameters
) -> Field:
    """Osteoclasts that precursors would form over the healthy number [1].

    (N) N = (N_G/N_Gh) / (1 + x_R x), A_Q = sigma_Q max(1 - N, 0)

    A step keeps this field alone; what follows from it is evaluated where it is needed.
    """
    drive = osteoclast_responses.osteoclastogenic_drive(
        at_surface["rankl"], at_surface.signal, at_surface["tnf"], f, p
    )
    return drive / healthy_drive * osteoclast_responses.osteoclast_inhibition(f, p)


def osteoclast_recruitment(relative: Field, p: Parameters) -> Recruitment:
    """Osteoclasts formed and arrested, N and A_Q of `relative_drive`.

    References:
        McDonald 2021, Cell 184:1330 (osteomorphs wait where RANKL is blocked and fuse when it
        returns).
    """
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
    activity = osteoclast_responses.resorption_activity(
        at_surface["rankl"], at_surface.signal, occupancy, f, p
    )
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


class OsteoblastRecruitment(NamedTuple):
    """Sources of osteoblasts.

    Attributes:
        coupled: osteoblasts that resorption calls for, at the healthy density of their precursors
            [cells/mm^2/day].
        activation: rate at which lining cells become osteoblasts [1/day].
        loss: rate at which osteoblasts die or retire [1/day].
    """

    coupled: Field
    activation: Field
    loss: Value


def osteoblast_recruitment(
    coupling_store: Field, sensitive: Field, tnf: Value, load: Value, context: StepContext
) -> OsteoblastRecruitment:
    """Osteoblasts formed; coupled ones are J_B without see(p).

    (J_B) J_B = (1 - w_L) delta_B B_0 h_E g see(p)

    The coupling store stands for the factors that resorption frees from the matrix: it is what
    ties formation to resorption, with the delay of the reversal phase.

    Args:
        coupling_store: E [um].
        sensitive: excess IL-1 signal of the osteoblast lineage [1].
        tnf: [pM].
        load: stimulus of the mechanostat [1].
        context: of the step.
    """
    f, p = context.forcing, context.parameters
    inhibition = osteoblast_responses.lineage_inhibition(sensitive, tnf, f, p)
    called_for = osteoblast_responses.coupling_response(coupling_store, p)
    made = osteoblast_responses.osteoblast_differentiation(inhibition, load, f, p)
    return OsteoblastRecruitment(
        (1 - p.w_L) * p.delta_B * p.B_0 * called_for * made,
        osteoblast_responses.lining_cell_activation(inhibition, load, f, p),
        osteoblast_responses.osteoblast_loss(f, p),
    )


class LiningCellTerms(NamedTuple):
    """Lining cells over a step.

    Attributes:
        cells: L [cells/mm^2].
        gained: osteoblasts that retired to the surface [cells/mm^2/day].
        lost: cells that became osteoblasts or died [cells/mm^2/day].
        activated: cells that became osteoblasts [cells/mm^2/day].
    """

    cells: StepValue
    gained: Field
    lost: Field
    activated: Field


def lining_cells(
    density: Field,
    osteoblast_mean: Field,
    recruitment: OsteoblastRecruitment,
    p: Parameters,
    dt: Scalar,
) -> LiningCellTerms:
    """Lining cells L of quiescent surface over a step.

    (L) dL/dt = f_L delta_B (1 + omega_B l) B - (delta_L + k_L) L

    Args:
        density: at the start [cells/mm^2].
        osteoblast_mean: B, averaged over the step [cells/mm^2].
        recruitment: sources of osteoblasts.
        p: parameters.
        dt: [day].

    References:
        Dobnig & Turner 1995, Endocrinology 136:3632; Kim 2017, JBMR 32:892 (lining cells become
        osteoblasts again).
    """
    gained = p.f_L * recruitment.loss * osteoblast_mean
    rate = p.delta_L + recruitment.activation
    cells = exponential_step(density, gained, rate, dt)
    return LiningCellTerms(cells, gained, rate * cells.mean, recruitment.activation * cells.mean)


def osteoblasts(density: Field, formed: Field, loss: Value, dt: Scalar) -> StepValue:
    """Osteoblasts B over a step [cells/mm^2].

    (B) dB/dt = J_B + k_L L - delta_B (1 + omega_B l) B + spread
    """
    return exponential_step(density, formed, loss, dt)


@program
def formation(
    osteoblast_mean: Field, at_surface: SurfaceConcentrations, context: StepContext
) -> Field:
    """Velocity at which osteoblasts form bone [um/day].

    (v_form) v_form = k_form B f_B
    """
    f, p = context.forcing, context.parameters
    made = osteoblast_responses.matrix_formation(at_surface.sensitive, f, p)
    return p.k_form * osteoblast_mean * made
