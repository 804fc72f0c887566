"""Runs as Python has them: read from tables, changed, compared, pickled and copied."""

import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.settings import ImageSettings, SyntheticSettings
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.resolved import resolved_toml
from tissue.scenario.time_course import TimeCourse

MINIMAL: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"file": "bone.nrrd"}}
ILL = """
[run]
duration = "28 day"
[geometry.synthetic]
[disease]
il1_excess = "61 pg/mL"
[parameters]
D_M = "1/3 mm^2/day"
[[therapy]]
drug = "il4"
dose = "1 ug"
every = "1 day"
"""


def read(**tables: Any) -> RunConfig:
    return read_run_file(MINIMAL | tables, folder=Path("/runs"), name="test")


def test_tables_are_read_without_a_file(tmp_path: Path) -> None:
    config = read_run_file(MINIMAL, ["run.seed=3"], folder=tmp_path, name="mine")
    assert (config.run.seed, config.name) == (3, "mine")
    assert config.geometry == ImageSettings(tmp_path.resolve() / "bone.nrrd")
    assert MINIMAL["run"] == {"duration": "28 day"}
    (tmp_path / "ill.toml").write_text(ILL, encoding="utf-8")
    assert read_run_file(str(tmp_path / "ill.toml")).name == "ill"


def test_a_run_is_changed_by_its_keys() -> None:
    config = read(parameters={"a_R": 12}, therapy=[{"drug": "il4", "dose": "1 ug/kg"}])
    longer = config.changed({"run.duration": "56 day", "disease.tnf": "3 pM"})
    assert (longer.run.duration, longer.output.snapshots) == (56, 14)
    assert longer.disease.tnf == TimeCourse.of(3.0)
    assert (longer.parameters, longer.therapy) == (config.parameters, config.therapy)
    assert (longer.source, longer.warnings) == (config.source, config.warnings)
    assert (config.run.duration, config.disease.tnf) == (28, TimeCourse.of(0.0))
    fixed = config.changed({"run.step": "1 day"})
    assert (fixed.run.fixed_step, fixed.allowed_error) == (1, None)
    shorter = config.model_copy(update={"therapy": ()}).changed({"run.duration": "14 day"})
    assert (shorter.therapy, shorter.run.duration, shorter.parameters.a_R) == ((), 14, 12)
    bone = SyntheticSettings((8, 8, 8))
    assert config.changed({"geometry": bone}).geometry == bone
    with pytest.raises(InputError, match=r"run.durtion is not a known key"):
        config.changed({"run.durtion": "1 day"})


def test_a_changed_run_is_that_of_the_override(tmp_path: Path) -> None:
    path = tmp_path / "ill.toml"
    path.write_text(ILL, encoding="utf-8")
    config = read_run_file(path)
    for key, value in {"preset": "human", "seed": 5, "duration": "56 day"}.items():
        found, wanted = (
            config.changed({f"run.{key}": value}),
            read_run_file(path, f"run.{key}={value}"),
        )
        assert (found, found.warnings) == (wanted, wanted.warnings)
        assert found != config
    assert len(config.changed({"run.duration": "56 day"}).therapy[0].times) == 56
    assert config.changed({"run.preset": "human"}).parameters.D_M == config.parameters.D_M
    same = config.changed({})
    assert (same, same.warnings, same.source) == (config, config.warnings, config.source)
    assert "61 pg/mL is read as" in same.warnings[0]
    (tmp_path / "run.toml").write_text(resolved_toml(config), encoding="utf-8")
    again = read_run_file(tmp_path / "run.toml")
    assert again == config
    assert hash(again) == hash(config)
    assert again.warnings != config.warnings


def test_a_run_is_pickled_and_copied() -> None:
    tables = MINIMAL | {
        "disease": {"tnf": [{"from": "0 day", "to": "1 day", "value": "61 pg/mL"}], "estrogen": {}},
        "boundary": {"il1": {"z_low": {"value": "3 pM"}}},
        "therapy": [{"drug": "il4", "dose": "1 ug/kg"}],
    }
    config = read_run_file(tables)
    for copy in (pickle.loads(pickle.dumps(config)), deepcopy(config)):
        assert (copy, copy.source, copy.warnings) == (config, config.source, config.warnings)
        assert copy.boundary.walls["il1"]["z_low"].concentration == 3
        assert copy.changed({"run.seed": 4}) == config.changed({"run.seed": 4})


def test_numbers_of_numpy_are_read() -> None:
    crop = np.array([[0, 10], [0, 20], [5, 30]])
    found = read(
        run={"duration": "1 day", "seed": np.int64(3)},
        geometry={"file": "bone.nrrd", "crop": crop},
        parameters={"a_R": np.float32(2.5)},
    )
    assert (found.run.seed, found.parameters.a_R) == (3, 2.5)
    assert found.geometry == read(geometry={"file": "bone.nrrd", "crop": crop.tolist()}).geometry


@pytest.mark.parametrize("tables", [{1: 2}, {"parameters": {1: 2}}, None, 5])
def test_what_is_no_table_is_refused(tables: Any) -> None:
    with pytest.raises(InputError, match=r"^the key 1 is not text|^a run file or .*not (None|5)$"):
        read_run_file(tables)


def test_control_characters_in_a_name_are_written_out(tmp_path: Path) -> None:
    config = read(geometry={"file": "a\x7fb\x01.h5", "dataset": "c\x7f"})
    (tmp_path / "run.toml").write_text(resolved_toml(config, tmp_path), encoding="utf-8")
    assert read_run_file(tmp_path / "run.toml") == config
