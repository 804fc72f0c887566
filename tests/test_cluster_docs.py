"""docs/cluster.md does what it says: commands are understood, tables hold, the install works."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from cluster_page import (
    AS_JSON,
    COLLECT,
    DOSE,
    FILES,
    INSTALL,
    JOB,
    LARGE,
    OFFLINE,
    ONE_CORE,
    PLAIN,
    TEXT,
)
from docs_script import DOCS
from page_tables import assert_shown, row
from virtual_devices import xla_flags

from tissue import cli
from tissue.scenario.config import read_run_file
from tissue.scenario.library import examples
from tissue.simulation.cost import BONE_SHARE, MEMORY_MARGIN, gpu_memory
from tissue.simulation.gpus import DEVICES, JAX_FRACTION, MAX_FRACTION, slabs_of

ROOT = DOCS.parent
CONTAINERS = DOCS / "containers"
EDGES = (128, 256, 384, 448, 512, 576, 640)


def verdict(need: float, room: float) -> str:
    """Whether a GPU holds a run, in few words."""
    if need * MEMORY_MARGIN <= JAX_FRACTION * room:
        return "fits"
    if need * MEMORY_MARGIN <= MAX_FRACTION * room:
        return "with 0.95"
    return "may fit, with 0.95" if need <= MAX_FRACTION * room else "no"


def memory_table() -> str:
    """Memory of a run on a GPU, as the page shows it."""
    rows = [
        "| edge | load from density | | finite elements | | float64, density | |",
        "|---|---|---|---|---|---|---|",
    ]
    config = read_run_file(examples()["shrew"])
    double = config.changed({"run.precision": "float64"})
    for edge in EDGES:
        cells, cut = [f"{edge}^3"], slabs_of((edge,) * 3, 1)
        for each, share in ((config, None), (config, BONE_SHARE), (double, None)):
            need = gpu_memory(each, cut, share)
            cells += [f"{need / 1e9:.1f} GB", verdict(need, DEVICES["h100"].memory)]
        rows.append(row(cells))
    return "\n".join(rows)


def test_its_table_of_memory_is_what_is_predicted() -> None:
    table = memory_table()
    assert_shown("cluster.md", "memory", table)
    assert "with 0.95" in table
    assert "no |" in table


@pytest.mark.parametrize(
    "script", [JOB, DOSE, FILES, LARGE, INSTALL, COLLECT, OFFLINE, ONE_CORE, AS_JSON]
)
def test_its_scripts_are_shell(script: str) -> None:
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("script", [JOB, DOSE, LARGE])
def test_its_jobs_hear_of_their_limit_and_come_back(script: str) -> None:
    assert script.startswith("#!/bin/bash\n#SBATCH")
    directives = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    # srun would kill its processes if it were signaled through the script
    signals = "--signal=TERM@300" if script == LARGE else "--signal=B:TERM@300"
    assert {signals, "--requeue", "--open-mode=append"} <= set(directives)
    # SLURM reads no directive after the first command
    assert script.rindex("#SBATCH") < re.search(r"^[^#\n]", script, re.MULTILINE).start()  # type: ignore[union-attr]


COMMANDS = [
    line
    for block in (*PLAIN, INSTALL, OFFLINE, ONE_CORE, AS_JSON)
    for line in block.splitlines()
    if re.search(r"\btissue(-cuda12)?(\.sif|\.sbatch|:cuda12)? (run|check|watch|doctor)\b", line)
] + re.findall(r"`(tissue (?:check|report) [^`]+)`", TEXT.replace("\n", " "))


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_understood(line: str) -> None:
    words = shlex.split(line.replace("...", "").replace("$  ", " "), comments=True)
    (at,) = [
        i for i, word in enumerate(words) if word in ("run", "check", "watch", "doctor", "report")
    ][-1:]
    cli._parsed(*cli._parser(), words[at:])


def test_its_extras_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(re.findall(r'"\.\[(\w+)\]"', TEXT)) == {"cuda12"} <= set(extras)


def directory_of(containerfile: str) -> str:
    """The commands of a recipe for a container."""
    return (CONTAINERS / containerfile).read_text(encoding="utf-8")


def test_both_recipes_make_the_same_container() -> None:
    docker, apptainer = directory_of("Dockerfile"), directory_of("tissue.def")
    base = re.search(r"^ARG BASE=(\S+)", docker, re.MULTILINE)
    assert base
    assert f"From: {base[1]}\n" in apptainer
    least = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert base[1].startswith(f"python:{least.removeprefix('>=')}")
    install = "/opt/tissue/bin/pip install --no-cache-dir --constraint /src/constraints.txt "
    assert install in docker
    assert install in apptainer
    taken = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    files = re.findall(r"^    (\S+) /src/", apptainer, re.MULTILINE)
    assert {name.split("/")[0] for name in files} == taken
    assert all(list(ROOT.glob(name)) for name in files)


def without_network() -> list[str]:
    """Words before a command that take its network away; skips where that is not allowed."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and not subprocess.run([*words, "true"], check=False).returncode:
            return words
    pytest.skip("a process without a network cannot be made here")


@pytest.mark.slow
def test_the_install_without_a_network_works_as_it_stands(tmp_path: Path) -> None:
    cut_off = without_network()
    names = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False
    ).stdout.split("\n")
    if "pyproject.toml" not in names:
        pytest.skip("this is no checkout")
    checkout = tmp_path / "checkout"
    for name in filter(None, names):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, checkout / name, follow_symlinks=False)
    done = subprocess.run(
        ["sh", "-e", "-c", COLLECT], cwd=checkout, capture_output=True, text=True, check=False
    )
    if done.returncode and re.search(
        r"Connection|connection|timed out|from versions: none", done.stderr
    ):
        pytest.skip("no network to collect the packages from")
    assert done.returncode == 0, done.stderr
    there = tmp_path / "there"
    there.mkdir()
    (checkout / "wheels").rename(there / "wheels")
    shutil.rmtree(checkout)
    known = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    known |= {"PIP_CONFIG_FILE": os.devnull, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    # neither Python nor XLA compiles more than it must
    known |= {"PIP_NO_COMPILE": "1", "XLA_FLAGS": xla_flags(1)}
    printed = []
    for block in (OFFLINE, ONE_CORE, AS_JSON):
        done = subprocess.run(
            [*cut_off, "sh", "-e", "-c", block],
            cwd=there,
            env=known,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        printed.append(done.stdout)
    assert "grid       57 x 57 x 57 voxels" in printed[0]
    assert "the backend computes correctly" in printed[1]
    events = [json.loads(line) for line in printed[2].splitlines()]
    assert events[-1]["event"] == "finished"
    sentence = re.search(r"Every object has (.*?):\n", TEXT, re.DOTALL)
    assert sentence
    keys = set(re.findall(r"`(\w+)`", sentence[1]))
    assert keys == set(next(each for each in events if each["event"] == "snapshot"))
