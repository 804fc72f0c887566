"""Drugs: one row each, with the target, the way into marrow and the source of every number."""

import math
from collections.abc import Mapping
from typing import NamedTuple

LN2 = math.log(2)
"""Rate times half-life [1]."""

BODY_WEIGHT = {"mouse": 0.025, "human": 65.0}
"""Body weight [kg]: an adult C57BL/6 mouse and a woman in the trials (remembered)."""

SURFACE_FACTOR = 37 / 3
"""Dose per weight of a mouse over that of a human, by body surface [1]: Km 37 over Km 3 kg/m^2, so
12.3 (FDA 2005, safe starting dose, read in a paper that uses it)."""

DOUBTED_RATIO = 10.0
"""Ratio of a dose to the highest standard one, or of the lowest to a dose, from which it is doubted
[1]: the doses of one study rarely span more to either side (assumption)."""


FAST_NODES, SLOW_NODES = 8, 4
"""Nodes of the quadrature over a step [1]: for a drug with a half-life of less than a day, which
comes and goes within a step, and for one that lasts."""


class Regimen(NamedTuple):
    """A dose [mg] for a person and the interval between two doses [day]."""

    dose: float
    interval: float


class Drug(NamedTuple):
    """A drug: absorbed at one rate, distributed in one volume, eliminated, acting on one target.

    Attributes:
        about: what it is and does.
        target: its target in `targets.TARGETS`.
        molar_mass: molar mass [g/mol].
        bioavailability: share of a dose that reaches the blood [1].
        absorption: rate from under the skin [1/day]; None for an infusion.
        elimination: rate from the blood, without the saturable part [1/day].
        volume: volume of distribution [l/kg].
        marrow_plasma_ratio: concentration in marrow over that in plasma [1].
        standard_regimen: dose and interval in people, which effects refer to.
        source: source of these numbers, with what was read.
        confidence: low, medium or high.
        vmax, km: saturable elimination, Michaelis-Menten [mg/(kg day)], [mg/l].
        relative_potency: equivalents of the drug that the affinity of the target in the parameters
            (K_A, K_Z, K_W, K_X) belongs to, per mole [1].
        half_effect: concentration in marrow of half the largest effect, for anabolic drugs [pM].
        full_dose: dose that covers bone, q = 1, by species, for drugs that bind to bone [mg/kg].
        mouse_dose: standard dose in mice [mg/kg]; None for the human one scaled by body surface.
    """

    about: str
    target: str
    molar_mass: float
    bioavailability: float
    absorption: float | None
    elimination: float
    volume: float
    marrow_plasma_ratio: float
    standard_regimen: Regimen
    source: str
    confidence: str
    vmax: float = 0.0
    km: float | None = None
    relative_potency: float = 1.0
    half_effect: float | None = None
    full_dose: Mapping[str, float] | None = None
    mouse_dose: float | None = None

    @property
    def nodes(self) -> int:
        """Number of concentrations that stand for a step, see `forcing.averaged`."""
        slowest = min(self.absorption or math.inf, self.elimination)
        return FAST_NODES if math.log(2) / slowest < 1 else SLOW_NODES


