"""The healthy bone stands still, on any geometry."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.geometry.load import Geometry, load_image
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.bone import bone_geometry
from tissue.model.homeostasis import min_precursor_fraction
from tissue.model.parameters import preset
from tissue.model.species import UNCOUPLED, Solute
from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation

ROOT = Path(__file__).parents[2]
DRIFT = {"float64": 1e-3, "float32": 0.02}  # % of BV/TV in 60 days
BOUND = {"float64": 1e-10, "float32": 1e-5}  # of every ledger residual


def test_references_make_every_response_one(tissue: SimpleNamespace) -> None:
    _, diagnostics = tissue.step()
    done, healthy, p = diagnostics.terms, tissue.healthy, tissue.parameters
    on_surface = np.asarray(done.geometry.exchange.surface) > 0
    assert_allclose(done.osteoclasts.formed[on_surface], p.delta_C * p.C_0, rtol=1e-7)
    assert_allclose(done.osteoblasts.formed[on_surface], p.delta_B * p.B_0, rtol=1e-7)
    assert_allclose(done.resorption[on_surface], done.formation[on_surface], rtol=1e-7)
    assert healthy.drive.min() > 0


def test_osteoblast_precursors_are_uniform_in_health(tissue: SimpleNamespace) -> None:
    after, _ = tissue.step()
    assert_allclose(after.osteoblast_precursors, 2000, rtol=1e-7)


@pytest.mark.parametrize("solute", UNCOUPLED, ids=lambda each: each.name)
def test_a_solute_rests_at_its_healthy_concentration(
    tissue: SimpleNamespace, solute: Solute
) -> None:
    expected = getattr(tissue.parameters, solute.healthy) if solute.healthy else 0.0
    assert_allclose(tissue.state.solutes[solute.name], expected, rtol=1e-9, atol=1e-12)


def test_surface_sees_about_the_nominal_concentrations(tissue: SimpleNamespace) -> None:
    at_surface = tissue.step()[1].terms.at_surface
    assert 9.5 < float(jnp.mean(at_surface["rankl"])) < 11
    assert 58 < float(jnp.mean(at_surface["opg"])) < 63


def test_references_continue_smoothly_into_bone(tissue: SimpleNamespace) -> None:
    drive = np.asarray(tissue.healthy.drive)
    surface = np.asarray(
        bone_geometry(tissue.state.bone_volume_fraction, 10.0, preset("mouse")).exchange.surface
    )
    known = drive[surface > 0]
    assert known.min() * 0.9 < drive.min()
    assert drive.max() < known.max() * 1.1


def test_smallest_share_tells_starved_marrow(make_tissue: Callable[..., SimpleNamespace]) -> None:
    # strong chemotaxis in a corner-rich bone empties the marrow far from RANKL
    calm, wild = make_tissue(), make_tissue(chi_R=3e7)
    share = [
        float(min_precursor_fraction(t.state, t.healthy, t.parameters)["osteoclast_precursors"])
        for t in (calm, wild)
    ]
    assert share[0] > 0.9
    assert share[1] < 0.05


def with_pockets(geometry: Geometry) -> Geometry:
    """The bone with sealed pockets and dead-end pores cut into it."""
    bone = geometry.bone_volume_fraction.copy()
    solid = np.argwhere(bone > 0.99)
    rng = np.random.default_rng(0)
    pockets = 0
    for z, y, x in rng.permutation(solid):
        around = bone[max(z - 2, 0) : z + 3, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        if around.min() > 0.9 and around.size == 125 and pockets < 6:
            bone[z, y, x] = 0.0  # sealed
            pockets += 1
    z, y, x = solid[len(solid) // 2]
    bone[z, y, x:] = 0.0  # a tunnel one voxel wide
    return replace(geometry, bone_volume_fraction=bone)


def stands_still(geometry: Geometry, preset_name: str, precision: str) -> None:
    run = {
        "run": {
            "preset": preset_name,
            "duration": "60 day",
            "step": "1 day",
            "precision": precision,
        },
        "geometry": {"synthetic": {}},
        "disease": {"il1_excess": "0 pM"},
    }
    simulation = Simulation(read_run_file(run, name="healthy"), geometry)
    start = simulation.state.bone_volume_fraction
    while not simulation.finished:
        record = simulation.advance()  # raises where a field is not finite or negative
        for name, value in record.ledger.items():
            if name.endswith("_residual"):
                assert value <= BOUND[precision], name
    assert abs(record.metrics["bv_tv_change_percent"]) < DRIFT[precision]
    if precision == "float64":
        moved = jnp.abs(simulation.state.bone_volume_fraction - start)
        assert float(moved.max()) < 1e-3
        p = preset(preset_name)
        surface = bone_geometry(start, geometry.grid.spacing, p).exchange.surface
        assert_allclose(simulation.state.lining_cells[surface > 0], p.L_0, rtol=1e-6)


@pytest.mark.slow
def test_healthy_bone_with_sealed_pockets_stands_still() -> None:
    made = synthesize(SyntheticSettings((20, 22, 24), 10.0, bv_tv=0.4, thickness=80.0, seed=1))
    stands_still(with_pockets(made), "mouse", "float64")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("species", ["mouse", "human"])
@pytest.mark.parametrize("pockets", [False, True])
def test_healthy_bone_stands_still(species: str, precision: str, pockets: bool) -> None:
    if species == "mouse":
        geometry = load_image(
            ImageSettings(ROOT / "runs/data/shrew.nrrd", threshold=128.0, resample=8.2)
        )
    else:
        geometry = synthesize(SyntheticSettings((48, 48, 48), 20.0, 0.2, 150.0, seed=0))
    stands_still(with_pockets(geometry) if pockets else geometry, species, precision)
