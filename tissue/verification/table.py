"""The facts, one record each: what was found, where, and what the model should give."""

from collections.abc import Sequence
from math import inf

from tissue.verification import exact, human, mouse, numerics
from tissue.verification.facts import Expected, Fact
from tissue.verification.lab import Lab, Measured

MOUSE, HUMAN = "mouse, mechanostat on", "human, mechanostat on"
EXACT = "no bone"

READ = "abstract read"
REMEMBERED = "remembered"


def _il1ra(lab: Lab) -> Sequence[Measured]:
    return [*exact.blocked(lab), *mouse.il1ra_blocks_il1_only(lab)]


def _more(what: str, unit: str = "1") -> Expected:
    """Something that must be above zero, resolved."""
    return Expected(what, 0, inf, unit, order=True)


def _less(what: str, unit: str = "1") -> Expected:
    """Something that must be below zero, resolved."""
    return Expected(what, -inf, 0, unit, order=True)


FACTS: tuple[Fact, ...] = (
    Fact(
        "V01",
        "young mice lose 48 or 70 % of their trabecular bone in 3 weeks without ovaries",
        f"Lorenzo 1998, {READ}",
        "known gap",
        MOUSE,
        (Expected("change of BV/TV", -75, -40, "%"),),
        mouse.young_mice,
    ),
    Fact(
        "V02",
        "mice without IL-1R1 lose no bone in 3 weeks without ovaries",
        f"Lorenzo 1998, {READ}",
        "calibrated",
        MOUSE,
        (Expected("loss over that of normal mice", -0.2, 0.2, "1"),),
        mouse.no_receptor,
    ),
    Fact(
        "V03",
        "five strains of mice a month after ovariectomy",
        f"Bouxsein 2005, {READ}",
        "calibrated",
        MOUSE,
        (Expected("change of BV/TV", -30, -10, "%"),),
        mouse.one_month,
    ),
    Fact(
        "V04",
        "vertebrae of mice one and three months after ovariectomy: -20 and -27 %",
        f"strain study, {READ}",
        "calibrated",
        MOUSE,
        (
            Expected("change of BV/TV at 28 d", -40, -15, "%"),
            Expected("change of BV/TV at 90 d", -40, -15, "%"),
            _more("rate from then on less that of the first month", "%/day"),
        ),
        mouse.three_months,
    ),
    Fact(
        "V05",
        "rats 2 weeks after ovariectomy: IL-1Ra and a TNF binding protein each prevent some loss, "
        "both together all",
        f"Kimble 1995, {READ}",
        "calibrated",
        MOUSE,
        (
            Expected("prevented by IL-1Ra, 300 pM", 0, 1, "1", order=True),
            Expected("prevented by TNF binding", 0, 1, "1", order=True),
            _more("by both less by the better one"),
            Expected("prevented by both, IL-1Ra 2 nM", 0.9, 1.1, "1"),
        ),
        mouse.each_and_both,
    ),
    Fact(
        "V06",
        "mice 2 weeks after ovariectomy: a TNF binding protein prevents the loss; of how much V05 "
        "says otherwise, so that only the sign counts",
        f"Kimble 1997, {READ}",
        "calibrated",
        MOUSE,
        (_more("prevented by TNF binding"),),
        mouse.tnf_binding,
    ),
    Fact(
        "V07",
        "rats without ovaries: after 4 weeks of IL-1Ra no loss for another 4 to 6 weeks",
        f"Kimble 1994, {READ}",
        "known gap",
        MOUSE,
        (Expected("time until 1 % is lost", 28, inf, "day"),),
        mouse.after_treatment,
    ),
    Fact(
        "V08",
        "TNF makes half as many osteoclasts without IL-1R1",
        f"Wei 2005, {READ}",
        "calibrated",
        MOUSE,
        (Expected("osteoclasts gained over those of normal mice", 0.35, 0.65, "1"),),
        mouse.tnf_osteoclasts,
    ),
    Fact(
        "V09",
        "IL-1Ra abolishes the RANKL that TNF induces in stromal cells",
        f"Wei 2005, {READ}",
        "predicted",
        EXACT,
        (Expected("induction with IL-1Ra over that without", -0.1, 0.1, "1"),),
        exact.stromal_rankl,
    ),
    Fact(
        "V10",
        "IL-1 makes no osteoclasts without RANKL, and more of them with it",
        f"Wei 2005, Kim 2009, Moon 2013, {READ}",
        "predicted",
        MOUSE,
        (
            Expected("osteoclasts over health, no RANKL, IL-1 +30 pM, 56 d", 0, 0.05, "1"),
            _more("rise of osteoclasts, IL-1 +10 pM, 28 d"),
        ),
        mouse.il1_without_rankl,
    ),
    Fact(
        "V11",
        "osteoclasts made by TNF are not blocked by OPG",
        f"Kobayashi 2000, {READ}",
        "predicted",
        reason="contradicts V10: in the model TNF, like IL-1, needs some RANKL to make osteoclasts",
    ),
    Fact(
        "V12",
        "mice with human TNF are protected from bone loss where they lack IL-1",
        f"Polzer 2010, {READ}; protection {REMEMBERED}",
        "predicted",
        MOUSE,
        (Expected("loss over that with IL-1", -inf, 0.4, "1"),),
        mouse.tnf_mice,
    ),
    Fact(
        "V13",
        "mice with human TNF have far less joint erosion where they lack IL-1",
        f"Zwerina 2007, {REMEMBERED}",
        "predicted",
        MOUSE,
        (
            _more("volume eroded near a pannus in 28 d", "%"),
            Expected("of it prevented without IL-1", 50, 100, "%"),
        ),
        mouse.focal_erosion,
    ),
    Fact(
        "V14",
        "IL-1 prolongs the life of osteoclasts",
        f"Jimi 1998, {READ}",
        "predicted",
        EXACT,
        (Expected("life at saturating IL-1 over that in health", 1.5, inf, "1"),),
        exact.lifetime,
    ),
    Fact(
        "V15",
        "IL-1 beta of half effect: 0.75 pM on bone nodules, 38 pM on resorption; the model has one "
        "EC50 for all cells, between the two",
        f"Stashenko 1987, {READ}",
        "known gap",
        EXACT,
        (
            Expected("half effect on formation", 0.3, 2, "pM"),
            Expected("half effect on resorption", 15, 100, "pM"),
        ),
        exact.potencies,
    ),
    Fact(
        "V16",
        "IL-1 alpha of half effect on resorption of fetal mouse forearms: 183 pM",
        f"organ culture, {READ}",
        "predicted",
        EXACT,
        (Expected("half effect on resorption", 50, 400, "pM"),),
        exact.il1_alpha,
    ),
    Fact(
        "V17",
        "IL-1 over mouse calvaria for 3 days: resorption up at once, most bone lost by 3-4 weeks, "
        "then replaced",
        f"Boyce 1989, {READ}",
        "predicted",
        MOUSE,
        (
            _more("rise of resorption after a day, IL-1 +30 pM for 3 d"),
            _less("lowest BV/TV", "%"),
            Expected("time of the lowest", 3, 28, "day"),
            Expected("regained by day 93", 50, inf, "%"),
        ),
        mouse.three_days,
    ),
    Fact(
        "V18",
        "mice infused with IL-1 for 3 days: the more, the more osteoclasts and resorption",
        f"Sabatini 1988, {READ}",
        "predicted",
        MOUSE,
        (_more("least rise of resorption, 1 to 100 pM"),),
        mouse.dose_response,
    ),
    Fact(
        "V19",
        "IL-1Ra stops what IL-1 does to bone and blood calcium, not what PTH does",
        f"Guise 1993, {READ}",
        "predicted",
        MOUSE,
        (
            Expected("signal blocked, IL-1 3 to 30 pM, IL-1Ra 10 nM", 90, 100, "%"),
            Expected("loss by RANKL x1.5 with IL-1Ra over that without", 0.9, 1.1, "1"),
        ),
        _il1ra,
    ),
    Fact(
        "V20",
        "rats given IL-1: osteoclasts up as by PTH, but formation falls behind",
        f"Nguyen 1991, {READ}",
        "predicted",
        MOUSE,
        (
            _more("rise of resorption, IL-1 +10 pM, 28 d"),
            Expected("1 less formation over resorption, IL-1 +10 pM", 0.3, 1, "1", order=True),
            Expected("formation over resorption, RANKL x1.5, 56 d", 0.9, 1.1, "1"),
        ),
        mouse.uncoupling,
    ),
    Fact(
        "V21",
        "mice infused with IL-1 for 2-6 days: less mineral apposition, less bone",
        f"Toxicol Pathol 1991, {READ}",
        "predicted",
        MOUSE,
        (
            _less("change of formation per osteoblast, IL-1 +10 pM, 6 d"),
            _less("change of BV/TV", "%"),
        ),
        mouse.mineral_apposition,
    ),
    Fact(
        "V22",
        "IL-1 stops osteoblasts from moving, a gradient more so; read as repulsion",
        f"Hengartner 2013, {READ}",
        "predicted",
        "mouse at rest",
        (
            Expected("variation of P exp(chi_I s / D_P)", 0, 1e-5, "1"),
            Expected("variation of P without repulsion", 0, 1e-5, "1"),
            Expected("P at 1 pM over that at 40 pM", 3, inf, "1"),
        ),
        numerics.repelled,
    ),
    Fact(
        "V23",
        "IL-1Ra halves the effect of IL-1 only in large excess",
        f"Arend 1993, {READ}",
        "predicted",
        EXACT,
        (
            Expected("least IL-1Ra over IL-1, IL-1 3 to 100 pM", 10, 1000, "1"),
            Expected("most IL-1Ra over IL-1", 10, 1000, "1"),
        ),
        exact.excess_needed,
    ),
    Fact(
        "V24",
        "a hundredfold of IL-1Ra stops resorption by IL-1 beta, not by IL-1 alpha",
        f"calvaria study 1994, {READ}",
        "predicted",
        EXACT,
        (
            Expected("signal of IL-1 beta blocked", 50, 100, "%"),
            Expected("signal of IL-1 alpha blocked", 0, 50, "%"),
        ),
        exact.two_forms,
    ),
    Fact(
        "V25",
        "anakinra under the skin",
        "label, read",
        "numerics",
        EXACT,
        (
            Expected("half-life", 4, 6, "h"),
            Expected("time of the peak", 3, 7, "h"),
            Expected("bioavailability", 94, 96, "%"),
        ),
        exact.anakinra_kinetics,
    ),
    Fact(
        "V26",
        "the mean signal of a day on anakinra is twice that at the mean drug, IL-1 5 pM",
        "computed",
        "numerics",
        EXACT,
        (
            Expected("mean signal over that at the mean drug", 1.6, 2.4, "1"),
            Expected("signal of a step of a day over the mean", 0.98, 1.02, "1"),
        ),
        exact.one_day_step,
    ),
    Fact(
        "V27",
        "24 weeks of anakinra slow the erosion of joints by 41 %",
        f"Bresnihan 1998, {READ}",
        "calibrated",
        HUMAN,
        (Expected("volume eroded over that without", 0.4, 0.75, "1"),),
        human.anakinra_in_arthritis,
    ),
    Fact(
        "V28",
        "synovial fluid in arthritis holds 1 nM of IL-1Ra, 773 times IL-1 beta",
        f"two studies, {READ}",
        "known gap",
        HUMAN,
        (
            Expected("IL-1Ra in a pannus", 0.3, 3, "nM"),
            Expected("IL-1Ra over IL-1 there", 188, 1570, "1"),
            _more("signal above health there"),
        ),
        human.synovial_fluid,
    ),
    Fact(
        "V29",
        "the spines of women lose 7.4 % in 3 years of menopause and 10.6 % in 10",
        f"SWAN (Greendale 2012), {READ}",
        "calibrated",
        HUMAN,
        (
            Expected("loss of BV/TV in 3 years", 6, 9, "%"),
            Expected("loss of BV/TV in 10 years", 9, 12, "%"),
        ),
        human.bone_loss,
    ),
    Fact(
        "V30",
        "loss is fastest in the 2 years after the final period: 1.7 %/year before, 3.3 after, 1.1 "
        "later; the numbers contradict V29, so that only their order counts",
        f"Michigan cohort, {READ}",
        "predicted",
        HUMAN,
        (
            _more("2 years after less 2 years before", "%/year"),
            _more("2 years after less 2-7 years after", "%/year"),
            Expected("2 years before (1.7)", -inf, inf, "%/year"),
            Expected("2 years after (3.3)", -inf, inf, "%/year"),
            Expected("2-7 years after (1.1)", -inf, inf, "%/year"),
        ),
        human.rates,
    ),
    Fact(
        "V31",
        "IL-1 is up 2 weeks after oophorectomy and falls back in the 8 years after menopause; "
        "formation follows resorption by weeks; in another model (OpenBoneMin) osteoclasts rise "
        "more than osteoblasts, 1.92 and 1.45 fold",
        f"Pacifici 1989, 1991, {READ}; OpenBoneMin, run",
        "predicted",
        HUMAN,
        (
            Expected("share of the rise of IL-1 within 14 d", 0.5, 1, "1"),
            Expected("share of it left after 8 years", 0, 0.5, "1"),
            Expected("lag of formation behind resorption", 14, 112, "day"),
            _more("osteoclasts gained less osteoblasts gained, 2 years"),
            _more("osteoblasts gained"),
        ),
        human.il1_after_menopause,
    ),
    Fact(
        "V32",
        "denosumab lowers CTX by over 80 % within 5 days and still by over 40 % at 6 months",
        f"Chen 2018, {READ}",
        "calibrated",
        HUMAN,
        (
            Expected("fall of resorption at 5 d", 70, 100, "%"),
            Expected("fall of resorption at 182 d", 40, 100, "%"),
        ),
        human.denosumab_marker,
    ),
    Fact(
        "V33",
        "total hip under denosumab: +3.2, 4.4 and 5.0 % after 1, 2 and 3 years",
        f"FREEDOM (Austin 2012), {READ}",
        "known gap",
        HUMAN,
        (
            Expected("gain of BV/TV at 1 year", 1.9, 4.5, "%"),
            Expected("gain of BV/TV at 2 years", 2.6, 6.2, "%"),
            Expected("gain of BV/TV at 3 years", 3.0, 7.0, "%"),
        ),
        human.denosumab_hip,
    ),
    Fact(
        "V34",
        "CTX 60 % lower 9-11 days after zoledronate; lumbar spine after 3 years +9.2 % on "
        "denosumab, +6.7 % on zoledronate",
        f"Delmas 2009, {READ}; FREEDOM, HORIZON, {REMEMBERED}",
        "known gap",
        HUMAN,
        (
            Expected("fall of resorption 10 d after zoledronate", 50, 70, "%"),
            Expected("gain of BV/TV on denosumab, 3 years", 6.4, 12, "%"),
            Expected("gain of BV/TV on zoledronate, 3 years", 4.7, 8.7, "%"),
        ),
        human.three_years,
    ),
    Fact(
        "V35",
        "after denosumab CTX rebounds above what it was before and the gain is lost; in another "
        "model (OpenBoneMin) osteoclasts fall to 0.11, rebound to 1.78, and three quarters of the "
        "gain are lost in a year",
        "reviews; OpenBoneMin, run",
        "calibrated",
        HUMAN,
        (
            _more("highest resorption afterwards over before, less 1"),
            Expected("of the gain lost in the year afterwards", 50, inf, "%"),
            Expected("lowest resorption on denosumab over before", 0, 0.2, "1"),
            Expected("highest resorption afterwards over before", 1.3, 3, "1"),
        ),
        human.rebound,
    ),
    Fact(
        "V36",
        "after bisphosphonate turnover returns within 3-60 months, without rebound",
        "review",
        "calibrated",
        HUMAN,
        (
            _more("highest resorption afterwards below that before", "%"),
            Expected("last dose until half of the effect is gone", 3, 60, "month"),
        ),
        human.no_rebound,
    ),
    Fact(
        "V37",
        "OPG goes with more bone, RANKL with less",
        f"Boaretti 2023, {READ}",
        "predicted",
        MOUSE,
        (
            _more("change of BV/TV, RANKL x0.5, 56 d", "%"),
            _less("change of BV/TV, RANKL x1.5, 56 d", "%"),
            _more("change of BV/TV, OPG x1.5, 56 d", "%"),
        ),
        mouse.rankl_and_opg,
    ),
    Fact(
        "V38",
        "RANKL of osteocytes controls remodeling, that of osteoblasts and precursors does not",
        f"Xiong 2011, {READ}",
        "predicted",
        MOUSE,
        (
            _more("fewer osteoclasts without osteocyte RANKL, 28 d"),
            _more("gain of BV/TV without it less without that of precursors", "%"),
        ),
        mouse.who_makes_rankl,
    ),
    Fact(
        "V39",
        "factors freed by resorption bring formation; without them the two come apart",
        f"Tang 2009, {READ}",
        "predicted",
        "mouse, mechanostat off",
        (
            _more("rise of formation, RANKL x1.5, 56 d"),
            Expected("the same without coupling, over it", -0.5, 0.5, "1"),
            _less("change of BV/TV without coupling less with it", "%"),
        ),
        mouse.coupling,
    ),
    Fact(
        "V40",
        "IL-4 abolishes osteoclast formation, by TNF too",
        f"Abu-Amer 2001, Wei 2002, Moreno 2003, {READ}",
        "predicted",
        MOUSE,
        (
            _more("rise of osteoclasts under TNF 20 pM, 28 d"),
            Expected("osteoclasts over health with IL-4 besides", 0, 1, "1", order=True),
        ),
        mouse.il4,
    ),
    Fact(
        "V41",
        "mice without IL-1R1 have little bone from the start, by the brain's IL-1",
        f"Bajayo 2005, {READ}",
        "known gap",
        MOUSE,
        (Expected("change of BV/TV, 56 d", -inf, 0, "%"),),
        mouse.without_receptor_at_rest,
    ),
    Fact(
        "V42",
        "tibiae of mice: BV/TV 11-12 %, trabeculae 50 um thick, 4.3 per mm",
        "table (PMC3748612), read",
        "predicted",
        "synthetic bone",
        (
            Expected("BV/TV", 11, 12, "%"),
            Expected("thickness", 45, 55, "um"),
            Expected("number", 3.4, 5.2, "1/mm"),
        ),
        numerics.made_up_bone,
    ),
    Fact(
        "V43",
        "area of a ball: voxel faces 1.50, gradient of a binary image 1.09 of the true one",
        "computed",
        "numerics",
        "a ball",
        (
            Expected("area as in the model over the true one", 0.97, 1.03, "1"),
            Expected("gradient of a binary image", 1.05, 1.15, "1"),
            Expected("voxel faces", 1.45, 1.55, "1"),
        ),
        numerics.area,
    ),
    Fact(
        "V44",
        "a ball of 150 um eroded to 90 um moves at the speed asked for",
        "computed",
        "numerics",
        "a ball",
        tuple(
            Expected(f"speed over that asked for, voxels of {h} um", 0.95, 1.05, "1")
            for h in (20, 10, 5)
        ),
        numerics.velocity,
    ),
    Fact(
        "V45",
        "uniform IL-1 of +3.5 pM for 28 days does to bone in space what it does in the well-mixed "
        "limit",
        "computed, by a program written independently",
        "numerics",
        "shrew at 8.2 um, mechanostat off",
        (
            Expected("change of BV/TV less that in the limit", -0.5, 0.5, "points"),
            Expected("osteoclasts over those in the limit", 0.95, 1.05, "1"),
            Expected("osteoblasts over those in the limit", 0.95, 1.05, "1"),
        ),
        numerics.real_bone_without_space,
        slow=True,
    ),
    Fact(
        "V46",
        "steps of 1 and 0.5 days shift the loss of 28 days without ovaries by 0.49 and 0.24 points",
        "computed with the well-mixed limit",
        "numerics",
        MOUSE,
        (
            Expected("shift by steps of 1 d", 0, 0.49, "points"),
            Expected("shift by steps of 0.5 d", 0, 0.24, "points"),
        ),
        numerics.splitting,
    ),
    Fact(
        "T01",
        "PTH, which raises RANKL, for 60 days: osteoclasts rise at once (4.0 times), osteoblasts "
        "follow 30 days later (2.8 times), and both fall back",
        "Lemaire 2004, run",
        "trajectory",
        "human, mechanostat off",
        (
            _more("highest osteoblasts, RANKL x1.5 for 60 d, over before, less 1"),
            _more("highest osteoclasts less highest osteoblasts"),
            Expected("half of the rise of osteoblasts after that of osteoclasts", 10, 90, "day"),
            Expected("of the rise of osteoclasts left after 60 d", -0.2, 0.2, "1"),
            Expected("of the rise of osteoblasts left after 120 d", -0.2, 0.5, "1"),
        ),
        human.pulse_of_rankl,
    ),
    Fact(
        "T02",
        "a burst of osteoclasts: bone is lowest on day 12, osteoblasts are highest on day 14, and "
        "the bone is made good",
        "Komarova 2003, run",
        "trajectory",
        MOUSE,
        (
            Expected("lowest BV/TV after the most osteoclasts", 2, 36, "day"),
            Expected("most osteoblasts after the most osteoclasts", 2, 42, "day"),
            Expected("regained by day 93", 50, 150, "%"),
        ),
        mouse.burst_of_osteoclasts,
    ),
    Fact(
        "T03",
        "denosumab: osteoblasts fall with osteoclasts (0.37), bone is highest as the effect ends, "
        "then osteoclasts (1.78) and, weeks later, osteoblasts (1.47) overshoot",
        "OpenBoneMin, run",
        "trajectory",
        HUMAN,
        (
            Expected("lowest osteoblasts on denosumab over before", 0, 1, "1", order=True),
            Expected("highest BV/TV after the end of the last effect", -91, 91, "day"),
            _more("highest osteoclasts afterwards over before, less 1"),
            _more("highest osteoblasts afterwards over before, less 1"),
            Expected("most osteoblasts after the most osteoclasts", 0, 182, "day"),
        ),
        human.course_of_denosumab,
    ),
    Fact(
        "T04",
        "estrogen that falls for decades: osteoclasts rise (1.92 times in 20 years), osteoblasts "
        "less (1.45 times), bone is lost throughout (6 to 8 %)",
        "OpenBoneMin, run",
        "known gap",
        HUMAN,
        (
            _more("osteoblasts at 20 years over before, less 1"),
            _more("osteoclasts less osteoblasts at 20 years, over before"),
            _less("change of BV/TV from 10 to 20 years", "%"),
            Expected("change of BV/TV in 20 years (-6 to -8)", -inf, inf, "%"),
        ),
        human.slow_menopause,
        slow=True,
    ),
)
