"""The spatial model on real bone against its well-mixed limit."""

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from model import well_mixed_table

from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.simulation import Simulation
from tissue.verification.numerics import well_mixed

ROOT = Path(__file__).parents[2]
UNLOADED = "load.mechanics='off'"  # the well-mixed limit knows no load
FAST = ("parameters.D_M=2000000 um^2/day", "parameters.D_P=500000 um^2/day")


COLUMNS = ("bv_tv_change_percent", "osteoclast_ratio", "osteoblast_ratio")


class Outcome(NamedTuple):
    change: float  # of BV/TV [%]
    osteoclasts: float  # over health
    osteoblasts: float


def reference(case: str) -> Outcome:
    row = well_mixed(case, 28)
    return Outcome(*(row[name] for name in COLUMNS))


def test_the_stored_table_is_that_of_the_present_parameters() -> None:
    # where it is not: PYTHONPATH=tests python -m model.well_mixed_table
    with well_mixed_table.PATH.open() as file:
        stored = list(csv.DictReader(file))
    for row, found in zip(stored, well_mixed_table.rows(), strict=True):
        assert row.pop("case") == found.pop("case")
        assert row.keys() == found.keys()
        for name, value in row.items():
            assert float(value) == pytest.approx(float(found[name]), rel=1e-4, abs=1e-4), name


def configured(*changes: str) -> RunConfig:
    return read_run_file(ROOT / "runs/shrew.toml", ["disease.il1_excess=0 pM", UNLOADED, *changes])


@cache
def outcome(*changes: str) -> Outcome:
    simulation = Simulation(configured(*changes))
    start = simulation.start_metrics()
    while not simulation.finished:
        metrics = simulation.advance().metrics
    return Outcome(
        metrics["bv_tv_change_percent"],
        metrics["osteoclasts_per_mm2"] / start["osteoclasts_per_mm2"],
        metrics["osteoblasts_per_mm2"] / start["osteoblasts_per_mm2"],
    )


def il1(excess: float) -> str:
    return f"disease.il1_excess={excess} pM"


def assert_close(got: Outcome, wanted: Outcome) -> None:
    assert abs(got.change - wanted.change) < 1.0, (got, wanted)
    assert abs(got.osteoclasts / wanted.osteoclasts - 1) < 0.04, (got, wanted)
    assert abs(got.osteoblasts / wanted.osteoblasts - 1) < 0.04, (got, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("excess", [3.5, 10.0])
def test_shrew_agrees_with_the_well_mixed_limit(excess: float) -> None:
    assert_close(outcome(il1(excess)), reference(f"il1_{excess:g}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("tnf_5", "disease.tnf=5 pM"),
        ("il6_100", "disease.il6_excess=100 pM"),
        ("estrogen_loss", "disease.estrogen.loss=1"),
    ],
)
def test_shrew_agrees_with_the_limit_under_other_diseases(case: str, change: str) -> None:
    assert_close(outcome(change), reference(case))


@pytest.mark.slow
@pytest.mark.parametrize("excess", [3.5, 10.0])
def test_fast_precursors_agree_with_the_well_mixed_limit(excess: float) -> None:
    assert_close(outcome(il1(excess), *FAST), reference(f"il1_{excess:g}"))


@pytest.mark.slow
def test_dose_response_is_monotone() -> None:
    losses = [-outcome(il1(excess)).change for excess in (0.0, 1.0, 3.5, 10.0, 30.0)]
    assert abs(losses[0]) < 0.02
    assert np.all(np.diff(losses) > 4)


@pytest.mark.slow
def test_voxel_size_matters_little() -> None:
    # the original 4.1 um, smoothed once to partial volumes, against blocks of 8.2 um
    coarse = outcome(il1(10.0), "run.duration=14 day")
    fine = outcome(il1(10.0), "run.duration=14 day", "geometry.resample=4.1 um")
    assert abs(coarse.change - fine.change) < 1.5


@pytest.mark.slow
def test_time_step_converges_faster_than_first_order() -> None:
    # in float64, whose solves are exact enough not to blur the smallest difference. The errors of
    # osteoclasts and osteoblasts have opposite signs and nearly cancel at long steps; what is left
    # is a few thousandths of a point, in part of the first order: damping (theta 0.55) and the
    # spread along the surface. Without osteoblast inhibition by IL-1 the order is 2.0
    run = ("run.duration=8 day", "run.precision=float64", "output.snapshots=8 day")
    steps = (2.0, 1.0, 0.5, 0.25)
    changes = [outcome(il1(10.0), *run, f"run.step={step} day").change for step in steps]
    differences = np.abs(np.diff(changes))
    assert differences[0] < 0.03
    order = -np.polyfit(np.arange(3), np.log2(differences), 1)[0]
    assert order > 1.15
