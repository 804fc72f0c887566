"""Findings on denosumab and zoledronate in women: simulations of human bone."""

import numpy as np

from tissue.validation.menopause import TREATED, YEAR, doses, fall, gain, treated, untreated
from tissue.validation.simulations import ONE, Estimate, Estimates, SimulationCache, Trajectory

DENOSUMAB_DOSES, INTERVAL = 6, 182.0
LAST_EFFECT = TREATED + DENOSUMAB_DOSES * INTERVAL
"""Six months after the last dose of denosumab [day]."""
ZOLEDRONATE_DOSES = 3


def denosumab(cache: SimulationCache) -> Trajectory:
    """Six doses of denosumab and a year and a half after the effect of the last."""
    times = doses(*(INTERVAL * i for i in range(DENOSUMAB_DOSES)))
    end = LAST_EFFECT + 1.5 * YEAR
    return treated(cache, end, 91, {"drug": "denosumab", "dose": "60 mg", "times": times})


def zoledronate(cache: SimulationCache) -> Trajectory:
    """Three yearly doses of zoledronate and five years after the last."""
    times = doses(*(365 * i for i in range(ZOLEDRONATE_DOSES)))
    end = TREATED + 365 * (ZOLEDRONATE_DOSES - 1) + 5 * YEAR
    return treated(cache, end, 91, {"drug": "zoledronate", "dose": "5 mg", "times": times})


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
