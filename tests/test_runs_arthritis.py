"""Bundled examples of arthritis: erosion at the pannus, loss elsewhere, and what drugs spare.

The slow tests of erosion run them as they are.
"""

import tomllib
from functools import cache
from typing import Any

import numpy as np
import pytest
from bundled_runs import BIN, RUNS, Result, plain, simulate, small, without

from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import load_geometry

pytestmark = pytest.mark.slow


@cache
def shipped_run(name: str, *off: str, duration: str = "168 day") -> Result:
    data = tomllib.loads(RUNS[name].read_text(encoding="utf-8"))
    data["run"]["duration"] = duration
    data["mechanisms"] = dict.fromkeys(off, False)
    config = read_run_file(data, folder=RUNS[name].parent, name=name)
    return simulate(config, load_geometry(config))


def decay_length(depth: np.ndarray) -> float:
    """Distance over which erosion falls e-fold [um], over the first 0.8 mm."""
    places = 20.0 * BIN * np.arange(8)
    return float(-1 / np.polyfit(places, np.log(depth[:8]), 1)[0])


def test_a_pannus_erodes_most_where_it_lies() -> None:
    untreated = plain("ra-erosion")
    assert untreated.depth[0] > 2 * untreated.depth[-1] > 0


def test_arthritis_costs_bone_everywhere() -> None:
    run = plain("ra-systemic")
    assert -8 < run.change < -0.5
    for key in ("tnf", "il1_excess", "il6_excess"):
        assert small("ra-systemic", without("disease", key)).change > run.change, key


def by_finite_elements(data: dict[str, Any]) -> None:
    data["load"]["mechanics"] = "fe"


def test_arthritis_costs_strength() -> None:
    columns = small("ra-strength", by_finite_elements).columns
    stiffness, load = (
        columns[f"{name}_z_change_percent"][-1] for name in ("stiffness", "failure_load")
    )
    # stiffness goes as BV/TV to the power of 1 to 3
    bone = columns["bv_tv_change_percent"][-1]
    assert 3 * bone < stiffness < bone < -1
    assert load < -1


def test_adalimumab_stops_erosion() -> None:
    assert plain("ra-adalimumab").eroded < 0.3 * plain("ra-erosion").eroded  # Keystone 2004


def test_anakinra_slows_erosion() -> None:
    untreated = plain("ra-erosion").eroded
    assert 0.45 * untreated < plain("ra-anakinra").eroded < 0.75 * untreated  # Bresnihan 1998


def test_prednisolone_slows_erosion() -> None:
    assert plain("ra-prednisolone").eroded < 0.9 * plain("ra-erosion").eroded


def test_tocilizumab_slows_erosion() -> None:
    assert plain("ra-tocilizumab").eroded < plain("ra-erosion").eroded


def test_erosion_is_deepest_at_the_pannus_and_decays() -> None:
    # later no bone is left in the pannus that could be eroded
    depth = shipped_run("ra-erosion", duration="56 day").depth
    assert depth.argmax() == 0
    # over 200 um: a bin of 100 um holds but a few trabeculae
    assert all(np.diff(depth[:10].reshape(5, 2).mean(axis=1)) < 0)
    assert 200 < decay_length(depth) < 600
    assert depth[-1] > 0  # bone is lost beyond the reach of the pannus, if little


def test_il1_drives_osteoblast_precursors_from_the_rim_of_the_pannus() -> None:
    # the signal is highest just beyond the pannus, whose IL-1Ra stays in it
    with_it, without_it = shipped_run("ra-erosion"), shipped_run("ra-erosion", "il1_repulsion")
    assert with_it.precursors.argmin() == 1
    assert with_it.precursors[1] < 0.9 * with_it.precursors[-1]
    assert without_it.precursors[1] > 0.95 * without_it.precursors[-1]


def test_anakinra_slows_erosion_as_in_trials() -> None:
    ratio = shipped_run("ra-anakinra").eroded / shipped_run("ra-erosion").eroded
    assert 0.4 < ratio < 0.75
