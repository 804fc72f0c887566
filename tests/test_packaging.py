"""The installed package is the complete program, and nothing else."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import tissue
from tissue.cli import main

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = (".*", "out", "build", "dist", "__pycache__", "*.egg-info")
ASK = """
import tissue, tissue.kernels.elliptic
from tissue.simulation.simulation import load_geometry
print(tissue.__file__)
for name, path in tissue.examples().items():
    print(name, load_geometry(tissue.read_run_file(path)).grid.shape)
"""


def python(*arguments: str | Path) -> str:
    """Standard output of a module of Python that is run with arguments."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str | Path) -> None:
    python("-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a source archive and of the wheel made from it.

    They are made of a copy, so that nothing is left in the checkout.
    """
    folder = tmp_path_factory.mktemp("packaging")
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    result = copy / "runs" / "out" / "old"
    result.mkdir(parents=True)
    (result / "run.toml").touch()
    python("-m", "build", "--outdir", folder, copy)
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    (made,) = archives.glob("*.whl")
    return made


def contents(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_the_wheel_holds_every_source_file(wheel: Path) -> None:
    kernels = {f"tissue/kernels/{path.name}" for path in (ROOT / "kernels").glob("*.py")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tissue").rglob("*.py")}
    runs = {f"tissue/runs/{path.name}" for path in (ROOT / "runs").glob("*.toml")}
    data = {"tissue/py.typed", "tissue/runs/data/shrew.nrrd", "tissue/runs/data/NOTICE"}
    data |= {"tissue/verification/well_mixed_shrew.csv"}
    assert "tissue/kernels/elliptic.py" in kernels
    assert "tissue/runs/shrew.toml" in runs
    assert kernels | modules | runs | data <= contents(wheel)


@pytest.mark.slow
def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = contents(wheel)
    info = f"tissue_sim-{tissue.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"tissue", info}
    assert not [name for name in names if "/test_" in name or "/out/" in name or "/." in name]
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/runs/data/NOTICE"} <= names


@pytest.mark.slow
def test_the_installed_package_finds_its_runs(wheel: Path, tmp_path: Path) -> None:
    pip("install", "--no-deps", "--target", tmp_path / "site", wheel)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-W", "error", "-c", ASK]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    where, *runs = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path / "site")
    assert len(runs) == len(list((ROOT / "runs").glob("*.toml")))
    script = tmp_path / "site" / "bin" / "tissue"
    done = subprocess.run(
        [sys.executable, script, "list"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert all(path.stem in done.stdout for path in (ROOT / "runs").glob("*.toml"))


@pytest.mark.slow
def test_a_package_index_takes_both_archives(archives: Path) -> None:
    files = [*archives.glob("*.whl"), *archives.glob("*.tar.gz")]
    assert len(files) == 2
    printed = python("-m", "twine", "--no-color", "check", "--strict", *files)
    assert printed.count("PASSED") == 2


@pytest.mark.slow
def test_the_page_of_a_package_index_needs_no_other_file(wheel: Path) -> None:
    info = f"tissue_sim-{tissue.__version__}.dist-info"
    with ZipFile(wheel) as archive:
        metadata = archive.read(f"{info}/METADATA").decode()
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    page = metadata.partition("\n\n")[2]
    assert page == (ROOT / "docs" / "package.md").read_text("utf-8")
    assert "Description-Content-Type: text/markdown" in metadata
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=[\"']?([^\"' >]*)", page)
    assert not [a or b for a, b in targets if not (a or b).startswith("https://")]
    assert "![" not in page
    assert "<img" not in page
    assert "tissue = tissue.cli:main" in scripts


def test_the_page_of_a_package_index_names_commands_and_extras_that_exist() -> None:
    page = (ROOT / "docs" / "package.md").read_text("utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = re.findall(r"\[(\w+)\]\"|or \[(\w+)\]", page)
    assert {a or b for a, b in named} == {"cuda12", "cuda13"} <= extras.keys()
    commands = re.findall(r"tissue ([a-z]+)[ `]", page)
    assert len(commands) >= 5
    for command in {*commands}:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(block, "docs/package.md", "exec")


def test_jax_has_the_same_limits_in_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    (limits,) = [text.removeprefix("jax") for text in project["dependencies"] if "jax>" in text]
    assert limits == ">=0.8,!=0.10.2,!=0.11.1"
    for cuda in ("cuda12", "cuda13"):
        assert extras[cuda] == [f"jax[{cuda}]{limits}"]


def test_the_version_stands_in_one_place() -> None:
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = tables["project"]
    assert "version" in project["dynamic"]
    assert "version" not in project
    assert tables["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "tissue.version.__version__"
    }
    cited = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {tissue.__version__}\n" in cited
    assert project["scripts"] == {"tissue": "tissue.cli:main"}
    assert all((ROOT / name).is_file() for name in project["license-files"])


@pytest.mark.parametrize("name", ["kernels", "runs"])
def test_the_links_into_the_package_are_relative(name: str) -> None:
    link = ROOT / "tissue" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name
