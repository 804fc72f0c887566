"""Bone under its usual forces, under others, and with a notch, over weeks."""

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from simulation.loaded_run import FIELDS, TABLES, config

from tissue.kernels.surface import move
from tissue.model.parameters import preset
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation import loaded_bone
from tissue.simulation.loaded_bone import solved_again
from tissue.simulation.memory_run import MemoryRun, simulate
from tissue.simulation.simulation import Simulation

EDGE = 16
LARGE = {"synthetic": {"shape": [EDGE] * 3, "spacing": "10 um", "bv_tv": 0.4, "thickness": "60 um"}}
"""Bone in which struts are thicker than what is lost in weeks."""


def of_factor(mechanics: str, factor: float, days: int) -> MemoryRun:
    """Healthy bone under other forces from the start."""
    tables: dict[str, Any] = {
        "run": {"duration": f"{days} day", "step": "2 day"},
        "load": {"mechanics": mechanics, "factor": factor},
        "output": {"snapshots": f"{days} day", "fields": FIELDS[:2]},
    }
    return simulate(config(geometry=LARGE, disease={}, **tables))


@pytest.mark.slow
@pytest.mark.parametrize("mechanics", ["fe", "density"])
def test_disuse_loses_bone_and_overload_gains_some_until_both_settle(mechanics: str) -> None:
    for factor, sign in ((0.5, -1), (1.5, 1)):
        found = of_factor(mechanics, factor, 120)
        change = sign * found.metrics["bv_tv_change_percent"]
        early, late = change[15], change[-1] - change[-16]  # a month each
        assert early > 0.5
        assert late < 0.3 * early
        bone, stimulus = (
            found.snapshots[-1].field(name) for name in ("bone_volume_fraction", "load_stimulus")
        )
        # bone has changed until more than half of the first stimulus is gone
        first = float(preset("mouse").g_mech) * abs(np.tanh(2 * np.log(factor)))
        assert abs((bone * stimulus).sum() / bone.sum()) < 0.5 * first


def test_forces_act_while_they_last() -> None:
    pieces = [{"from": "2 day", "to": "4 day", "value": 0.5}]
    given = read_run_file(
        TABLES
        | {
            "run": {"duration": "6 day"},
            "disease": {},
            "load": {"mechanics": "fe", "factor": pieces},
            "output": {"snapshots": "6 day"},
        }
    )
    simulation = Simulation(given)
    times, changes = [0.0], [0.0]
    while not simulation.finished:
        record = simulation.advance()
        times.append(record.metrics["time_day"])
        changes.append(record.metrics["bv_tv_change_percent"])
    at = dict(zip(times, changes, strict=True))
    assert {2.0, 4.0} <= at.keys()  # steps end at its corners
    assert abs(at[2.0]) < 1e-3
    assert at[4.0] < -0.02
    assert simulation.healthy.local_density is None


def random_bone(spacing: int) -> dict[str, Any]:
    """Table of synthetic bone whose struts are six voxels thick."""
    lengths = {"spacing": f"{spacing} um", "thickness": f"{6 * spacing} um"}
    return {"synthetic": {"shape": [20] * 3, "bv_tv": 0.3, **lengths}}


HEALTHY = {
    "mouse": ("mouse", random_bone(10)),
    "human": ("human", random_bone(25)),
    "middle of the shrew": (
        "mouse",
        {
            "file": f"{examples()['shrew'].parent / 'data' / 'shrew.nrrd'}",
            "threshold": 128,
            "crop": [[30, 70], [35, 75], [35, 75]],
            "resample": "8.2 um",
        },
    ),
}
"""Preset and geometry of bone that stays as it is, of one shape so that it is compiled once."""


@pytest.mark.slow
@pytest.mark.parametrize("bone", HEALTHY)
def test_health_stands_still_under_load(bone: str) -> None:
    preset, geometry = HEALTHY[bone]
    run = {"preset": preset, "duration": "60 day", "step": "2 day", "precision": "float64"}
    tables = {"geometry": geometry, "disease": {}, "output": {"snapshots": "15 day"}}
    found = simulate(config(run=run, **tables)).metrics
    assert abs(found["bv_tv_change_percent"]).max() < 1e-3


def notched(mechanics: str, *, everywhere: bool) -> float:
    """Share of bone that comes back within four weeks after a tenth of it was lost.

    From struts in a quarter of the box, or everywhere.
    """
    days = {"run": {"duration": "28 day", "step": "1 day"}}
    tables = {"disease": {}, "load": {"mechanics": mechanics}, "output": {"snapshots": "7 day"}}
    given = config(geometry=LARGE, **tables, **days)
    simulation = Simulation(given)
    phi = simulation.state.bone_volume_fraction
    depth = jnp.full_like(phi, 2.0)
    if not everywhere:
        depth = jnp.zeros_like(phi).at[EDGE // 2 - 2 : EDGE // 2 + 2].set(8.0)
    lost = move(phi, depth, 0 * depth, 10.0, 1.0).phi
    simulation.state = replace(simulation.state, bone_volume_fraction=lost)
    if simulation.loaded:
        simulation.loaded = solved_again(
            simulation.loaded, lost, 0.0, simulation._numerics, given.acting, "confined"
        )
    while not simulation.finished:
        simulation.advance()
    now = simulation.state.bone_volume_fraction
    return float((now - lost).sum() / (phi - lost).sum())


@pytest.mark.slow
def test_finite_elements_fill_a_notch_and_the_density_only_its_mean() -> None:
    # each against what it does to the same bone thinned everywhere, which sets the mean
    density, elements = (
        notched(kind, everywhere=False) / notched(kind, everywhere=True)
        for kind in ("density", "fe")
    )
    assert density == pytest.approx(1, abs=0.01)
    assert elements > 1.05


def halved(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: each / 2 for name, each in value.items()}
    return value / 2


@pytest.mark.slow
def test_solving_twice_as_often_changes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    month = config(
        run={"duration": "28 day", "step": "0.5 day"},
        geometry=LARGE,
        disease={"il1_excess": "10 pM"},
        output={"snapshots": "28 day"},
    )
    once = simulate(month).metrics
    for name in ("LARGEST_MOVE", "INTERVAL"):
        monkeypatch.setattr(loaded_bone, name, halved(getattr(loaded_bone, name)))
    twice = simulate(month).metrics
    solves = [np.count_nonzero(found["fe_iterations"]) for found in (once, twice)]
    assert solves[1] > 1.5 * solves[0]
    ends = [found["bv_tv_change_percent"][-1] for found in (once, twice)]
    assert abs(ends[0] - ends[1]) < 0.05
