"""Messages of a run: a bar on a terminal, lines in a batch log, JSON for programs."""

import csv
import errno
import io
import json
import logging
import os
import pty
import re
import shutil
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pytest
from commands.conftest import TINY, Capture
from commands.test_streams import Broken

from tissue.analysis import summary
from tissue.cli import main
from tissue.commands.common import BAD_INPUT, STOPPED
from tissue.commands.messages import Json
from tissue.errors import RunStopped
from tissue.simulation import progress

SHORT = ["run", str(TINY), "--set", "run.duration=1 day"]
ODD = ["--set", "parameters.k_I=7 1/day"]  # which is warned of
NUMBERS = {
    *("day", "days", "step", "step_day", "bv_tv", "bv_tv_change_percent"),
    "failure_load_z_change_percent",
    *("seconds_left", "host_memory_bytes", "device_memory_bytes", "file"),
}
"""Keys of the events on progress, besides those of every event."""

ON_PROGRESS = {"waiting", "first_step", "progress", "snapshot", "checkpoint"}
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"


class Heard(NamedTuple):
    """Output of a finished run, and its folder."""

    folder: Path
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The objects on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> dict[float, dict[str, float]]:
        """metrics.csv by day, as Python's own reader has it."""
        with (self.folder / "metrics.csv").open() as file:
            rows = [{name: float(v) for name, v in row.items()} for row in csv.DictReader(file)]
        return {row["time_day"]: row for row in rows}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """A run of four steps and three snapshots with one warning, printed in JSON."""
    folder, out, err = tmp_path_factory.mktemp("json") / "run", io.StringIO(), io.StringIO()
    logger = logging.getLogger("tissue")
    before = logger.level, list(logger.handlers), logger.propagate
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(summary, "_WIDTH", 60)
        changed.setattr(sys, "stdout", out)
        changed.setattr(sys, "stderr", err)
        code = main(["run", str(TINY), *ODD, "--out", str(folder), "--progress", "json"])
    logger.level, logger.handlers[:], logger.propagate = before
    assert code == 0
    return Heard(folder, out.getvalue(), err.getvalue())


@contextmanager
def terminal(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (25, 100)
) -> Iterator[list[str]]:
    """A pseudo terminal as standard error; the list holds what came out of it at the end.

    Args:
        monkeypatch: of the test.
        size: rows and columns.
    """
    seen: list[str] = []
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, size)

    def read() -> None:
        data = b""
        try:
            while part := os.read(ours, 65536):
                data += part
        except OSError:  # how Linux tells that the other end is closed
            pass
        seen.append(data.decode())

    reading = threading.Thread(target=read)
    reading.start()
    stream: TextIO = os.fdopen(theirs, "w", encoding="utf-8")
    try:
        with monkeypatch.context() as changed, stream:
            changed.setattr(sys, "stderr", stream)
            yield seen
    finally:
        reading.join()
        os.close(ours)


def test_every_line_is_an_event_with_the_keys_that_are_documented(heard: Heard) -> None:
    assert heard.err == "", "a log that joins both streams stays JSON"
    for event in heard.events:
        printed = datetime.fromisoformat(event["time"])
        assert printed.utcoffset() is not None
        assert event["text"]
        keys = set(event) - {"event", "time", "text"}
        if event["event"] in ON_PROGRESS:
            assert keys == NUMBERS
        elif event["event"] != "finished":
            assert (event["event"], keys) in [("message", set()), ("warning", set())]
    (warning,) = [each["text"] for each in heard.events if each["event"] == "warning"]
    assert warning.startswith("parameters.k_I = 7 1/day is outside its")
    documented = f"{Json.__doc__} {progress.Progress.__doc__}"
    for name in NUMBERS | ON_PROGRESS | set(heard.events[-1]):
        assert re.search(rf"\b{name}\b", documented), f"{name} is not documented"


