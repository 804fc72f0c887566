"""The log of a run is in its folder, and a run does not need it."""

import errno
import io
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError
from tissue.simulation.log import RunLog, iso_time

log = logging.getLogger("tissue.test")


@pytest.fixture
def visible_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_messages_kept_in_memory_come_first(tmp_path: Path) -> None:
    with RunLog() as run_log:
        log.info("one \N{MICRO SIGN}m")
        run_log.write_to(tmp_path / "run.log", append=False)
        log.info("two")
    lines = (tmp_path / "run.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" INFO ")[2] for line in lines] == ["one \N{MICRO SIGN}m", "two"]


@pytest.mark.usefixtures("visible_log")
def test_a_log_that_cannot_be_written_causes_one_warning(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with RunLog() as run_log:
        run_log.write_to(tmp_path / "run.log", append=False)
        handler: Any = run_log._handler.file
        handler.setStream(Full()).close()
        log.info("one")
        log.info("two")
        assert "not complete" not in caplog.text
    (message,) = [text for text in caplog.messages if "run.log" in text]
    assert "is not complete: it could not be written to (No space left on device)" in message
    assert capfd.readouterr().err == "", "no traceback of logging"


@pytest.mark.parametrize("append", [True, False])
def test_the_log_is_no_link(tmp_path: Path, append: bool) -> None:
    outside, link = tmp_path / "precious", tmp_path / "run.log"
    outside.write_text("mine")
    link.symlink_to(outside)
    with pytest.raises(InputError, match=r"run\.log is a link"), RunLog() as run_log:
        run_log.write_to(link, append=append)
    assert outside.read_text() == "mine"


@pytest.fixture(params=["CET-1CEST,M3.5.0,M10.5.0/3", "UTC0", "IST-5:30"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A time zone of the machine, in the rules of POSIX, which need no table of zones."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_times_are_iso_with_their_zone(zone: str) -> None:
    """2026-11-25 is in winter time: +01:00 in Berlin, +05:30 in India."""
    then = datetime(2026, 11, 25, 9, 15, 30, tzinfo=UTC).timestamp()
    assert (
        iso_time(then + 0.7)
        == {
            "CET-1CEST,M3.5.0,M10.5.0/3": "2026-11-25T10:15:30+01:00",
            "UTC0": "2026-11-25T09:15:30+00:00",
            "IST-5:30": "2026-11-25T14:45:30+05:30",
        }[zone]
    )


def test_the_lines_of_the_log_have_such_times(tmp_path: Path) -> None:
    with RunLog() as run_log:
        run_log.write_to(tmp_path / "run.log", append=False)
        log.warning("look out")
    (line,) = (tmp_path / "run.log").read_text().splitlines()
    moment, level, text = line.split(" ", 2)
    reported = datetime.fromisoformat(moment)
    assert reported.tzinfo is not None
    assert abs(datetime.now(UTC) - reported) < timedelta(seconds=60)
    assert (level, text) == ("WARNING", "look out")


def test_nothing_is_lost_while_the_file_is_opened(tmp_path: Path) -> None:
    """Other threads log all the time."""
    over = threading.Event()
    sent: list[str] = []

    def chatter() -> None:
        while not over.is_set():
            sent.append(f"{len(sent)}")
            log.info(sent[-1])

    with RunLog() as run_log:
        talking = threading.Thread(target=chatter)
        talking.start()
        while len(sent) < 100:
            time.sleep(0.001)
        run_log.write_to(tmp_path / "run.log", append=False)
        before = len(sent)
        while len(sent) < before + 100:
            time.sleep(0.001)
        over.set()
        talking.join()
    lines = (tmp_path / "run.log").read_text().splitlines()
    assert [line.partition(" INFO ")[2] for line in lines] == sent
