"""The log of a run is in its folder, and a run does not need it."""

import errno
import io
import logging
from pathlib import Path
from typing import Any

import pytest

from tissue.errors import InputError
from tissue.simulation.log import RunLog

log = logging.getLogger("tissue.test")


@pytest.fixture
def log_to_look_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("tissue"), "propagate", True)


class Full(io.StringIO):
    """A file on a disk that is full."""

    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_was_held_back_comes_first(tmp_path: Path) -> None:
    with RunLog() as kept:
        log.info("one \N{MICRO SIGN}m")
        kept.write_to(tmp_path / "run.log", going_on=False)
        log.info("two")
    lines = (tmp_path / "run.log").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" INFO ")[2] for line in lines] == ["one \N{MICRO SIGN}m", "two"]


@pytest.mark.usefixtures("log_to_look_into")
def test_a_log_that_cannot_be_written_is_told_of_once(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with RunLog() as kept:
        kept.write_to(tmp_path / "run.log", going_on=False)
        handler: Any = kept._handler
        handler.setStream(Full()).close()
        log.info("one")
        log.info("two")
        assert "not complete" not in caplog.text
    (told,) = [text for text in caplog.messages if "run.log" in text]
    assert "is not complete: it could not be written to (No space left on device)" in told
    assert capfd.readouterr().err == "", "no traceback of logging"


@pytest.mark.parametrize("going_on", [True, False])
def test_the_log_is_no_link(tmp_path: Path, going_on: bool) -> None:
    outside, link = tmp_path / "precious", tmp_path / "run.log"
    outside.write_text("mine")
    link.symlink_to(outside)
    with pytest.raises(InputError, match=r"run\.log is a link"), RunLog() as kept:
        kept.write_to(link, going_on=going_on)
    assert outside.read_text() == "mine"
