"""The drugs: what a dose becomes in the fluid of marrow, with the source of every number."""

from typing import NamedTuple


class Drug(NamedTuple):
    """A drug and its way into marrow: absorbed at one rate, distributed in one volume, lost.

    Attributes:
        about: what it is and does.
        molar_mass: [g/mol].
        bioavailability: share of a dose that reaches the blood [1].
        absorption: rate from under the skin [1/day]; None for an infusion.
        elimination: from the blood at low concentration of any saturable way [1/day].
        volume: of distribution [l/kg].
        reach: concentration in marrow over that in plasma [1].
        highest_rate, half_rate: of a saturable way of elimination [mg/(kg day)], [mg/l].
        usual: the usual dose [mg] and the time between two [day], which effects refer to.
        half_effect: concentration in marrow of half effect, for drugs whose effect is a share
            of their largest [pM].
        in_mice: the usual dose in mice [mg/kg]; None for that of people scaled by body surface.
        source: of these numbers, with what was read.
        confidence: low, medium or high.
    """

    about: str
    molar_mass: float
    bioavailability: float
    absorption: float | None
    elimination: float
    volume: float
    reach: float
    usual: tuple[float, float]
    source: str
    confidence: str
    highest_rate: float = 0.0
    half_rate: float = 1.0
    half_effect: float | None = None
    in_mice: float | None = None


FULL_ZOLEDRONATE = {"mouse": 0.1, "human": 5 / 65}
"""Dose that binds to bone as a full one, q = 1 [mg/kg]: 100 ug/kg is the common single dose in mice
(remembered), 5 mg that of osteoporosis (label, remembered)."""

BODY_WEIGHT = {"mouse": 0.025, "human": 65.0}
"""[kg], remembered: an adult C57BL/6 mouse and a woman in the trials."""

SURFACE_FACTOR = 37 / 3
"""Dose per weight of a mouse over that of a human, by body surface: Km 37 over Km 3 kg/m^2, so 12.3
(FDA 2005, safe starting dose, read in a paper that uses it)."""

FAR = 10.0
"""Dose over the highest usual one, or lowest usual one over a dose, from which it is doubted: the
doses of one study rarely span more to either side (assumption)."""

DRUGS = {
    "anakinra": Drug(
        "recombinant IL-1Ra: competes with IL-1 for its receptor",
        molar_mass=17_300,
        bioavailability=0.95,
        absorption=24 * 0.14,
        elimination=24 * 0.6,
        volume=0.205,
        reach=0.08,
        usual=(100.0, 1.0),
        source="clearance 144 ml/min (Yang 2001, read abstract), so that the half-life of 4-6 h "
        "under the skin (label, read) is that of absorption; the peak after 3-7 h (label, read) "
        "gives the elimination; bioavailability 95 % (label, read); reach into "
        "marrow (0.05 to 0.3 plausible): calibrated on erosion, 41 % slower (Bresnihan 1998, read "
        "abstract)",
        confidence="medium",
    ),
    "denosumab": Drug(
        "antibody against RANKL; in mice read as one that binds mouse RANKL, as denosumab does not",
        molar_mass=149_000,
        bioavailability=1.0,
        absorption=0.17,
        elimination=0.0115,
        volume=0.0779,
        reach=0.05,
        highest_rate=2.672e-3,
        half_rate=0.411,
        usual=(60.0, 182.0),
        source="bone-models 0.1.0, Martinez-Reina (read in code), but for the reach (0.012 there, "
        "0.005 to 0.1 plausible): calibrated on CTX, still 61 % down six months after a dose "
        "(read abstract)",
        confidence="medium",
    ),
    "zoledronate": Drug(
        "bisphosphonate: binds to bone, kills osteoclasts that resorb it, lowers IL-1",
        molar_mass=272,
        bioavailability=1.0,
        absorption=None,
        elimination=10.0,
        volume=0.2,
        reach=1.0,
        usual=(5.0, 365.0),
        in_mice=FULL_ZOLEDRONATE["mouse"],
        source="effect through what binds to bone within a day (remembered)",
        confidence="medium",
    ),
    "teriparatide": Drug(
        "PTH(1-34): daily pulses raise bone formation, and RANKL less",
        molar_mass=4_118,
        bioavailability=0.95,
        absorption=24 * 0.69,
        elimination=24 * 8.3,
        volume=0.12,
        reach=1.0,
        half_effect=30.0,
        usual=(0.02, 1.0),
        in_mice=0.04,
        source="label: half-life 1 h under the skin, 5 min in a vein, bioavailability 95 %, 0.12 "
        "l/kg (remembered); half effect is an assumption; in mice 20, 40 and 80 ug/kg a day "
        "(Sugiyama 2008, read abstract)",
        confidence="low",
    ),
    "romosozumab": Drug(
        "antibody against sclerostin: raises bone formation and lowers resorption",
        molar_mass=149_000,
        bioavailability=0.81,
        absorption=0.4,
        elimination=0.6931471805599453 / 12.8,
        volume=3.92 / 65,
        reach=0.1,
        half_effect=1000.0,
        usual=(210.0, 30.4375),
        source="label: half-life 12.8 d, bioavailability 81 %, 3.92 l, peak after 5 d (read in "
        "part: half-life, molar mass); reach and half effect are assumptions",
        confidence="low",
    ),
    "adalimumab": Drug(
        "antibody against TNF: takes TNF out of play",
        molar_mass=148_000,
        bioavailability=0.64,
        absorption=0.5,
        elimination=0.6931471805599453 / 14,
        volume=5.4 / 65,
        reach=0.1,
        usual=(40.0, 14.0),
        source="label: bioavailability 64 %, half-life 14 d, 4.7-6.0 l, peak after 131 h (read); "
        "reach is an assumption",
        confidence="medium",
    ),
    "il4": Drug(
        "IL-4 or an analog that also acts as IL-10: opposes osteoclastogenesis",
        molar_mass=14_000,
        bioavailability=0.7,
        absorption=6.0,
        elimination=24 * 60 * 0.6931471805599453 / 19,
        volume=4.9 / 65,
        reach=0.3,
        usual=(0.3, 1.0),
        source="half-life 19 min and 4.9 l after injection into a vein, still found 8 h after one "
        "under the skin, which gives the absorption (read abstracts: Eur J Cancer 1993, Davis "
        "2000); bioavailability and reach are assumptions",
        confidence="low",
    ),
}


def usual_dose(drug: str, species: str) -> float:
    """The usual dose of a drug [mg/kg].

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    about = DRUGS[drug]
    human = about.usual[0] / BODY_WEIGHT["human"]
    if species == "human":
        return human
    return about.in_mice or human * SURFACE_FACTOR


def usual_range(drug: str, species: str) -> tuple[float, float]:
    """The lowest and highest dose of a drug that is not doubted [mg/kg].

    Antibodies are often given to mice at the dose per weight of people, which is the lower end.

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    own, human = (usual_dose(drug, name) for name in (species, "human"))
    return min(own, human) / FAR, own * FAR
