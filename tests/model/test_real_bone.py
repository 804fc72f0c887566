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
    base = (f"run.duration={days} day", "disease.il1_excess=0 pM", "load.mechanics='off'")
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

ACTIONS = (
    "rankl_induction",
    "opg_suppression",
    "direct_osteoclastogenesis",
    "osteoclast_survival",
    "osteoclast_activation",
    "precursor_supply",
    "differentiation_inhibition",
    "formation_inhibition",
    "migration_inhibition",
)


def test_every_action_of_il1_costs_bone() -> None:
    whole = loss(28, IL1)
    saved = {name: whole - loss(28, IL1, f"mechanisms.{name}=false") for name in ACTIONS}
    assert min(saved.values()) > 0.1, saved


def test_ovariectomy_needs_the_il1_receptor() -> None:
    wild = loss(28, OVX)
    lacking = loss(28, OVX, NO_RECEPTOR) - loss(28, NO_RECEPTOR)
    assert 10 < wild < 30  # Bouxsein 2005
    assert abs(lacking) < 0.2 * wild  # Lorenzo 1998


def test_tnf_needs_il1_for_half_of_its_osteoclasts() -> None:
    # Wei 2005; 10 ng/ml in a culture are 190 pM of the trimer
    tnf = "disease.tnf=100 pM"
    wild = run(7, tnf)["osteoclasts_per_mm2"] - run(7)["osteoclasts_per_mm2"]
    with_gene_out = run(7, tnf, NO_RECEPTOR)["osteoclasts_per_mm2"]
    lacking = with_gene_out - run(7, NO_RECEPTOR)["osteoclasts_per_mm2"]
    assert 0.35 < lacking / wild < 0.65


def test_il1_makes_no_osteoclasts_without_rankl() -> None:
    left = run(56, "disease.il1_excess=30 pM", "knockout.rankl=true")["osteoclasts_per_mm2"]
    assert left < 5  # of 100
