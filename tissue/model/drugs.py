"""Drugs: one row each, with the target, the kinetics in people and mice, the usual regimens and
what labels and studies measured."""

import math
from collections.abc import Mapping
from typing import NamedTuple

LN2 = math.log(2)
"""Rate times half-life [1]."""

HOUR = 1 / 24
"""One hour [day]."""

BODY_WEIGHT = {"mouse": 0.025, "human": 65.0}
"""Body weight [kg]: an adult C57BL/6 mouse and a woman in the trials (remembered)."""

RATE_FACTOR = (BODY_WEIGHT["human"] / BODY_WEIGHT["mouse"]) ** 0.25
"""Rates of a mouse over those of a human [1], 7.1: clearance per weight goes with the power -1/4 of
the weight and the volume per weight is the same (allometric rule, remembered; assumption)."""

DOUBTED_RATIO = 10.0
"""Ratio of a dose to the highest standard one, or of the lowest to a dose, from which it is doubted
[1]: the doses of one study rarely span more to either side (assumption)."""

FAST_NODES, SLOW_NODES = 8, 4
"""Nodes of the quadrature over a step [1]: for a drug with a half-life of less than a day, which
comes and goes within a step, and for one that lasts."""

Value = float | tuple[float, float]
"""A measured number, or the lowest and the highest of several."""


class Kinetics(NamedTuple):
    """Kinetics of a drug in a species: one compartment, absorption and elimination.

    Attributes:
        bioavailability: share of a dose that reaches the blood [1].
        absorption: rate from under the skin or from the gut [1/day]; None for an infusion.
        elimination: rate from the blood, without the saturable part [1/day].
        volume: volume of distribution [l/kg].
        source: source of these numbers, with what was read.
        vmax, km: saturable elimination, Michaelis-Menten [mg/(kg day)], [mg/l].
        route: how the drug is given.
    """

    bioavailability: float
    absorption: float | None
    elimination: float
    volume: float
    source: str
    vmax: float = 0.0
    km: float | None = None
    route: str = "under the skin"

    @property
    def half_life(self) -> float:
        """Half-life of the last decline, without the saturable part [day]."""
        return LN2 / min(self.absorption or math.inf, self.elimination)

    @property
    def nodes(self) -> int:
        """Number of concentrations that stand for a step, see `forcing.averaged`."""
        return FAST_NODES if self.half_life < 1 else SLOW_NODES


class Regimen(NamedTuple):
    """A dose [mg/kg] and the interval between two doses [day]."""

    dose: float
    interval: float


class Published(NamedTuple):
    """Numbers of a label or a study, which the kinetics are held to.

    Attributes:
        dose: dose [mg/kg].
        source: source, with what was read.
        peak: highest concentration in plasma [mg/l].
        peak_time: time from a dose to it [day].
        area: area under the concentration [mg day/l]: of one dose, or of an interval.
        half_life: half-life of the decline [day].
        interval: interval between doses in the steady state [day]; None for a single dose.
        until: end of the area after a single dose [day].
        reason: why a number is missed by more than a quarter.
    """

    dose: float
    source: str
    peak: Value | None = None
    peak_time: Value | None = None
    area: Value | None = None
    half_life: Value | None = None
    interval: float | None = None
    until: float = math.inf
    reason: str = ""


class Drug(NamedTuple):
    """A drug: its target, and for each species its kinetics and usual regimen.

    Attributes:
        about: what it is and does.
        target: its target in `targets.TARGETS`.
        molar_mass: molar mass [g/mol].
        marrow_plasma_ratio: concentration in marrow over that in plasma [1].
        kinetics: kinetics by species.
        regimen: usual dose and interval by species, which effects refer to.
        source: source of regimens, ratio and potency, with what was read.
        confidence: low, medium or high.
        published: numbers of labels and studies by species.
        relative_potency: equivalents of the drug that the affinity of the target in the parameters
            belongs to (K_A, K_U, K_Z, K_W, K_6, K_X, K_GC), per mole [1].
        half_effect: concentration in marrow of half the largest effect, for anabolic drugs [pM].
        full_dose: dose that covers bone, q = 1, by species, for drugs that bind to bone [mg/kg].
    """

    about: str
    target: str
    molar_mass: float
    marrow_plasma_ratio: float
    kinetics: Mapping[str, Kinetics]
    regimen: Mapping[str, Regimen]
    source: str
    confidence: str
    published: Mapping[str, tuple[Published, ...]]
    relative_potency: float = 1.0
    half_effect: float | None = None
    full_dose: Mapping[str, float] | None = None


