"""Run files with drugs."""

from pathlib import Path
from typing import Any

from tissue.scenario.config import RunConfig, read_run_file

DOSE = {"drug": "anakinra", "dose": "1 mg/kg"}


def parsed(*therapies: dict[str, Any], **run: Any) -> RunConfig:
    """A run of a synthetic bone with these courses of drugs, and keys of its table `run`."""
    data = {
        "run": {"duration": "28 day"} | run,
        "geometry": {"synthetic": {}},
        "therapy": list(therapies),
    }
    return read_run_file(data, folder=Path("/runs"), name="treated")
