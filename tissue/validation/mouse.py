"""Findings on mice and rats: simulations of mouse bone."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np

from tissue.geometry.segmentation import mean_thickness
from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.bone import bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.parameters import Parameters, preset
from tissue.model.precursors import SurfaceTurnover, implicit_step, osteoblast_precursors
from tissue.model.signals import Environment, il1_signal
from tissue.validation.simulations import (
    ONE,
    Estimate,
    Estimates,
    SimulationCache,
    Trajectory,
    bone,
)

OVARIECTOMY: dict[str, Any] = {"disease": {"estrogen": {}}}
IL1RA = {"il1ra_excess": "300 pM"}
TNF = {"tnf": "20 pM"}
TNF_BINDING = [{"drug": "adalimumab", "dose": "5 mg/kg"}]
"""Dose that reaches a few nM, a hundred times K_W; it stands for the TNF binding protein."""

VISIBLE_LOSS = 1.0
"""Loss after the end of treatment that a study would see [points of BV/TV change]."""

SETTLED = 1e7
"""Time after which precursors have come to rest in any gradient [day]."""


def ovariectomized(cache: SimulationCache) -> Trajectory:
    """Three months without estrogen."""
    return cache.run("mouse", 90, every=7, **OVARIECTOMY)


def _il1(cache: SimulationCache) -> Trajectory:
    return cache.run("mouse", 28, every=7, disease={"il1_excess": "10 pM"})


def _rankl(cache: SimulationCache, factor: float) -> Trajectory:
    return cache.run("mouse", 56, every=14, disease={"rankl_production": factor})


def _without_receptor(cache: SimulationCache, **tables: Any) -> Trajectory:
    return cache.run("mouse", 56, every=7, knockout={"il1_receptor": True}, **tables)


def young_mice(cache: SimulationCache) -> Estimates:
    """V01: loss 3 weeks after ovariectomy."""
    return [ovariectomized(cache).change(21)]


def no_receptor(cache: SimulationCache) -> Estimates:
    """V02: loss after ovariectomy without IL-1R1 over that with it."""
    lost = _without_receptor(cache, **OVARIECTOMY).change(21)
    return [lost.minus(_without_receptor(cache).change(21)).over(ovariectomized(cache).change(21))]


def one_month(cache: SimulationCache) -> Estimates:
    """V03: loss a month after ovariectomy."""
    return [ovariectomized(cache).change(28)]


def three_months(cache: SimulationCache) -> Estimates:
    """V04: loss one and three months after ovariectomy, and its slowing."""
    run = ovariectomized(cache)
    early, late = run.change(28), run.change(90)
    slowing = late.minus(early).times(1 / 62).minus(early.times(1 / 28))
    return [early, late, slowing]


def _prevented(cache: SimulationCache, il1ra: str | None, binding: bool) -> Estimate:
    disease = OVARIECTOMY["disease"] | ({"il1ra_excess": il1ra} if il1ra else {})
    drugs: dict[str, Any] = {"therapy": TNF_BINDING} if binding else {}
    treated = cache.run("mouse", 14, every=7, disease=disease, **drugs).change(14)
    return ONE.minus(treated.over(ovariectomized(cache).change(14)))


def each_and_both(cache: SimulationCache) -> Estimates:
    """V05: loss prevented by IL-1Ra, TNF binding and both."""
    some, much = "300 pM", "2000 pM"
    il1ra, binding = _prevented(cache, some, False), _prevented(cache, None, True)
    both = _prevented(cache, some, True)
    return [il1ra, binding, both.minus(max(il1ra, binding)), _prevented(cache, much, True)]


def tnf_binding(cache: SimulationCache) -> Estimates:
    """V06: loss prevented by TNF binding."""
    return [_prevented(cache, None, True)]


def after_treatment(cache: SimulationCache) -> Estimates:
    """V07: time from the end of treatment with IL-1Ra until loss is visible."""
    treated = cache.run("mouse", 28, every=7, disease=OVARIECTOMY["disease"] | IL1RA)
    then = cache.run("mouse", 70, after=treated, every=7, **OVARIECTOMY)
    end = then.change(28).value
    late = then.times > 28
    lost = end - then.columns["bv_tv_change_percent"][late]
    return [Estimate(float(np.interp(VISIBLE_LOSS, lost, then.times[late] - 28)))]


def tnf_osteoclasts(cache: SimulationCache) -> Estimates:
    """V08: osteoclasts that TNF adds without IL-1R1 over those with it."""
    normal = cache.run("mouse", 28, every=7, disease=TNF).fold_change("osteoclasts_per_mm2", 28)
    deficient = _without_receptor(cache, disease=TNF).fold_change("osteoclasts_per_mm2", 28)
    return [deficient.minus(ONE).over(normal.minus(ONE))]


def il1_without_rankl(cache: SimulationCache) -> Estimates:
    """V10: osteoclasts under IL-1 without and with RANKL."""
    run = cache.run("mouse", 56, disease={"il1_excess": "30 pM"}, knockout={"rankl": True})
    return [
        run.fold_change("osteoclasts_per_mm2", 56),
        _il1(cache).fold_change("osteoclasts_per_mm2", 28).minus(ONE),
    ]


def tnf_mice(cache: SimulationCache) -> Estimates:
    """V12: loss under TNF without IL-1 over that with it."""
    normal = cache.run("mouse", 28, every=7, disease=TNF).change(28)
    return [
        cache.run("mouse", 28, every=7, disease=TNF, knockout={"il1": True}).change(28).over(normal)
    ]


def focal_erosion(cache: SimulationCache) -> Estimates:
    """V13: erosion near a pannus with and without IL-1."""
    pannus = {"pannus": {"faces": ["z_low"], "depth": "100 um"}}
    normal = cache.run("mouse", 28, every=7, disease=pannus)
    deficient = cache.run("mouse", 28, every=7, disease=pannus, knockout={"il1": True})
    return [normal.eroded, ONE.minus(deficient.eroded.over(normal.eroded)).times(100)]


def _infused(cache: SimulationCache, dose: int) -> Trajectory:
    return cache.run("mouse", 3, every=1, disease={"il1_excess": f"{dose} pM"})


def burst(cache: SimulationCache) -> tuple[Trajectory, int, Estimate]:
    """Three days of IL-1 and three months after, the row of lowest bone, and the regain [%]."""
    pulse = [{"from": "0 day", "to": "3 day", "value": "30 pM"}]
    run = cache.run("mouse", 93, every=7, disease={"il1_excess": pulse})
    lowest = int(np.argmin(run.columns["bv_tv_change_percent"]))
    regained = ONE.minus(run.change(93).over(run.change(run.times[lowest])))
    return run, lowest, regained.times(100)


def three_days(cache: SimulationCache) -> Estimates:
    """V17: three days of IL-1."""
    run, lowest, regained = burst(cache)
    return [
        _infused(cache, 30).fold_change("resorption_um_per_day", 1).minus(ONE),
        run.change(run.times[lowest]),
        Estimate(float(run.times[lowest])),
        regained,
    ]


def dose_response(cache: SimulationCache) -> Estimates:
    """V18: least rise of resorption from dose to dose, before new osteoclasts come."""
    doses = (1, 3, 10, 30, 100)
    runs = (_infused(cache, dose) for dose in doses)
    levels = [ONE, *(run.fold_change("resorption_um_per_day", 3) for run in runs)]
    rises = [b.minus(a) for a, b in pairwise(levels)]
    return [min(rises, key=lambda rise: rise.value - 10 * rise.error)]


def il1ra_blocks_il1_only(cache: SimulationCache) -> Estimates:
    """V19, second part: loss by more RANKL with IL-1Ra over that without."""
    much = {"il1ra_excess": "10000 pM"}
    alone = cache.run("mouse", 28, every=14, disease=much).change(28)
    both = cache.run("mouse", 28, every=14, disease={**much, "rankl_production": 1.5}).change(28)
    return [both.minus(alone).over(_rankl(cache, 1.5).change(28))]


def balance(run: Trajectory, time: float) -> Estimate:
    """Formation over resorption [1]."""
    return run.fold_change("formation_um_per_day", time).over(
        run.fold_change("resorption_um_per_day", time)
    )


def uncoupling(cache: SimulationCache) -> Estimates:
    """V20: resorption and formation under IL-1 and under RANKL."""
    il1, rankl = _il1(cache), _rankl(cache, 1.5)
    return [
        il1.fold_change("resorption_um_per_day", 28).minus(ONE),
        ONE.minus(balance(il1, 28)),
        balance(rankl, 56),
    ]


def mineral_apposition(cache: SimulationCache) -> Estimates:
    """V21: formation per osteoblast and bone after six days of IL-1."""
    run = cache.run("mouse", 6, every=1, disease={"il1_excess": "10 pM"})
    per_cell = run.fold_change("formation_um_per_day", 6).over(
        run.fold_change("osteoblasts_per_mm2", 6)
    )
    return [per_cell.minus(ONE), run.change(6)]


def rankl_and_opg(cache: SimulationCache) -> Estimates:
    """V37: bone under less and more RANKL and under more OPG."""
    opg = cache.run("mouse", 56, every=14, disease={"opg_production": 1.5})
    return [_rankl(cache, 0.5).change(56), _rankl(cache, 1.5).change(56), opg.change(56)]


def osteocyte_rankl(cache: SimulationCache) -> Estimates:
    """V38: osteoclasts and bone without the RANKL of osteocytes, or of precursors."""
    none = cache.run("mouse", 28, every=14, knockout={"osteocyte_rankl": True})
    stroma = cache.run("mouse", 28, every=14, disease={"rankl_production": 0.6})
    fewer = ONE.minus(none.fold_change("osteoclasts_per_mm2", 28))
    return [fewer, none.change(28).minus(stroma.change(28))]


def coupling(cache: SimulationCache) -> Estimates:
    """V39: formation under more RANKL with and without coupling."""
    # without the mechanostat, which raises formation where bone is lost
    more: dict[str, Any] = {
        "disease": {"rankl_production": 1.5},
        "mechanisms": {"mechanostat": False},
    }
    coupled = cache.run("mouse", 56, every=14, **more)
    cut = cache.run("mouse", 56, every=14, parameters={"k_E": "0.0001 1/day"}, **more)
    formed = [run.fold_change("formation_um_per_day", 56).minus(ONE) for run in (coupled, cut)]
    return [formed[0], formed[1].over(formed[0]), cut.change(56).minus(coupled.change(56))]


def il4(cache: SimulationCache) -> Estimates:
    """V40: osteoclasts under TNF without and with IL-4."""
    # so often that its concentration stays as in a dish: 10 ng/ml, about 700 pM
    drug = [{"drug": "il4", "dose": "0.009 mg/kg", "every": "0.05 day"}]
    alone = cache.run("mouse", 28, every=7, disease=TNF).fold_change("osteoclasts_per_mm2", 28)
    with_drug = cache.run("mouse", 28, every=7, disease=TNF, therapy=drug)
    return [
        alone.minus(ONE),
        with_drug.fold_change("osteoclasts_per_mm2", 28),
    ]


def without_receptor_at_rest(cache: SimulationCache) -> Estimates:
    """V41: bone without IL-1R1."""
    return [_without_receptor(cache).change(56)]


def repelled(_: SimulationCache) -> Estimates:
    """V22: osteoblast precursors at rest in a fixed gradient of IL-1."""
    p = preset("mouse")
    made = bone("mouse")
    phi = jnp.asarray(made.bone_volume_fraction, "float64")
    geometry, nothing = bone_geometry(phi, made.grid.spacing, p), jnp.zeros_like(phi)
    numerics, surface = Numerics(made.grid.spacing, 1e-12), SurfaceTurnover(nothing, nothing)
    il1 = jnp.broadcast_to(jnp.linspace(40.0, 1.0, phi.shape[2]), phi.shape)
    gradient = Environment({"il1": il1, "tnf": jnp.zeros_like(il1)})
    signal = np.asarray(il1_signal(gradient, Forcing(), p))

    def settled(p: Parameters) -> np.ndarray:
        context = StepContext(Forcing(), p, numerics)
        population = osteoblast_precursors(gradient, None, surface, geometry, context)
        population = population._replace(turnover=0.0, supply=nothing)
        uniform = jnp.full_like(phi, 1000.0)
        start = geometry.exchange.porosity * uniform, uniform
        return np.asarray(implicit_step(start, population, geometry, SETTLED, numerics)[0])

    driven, still = settled(p), settled(replace(p, chi_I=0.0))
    law = driven * np.exp(float(p.chi_I) / float(p.D_P) * signal)
    return [
        Estimate(float(law.std() / law.mean())),
        Estimate(float(still.std() / still.mean())),
        Estimate(float(driven[..., -1].mean() / driven[..., 0].mean())),
    ]


def synthetic_bone(_: SimulationCache) -> Estimates:
    """V42: morphometry of synthetic bone made with the BV/TV and thickness of a mouse."""
    spacing = 10.0
    made = synthesize(
        SyntheticSettings(shape=(64, 64, 64), spacing=spacing, bv_tv=0.115, thickness=50.0, seed=1)
    ).bone_volume_fraction
    thickness, gap = (mean_thickness(part) * spacing for part in (made > 0.5, made <= 0.5))
    return [
        Estimate(100 * float(made.mean())),
        Estimate(thickness),
        Estimate(1000 / (thickness + gap)),
    ]