def per_person(dose: float) -> float:
    """A dose [mg] per body weight of a human [mg/kg]."""
    return dose / BODY_WEIGHT["human"]


def _in_mice(human: Kinetics) -> Kinetics:
    """Kinetics in mice by the allometric rule, where no study of mice was found."""
    return human._replace(
        absorption=human.absorption and human.absorption * RATE_FACTOR,
        elimination=human.elimination * RATE_FACTOR,
        vmax=human.vmax * RATE_FACTOR,
        source=f"rates in people times {RATE_FACTOR:.1f} (allometric rule, assumption): no study "
        "of mice was found",
    )


ANTIBODY_IN_MICE = Kinetics(
    bioavailability=0.9,
    absorption=1.5,
    elimination=0.0612,
    volume=0.0887,
    source="a mouse IgG1 in C57BL/6 mice: clearance 5.43 ml/(kg day), and 46 % of the area within "
    "10 days, which gives the volume (Abuqayyas 2012, PMID 23018115, read abstract); 90 % of an "
    "antibody under the skin is absorbed (mAbs 2018;10:803, read abstract); the rate of absorption "
    "is an assumption",
)
"""Kinetics of every antibody in mice: their own targets there are not known well enough."""


def _antibody_measured_in_mice(dose: float) -> tuple[Published, ...]:
    """Measured area and half-life of antibodies in mice, for a dose [mg/kg]."""
    source = (
        "a mouse IgG1 in C57BL/6 mice, in proportion to the dose: area from its clearance, "
        "half-life from the area within 10 days (Abuqayyas 2012, read abstract); 7 d of human IgG3 "
        "in SCID mice (read abstract)"
    )
    return (Published(dose=dose, source=source, area=dose / 5.43e-3, half_life=(7.0, 11.3)),)


FUSION_PROTEIN_IN_MICE = Kinetics(
    bioavailability=0.4,
    absorption=2.7,
    elimination=LN2 / 2.0,
    volume=0.19,
    source="fitted to follistatin on the Fc stem of a mouse, without heparan binding, in C57BL/6 "
    "mice: bioavailability 40 %, 3.3 ml/(kg h) (Datta-Mannan 2013, read in a table)",
)
"""Kinetics of a receptor on an Fc stem in mice: no study of etanercept or rilonacept was found."""

FUSION_PROTEIN_MEASURED_IN_MICE = (
    Published(
        dose=3.0,
        source="follistatin on an Fc stem, without heparan binding, in C57BL/6 mice; half-life 61 "
        "h with heparan binding (Datta-Mannan 2013, read in a table)",
        peak=5.541,
        peak_time=1.0,
        area=389 * HOUR,
        half_life=(61 * HOUR, 104 * HOUR),
    ),
)

ANAKINRA = Kinetics(
    bioavailability=0.95,
    absorption=0.14 / HOUR,
    elimination=0.6 / HOUR,
    volume=0.205,
    source="clearance 144 ml/min (Yang 2001, read abstract), so that the half-life of 4-6 h under "
    "the skin (label, read) is that of absorption; the peak after 3-7 h (label, read) gives the "
    "elimination; bioavailability 95 % (label, read)",
)

TERIPARATIDE = Kinetics(
    bioavailability=0.95,
    absorption=4.0 / HOUR,
    elimination=62 / (1.6 * BODY_WEIGHT["human"]) / HOUR,
    volume=1.6,
    source="label (read): bioavailability 95 %, 1.7 l/kg, 62 l/h in women, half-life 1 h; the peak "
    "after half an hour gives the absorption",
)

PREDNISOLONE = Kinetics(
    bioavailability=1.0,
    absorption=3.0 / HOUR,
    elimination=LN2 / 3.6 / HOUR,
    volume=0.55,
    route="by mouth",
    source="complete availability by mouth, 0.588 l/kg, 0.104 l/(h kg), half-life 4.1 h (Al-Habet "
    "1980, PMID 7437263, read abstract), 3.5 h (Rose 1981, read abstract); the peak gives the "
    "absorption; from 20 mg on exposure rises less than the dose, which is left out",
)

