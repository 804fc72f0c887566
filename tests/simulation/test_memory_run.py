"""A run in memory has the numbers of a run on disk, and takes a forcing of the user."""

import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.geometry.load import Geometry
from tissue.model.forcing import Forcing
from tissue.scenario.config import RunConfig, read_run_file
from tissue.simulation.memory_run import MemoryRun, simulate
from tissue.simulation.run import run
from tissue.simulation.simulation import Simulation, load_geometry
from tissue.storage.results import Run

TINY = Path(__file__).parents[1] / "tiny.toml"
HEALTHY = "disease.il1_excess=0 pM"


@pytest.fixture(scope="module")
def in_memory(tiny: RunConfig) -> MemoryRun:
    return simulate(tiny, load_geometry(tiny))


def test_its_numbers_are_those_on_disk(in_memory: MemoryRun, finished: Run) -> None:
    assert list(in_memory.metrics) == list(finished.metrics)
    assert list(in_memory.ledger) == list(finished.ledger)
    for name, values in finished.metrics.items():
        np.testing.assert_allclose(in_memory.metrics[name], values, rtol=1e-8, err_msg=name)
    np.testing.assert_array_equal(in_memory.times, finished.times)
    assert (in_memory.units, in_memory.grid) == (finished.units, finished.grid)
    for index in range(len(finished.times)):
        for name in finished.fields:
            np.testing.assert_array_equal(
                in_memory.field(name, index), finished.field(name, index), err_msg=name
            )
    assert in_memory.provenance["config_sha256"] == finished.provenance["config_sha256"]


def test_it_keeps_fields_as_float32_and_the_final_state(in_memory: MemoryRun) -> None:
    assert in_memory.field("il1").dtype == np.float32
    np.testing.assert_array_equal(
        in_memory.field("bone_volume_fraction"), in_memory.state.bone_volume_fraction
    )
    with pytest.raises(InputError, match="no field 'il7'; it has bone_volume_fraction"):
        in_memory.field("il7")


def test_an_unknown_column_is_refused_with_the_nearest(in_memory: MemoryRun) -> None:
    with pytest.raises(InputError, match=r"metrics has no column 'bvtv', did you mean 'bv_tv'\?"):
        in_memory.metrics["bvtv"]
    with pytest.raises(InputError, match=r"ledger has no column 'zzz', did you mean '\w+'\?"):
        in_memory.ledger["zzz"]


def test_a_run_may_be_given_as_its_file_or_its_tables(
    tiny: RunConfig, in_memory: MemoryRun
) -> None:
    of_file = simulate(str(TINY))
    assert of_file.config.source == tiny.source
    np.testing.assert_array_equal(of_file.metrics["bv_tv"], in_memory.metrics["bv_tv"])
    tables = tomllib.loads(TINY.read_text())
    assert Simulation(tables).config.model_dump() == tiny.model_dump()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"config": 3}, "config = 3 must be a run: give tissue.read_run_file(path), the path"),
        ({"geometry": np.zeros((8, 8, 8))}, "geometry must be a tissue.Geometry, not ndarray"),
        ({"forcing": 2.0}, "forcing = 2.0 must be a function or None"),
    ],
)
def test_arguments_of_another_kind_are_refused(
    arguments: dict[str, Any], sentence: str, tiny: RunConfig, tmp_path: Path
) -> None:
    starts: list[Callable[..., object]] = [simulate, Simulation]
    if "forcing" not in arguments:  # a run on disk takes none
        starts.append(partial(run, folder=tmp_path / "run"))
    for start in starts:
        with pytest.raises(InputError, match=re.escape(sentence)):
            start(**{"config": tiny, **arguments})
    assert not (tmp_path / "run").exists()


def test_a_run_on_disk_may_be_given_as_its_file(finished: Run, tmp_path: Path) -> None:
    found = run(TINY, tmp_path / "run")
    np.testing.assert_array_equal(found.metrics["bv_tv"], finished.metrics["bv_tv"])


def test_the_provenance_names_a_forcing_of_the_user(tiny: RunConfig, in_memory: MemoryRun) -> None:
    own = simulate(tiny, forcing=lambda forcing, time, length: forcing)
    assert own.provenance["forcing"] == "function of the user"
    assert "forcing" not in in_memory.provenance
    np.testing.assert_array_equal(own.metrics["bv_tv"], in_memory.metrics["bv_tv"])


