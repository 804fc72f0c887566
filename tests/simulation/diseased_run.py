"""Small diseased run that is interrupted, resumed and branched, and comparisons of its folders."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from tissue.scenario.config import RunConfig, read_run_file
from tissue.storage.checkpoint import list_checkpoints, read_checkpoint

TINY = Path(__file__).parents[1] / "tiny.toml"
DISEASED: dict[str, Any] = {
    "disease": {"il1_excess": "3 pM", "estrogen": {}},
    "therapy": [
        {"drug": "anakinra", "dose": "10 mg/kg", "every": "1 day", "start": "0.5 day"},
        {"drug": "zoledronate", "dose": "0.1 mg/kg", "start": "1.5 day"},
    ],
    "output": {"snapshots": "1 day", "checkpoints": "0.5 day", "keep_every": 1},
}


def diseased(
    preset: str = "mouse", precision: str = "float32", duration: str = "3 day", **tables: Any
) -> RunConfig:
    data = tomllib.loads(TINY.read_text(encoding="utf-8"))
    data["run"] |= {"preset": preset, "precision": precision, "duration": duration}
    return read_run_file(data | DISEASED | tables, folder=TINY.parent, name="ill")


def assert_same(one: Path, other: Path) -> None:
    """Assert that two finished runs are equal, bit for bit."""
    for name in ("metrics.csv", "ledger.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    mine, theirs = (read_checkpoint(list_checkpoints(folder)[-1]) for folder in (one, other))
    assert mine.controller == theirs.controller
    for group in ("state", "healthy", "mechanics"):
        for name, values in getattr(mine, group).items():
            np.testing.assert_array_equal(values, getattr(theirs, group)[name], err_msg=name)


def cut_after(source: Path, folder: Path, number: int) -> Path:
    """Copy of a run without the checkpoints after the one of a number."""
    shutil.copytree(source, folder)
    for later in list_checkpoints(folder)[number + 1 :]:
        later.unlink()
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """All files in a folder and below."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