def test_the_numbers_of_events_are_those_of_the_tables(heard: Heard) -> None:
    events = [each for each in heard.events if each["event"] in ("snapshot", "checkpoint")]
    days = [each["day"] for each in events if each["event"] == "snapshot"]
    assert days == [0.0, 1.0, 2.0]
    for event in events:
        assert Path(event["file"]).parent == heard.folder
        row = heard.rows[event["day"]]
        assert event["step"] == list(heard.rows).index(event["day"])
        assert event["days"] == 2.0
        if event["day"] > 0:
            for name in ("step_day", "bv_tv", "bv_tv_change_percent"):
                assert event[name] == pytest.approx(row[name], rel=1e-8)
        assert event["host_memory_bytes"] is None or event["host_memory_bytes"] > 1e8
    snapshots = [each["file"] for each in events if each["event"] == "snapshot"]
    assert snapshots == [str(path) for path in sorted(heard.folder.glob("snap_*"))]


def test_the_last_event_tells_the_result(heard: Heard) -> None:
    *earlier, last = heard.events
    rows = list(heard.rows.values())
    assert not any(each["event"] == "finished" for each in earlier)
    assert last["event"] == "finished"
    assert last["bv_tv_start"] == rows[0]["bv_tv"]
    assert (last["bv_tv"], last["day"], last["days"]) == (rows[-1]["bv_tv"], 2.0, 2.0)
    assert last["bv_tv_change_percent"] == rows[-1]["bv_tv_change_percent"]
    assert last["folder"] == str(heard.folder)
    assert last["snapshots"] == 3
    assert last["file"] == str(heard.folder / "summary.png")


def test_the_log_of_the_run_holds_the_same_with_times(heard: Heard) -> None:
    lines = (heard.folder / "run.log").read_text().splitlines()
    found = [re.fullmatch(rf"({TIME}) (INFO|WARNING) (.*)", line) for line in lines]
    printed = [match.groups() for match in found if match]
    assert len(printed) == len(lines)
    *events, drawing, _ = heard.events
    assert (drawing["event"], drawing["text"]) == ("message", "drawing summary.png")
    assert events[-1]["text"] == "finished: 4 steps, 2 days"
    assert [text for _, _, text in printed] == [each["text"] for each in events]
    assert [moment for moment, _, _ in printed] == [each["time"] for each in events]
    for day in (0, 1, 2):
        (line,) = [text for _, _, text in printed if text.startswith(f"snapshot snap_day000{day}")]
        assert f"; day {day} of 2" in line


def test_a_batch_log_has_lines(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.02)
    monkeypatch.setattr(progress, "PREPARATION_DELAY", 0.002)
    assert main([*SHORT, "--out", str(tmp_path)]) == 0
    out, err = capfd.readouterr()
    for phase in ("reading the bone", "setting up the healthy tissue", "compiling the first step"):
        assert re.search(rf"^{TIME} {phase}", err, re.M)
    assert re.search(
        rf"^{TIME} first step done after .*; day 0.5 of 1, step 1 of 0.5 day, ", err, re.M
    )
    assert re.search(rf"^{TIME} .* for .* so far", err, re.M), "nothing is heard between the phases"
    snapshots = re.findall(
        rf"^{TIME} snapshot snap_\S+; day (\S+) of 1,(?: step .* BV/TV)?", err, re.M
    )
    assert snapshots == ["0", "1"]
    assert "\nfinished: 2 steps, 1 days\n" in err
    assert out.startswith("\nBV/TV 0.")
    assert "%|" not in err


