"""Messages of a run: a progress bar or lines on standard error, or JSON on standard output."""

import json
import logging
import math
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tissue.commands.terminal import COLUMNS, painted, wrapped
from tissue.errors import RunStopped

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig
    from tissue.simulation.step_report import Record
    from tissue.storage.results import Run

log = logging.getLogger(__name__)

STYLES = ("lines", "json")
"""Values of `--progress`; without it there is a bar on a terminal, and lines elsewhere."""

ROWS = 25
"""Height assumed for a terminal that reports none, as in some containers [characters]."""


def messages(style: str | None, quiet: bool) -> "Lines":
    """Handler of the messages of a run, for use as a context manager.

    Args:
        style: one of `STYLES`; None for a bar on a terminal and lines elsewhere.
        quiet: show errors only.
    """
    if quiet:
        return Quiet()
    if style == "json":
        return Json()
    if style is None and sys.stderr.isatty():
        return Bar()
    return Lines()


class Lines(logging.Handler):
    """One line per message on standard error; lines on progress start with their time.

    The loss of the stream is logged in run.log, between two steps and not at once: the writer of
    the stream may hold a lock that a message would wait for.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        """Show messages of a level and above."""
        super().__init__(level)
        self._loss_logged = False

    def begin(self, config: "RunConfig") -> None:
        """Handle the start of a run, once its file is read."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message."""
        from tissue.simulation.log import iso_time

        start = f"{iso_time(record.created)} " if _numbers(record) else ""
        print(_shown(record, start), file=sys.stderr, flush=True)

    def step(self, record: "Record") -> None:
        """Handle the end of a step."""
        lost = self.lost()
        if lost and not self._loss_logged:
            self._loss_logged = True
            log.warning(f"{lost}: the run continues without it")

    def lost(self) -> str | None:
        """Reason why messages can no longer be written; None where they can."""
        reason = getattr(sys.stderr, "failure", None)
        return f"the screen cannot be written to ({reason})" if reason else None

    def finished(self, done: "Run", picture: Path | None) -> None:
        """Print the result of a run."""
        try:
            print(f"\n{_change(done)}")
            print(f"{len(done.snapshots)} snapshots, metrics.csv and ledger.csv in {done.folder}")
            if picture:
                print(f"picture: {picture}")
            sys.stdout.flush()
        except OSError as error:  # the results are in the folder
            log.warning(
                f"the run is complete, but its result cannot be printed ({error.strerror or error})"
            )

    def __enter__(self) -> Self:
        logger = logging.getLogger("tissue")
        logger.setLevel(logging.INFO)
        logger.handlers = [self]
        logger.propagate = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Keep the handler for messages after the run."""


class Quiet(Lines):
    """Errors only."""

    def __init__(self) -> None:
        """Show errors only."""
        super().__init__(logging.ERROR)

    def finished(self, done: "Run", picture: Path | None) -> None:
        """Print nothing."""


class Bar(Lines):
    """Progress bar with simulated time and BV/TV on standard error, and messages above it.

    Lines on progress go to run.log only. Until the first step the bar says what the run waits for.
    """

    def __init__(self) -> None:
        """Show messages until the bar is drawn."""
        super().__init__()
        self._bar: Any = None

    def begin(self, config: "RunConfig") -> None:
        """Draw the bar."""
        from tqdm import tqdm

        self._bar = tqdm(
            total=round(config.run.duration, 6),
            unit="day",
            postfix="starting",
            ncols=_columns(),
            nrows=ROWS,
            bar_format="{percentage:3.0f}% |{bar}| day {n:.1f}/{total:g} "
            "[{elapsed}<{remaining}{postfix}]",
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message above the bar, or in the bar what the run waits for."""
        from tqdm import tqdm

        numbers = _numbers(record)
        if not numbers:
            tqdm.write(_shown(record), file=sys.stderr)
        elif numbers["event"] == "waiting":
            # a resumed run starts here
            self._bar.initial = self._bar.n = numbers["day"] or 0.0
            self._bar.set_postfix_str(record.getMessage().partition(";")[0])

    def step(self, record: "Record") -> None:
        """Advance the bar."""
        self._bar.set_postfix_str(
            f"BV/TV {record.metrics['bv_tv']:.4f} "
            f"({record.metrics['bv_tv_change_percent']:+.2f} %)",
            refresh=False,
        )
        self._bar.update(record.metrics["time_day"] - self._bar.n)
        super().step(record)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bar on the screen."""
        if self._bar is not None:
            self._bar.close()


class Json(Lines):
    """JSON object per line on standard output, for programs; nothing else is printed there.

    Every object has

    | key | meaning |
    |---|---|
    | event | kind of event, see below |
    | time | ISO 8601 with the offset from UTC |
    | text | the same in words, as in run.log |

    The events message, warning and error have no more; the last message says that the picture is
    being drawn, when run.log is complete. Those on progress (waiting, first_step,
    progress, snapshot, checkpoint) have all the keys of `tissue.simulation.progress.Progress`, null
    where something is not known. At the end there is one of

    - finished, with folder, file (the picture), snapshots (their number), day, days, and bv_tv,
      bv_tv_start and bv_tv_change_percent as in metrics.csv;
    - stopped: by a signal; `--resume` continues the run;
    - failed: the text says why. The same text is on standard error.
    """

    def __init__(self) -> None:
        """Write to standard output."""
        super().__init__()
        self._failure: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message."""
        level = record.levelname.lower()
        event = {"event": "message" if record.levelno < logging.WARNING else level}
        self._write(record.created, record.getMessage(), event | _numbers(record))

    def lost(self) -> str | None:
        """Reason why events can no longer be written; None where they can."""
        return self._failure

    def finished(self, done: "Run", picture: Path | None) -> None:
        """Write the result of a run."""
        first, last = ({name: row[i] for name, row in done.metrics.items()} for i in (0, -1))
        self._now(
            "finished",
            _change(done),
            folder=str(done.folder),
            file=None if picture is None else str(picture),
            snapshots=len(done.snapshots),
            day=last["time_day"],
            days=last["time_day"],
            bv_tv=last["bv_tv"],
            bv_tv_start=first["bv_tv"],
            bv_tv_change_percent=last["bv_tv_change_percent"],
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write why a run ended early."""
        if error is not None:
            event = "stopped" if isinstance(error, RunStopped) else "failed"
            self._now(event, f"{error}" or type(error).__name__)

    def _now(self, event: str, text: str, **more: Any) -> None:
        self._write(time.time(), text, {"event": event, **more})

    def _write(self, seconds: float, text: str, fields: dict[str, Any]) -> None:
        from tissue.simulation.log import iso_time

        event = {"event": fields["event"], "time": iso_time(seconds), "text": text, **fields}
        numbers = {name: _plain(value) for name, value in event.items()}
        self.acquire()  # the end of a run is not a log record
        try:
            print(json.dumps(numbers), flush=True)
        except (OSError, ValueError) as error:  # ValueError: closed by Python code
            if self._failure is None:
                reason = getattr(error, "strerror", None) or f"{error}"
                self._failure = f"standard output cannot be written to ({reason})"
                print(f"warning: {self._failure}", file=sys.stderr)
        finally:
            self.release()


def _columns() -> int | None:
    """Width of the bar [characters]; None for that of the terminal."""
    with suppress(OSError, ValueError):
        if os.get_terminal_size(sys.stderr.fileno()).columns > 0:
            return None
    return COLUMNS


def _plain(value: Any) -> Any:
    """Value as JSON allows it: no types of NumPy, and no infinity."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _numbers(record: logging.LogRecord) -> dict[str, Any]:
    """Numbers of a message on progress; none for others."""
    return getattr(record, "progress", {})


def _shown(record: logging.LogRecord, start: str = "") -> str:
    """Text of a message, with its level from warnings on, wrapped on a terminal.

    Args:
        record: the message.
        start: of the text.
    """
    level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}:"
    text = f"{start}{level} {record.getMessage()}" if level else f"{start}{record.getMessage()}"
    lines = wrapped(text, sys.stderr)
    return lines.replace(level, painted(level, "yellow", sys.stderr), 1) if level else lines


def _change(done: "Run") -> str:
    """Change of the bone and its strength since the start, and of a branch also since then."""
    from tissue.analysis.common_start import branch_day, changes_in_words

    branched = branch_day(done.folder)
    lines = [f"BV/TV {'; '.join(changes_in_words('bv_tv', done.metrics, branched))}"]
    for name, key, unit in (
        ("stiffness", "stiffness_z_N_per_mm", "N/mm"),
        ("failure load", "failure_load_z_N", "N"),
    ):
        values = done.metrics.get(key)
        if values is not None and math.isfinite(values[0]) and math.isfinite(values[-1]):
            found = changes_in_words(key, done.metrics, branched, unit=unit, digits=".4g")
            lines.append(f"{name} along z {'; '.join(found)}")
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")  # for terminals without Unicode
