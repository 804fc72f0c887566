"""Sources that vary in time: steps land on the corners, and nothing acts outside the pieces."""

from pathlib import Path

import pytest

from tissue.errors import InputError
from tissue.scenario.config import RunConfig
from tissue.simulation.checkpoints import newest
from tissue.simulation.resume import refuse_differences
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation

PULSE = [{"from": "0.3 day", "to": "1.2 day", "value": "5 pM"}]


@pytest.mark.parametrize("step", ["0.5 day", "adaptive"])
def test_a_pulse_begins_and_ends_with_a_step(tiny: RunConfig, step: str) -> None:
    config = tiny.changed({"disease.il1_excess": "0 pM", "disease.tnf": PULSE, "run.step": step})
    simulation = Simulation(config)
    tnf = {}
    while not simulation.finished:
        metrics = simulation.advance().metrics
        tnf[round(metrics["time_day"], 9)] = metrics["tnf_marrow_pM"]
    assert {0.3, 1.2, 2.0} <= tnf.keys()
    inside = [value for time, value in tnf.items() if 0.3 < time <= 1.2]
    outside = [value for time, value in tnf.items() if not 0.3 < time <= 1.2]
    # the excess alone makes TNF, which follows it within hours
    assert inside == pytest.approx([5.0] * len(inside), rel=1e-3)
    assert outside == pytest.approx([0.0] * len(outside), abs=1e-6)


def test_a_pulse_over_all_of_a_run_is_a_constant(tiny: RunConfig) -> None:
    always = [{"from": "0 day", "to": "2 day", "value": "3.5 pM"}]
    pieces, constant = Simulation(tiny.changed({"disease.il1_excess": always})), Simulation(tiny)
    while not constant.finished:
        assert pieces.advance().metrics == constant.advance().metrics
    assert pieces.finished


def test_a_pulse_is_a_key_of_the_run_that_a_branch_may_change(
    tiny: RunConfig, tmp_path: Path
) -> None:
    config = tiny.changed({"disease.tnf": PULSE, "run.duration": "0.5 day"})
    run(config, tmp_path / "parent")
    checkpoint = newest(tmp_path / "parent")
    assert checkpoint
    refuse_differences(config, checkpoint)
    other = config.changed({"disease.tnf": [PULSE[0] | {"to": "1.3 day"}]})
    with pytest.raises(InputError, match=r'disease\.tnf\[1\]\.to \("1.2 day" there, "1.3 day"'):
        refuse_differences(other, checkpoint)
    refuse_differences(other, checkpoint, branch=True)
    refuse_differences(config.changed({"disease.tnf": "1 pM"}), checkpoint, branch=True)
