"""Findings on arthritis in patients: a pannus at a face of human bone."""

from typing import Any

import numpy as np

from tissue.validation.culture import pannus_signal
from tissue.validation.simulations import Estimate, Estimates, SimulationCache, Trajectory

TRIAL = 168.0
"""Duration of the simulated trials, 24 weeks [day]."""
PANNUS = {"pannus": {"faces": ["z_low"], "depth": "100 um"}}
REGIMENS: dict[str, dict[str, Any]] = {
    "anakinra": {"dose": "100 mg", "every": "1 day"},
    "adalimumab": {"dose": "40 mg", "every": "14 day"},
    "infliximab": {"dose": "3 mg/kg", "times": ["0 day", "14 day", "42 day", "98 day", "154 day"]},
    "tocilizumab": {"dose": "8 mg/kg", "every": "28 day"},
    "denosumab": {"dose": "180 mg", "times": ["0 day"]},
}
"""Regimens of the trials."""


def _inflamed(cache: SimulationCache, drug: str | None = None) -> Trajectory:
    therapy: dict[str, Any] = {"therapy": [{"drug": drug, **REGIMENS[drug]}]} if drug else {}
    return cache.run("human", TRIAL, every=28, disease=PANNUS, **therapy)


def _left(cache: SimulationCache, drug: str) -> Estimate:
    """Volume eroded under a drug over that without [1]."""
    return _inflamed(cache, drug).eroded.over(_inflamed(cache).eroded)


def anakinra(cache: SimulationCache) -> Estimates:
    """V27: erosion by a pannus with anakinra over that without."""
    return [_left(cache, "anakinra")]


def adalimumab(cache: SimulationCache) -> Estimates:
    """V50: erosion with adalimumab over that without, and over that with anakinra."""
    left = _left(cache, "adalimumab")
    return [left, left.minus(_left(cache, "anakinra"))]


def infliximab(cache: SimulationCache) -> Estimates:
    """V51: erosion with infliximab over that without."""
    return [_left(cache, "infliximab")]


def tocilizumab(cache: SimulationCache) -> Estimates:
    """V52: erosion with tocilizumab over that without."""
    return [_left(cache, "tocilizumab")]


def denosumab(cache: SimulationCache) -> Estimates:
    """V53: erosion with denosumab over that without."""
    return [_left(cache, "denosumab")]


def synovial_fluid(cache: SimulationCache) -> Estimates:
    """V28: IL-1Ra in a pannus, its ratio to IL-1, and the signal above health."""
    run = _inflamed(cache)
    il1 = np.asarray(run.state.solutes["il1"])[:5]
    eps = 1 - np.asarray(run.state.bone_volume_fraction)[:5]
    level = float((eps * il1).sum() / eps.sum())
    ra, excess = pannus_signal("human", level)
    return [Estimate(ra / 1000), Estimate(ra / level), Estimate(excess)]
