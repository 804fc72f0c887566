"""Forcing of each step of a run: when steps end, and the disease and drugs that act in them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.model import signals
from tissue.model.drugs import DRUGS
from tissue.model.parameters import preset
from tissue.scenario.config import read_run_file
from tissue.simulation.forcing_schedule import ForcingSchedule

DOSE = {"drug": "anakinra", "dose": "1 mg/kg"}
ADALIMUMAB = {"drug": "adalimumab", "dose": "40 mg", "every": "14 day"}
ETANERCEPT = {"drug": "etanercept", "dose": "50 mg", "every": "7 day", "start": "3 day"}


def schedule(*therapies: dict[str, Any], disease: Any = None, **run: Any) -> ForcingSchedule:
    data: dict[str, Any] = {
        "run": {"duration": "28 day"} | run,
        "geometry": {"synthetic": {}},
        "disease": disease or {},
        "therapy": list(therapies),
    }
    return ForcingSchedule(read_run_file(data, folder=Path("/runs"), name="treated"))


def mean(concentrations: Any) -> float:
    weights = np.polynomial.legendre.leggauss(len(concentrations))[1] / 2
    return float(np.sum(weights * np.asarray(concentrations)))


# Ends of steps


def test_steps_end_where_rare_doses_fall() -> None:
    found = schedule(
        {"drug": "denosumab", "dose": "1 mg/kg", "times": ["0 day", "10 day", "24 day"]},
        DOSE | {"every": "1 day", "start": "3 day", "stop": "20 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "8.5 day"},
    )
    # of the daily doses only the first and the end
    assert_allclose(found.stop_times, [3, 8.5, 10, 20, 24])


def test_steps_end_at_every_dose_that_binds_to_bone() -> None:
    weekly = schedule({"drug": "zoledronate", "dose": "0.02 mg/kg", "every": "7 day"})
    assert_allclose(weekly.stop_times, [7, 14, 21])
    assert_allclose([weekly.bisphosphonate_dose(t) for t in (0, *weekly.stop_times)], 0.2)


def test_steps_end_where_estrogen_begins_to_fall_and_has_fallen() -> None:
    found = schedule(disease={"estrogen": {"onset": "4 day", "ramp": "6 day"}})
    assert found.stop_times == (4, 10)
    lost = [float(found.forcing(day - 0.5, 1.0, "float64").estrogen_loss) for day in (3, 7, 12)]
    assert_allclose(lost, [0, 0.5, 1])


def pieces(*found: tuple[float, float, str | float]) -> list[dict[str, Any]]:
    return [{"from": f"{a} day", "to": f"{b} day", "value": value} for a, b, value in found]


def test_steps_end_at_the_corners_of_every_time_course() -> None:
    found = schedule(
        disease={
            "il1_excess": pieces((0, 3, "30 pM"), (10, 12.5, "3 pM")),
            "tnf": pieces((2, 5, "4 pM")),
            "il1ra_excess": pieces((6, 7, "50 pM")),
            "inflammatory_cells": pieces((8, 9, "100 cells/mm^3")),
            "estrogen": {"loss": pieces((14, 20, 0.5), (20, 28, 1.0))},
        }
    )
    assert found.stop_times == (2, 3, 5, 6, 7, 8, 9, 10, 12.5, 14, 20)
    held = [found.forcing(time, 0.5, "float64") for time in (0, 2.5, 4, 6.5, 11, 15, 25)]
    assert [float(each.excess["il1"]) for each in held] == [30, 30, 0, 0, 3, 0, 0]
    assert [float(each.excess["tnf"]) for each in held] == [0, 4, 4, 0, 0, 0, 0]
    assert [float(each.il1ra_excess) for each in held] == [0, 0, 0, 50, 0, 0, 0]
    assert [float(each.estrogen_loss) for each in held] == [0, 0, 0, 0, 0, 0.5, 1]


def test_il1_of_estrogen_loss_in_pieces_falls_back_from_its_first_piece() -> None:
    loss = pieces((100, 4000, 1.0))
    found = schedule(disease={"estrogen": {"loss": loss}}, duration="10 year", preset="human")
    late = found.forcing(100 + 730 + 2555 - 0.5, 1.0, "float64").estrogen_relaxation
    assert_allclose(late, np.exp(-1), rtol=1e-12)


def test_stop_times_that_differ_by_rounding_are_one() -> None:
    # 100 steps of 0.1 day do not quite make 10 days
    found = schedule(
        DOSE | {"every": "0.1 day", "stop": "10 day"},
        DOSE | {"every": "1 day", "start": "10 day", "stop": "12 day"},
    )
    assert np.all(np.diff(found.stop_times) > 1e-6)


# Drugs


def test_zoledronate_binds_at_the_time_of_its_dose() -> None:
    dose = {"drug": "zoledronate", "dose": "0.05 mg/kg", "times": ["0 day", "12 day"]}
    found = schedule(dose)
    bound = [found.bisphosphonate_dose(t) for t in (0.0, 5.0, 12.0, 12.5)]
    assert_allclose(bound, [0.5, 0, 0.5, 0])
    human = schedule(dose | {"dose": "5 mg"}, preset="human")
    assert_allclose(human.bisphosphonate_dose(0.0), 1)


def test_two_bisphosphonates_at_one_moment_bind_together(monkeypatch: pytest.MonkeyPatch) -> None:
    full = {"mouse": 2.0, "human": 1.0}
    monkeypatch.setitem(DRUGS, "pamidronate", DRUGS["zoledronate"]._replace(full_dose=full))
    first = {"drug": "zoledronate", "dose": "0.03 mg/kg", "start": "4 day"}
    second = {"drug": "pamidronate", "dose": "0.8 mg/kg", "start": "4 day"}
    found = [schedule(*each).bisphosphonate_dose(4.0) for each in ([first], [second])]
    assert_allclose(found, [0.3, 0.4])
    assert_allclose(schedule(first, second).bisphosphonate_dose(4.0), 0.7)


def test_each_drug_reaches_its_target() -> None:
    drugs = {
        "anakinra": "il1_receptor",
        "denosumab": "rankl",
        "adalimumab": "tnf",
        "il4": "il4_receptor",
    }
    for drug, target in drugs.items():
        exposure = schedule(DOSE | {"drug": drug}).forcing(0.2, 1.0, "float32").exposure
        assert set(exposure) == {target}
        assert mean(exposure[target]) > 0
        assert exposure[target].shape == (8 if drug in ("anakinra", "il4") else 4,)
        assert exposure[target].dtype == np.float32


def test_a_second_blocker_of_tnf_adds_to_the_first() -> None:
    first, second, both = (
        schedule(*each, preset="human")
        for each in ([ADALIMUMAB], [ETANERCEPT], [ADALIMUMAB, ETANERCEPT])
    )
    p = preset("human")
    for time, length in ((0.0, 3.0), (3.0, 4.0), (20.5, 0.5)):
        forcings = [each.forcing(time, length, "float64") for each in (first, second, both)]
        alone = [mean(f.drug("tnf")) for f in forcings]
        assert_allclose(alone[2], alone[0] + alone[1], rtol=5e-3)
        # and TNF signals less than with either of them
        signal = [float(signals.tnf_signal(20.0, f, p)) for f in forcings]
        assert signal[2] < min(signal[:2]) or time < 3
        assert signal[2] <= signal[0]
    assert mean(first.forcing(0.0, 3.0, "float64").drug("tnf")) > 100


def test_anabolic_drugs_activate_lining_cells_and_change_rankl() -> None:
    p = preset("human")
    # at its standard regimen teriparatide has the effects of its parameters
    daily = {"drug": "teriparatide", "dose": "20 ug", "every": "1 day"}
    forcing = schedule(daily, preset="human").forcing(20.0, 1.0, "float64")
    assert_allclose(forcing.anabolic, 1 + p.a_P, rtol=1e-2)
    assert_allclose(forcing.lining_activation, p.k_P, rtol=1e-2)
    assert_allclose(forcing.osteoblast_rankl, p.r_P, rtol=1e-2)
    assert forcing.production["rankl"] == 1
    monthly = {"drug": "romosozumab", "dose": "210 mg"}
    forcing = schedule(monthly, preset="human").forcing(5.0, 1.0, "float64")
    blocked = float(forcing.lining_activation) / p.k_S
    assert 0.6 < blocked < 1
    assert_allclose(1 - forcing.production["rankl"], p.r_S * blocked, rtol=1e-9)
    assert (float(forcing.anabolic), float(forcing.osteoblast_rankl)) == (1, 0)


# Age


def test_age_lowers_formation() -> None:
    found = schedule(disease={"aging": True}, duration="10 year", preset="human")
    tenth_year = found.forcing(9.5 * 365.25, 365.25, "float64").anabolic
    assert_allclose(tenth_year, np.exp(-0.0024 * 10), rtol=1e-9)
