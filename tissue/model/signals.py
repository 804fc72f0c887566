"""Receptors: the signals that the concentrations around a cell make in it.

Every signal is measured against its healthy level, so that no parameter shifts the healthy state
and looks like disease. What cells do about them stands in `production`, `osteoclast_responses` and
`osteoblast_responses`. Sources stand with the parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.response import hill_activation, saturation
from tissue.model.forcing import Forcing, Value, averaged
from tissue.model.parameters import Parameters

MIN_RESPONSE = 0.1
"""Share of its healthy size that a response linear in a signal keeps at least [1] (assumption).

Where the healthy signal is lost, a steep slope would turn a rate negative, as that of IL-6
production does without the IL-1 receptor; the other slopes of the presets leave 0.9.
"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Environment:
    """Surroundings of a cell.

    Attributes:
        solutes: concentrations of those that diffuse alone, by name [pM].
        inflammatory_cells: [cells/mm^3 marrow]; None where there are none.
    """

    solutes: Mapping[str, Value]
    inflammatory_cells: Value | None = None

    def __getitem__(self, solute: str) -> Value:
        """Concentration of a solute [pM]."""
        return self.solutes[solute]

    def with_solute(self, name: str, level: Value) -> "Environment":
        """The same with one more solute [pM]."""
        return Environment({**self.solutes, name: level}, self.inflammatory_cells)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SurfaceConcentrations:
    """Solutes at the bone surface.

    Attributes:
        solutes: concentrations, by name [pM].
        signal, excess: IL-1 signal s and s_h there [1].
        sensitive: excess signal s_Bh of cells that IL-1 reaches at lower concentrations [1].
    """

    solutes: Mapping[str, Value]
    signal: Array
    excess: Array
    sensitive: Array

    def __getitem__(self, solute: str) -> Value:
        """Concentration of a solute [pM]."""
        return self.solutes[solute]


def _of_free_tnf(
    response: Callable[[Array], Array], tnf: Value, f: Forcing, p: Parameters
) -> Array:
    """Mean over the step of a response to the TNF that a blocker leaves free.

    (T') T' = T / (1 + W/K_W)
    """

    def of_free(blocker: Array) -> Array:
        return response(jnp.asarray(tnf / (1 + blocker / p.K_W)))

    return averaged(of_free, f.drug("tnf"))


def tnf_signal(tnf: Value, f: Forcing, p: Parameters) -> Value:
    """TNF signal of stroma, marrow and inflammatory cells [0, 1).

    (tau_T) tau_T = T' / (T' + K_T)
    """
    return _of_free_tnf(lambda free: saturation(free, p.K_T), tnf, f, p)


def direct_tnf_signal(tnf: Value, f: Forcing, p: Parameters) -> Value:
    """TNF signal of osteoclast precursors [0, 1), which rises faster than linearly.

    (tau_d) tau_d = T'^n_Td / (T'^n_Td + K_Td^n_Td)
    """
    return _of_free_tnf(lambda free: hill_activation(free, p.K_Td, p.n_Td), tnf, f, p)


def tnf_inhibition(tnf: Value, f: Forcing, p: Parameters) -> Value:
    """Factor of TNF on the osteoblast lineage [1].

    (i_T) i_T = 1 / (1 + g_T T')
    """
    return _of_free_tnf(lambda free: 1 / (1 + p.g_T * free), tnf, f, p)


def antagonist(environment: Environment, f: Forcing, p: Parameters) -> Value:
    """IL-1Ra made by the tissue [pM]: that of marrow, and of inflammatory cells.

    (A) A = A_0 + A_F F/F_0 + excess
    """
    cells = environment.inflammatory_cells
    from_cells = p.A_F * cells / p.F_0 if cells is not None else 0.0
    return f.il1ra * (p.A_0 + from_cells) + f.il1ra_excess


