"""Receptors and responses of cells to the concentrations around them.

Every response is 1 in health, so that no parameter shifts the healthy state and looks like
disease. Sources stand with the parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from tissue.kernels.response import hill_activation, hill_repression, saturation
from tissue.model.forcing import Forcing, Value, averaged
from tissue.model.parameters import Parameters

MIN_RESPONSE = 0.1
"""Share of its healthy size that a response linear in the IL-1 signal keeps at least [1]: where a
high healthy signal is lost, the steepest slopes of their ranges would turn rates negative; those of
the presets leave 0.88 (assumption)."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Environment:
    """Surroundings of a cell.

    Attributes:
        solutes: concentrations of those that diffuse alone, by name [pM].
        inflammatory_cells: [cells/mm^3 marrow].
    """

    solutes: Mapping[str, Value]
    inflammatory_cells: Value = 0.0

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
    """

    solutes: Mapping[str, Value]
    signal: Array
    excess: Array

    def __getitem__(self, solute: str) -> Value:
        """Concentration of a solute [pM]."""
        return self.solutes[solute]


def tnf_signal(tnf: Value, f: Forcing, p: Parameters) -> Value:
    """TNF signal, the share of the largest TNF response [0, 1): a blocker binds free TNF.

    (tau_T) tau_T = T' / (T' + K_T), T' = T / (1 + W/K_W)
    """
    return averaged(
        lambda blocker: saturation(tnf / (1 + blocker / p.K_W), p.K_T),
        f.drug("tnf"),
    )


def antagonist(environment: Environment, f: Forcing, p: Parameters) -> Value:
    """IL-1Ra made by the tissue [pM]: that of marrow, and of inflammatory cells.

    (A) A = A_0 + A_F F/F_0 + excess
    """
    from_cells = p.A_F * environment.inflammatory_cells / p.F_0
    return f.il1ra * (p.A_0 + from_cells) + f.il1ra_excess


def il1_signal(environment: Environment, f: Forcing, p: Parameters) -> Array:
    """IL-1 signal, the share of the largest IL-1 response [0, 1).

    (s) s = y / (1 + y), y = I (1 + a_RT tau_T) potency(A + A_d)

    Gaddum occupancy with IL-1Ra and the functional EC50, not the binding constant: spare receptors
    make cells respond far below it, and anakinra would come out two to eight times too potent. TNF
    makes cells express more receptors, and so more sensitive.
    """
    made = antagonist(environment, f, p)
    sensitivity = 1 + p.a_RT * tnf_signal(environment["tnf"], f, p)

    def signal(drug: Array) -> Array:
        stimulus = jnp.asarray(environment["il1"] * sensitivity * p.potency(made + drug))
        return stimulus / (1 + stimulus)

    return f.il1_receptor * averaged(signal, f.drug("il1_receptor"))


def excess_signal(signal: Array, p: Parameters) -> Array:
    """IL-1 signal above health: 0 in health, 1 at saturation, slightly negative below.

    (s_h) s_h = (s - s_0) / (1 - s_0)
    """
    return (signal - p.s_0) / (1 - p.s_0)


def linear(slope: Value, excess: Array) -> Array:
    """Response linear in the IL-1 signal above health, at least MIN_RESPONSE.

    (lin) lin(a, s_h) = max(1 + a s_h, 0.1)
    """
    return jnp.maximum(1 + slope * excess, MIN_RESPONSE)


def raised(excess: Array) -> Array:
    """Square of the IL-1 signal above health [1].

    (s_+) s_+^2 = max(s_h, 0)^2

    Osteoblasts answer to the square, so that mild IL-1 leaves remodeling nearly coupled.
    """
    return jnp.maximum(excess, 0) ** 2


def il4_signal(f: Forcing, p: Parameters) -> Array:
    """IL-4 and IL-10 over their half-inhibiting concentration, at each node of the step [1].

    (x) x = X / K_X
    """
    return f.drug("il4_receptor") / p.K_X


def osteoclast_inhibition(f: Forcing, p: Parameters) -> Value:
    """Factor of IL-4 and IL-10 on osteoclastogenesis and on RANKL production."""
    return averaged(lambda x: 1 / (1 + p.x_R * x), il4_signal(f, p))


def il1_inhibition(f: Forcing, p: Parameters) -> Value:
    """Factor of IL-4 and IL-10 on IL-1 production."""
    return averaged(lambda x: 1 / (1 + x), il4_signal(f, p))


def opg_stimulation(f: Forcing, p: Parameters) -> Value:
    """Factor of IL-4 and IL-10 on OPG production."""
    return averaged(lambda x: 1 + p.x_O * x / (1 + x), il4_signal(f, p))


def il1_production(
    environment: Environment, bisphosphonate: Value, f: Forcing, p: Parameters
) -> Value:
    """IL-1 made by marrow [pM/day].

    (S_I) what marrow makes of IL-1 = S_I0 (1 + omega_I l h) (1 + a_TI tau_T)
    / ((1 + x) (1 + a_BI <q>))

    Estrogen loss and TNF raise it; IL-4, IL-10 and bone-bound bisphosphonate lower it.
    """
    by_estrogen = 1 + p.omega_I * f.estrogen_loss * f.estrogen_relaxation
    by_tnf = 1 + p.a_TI * tnf_signal(environment["tnf"], f, p)
    raised_by = by_estrogen * by_tnf
    return p.S_I0 * (raised_by * il1_inhibition(f, p) / (1 + p.a_BI * bisphosphonate))


def tnf_production(_: Environment, bisphosphonate: Value, f: Forcing, p: Parameters) -> Value:
    """TNF made by marrow without estrogen [pM/day].

    (S_T) what marrow makes of TNF = k_T omega_T l h
    """
    return p.k_T * (p.omega_T * f.estrogen_loss * f.estrogen_relaxation)


Production = Callable[[Environment, Value, Forcing, Parameters], Value]
PRODUCTION: Mapping[str, Production] = {"tnf": tnf_production, "il1": il1_production}
"""Production by marrow of each solute that diffuses alone [pM/day], by name.

