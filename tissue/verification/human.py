"""What patients say: runs on human bone."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tissue.verification.lab import History, Lab, Measured

Found = Sequence[Measured]

YEAR = 365.25
ONE, HALF = Measured(1.0), 0.5
MENOPAUSE: dict[str, Any] = {"aging": True, "estrogen": {"loss": 1.0, "ramp": "2 year"}}
TREATED = 1096.0
"""Start of treatment, three years after the onset of menopause [day]."""
DENOSUMAB_DOSES, INTERVAL = 6, 182.0
LAST_EFFECT = TREATED + DENOSUMAB_DOSES * INTERVAL
"""Six months after the last dose of denosumab [day]."""
ZOLEDRONATE_DOSES = 3
FINAL_PERIOD = 1.0
"""Years from the onset to the final menstrual period, in the middle of the ramp."""


def entering(lab: Lab) -> History:
    """The first three years from the onset of menopause."""
    return lab.run("human", TREATED - 1, every=73, disease=MENOPAUSE)


def untreated(lab: Lab) -> History:
    """Ten years."""
    return lab.run("human", 10 * YEAR, after=entering(lab), every=182, disease=MENOPAUSE)


def denosumab(lab: Lab) -> History:
    """Six doses and a year and a half after the effect of the last."""
    times = [f"{TREATED + INTERVAL * i:g} day" for i in range(DENOSUMAB_DOSES)]
    therapy = [{"drug": "denosumab", "dose": "60 mg", "times": times}]
    end = LAST_EFFECT + 1.5 * YEAR
    return lab.run("human", end, after=entering(lab), every=91, disease=MENOPAUSE, therapy=therapy)


def zoledronate(lab: Lab) -> History:
    """Three yearly doses and five years after the last."""
    times = [f"{TREATED + 365 * i:g} day" for i in range(ZOLEDRONATE_DOSES)]
    therapy = [{"drug": "zoledronate", "dose": "5 mg", "times": times}]
    end = TREATED + 365 * (ZOLEDRONATE_DOSES - 1) + 5 * YEAR
    return lab.run("human", end, after=entering(lab), every=91, disease=MENOPAUSE, therapy=therapy)


def gain(run: History, time: float) -> Measured:
    """Bone gained since the start of treatment, of that at its start [%]."""
    start, now = run.change(TREATED - 1), run.change(time)
    share = (100 + now.value) / (100 + start.value) - 1
    return Measured(100 * share, now.error - start.error)


def fall(run: History, time: float) -> Measured:
    """Fall of the resorption marker since the start of treatment [%]."""
    return ONE.minus(run.marker(time, TREATED - 1)).times(100)


def bone_loss(lab: Lab) -> Found:
    """V29."""
    run = untreated(lab)
    return [run.change(3 * YEAR).times(-1), run.change(10 * YEAR).times(-1)]


def rates(lab: Lab) -> Found:
    """V30: loss per year before the final period, after it, and later."""
    run = untreated(lab)

    def rate(start: float, end: float) -> Measured:
        years = end - start
        early, late = (run.change(YEAR * max(t + FINAL_PERIOD, 0)) for t in (start, end))
        return late.minus(early).times(-1 / years)

    before, after, later = rate(-2, 0), rate(0, 2), rate(2, 7)
    return [after.minus(before), after.minus(later), before, after, later]


def il1_after_menopause(lab: Lab) -> Found:
    """V31."""
    surgery = lab.run("human", 365, every=7, disease={"aging": True, "estrogen": {"loss": 1.0}})
    marrow = surgery.columns["il1_marrow_pM"]
    two_weeks = surgery.level("il1_marrow_pM", 14) - marrow[0]
    run = untreated(lab)
    excess = run.columns["il1_marrow_pM"] - run.columns["il1_marrow_pM"][0]
    later = float(np.interp(8 * YEAR, run.times, excess)) / excess.max()
    lag = _half_rise(surgery, "formation_um_per_day") - _half_rise(surgery, "resorption_um_per_day")
    more = run.fold("osteoclasts_per_mm2", 2 * YEAR).minus(ONE)
    built = run.fold("osteoblasts_per_mm2", 2 * YEAR).minus(ONE)
    return [
        Measured(float(two_weeks / (marrow.max() - marrow[0]))),
        Measured(later),
        Measured(lag),
        more.minus(built),
        built,
    ]


def _half_rise(run: History, name: str) -> float:
    """Time at which a metric has risen by half of what it rises [day]."""
    values = run.columns[name] / run.columns[name][0] - 1
    top = int(np.argmax(values))
    return float(np.interp(HALF * values[top], values[: top + 1], run.times[: top + 1]))


def denosumab_marker(lab: Lab) -> Found:
    """V32."""
    run = denosumab(lab)
    return [fall(run, TREATED + 5), fall(run, TREATED + INTERVAL)]


def denosumab_hip(lab: Lab) -> Found:
    """V33."""
    run = denosumab(lab)
    return [gain(run, TREATED + year * YEAR) for year in (1, 2, 3)]


def three_years(lab: Lab) -> Found:
    """V34."""
    return [
        fall(zoledronate(lab), TREATED + 10),
        gain(denosumab(lab), TREATED + 3 * YEAR - 4),
        gain(zoledronate(lab), TREATED + 3 * YEAR),
    ]


def rebound(lab: Lab) -> Found:
    """V35."""
    run = denosumab(lab)
    before = np.interp(TREATED - 1, run.times, run.resorbed)
    off = run.times > LAST_EFFECT
    on = (run.times > TREATED) & ~off
    highest = float(run.resorbed[off].max() / before)
    lowest = float(run.resorbed[on].min() / before)
    kept = gain(run, LAST_EFFECT + YEAR).over(gain(run, LAST_EFFECT))
    return [
        Measured(highest - 1, run.relative_error * highest),
        ONE.minus(kept).times(100),
        Measured(lowest, run.relative_error * lowest),
        Measured(highest, run.relative_error * highest),
    ]


def no_rebound(lab: Lab) -> Found:
    """V36."""
    run = zoledronate(lab)
    last = TREATED + 365 * (ZOLEDRONATE_DOSES - 1)
    before = np.interp(TREATED - 1, run.times, run.resorbed)
    free = untreated(lab)
    own = run.resorbed / np.interp(run.times, free.times, free.resorbed)
    after = run.times > last + 365
    back = own[after] > 1 - HALF * (1 - own[after][0])
    returned = run.times[after][int(np.argmax(back))] if back.any() else np.inf
    highest = float(run.resorbed[after].max() / before)
    return [
        ONE.minus(Measured(highest, run.relative_error * highest)).times(100),
        Measured(float(returned - last) / (YEAR / 12)),
    ]


ANAKINRA = [{"drug": "anakinra", "dose": "100 mg", "every": "1 day"}]
TRIAL = 168.0
PANNUS = {"pannus": {"faces": ["z_low"], "depth": "100 um"}}


def _inflamed(lab: Lab) -> History:
    return lab.run("human", TRIAL, every=28, disease=PANNUS)


def anakinra_in_arthritis(lab: Lab) -> Found:
    """V27."""
    treated = lab.run("human", TRIAL, every=28, disease=PANNUS, therapy=ANAKINRA)
    return [treated.eroded.over(_inflamed(lab).eroded)]


def synovial_fluid(lab: Lab) -> Found:
    """V28: IL-1Ra and IL-1 in the pannus, and the signal that is left."""
    from tissue.verification.exact import pannus_signal

    run = _inflamed(lab)
    il1 = np.asarray(run.state.il1)[:5]
    eps = 1 - np.asarray(run.state.bone_volume_fraction)[:5]
    level = float((eps * il1).sum() / eps.sum())
    ra, excess = pannus_signal("human", level)
    return [Measured(ra / 1000), Measured(ra / level), Measured(excess)]


def pulse_of_rankl(lab: Lab) -> Found:
    """T01: 60 days of more RANKL, and 120 days afterwards, which human osteoblasts need."""
    off = {"mechanostat": True}
    during = lab.run("human", 60, every=5, disease={"rankl_production": 1.5}, knockout=off)
    run = lab.run("human", 180, after=during, every=10, knockout=off)
    osteoclasts, osteoblasts = "osteoclasts_per_mm2", "osteoblasts_per_mm2"

    def left(name: str, time: float) -> Measured:
        return run.fold(name, time).minus(ONE).over(run.highest(name).minus(ONE))

    return [
        run.highest(osteoblasts).minus(ONE),
        run.highest(osteoclasts).minus(run.highest(osteoblasts)),
        Measured(_half_rise(run, osteoblasts) - _half_rise(run, osteoclasts)),
        left(osteoclasts, 120),
        left(osteoblasts, 180),
    ]


def course_of_denosumab(lab: Lab) -> Found:
    """T03."""
    run = denosumab(lab)
    osteoclasts, osteoblasts = "osteoclasts_per_mm2", "osteoblasts_per_mm2"
    off = run.times >= LAST_EFFECT
    on = (run.times > TREATED) & ~off

    def relative(name: str) -> np.ndarray:
        return run.columns[name] / run.level(name, TREATED - 1)

    lowest = float(relative(osteoblasts)[on].min())
    highest = [float(relative(name)[off].max()) for name in (osteoclasts, osteoblasts)]
    later, sooner = (run.when_highest(name, LAST_EFFECT) for name in (osteoblasts, osteoclasts))
    return [
        Measured(lowest, run.relative_error * lowest),
        Measured(run.when_highest("bv_tv", TREATED) - LAST_EFFECT),
        *(Measured(each - 1, run.relative_error * each) for each in highest),
        Measured(later - sooner),
    ]


def slow_menopause(lab: Lab) -> Found:
    """T04."""
    slow = {"estrogen": {"loss": 1.0, "ramp": "15 year"}}
    run = lab.run("human", 20 * YEAR, every=YEAR, disease=slow)
    osteoclasts, osteoblasts = (
        run.fold(f"{name}_per_mm2", 20 * YEAR).minus(ONE) for name in ("osteoclasts", "osteoblasts")
    )
    change = run.change(20 * YEAR)
    return [
        osteoblasts,
        osteoclasts.minus(osteoblasts),
        change.minus(run.change(10 * YEAR)),
        change,
    ]