@pytest.mark.parametrize("size", [(25, 100), (25, 0), (0, 0)])
def test_a_terminal_has_a_bar_that_says_what_it_waits_for(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Also one that does not tell how large it is."""
    monkeypatch.setattr(progress, "PREPARATION_DELAY", 0.002)
    with terminal(monkeypatch, size) as seen:
        assert main([*SHORT, "--out", str(tmp_path)]) == 0
    bars = [bar for bar in re.split(r"[\r\n]+", seen[0]) if "%|" in bar or "% |" in bar]
    first = next(i for i, bar in enumerate(bars) if "BV/TV" in bar)
    assert bars[0].endswith("starting]")
    for phase in ("reading the bone", "setting up the healthy tissue", "compiling the first step"):
        assert any(phase in bar and "day 0.0/1" in bar for bar in bars[:first])
        assert not any(phase in bar for bar in bars[first:])
    assert "100% |" in bars[-1]
    assert "day 1.0/1" in bars[-1]
    assert "grid       8 x 8 x 8 voxels" in seen[0], "messages stand above the bar"
    assert "snap_day" not in seen[0], "the bar tells enough"
    assert "snapshot snap_day" in (tmp_path / "run.log").read_text()
    assert capfd.readouterr().out.startswith("\nBV/TV 0.")


def test_the_bar_of_a_resumed_run_starts_where_the_run_is(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(heard.folder, tmp_path / "run")
    longer = ["run", str(TINY), *ODD, "--set", "run.duration=2.5 day", "--resume"]
    with terminal(monkeypatch) as seen:
        assert main([*longer, "--out", str(tmp_path / "run")]) == 0
    assert re.search(r"80% \|.*day 2\.0/2\.5 .*compiling the first step", seen[0])
    assert re.search(r"100% \|.*day 2\.5/2\.5 .*BV/TV", seen[0])


def test_a_terminal_may_have_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    with terminal(monkeypatch) as seen:
        assert main([*SHORT, "--out", str(tmp_path), "--progress", "lines"]) == 0
    assert "% |" not in seen[0]
    assert re.search(rf"^{TIME} snapshot snap_day", seen[0], re.M)


def test_the_reason_of_an_early_end_is_an_event(
    heard: Heard, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["run", str(TINY), *ODD, "--out", str(heard.folder), "--progress", "json"]
    assert main(command) == BAD_INPUT
    out, err = capfd.readouterr()
    event = json.loads(out)
    assert event["event"] == "failed"
    assert "already holds a run" in event["text"]
    assert err == f"tissue: {event['text']}\n"

    def stop(*_: object, **__: object) -> None:
        raise RunStopped("stopped by SIGTERM after step 3")

    monkeypatch.setattr("tissue.simulation.run.run", stop)
    assert main(command) == STOPPED
    event = json.loads(capfd.readouterr().out)
    assert (event["event"], event["text"]) == ("stopped", "stopped by SIGTERM after step 3")


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_a_run_goes_on_when_no_one_reads_its_events(
    capfd: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as changed:
        changed.setattr(sys, "stdout", Broken(number))
        assert main([*SHORT, "--out", str(tmp_path), "--progress", "json"]) == 0
    lost = f"standard output cannot be written to ({os.strerror(number)})"
    assert capfd.readouterr().err == f"warning: {lost}\n"
    log = (tmp_path / "run.log").read_text()
    assert log.count(f"WARNING {lost}: the run continues without it") == 1
    assert "INFO finished: 2 steps" in log
    assert (tmp_path / "summary.png").is_file()


def test_a_number_that_json_does_not_know_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord(
        {
            "msg": "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ll",
            "levelno": logging.INFO,
            "levelname": "INFO",
            "progress": {"event": "progress", "day": 2.0, "bv_tv": float("nan")},
        }
    )
    Json().emit(record)
    out = capsys.readouterr().out
    assert out.isascii()
    event = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (event["event"], event["day"], event["bv_tv"]) == ("progress", 2.0, None)
    assert event["text"] == "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ll"


def test_quiet_and_reported_at_once_is_refused(capfd: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*SHORT, "--quiet", "--progress", "json"])
    assert ended.value.code == BAD_INPUT
    assert "not allowed with argument --quiet" in capfd.readouterr().err