It depends on the solutes before it in `species.UNCOUPLED`, and on bone-bound bisphosphonate.
"""


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


def rankl_induction(excess: Array, environment: Environment, f: Forcing, p: Parameters) -> Array:
    """RANKL expression over the healthy one [1].

    (f_R) f_R = lin(a_R, s_h) (1 + a_TR tau_T) / (1 + x_R x)

    IL-1 raises it, IL-4 and IL-10 lower it; by default TNF acts through IL-1 only.
    """
    raised_by = linear(p.a_R, excess) * (1 + p.a_TR * tnf_signal(environment["tnf"], f, p))
    return raised_by * osteoclast_inhibition(f, p)


def opg_suppression(excess: Array, f: Forcing, p: Parameters) -> Array:
    """OPG expression over the healthy one [1].

    (f_O) f_O = (1 - omega_O l) (1 + x_O x / (1 + x)) / lin(a_O, max(s_h, -1/2))

    IL-1 lowers it (raises it where a_O < 0), and so does estrogen loss; IL-4 and IL-10 raise it.
    """
    by_il1 = 1 / linear(p.a_O, jnp.maximum(excess, -0.5))
    return by_il1 * (1 - p.omega_O * f.estrogen_loss) * opg_stimulation(f, p)


def osteoclastogenic_drive(
    rankl: Value, signal: Array, tnf: Value, f: Forcing, p: Parameters
) -> Array:
    """Osteoclastogenic drive [1]: RANKL, and IL-1 and TNF where some RANKL permits it.

    (N_G) N_G = rho + (a_d s + a_dT tau_T) R'^n / (R'^n + R_perm^n) + leak

    References:
        Kim 2009, Wei 2005, Moon 2013: IL-1 alone makes no osteoclasts.
    """
    directly = p.a_d * signal + p.a_dT * tnf_signal(tnf, f, p)

    def drive(antibody: Array) -> Array:
        free = free_rankl(rankl, antibody, p)
        gate = hill_activation(free, p.R_perm, p.n_perm)
        return saturation(free, p.K_R) + directly * gate + p.leak

    return averaged(drive, f.drug("rankl"))


def resorption_activity(
    rankl: Value, signal: Array, healthy_occupancy: Array, f: Forcing, p: Parameters
) -> Array:
    """Resorption per osteoclast over the healthy one [1]: raised by RANKL and IL-1, lost without.

    (act) act = lin(a_a, s_h) (1 + chi_act) w / (w + chi_act),
    w = (rho + a_d max(s - s_0, 0)) / rho_h
    """
    il1 = p.a_d * jnp.maximum(signal - p.s_0, 0)

    def permitted(antibody: Array) -> Array:
        stimulus = saturation(free_rankl(rankl, antibody, p), p.K_R) + il1
        return (1 + p.chi_act) * saturation(stimulus / healthy_occupancy, p.chi_act)

    return averaged(permitted, f.drug("rankl")) * linear(p.a_a, excess_signal(signal, p))


def osteoclast_loss(excess: Array, bisphosphonate: Value, f: Forcing, p: Parameters) -> Array:
    """Death rate of osteoclasts [1/day].

    (delta) delta = delta_C (1 - omega_C l) (1 + a_BP q) / lin(a_s, s_h)

    IL-1 (Jimi 1998) and estrogen loss prolong their life, bisphosphonate in the bone that they
    resorb cuts it short.
    """
    rate = p.delta_C / linear(p.a_s, excess) * (1 - p.omega_C * f.estrogen_loss)
    return rate * (1 + p.a_BP * bisphosphonate)


def osteoblast_loss(f: Forcing, p: Parameters) -> Value:
    """Rate at which osteoblasts die or retire [1/day]: estrogen prolongs their life.

    (delta_B) loss of osteoblasts = delta_B (1 + omega_B l)
    """
    return p.delta_B * (1 + p.omega_B * f.estrogen_loss)


def osteoblast_differentiation(excess: Array, load: Value, f: Forcing, p: Parameters) -> Array:
    """Osteoblasts per unit of coupling signal, without the supply of precursors [1].

    (g) g = max(1 + u_B u, 0) b_a mu / (1 + g_d s_+^2)

    IL-1 lowers it; load and anabolic drugs raise it.
    """
    by_il1 = hill_repression(raised(excess), p.g_d, 1) * osteoblast_motility(excess, p)
    return by_il1 * jnp.maximum(1 + p.u_B * load, 0) * f.anabolic


def osteocyte_rankl(load: Value, f: Forcing, p: Parameters) -> Value:
    """RANKL of osteocytes over the healthy one [1]: load lowers it.

    (f_Y) f_Y = max(1 - u_Y u, 0)
    """
    return jnp.maximum(1 - p.u_Y * load, 0) * f.osteocyte_rankl


def osteoblast_motility(excess: Array, p: Parameters) -> Array:
    """Motility of the osteoblast lineage over the healthy one [1]: IL-1 slows it.

    (mu) mu = 1 / (1 + g_m s_+^2)

    References:
        Hengartner 2013.
    """
    return hill_repression(raised(excess), p.g_m, 1)


def matrix_formation(excess: Array, p: Parameters) -> Array:
    """Matrix formed per osteoblast over the healthy one [1]: IL-1 lowers it (Stashenko 1987)."""
    return hill_repression(raised(excess), p.g_f, 1)
