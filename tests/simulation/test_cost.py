"""Forecasts of the number of steps, exact for steps of a given length and close for adaptive ones,
and of the memory of several processes."""

import math
from typing import Any

import pytest

from tissue.machine import processes
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation import cost
from tissue.simulation.cost import PROGRAM_MEMORY, expected_steps, memory_here, run_memory
from tissue.simulation.forcing_schedule import stop_times
from tissue.simulation.simulation import Simulation
from tissue.simulation.step_size import ControllerState, step_size_controller

BONE = {"shape": [8, 8, 8], "spacing": "10 um", "bv_tv": 0.3, "thickness": "30 um"}
"""Grid of `tests/tiny.toml`, so that it is compiled once."""


def configured(days: float, *therapy: dict[str, Any], **run: Any) -> RunConfig:
    tables = {
        "run": {"duration": f"{days} day"} | run,
        "geometry": {"synthetic": BONE},
        "disease": {"il1_excess": "3.5 pM"},
        "output": {"snapshots": "7 day"},
        "therapy": list(therapy),
    }
    return read_run_file(tables)


def doses(drug: str, dose: str, *days: float) -> dict[str, Any]:
    return {"drug": drug, "dose": dose, "times": [f"{day} day" for day in days]}


def daily(drug: str, dose: str, **span: str) -> dict[str, Any]:
    return {"drug": drug, "dose": dose, "every": "1 day"} | span


WEEKS = configured(
    28, doses("adalimumab", "10 mg/kg", *range(3, 28, 8)), step="3.5 day", preset="human"
)
RUNS = {
    "no drug": configured(21, step="2 day"),
    "doses between snapshots": WEEKS,
    "daily doses": configured(
        14, daily("anakinra", "25 mg/kg", start="3 day", stop="9.5 day"), step="2 day"
    ),
    "doses that bind to bone": configured(
        14, daily("zoledronate", "0.1 mg/kg", stop="6 day"), step="2 day"
    ),
}


def marched(config: RunConfig) -> int:
    """Number of steps of a run whose errors are zero."""
    controller, state = step_size_controller(config, stop_times(config)), ControllerState()
    while state.time < config.run.duration:
        _, state = controller.evaluate(state, controller.next(state), 0.0, 0.0)
    return state.steps


@pytest.mark.parametrize("name", RUNS)
def test_steps_of_a_given_length_are_counted_with_those_that_doses_force(name: str) -> None:
    assert expected_steps(RUNS[name]) == marched(RUNS[name])


def test_doses_force_steps() -> None:
    assert expected_steps(RUNS["no drug"]) == 3 * math.ceil(7 / 2)
    # between days 0, 3, 7, 11, 14, 19, 21, 27 and 28; 8 without the doses
    assert expected_steps(WEEKS) == 1 + 2 + 2 + 1 + 2 + 1 + 2 + 1
    # to each dose from day 1 to 5, as it binds to bone at once, to day 7 and to day 14
    assert expected_steps(RUNS["doses that bind to bone"]) == 5 + 1 + 4


@pytest.mark.parametrize("every", [8.0, 14.0, 28.0])
def test_adaptive_steps_begin_anew_at_every_dose(every: float) -> None:
    times = [every * number for number in range(1, round(168 / every))]
    plain = configured(168, preset="human")
    treated = configured(168, doses("tocilizumab", "8 mg/kg", *times), preset="human")
    assert marched(treated) <= expected_steps(treated) <= 2.5 * marched(treated)
    assert expected_steps(treated) >= expected_steps(plain) + 2 * len(times)


def test_adaptive_steps_stay_short_while_a_drug_comes_and_goes() -> None:
    daily_for_weeks = configured(28, daily("anakinra", "25 mg/kg", start="7 day"))
    # mouse bone (shrew, 38^3 voxels of 12.3 um) took 178 steps of them, and 24 without the drug
    assert expected_steps(daily_for_weeks) == pytest.approx(178, rel=0.2)
    assert expected_steps(configured(28)) == pytest.approx(24, rel=0.2)
    # an antibody hardly changes within a week, and cells respond slowly to an anabolic drug
    for drug, dose in (("adalimumab", "1 mg/kg"), ("teriparatide", "0.04 mg/kg")):
        steady = configured(28, daily(drug, dose, start="7 day"))
        assert expected_steps(steady) < 40


ADAPTIVE = {
    "an antibody every 14 days": configured(
        168, doses("tocilizumab", "8 mg/kg", *range(14, 168, 14)), preset="human"
    ),
    "daily, mouse": configured(28, daily("anakinra", "25 mg/kg", start="7 day")),
    "weekly, mouse": configured(84, daily("anakinra", "25 mg/kg") | {"every": "7 day"}),
    "every 10 days, mouse": configured(84, daily("anakinra", "25 mg/kg") | {"every": "10 day"}),
    "daily, human": configured(168, daily("anakinra", "1.5 mg/kg"), preset="human"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS | ADAPTIVE)
def test_runs_take_the_steps_that_were_expected(name: str) -> None:
    config = (RUNS | ADAPTIVE)[name]
    simulation = Simulation(config)
    while not simulation.finished:
        simulation.advance()
    # adaptive: 71 steps of 62 expected, 202 of 181, 637 of 700, 373 of 379, 349 of 420 (2026-11-26)
    error = 0.25 if name in ADAPTIVE else 0.0
    assert simulation.step == pytest.approx(expected_steps(config), rel=error)


@pytest.mark.parametrize("number", [1, 2, 4, 8])
def test_processes_share_the_fields_and_each_solves_all_of_the_bone(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(cost, "device_memory", lambda: None)
    monkeypatch.setattr(processes, "own", lambda: (0, number))
    config, shape, voxels = configured(28), (96, 96, 96), 96**3
    assert len(config.output.fields) == 6

    def a_voxel(share: float | None) -> float:
        return (memory_here(config, shape, share) - PROGRAM_MEMORY) / voxels

    # bytes: 124 fields in a step; 40 fields, box and bone in a solve; the bone at the start
    start = 8 * (1 - 1 / number)
    assert a_voxel(None) == pytest.approx(496 / number + start)
    solved = 56 + max(496 / number, 160 / number + 380 + 330)
    assert a_voxel(0.3) == pytest.approx(solved + start)
    if number == 1:
        alone = run_memory(config, voxels, fe=True, bone_share=0.3)
        assert memory_here(config, shape, 0.3) == alone
