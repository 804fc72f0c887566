"""What the README shows is true of the code."""

import re
import tomllib
from pathlib import Path

import pytest

from tissue import cli
from tissue.model.observables import METRICS
from tissue.scenario.config import parse_run
from tissue.scenario.library import examples
from tissue.scenario.schema import GeometryTable, OutputTable, RunTable
from tissue.simulation.simulation import Simulation

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_the_run_file_is_a_run_file() -> None:
    data = tomllib.loads(block("toml"))
    config = parse_run(data, ROOT, "readme")
    assert config.step is None
    for table, model in (("run", RunTable), ("geometry", GeometryTable), ("output", OutputTable)):
        assert set(data[table]) <= set(model.model_fields)
    keys = block("toml") + README.split("```toml")[1].split("## What comes out")[0]
    for key in {*RunTable.model_fields, *GeometryTable.model_fields, *OutputTable.model_fields}:
        assert key in keys or key == "crop", key


def test_its_parameter_is_a_parameter() -> None:
    text = block("toml").replace('# D_M = "', 'D_M = "')
    assert float(parse_run(tomllib.loads(text), ROOT, "readme").parameters.D_M) == 20000


def test_its_python_uses_what_there_is() -> None:
    code = block("python")
    compile(code, "README.md", "exec")
    assert len(code.splitlines()) < 10
    assert hasattr(Simulation, "advance")
    assert "bv_tv_change_percent" in METRICS
    assert "shrew" in examples()


@pytest.mark.slow
def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block("python"), names)  # the block itself is what is tested
    assert names["bone"].shape == (57, 57, 57)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", re.findall(r"^\| `tissue (\w+)", README, re.MULTILINE))
def test_its_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert command in capsys.readouterr().out


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_its_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