def il1_signal(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """IL-1 signal of osteoclasts and stroma, the share of the largest IL-1 response [0, 1).

    (s) s = y / (1 + y), y = I / (1 + U/K_U) (1 + a_RT tau_T) potency(A + A_d, 1 / (1 + V/K_U))

    Gaddum occupancy with IL-1Ra and the functional EC50, not the binding constant: spare receptors
    make cells respond far below it, and anakinra would come out two to eight times too potent. TNF
    makes cells express more receptors, and so more sensitive. A trap U takes both forms of IL-1, an
    antibody V takes IL-1 beta.
    """
    return _il1_occupancy(environment, 1.0, f, p)


def sensitive_il1_signal(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """IL-1 signal of cells that answer to less IL-1 [0, 1).

    (s_B) s_B = y_B / (1 + y_B), y_B = y EC50 / EC50_B

    They are the osteoblast lineage, the marrow that makes osteoclast precursors, and the stroma
    that makes IL-6.
    """
    return _il1_occupancy(environment, p.EC50 / p.EC50_B, f, p)


def _il1_occupancy(environment: Environment, potency: Value, f: Forcing, p: Parameters) -> Array:
    """Share of the largest response [1] of cells that IL-1 acts on with a relative potency [1]."""
    made = antagonist(environment, f, p)
    sensitivity = potency * (1 + p.a_RT * tnf_signal(environment["tnf"], f, p))

    def signal(blocker: Array, trap: Array, antibody: Array) -> Array:
        beta = 1 / (1 + antibody / p.K_U)
        free = environment["il1"] / (1 + trap / p.K_U)
        stimulus = jnp.asarray(free * sensitivity * p.potency(made + blocker, beta))
        return stimulus / (1 + stimulus)

    return f.il1_receptor * averaged(
        lambda blocker: averaged(
            lambda trap: averaged(
                lambda antibody: signal(blocker, trap, antibody), f.drug("il1_beta")
            ),
            f.drug("il1"),
        ),
        f.drug("il1_receptor"),
    )


def excess_signal(signal: Array, p: Parameters) -> Array:
    """IL-1 signal above health: 0 in health, 1 at saturation, slightly negative below.

    (s_h) s_h = (s - s_0) / (1 - s_0)
    """
    return (signal - p.s_0) / (1 - p.s_0)


def sensitive_excess(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """IL-1 signal of sensitive cells above health [1].

    (s_Bh) s_Bh = (s_B - s_B0) / (1 - s_B0)
    """
    return (sensitive_il1_signal(environment, f, p) - p.s_B0) / (1 - p.s_B0)


def raised(excess: Array) -> Array:
    """IL-1 signal of the osteoblast lineage above health, 0 below [1].

    (s_B+) s_B+ = max(s_Bh, 0)
    """
    return jnp.maximum(excess, 0)


def linear(slope: Value, excess: Array) -> Array:
    """Response linear in a signal above health, at least MIN_RESPONSE.

    (lin) lin(a, s_h) = max(1 + a s_h, 0.1)
    """
    return jnp.maximum(1 + slope * excess, MIN_RESPONSE)


def il6_share(il6: Value, f: Forcing, p: Parameters) -> Value:
    """Share of the largest IL-6 response [0, 1); a blocker of its receptor takes its place.

    (c_6) c_6 = J / (J + K_I6 (1 + X_6/K_6R))
    """
    return averaged(
        lambda blocker: il6 / (il6 + p.K_I6 * (1 + blocker / p.K_6R)), f.drug("il6_receptor")
    )


def il6_signal(il6: Value, f: Forcing, p: Parameters) -> Value:
    """IL-6 signal above health [1].

    (sigma_6) sigma_6 = (c_6 - c_60) / (1 - c_60)
    """
    healthy = p.I6_0 / (p.I6_0 + p.K_I6)
    return (il6_share(il6, f, p) - healthy) / (1 - healthy)


def il4_signal(f: Forcing, p: Parameters) -> Array:
    """IL-4 and IL-10 over their half-inhibiting concentration, at each node of the step [1].

    (x) x = X / K_X
    """
    return f.drug("il4_receptor") / p.K_X


def il1_inhibition(f: Forcing, p: Parameters) -> Value:
    """Factor of IL-4 and IL-10 on production of IL-1 and IL-6 and on inflammatory cells."""
    return averaged(lambda x: 1 / (1 + x), il4_signal(f, p))


def glucocorticoid_inhibition(half: Value, f: Forcing) -> Value:
    """Factor of a glucocorticoid G on a response that it halves at a concentration [pM].

    (i_G) i_G(K) = 1 / (1 + G/K)
    """
    return averaged(lambda drug: 1 / (1 + drug / half), f.drug("glucocorticoid_receptor"))


def free_rankl(rankl: Value, antibody: Array, p: Parameters) -> Array:
    """RANKL that an antibody in large excess leaves to RANK [pM].

    (R') R' = R / (1 + Z/K_Z)
    """
    return rankl / (1 + antibody / p.K_Z)


def rank_occupancy(rankl: Value, f: Forcing, p: Parameters) -> Array:
    """Share of RANK on osteoclast precursors that free RANKL occupies [1].

    (rho) rho = R' / (R' + K_R)
    """
    return averaged(lambda z: saturation(free_rankl(rankl, z, p), p.K_R), f.drug("rankl"))
