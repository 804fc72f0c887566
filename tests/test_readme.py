"""Claims of the README and of the page about the run file are true of the code."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from tissue import cli
from tissue.geometry.synthetic import synthesize
from tissue.model.observables import METRICS
from tissue.model.species import SOLUTES
from tissue.scenario.config import RunConfig, read_run_file
from tissue.scenario.library import examples
from tissue.storage.results import open_run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
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


def scan(folder: Path) -> None:
    """Writes a small bone as a folder of TIFFs."""
    bone = synthesize(shape=(20, 24, 24), spacing=10.0, bv_tv=0.3, thickness=50.0, seed=1)
    folder.mkdir()
    for number, values in enumerate(np.asarray(bone.bone_volume_fraction)):
        gray = (200 * values + 30).astype(np.uint8)
        tifffile.imwrite(folder / f"slice_{number:03}.tif", gray)


@pytest.mark.slow
def test_its_six_lines_lead_from_a_scan_to_a_report(tmp_path: Path) -> None:
    scan(tmp_path / "scan")
    assert len(block("sh").splitlines()) == 6
    tool = tmp_path / "bin" / "tissue"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tissue "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    done = subprocess.run(
        ["sh", "-e", "-c", block("sh")],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tool.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert read_run_file(tmp_path / "il1.toml").therapy == ()
    (drug,) = read_run_file(tmp_path / "treated.toml").therapy
    assert (drug.drug, drug.times[0]) == ("anakinra", 7.0)
    changes = [
        open_run(tmp_path / "runs" / "out" / name).metrics["bv_tv_change_percent"][-1]
        for name in ("il1", "treated")
    ]
    assert changes[0] < changes[1] < 0
    assert (tmp_path / "runs" / "out" / "il1" / "report.html").stat().st_size > 1e6


def test_its_two_commands_are_targets_of_make() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= set(re.findall(r"`make ([a-z-]+)", README)) <= targets


def test_its_numbers_of_speed_stand_in_the_benchmarks() -> None:
    (times,) = re.findall(r"takes (.*?) at 128\^3 voxels and (.*?) at 256\^3", README)
    for edge, time in zip((128, 256), times, strict=True):
        minutes = float(time.removesuffix(" minutes"))
        row = next(
            line
            for line in BENCHMARKS.splitlines()
            if line.startswith("| a human year at 128^3" if edge == 128 else "| the same at 256^3")
            and "min" in line
        )
        assert f"{minutes:g} min" in row


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`tissue ([a-z]+)", README + COMMANDS))))
def test_its_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert command in capsys.readouterr().out


def test_the_page_of_commands_names_every_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = set(re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.MULTILINE))
    assert set(re.findall(r"`tissue ([a-z]+)", COMMANDS)) == listed > {"run", "schema"}


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
