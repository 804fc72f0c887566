"""Runs whose load comes from finite elements of the bone."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from simulation.diseased_run import assert_same, cut_after
from simulation.loaded_run import EDGE, config

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.mechanics.compression import LOADINGS, unreached_axes
from tissue.model.observables import FINITE_ELEMENT_METRICS
from tissue.scenario.config import RunConfig
from tissue.scenario.schema import LoadTable
from tissue.simulation import loaded_bone
from tissue.simulation.load_mechanics import load_mechanics
from tissue.simulation.loaded_bone import healthy_load, solved_again
from tissue.simulation.memory_run import simulate
from tissue.simulation.plan import plan
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint
from tissue.storage.results import Run

TINY = {"synthetic": {"shape": [8] * 3, "spacing": "10 um", "bv_tv": 0.3, "thickness": "30 um"}}
"""Bone of tests/tiny.toml, whose programs are there."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with finite elements, which tests must not change."""
    return run(config(), tmp_path_factory.mktemp("loaded"))


def test_a_resumed_run_is_the_same_bit_for_bit(finished: Run, tmp_path: Path) -> None:
    solved = finished.metrics["fe_iterations"] > 0
    assert (solved[3], solved[4]) == (False, True)
    for number in (3, 4, 6):  # before a solve, after one, and between two
        folder = cut_after(finished.folder, tmp_path / f"{number}", number)
        run(config(), folder, resume="latest")
        assert_same(finished.folder, folder)


def test_the_last_solve_is_part_of_a_checkpoint(finished: Run) -> None:
    found = read_checkpoint(list_checkpoints(finished.folder)[-1]).mechanics
    voxels, nodes = (EDGE,) * 3, (EDGE + 1,) * 3
    for name in loaded_bone.FIELDS:
        assert found[name].shape == voxels
    for along in "zyx":
        assert found[f"displacement_z_{along}"].shape == nodes
    # under unit compression one end moves by the length of the box toward the other
    ends = found["displacement_z_z"][[0, -1]].reshape(2, -1)
    assert np.ptp([end[np.abs(end).argmax()] for end in ends]) == pytest.approx(EDGE, rel=1e-5)
    assert found["time"] == 8
    assert set(FINITE_ELEMENT_METRICS) <= found.keys()


def test_bone_under_load_starts_in_health(finished: Run) -> None:
    start, end = (finished.opened[number] for number in (0, -1))
    assert not start.field("load_stimulus").any()
    bone, energy = start.field("bone_volume_fraction"), start.field("strain_energy_density")
    assert energy[bone < 0.01].max() == 0
    # Christen 2012: the loads are those that strain bone most evenly, at 0.02 MPa
    assert 0.01 < (bone * energy).sum() / bone.sum() < 0.03
    assert end.field("load_stimulus")[bone > 0.5].min() > 0  # what is left bears more
    lost = end.field("bone_volume_fraction")
    assert (lost * end.field("strain_energy_density")).sum() / lost.sum() > 0.01


def test_metrics_of_strength_follow_the_bone(finished: Run) -> None:
    found, spacing = finished.metrics, 10.0
    start = {name: found[name][0] for name in FINITE_ELEMENT_METRICS}
    assert start["stiffness_z_change_percent"] == start["failure_load_z_change_percent"] == 0
    # a cube: stiffness = modulus x area / length, 1 MPa mm = 1 N/mm
    edge = EDGE * spacing / 1e3
    assert start["stiffness_z_N_per_mm"] == pytest.approx(start["apparent_modulus_z_MPa"] * edge)
    assert 0 < start["apparent_modulus_z_MPa"] < 0.4 * 14800  # less than bone all along z
    lost = -found["bv_tv_change_percent"][-1]
    for name in ("stiffness_z_N_per_mm", "failure_load_z_N"):
        change = found[name.rpartition("_N")[0] + "_change_percent"][-1]
        assert change == pytest.approx(100 * (found[name][-1] / found[name][0] - 1))
        assert 1.0 * lost < -change < 3 * lost  # stiffness goes as BV/TV to the power of 1 to 3
    held = found["fe_iterations"] == 0
    same = found["stiffness_z_N_per_mm"][1:] == found["stiffness_z_N_per_mm"][:-1]
    np.testing.assert_array_equal(held[1:], same)
    assert (found["fe_residual"] <= 1e-4).all()


def test_other_mechanics_have_no_strength(tmp_path: Path) -> None:
    for mechanics in ("density", "off"):
        output = {"snapshots": "1 day", "fields": ["load_stimulus"]}
        tables = {"load": {"mechanics": mechanics}, "output": output, "geometry": TINY}
        found = simulate(config(run={"duration": "1 day", "step": "1 day"}, **tables))
        for name in FINITE_ELEMENT_METRICS:
            assert np.isnan(found.metrics[name]).all()
        stimulus = found.snapshots[-1].field("load_stimulus")
        assert stimulus.any() == (mechanics == "density")
        message = "strain_energy_density, which only finite elements have: give load.mechanics = 'f"
        with pytest.raises(InputError, match=message):
            Simulation(config(load={"mechanics": mechanics}))


def test_forces_and_not_strains_stay_the_same() -> None:
    given = config()
    simulation = Simulation(given)
    assert simulation.loaded
    n, p, bone = simulation._numerics, given.acting, simulation.state.bone_volume_fraction
    before = healthy_load(bone, n, given)
    # the same bone with a tenth of its tissue gone everywhere bears the same force
    after = solved_again(before, 0.9 * bone, 1.0, n, p, "confined")
    solid = np.asarray(bone) >= 0.02
    ratio = np.asarray(after.energy_density)[solid] / np.asarray(before.energy_density)[solid]
    assert_allclose(ratio, 0.9**-2, rtol=0.02)  # to the residual of 1e-4
    assert_allclose(np.asarray(after.log_energy_ratio)[solid], -2 * np.log(0.9), atol=0.02)
    assert after.metrics["stiffness_z_change_percent"] == pytest.approx(-10, abs=0.01)
    assert after.metrics["failure_load_z_change_percent"] == pytest.approx(0, abs=11)


