"""Findings on mice and rats without ovaries: simulations of mouse bone."""

from typing import Any

import numpy as np

from tissue.validation.simulations import (
    FINITE_ELEMENTS,
    ONE,
    Estimate,
    Estimates,
    SimulationCache,
    Trajectory,
)

OVARIECTOMY: dict[str, Any] = {"disease": {"estrogen": {}}}
IL1RA = {"il1ra_excess": "300 pM"}
TNF_BINDING = {"drug": "adalimumab", "dose": "5 mg/kg"}
"""Dose that reaches 30 nM in marrow, 300 times K_W; it stands for the TNF binding protein."""
IL6_RECEPTOR_BLOCK = {"drug": "tocilizumab", "dose": "20 mg/kg", "every": "7 day"}
"""Usual regimen of mice; it stands for an antibody against IL-6."""
VISIBLE_LOSS = 1.0
"""Loss after the end of treatment that a study would see [points of BV/TV change]."""


SHORT_STEP = 0.25
"""Step of runs whose ratio is taken [day]."""


def ovariectomized(cache: SimulationCache) -> Trajectory:
    """Four weeks without estrogen."""
    return cache.run("mouse", 28, every=7, **OVARIECTOMY)


def young_mice(cache: SimulationCache) -> Estimates:
    """V01: loss 3 weeks after ovariectomy."""
    return [ovariectomized(cache).change(21)]


def no_receptor(cache: SimulationCache) -> Estimates:
    """V02: loss after ovariectomy without IL-1R1 over that with it."""
    gene: dict[str, Any] = {"knockout": {"il1_receptor": True}}
    lost = cache.run("mouse", 21, every=7, **gene, **OVARIECTOMY).change(21)
    kept = cache.run("mouse", 56, every=7, **gene).change(21)
    return [lost.minus(kept).over(ovariectomized(cache).change(21))]


def _loaded(cache: SimulationCache) -> Trajectory:
    """Three months without estrogen, the load of which comes from finite elements."""
    return cache.run("mouse", 90, every=7, **OVARIECTOMY, **FINITE_ELEMENTS)


def one_month(cache: SimulationCache) -> Estimates:
    """V03: loss a month after ovariectomy."""
    return [_loaded(cache).change(28)]


def three_months(cache: SimulationCache) -> Estimates:
    """V04: loss one and three months after ovariectomy, and its slowing."""
    run = _loaded(cache)
    early, late = run.change(28), run.change(90)
    slowing = late.minus(early).times(1 / 62).minus(early.times(1 / 28))
    return [early, late, slowing]


def _treated(
    cache: SimulationCache,
    days: float,
    il1ra: str | None,
    *drugs: dict[str, str],
    step: float | None = None,
) -> Trajectory:
    disease = OVARIECTOMY["disease"] | ({"il1ra_excess": il1ra} if il1ra else {})
    tables: dict[str, Any] = {"therapy": list(drugs)} if drugs else {}
    if step:
        tables["step"] = step
    return cache.run("mouse", days, every=7, disease=disease, **tables)


def _prevented(
    cache: SimulationCache, days: float, il1ra: str | None, *drugs: dict[str, str]
) -> Estimate:
    """Share of the loss that a treatment prevents [1]."""
    lost = _treated(cache, days, il1ra, *drugs).change(days)
    return ONE.minus(lost.over(ovariectomized(cache).change(days)))


def each_and_both(cache: SimulationCache) -> Estimates:
    """V05: loss prevented by IL-1Ra, TNF binding and both."""
    some, much = "300 pM", "2000 pM"
    il1ra, binding = _prevented(cache, 14, some), _prevented(cache, 14, None, TNF_BINDING)
    both = _prevented(cache, 14, some, TNF_BINDING)
    best = max(il1ra, binding)
    return [il1ra, binding, both.minus(best), _prevented(cache, 14, much, TNF_BINDING)]


def tnf_binding(cache: SimulationCache) -> Estimates:
    """V06: loss prevented by TNF binding in two weeks."""
    return [_prevented(cache, 14, None, TNF_BINDING)]


def month_of_tnf_block(cache: SimulationCache) -> Estimates:
    """V47: loss prevented by TNF binding in four weeks."""
    weekly = {**TNF_BINDING, "every": "7 day"}
    return [_prevented(cache, 28, None, weekly)]


def formation_under_block(cache: SimulationCache) -> Estimates:
    """V48: formation under IL-1Ra and under TNF binding over that of the untreated, less 1.

    The error is the difference from runs with steps of twice the length: what the steps do to
    treated and untreated mice is alike, and cancels in the ratio.
    """
    arms: tuple[tuple[str | None, tuple[dict[str, str], ...]], ...] = (
        (None, ()),
        ("2000 pM", ()),
        (None, (TNF_BINDING,)),
    )

    def rises(step: float) -> list[float]:
        runs = (_treated(cache, 14, il1ra, *drugs, step=step) for il1ra, drugs in arms)
        untreated, *treated = (run.at("formation_um_per_day", 14) for run in runs)
        return [each / untreated - 1 for each in treated]

    pairs = zip(rises(2 * SHORT_STEP), rises(SHORT_STEP), strict=True)
    return [Estimate(fine, abs(coarse - fine)) for coarse, fine in pairs]


def il6_block(cache: SimulationCache) -> Estimates:
    """V49: loss prevented by blocking IL-6."""
    return [_prevented(cache, 14, None, IL6_RECEPTOR_BLOCK)]


def after_treatment(cache: SimulationCache) -> Estimates:
    """V07: time from the end of treatment with IL-1Ra until loss is visible."""
    treated = cache.run("mouse", 28, every=7, disease=OVARIECTOMY["disease"] | IL1RA)
    then = cache.run("mouse", 70, after=treated, every=7, **OVARIECTOMY)
    end = then.change(28).value
    late = then.times > 28
    lost = end - then.columns["bv_tv_change_percent"][late]
    return [Estimate(float(np.interp(VISIBLE_LOSS, lost, then.times[late] - 28)))]
