"""Memory that a step gives back before its largest solve."""

import jax
import pytest

from tissue.machine import device
from tissue.scenario.config import read_run_file
from tissue.simulation.simulation import Simulation

TINY = {
    "run": {"preset": "mouse", "duration": "2 day", "step": "1 day"},
    "geometry": {"synthetic": {"shape": [8, 8, 8], "spacing": "10 um", "thickness": "20 um"}},
    "load": {"mechanics": "density"},
}


def test_only_a_large_grid_on_a_processor_pays_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert device.room_maker(160**3) is None
    assert device.room_maker(176**3) is device.release_memory
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert device.room_maker(512**3) is None


def test_each_step_of_a_large_grid_makes_room_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(device, "CROWDED_GRID", 512)
    monkeypatch.setattr(device, "release_memory", lambda: made.append(1))
    simulation = Simulation(read_run_file(TINY, name="tiny"))
    simulation.advance()  # after which the memory of compiling is given back too
    before = len(made)
    simulation.advance()
    assert len(made) == before + 1
