"""Production of the solutes that diffuse alone, by marrow and by inflammatory cells."""

from collections.abc import Callable, Mapping

from tissue.model.forcing import PM_PER_MM3, Forcing, Value
from tissue.model.parameters import Parameters
from tissue.model.signals import (
    Environment,
    glucocorticoid_inhibition,
    il1_inhibition,
    il6_share,
    linear,
    sensitive_excess,
    tnf_signal,
)
from tissue.model.species import Solute


def tnf_production(_: Environment, bisphosphonate: Value, f: Forcing, p: Parameters) -> Value:
    """TNF made by marrow without estrogen [pM/day].

    (S_T) what marrow makes of TNF = k_T omega_T l h
    """
    return p.k_T * (p.omega_T * f.estrogen_loss * f.estrogen_relaxation)


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


def il6_production(
    environment: Environment, bisphosphonate: Value, f: Forcing, p: Parameters
) -> Value:
    """IL-6 made by marrow [pM/day].

    (S_6) what marrow makes of IL-6 = k_I6 I6_0 lin(a_I6, s_Bh) / (1 + x)

    IL-1 raises it; IL-4 and IL-10 lower it.
    """
    raised_by = linear(p.a_I6, sensitive_excess(environment, f, p))
    return p.k_I6 * (p.I6_0 * raised_by * il1_inhibition(f, p))


Production = Callable[[Environment, Value, Forcing, Parameters], Value]
PRODUCTION: Mapping[str, Production] = {
    "tnf": tnf_production,
    "il1": il1_production,
    "il6": il6_production,
}
"""Production by marrow of each solute that diffuses alone [pM/day], by name.

It depends on the solutes before it in `species.UNCOUPLED`, and on bone-bound bisphosphonate.
"""


def released(solute: Solute, environment: Environment, f: Forcing, p: Parameters) -> Value:
    """Release of a solute by inflammatory cells [pM/day]; TNF drives IL-1 and IL-6, IL-6 RANKL.

    (release) release = q_F F d_F i_G(K_GF) / (1 + x), d_F = 1 for TNF,
    1 - w_FT + w_FT tau_T for IL-1 and IL-6, 1 - w_F6 + w_F6 c_6 for RANKL

    References:
        Brennan 1989, Lancet ii:244 (IL-1); Hashizume 2008, Rheumatology 47:1635 (RANKL).
    """
    cells = environment.inflammatory_cells
    if solute.inflammatory_cells is None or cells is None:
        return 0.0
    driven: Value = 1.0
    if solute.driven_by == "tnf":
        driven = 1 - p.w_FT * (1 - tnf_signal(environment["tnf"], f, p))
    elif solute.driven_by == "il6":
        driven = 1 - p.w_F6 * (1 - il6_share(environment["il6"], f, p))
    inhibited = il1_inhibition(f, p) * glucocorticoid_inhibition(p.K_GF, f)
    made = PM_PER_MM3 * getattr(p, solute.inflammatory_cells) * cells
    return made * (driven * inhibited)
