"""Progress of a run, logged as lines for users and as numbers for programs."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from tissue.machine.device import device_memory
from tissue.machine.host import resident_memory
from tissue.simulation.step_report import Record
from tissue.simulation.text import duration, size

log = logging.getLogger(__name__)

LINE_INTERVAL = 60.0
"""Longest wall time without a line [s]."""

PREPARATION_DELAY = 1.0
"""Time from which a phase of preparation is logged [s]: a mistake found before is logged alone."""

SPEED_WINDOW = 300.0
"""Wall time over which the speed is measured [s]: long enough to average over the writing of files,
short enough to follow steps that get longer or shorter."""

COMPILING_STEPS = 2
"""Number of the first steps of a process, which wait for the compiler."""

MIN_STEPS = 3
"""Smallest number of steps over which the speed is measured."""

MAX_STEPS = 10_000
"""Number of steps in memory: more than a run takes while the files of one are written."""

FAILURE_LOAD = "failure_load_z_change_percent"
"""Column of metrics.csv that stands beside BV/TV in runs with finite elements."""

Kind = Literal["snapshot", "checkpoint"]


class _Step(NamedTuple):
    """Position of a run after a step."""

    number: int | None
    day: float | None
    wall: float  # s, on the clock of `Progress`
    length: float | None = None  # day
    bone: float | None = None
    change: float | None = None  # %
    load: float | None = None  # change of the failure load, %


class Progress:
    """Log of the progress of a run; use it as a context manager.

    There is a line at each snapshot and checkpoint, at the start of a long phase without steps,
    after the first step, and after each `LINE_INTERVAL` without another line, also during a step.
    A line is an ordinary message; the attribute `progress` of its log record is a dictionary of
    the same numbers, None where one is unknown:

    | key | meaning |
    |---|---|
    | event | waiting, first_step, progress, snapshot or checkpoint |
    | day, days | simulated time, and that of the complete run [day] |
    | step, step_day | number of the last coupling step, and its length [day] |
    | bv_tv, bv_tv_change_percent | as in metrics.csv after that step |
    | failure_load_z_change_percent | as there; None without finite elements |
    | seconds_left | estimate of the wall time to the end, from the last minutes [s] |
    | host_memory_bytes, device_memory_bytes | of this process, and in use on the first device |
    | file | the snapshot or checkpoint |
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepares for a run.

        Args:
            clock: wall time [s].
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tissue-progress", daemon=True)
        self._since = self._logged = clock()
        self._steps: deque[_Step] = deque(maxlen=MAX_STEPS)
        self._counted = 0
        self._days: float | None = None
        self._phase: str | None = "starting"
        self._unlogged = False

    def preparing(self, phase: str) -> None:
        """Notes a phase before the first step, which is logged unless it is short.

        Args:
            phase: its name, such as "reading the bone".
        """
        with self._lock:
            self._phase, self._since, self._unlogged = phase, self._clock(), True

    def waiting(self, phase: str) -> None:
        """Logs the start of a phase without steps.

        Args:
            phase: its name, such as "compiling the first step".
        """
        with self._lock:
            self._phase, self._since, self._unlogged = phase, self._clock(), False
        self._log("waiting", self._last(), phase)

    def begin(self, day: float, days: float, number: int) -> None:
        """Logs the start of the steps, the first of which is compiled.

        Args:
            day: simulated time [day].
            days: that of the complete run [day].
            number: number of steps done before.
        """
        with self._lock:
            self._days = days
            self._steps.append(_Step(number, day, self._clock()))
        self.waiting("compiling the first step")

    def step(self, record: Record, number: int) -> None:
        """Notes a coupling step.

        Args:
            record: its report.
            number: its number.
        """
        found = record.metrics
        load = found.get(FAILURE_LOAD, math.nan)
        with self._lock:
            now = self._clock()
            done = _Step(
                number,
                found["time_day"],
                now,
                found["step_day"],
                found["bv_tv"],
                found["bv_tv_change_percent"],
                load if math.isfinite(load) else None,
            )
            self._steps.append(done)
            self._counted += 1
            taken, self._since, self._phase = now - self._since, now, None
            first = self._counted == 1
        if first:
            self._log("first_step", done, f"first step done after {duration(taken)}")

    def finishing(self) -> None:
        """Notes that the steps are done and the last files are being written."""
        with self._lock:
            self._phase, self._since = "writing the last files", self._clock()

    def written(self, kind: Kind, path: Path, day: float) -> None:
        """Logs a file that is on the disk; any thread may call it.

        Args:
            kind: of file.
            path: the file.
            day: its simulated time [day].
        """
        with self._lock:
            found = next((done for done in reversed(self._steps) if done.day == day), None)
        self._log(kind, found or _Step(None, day, 0.0), f"{kind} {path.name}", path)

    def _watch(self) -> None:
        """Logs the progress after each long time without a line."""
        while not self._over.wait(min(LINE_INTERVAL, PREPARATION_DELAY) / 2):
            last = self._last()
            with self._lock:
                now = self._clock()
                phase, spent = self._phase, now - self._since
                begun = self._unlogged and spent >= PREPARATION_DELAY
                overdue = now >= self._logged + LINE_INTERVAL
                if begun:
                    self._unlogged = False
            if begun:
                self._log("waiting", last, f"{phase}")
            elif not overdue:
                continue
            elif phase:
                self._log("waiting", last, f"{phase}, for {duration(spent)} so far")
            elif spent < LINE_INTERVAL:
                self._log("progress", last)
            else:
                self._log("progress", last, f"the next step has taken {duration(spent)} so far")

    def _last(self) -> _Step:
        with self._lock:
            return self._steps[-1] if self._steps else _Step(None, None, 0.0)

    def _log(self, event: str, done: _Step, what: str = "", path: Path | None = None) -> None:
        with self._lock:
            self._logged = self._clock()
            left, started = self._seconds_left(self._logged), self._days is not None
        numbers = {
            "event": event,
            "day": done.day,
            "days": self._days,
            "step": done.number,
            "step_day": done.length,
            "bv_tv": done.bone,
            "bv_tv_change_percent": done.change,
            FAILURE_LOAD: done.load,
            "seconds_left": left,
            "host_memory_bytes": resident_memory(),
            # reading it would start the backend
            "device_memory_bytes": device_memory() if started else None,
            "file": None if path is None else str(path),
        }
        text = "; ".join(part for part in (what, _text(numbers)) if part)
        log.info(text, extra={"progress": numbers})

    def _seconds_left(self, now: float) -> float | None:
        """Estimate of the wall time to the end [s]; None until the speed is known."""
        usable = min(self._counted - COMPILING_STEPS, len(self._steps) - 1)
        if usable < MIN_STEPS:
            return None
        last = self._steps[-1]
        base = len(self._steps) - 1 - usable
        latest = len(self._steps) - 1 - MIN_STEPS
        while base < latest and self._steps[base + 1].wall < now - SPEED_WINDOW:
            base += 1
        start = self._steps[base]
        if last.wall <= start.wall:
            return None
        assert self._days is not None
        assert last.day is not None
        assert start.day is not None
        speed = (last.day - start.day) / (last.wall - start.wall)
        return round(max((self._days - last.day) / speed - (now - last.wall), 0.0), 1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _text(numbers: Mapping[str, Any]) -> str:
    parts = []
    if numbers["day"] is not None:
        parts.append(f"day {numbers['day']:g} of {numbers['days']:g}")
    if numbers["step_day"] is not None:
        parts.append(f"step {numbers['step']} of {numbers['step_day']:.3g} day")
        parts.append(f"BV/TV {numbers['bv_tv']:.4f} ({numbers['bv_tv_change_percent']:+.2f} %)")
    if numbers[FAILURE_LOAD] is not None:
        parts.append(f"failure load {numbers[FAILURE_LOAD]:+.2f} %")
    if numbers["seconds_left"]:
        parts.append(f"about {duration(numbers['seconds_left'])} left")
    if numbers["host_memory_bytes"] is not None:
        parts.append(f"memory {size(numbers['host_memory_bytes'])}")
    if numbers["device_memory_bytes"] is not None:
        parts.append(f"device memory {size(numbers['device_memory_bytes'])}")
    return ", ".join(parts)
