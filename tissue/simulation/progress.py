"""Lines on how far a run is, for a log that someone looks into now and then."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from tissue.machine.device import device_memory
from tissue.machine.host import resident_memory
from tissue.simulation.simulation import Record
from tissue.simulation.text import duration, size

log = logging.getLogger(__name__)

EVERY = 60.0
"""Longest wall time without a line [s]."""

GRACE = 1.0
"""Time from which preparations are told [s]: a mistake that they find is told alone."""

WINDOW = 300.0
"""Wall time that the pace is measured over [s]: long enough to even out the writing of files, short
enough to follow steps that get longer or shorter."""

WARMING_STEPS = 2
"""First steps of a process, which wait for the compiler and tell nothing of the pace."""

LEAST_STEPS = 3
"""Steps that the pace is measured over at least."""

REMEMBERED = 10_000
"""Steps that are remembered: more than a run takes while the files of one are written."""

Kind = Literal["snapshot", "checkpoint"]


class _Step(NamedTuple):
    """Where a run is: what is known after a step."""

    number: int | None
    day: float | None
    wall: float  # s, on the clock of `Progress`
    length: float | None = None  # day
    bone: float | None = None
    change: float | None = None  # %


class Progress:
    """Tells in the log how far a run is; use it as a context manager.

    There is a line at each snapshot and checkpoint, when a long silent phase begins, after the
    first step, and whenever nothing has been told for `EVERY`, also while one step takes longer
    than that. A line is an ordinary message; its log record has the same as numbers in its
    attribute `progress`, a dictionary with these keys, None where something is not known:

    | key | meaning |
    |---|---|
    | event | waiting, first_step, progress, snapshot or checkpoint |
    | day, days | simulated time, and that of the whole run [day] |
    | step, step_day | number of the last coupling step, and its length [day] |
    | bv_tv, bv_tv_change_percent | as in metrics.csv after that step |
    | seconds_left | estimate of the wall time to the end, from the pace of the last minutes [s] |
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
        self._since = self._told = clock()
        self._steps: deque[_Step] = deque(maxlen=REMEMBERED)
        self._counted = 0
        self._days: float | None = None
        self._waits_for: str | None = "starting"
        self._untold = False

    def preparing(self, what: str) -> None:
        """Takes notice of a phase before the first step, and tells of one that is not short.

        Args:
            what: the phase, such as "reading the bone".
        """
        with self._lock:
            self._waits_for, self._since, self._untold = what, self._clock(), True

    def waiting(self, what: str) -> None:
        """Tells that a phase begins in which nothing is heard of the run.

        Args:
            what: the phase, such as "compiling the first step".
        """
        with self._lock:
            self._waits_for, self._since, self._untold = what, self._clock(), False
        self._tell("waiting", self._last(), what)

    def begin(self, day: float, days: float, number: int) -> None:
        """Tells where the steps start from; the first of them has to be compiled.

        Args:
            day: simulated time [day].
            days: that of the whole run [day].
            number: of steps done before.
        """
        with self._lock:
            self._days = days
            self._steps.append(_Step(number, day, self._clock()))
        self.waiting("compiling the first step")

    def step(self, record: Record, number: int) -> None:
        """Takes notice of a coupling step.

        Args:
            record: what it reports.
            number: its number.
        """
        found = record.metrics
        with self._lock:
            now = self._clock()
            done = _Step(
                number,
                found["time_day"],
                now,
                found["step_day"],
                found["bv_tv"],
                found["bv_tv_change_percent"],
            )
            self._steps.append(done)
            self._counted += 1
            taken, self._since, self._waits_for = now - self._since, now, None
            first = self._counted == 1
        if first:
            self._tell("first_step", done, f"first step done after {duration(taken)}")

    def finishing(self) -> None:
        """Takes notice that the steps are over and the last files are being written."""
        with self._lock:
            self._waits_for, self._since = "writing the last files", self._clock()

    def written(self, kind: Kind, path: Path, day: float) -> None:
        """Tells that a file is on the disk; may be called from any thread.

        Args:
            kind: of file.
            path: the file.
            day: simulated time of it [day].
        """
        with self._lock:
            found = next((done for done in reversed(self._steps) if done.day == day), None)
        self._tell(kind, found or _Step(None, day, 0.0), f"{kind} {path.name}", path)

    def _watch(self) -> None:
        """Tells how far the run is whenever nothing has been told for long."""
        while not self._over.wait(min(EVERY, GRACE) / 2):
            last = self._last()
            with self._lock:
                now = self._clock()
                waits_for, spent = self._waits_for, now - self._since
                begun, overdue = self._untold and spent >= GRACE, now >= self._told + EVERY
                if begun:
                    self._untold = False
            if begun:
                self._tell("waiting", last, f"{waits_for}")
            elif not overdue:
                continue
            elif waits_for:
                self._tell("waiting", last, f"{waits_for}, for {duration(spent)} so far")
            elif spent < EVERY:
                self._tell("progress", last)
            else:
                self._tell("progress", last, f"the next step has taken {duration(spent)} so far")

    def _last(self) -> _Step:
        with self._lock:
            return self._steps[-1] if self._steps else _Step(None, None, 0.0)

    def _tell(self, event: str, done: _Step, what: str = "", path: Path | None = None) -> None:
        with self._lock:
            self._told = self._clock()
            left, started = self._seconds_left(self._told), self._days is not None
        told = {
            "event": event,
            "day": done.day,
            "days": self._days,
            "step": done.number,
            "step_day": done.length,
            "bv_tv": done.bone,
            "bv_tv_change_percent": done.change,
            "seconds_left": left,
            "host_memory_bytes": resident_memory(),
            # asking would start the backend
            "device_memory_bytes": device_memory() if started else None,
            "file": None if path is None else str(path),
        }
        text = "; ".join(part for part in (what, _in_words(told)) if part)
        log.info(text, extra={"progress": told})

    def _seconds_left(self, now: float) -> float | None:
        """Estimate of the wall time to the end [s], once there is a pace to tell it by."""
        usable = min(self._counted - WARMING_STEPS, len(self._steps) - 1)
        if usable < LEAST_STEPS:
            return None
        last = self._steps[-1]
        base = len(self._steps) - 1 - usable
        latest = len(self._steps) - 1 - LEAST_STEPS
        while base < latest and self._steps[base + 1].wall < now - WINDOW:
            base += 1
        start = self._steps[base]
        if last.wall <= start.wall:
            return None
        assert self._days is not None
        assert last.day is not None
        assert start.day is not None
        pace = (last.day - start.day) / (last.wall - start.wall)
        return round(max((self._days - last.day) / pace - (now - last.wall), 0.0), 1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()


def _in_words(told: Mapping[str, Any]) -> str:
    parts = []
    if told["day"] is not None:
        parts.append(f"day {told['day']:g} of {told['days']:g}")
    if told["step_day"] is not None:
        parts.append(f"step {told['step']} of {told['step_day']:.3g} day")
        parts.append(f"BV/TV {told['bv_tv']:.4f} ({told['bv_tv_change_percent']:+.2f} %)")
    if told["seconds_left"]:
        parts.append(f"about {duration(told['seconds_left'])} left")
    if told["host_memory_bytes"] is not None:
        parts.append(f"memory {size(told['host_memory_bytes'])}")
    if told["device_memory_bytes"] is not None:
        parts.append(f"device memory {size(told['device_memory_bytes'])}")
    return ", ".join(parts)
