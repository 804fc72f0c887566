"""The watcher serves its user while other clients are slow, stalled, silent or many."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from analysis.made import made
from analysis.watching import (
    BIG,
    MEGABYTE,
    PAGE_KB,
    Reply,
    Watcher,
    half_requests,
    reader_that_stalls,
    watched,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("watched") / "run", edge=16)


def answered_fast(watcher: Watcher) -> None:
    start = time.monotonic()
    assert watcher.ask().status == 200
    assert watcher.ask(watcher.path + "state").status == 200
    assert time.monotonic() - start < 8


@pytest.mark.parametrize("handles", [1024, 64])
def test_200_half_requests_delay_nobody(folder: Path, handles: int) -> None:
    with watched(folder, handles=handles) as watcher, ExitStack() as many:
        half_requests(watcher, many, 200)
        answered_fast(watcher)
        assert watcher.handles() < 40
        busy = watcher.busy()
        time.sleep(0.5)
        assert watcher.busy() - busy < 0.1
        assert watcher.status_row("Threads") < 8
        assert watcher.end() == (0, "")


def test_a_half_request_is_refused_in_time(folder: Path) -> None:
    with watched(folder, "connections.HEAD_SECONDS = 0.3") as watcher, ExitStack() as many:
        silent = many.enter_context(watcher.connect())
        dripping, *_ = half_requests(watcher, many, 3)
        start = time.monotonic()
        while time.monotonic() - start < 0.6:  # single bytes do not extend the time
            try:
                dripping.sendall(b"x")
            except OSError:
                break
            time.sleep(0.05)
        assert Reply(dripping).status == 408
        assert Reply(silent).status == 408
        assert time.monotonic() - start < 8


@pytest.mark.parametrize("stay", [0.1, 60])
def test_a_lack_of_file_handles_is_waited_for(folder: Path, stay: float) -> None:
    """Half requests are dropped at once or after their time, without busy waiting."""
    change = (
        "connections.SPARE_HANDLES = -60\n"  # more connections than there are handles
        f"connections.IDLE_SECONDS = {stay}\nconnections.HEAD_SECONDS = 0.6"
    )
    with watched(folder, change, handles=24) as watcher, ExitStack() as many:
        half_requests(watcher, many, 24)
        busy = watcher.busy()
        time.sleep(0.4)
        assert watcher.busy() - busy < 0.2
        for _ in range(3):
            assert watcher.ask(watcher.path + "nothing").status == 404
        many.close()
        time.sleep(0.2)
        answered_fast(watcher)
        assert watcher.end() == (0, "")


def test_12_that_never_read_share_one_page(folder: Path) -> None:
    with watched(folder, BIG) as watcher, ExitStack() as many:
        assert watcher.ask().status == 200
        before = watcher.status_row("VmRSS")
        for _ in range(12):
            reader_that_stalls(watcher, many)
        answered_fast(watcher)
        assert watcher.status_row("VmRSS") - before < PAGE_KB / 2
        assert watcher.end() == (0, "")


def test_old_pages_are_not_kept(folder: Path) -> None:
    change = f"{BIG}\nimport itertools; server.state = lambda _, n=itertools.count(): str(next(n))"
    with watched(folder, change) as watcher, ExitStack() as many:
        assert watcher.ask().status == 200
        before = watcher.status_row("VmRSS")
        readers = []
        for _ in range(12):  # each has a page of its own
            readers.append(reader_that_stalls(watcher, many))
            assert watcher.ask().status == 200
        assert watcher.status_row("VmRSS") - before < 10 * PAGE_KB  # of 12; 8 are measured
        assert len(Reply(readers[0]).content) < MEGABYTE  # dropped: what the system took
        assert len(Reply(readers[-1]).content) > PAGE_KB * 1024


def test_stalled_readers_are_dropped(folder: Path) -> None:
    change = f"{BIG}\nconnections.STALLED_SECONDS = 0.5"
    with watched(folder, change) as watcher, ExitStack() as many:
        for _ in range(40):
            reader_that_stalls(watcher, many)
        time.sleep(0.6)
        answered_fast(watcher)
        assert watcher.handles() < 40


def test_a_slow_reader_has_its_page(folder: Path) -> None:
    change = f"{BIG}\nconnections.PIECE_SECONDS = 2"
    with watched(folder, change) as watcher, ExitStack() as many:
        slow, stopped = reader_that_stalls(watcher, many), reader_that_stalls(watcher, many)
        count = 0
        start = time.monotonic()
        while part := slow.recv(MEGABYTE):
            count += len(part)
            time.sleep(max(0.03, (2.5 - (time.monotonic() - start)) / 40))
        assert count > PAGE_KB * 1024
        assert time.monotonic() - start > 2  # longer than one piece may take
        assert len(Reply(stopped).content) < MEGABYTE  # what the system took
