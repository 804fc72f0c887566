"""One run in a folder at a time, also where the file system has no locks."""

import errno
import fcntl
import json
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError
from tissue.storage import lock
from tissue.storage.lock import LOCK, locked

linux = pytest.mark.skipif(sys.platform != "linux", reason="the start of a process is in /proc")
WITHOUT = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO]


@pytest.fixture(autouse=True)
def log_to_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_second_run_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with locked(tmp_path):
        holder = f"process {os.getpid()} on {platform.node()}"
        reported = rf"another run is writing to {tmp_path} \({holder}\); wait for it"
        for _ in range(2):  # the refused one leaves the lock as it is
            with pytest.raises(InputError, match=reported), locked(tmp_path):
                pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("number", WITHOUT, ids=errno.errorcode.__getitem__)
def test_without_locks_a_run_continues_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, number: int
) -> None:
    without_locks(monkeypatch, number)
    with locked(tmp_path):
        (reported,) = caplog.messages
        assert f"has no locks ({os.strerror(number)}): a second run in this folder" in reported
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@linux
def test_without_locks_a_second_run_on_this_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_locks(monkeypatch)
    with locked(tmp_path):
        with pytest.raises(InputError, match=f"process {os.getpid()}"), locked(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()


def of_a_process_that_ended() -> dict[str, Any]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        holder = dict(lock._process(child.pid))
    assert platform.system() != "Linux" or holder["start"]
    return holder


def of_an_earlier_process_of_this_number() -> dict[str, Any]:
    return dict(lock._process(os.getpid())) | {"start": "an earlier boot 123"}


def of_another_machine() -> dict[str, Any]:
    return {"host": "node17", "process": os.getpid(), "start": "x 1"}


@pytest.mark.parametrize(
    "holder",
    [
        of_a_process_that_ended,
        of_an_earlier_process_of_this_number,
        of_another_machine,
    ],
)
def test_a_lock_that_a_killed_run_left_blocks_no_run(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    holder: Callable[[], dict[str, Any]],
) -> None:
    without_locks(monkeypatch)
    left = holder()
    (tmp_path / LOCK).write_text(json.dumps(left))
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text()) == lock._process(os.getpid())
    assert list(tmp_path.iterdir()) == []
    reported = (
        f"run.lock names process {left['process']} on node17: if that run is still active, stop"
    )
    assert (reported in caplog.text) == (left["host"] == "node17")


def test_a_process_without_a_known_start_blocks_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The number of a run that was killed may be that of any program by now."""
    without_locks(monkeypatch)
    me = {"host": platform.node(), "process": os.getpid(), "start": None}
    monkeypatch.setattr(lock, "_process", lambda number: me)
    (tmp_path / LOCK).write_text(json.dumps(me))
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[1]", b'{"host": "a", "process": "b"}'])
def test_a_lock_file_may_hold_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with locked(tmp_path):
        pass
    (tmp_path / LOCK).write_bytes(content)
    without_locks(monkeypatch)
    with locked(tmp_path):
        pass


def test_the_lock_of_a_run_that_took_over_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_locks(monkeypatch)
    with locked(tmp_path):
        (tmp_path / LOCK).write_text(json.dumps(of_another_machine()))
    assert json.loads((tmp_path / LOCK).read_text()) == of_another_machine()


def test_the_lock_file_is_no_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    outside.write_text("mine")
    (folder / LOCK).symlink_to(outside)
    with pytest.raises(InputError, match=r"run\.lock is a link"), locked(folder):
        pass
    assert outside.read_text() == "mine"


def test_a_full_disk_holds_a_lock_without_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(json, "dumps", full)
    with locked(tmp_path), pytest.raises(InputError, match="another run is"), locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_inode_numbers_that_change_do_not_make_a_run_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(lock, "_is_at", lambda path, file: False)
    with locked(tmp_path):
        assert "cannot exclude a second run" in caplog.text