IL4 = Kinetics(
    bioavailability=0.7,
    absorption=2.2,
    elimination=LN2 / 19 * 60 / HOUR,
    volume=per_person(4.9),
    source="half-life 19 min and 4.9 l after injection into a vein (PMID 8398297, read abstract); "
    "under the skin the peak comes after 2 h and IL-4 is still found after 8 h (Davis 2000, read "
    "abstract), which gives the absorption; bioavailability is an assumption",
)

IL10 = Kinetics(
    bioavailability=0.42,
    absorption=0.198 / HOUR,
    elimination=65 / 70 / HOUR,
    volume=0.07,
    source="65 ml/(kg h), 70 ml/kg, bioavailability 42 % (Radwanski 1998, PMID 9892475, read "
    "abstract); the half-life of 2.7-4.5 h under the skin is that of absorption (Huhn 1997, read "
    "abstract)",
)

ALENDRONATE = Kinetics(
    bioavailability=0.0064,
    absorption=1.0 / HOUR,
    elimination=0.3 / HOUR,
    volume=per_person(28.0),
    route="by mouth",
    source="bioavailability 0.64 %, 28 l, half of it lost with urine at 71 ml/min (monograph, "
    "read); the absorption is an assumption",
)

RISEDRONATE = ALENDRONATE._replace(
    bioavailability=0.0063,
    source="bioavailability 0.63 % (label, remembered); the rest as of alendronate (assumption)",
)

ZOLEDRONATE = Kinetics(
    bioavailability=1.0,
    absorption=None,
    elimination=LN2 / 1.87 / HOUR,
    volume=0.2,
    route="into a vein",
    source="half-lives 0.24, 1.87 and 146 h (label, read), of which the second; the volume is an "
    "assumption",
)

