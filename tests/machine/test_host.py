"""A process knows what the system gives it."""

import resource
import shutil
from pathlib import Path

import pytest

from tissue.errors import RunError
from tissue.machine import host

GIB = 2**30


def limited(monkeypatch: pytest.MonkeyPatch, addresses: int) -> None:
    """Sets what `ulimit -v` says, whatever the shell of the tests says."""
    monkeypatch.setattr("resource.getrlimit", lambda what: (addresses, 2 * addresses))


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
    monkeypatch.setattr(host, "host_memory", lambda: 8 * GIB)
    limited(monkeypatch, resource.RLIM_INFINITY)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys" / "fs" / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert host.allowed_memory(tmp_path) == limit


def test_a_limit_of_addresses_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "host_memory", lambda: 8 * GIB)
    limited(monkeypatch, resource.RLIM_INFINITY)
    assert host.allowed_memory(tmp_path) == 8 * GIB  # no Linux
    limited(monkeypatch, GIB)
    assert host.allowed_memory(tmp_path) == GIB


def test_processes_of_a_run_on_one_host_share_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine, or the control group, is shared; a limit of addresses is of one process."""
    monkeypatch.setattr(host, "_sharing", 1)  # to be as it was, afterwards
    monkeypatch.setattr(host, "host_memory", lambda: 8 * GIB)
    limited(monkeypatch, resource.RLIM_INFINITY)
    with pytest.raises(RunError, match=r"^too large$"), host.memory_shared():
        raise RunError("too large")
    host.share_memory(4)
    assert host.allowed_memory(tmp_path) == 2 * GIB
    shared = "^too large; 4 processes of this run share the memory of .*: start fewer on one host$"
    with pytest.raises(RunError, match=shared), host.memory_shared():
        raise RunError("too large")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/")
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{4 * GIB}")
    assert host.allowed_memory(tmp_path) == GIB
    limited(monkeypatch, GIB // 2)
    assert host.allowed_memory(tmp_path) == GIB // 2


def test_the_room_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    room = shutil.disk_usage(tmp_path).free
    assert host.free_disk(tmp_path / "runs" / "out") == pytest.approx(room, rel=0.05)


def test_a_system_without_a_load_is_not_called_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError("the load is not known")

    monkeypatch.setattr("os.getloadavg", unknown)
    assert host.load_note() == ""
    monkeypatch.setattr("os.getloadavg", lambda: (1e4, 0.0, 0.0))
    assert "other work keeps the processor busy (load 10000" in host.load_note()
