"""A process makes any number of simulations without passing what the system allows it."""

import platform
import shutil
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


GIB = 2**30


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/job/step", {"job/memory.max": f"{3 * GIB}", "job/step/memory.max": "max"}, 3 * GIB),
        ("0::/", {"memory.max": f"{2 * GIB}"}, 2 * GIB),  # a container sees its own group only
        (
            "5:devices:/\n4:cpu,memory:/slurm/job_7/step_0",
            {
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "memory/slurm/job_7/memory.limit_in_bytes": f"{GIB}\n",
                "memory/slurm/job_7/step_0/memory.limit_in_bytes": f"{4 * GIB}",
            },
            GIB,
        ),
        # docker names the group by its path on the host, which does not exist inside
        ("4:memory:/docker/abc", {"memory/memory.limit_in_bytes": f"{GIB}"}, GIB),
        ("0::/job", {"job/memory.max": "max"}, 8 * GIB),
        ("0::/job", {"job/memory.max": "no number"}, 8 * GIB),
        ("", {}, 8 * GIB),
    ],
)
def test_limits_of_containers_and_queues_are_obeyed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    files: dict[str, str],
    limit: int,
) -> None:
    monkeypatch.setattr(machine, "host_memory", lambda: 8 * GIB)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys" / "fs" / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert machine.allowed_memory(tmp_path) == limit


def test_a_limit_of_addresses_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "host_memory", lambda: 8 * GIB)
    assert machine.allowed_memory(tmp_path) == 8 * GIB  # no Linux
    monkeypatch.setattr("resource.getrlimit", lambda what: (GIB, 2 * GIB))
    assert machine.allowed_memory(tmp_path) == GIB


def test_the_room_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    room = shutil.disk_usage(tmp_path).free
    assert machine.free_disk(tmp_path / "runs" / "out") == pytest.approx(room, rel=0.05)
