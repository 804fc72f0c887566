"""A run logs its progress: every minute, at each file, and in long phases without steps."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest

from tissue.machine.device import device_memory
from tissue.machine.host import resident_memory
from tissue.simulation import progress
from tissue.simulation.progress import Progress
from tissue.simulation.step_report import Record

SNAPSHOT, CHECKPOINT = Path("run/snap.hdf"), Path("run/ckpt.h5")
KEYS = {
    *("event", "day", "days", "step", "step_day", "bv_tv", "bv_tv_change_percent"),
    *(
        "failure_load_z_change_percent",
        "seconds_left",
        "host_memory_bytes",
        "device_memory_bytes",
        "file",
    ),
}


class Lines(logging.Handler):
    """Log lines, as text and as numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.numbers: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        self.numbers.append(vars(record)["progress"])


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, lines = logging.getLogger("tissue.simulation.progress"), Lines()
    before = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def record(day: float, length: float = 1.0) -> Record:
    metrics = {"time_day": day, "step_day": length, "bv_tv": 0.25, "bv_tv_change_percent": -day}
    return Record(metrics, {}, {})


def test_the_failure_load_stands_beside_bone_where_it_is_known(lines: Lines, clock: Clock) -> None:
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)
    for day, known in ((1.0, math.nan), (2.0, -3.456)):
        found = record(day)
        metrics = {**found.metrics, "failure_load_z_change_percent": known}
        run_progress.step(replace(found, metrics=metrics), int(day))
        run_progress.written("snapshot", SNAPSHOT, day)
    without, with_it = lines.texts[-2:]
    assert "(-1.00 %), " in without
    assert "failure" not in without
    assert "BV/TV 0.2500 (-2.00 %), failure load -3.46 %, " in with_it
    loads = [each["failure_load_z_change_percent"] for each in lines.numbers[-2:]]
    assert loads == [None, -3.456]


def walk(run_progress: Progress, clock: Clock, start: int, end: int, seconds: float) -> None:
    """Steps of a day from one to another."""
    for day in range(start + 1, end + 1):
        clock.now += seconds
        run_progress.step(record(float(day)), day)


def left(run_progress: Progress, lines: Lines) -> float | None:
    run_progress.written("checkpoint", CHECKPOINT, 0.0)
    return lines.numbers[-1]["seconds_left"]


def logged(lines: Lines, start: str) -> bool:
    return any(text.startswith(start) for text in lines.texts)


def wait_for(lines: Lines, start: str) -> None:
    until = time.monotonic() + 20
    while not logged(lines, start):
        assert time.monotonic() < until, lines.texts
        time.sleep(0.005)


def test_a_file_is_logged_with_the_numbers_of_its_own_step(lines: Lines, clock: Clock) -> None:
    """It is on the disk when the run is some steps further."""
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)
    walk(run_progress, clock, 0, 9, 2.0)
    run_progress.written("snapshot", SNAPSHOT, 7.0)
    assert lines.texts[-1].startswith(
        "snapshot snap.hdf; day 7 of 100, step 7 of 1 day, BV/TV 0.2500 (-7.00 %), about "
    )
    numbers = lines.numbers[-1]
    assert set(numbers) == KEYS
    expected = {
        "event": "snapshot",
        "day": 7.0,
        "days": 100.0,
        "step": 7,
        "step_day": 1.0,
        "bv_tv": 0.25,
        "bv_tv_change_percent": -7.0,
        "seconds_left": 182.0,  # 91 days of 2 s
        "file": str(SNAPSHOT),
    }
    assert {key: numbers[key] for key in expected} == expected


def test_a_resumed_run_logs_its_start(lines: Lines, clock: Clock) -> None:
    run_progress = Progress(clock)
    run_progress.begin(40.0, 100.0, 123)
    run_progress.written("checkpoint", CHECKPOINT, 40.0)
    run_progress.written("checkpoint", CHECKPOINT, 39.0)
    clock.now += 90.0
    run_progress.step(record(40.25, 0.25), 124)
    start, here, before, first = lines.texts
    assert start.startswith("compiling the first step; day 40 of 100")
    assert here.startswith("checkpoint ckpt.h5; day 40 of 100")
    assert before.startswith("checkpoint ckpt.h5; day 39 of 100")
    assert first.startswith("first step done after 90 s; day 40.25 of 100, step 124 of 0.25 day, ")
    assert [each["step"] for each in lines.numbers] == [123, 123, None, 124]
    assert [each["event"] for each in lines.numbers] == [
        *("waiting", "checkpoint", "checkpoint", "first_step")
    ]
    assert lines.numbers[0]["bv_tv"] is None


def test_the_time_left_follows_the_speed_of_the_last_minutes(lines: Lines, clock: Clock) -> None:
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)
    assert left(run_progress, lines) is None
    walk(run_progress, clock, 0, 2, 300.0)  # these wait for the compiler
    assert left(run_progress, lines) is None
    walk(run_progress, clock, 2, 4, 2.0)
    assert left(run_progress, lines) is None, "two steps are too few for a speed"
    walk(run_progress, clock, 4, 5, 2.0)
    assert left(run_progress, lines) == pytest.approx(95 * 2.0)
    walk(run_progress, clock, 5, 40, 20.0)
    assert left(run_progress, lines) == pytest.approx(60 * 20.0), "the fast steps are long ago"
    clock.now += 5.0
    assert left(run_progress, lines) == pytest.approx(60 * 20.0 - 5.0)
    clock.now += 10_000.0
    assert left(run_progress, lines) == 0.0
    walk(run_progress, clock, 40, 100, 1000.0)
    assert left(run_progress, lines) == 0.0
    assert "left" not in lines.texts[-1]