DRUGS = {
    "anakinra": Drug(
        "recombinant IL-1Ra: competes with both forms of IL-1 for their receptor",
        target="il1_receptor",
        molar_mass=17_300,
        marrow_plasma_ratio=0.08,
        kinetics={"human": ANAKINRA, "mouse": _in_mice(ANAKINRA)},
        regimen={"human": Regimen(per_person(100.0), 1.0), "mouse": Regimen(25.0, 1.0)},
        published={
            "human": (
                Published(
                    dose=1.0,
                    source="RA, n = 15 (PMID 15225683, read abstract); label: peak after 3-7 h, "
                    "half-life 4-6 h (read)",
                    peak=0.687,
                    peak_time=(2 * HOUR, 7 * HOUR),
                    half_life=(3.76 * HOUR, 6 * HOUR),
                ),
                Published(
                    dose=per_person(100.0),
                    source="clearance over bioavailability: 170 ml/min in health (Yang 2003, read "
                    "abstract), 144 in women with RA (Yang 2001, read abstract)",
                    area=(100 / (170 * 1.44), 100 / (144 * 1.44)),
                ),
            ),
            "mouse": (
                Published(
                    dose=25.0,
                    source="IL-1 beta, of the same size, in rats: peak after 1 h, half-life 1.59 h "
                    "(Cancer Res 1990;50:5751, read abstract), over 1.8 for mice (allometric rule)",
                    peak_time=1.0 * HOUR / 1.8,
                    half_life=1.59 * HOUR / 1.8,
                ),
            ),
        },
        source="100 mg a day (label, read); mice: 10 to 100 mg/kg in studies of arthritis "
        "(remembered); ratio of marrow to plasma (0.05 to 0.3 plausible): calibrated on erosion, "
        "41 % slower (Bresnihan 1998, read abstract)",
        confidence="medium",
    ),
    "canakinumab": Drug(
        "antibody against IL-1 beta, not alpha; in mice it stands for one against mouse IL-1 beta, "
        "which canakinumab does not bind",
        target="il1_beta",
        molar_mass=145_157,
        marrow_plasma_ratio=0.1,
        kinetics={
            "human": Kinetics(
                bioavailability=0.66,
                absorption=0.45,
                elimination=0.15 / 5.8,
                volume=per_person(5.8),
                source="bioavailability 66 %, 6.2 l and half-life 26 d at 70 kg (label, read), "
                "0.174 l/day and 6.0 l (Chakraborty 2012, read abstract), lowered to 0.15 l/day "
                "and 5.8 l to meet the area and the peak of the label; the time of the peak gives "
                "the absorption",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(per_person(150.0), 56.0), "mouse": Regimen(10.0, 7.0)},
        published={
            "human": (
                Published(
                    dose=per_person(150.0),
                    source="label (read): CAPS, 70 kg",
                    peak=15.9,
                    peak_time=7.0,
                    area=708.0,
                    half_life=26.0,
                ),
            ),
            "mouse": _antibody_measured_in_mice(10.0),
        },
        source="150 mg every 8 weeks (label, read); mice: assumption; ratio of marrow to plasma is "
        "an assumption",
        confidence="medium",
    ),
    "rilonacept": Drug(
        "IL-1 trap, two receptor chains on an Fc stem: binds both forms of IL-1",
        target="il1",
        molar_mass=251_000,
        marrow_plasma_ratio=0.1,
        relative_potency=10.0,
        kinetics={
            "human": Kinetics(
                bioavailability=0.5,
                absorption=0.5,
                elimination=0.404 / 4.5,
                volume=per_person(4.5),
                source="bioavailability about 50 %, clearance over bioavailability 0.808 l/day, "
                "half-life 7.72 d (European label, read); the peak gives the absorption",
            ),
            "mouse": FUSION_PROTEIN_IN_MICE,
        },
        regimen={"human": Regimen(per_person(160.0), 7.0), "mouse": Regimen(10.0, 3.5)},
        published={
            "human": (
                Published(
                    dose=per_person(160.0),
                    source="European label (read): steady state of weekly doses",
                    peak=31.5,
                    area=198.0,
                    half_life=7.72,
                    interval=7.0,
                ),
            ),
            "mouse": FUSION_PROTEIN_MEASURED_IN_MICE,
        },
        source="160 mg weekly after 320 mg (label, read); mice: assumption; Kd 0.5 pM for IL-1 "
        "beta and 1.4 pM for alpha (review, read) against about 40 pM of canakinumab, of which a "
        "tenth is taken, as IL-1Ra competes for the trap (assumption); ratio is an assumption",
        confidence="low",
    ),
    "denosumab": Drug(
        "antibody against RANKL; in mice it stands for OPG-Fc, as denosumab does not bind mouse "
        "RANKL",
        target="rankl",
        molar_mass=147_000,
        marrow_plasma_ratio=0.098,
        kinetics={
            "human": Kinetics(
                bioavailability=0.61,
                absorption=LN2 / 2.7,
                elimination=0.022,
                volume=0.07,
                vmax=6.9e-4,
                km=0.411,
                source="bioavailability 61 % and half-life of absorption 2.7 d (PMID 22420579, "
                "read abstract); half-effect of the saturable part: bone-models 0.1.0, "
                "Martinez-Reina (read in code); volume, elimination and the size of the saturable "
                "part: fitted here to peak, area and half-lives below",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(per_person(60.0), 182.0), "mouse": Regimen(10.0, 7.0)},
        published={
            "human": (
                Published(
                    dose=per_person(60.0),
                    source="label (remembered): 6.75 mg/l, area within 16 weeks, half-life 25.4 d; "
                    "peak after 10 d and terminal half-life 15 d (Chen 2018, read abstract)",
                    peak=6.75,
                    peak_time=10.0,
                    area=316.0,
                    half_life=(15.0, 25.4),
                    until=112.0,
                ),
            ),
            "mouse": _antibody_measured_in_mice(10.0),
        },
        source="60 mg every six months (label, read); mice: OPG-Fc 1 mg/kg weekly to 20 mg/kg "
        "twice weekly (Bargman 2012, read abstract), which is found in rats for 30 days "
        "(Capparelli 2003, read abstract), as an antibody is; ratio of marrow to plasma (0.012 in "
        "bone-models 0.1.0, 0.005 to 0.1 plausible): calibrated on CTX, still 61 % down six months "
        "after a dose (read abstract)",
        confidence="medium",
    ),
    "adalimumab": Drug(
        "antibody against TNF: neutralizes TNF",
        target="tnf",
        molar_mass=148_000,
        marrow_plasma_ratio=0.1,
        kinetics={
            "human": Kinetics(
                bioavailability=0.64,
                absorption=0.5,
                elimination=LN2 / 14,
                volume=per_person(5.4),
                source="label (read): bioavailability 64 %, half-life 14 d, 4.7-6.0 l; the peak "
                "after 131 h gives the absorption",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(per_person(40.0), 14.0), "mouse": Regimen(10.0, 7.0)},
        published={
            "human": (
                Published(
                    dose=per_person(40.0),
                    source="label (read): 4.7 mg/l after 131 h, 10-20 d, 12 ml/h; peak 3.06 to "
                    "3.33 mg/l and area 1790 to 2650 ug h/ml in health (study of ABP 501, read in "
                    "a table)",
                    peak=(3.06, 4.7),
                    peak_time=131 * HOUR,
                    area=(1790 * HOUR, 2650 * HOUR),
                    half_life=(10.0, 20.0),
                ),
            ),
            "mouse": _antibody_measured_in_mice(10.0),
        },
        source="40 mg every two weeks (label, read); mice: 1 and 10 mg/kg of golimumab (Shealy "
        "2010, read abstract); ratio is an assumption",
        confidence="medium",
    ),
    "etanercept": Drug(
        "TNF receptor 2 on an Fc stem: neutralizes TNF",
        target="tnf",
        molar_mass=150_000,
        marrow_plasma_ratio=0.1,
        relative_potency=3.3,
        kinetics={
            "human": Kinetics(
                bioavailability=0.58,
                absorption=0.034 / HOUR,
                elimination=LN2 / 80 / HOUR,
                volume=per_person(0.58 * 0.142 * 80 / LN2),
                source="bioavailability 58 % (Zhou 2005, read abstract); absorption 0.04 1/h, "
                "clearance over bioavailability 40 to 160 ml/h and half-life 68 to 102 h in "
                "separate studies: 142 ml/h and 80 h meet those of patients",
            ),
            "mouse": FUSION_PROTEIN_IN_MICE,
        },
        regimen={"human": Regimen(per_person(50.0), 7.0), "mouse": Regimen(10.0, 3.5)},
        published={
            "human": (
                Published(
                    dose=per_person(25.0),
                    source="label (read): RA, n = 25; area from its clearance of 160 ml/h",
                    peak=1.1,
                    peak_time=69 * HOUR,
                    area=25 / 0.160 * HOUR,
                    half_life=102 * HOUR,
                ),
                Published(
                    dose=per_person(50.0),
                    source="Swiss label (read): RA, steady state of weekly doses",
                    peak=2.4,
                    area=297 * HOUR,
                    interval=7.0,
                ),
            ),
            "mouse": FUSION_PROTEIN_MEASURED_IN_MICE,
        },
        source="50 mg weekly (label, read); mice: assumption; neutralizes TNF at a concentration "
        "3.3 times lower than adalimumab does (as golimumab, endothelial cells, Shealy 2010, PMID "
        "20519961, read abstract), and binds it 12 times as tightly; ratio is an assumption",
        confidence="medium",
    ),
    "infliximab": Drug(
        "antibody against TNF, part mouse: neutralizes TNF",
        target="tnf",
        molar_mass=149_100,
        marrow_plasma_ratio=0.1,
        kinetics={
            "human": Kinetics(
                bioavailability=1.0,
                absorption=None,
                elimination=0.264 / 3.0,
                volume=per_person(3.0),
                route="into a vein",
                source="3.0-4.1 l (European label, read), 11-15 ml/h (Klotz 2007, read abstract)",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(3.0, 56.0), "mouse": Regimen(10.0, 3.5)},
        published={
            "human": (
                Published(
                    dose=3.0,
                    source="European label (read): 77 mg/l, 8-9.5 d; area from 11-15 ml/h (Klotz "
                    "2007, read abstract)",
                    peak=77.0,
                    area=(195 / 0.36, 195 / 0.264),
                    half_life=(8.0, 9.5),
                ),
            ),
            "mouse": _antibody_measured_in_mice(10.0),
        },
        source="3 mg/kg every 8 weeks (label, read); mice: 10 mg/kg twice weekly in mice with "
        "human TNF (toxicity study, read); neutralizes TNF as adalimumab does (Shealy 2010, read "
        "abstract); ratio is an assumption",
        confidence="medium",
    ),
    "tocilizumab": Drug(
        "antibody against the IL-6 receptor; in mice it stands for MR16-1, as tocilizumab does not "
        "block IL-6 in mouse cells",
        target="il6_receptor",
        molar_mass=148_000,
        marrow_plasma_ratio=0.1,
        kinetics={
            "human": Kinetics(
                bioavailability=1.0,
                absorption=None,
                elimination=0.0042 / 0.048,
                volume=0.048,
                vmax=0.08,
                km=2.7,
                route="into a vein",
                source="two compartments of 3.5 and 2.9 l, 0.3 l/day (0.25 in women), 7.5 mg/day, "
                "2.7 mg/l (Frey 2010, read in the code of nlmixr2lib); here one, fitted to the "
                "peak, the area and the trough of the label",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(8.0, 28.0), "mouse": Regimen(20.0, 7.0)},
        published={
            "human": (
                Published(
                    dose=8.0,
                    source="label (read): steady state of doses every 4 weeks",
                    peak=183.0,
                    area=35_000 * HOUR,
                    interval=28.0,
                ),
                Published(
                    dose=10.0,
                    source="label (read): RA; area from its clearance of 0.29 ml/(h kg)",
                    area=10 / 0.29e-3 * HOUR,
                    half_life=6.3,
                    reason="the label gives as much area for 8 mg/kg in the steady state",
                ),
            ),
            "mouse": _antibody_measured_in_mice(20.0),
        },
        source="8 mg/kg every 4 weeks (label, read); mice: MR16-1, 0.5 mg weekly after 2 mg (read "
        "abstract); ratio is an assumption",
        confidence="medium",
    ),
    "zoledronate": Drug(
        "bisphosphonate: binds to bone, kills osteoclasts that resorb it, lowers IL-1",
        target="bone_mineral",
        molar_mass=272,
        marrow_plasma_ratio=1.0,
        kinetics={"human": ZOLEDRONATE, "mouse": _in_mice(ZOLEDRONATE)},
        regimen={"human": Regimen(per_person(5.0), 365.0), "mouse": Regimen(0.1, 90.0)},
        full_dose={"human": per_person(5.0), "mouse": 0.1},
        published={"human": (), "mouse": ()},
        source="full doses: 5 mg is that of osteoporosis (label), 100 ug/kg the common single dose "
        "in mice, both remembered; 61 % bind to bone within a day (label, read), which the full "
        "dose contains",
        confidence="medium",
    ),
    "alendronate": Drug(
        "bisphosphonate by mouth: binds to bone, as zoledronate does, a little at each dose",
        target="bone_mineral",
        molar_mass=249,
        marrow_plasma_ratio=1.0,
        kinetics={
            "human": ALENDRONATE,
            "mouse": _in_mice(ALENDRONATE)._replace(bioavailability=1.0, route="under the skin"),
        },
        regimen={"human": Regimen(per_person(70.0), 7.0), "mouse": Regimen(1.0, 7.0)},
        full_dose={"human": per_person(70.0) / 0.08, "mouse": 2.5},
        published={"human": (), "mouse": ()},
        source="70 mg weekly (label, read); a weekly dose covers 8 % of the free sites, so that "
        "resorption falls by 56 % in 3 months and 62 % in 6 with a_BP 1.9: CTX -60 to -75 % "
        "(FACT, remembered; urine NTX -52 % in 3 months, Hosking 2003, read abstract); rats get "
        "1 mg/kg a week where they get 0.04 of zoledronate (read in a protocol), which gives the "
        "full dose of mice",
        confidence="low",
    ),
    "risedronate": Drug(
        "bisphosphonate by mouth: binds to bone more loosely than alendronate",
        target="bone_mineral",
        molar_mass=283,
        marrow_plasma_ratio=1.0,
        kinetics={
            "human": RISEDRONATE,
            "mouse": _in_mice(RISEDRONATE)._replace(bioavailability=1.0, route="under the skin"),
        },
        regimen={"human": Regimen(per_person(35.0), 7.0), "mouse": Regimen(0.5, 7.0)},
        full_dose={"human": per_person(35.0) / 0.035, "mouse": 2.9},
        published={"human": (), "mouse": ()},
        source="35 mg weekly (label, read); a weekly dose covers 3.5 % of the free sites, so "
        "that resorption falls by 42 % in 3 months and 52 % in 6 with a_BP 1.9: CTX -45 to -60 % "
        "(FACT, remembered; urine NTX -32 % in 3 months, Hosking 2003, read abstract); in years it "
        "comes near zoledronate, as risedronate does not; mice: assumption",
        confidence="low",
    ),
    "teriparatide": Drug(
        "PTH(1-34): daily pulses raise bone formation, and RANKL less",
        target="pth_receptor",
        molar_mass=4_118,
        marrow_plasma_ratio=1.0,
        half_effect=30.0,
        kinetics={
            "human": TERIPARATIDE,
            "mouse": _in_mice(TERIPARATIDE)._replace(
                source=f"rates in people times {RATE_FACTOR:.1f} (allometric rule, assumption): no "
                "study of mice was found; in rats labeled PTH(1-34) is 65 % available and lasts "
                "3.4-4.1 h (Hu 2006, read abstract), its fragments included"
            ),
        },
        regimen={"human": Regimen(per_person(0.02), 1.0), "mouse": Regimen(0.04, 1.0)},
        published={
            "human": (
                Published(
                    dose=per_person(0.02),
                    source="label (read): peak 4 to 5 times 7 pM after 30 min, half-life 1 h, 62 "
                    "l/h, 95 %; 104 pg/ml, both times 50 min in women (study of PTH(1-37), read "
                    "abstract)",
                    peak=(104e-6, 144e-6),
                    peak_time=(0.5 * HOUR, 50 / 60 * HOUR),
                    area=0.95 * 0.02 / 62 * HOUR,
                    half_life=(50 / 60 * HOUR, HOUR),
                ),
            ),
            "mouse": (),
        },
        source="20 ug a day (label, read); in mice 20, 40 and 80 ug/kg a day (Sugiyama 2008, read "
        "abstract); half effect is an assumption",
        confidence="low",
    ),
    "romosozumab": Drug(
        "antibody against sclerostin: raises bone formation and lowers resorption",
        target="sclerostin",
        molar_mass=149_000,
        marrow_plasma_ratio=0.1,
        half_effect=1000.0,
        kinetics={
            "human": Kinetics(
                bioavailability=0.81,
                absorption=0.52,
                elimination=0.228 / 6.19,
                volume=per_person(6.19),
                vmax=per_person(2.08),
                km=1.8,
                source="bioavailability 81 % (label, read); 0.25 l/day, 5.0 l in two compartments, "
                "12 nM and 15 nmol/day saturable (Stein 2018, fitted to Padhi 2011, read in the "
                "code of nlmixr2lib); here one compartment, fitted to the label from there",
            ),
            "mouse": ANTIBODY_IN_MICE,
        },
        regimen={"human": Regimen(per_person(210.0), 30.4375), "mouse": Regimen(25.0, 3.5)},
        published={
            "human": (
                Published(
                    dose=per_person(210.0),
                    source="label (read): healthy, n = 90; 12.8 d is its effective half-life",
                    peak=22.2,
                    peak_time=5.0,
                    area=389.0,
                    half_life=12.8,
                ),
            ),
            "mouse": _antibody_measured_in_mice(25.0),
        },
        source="210 mg monthly (label, read); rodents: 25 mg/kg twice weekly in rats (Li 2009, "
        "read in the figure of a review); ratio and half effect are assumptions",
        confidence="low",
    ),
    "prednisolone": Drug(
        "glucocorticoid: lowers inflammation and, in bone, the making and life of osteoblasts",
        target="glucocorticoid_receptor",
        molar_mass=360.4,
        marrow_plasma_ratio=0.14,
        kinetics={
            "human": PREDNISOLONE,
            "mouse": Kinetics(
                bioavailability=1.0,
                absorption=6.0 / HOUR,
                elimination=LN2 / 0.4 / HOUR,
                volume=1.3,
                route="by injection",
                source="rats: half-life 0.35-0.43 h, peak 0.5-0.8 mg/l per mg/kg of the phosphate "
                "(PMC4495976, read in a table); the absorption is an assumption. A pellet that "
                "releases it slowly is many small doses, every hour",
            ),
        },
        regimen={"human": Regimen(per_person(7.5), 1.0), "mouse": Regimen(5.0, 1.0)},
        published={
            "human": (
                Published(
                    dose=per_person(15.0),
                    source="liquid, six men: 430 ng/ml, 2030 ng h/ml (read abstract); peak "
                    "after 0.54 h (liquid) to 1.23 h (tablet) (PMID 7119300, read abstract); "
                    "half-life 3.5 h (Rose 1981) to 4.1 h (Al-Habet 1980, read abstracts)",
                    peak=0.430,
                    peak_time=(0.54 * HOUR, 1.23 * HOUR),
                    area=2.03 * HOUR,
                    half_life=(3.5 * HOUR, 4.11 * HOUR),
                ),
            ),
            "mouse": (
                Published(
                    dose=1.0,
                    source="rats, of the phosphate in a vein (PMC4495976, read in a table)",
                    peak=(0.45, 0.76),
                    half_life=(0.35 * HOUR, 0.43 * HOUR),
                ),
            ),
        },
        source="7.5 mg a day: the dose from which bone is protected (label of denosumab, read); "
        "mice: pellets of 2 to 5 mg/kg a day (remembered); ratio: what is not bound to protein, 14 "
        "% (Rose 1981, read abstract)",
        confidence="low",
    ),
    "il4": Drug(
        "IL-4: opposes osteoclastogenesis",
        target="il4_receptor",
        molar_mass=14_000,
        marrow_plasma_ratio=0.3,
        kinetics={"human": IL4, "mouse": _in_mice(IL4)},
        regimen={"human": Regimen(0.005, 1.0), "mouse": Regimen(0.04, 1.0)},
        published={
            "human": (
                Published(
                    dose=0.005,
                    source="peak after about 2 h (Davis 2000, read abstract)",
                    peak_time=2 * HOUR,
                ),
            ),
            "mouse": (),
        },
        source="up to 5 ug/kg a day in people (Davis 2000, read abstract); mice: 1 ug "
        "(assumption); ratio is an assumption",
        confidence="low",
    ),
    "il10": Drug(
        "IL-10: opposes osteoclastogenesis and the making of IL-1 and TNF",
        target="il4_receptor",
        molar_mass=37_000,
        marrow_plasma_ratio=0.3,
        relative_potency=10.0,
        kinetics={"human": IL10, "mouse": _in_mice(IL10)},
        regimen={"human": Regimen(0.008, 1.0), "mouse": Regimen(0.04, 1.0)},
        published={
            "human": (
                Published(
                    dose=0.025,
                    source="area from clearance and bioavailability (Radwanski 1998, read "
                    "abstract); half-life (Huhn 1997, read abstract)",
                    area=0.42 * 25 / 65 * HOUR,
                    half_life=(2.7 * HOUR, 4.5 * HOUR),
                ),
            ),
            "mouse": (),
        },
        source="1 to 50 ug/kg in people (Huhn 1997, read abstract), of which 8 (assumption); mice: "
        "1 ug (assumption); halves what blood makes of IL-1 and TNF at 0.03 ng/ml, 0.8 pM "
        "(Radwanski 1998, read abstract), a tenth of K_X; ratio is an assumption",
        confidence="low",
    ),
}


def standard_dose(drug: str, species: str) -> float:
    """Standard dose of a drug [mg/kg].

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    return DRUGS[drug].regimen[species].dose


def plausible_doses(drug: str, species: str) -> tuple[float, float]:
    """Lowest and highest dose of a drug that is not doubted [mg/kg].

    Antibodies are often given to mice at the dose per weight of people, which is the lower end.

    Args:
        drug: its name in `DRUGS`.
        species: "mouse" or "human".
    """
    own, human = (standard_dose(drug, name) for name in (species, "human"))
    return min(own, human) / DOUBTED_RATIO, own * DOUBTED_RATIO
