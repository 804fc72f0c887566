"""Trajectories of other models beside those of this one."""

import numpy as np

from tissue.validation.antiresorptives import LAST_EFFECT, denosumab
from tissue.validation.menopause import TREATED, YEAR
from tissue.validation.mouse import burst
from tissue.validation.simulations import ONE, Estimate, Estimates, SimulationCache


def burst_of_osteoclasts(cache: SimulationCache) -> Estimates:
    """T02: order of events after three days of IL-1."""
    run, lowest, regained = burst(cache)
    most = run.time_of_peak("osteoclasts_per_mm2")
    return [
        Estimate(float(run.times[lowest]) - most),
        Estimate(run.time_of_peak("osteoblasts_per_mm2") - most),
        regained,
    ]


def pulse_of_rankl(cache: SimulationCache) -> Estimates:
    """T01: cells during 60 days of more RANKL and 120 days afterwards."""
    off = {"mechanics": "off"}
    during = cache.run("human", 60, every=5, disease={"rankl_production": 1.5}, load=off)
    run = cache.run("human", 180, after=during, every=10, load=off)
    osteoclasts, osteoblasts = "osteoclasts_per_mm2", "osteoblasts_per_mm2"

    def left(name: str, time: float) -> Estimate:
        return run.fold_change(name, time).minus(ONE).over(run.peak(name).minus(ONE))

    return [
        run.peak(osteoblasts).minus(ONE),
        run.peak(osteoclasts).minus(run.peak(osteoblasts)),
        Estimate(run.half_rise_time(osteoblasts) - run.half_rise_time(osteoclasts)),
        left(osteoclasts, 120),
        left(osteoblasts, 180),
    ]


def denosumab_treatment(cache: SimulationCache) -> Estimates:
    """T03: cells and bone during and after denosumab."""
    run = denosumab(cache)
    osteoclasts, osteoblasts = "osteoclasts_per_mm2", "osteoblasts_per_mm2"
    off = run.times >= LAST_EFFECT
    on = (run.times > TREATED) & ~off

    def relative(name: str) -> np.ndarray:
        return run.columns[name] / run.at(name, TREATED - 1)

    lowest = float(relative(osteoblasts)[on].min())
    highest = [float(relative(name)[off].max()) for name in (osteoclasts, osteoblasts)]
    later, sooner = (run.time_of_peak(name, LAST_EFFECT) for name in (osteoblasts, osteoclasts))
    return [
        Estimate(lowest, run.relative_error * lowest),
        Estimate(run.time_of_peak("bv_tv", TREATED) - LAST_EFFECT),
        *(Estimate(each - 1, run.relative_error * each) for each in highest),
        Estimate(later - sooner),
    ]


def slow_menopause(cache: SimulationCache) -> Estimates:
    """T04: cells and bone in a menopause of 15 years."""
    slow = {"estrogen": {"loss": 1.0, "ramp": "15 year"}}
    run = cache.run("human", 20 * YEAR, every=YEAR, disease=slow)
    osteoclasts, osteoblasts = (
        run.fold_change(f"{name}_per_mm2", 20 * YEAR).minus(ONE)
        for name in ("osteoclasts", "osteoblasts")
    )
    change = run.change(20 * YEAR)
    return [
        osteoblasts,
        osteoclasts.minus(osteoblasts),
        change.minus(run.change(10 * YEAR)),
        change,
    ]
