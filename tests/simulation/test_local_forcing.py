"""Disease in a part of the box only: pannus, and walls that solutes pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.journal import Journal
from tissue.geometry.load import Geometry
from tissue.model.bone import bone_geometry
from tissue.model.context import Numerics, StepContext
from tissue.model.cytokines import uncoupled_solutes
from tissue.model.forcing import Forcing, LocalForcing
from tissue.model.parameters import Parameters, preset
from tissue.model.species import SOLUTES, UNCOUPLED
from tissue.model.turnover import Turnover
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.local_forcing import LocalSchedule, face_distance, local_schedule
from tissue.simulation.simulation import Simulation, load_geometry

SPACING = 10.0
SHAPE = (8, 8, 24)
RANGE = 50.0  # um that IL-1 reaches here
MARROW = Geometry(Grid(SHAPE, SPACING), np.zeros(SHAPE), (), ())
CENTERS = (np.arange(24) + 0.5) * SPACING
P = preset("mouse")
HEALTHY = float(P.I_0)


def configured(folder: Path = Path("/runs"), **tables: Any) -> RunConfig:
    data = {
        "run": {"duration": "1 day", "precision": "float64"},
        "geometry": {"synthetic": {"spacing": "10 um", "shape": list(SHAPE)}},
        **tables,
    }
    return read_run_file(data, folder=folder, name="local")


def struts(*shape: int) -> dict[str, Any]:
    """Thin synthetic bone."""
    made = {"shape": list(shape), "spacing": "10 um", "bv_tv": 0.3, "thickness": "30 um"}
    return {"synthetic": made}


def schedule(config: RunConfig, geometry: Geometry = MARROW) -> LocalSchedule:
    found = local_schedule(config, geometry, Journal())
    assert found is not None
    return found


def local(config: RunConfig) -> LocalForcing:
    return schedule(config).at(0.0)


def il1(config: RunConfig) -> tuple[np.ndarray, Turnover, Parameters]:
    """IL-1 in plain marrow, cleared so fast that it reaches 50 um, and its turnover."""
    p = replace(P, k_I=P.D_I / RANGE**2)
    pore = bone_geometry(jnp.zeros(SHAPE), SPACING, p)
    nothing = jnp.zeros(SHAPE)
    context = StepContext(Forcing(local=local(config)), p, Numerics(SPACING, 1e-10))
    guess = {solute.name: nothing for solute in UNCOUPLED}
    solutes, _ = uncoupled_solutes(guess, nothing, pore, context)
    return np.asarray(solutes["il1"].field), solutes["il1"].turnover, p


def test_nothing_local_needs_no_fields() -> None:
    uniform = configured(disease={"il1_excess": "3 pM", "estrogen": {}})
    assert local_schedule(uniform, MARROW, Journal()) is None


def test_a_held_wall_makes_a_hyperbolic_profile() -> None:
    field, *_ = il1(configured(boundary={"il1": {"x_low": {"value": "10 pM"}}}))
    inside = np.cosh((240 - CENTERS) / RANGE) / np.cosh(240 / RANGE)
    profile = HEALTHY + (10 - HEALTHY) * inside
    assert_allclose(field[4, 4], profile, rtol=5e-3)
    assert_allclose(field, np.broadcast_to(field[4, 4], SHAPE), rtol=1e-7)
    # the wall far away does the same from the other side
    other, *_ = il1(configured(boundary={"il1": {"x_high": {"value": "10 pM"}}}))
    assert_allclose(other[4, 4, ::-1], field[4, 4], rtol=1e-7)


def test_a_permeable_wall_exchanges_with_blood() -> None:
    permeability = 40_000.0
    field, _, p = il1(
        configured(
            boundary={
                "il1": {"x_low": {"permeability": f"{permeability} um/day", "blood": "10 pM"}}
            }
        )
    )
    conductance = float(p.D_I) / RANGE * np.tanh(240 / RANGE)
    at_wall = HEALTHY + (10 - HEALTHY) * permeability / (permeability + conductance)
    inside = np.cosh((240 - CENTERS) / RANGE) / np.cosh(240 / RANGE)
    profile = HEALTHY + (at_wall - HEALTHY) * inside
    assert 2 < at_wall < 8
    assert_allclose(field[4, 4], profile, rtol=0.1)
    # and what comes in is what is cleared above the level without it
    wall = local(configured(boundary={"il1": {"x_low": {"value": "1 pM"}}})).walls["il1"]
    assert (np.asarray(wall.rate) > 0).sum() == 64
    entered = permeability / SPACING * (10 - field[..., 0]).sum()
    assert_allclose(entered, float(p.k_I) * (field - HEALTHY).sum(), rtol=1e-6)


def test_what_passes_a_wall_is_in_the_budget() -> None:
    both = {"x_low": {"value": "10 pM"}, "z_high": {"permeability": "9 mm/day", "blood": "2 pM"}}
    _, turnover, _ = il1(configured(boundary={"il1": both}))
    assert_allclose(turnover.gained, turnover.lost, rtol=1e-8)


@pytest.mark.slow
def test_a_run_is_the_same_wherever_a_periodic_box_begins() -> None:
    config = configured(
        boundary={"periodic": ["z", "x"]},
        disease={"il1_excess": "10 pM"},
        run={"duration": "1 day", "precision": "float64", "step": "1 day"},
        geometry=struts(8, 8, 16),
    )
    here = load_geometry(config)
    moved = replace(here, bone_volume_fraction=np.roll(here.bone_volume_fraction, (3, 7), (0, 2)))
    after, rows = [], []
    for geometry in (here, moved):
        simulation = Simulation(config, geometry)
        rows.append((simulation.start_metrics(), simulation.advance().metrics))
        after.append(simulation.fields())
    for one, other in zip(*rows, strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6, nan_ok=True)
    # the surface in health is that of the later rows
    surface = [row["surface_density_per_mm"] for row in rows[0]]
    assert surface[0] == pytest.approx(surface[1], rel=0.02)
    for name, field in after[0].items():
        rolled = np.roll(np.asarray(field), (3, 7), (0, 2))
        scale = float(jnp.abs(field).max())
        assert_allclose(rolled, after[1][name], atol=1e-4 * scale, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("held_at_none", ["opg", "rankl"])
def test_every_solute_may_pass_a_wall(held_at_none: str) -> None:
    # RANKL and OPG bind each other: while one comes in, the wall takes the other away
    levels = {name: "0 pM" if name == held_at_none else "3000 pM" for name in SOLUTES}
    config = configured(
        boundary={name: {"x_low": {"value": level}} for name, level in levels.items()},
        run={"duration": "1 day", "precision": "float64", "step": "0.5 day"},
        geometry=struts(8, 8, 8),
    )
    simulation = Simulation(config)
    record = simulation.advance()
    for solute in SOLUTES.keys() - {held_at_none}:
        field = np.asarray(simulation.state.solutes[solute])
        assert field[..., 0].mean() > field[..., -1].mean() > 500, solute
        assert record.ledger[f"{solute}_residual"] < 1e-4, solute


def test_a_pannus_grows_from_faces() -> None:
    faces = {"faces": ["x_low", "z_high"], "depth": "30 um"}
    cells = np.asarray(local(configured(disease={"pannus": faces})).inflammatory_cells)
    wanted = np.zeros(SHAPE)
    wanted[..., :3], wanted[-3:] = 1e5, 1e5
    assert_allclose(cells, wanted)
    some = {"pannus": faces | {"cells": "500 cells/mm^3"}, "inflammatory_cells": "7 cells/mm^3"}
    cells = np.asarray(local(configured(disease=some)).inflammatory_cells)
    assert_allclose(np.unique(cells), [7, 500])


def test_inflammatory_cells_come_and_go() -> None:
    flare = [{"from": "2 day", "to": "5 day", "value": "700 cells/mm^3"}]
    pannus = {"faces": ["x_low"], "depth": "30 um", "cells": "500 cells/mm^3"}
    config = configured(
        disease={"inflammatory_cells": flare, "pannus": pannus}, run={"duration": "9 day"}
    )
    found = schedule(config)
    for time, least in ((0.0, 0), (1.9, 0), (2.0, 700), (4.9, 700), (5.0, 0)):
        wanted = np.full(SHAPE, least)
        wanted[..., :3] = max(500, least)
        assert_allclose(found.at(time).inflammatory_cells, wanted)
    # without a pannus they are the same everywhere
    alone = schedule(configured(disease={"inflammatory_cells": flare}))
    assert_allclose(alone.at(3.0).inflammatory_cells, np.full(SHAPE, 700))


def test_a_field_that_does_not_change_is_made_once() -> None:
    found = schedule(configured(disease={"inflammatory_cells": "7 cells/mm^3"}))
    assert found.at(0.5).inflammatory_cells is found.at(9.5).inflammatory_cells


def test_distance_from_a_face() -> None:
    grid = Grid((2, 3, 4), 10.0)
    assert_allclose(face_distance("y_low", grid).ravel(), [5, 15, 25])
    assert_allclose(face_distance("x_high", grid).ravel(), [35, 25, 15, 5])
    assert face_distance("z_low", grid).shape == (2, 1, 1)


def test_a_mask_says_where_the_pannus_is(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:6, 2:6, 3:9] = 1
    np.save(tmp_path / "pannus.npy", mask)
    config = configured(tmp_path, disease={"pannus": {"mask": "pannus.npy"}})
    cells = np.asarray(local(config).inflammatory_cells)
    # as sharp as bone is: a voxel at its edge is partly inside
    assert_allclose(cells[3:5, 3:5, 4:8], 1e5)
    assert not cells[:, :, 10:].any()
    assert_allclose(cells.sum(), 1e5 * mask.sum(), rtol=1e-6)


def test_a_mask_must_be_as_large_as_the_bone(tmp_path: Path) -> None:
    mask = np.zeros((8, 8, 20), np.uint8)
    mask[2:6] = 1
    np.save(tmp_path / "small.npy", mask)
    config = configured(tmp_path, disease={"pannus": {"mask": "small.npy"}})
    with pytest.raises(InputError, match=r"mask: small.npy has 8 x 8 x 20 voxels") as raised:
        local(config)
    assert "the synthetic bone 8 x 8 x 24" in str(raised.value)
    missing = configured(tmp_path, disease={"pannus": {"mask": "nowhere.npy"}})
    with pytest.raises(InputError, match=r"nowhere\.npy"):
        local(missing)


def test_a_pannus_erodes_the_bone_that_it_lies_against() -> None:
    config = configured(
        disease={"pannus": {"faces": ["x_low"], "depth": "20 um", "cells": "1e5 cells/mm^3"}},
        run={"duration": "4 day", "step": "1 day"},
        geometry=struts(8, 8, 8),
        parameters=dict.fromkeys(("D_I", "D_T", "D_R"), "0.05 um^2/s"),
    )
    simulation = Simulation(config)
    while not simulation.finished:
        simulation.advance()
    osteoclasts = np.asarray(simulation.state.osteoclasts)
    assert osteoclasts[..., 0].mean() > 1.1 * osteoclasts[..., -1].mean()
