"""A process makes any number of simulations without passing what the system allows it."""

import platform
from pathlib import Path
from typing import Any

import jax
import pytest

from tissue.scenario.config import RunConfig
from tissue.simulation import machine
from tissue.simulation.simulation import Simulation

linux = pytest.mark.skipif(platform.system() != "Linux", reason="the bound is Linux's")


def programs_kept_by_a_simulation(config: RunConfig) -> int:
    double: Any = jax.jit(lambda x: 2 * x)
    double(1.0)
    Simulation(config)
    return int(double._cache_size())


@pytest.mark.parametrize(("allowed", "kept"), [(150, 0), (250, 1)])
def test_programs_go_when_they_fill_half_of_what_is_allowed(
    tiny: RunConfig, monkeypatch: pytest.MonkeyPatch, allowed: int, kept: int
) -> None:
    monkeypatch.setattr(machine, "_memory_maps", lambda: (100, allowed))
    assert programs_kept_by_a_simulation(tiny) == kept


@linux
def test_programs_and_their_memory_maps_go_together() -> None:
    before, allowed = machine._memory_maps()
    programs = [jax.jit(lambda x, n=n: x + n) for n in range(20)]
    for program in programs:
        program(1.0)
    with_programs, _ = machine._memory_maps()
    assert before + 2 * len(programs) < with_programs < allowed
    jax.clear_caches()
    assert machine._memory_maps()[0] < with_programs - 2 * len(programs)


def test_where_the_system_sets_no_bound_nothing_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(path: Path, **_: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_file)
    held, allowed = machine._memory_maps()
    assert held < allowed / 2