def test_it_writes_nothing(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    simulate(tiny)
    assert list(tmp_path.iterdir()) == []


def test_it_converts_to_a_dataset(in_memory: MemoryRun) -> None:
    pytest.importorskip("xarray")
    assert list(in_memory.to_xarray("il1")) == ["il1"]
    data = in_memory.to_xarray()
    np.testing.assert_array_equal(data["il1"].values[-1], in_memory.field("il1"))
    assert data["il1"].attrs["units"] == "pM"


def test_runs_and_simulations_print_short_and_with_a_picture(
    in_memory: MemoryRun, tiny: RunConfig
) -> None:
    simulation = Simulation(tiny, load_geometry(tiny))
    record = simulation.advance()
    for shown in (in_memory, simulation, record, tiny, simulation.state, simulation.geometry):
        assert len(repr(shown)) < 400, repr(shown)
        assert "array" not in repr(shown).lower()
    assert "day 0.5" in repr(simulation)
    for shown, pictures in ((in_memory, 2), (simulation, 1), (simulation.geometry, 1)):
        html = shown._repr_html_()
        assert html.count("data:image/png;base64,") == pictures
        assert "BV/TV" in html


def test_a_bar_is_drawn_on_demand(tiny: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(tiny)
    assert capsys.readouterr().err == ""
    simulate(tiny, progress=True)
    bars = capsys.readouterr().err.split("\r")
    waiting = [bar for bar in bars if "setting up and compiling" in bar]
    assert waiting
    assert all("day 0.0/2" in bar for bar in waiting)
    assert "BV/TV -" in bars[-1]
    assert "100% |" in bars[-1]


def in_corner(shape: tuple[int, ...], rate: float) -> np.ndarray:
    source = np.zeros(shape)
    source[:2, :2, :2] = rate
    return source


def columns(config: RunConfig) -> Geometry:
    """A wall of bone along z, so that marrow is the same in every plane of z."""
    shape = (8, 8, 8)
    bone = np.zeros(shape)
    bone[:, :, :3] = 1.0
    return Geometry(Grid(shape, 40.0), bone)


@pytest.mark.slow
def test_a_source_spreads_by_the_diffusion_length() -> None:
    """Against the closed form of D c'' - k c + s = 0 between closed ends."""
    config = read_run_file(TINY, [HEALTHY, "run.duration=0.5 day"])
    geometry, rate = columns(config), 500.0
    source = np.zeros(geometry.grid.shape)
    source[:2] = rate
    simulations = [
        Simulation(config, geometry, forcing=forcing)
        for forcing in (None, lambda f, time, length: f.with_source("il1", source))
    ]
    for simulation in simulations:
        simulation.advance()
    plain, raised = (np.asarray(each.state.solutes["il1"])[:, 4, 6] for each in simulations)
    p, spacing = config.parameters, geometry.grid.spacing
    z = spacing * (np.arange(8) + 0.5)
    height, edge = 8 * spacing, 2 * spacing
    length = np.sqrt(p.D_I / p.k_I)
    outside = np.sinh(edge / length) * np.cosh((height - z) / length) / np.sinh(height / length)
    inside = 1 - np.sinh((height - edge) / length) * np.cosh(z / length) / np.sinh(height / length)
    expected = np.asarray(rate / p.k_I * np.where(z < edge, inside, outside))
    np.testing.assert_allclose(
        raised - plain, expected, rtol=0.02, atol=0.002 * float(expected.max())
    )


def test_a_source_may_change_in_time(tiny: RunConfig) -> None:
    config = read_run_file(TINY, [HEALTHY])
    seen = []

    def pulse(forcing: Forcing, time: float, length: float) -> Forcing:
        seen.append((time, length))
        return forcing.with_source("il1", in_corner((8, 8, 8), 2000.0 * (time < 1.0)))

    simulation, found = Simulation(config, forcing=pulse), []
    while not simulation.finished:
        simulation.advance()
        found.append(float(simulation.state.solutes["il1"][0, 0, 0]))
    assert seen == [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5), (1.5, 0.5)]
    assert min(found[:2]) > 2 * max(found[2:])
    assert found[3] == pytest.approx(config.parameters.I_0, rel=0.05)
