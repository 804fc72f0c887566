"""The pages about Python run as they stand: each block of docs/api.md, each notebook cell."""

import json
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

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


EXTRA = {
    "short": "print(max(len(repr(each)) for each in (bone, untreated, local)))",
    "doubt": "import logging; logging.getLogger('tissue').warning('a doubtful value')",
}
"""Cells that the test adds."""


class Shown(NamedTuple):
    """Outputs of a cell.

    Attributes:
        printed: text on standard output and error.
        data: types of the values that are shown, with their text.
    """

    printed: str
    data: list[Any]


@pytest.fixture(scope="module")
def shown(folder: Path) -> dict[str, Shown]:
    """Outputs of each cell of the notebook in a Jupyter kernel, by its source."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for line in EXTRA.values():
        notebook.cells.append(nbformat.v4.new_code_cell(line))
    place = {"metadata": {"path": str(folder)}}
    with pytest.MonkeyPatch.context() as changed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter
        changed.setenv("PYTHONPATH", str(ROOT))
        changed.setenv("IPYTHONDIR", str(folder))
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=place).execute()
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = cell.outputs
            printed = "".join(each.text for each in outputs if each.output_type == "stream")
            data = [each.data for each in outputs if "data" in each]
            found[cell.source] = Shown(printed, data)
    return found


def outputs(shown: dict[str, Shown], text: str) -> Shown:
    """Outputs of the cell that begins with a text."""
    (found,) = [each for source, each in shown.items() if source.startswith(text)]
    return found


@pytest.mark.slow
def test_a_notebook_shows_progress_and_what_it_waits_for(shown: dict[str, Shown]) -> None:
    runs = [source for source in shown if "tissue.simulate(" in source]
    assert len(runs) == 3
    for line in runs:
        bars = shown[line].printed.split("\r")
        assert "setting up and compiling" in bars[1]
        assert "day 0.0/14" in bars[1]
        assert "100%" in bars[-1]
    assert not [each for each in shown.values() if "IProgress" in each.printed]


@pytest.mark.slow
def test_a_notebook_shows_warnings_and_mistakes(shown: dict[str, Shown]) -> None:
    assert "a doubtful value" in shown[EXTRA["doubt"]].printed
    printed = outputs(shown, "tables = {").printed
    assert "disease.il1_exces is not a known key, did you mean disease.il1_excess?" in printed
    assert "parameters.k_I = 7 1/day is outside its plausible range" in printed


@pytest.mark.slow
def test_a_notebook_shows_pictures_tables_and_short_texts(shown: dict[str, Shown]) -> None:
    (picture,) = outputs(shown, "untreated.plot()").data
    assert picture["image/png"]
    assert len(picture["text/plain"]) < 80
    (run,) = outputs(shown, "untreated = tissue.simulate(config)").data
    assert run["text/html"].count("data:image/png;base64,") == 2
    (table,) = outputs(shown, "table = untreated.metrics.to_pandas()").data
    assert "<table" in table["text/html"]
    assert "time_day" in table["text/html"]
    (data,) = outputs(shown, "data = untreated.to_xarray()").data
    assert "bone_volume_fraction" in data["text/html"]
    assert int(shown[EXTRA["short"]].printed) < 400
