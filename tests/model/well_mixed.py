"""The model of docs/model.md without space, as ordinary differential equations.

Written from that page alone, without the program that it checks: numpy, and LSODA of scipy.
Everything in the marrow is the same everywhere, load included. Parameters are plain numbers by the
symbols of the page; lengths in um, times in days, concentrations in pM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log, sqrt, tanh
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp

PER_MM = 1000.0  # um in a mm
MOLECULE = 1.66053907e-6  # one molecule in a mm^3 [pM]

Numbers = Mapping[str, float]


class Bone(NamedTuple):
    """A healthy bone without shape, whose surface goes as (phi (1 - phi))^n; 0 is that of walls."""

    fraction: float  # BV/TV [1]
    surface: float  # S_V, per volume of tissue [1/um]
    exponent: float = 0.0  # n [1]

    def area(self, fraction: float) -> float:
        shape = fraction * (1 - fraction) / (self.fraction * (1 - self.fraction))
        return self.surface * max(shape, 0.0) ** self.exponent


@dataclass(frozen=True)
class Acting:
    """Disease and therapy, constant from time 0 on; the default is health."""

    tnf: float = 0.0  # excess [pM]
    il1: float = 0.0  # excess [pM]
    il6: float = 0.0  # excess [pM]
    il1ra_excess: float = 0.0  # [pM]
    il1ra: float = 1.0  # factor of the gene on IL-1Ra [1]
    cells: float = 0.0  # F [cells/mm^3 marrow]
    estrogen: float = 0.0  # share lost, l [1]
    drugs: Numbers = field(default_factory=dict)  # A_d, U, V, W, X, X_6, Z and G [pM]
    pth: float = 0.0  # e_P [1]
    sclerostin: float = 0.0  # e_S [1]
    rankl: float = 1.0  # factor of the run file on the production of RANKL [1]
    bisphosphonate: float = 0.0  # q at time 0 [1]

    def drug(self, symbol: str) -> float:
        return self.drugs.get(symbol, 0.0)

    def spared(self, half: float) -> float:
        """i_G."""
        return 1 / (1 + self.drug("G") / half)


class Tissue(NamedTuple):
    """Unknowns of the differential equations, by symbol."""

    M: float
    P: float
    C: float
    B: float
    L: float
    E: float
    Q: float
    q: float
    phi: float


class Cytokines(NamedTuple):
    """Solutes that diffuse alone [pM], and what cells sense of them [1]."""

    tnf: float
    free_tnf: float
    il1: float
    il6: float
    tau: float
    tau_d: float
    driven: float
    s: float
    s_0: float
    s_h: float
    s_bh: float
    sigma_6: float


class Rates(NamedTuple):
    """Changes of the unknowns, RANKL and OPG [pM], velocities of the bone surface [um/day]."""

    change: Tissue
    cytokines: Cytokines
    rankl: float
    opg: float
    resorption: float
    formation: float


def lin(slope: float, signal: float) -> float:
    return max(1 + slope * signal, 0.1)


def hill(level: float, half: float, exponent: float = 1.0) -> float:
    return level**exponent / (level**exponent + half**exponent)


def potency(p: Numbers, antagonist: float, free_beta: float) -> float:
    beta = free_beta * (1 - p["alpha_share"]) / (p["EC50"] * (1 + antagonist / p["K_A"]))
    return beta + p["alpha_share"] / (p["EC50_alpha"] * (1 + antagonist / p["K_A_alpha"]))


def released(p: Numbers, on: Acting, symbol: str, driven: float) -> float:
    """Release by inflammatory cells [pM/day]."""
    x = on.drug("X") / p["K_X"]
    return MOLECULE * p[symbol] * on.cells * driven * on.spared(p["K_GF"]) / (1 + x)


def cytokines(p: Numbers, on: Acting, kept: float, q: float) -> Cytokines:
    """Cytokines with the share `kept` of those of estrogen loss and bisphosphonate q."""
    x, lost = on.drug("X") / p["K_X"], on.estrogen * kept
    tnf = on.tnf + p["omega_T"] * lost + released(p, on, "q_FT", 1) / p["k_T"]
    free = tnf / (1 + on.drug("W") / p["K_W"])
    tau = hill(free, p["K_T"])
    driven = 1 - p["w_FT"] + p["w_FT"] * tau

    marrow = p["I_0"] * (1 + p["omega_I"] * lost) * (1 + p["a_TI"] * tau)
    marrow /= (1 + x) * (1 + p["a_BI"] * q)
    il1 = on.il1 + marrow + released(p, on, "q_FI", driven) / p["k_I"]
    antagonist = on.il1ra * (p["A_0"] + p["A_F"] * on.cells / p["F_0"]) + on.il1ra_excess
    y = il1 / (1 + on.drug("U") / p["K_U"]) * (1 + p["a_RT"] * tau)
    y *= potency(p, antagonist + on.drug("A_d"), 1 / (1 + on.drug("V") / p["K_U"]))
    y_0, more = p["I_0"] * potency(p, p["A_0"], 1), p["EC50"] / p["EC50_B"]
    s, s_0, s_b, s_b0 = (hill(each, 1) for each in (y, y_0, more * y, more * y_0))
    s_bh = (s_b - s_b0) / (1 - s_b0)

    il6 = on.il6 + p["I6_0"] * lin(p["a_I6"], s_bh) / (1 + x)
    il6 += released(p, on, "q_FI6", driven) / p["k_I6"]
    c_6 = hill(il6, p["K_I6"] * (1 + on.drug("X_6") / p["K_6R"]))
    c_60 = hill(p["I6_0"], p["K_I6"])
    tau_d = hill(free, p["K_Td"], p["n_Td"])
    s_h, sigma_6 = (s - s_0) / (1 - s_0), (c_6 - c_60) / (1 - c_60)
    driven = 1 - p["w_F6"] + p["w_F6"] * c_6  # the release of RANKL
    return Cytokines(tnf, free, il1, il6, tau, tau_d, driven, s, s_0, s_h, s_bh, sigma_6)


def rankl_and_opg(
    p: Numbers, on: Acting, c: Cytokines, cells: tuple[float, float, float], kept: float, u: float
) -> tuple[float, float]:
    """Free RANKL and OPG of P, B and area per marrow, each over health [pM]."""
    stroma, osteoblasts, surface = cells
    x = on.drug("X") / p["K_X"]
    f_r = lin(p["a_R"], c.s_h) * (1 + p["a_TR"] * c.tau) * lin(p["a_R6"], c.sigma_6)
    f_r /= 1 + p["x_R"] * x
    f_e = 1 + p["omega_R"] * on.estrogen * kept
    f_o = (1 + p["omega_O"] * on.estrogen * kept) * (1 + p["x_O"] * x / (1 + x))
    f_o *= on.spared(p["K_GO"])
    f_o /= lin(p["a_O"], max(c.s_h, -0.5))
    osteocytes = p["w_Y"] * max(1 - p["u_Y"] * u, 0) * f_r
    made = (1 - p["w_Y"]) * stroma * f_r * f_e
    made += surface * (osteocytes + p["r_P"] * on.pth * osteoblasts)
    made *= p["R_0"] * (p["k_R"] + p["kappa"] * p["O_0"])
    made = (made + released(p, on, "q_FR", c.driven)) * on.rankl * (1 - p["r_S"] * on.sclerostin)
    opg_made = f_o * ((1 - p["v_B"]) * stroma + surface * p["v_B"] * osteoblasts)
    opg_made *= p["O_0"] * (p["k_O"] + p["kappa"] * p["R_0"])
    # k_R R + kappa R O = made and k_O O + kappa R O = opg_made: a quadratic equation of O
    a = p["kappa"] * p["k_O"]
    b = p["k_O"] * p["k_R"] + p["kappa"] * (made - opg_made)
    opg = (sqrt(b * b + 4 * a * p["k_R"] * opg_made) - b) / (2 * a)
    return made / (p["k_R"] + p["kappa"] * opg), opg


def rates(p: Numbers, bone: Bone, on: Acting, time: float, now: Tissue) -> Rates:
    kept = exp(-max(time - p["t_E"], 0) / p["tau_E"])
    c, x = cytokines(p, on, kept, now.q), on.drug("X") / p["K_X"]
    marrow, marrow_0, area = 1 - now.phi, 1 - bone.fraction, bone.area(now.phi)
    u = p["g_mech"] * tanh(p["n_U"] * log(bone.fraction / max(now.phi, 1e-6)))
    m, stroma = now.M / p["M_0"], now.P / p["P_0"]
    cells = stroma, now.B / p["B_0"], area * marrow_0 / (bone.surface * marrow)
    rankl, opg = rankl_and_opg(p, on, c, cells, kept, u)
    free = rankl / (1 + on.drug("Z") / p["K_Z"])
    rho, rho_0 = hill(free, p["K_R"]), hill(p["R_0"], p["K_R"])

    gate = hill(free, p["R_perm"], p["n_perm"])
    drive = rho + (p["a_d"] * c.s + p["a_dT"] * c.tau_d) * gate + p["leak"]
    drive /= rho_0 + p["a_d"] * c.s_0 * hill(p["R_0"], p["R_perm"], p["n_perm"]) + p["leak"]
    formed = drive / (1 + p["x_R"] * x)
    arrested = p["sigma_Q"] * max(1 - formed, 0)
    healthy_c = p["delta_C"] * p["C_0"]
    f_m = lin(p["a_M"], c.s_bh) * (1 + p["a_MT"] * c.tau)
    # the endosteal supply goes with the volume of the marrow
    supply_m = p["delta_M"] * p["M_0"] + p["n_f"] * healthy_c * PER_MM * bone.surface / marrow_0
    gain_m = marrow * (f_m * supply_m - p["delta_M"] * now.M)
    gain_m -= m * p["n_f"] * healthy_c * PER_MM * area * (formed + arrested)
    delta = p["delta_C"] * (1 - p["omega_C"] * on.estrogen) * (1 + p["a_BP"] * now.q)
    delta /= lin(p["a_s"], c.s_h)
    fusion = p["k_Q"] * formed
    w = (rho + p["a_d"] * max(c.s - c.s_0, 0) * gate) / rho_0
    act = lin(p["a_a"], c.s_h) * (1 + p["chi_act"]) * w / (w + p["chi_act"])
    resorption = p["v_0"] * now.C / p["C_0"] * act

    above = max(c.s_bh, 0)
    i_b = 1 / ((1 + p["g_m"] * above) * (1 + p["g_d"] * above) * (1 + p["g_T"] * c.free_tnf))
    i_b /= 1 + p["x_B"] * x / (1 + x)
    store = now.E * p["k_E"] / p["v_0"]
    called = (1 + p["kappa_E"]) * store / (store + p["kappa_E"])
    called *= max(1 + p["u_B"] * u, 0) * (1 + p["a_P"] * on.pth) * i_b
    all_b = p["delta_B"] * p["B_0"]
    healthy_b = (1 - p["w_L"]) * all_b
    each = healthy_b / p["n_p"] * PER_MM
    gain_p = marrow * (p["delta_P"] * (p["P_0"] - now.P) + each * bone.surface / marrow_0)
    gain_p -= stroma * each * area * called
    k_l = p["w_L"] * all_b / p["L_0"] * max(1 + p["u_L"] * u, 0)
    k_l = (k_l + p["k_P"] * on.pth + p["k_S"] * on.sclerostin) * i_b * on.spared(p["K_GB"])
    retired = p["delta_B"] * (1 + p["omega_B"] * on.estrogen) * now.B
    kept_as_lining = p["w_L"] + p["delta_L"] * p["L_0"] / all_b
    formation = p["v_0"] * now.B / p["B_0"] * on.spared(p["K_GB"]) / (1 + p["g_f"] * above)

    dphi = area * (formation - resorption)
    change = Tissue(
        M=(gain_m + now.M * dphi) / marrow,  # the number eps_c M stays while pores change
        P=(gain_p + now.P * dphi) / marrow,
        C=healthy_c * formed * m + fusion * now.Q - delta * now.C,
        B=healthy_b * called * stroma + k_l * now.L - retired,
        L=kept_as_lining * retired - (p["delta_L"] + k_l) * now.L,
        E=resorption - p["k_E"] * now.E,
        Q=healthy_c * arrested * m - (fusion + p["delta_Q"]) * now.Q,
        q=-now.q / p["tau_q"] * sqrt(resorption / p["v_0"]),
        phi=dphi,
    )
    return Rates(change, c, rankl, opg, resorption, formation)


def simulate(
    p: Numbers, bone: Bone, on: Acting, times: Sequence[float]
) -> list[tuple[Tissue, Rates]]:
    """Tissue and rates at some times from 0 on; it begins in health."""
    healthy = [p["M_0"], p["P_0"], p["C_0"], p["B_0"], p["L_0"], p["v_0"] / p["k_E"], 0.0]
    solved = solve_ivp(
        lambda time, now: np.array(rates(p, bone, on, time, Tissue(*now.tolist())).change),
        (0.0, times[-1]),
        np.array([*healthy, on.bisphosphonate, bone.fraction]),
        "LSODA",
        np.array(times),
        rtol=1e-9,
        atol=1e-9,
    )
    found = [Tissue(*column) for column in solved.y.T.tolist()]
    return [(now, rates(p, bone, on, t, now)) for t, now in zip(times, found, strict=True)]