def test_bone_is_solved_again_when_it_has_moved() -> None:
    simulation = Simulation(config())
    loaded, bone = simulation.loaded, simulation.state.bone_volume_fraction
    assert loaded
    for species, days in (("mouse", 7.0), ("human", 90.0)):

        def due(share: float, time: float, *, shown: bool = False, kind: str = species) -> bool:
            return loaded.due((1 - share) * bone, time, kind, shown=shown)

        assert not due(0.019, 1.0)
        assert due(0.021, 1.0)
        assert due(0.002, days)
        assert not due(0.002, days - 0.1)
        assert not due(0.0005, 10 * days)  # a solve would show its own error
        assert due(0.002, 1.0, shown=True)
        assert not due(0.0, 1.0, shown=True)


# Choice of the mechanics


def strut(edge: int, *, along: str = "zyx") -> np.ndarray:
    """Struts through the middle of a cube along some axes [z, y, x]."""
    bone = np.zeros((edge,) * 3)
    middle = slice(edge // 2 - 2, edge // 2 + 2)
    for axis, name in enumerate("zyx"):
        if name in along:
            bone[tuple(slice(None) if a == axis else middle for a in range(3))] = 1
    return bone


def test_finite_elements_are_the_default_where_the_bone_allows_them() -> None:
    free = config(load={}, output={})
    chosen = load_mechanics(free, strut(40))
    assert chosen == (
        "fe",
        "by finite elements of the bone (confined), solved again when 2% of it have come or gone, "
        "or after 7 days",
    )
    assert load_mechanics(free, strut(39)) == (
        "density",
        "from the density of bone near by, as an edge of 39 voxels is shorter than 40",
    )
    assert load_mechanics(free, strut(40, along="zx")).text.endswith(
        "as bone does not reach both ends in y"
    )
    assert load_mechanics(config(load={"mechanics": "fe"}), strut(16)).kind == "fe"
    assert load_mechanics(config(load={"mechanics": "density"}), strut(40)).kind == "density"
    assert load_mechanics(config(load={"mechanics": "off"}), strut(40)).kind == "off"
    periodic = config(load={}, boundary={"periodic": ["x"]}, output={})
    assert load_mechanics(periodic, strut(40)).text.endswith(
        "as the box repeats itself along x, and finite elements end at its faces"
    )


def test_too_little_memory_leaves_the_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tissue.simulation.load_mechanics.usable_memory", lambda: 10**8)
    assert "as finite elements need about" in load_mechanics(config(load={}), strut(40)).text


def test_the_process_with_the_least_memory_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tissue.simulation.load_mechanics.usable_memory", lambda: 10**12)
    assert load_mechanics(config(load={}), strut(40)).kind == "fe"

    def gathered(own: tuple[float, float]) -> np.ndarray:
        return np.array([own, [own[0], 1e8], own])

    monkeypatch.setattr("tissue.machine.processes.gathered", gathered)
    text = load_mechanics(config(load={}), strut(40)).text
    assert re.search("from the density .* of memory and 100 MB are there", text)


def test_impossible_finite_elements_are_refused_in_one_sentence() -> None:
    given = config()
    message = r"load.mechanics = 'fe' is not possible: bone does not reach both ends in x and z; "
    with pytest.raises(InputError, match=message):
        load_mechanics(given, strut(16, along="y"))
    for start in (lambda bone: Simulation(given, bone), lambda bone: plan(given, bone)):
        with pytest.raises(InputError, match=message):
            start(Geometry(Grid((16, 16, 16), 10.0), strut(16, along="y"), (), ()))


def test_bone_reaches_an_end_only_as_a_connected_whole() -> None:
    bone = strut(16, along="z")
    assert unreached_axes(bone) == ("x", "y")
    bone[8] = 0
    assert unreached_axes(bone) == ("x", "y", "z")
    assert unreached_axes(np.zeros((8, 8, 8))) == ("x", "y", "z")


def test_bone_of_scarcely_joined_parts_is_warned_of() -> None:
    bone = strut(16)
    bone[:, :4, :4] = 1  # a strut of its own, with 2/7 of the bone
    bone[8, 4:6, :4] = 0.2

    def warnings(given: RunConfig, bone: np.ndarray) -> list[str]:
        planned = plan(given, Geometry(Grid((16, 16, 16), 10.0), bone, (), ())).warnings
        return [each for each in planned if "hangs on the rest" in each]

    (warning,) = warnings(config(), bone)
    assert re.match(
        r"29% of the bone hangs on the rest by voxels filled by less than 0.3: ", warning
    )
    assert warnings(config(load={"mechanics": "density"}), bone) == []
    bone[8, 4:6, :4] = 0.4
    assert warnings(config(), bone) == []
    bone[8, 4:6, :4] = 0.2
    bone[:, :2, :4] = 0  # now a sixth of it
    assert len(warnings(config(), bone)) == 1
    bone[:, 2, :4] = 0  # and 9 %
    assert warnings(config(), bone) == []


def test_ways_of_loading_are_those_of_the_finite_elements() -> None:
    annotation = LoadTable.model_fields["loading"].annotation
    assert set(LOADINGS) == set(annotation.__args__)
