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

TNF, CULTURE_TNF = {"tnf": "20 pM"}, {"tnf": "100 pM"}
"""TNF of a transgenic mouse (assumption), and of a culture: 5 ng/ml of the trimer (remembered)."""
IL1 = {"il1_excess": "10 pM"}
TRANSGENE: dict[str, Any] = {"disease": {"il1_excess": "10 pM"}, "parameters": {"alpha_share": 1.0}}
"""Mice that make much IL-1 alpha: so much that they lose about as much bone as was found."""

YEAR = 365.0
SETTLED = 1e7
"""Time after which precursors have come to rest in any gradient [day]."""


def _il1(cache: SimulationCache) -> Trajectory:
    return cache.run("mouse", 28, every=7, disease=IL1)


def _rankl(cache: SimulationCache, factor: float) -> Trajectory:
    return cache.run("mouse", 56, every=14, disease={"rankl_production": factor})


def _without_receptor(cache: SimulationCache, **tables: Any) -> Trajectory:
    return cache.run("mouse", 56, every=7, knockout={"il1_receptor": True}, **tables)


def tnf_osteoclasts(cache: SimulationCache) -> Estimates:
    """V08: osteoclasts that a week of TNF adds without IL-1R1 over those with it."""

    def gained(**tables: Any) -> Estimate:
        run = cache.run("mouse", 7, every=7, disease=CULTURE_TNF, **tables)
        return run.fold_change("osteoclasts_per_mm2", 7).minus(ONE)

    return [gained(knockout={"il1_receptor": True}).over(gained())]


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
    run = cache.run("mouse", 6, every=1, disease=IL1)
    per_cell = run.fold_change("formation_um_per_day", 6).over(
        run.fold_change("osteoblasts_per_mm2", 6)
    )
    return [per_cell.minus(ONE), run.change(6)]


def formation_under_il1(cache: SimulationCache) -> Estimates:
    """V54: change of formation per bone surface after six days of IL-1."""
    run = cache.run("mouse", 6, every=1, disease=IL1)
    return [run.fold_change("formation_um_per_day", 6).minus(ONE)]


def il1_alpha_formation(cache: SimulationCache) -> Estimates:
    """V55: change of formation and of bone after eight weeks of IL-1 alpha."""
    run = cache.run("mouse", 56, every=14, **TRANSGENE)
    return [run.fold_change("formation_um_per_day", 56).minus(ONE), run.change(56)]


def il1_alpha_resorption(cache: SimulationCache) -> Estimates:
    """V56: change of resorption after eight weeks of IL-1 alpha."""
    run = cache.run("mouse", 56, every=14, **TRANSGENE)
    return [run.fold_change("resorption_um_per_day", 56).minus(ONE)]


def without_il1ra(cache: SimulationCache) -> Estimates:
    """V57: bone after a year without IL-1Ra."""
    return [cache.run("mouse", YEAR, every=73, knockout={"il1ra": True}).change(YEAR)]


def precursors_without_il1ra(cache: SimulationCache) -> Estimates:
    """V70: osteoclast precursors after four weeks without IL-1Ra over those of health."""
    run = cache.run("mouse", 28, every=14, knockout={"il1ra": True})
    marrow = 1 - np.asarray(run.state.bone_volume_fraction, "float64")
    there = np.asarray(run.state.osteoclast_precursors, "float64")
    mean = float((marrow * there).sum() / marrow.sum() / float(preset("mouse").M_0))
    return [Estimate(mean, run.relative_error * mean)]


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
        "load": {"mechanics": "off"},
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
