"""Findings on teriparatide and romosozumab, in women and mice."""

from tissue.validation.menopause import TREATED, YEAR, doses, fall, gain, rise, treated
from tissue.validation.simulations import Estimates, SimulationCache, Trajectory

MONTH = YEAR / 12
VISITS = 28
"""Interval between measurements [day]."""
COURSE = 2 * YEAR
"""Longest usual treatment with teriparatide [day]."""


def teriparatide_mice(cache: SimulationCache) -> Estimates:
    """V60: gain of mice in four weeks of teriparatide."""
    therapy = [{"drug": "teriparatide", "dose": "0.04 mg/kg", "every": "1 day"}]
    return [cache.run("mouse", 28, every=7, therapy=therapy).change(28)]


def _teriparatide(cache: SimulationCache) -> Trajectory:
    drug = {"drug": "teriparatide", "dose": "0.02 mg", "every": "1 day", "start": f"{TREATED} day"}
    return treated(cache, TREATED + COURSE, VISITS, drug)


def teriparatide_women(cache: SimulationCache) -> Estimates:
    """V61: lowest gain of visits in two years of teriparatide, and the gain of 18 months."""
    run = _teriparatide(cache)
    gains = [gain(run, TREATED + day) for day in range(VISITS, int(COURSE), VISITS)]
    return [min(gains), gain(run, TREATED + 18 * MONTH)]


def teriparatide_markers(cache: SimulationCache) -> Estimates:
    """V62: formation and resorption after half a year of teriparatide."""
    run, half_year = _teriparatide(cache), TREATED + 6 * MONTH
    return [rise(run, half_year), fall(run, half_year).times(-1)]


def teriparatide_tomography(cache: SimulationCache) -> Estimates:
    """V63: gain of 18 months of teriparatide."""
    return [gain(_teriparatide(cache), TREATED + 18 * MONTH)]


def _romosozumab(cache: SimulationCache) -> Trajectory:
    times = doses(*(MONTH * month for month in range(12)))
    drug = {"drug": "romosozumab", "dose": "210 mg", "times": times}
    return treated(cache, TREATED + YEAR, 14, drug)


def romosozumab_formation(cache: SimulationCache) -> Estimates:
    """V64: formation after two weeks, nine and twelve months of romosozumab."""
    run = _romosozumab(cache)
    return [rise(run, TREATED + time) for time in (14, 9 * MONTH, 12 * MONTH)]


def romosozumab_resorption(cache: SimulationCache) -> Estimates:
    """V65: fall of resorption after two weeks and twelve months of romosozumab."""
    run = _romosozumab(cache)
    return [fall(run, TREATED + time) for time in (14, 12 * MONTH)]


def romosozumab_bone(cache: SimulationCache) -> Estimates:
    """V66: osteoblasts after two months of romosozumab, and the gain of a year."""
    run, start = _romosozumab(cache), TREATED - 1
    osteoblasts = run.ratio("osteoblasts_per_mm2", TREATED + 2 * MONTH, start)
    return [osteoblasts, gain(run, TREATED + YEAR)]
