"""No therapy depends on how its doses fall into coupling steps."""

from functools import cache
from typing import Any

import pytest

from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation

pytestmark = pytest.mark.slow

DAYS = 56
COURSES: dict[str, list[dict[str, Any]]] = {
    "anakinra": [{"drug": "anakinra", "dose": "100 mg", "every": "1 day", "stop": "30 day"}],
    "denosumab": [{"drug": "denosumab", "dose": "1 mg/kg", "times": ["0 day", "28.3 day"]}],
    "zoledronate": [{"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "10.7 day"}],
    "teriparatide": [{"drug": "teriparatide", "dose": "20 ug", "every": "1 day"}],
    "romosozumab": [{"drug": "romosozumab", "dose": "210 mg", "every": "30 day"}],
    "adalimumab": [{"drug": "adalimumab", "dose": "40 mg", "every": "14 day", "start": "3 day"}],
    "il4": [{"drug": "il4", "dose": "5 ug/kg", "every": "0.5 day"}],
    "two at once": [
        {"drug": "anakinra", "dose": "100 mg", "every": "1 day"},
        {"drug": "denosumab", "dose": "60 mg"},
    ],
}
DISEASES: dict[str, dict[str, Any]] = {
    "ovariectomy": {"estrogen": {}},
    "ovariectomy and arthritis": {"il1_excess": "3 pM", "tnf": "5 pM", "estrogen": {}},
}
WITHOUT_ARTHRITIS = ("teriparatide",)
"""Therapies that do next to nothing here in arthritis.

TNF and IL-1 inhibit the activation of lining cells, and bone is resorbed ten times as fast as it is
formed: the formation that teriparatide adds is no more than the resorption that its RANKL adds.
After ovariectomy alone it changes BV/TV by +3 points in the same time.
"""


def change(disease: str, therapy: list[dict[str, Any]], **run: str) -> float:
    """Change of BV/TV of a patient with a disease and a therapy [%]."""
    data = {
        "run": {"preset": "human", "duration": f"{DAYS} day", "precision": "float64"} | run,
        "geometry": {
            "synthetic": {
                "shape": [20, 20, 20],
                "spacing": "20 um",
                "bv_tv": 0.25,
                "thickness": "140 um",
            }
        },
        "disease": DISEASES[disease],
        "therapy": therapy,
        "output": {"snapshots": f"{DAYS} day"},
    }
    simulation = Simulation(read_run_file(data, name="dosing"))
    while not simulation.finished:
        metrics = simulation.advance().metrics
    return float(metrics["bv_tv_change_percent"])


@cache
def untreated(disease: str) -> float:
    """Change of BV/TV without a therapy [%]."""
    return change(disease, [], step="1 day")


@pytest.mark.parametrize("name", COURSES)
def test_halving_the_step_changes_little(name: str) -> None:
    disease = "ovariectomy" if name in WITHOUT_ARTHRITIS else "ovariectomy and arthritis"
    therapy = COURSES[name]
    one, half = (change(disease, therapy, step=step) for step in ("1 day", "0.5 day"))
    assert abs(one - untreated(disease)) > 0.2  # it does something
    assert abs(one - half) < 0.2
    assert abs(change(disease, therapy) - half) < 0.2  # adaptive steps, days long
