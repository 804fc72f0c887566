"""Findings on patients: simulations of human bone."""

from typing import Any

import numpy as np

from tissue.validation.culture import pannus_signal
from tissue.validation.simulations import ONE, Estimate, Estimates, SimulationCache, Trajectory

YEAR = 365.25
MENOPAUSE: dict[str, Any] = {"aging": True, "estrogen": {"loss": 1.0, "ramp": "2 year"}}
TREATED = 1096.0
"""Start of treatment, three years after the onset of menopause [day]."""
DENOSUMAB_DOSES, INTERVAL = 6, 182.0
LAST_EFFECT = TREATED + DENOSUMAB_DOSES * INTERVAL
"""Six months after the last dose of denosumab [day]."""
ZOLEDRONATE_DOSES = 3
FINAL_PERIOD = 1.0
"""Time from the onset of menopause to the final menstrual period, the middle of the ramp [year]."""


def onset(cache: SimulationCache) -> Trajectory:
    """The first three years from the onset of menopause."""
    return cache.run("human", TREATED - 1, every=73, disease=MENOPAUSE)


def untreated(cache: SimulationCache) -> Trajectory:
    """Ten years of menopause without treatment."""
    return cache.run("human", 10 * YEAR, after=onset(cache), every=182, disease=MENOPAUSE)


def denosumab(cache: SimulationCache) -> Trajectory:
    """Six doses of denosumab and a year and a half after the effect of the last."""
    times = [f"{TREATED + INTERVAL * i:g} day" for i in range(DENOSUMAB_DOSES)]
    therapy = [{"drug": "denosumab", "dose": "60 mg", "times": times}]
    end = LAST_EFFECT + 1.5 * YEAR
    return cache.run("human", end, after=onset(cache), every=91, disease=MENOPAUSE, therapy=therapy)


def zoledronate(cache: SimulationCache) -> Trajectory:
    """Three yearly doses of zoledronate and five years after the last."""
    times = [f"{TREATED + 365 * i:g} day" for i in range(ZOLEDRONATE_DOSES)]
    therapy = [{"drug": "zoledronate", "dose": "5 mg", "times": times}]
    end = TREATED + 365 * (ZOLEDRONATE_DOSES - 1) + 5 * YEAR
    return cache.run("human", end, after=onset(cache), every=91, disease=MENOPAUSE, therapy=therapy)


def gain(run: Trajectory, time: float) -> Estimate:
    """Gain of BV/TV since the start of treatment over that at its start [%]."""
    start, now = run.change(TREATED - 1), run.change(time)
    share = (100 + now.value) / (100 + start.value) - 1
    return Estimate(100 * share, now.error - start.error)


def fall(run: Trajectory, time: float) -> Estimate:
    """Fall of the resorption marker since the start of treatment [%]."""
    return ONE.minus(run.resorption_ratio(time, TREATED - 1)).times(100)


def bone_loss(cache: SimulationCache) -> Estimates:
    """V29: bone lost in 3 and in 10 years of menopause."""
    run = untreated(cache)
    return [run.change(3 * YEAR).times(-1), run.change(10 * YEAR).times(-1)]


def rates(cache: SimulationCache) -> Estimates:
    """V30: rates of loss before the final period, after it, and later."""
    run = untreated(cache)

    def rate(start: float, end: float) -> Estimate:
        years = end - start
        early, late = (run.change(YEAR * max(t + FINAL_PERIOD, 0)) for t in (start, end))
        return late.minus(early).times(-1 / years)

    before, after, later = rate(-2, 0), rate(0, 2), rate(2, 7)
    return [after.minus(before), after.minus(later), before, after, later]


def il1_after_menopause(cache: SimulationCache) -> Estimates:
    """V31: IL-1, cells and rates after surgical and natural menopause."""
    surgery = cache.run("human", 365, every=7, disease={"aging": True, "estrogen": {"loss": 1.0}})
    marrow = surgery.columns["il1_marrow_pM"]
    two_weeks = surgery.at("il1_marrow_pM", 14) - marrow[0]
    run = untreated(cache)
    excess = run.columns["il1_marrow_pM"] - run.columns["il1_marrow_pM"][0]
    later = float(np.interp(8 * YEAR, run.times, excess)) / excess.max()
    rises = (surgery.half_rise_time(f"{name}_um_per_day") for name in ("formation", "resorption"))
    formation, resorption = rises
    more = run.fold_change("osteoclasts_per_mm2", 2 * YEAR).minus(ONE)
    built = run.fold_change("osteoblasts_per_mm2", 2 * YEAR).minus(ONE)
    return [
        Estimate(float(two_weeks / (marrow.max() - marrow[0]))),
        Estimate(later),
        Estimate(formation - resorption),
        more.minus(built),
        built,
    ]


