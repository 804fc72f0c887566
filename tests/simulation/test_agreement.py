"""Processes of a run refuse unlike files, and say that they wait where they may."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.machine import processes
from tissue.simulation import agreement, shared_files
from tissue.simulation.agreement import refuse_other_folder, refuse_other_start
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


def test_who_looks_for_the_folder_says_that_it_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noted: list[None] = []
    monkeypatch.setattr(processes, "first", lambda: False)
    monkeypatch.setattr(processes, "note_waiting", lambda: noted.append(None))
    monkeypatch.setattr(agreement, "SHOWN_LATER", 0.15)
    with pytest.raises(InputError, match="is not the folder of process 0"):
        refuse_other_folder(tmp_path)
    assert noted


def test_who_looks_for_shards_says_that_it_waits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waiting: list[object] = []
    monkeypatch.setattr(processes, "own", lambda: (0, 2))
    monkeypatch.setattr(
        shared_files, "_own_planes", lambda _: {"bone_volume_fraction": SimpleNamespace(first=0)}
    )
    for what in ("checkpoint", "snapshot"):
        monkeypatch.setattr(shared_files, f"write_{what}_shard", lambda *_, **__: None)
        monkeypatch.setattr(
            shared_files, f"write_joined_{what}", lambda *_, **more: waiting.append(more["waiting"])
        )
    parts: Any = dict.fromkeys(("grid", "step", "time", "fields", "provenance", "kept_bits"))
    shared_files.write_snapshot(tmp_path, **parts)
    written: Any = SimpleNamespace(state={}, healthy={}, mechanics={}, grid=None, time=0.0)
    shared_files.write_checkpoint(tmp_path, written)
    assert waiting == [processes.note_waiting] * 2
