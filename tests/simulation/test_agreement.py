"""Processes of a run refuse to start from unlike files."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.machine import processes
from tissue.simulation.agreement import refuse_other_start
from tissue.simulation.simulation import Simulation


def at_start(mask: Path | None, bone: float = 0.5, step: int = 3) -> Simulation:
    """A simulation as far as its start is concerned."""
    pannus = SimpleNamespace(mask=mask) if mask else None
    config = SimpleNamespace(geometry=None, disease=SimpleNamespace(pannus=pannus))
    geometry = SimpleNamespace(bone_volume_fraction=np.array([bone]))
    return cast(Any, SimpleNamespace(config=config, geometry=geometry, step=step, time=1.5))


def test_processes_that_start_from_other_files_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, same, other = (tmp_path / name for name in ("one.tif", "same.tif", "other.tif"))
    for path, content in ((one, b"1"), (same, b"1"), (other, b"2")):
        path.write_bytes(content)
    sent: list[list[float]] = []

    def gathered(own: list[float]) -> np.ndarray:
        sent.append(own)
        return np.array([sent[0], own])

    monkeypatch.setattr(processes, "joined", lambda: True)
    monkeypatch.setattr(processes, "gathered", gathered)
    refuse_other_start(at_start(one))
    refuse_other_start(at_start(same))
    for start in (
        at_start(other),
        at_start(None),
        at_start(one, 0.25),
        at_start(one, step=4),
        None,
    ):
        with pytest.raises(InputError, match=r"process 1 starts from another .* of a pannus than"):
            refuse_other_start(start)