DRUGS = {
    "anakinra": Drug(
        "recombinant IL-1Ra: competes with IL-1 for its receptor",
        target="il1_receptor",
        molar_mass=17_300,
        bioavailability=0.95,
        absorption=24 * 0.14,
        elimination=24 * 0.6,
        volume=0.205,
        marrow_plasma_ratio=0.08,
        standard_regimen=Regimen(100.0, 1.0),
        source="clearance 144 ml/min (Yang 2001, read abstract), so that the half-life of 4-6 h "
        "under the skin (label, read) is that of absorption; the peak after 3-7 h (label, read) "
        "gives the elimination; bioavailability 95 % (label, read); ratio of "
        "marrow to plasma (0.05 to 0.3 plausible): calibrated on erosion, 41 % slower (Bresnihan "
        "1998, read abstract)",
        confidence="medium",
    ),
    "denosumab": Drug(
        "antibody against RANKL; here binds mouse RANKL too, as denosumab does not",
        target="rankl",
        molar_mass=149_000,
        bioavailability=1.0,
        absorption=0.17,
        elimination=0.0115,
        volume=0.0779,
        marrow_plasma_ratio=0.05,
        vmax=2.672e-3,
        km=0.411,
        standard_regimen=Regimen(60.0, 182.0),
        source="bone-models 0.1.0, Martinez-Reina (read in code), but for the ratio (0.012 there, "
        "0.005 to 0.1 plausible): calibrated on CTX, still 61 % down six months after a dose "
        "(read abstract)",
        confidence="medium",
    ),
    "zoledronate": Drug(
        "bisphosphonate: binds to bone, kills osteoclasts that resorb it, lowers IL-1",
        target="bone_mineral",
        molar_mass=272,
        bioavailability=1.0,
        absorption=None,
        elimination=10.0,
        volume=0.2,
        marrow_plasma_ratio=1.0,
        standard_regimen=Regimen(5.0, 365.0),
        mouse_dose=0.1,
        full_dose={"mouse": 0.1, "human": 5 / BODY_WEIGHT["human"]},
        source="effect through what binds to bone within a day (remembered); full doses: 100 ug/kg "
        "is the common single dose in mice, 5 mg that of osteoporosis (label), both remembered",
        confidence="medium",
    ),
    "teriparatide": Drug(
        "PTH(1-34): daily pulses raise bone formation, and RANKL less",
        target="pth_receptor",
        molar_mass=4_118,
        bioavailability=0.95,
        absorption=24 * 0.69,
        elimination=24 * 8.3,
        volume=0.12,
        marrow_plasma_ratio=1.0,
        half_effect=30.0,
        standard_regimen=Regimen(0.02, 1.0),
        mouse_dose=0.04,
        source="label: half-life 1 h under the skin, 5 min in a vein, bioavailability 95 %, 0.12 "
        "l/kg (remembered); half effect is an assumption; in mice 20, 40 and 80 ug/kg a day "
        "(Sugiyama 2008, read abstract)",
        confidence="low",
    ),
    "romosozumab": Drug(
        "antibody against sclerostin: raises bone formation and lowers resorption",
        target="sclerostin",
        molar_mass=149_000,
        bioavailability=0.81,
        absorption=0.4,
        elimination=LN2 / 12.8,
        volume=3.92 / BODY_WEIGHT["human"],
        marrow_plasma_ratio=0.1,
        half_effect=1000.0,
        standard_regimen=Regimen(210.0, 30.4375),
        source="label: half-life 12.8 d, bioavailability 81 %, 3.92 l, peak after 5 d (read in "
        "part: half-life, molar mass); ratio and half effect are assumptions",
        confidence="low",
    ),
    "adalimumab": Drug(
        "antibody against TNF: neutralizes TNF",
        target="tnf",
        molar_mass=148_000,
        bioavailability=0.64,
        absorption=0.5,
        elimination=LN2 / 14,
        volume=5.4 / BODY_WEIGHT["human"],
        marrow_plasma_ratio=0.1,
        standard_regimen=Regimen(40.0, 14.0),
        source="label: bioavailability 64 %, half-life 14 d, 4.7-6.0 l, peak after 131 h (read); "
        "ratio is an assumption",
        confidence="medium",
    ),
    "il4": Drug(
        "IL-4 or an analog that also acts as IL-10: opposes osteoclastogenesis",
        target="il4_receptor",
        molar_mass=14_000,
        bioavailability=0.7,
        absorption=6.0,
        elimination=24 * 60 * LN2 / 19,
        volume=4.9 / BODY_WEIGHT["human"],
        marrow_plasma_ratio=0.3,
        standard_regimen=Regimen(0.3, 1.0),
        source="half-life 19 min and 4.9 l after injection into a vein, still found 8 h after one "
        "under the skin, which gives the absorption (read abstracts: Eur J Cancer 1993, Davis "
        "2000); bioavailability and ratio are assumptions",
        confidence="low",
    ),
}


def standard_dose(drug: str, species: str) -> float:
    """Standard dose of a drug [mg/kg].

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    human = DRUGS[drug].standard_regimen.dose / BODY_WEIGHT["human"]
    if species == "human":
        return human
    return DRUGS[drug].mouse_dose or human * SURFACE_FACTOR


def plausible_doses(drug: str, species: str) -> tuple[float, float]:
    """Lowest and highest dose of a drug that is not doubted [mg/kg].

    Antibodies are often given to mice at the dose per weight of people, which is the lower end.

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    own, human = (standard_dose(drug, name) for name in (species, "human"))
    return min(own, human) / DOUBTED_RATIO, own * DOUBTED_RATIO