def test_slow_steps_have_a_speed_too(lines: Lines, clock: Clock) -> None:
    """None of them is shorter than the window."""
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)
    walk(run_progress, clock, 0, 2, 3600.0)
    walk(run_progress, clock, 2, 10, 1800.0)
    assert left(run_progress, lines) == pytest.approx(90 * 1800.0)
    assert "about 45 h left" in lines.texts[-1]


def test_many_steps_take_no_memory(lines: Lines, clock: Clock) -> None:
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)
    for number in range(1, 2 * progress.MAX_STEPS):
        clock.now += 1e-3
        run_progress.step(record(number * 1e-3), number)
    assert len(run_progress._steps) == progress.MAX_STEPS
    assert left(run_progress, lines) == pytest.approx(100 - 2e-3 * progress.MAX_STEPS, abs=0.1)


def test_a_long_silence_is_broken(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set-up, compiling, steps that follow each other, and one that takes long."""
    monkeypatch.setattr(progress, "LINE_INTERVAL", 0.2)
    with Progress() as run_progress:
        run_progress.waiting("setting up the healthy tissue")
        wait_for(lines, "setting up the healthy tissue, for 0.")
        run_progress.begin(0.0, 100.0, 0)
        wait_for(lines, "compiling the first step, for 0.")
        number = 0
        while not logged(lines, "day "):
            number += 1
            run_progress.step(record(float(number)), number)
            time.sleep(0.01)
        wait_for(lines, "the next step has taken 0.")
        run_progress.finishing()
        wait_for(lines, "writing the last files, for 0.")
    first, *_, last = (each for each in lines.numbers if each["event"] != "waiting")
    assert (first["event"], first["step"]) == ("first_step", 1)
    assert (last["event"], last["step"], last["day"]) == ("progress", number, float(number))
    assert last["bv_tv_change_percent"] == -number
    count = len(lines.texts)
    time.sleep(0.5)
    assert len(lines.texts) == count, "a finished run logs nothing"
    assert not any(each.name == "tissue-progress" for each in threading.enumerate())


def test_preparations_are_logged_unless_they_are_short(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PREPARATION_DELAY", 0.3)
    with Progress() as run_progress:
        run_progress.preparing("reading the bone")
        time.sleep(0.05)
        run_progress.preparing("setting up the healthy tissue")
        wait_for(lines, "setting up the healthy tissue")
        time.sleep(0.5)
    assert len(lines.texts) == 1


def test_no_line_a_minute_where_files_are_logged(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_INTERVAL", 1.5)
    with Progress() as run_progress:
        run_progress.begin(0.0, 100.0, 0)
        for _ in range(8):
            time.sleep(0.25)
            run_progress.written("checkpoint", CHECKPOINT, 0.0)
    assert not logged(lines, "compiling the first step, for")
    assert {each["event"] for each in lines.numbers} == {"waiting", "checkpoint"}


def test_files_are_logged_from_another_thread(lines: Lines, clock: Clock) -> None:
    run_progress = Progress(clock)
    run_progress.begin(0.0, 100.0, 0)

    def write() -> None:
        for _ in range(300):
            run_progress.written("snapshot", SNAPSHOT, 3.0)

    writing = threading.Thread(target=write)
    writing.start()
    walk(run_progress, clock, 0, 100, 1.0)
    writing.join()
    assert sum(each["event"] == "snapshot" for each in lines.numbers) == 300


def test_memory_is_what_the_process_takes() -> None:
    before = resident_memory()
    if before is None:
        pytest.skip("only Linux reports it")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    assert before == pytest.approx(1024 * int(resident.split()[1]), rel=0.02)


def test_unknown_memory_is_left_out(
    lines: Lines, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_file(path: Path, **_: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", no_file)
    Progress(clock).waiting("reading the bone")
    assert lines.texts == ["reading the bone"]
    assert lines.numbers[0]["host_memory_bytes"] is None


@pytest.mark.parametrize(
    ("stats", "memory"), [(None, None), ({"bytes_in_use": 3_400_000_000, "more": 1}, 3_400_000_000)]
)
def test_memory_of_the_device_where_it_has_its_own(
    lines: Lines,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    stats: dict[str, int] | None,
    memory: int | None,
) -> None:
    class Device:
        def memory_stats(self) -> dict[str, int] | None:
            return stats

    monkeypatch.setattr(jax, "local_devices", lambda: [Device()])
    assert device_memory() == memory
    run_progress = Progress(clock)
    run_progress.waiting("reading the bone")
    assert lines.numbers[-1]["device_memory_bytes"] is None, "the backend is not started for it"
    run_progress.begin(0.0, 100.0, 0)
    assert lines.numbers[-1]["device_memory_bytes"] == memory
    assert ("device memory 3.4 GB" in lines.texts[-1]) == (memory is not None)


def test_the_cpu_has_no_memory_of_its_own() -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("a device that has")
    assert device_memory() is None
