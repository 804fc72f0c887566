"""The pages about Python run as they stand: each block of docs/api.md, each notebook cell."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/api.md").read_text("utf-8"), re.DOTALL)
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """The names that the blocks before have defined."""
    return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_runs(
    number: int, names: dict[str, object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xarray")
    monkeypatch.chdir(folder)
    exec(compile(BLOCKS[number], f"docs/api.md, block {number + 1}", "exec"), names)


def cells() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return found


def test_the_notebook_is_stored_without_outputs() -> None:
    code = [each for each in cells() if each["cell_type"] == "code"]
    assert len(code) > 4
    assert all(each["outputs"] == [] and each["execution_count"] is None for each in code)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    code = ["".join(each["source"]) for each in cells() if each["cell_type"] == "code"]  # type: ignore[arg-type]
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(code), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
