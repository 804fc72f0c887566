"""What a run logs, in its folder."""

import io
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, cast

from tissue.storage.atomic import open_no_follow


def iso_time(seconds: float) -> str:
    """A time of this machine in ISO 8601 with its offset from UTC.

    Args:
        seconds: since 1970 in UTC [s].

    Returns:
        For example 2026-11-25T10:15:30+01:00.
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")


class _Timed(logging.Formatter):
    """Time, level and message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The time of a message."""
        return iso_time(record.created)


class _LogFile(logging.FileHandler):
    """A log in a file of the run; a run goes on without it where it cannot be written.

    Attributes:
        failed: why something is missing in it.
    """

    failed: OSError | None = None

    def _open(self) -> io.TextIOWrapper:
        opened = open_no_follow(
            Path(self.baseFilename), self.mode, encoding=self.encoding, errors=self.errors
        )
        return cast("io.TextIOWrapper", opened)

    def handleError(self, record: logging.LogRecord) -> None:
        """Remembers what the system answered; anything else is a bug."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.failed = error
        else:
            super().handleError(record)

    def close(self) -> None:
        """Closes the file."""
        try:
            super().close()
        except OSError as error:
            self.failed = error


class _Held(logging.Handler):
    """Keeps messages until there is a file for them, and hands on those that come later.

    One handler from the first message to the last: other threads log while the file is opened, and
    none of their messages may fall between two handlers.

    Attributes:
        file: where messages go; None until there is one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.file: _LogFile | None = None
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Takes a message."""
        if self.file:
            self.file.handle(record)
        else:
            self._records.append(record)

    def hand_over(self, file: _LogFile) -> None:
        """Writes what is kept, and from now on everything at once."""
        self.acquire()
        try:
            for record in self._records:
                file.handle(record)
            self._records.clear()
            self.file = file
        finally:
            self.release()


class RunLog:
    """What a run logs, held back until its folder is free of the run before."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tissue")
        self._level = self._logger.level
        self._held = _Held()

    def __enter__(self) -> Self:
        self._logger.addHandler(self._held)
        if not self._logger.isEnabledFor(logging.INFO):
            self._logger.setLevel(logging.INFO)
        return self

    def write_to(self, path: Path, *, append: bool) -> None:
        """Writes what has been held back, and from now on everything at once."""
        file = _LogFile(path, "a" if append else "w", encoding="utf-8", errors="backslashreplace")
        file.setFormatter(_Timed())
        self._held.hand_over(file)

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        self._logger.removeHandler(self._held)
        file = self._held.file
        if file:
            if kind:  # for the file alone: whoever called is told by the exception
                text = f"{error}" or kind.__name__
                file.handle(self._logger.makeRecord(__name__, logging.ERROR, "", 0, text, (), None))
            file.close()
            if file.failed:
                self._logger.warning(
                    f"{file.baseFilename} is not complete: it could not be written to "
                    f"({file.failed.strerror or file.failed})"
                )
        self._logger.setLevel(self._level)
