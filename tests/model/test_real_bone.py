"""Disease and knock-outs on the shrew bone, without the mechanostat, against published facts."""

from functools import cache
from pathlib import Path

import pytest

from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@cache
def run(days: float, *changes: str) -> dict[str, float]:
    """The last row of metrics of a run on the shrew bone."""
    base = (f"run.duration={days} day", "disease.il1_excess=0 pM", "mechanisms.mechanostat=false")
    snapshots = f"output.snapshots={days} day"
    simulation = Simulation(read_run_file(ROOT / "runs/shrew.toml", [*base, snapshots, *changes]))
    while not simulation.finished:
        metrics = simulation.advance().metrics
    return dict(metrics)


def loss(days: float, *changes: str) -> float:
    """Bone lost, in percent of BV/TV."""
    return -run(days, *changes)["bv_tv_change_percent"]


IL1 = "disease.il1_excess=10 pM"
OVX = "disease.estrogen.loss=1"
NO_RECEPTOR = "knockout.il1_receptor=true"

# by what their removal saves under +10 pM for 28 days, largest first
MECHANISMS = (
    "osteoclast_survival",
    "rankl_induction",
    "osteoclast_activation",
    "direct_osteoclastogenesis",
    "differentiation_inhibition",
    "formation_inhibition",
    "opg_suppression",
    "migration_inhibition",
)


def test_mechanisms_matter_in_their_order() -> None:
    whole = loss(28, IL1)
    saved = [whole - loss(28, IL1, f"mechanisms.{name}=false") for name in MECHANISMS]
    assert min(saved) > 0, dict(zip(MECHANISMS, saved, strict=True))
    for i, first in enumerate(saved):
        for j in range(i + 1, len(saved)):
            # a gap of less than a point is no order
            assert first > saved[j] - 1, (MECHANISMS[i], first, MECHANISMS[j], saved[j])


def test_il1ra_rescues_most_of_the_ovariectomized_bone() -> None:
    rescued = 1 - loss(28, OVX, "disease.il1ra_excess=300 pM") / loss(28, OVX)
    assert 0.4 < rescued < 0.8


def test_ovariectomy_needs_the_il1_receptor() -> None:
    wild = loss(28, OVX)
    lacking = loss(28, OVX, NO_RECEPTOR) - loss(28, NO_RECEPTOR)
    assert 15 < wild < 30
    assert abs(lacking) < 0.2 * wild


def test_tnf_needs_il1_for_half_of_its_osteoclasts() -> None:
    tnf = "disease.tnf=20 pM"
    for days in (7, 28):
        wild = run(days, tnf)["osteoclasts_per_mm2"] - run(days)["osteoclasts_per_mm2"]
        lacking = (
            run(days, tnf, NO_RECEPTOR)["osteoclasts_per_mm2"]
            - run(days, NO_RECEPTOR)["osteoclasts_per_mm2"]
        )
        assert 0.35 < lacking / wild < 0.65


def test_il1_makes_no_osteoclasts_without_rankl() -> None:
    left = run(56, "disease.il1_excess=30 pM", "knockout.rankl=true")["osteoclasts_per_mm2"]
    assert left < 5  # of 100
