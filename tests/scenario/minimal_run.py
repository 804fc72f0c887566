"""The shortest run file, with changes."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from tissue.scenario.config import RunConfig, read_run_file

MINIMAL: dict[str, Any] = {"run": {"duration": "28 day"}, "geometry": {"file": "bone.nrrd"}}


def data(**changes: Any) -> dict[str, Any]:
    """The minimal run with keys such as run__seed changed."""
    changed = deepcopy(MINIMAL)
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = changed
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = value
    return changed


def parsed(**changes: Any) -> RunConfig:
    return read_run_file(data(**changes), folder=Path("/runs"), name="test")
