"""Files appear complete or not at all, inside their folder, on file systems of every kind."""

import errno
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pytest

from tissue.errors import InputError
from tissue.geometry.grid import Grid
from tissue.storage import atomic
from tissue.storage.atomic import (
    ABANDONED_AGE,
    close_synced,
    open_no_follow,
    remove_old,
    remove_temporary,
    write_atomically,
)
from tissue.storage.snapshot import read_snapshot, write_snapshot
from tissue.storage.tables import CheckpointRows, Table

REFUSALS = [errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF]
FAILURES = [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS]


@pytest.fixture(autouse=True)
def warnings_repeated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Warnings of earlier tests may be logged again, and reach the log of the test."""
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)
    atomic._warn.cache_clear()
    yield
    atomic._warn.cache_clear()


def answer(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def test_many_processes_may_write_the_same_file(tmp_path: Path) -> None:
    path, errors = tmp_path / "run.hdf", []
    contents = [bytes([number]) * 100_000 for number in range(8)]

    def work(content: bytes) -> None:
        try:
            for _ in range(20):
                write_atomically(path, content)
                assert path.read_bytes() in contents
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [each.name for each in tmp_path.iterdir()] == ["run.hdf"]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("\N{GREEK SMALL LETTER MU}" * 125 + ".html")
    write_atomically(path, b"page")
    assert path.read_bytes() == b"page"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "precious"
    folder.mkdir()
    outside.write_text("mine")
    for name in ("run.toml", "run.toml.tmp"):
        (folder / name).symlink_to(outside)
    write_atomically(folder / "run.toml", b"new")
    assert outside.read_text() == "mine"
    assert not (folder / "run.toml").is_symlink()
    assert (folder / "run.toml").read_bytes() == b"new"


@pytest.mark.parametrize("there", [True, False], ids=["a file", "dangling"])
@pytest.mark.parametrize("mode", ["w", "a", "a+b"])
def test_what_a_run_writes_to_is_no_link(tmp_path: Path, there: bool, mode: str) -> None:
    outside, link = tmp_path / "outside", tmp_path / "metrics.csv"
    link.symlink_to(outside)
    if there:
        outside.write_text("mine")
    with pytest.raises(InputError, match=r"metrics\.csv is a link, and a run writes to no file"):
        open_no_follow(link, mode)
    assert outside.exists() == there
    with pytest.raises(InputError, match="is a link"):
        Table(link, ["time_day"], checkpoint=CheckpointRows(0.0, 0, "ckpt") if there else None)
    assert not there or outside.read_text() == "mine"


def test_other_errors_of_opening_are_left_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_no_follow(tmp_path, "w")
    with pytest.raises(FileNotFoundError):
        open_no_follow(tmp_path / "gone" / "a", "w")


@pytest.mark.parametrize("number", REFUSALS, ids=errno.errorcode.__getitem__)
def test_a_file_system_without_fsync_costs_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, number: int
) -> None:
    monkeypatch.setattr(os, "fsync", answer(number))
    for turn in range(3):
        write_atomically(tmp_path / "a", bytes([turn]))
        assert (tmp_path / "a").read_bytes() == bytes([turn])
    (message,) = caplog.messages
    assert f"{tmp_path} does not report when files are on the disk" in message
    assert "power cut" in message


def test_a_folder_that_may_not_be_read_costs_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    real = os.open

    def unreadable(path: Any, flags: int, *rest: Any, **how: Any) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *rest, **how)

    monkeypatch.setattr(os, "open", unreadable)
    write_atomically(tmp_path / "a", b"1")
    write_atomically(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("number", FAILURES, ids=errno.errorcode.__getitem__)
def test_data_that_the_disk_did_not_take_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    write_atomically(tmp_path / "a", b"old")
    monkeypatch.setattr(os, "fsync", answer(number))
    with pytest.raises(OSError, match=os.strerror(number)) as refusal:
        write_atomically(tmp_path / "a", b"new")
    assert refusal.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


class BadlyClosed:
    """File of a server that reports an error only when the file is closed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def close(self) -> None:
        self._file.close()
        raise OSError(errno.EIO, "Input/output error")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_an_error_of_closing_counts_where_the_disk_gave_no_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    close_synced(cast(IO[bytes], BadlyClosed(tmp_path / "a")))
    assert "is on the disk but was not closed well (Input/output error)" in caplog.text
    monkeypatch.setattr(os, "fsync", answer(errno.EINVAL))
    with pytest.raises(OSError, match="Input/output error"):
        close_synced(cast(IO[bytes], BadlyClosed(tmp_path / "b")))


def test_a_table_is_on_the_disk_when_it_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = Table(tmp_path / "a.csv", ["time_day"])
    table.append({"time_day": 1})
    with monkeypatch.context() as changed:
        changed.setattr(os, "fsync", answer(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            table.close()
        # the first error is reported, not its consequence
        with pytest.raises(ValueError, match="differ"), Table(tmp_path / "b.csv", ["t"]) as other:
            other.append({"x": 1})
    table.close()
    assert (tmp_path / "a.csv").read_text() == "time_day\n1\n"


def test_an_old_file_that_stays_costs_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    remove_old(tmp_path / "gone")
    assert caplog.messages == []
    monkeypatch.setattr(Path, "unlink", answer(errno.EPERM))
    for name in ("a", "b"):
        remove_old(tmp_path / name)
    (message,) = caplog.messages
    assert f"old files in {tmp_path} cannot be removed (Operation not permitted)" in message


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = ("snap_0000000001.hdf.tmp", "snap_0000000002.hdf.77-0a1b2c3d.tmp")
    others = ("snap_0000000001.hdf", "notes.tmp", "run.hdf.9-00000000.tmp")
    for name in (*left, *others):
        (tmp_path / name).touch()
    remove_temporary(tmp_path, "snap_*.hdf")
    assert {path.name for path in tmp_path.iterdir()} == set(others)
    remove_temporary(tmp_path, "run.hdf", older=ABANDONED_AGE)  # a command may be writing it
    assert {path.name for path in tmp_path.iterdir()} == set(others)
    before = (tmp_path / others[2]).stat().st_mtime - ABANDONED_AGE - 1
    os.utime(tmp_path / others[2], (before, before))
    remove_temporary(tmp_path, "run.hdf", older=ABANDONED_AGE)
    assert {path.name for path in tmp_path.iterdir()} == set(others[:2])


def test_reading_asks_for_no_lock(tmp_path: Path) -> None:
    """Without locks in the file system, HDF5 would call an intact file damaged."""
    bone = np.ones((4, 4, 4), np.float32)
    fields = {"bone_volume_fraction": bone}
    path = write_snapshot(
        tmp_path, grid=Grid(bone.shape, 10.0), step=0, time=0.0, fields=fields, provenance={}
    )
    with path.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        np.testing.assert_array_equal(read_snapshot(path).field("bone_volume_fraction"), bone)
