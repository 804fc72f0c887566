"""Claims of the README and of the page about the run file are true of the code."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tissue import cli
from tissue.model.observables import METRICS
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import examples

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN_FILE = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
TOML = re.findall(r"```toml\n(.*?)```", RUN_FILE, re.DOTALL)


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def keys(schema: Mapping[str, Any], part: Any) -> Iterator[str]:
    """Names of all keys of a run file, from its JSON schema."""
    if isinstance(part, list):
        for each in part:
            yield from keys(schema, each)
    elif isinstance(part, dict):
        yield from part.get("properties", ())
        for name, each in part.items():
            if name == "properties":
                yield from keys(schema, [each[key] for key in each if key != "parameters"])
            else:
                yield from keys(schema, each)


def test_the_run_file_is_a_run_file() -> None:
    config = read_run_file(tomllib.loads(TOML[0]))
    assert config.run.step == "adaptive"


def test_its_parameter_is_a_parameter() -> None:
    text = TOML[0].replace('# D_M = "', 'D_M = "')
    assert float(read_run_file(tomllib.loads(text)).parameters.D_M) == 20000


def test_its_pieces_of_time_are_read() -> None:
    tables = tomllib.loads(TOML[0]) | tomllib.loads(TOML[1])
    pulse = read_run_file(tables).disease.excess["il1"]
    assert [pulse.at(day) for day in (0.0, 2.9, 3.0)] == [30.0, 30.0, 0.0]


def test_every_key_is_described() -> None:
    schema = RunConfig.model_json_schema()
    names = set(keys(schema, schema))
    assert {"duration", "il1_excess", "mechanics", "periodic", "drug", "snapshots"} <= names
    faces = {f"{axis}_{end}" for axis in "zyx" for end in ("low", "high")}
    for name in names - faces - SOLUTES.keys():
        assert re.search(rf"\b{name}\b", RUN_FILE), name


def test_its_python_uses_what_there_is() -> None:
    code = block("python")
    compile(code, "README.md", "exec")
    assert len(code.splitlines()) < 8
    assert "bv_tv_change_percent" in METRICS
    assert "shrew" in examples()


@pytest.mark.slow
def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(block("python"), names)  # the block itself is what is tested
    assert names["bone"].shape == (57, 57, 57)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`tissue ([a-z]+)", README))))
def test_its_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert command in capsys.readouterr().out


def test_it_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = set(re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE))
    assert set(re.findall(r"`tissue ([a-z]+)", README)) == listed > {"run", "schema"}


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize(
    ("page", "target"),
    [
        (page, target)
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_links_lead_somewhere(page: Path, target: str) -> None:
    assert (page.parent / target).exists()
