"""Doses of drugs, and their concentrations solved independently of the program."""

import numpy as np
from scipy.integrate import solve_ivp

from tissue.model.drugs import Drug
from tissue.model.pharmacokinetics import Dosing, Exposure, OneCompartmentPK

Times = np.ndarray


def dosing(*doses: tuple[float, float]) -> Dosing:
    times, amounts = np.array(doses).T
    return Dosing(times, amounts)


def alone(kinetics: OneCompartmentPK) -> Exposure:
    return Exposure([(1.0, kinetics)])


def solved(drug: Drug, doses: Dosing, times: Times, species: str = "human") -> Times:
    """Concentration in marrow [pM] by stepping through the doses, independent of the program."""
    kinetics = drug.kinetics[species]
    found = np.zeros(len(times))
    under_skin, plasma = 0.0, 0.0  # mg/kg and mg/l
    edges = [*doses.times, times[-1] + 1e-9]

    def change(_: float, y: np.ndarray) -> list[float]:
        taken = (kinetics.absorption or 0.0) * y[0]
        saturable = kinetics.vmax * y[1] / ((kinetics.km or 1.0) + y[1]) / kinetics.volume
        return [-taken, taken / kinetics.volume - kinetics.elimination * y[1] - saturable]

    for start, stop, amount in zip(edges, edges[1:], doses.amounts, strict=False):
        if kinetics.absorption is None:
            plasma += kinetics.bioavailability * amount / kinetics.volume
        else:
            under_skin += kinetics.bioavailability * amount
        part = (times >= start) & (times < stop)
        result = solve_ivp(
            change,
            (start, stop),
            [under_skin, plasma],
            "LSODA",
            t_eval=np.append(times[part], stop),
            rtol=1e-9,
            atol=1e-13,
        )
        found[part] = result.y[1, :-1]
        under_skin, plasma = result.y[:, -1]
    # mg/l = 1e-3 g/l, over g/mol in mol/l = 1e12 pM
    return np.asarray(found * 1e-3 / drug.molar_mass * 1e12 * drug.marrow_plasma_ratio)