def denosumab_marker(cache: SimulationCache) -> Estimates:
    """V32: fall of resorption 5 days and half a year after denosumab."""
    run = denosumab(cache)
    return [fall(run, TREATED + 5), fall(run, TREATED + INTERVAL)]


def denosumab_hip(cache: SimulationCache) -> Estimates:
    """V33: gain under denosumab after 1, 2 and 3 years."""
    run = denosumab(cache)
    return [gain(run, TREATED + year * YEAR) for year in (1, 2, 3)]


def three_years(cache: SimulationCache) -> Estimates:
    """V34: resorption and gain under zoledronate, and gain under denosumab."""
    return [
        fall(zoledronate(cache), TREATED + 10),
        gain(denosumab(cache), TREATED + 3 * YEAR - 4),
        gain(zoledronate(cache), TREATED + 3 * YEAR),
    ]


def rebound(cache: SimulationCache) -> Estimates:
    """V35: resorption and bone after the end of denosumab."""
    run = denosumab(cache)
    before = np.interp(TREATED - 1, run.times, run.resorbed)
    off = run.times > LAST_EFFECT
    on = (run.times > TREATED) & ~off
    highest = float(run.resorbed[off].max() / before)
    lowest = float(run.resorbed[on].min() / before)
    kept = gain(run, LAST_EFFECT + YEAR).over(gain(run, LAST_EFFECT))
    return [
        Estimate(highest - 1, run.relative_error * highest),
        ONE.minus(kept).times(100),
        Estimate(lowest, run.relative_error * lowest),
        Estimate(highest, run.relative_error * highest),
    ]


def no_rebound(cache: SimulationCache) -> Estimates:
    """V36: resorption after the end of zoledronate."""
    run = zoledronate(cache)
    last = TREATED + 365 * (ZOLEDRONATE_DOSES - 1)
    before = np.interp(TREATED - 1, run.times, run.resorbed)
    free = untreated(cache)
    own = run.resorbed / np.interp(run.times, free.times, free.resorbed)
    after = run.times > last + 365
    back = own[after] > 1 - 0.5 * (1 - own[after][0])
    returned = run.times[after][int(np.argmax(back))] if back.any() else np.inf
    highest = float(run.resorbed[after].max() / before)
    return [
        ONE.minus(Estimate(highest, run.relative_error * highest)).times(100),
        Estimate(float(returned - last) / (YEAR / 12)),
    ]


ANAKINRA = [{"drug": "anakinra", "dose": "100 mg", "every": "1 day"}]
TRIAL = 168.0
"""Duration of the trial, 24 weeks [day]."""
PANNUS = {"pannus": {"faces": ["z_low"], "depth": "100 um"}}


def _inflamed(cache: SimulationCache) -> Trajectory:
    return cache.run("human", TRIAL, every=28, disease=PANNUS)


def anakinra_in_arthritis(cache: SimulationCache) -> Estimates:
    """V27: erosion by a pannus with anakinra over that without."""
    treated = cache.run("human", TRIAL, every=28, disease=PANNUS, therapy=ANAKINRA)
    return [treated.eroded.over(_inflamed(cache).eroded)]


def synovial_fluid(cache: SimulationCache) -> Estimates:
    """V28: IL-1Ra in a pannus, its ratio to IL-1, and the signal above health."""
    run = _inflamed(cache)
    il1 = np.asarray(run.state.solutes["il1"])[:5]
    eps = 1 - np.asarray(run.state.bone_volume_fraction)[:5]
    level = float((eps * il1).sum() / eps.sum())
    ra, excess = pannus_signal("human", level)
    return [Estimate(ra / 1000), Estimate(ra / level), Estimate(excess)]
