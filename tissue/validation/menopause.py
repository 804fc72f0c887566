"""Findings on women who lose estrogen: simulations of human bone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tissue.model.estrogen import estrogen_relaxation
from tissue.model.forcing import Forcing
from tissue.model.osteoclast_responses import opg_production, rankl_induction, stromal_rankl
from tissue.model.parameters import preset
from tissue.model.signals import Environment
from tissue.model.species import UNCOUPLED
from tissue.validation.simulations import ONE, Estimate, Estimates, SimulationCache, Trajectory

YEAR = 365.25
MENOPAUSE: dict[str, Any] = {"aging": True, "estrogen": {"loss": 1.0, "ramp": "2 year"}}
SURGERY: dict[str, Any] = {"aging": True, "estrogen": {"loss": 1.0}}
TREATED = 1096.0
"""Start of treatment, three years after the onset of menopause [day]."""
FINAL_PERIOD = 1.0
"""Time from the onset of menopause to the final menstrual period, the middle of the ramp [year]."""
WITHDRAWAL = 21.0
"""Time after the end of treatment with estrogen at which markers were measured [day]."""
BLOCKERS = {
    "anakinra": {"drug": "anakinra", "dose": "100 mg", "every": "1 day"},
    "etanercept": {"drug": "etanercept", "dose": "25 mg", "every": "3.5 day"},
}
"""Doses of the study of estrogen withdrawal."""


def onset(cache: SimulationCache) -> Trajectory:
    """The first three years from the onset of menopause."""
    return cache.run("human", TREATED - 1, every=73, disease=MENOPAUSE)


def untreated(cache: SimulationCache) -> Trajectory:
    """Ten years of menopause without treatment."""
    return cache.run("human", 10 * YEAR, after=onset(cache), every=182, disease=MENOPAUSE)


def treated(
    cache: SimulationCache, end: float, every: float, therapy: Mapping[str, Any]
) -> Trajectory:
    """Menopause with a drug from its third year on.

    Args:
        cache: makes the simulation.
        end: time at the end [day].
        every: interval at which a step ends [day].
        therapy: the drug, its dose and when it is given, as in a run file.
    """
    tables: dict[str, Any] = {"disease": MENOPAUSE, "therapy": [therapy]}
    return cache.run("human", end, after=onset(cache), every=every, **tables)


def doses(*times: float) -> list[str]:
    """Times of doses [day] after the start of treatment, as in a run file."""
    return [f"{TREATED + time:g} day" for time in times]


def gain(run: Trajectory, time: float) -> Estimate:
    """Gain of BV/TV since the start of treatment over that at its start [%]."""
    start, now = run.change(TREATED - 1), run.change(time)
    share = (100 + now.value) / (100 + start.value) - 1
    return Estimate(100 * share, now.error - start.error)


def fall(run: Trajectory, time: float) -> Estimate:
    """Fall of the resorption marker since the start of treatment [%]."""
    return ONE.minus(run.resorption_ratio(time, TREATED - 1)).times(100)


def rise(run: Trajectory, time: float) -> Estimate:
    """Rise of the formation marker since the start of treatment [%]."""
    return run.formation_ratio(time, TREATED - 1).minus(ONE).times(100)


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
    surgery = cache.run("human", 365, every=7, disease=SURGERY)
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


def stroma(cache: SimulationCache) -> Estimates:
    """V67: RANKL and OPG that a cell of marrow makes three years after the onset, over before."""
    p, run = preset("human"), onset(cache)
    time = TREATED - 1
    relaxation = estrogen_relaxation(time, 0.0, p)
    menopause = Forcing(estrogen_loss=1.0, estrogen_relaxation=relaxation)

    def made(time: float, f: Forcing) -> tuple[float, float]:
        around = Environment(
            {each.name: run.at(f"{each.name}_marrow_pM", time) for each in UNCOUPLED}
        )
        rankl = rankl_induction(around, f, p) * stromal_rankl(f, p)
        return float(rankl), float(opg_production(around, f, p))

    rankl, opg = (
        late / early
        for late, early in zip(made(time, menopause), made(0.0, Forcing()), strict=True)
    )
    return [
        Estimate(rankl, run.relative_error * rankl),
        Estimate(opg - 1, run.relative_error * opg),
    ]


def _withdrawn(cache: SimulationCache, *drugs: str) -> Trajectory:
    therapy: dict[str, Any] = {"therapy": [BLOCKERS[drug] for drug in drugs]} if drugs else {}
    return cache.run("human", WITHDRAWAL, every=7, disease=SURGERY, **therapy)


def _more_resorbed(run: Trajectory) -> Estimate:
    return run.resorption_ratio(WITHDRAWAL).minus(ONE).times(100)


def estrogen_withdrawal(cache: SimulationCache) -> Estimates:
    """V68: rise of resorption three weeks after estrogen, and what two drugs prevent of it."""
    alone = _more_resorbed(_withdrawn(cache))
    prevented = (
        ONE.minus(_more_resorbed(_withdrawn(cache, drug)).over(alone)) for drug in BLOCKERS
    )
    return [alone, *prevented]


def formation_after_withdrawal(cache: SimulationCache) -> Estimates:
    """V69: change of formation three weeks after estrogen."""
    return [_withdrawn(cache).formation_ratio(WITHDRAWAL).minus(ONE).times(100)]
