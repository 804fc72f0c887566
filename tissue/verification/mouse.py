"""What mice and rats, and cultures of their cells, say: runs on mouse bone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tissue.verification.lab import History, Lab, Measured

Found = Sequence[Measured]

HEALTH = Measured(1.0)
OVARIECTOMY: dict[str, Any] = {"disease": {"estrogen": {}}}
IL1RA = {"il1ra_excess": "300 pM"}
TNF = {"tnf": "20 pM"}
TNF_BINDING = [{"drug": "adalimumab", "dose": "5 mg/kg"}]
"""At a few nM a hundred times what halves free TNF: it stands for the TNF binding protein."""

RESUMED = 1.0  # loss after the end of treatment that would be seen [points of BV/TV change]


def ovariectomized(lab: Lab) -> History:
    """Three months without estrogen."""
    return lab.run("mouse", 90, every=7, **OVARIECTOMY)


def _il1(lab: Lab) -> History:
    return lab.run("mouse", 28, every=7, disease={"il1_excess": "10 pM"})


def _rankl(lab: Lab, factor: float) -> History:
    return lab.run("mouse", 56, every=14, disease={"rankl_production": factor})


def _without_receptor(lab: Lab, **tables: Any) -> History:
    return lab.run("mouse", 56, every=7, knockout={"il1_receptor": True}, **tables)


def young_mice(lab: Lab) -> Found:
    """V01."""
    return [ovariectomized(lab).change(21)]


def no_receptor(lab: Lab) -> Found:
    """V02."""
    lost = _without_receptor(lab, **OVARIECTOMY).change(21)
    return [lost.minus(_without_receptor(lab).change(21)).over(ovariectomized(lab).change(21))]


def one_month(lab: Lab) -> Found:
    """V03."""
    return [ovariectomized(lab).change(28)]


def three_months(lab: Lab) -> Found:
    """V04."""
    run = ovariectomized(lab)
    early, late = run.change(28), run.change(90)
    slowing = late.minus(early).times(1 / 62).minus(early.times(1 / 28))
    return [early, late, slowing]


def _prevented(lab: Lab, il1ra: str | None, binding: bool) -> Measured:
    disease = OVARIECTOMY["disease"] | ({"il1ra_excess": il1ra} if il1ra else {})
    drugs: dict[str, Any] = {"therapy": TNF_BINDING} if binding else {}
    treated = lab.run("mouse", 14, every=7, disease=disease, **drugs).change(14)
    return HEALTH.minus(treated.over(ovariectomized(lab).change(14)))


def each_and_both(lab: Lab) -> Found:
    """V05."""
    some, much = "300 pM", "2000 pM"
    il1ra, binding = _prevented(lab, some, False), _prevented(lab, None, True)
    both = _prevented(lab, some, True)
    return [il1ra, binding, both.minus(max(il1ra, binding)), _prevented(lab, much, True)]


def tnf_binding(lab: Lab) -> Found:
    """V06."""
    return [_prevented(lab, None, True)]


def after_treatment(lab: Lab) -> Found:
    """V07."""
    treated = lab.run("mouse", 28, every=7, disease=OVARIECTOMY["disease"] | IL1RA)
    then = lab.run("mouse", 70, after=treated, every=7, **OVARIECTOMY)
    end = then.change(28).value
    late = then.times > 28
    lost = end - then.columns["bv_tv_change_percent"][late]
    return [Measured(float(np.interp(RESUMED, lost, then.times[late] - 28)))]


def tnf_osteoclasts(lab: Lab) -> Found:
    """V08."""
    normal = lab.run("mouse", 28, every=7, disease=TNF).fold("osteoclasts_per_mm2", 28)
    deficient = _without_receptor(lab, disease=TNF).fold("osteoclasts_per_mm2", 28)
    return [deficient.minus(HEALTH).over(normal.minus(HEALTH))]


def il1_without_rankl(lab: Lab) -> Found:
    """V10."""
    run = lab.run("mouse", 56, disease={"il1_excess": "30 pM"}, knockout={"rankl": True})
    return [
        run.fold("osteoclasts_per_mm2", 56),
        _il1(lab).fold("osteoclasts_per_mm2", 28).minus(HEALTH),
    ]


def tnf_mice(lab: Lab) -> Found:
    """V12."""
    normal = lab.run("mouse", 28, every=7, disease=TNF).change(28)
    return [
        lab.run("mouse", 28, every=7, disease=TNF, knockout={"il1": True}).change(28).over(normal)
    ]


def focal_erosion(lab: Lab) -> Found:
    """V13."""
    pannus = {"pannus": {"faces": ["z_low"], "depth": "100 um"}}
    normal = lab.run("mouse", 28, every=7, disease=pannus)
    deficient = lab.run("mouse", 28, every=7, disease=pannus, knockout={"il1": True})
    return [normal.eroded, HEALTH.minus(deficient.eroded.over(normal.eroded)).times(100)]


def _burst(lab: Lab) -> tuple[History, int, Measured]:
    """Three days of IL-1 and three months afterwards; where bone is lowest, and what it regains."""
    during = lab.run("mouse", 3, every=1, disease={"il1_excess": "30 pM"})
    run = lab.run("mouse", 93, after=during, every=7)
    lowest = int(np.argmin(run.columns["bv_tv_change_percent"]))
    regained = HEALTH.minus(run.change(93).over(run.change(run.times[lowest])))
    return run, lowest, regained.times(100)


def three_days(lab: Lab) -> Found:
    """V17."""
    run, lowest, regained = _burst(lab)
    return [
        run.fold("resorption_um_per_day", 1).minus(HEALTH),
        run.change(run.times[lowest]),
        Measured(float(run.times[lowest])),
        regained,
    ]


def burst_of_osteoclasts(lab: Lab) -> Found:
    """T02."""
    run, lowest, regained = _burst(lab)
    most = run.when_highest("osteoclasts_per_mm2")
    return [
        Measured(float(run.times[lowest]) - most),
        Measured(run.when_highest("osteoblasts_per_mm2") - most),
        regained,
    ]


def dose_response(lab: Lab) -> Found:
    """V18; osteoclasts follow within weeks, so that three days show what each does."""
    doses = (1, 3, 10, 30, 100)
    runs = [lab.run("mouse", 3, every=1, disease={"il1_excess": f"{dose} pM"}) for dose in doses]
    levels = [HEALTH, *(run.fold("resorption_um_per_day", 3) for run in runs)]
    rises = [b.minus(a) for a, b in pairwise(levels)]
    return [min(rises, key=lambda rise: rise.value - 10 * rise.error)]


def il1ra_blocks_il1_only(lab: Lab) -> Found:
    """V19, the part on RANKL: loss by more RANKL with IL-1Ra over that without."""
    much = {"il1ra_excess": "10000 pM"}
    alone = lab.run("mouse", 28, every=14, disease=much).change(28)
    both = lab.run("mouse", 28, every=14, disease={**much, "rankl_production": 1.5}).change(28)
    return [both.minus(alone).over(_rankl(lab, 1.5).change(28))]


def balance(run: History, time: float) -> Measured:
    """Formation over resorption [1]."""
    return run.fold("formation_um_per_day", time).over(run.fold("resorption_um_per_day", time))


def uncoupling(lab: Lab) -> Found:
    """V20."""
    il1, rankl = _il1(lab), _rankl(lab, 1.5)
    return [
        il1.fold("resorption_um_per_day", 28).minus(HEALTH),
        HEALTH.minus(balance(il1, 28)),
        balance(rankl, 56),
    ]


def mineral_apposition(lab: Lab) -> Found:
    """V21."""
    run = lab.run("mouse", 6, every=1, disease={"il1_excess": "10 pM"})
    per_cell = run.fold("formation_um_per_day", 6).over(run.fold("osteoblasts_per_mm2", 6))
    return [per_cell.minus(HEALTH), run.change(6)]


def rankl_and_opg(lab: Lab) -> Found:
    """V37."""
    opg = lab.run("mouse", 56, every=14, disease={"opg_production": 1.5})
    return [_rankl(lab, 0.5).change(56), _rankl(lab, 1.5).change(56), opg.change(56)]


def who_makes_rankl(lab: Lab) -> Found:
    """V38."""
    none = lab.run("mouse", 28, every=14, knockout={"osteocyte_rankl": True})
    stroma = lab.run("mouse", 28, every=14, disease={"rankl_production": 0.6})
    fewer = HEALTH.minus(none.fold("osteoclasts_per_mm2", 28))
    return [fewer, none.change(28).minus(stroma.change(28))]


def coupling(lab: Lab) -> Found:
    """V39."""
    # without the mechanostat, which raises formation where bone is lost
    more: dict[str, Any] = {"disease": {"rankl_production": 1.5}, "knockout": {"mechanostat": True}}
    coupled = lab.run("mouse", 56, every=14, **more)
    cut = lab.run("mouse", 56, every=14, parameters={"k_E": "0.0001 1/day"}, **more)
    formed = [run.fold("formation_um_per_day", 56).minus(HEALTH) for run in (coupled, cut)]
    return [formed[0], formed[1].over(formed[0]), cut.change(56).minus(coupled.change(56))]


def il4(lab: Lab) -> Found:
    """V40."""
    # so often that cells feel it as in a dish: 10 ng/ml, about 700 pM
    drug = [{"drug": "il4", "dose": "0.009 mg/kg", "every": "0.05 day"}]
    alone = lab.run("mouse", 28, every=7, disease=TNF).fold("osteoclasts_per_mm2", 28)
    with_drug = lab.run("mouse", 28, every=7, disease=TNF, therapy=drug)
    return [
        alone.minus(HEALTH),
        with_drug.fold("osteoclasts_per_mm2", 28),
    ]


def without_receptor_at_rest(lab: Lab) -> Found:
    """V41."""
    return [_without_receptor(lab).change(56)]
