"""Arguments of the Python interface: runs and bones that a caller gives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tissue.errors import InputError, shown
from tissue.geometry.load import Geometry
from tissue.scenario.config import RunConfig, read_run_file

GivenRun = RunConfig | Path | str | Mapping[str, Any]
"""A run, the path of its run file, or the tables of that file."""


def given_config(config: GivenRun) -> RunConfig:
    """The run that a caller gave.

    Raises:
        InputError: it is none, or its run file cannot be read.
    """
    if isinstance(config, RunConfig):
        return config
    if isinstance(config, Path | str | Mapping):
        return read_run_file(config)
    raise InputError(
        f"config = {shown(config)} must be a run: give tissue.read_run_file(path), the path of a "
        "run file, or its tables as a dict"
    )


def refuse_no_geometry(geometry: object) -> None:
    """Refuses a bone that is not a `Geometry`.

    Raises:
        InputError: naming how to make one.
    """
    if geometry is not None and not isinstance(geometry, Geometry):
        raise InputError(
            f"geometry must be a tissue.Geometry, not {type(geometry).__name__}: make one of an "
            "array by tissue.Geometry(grid, bone_volume_fraction)"
        )
