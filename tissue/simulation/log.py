"""Log file of a run in its folder."""

import io
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, cast

from tissue.storage.atomic import open_no_follow


def iso_time(seconds: float) -> str:
    """Time of this machine in ISO 8601 with its offset from UTC.

    Args:
        seconds: since 1970 in UTC [s].

    Returns:
        For example 2026-11-25T10:15:30+01:00.
    """
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="seconds")


class _TimeFormatter(logging.Formatter):
    """Formatter of lines with time, level and message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Time of a message."""
        return iso_time(record.created)


class _LogFile(logging.FileHandler):
    """Log in a file of the run, which continues where the file cannot be written.

    Attributes:
        failed: error that has made the file incomplete.
    """

    failed: OSError | None = None

    def _open(self) -> io.TextIOWrapper:
        opened = open_no_follow(
            Path(self.baseFilename), self.mode, encoding=self.encoding, errors=self.errors
        )
        return cast("io.TextIOWrapper", opened)

    def handleError(self, record: logging.LogRecord) -> None:
        """Keeps an error of the system; any other one is a bug."""
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


class _BufferedHandler(logging.Handler):
    """Handler that keeps messages until there is a file, and passes later ones on.

    It stays the same from the first message to the last: other threads log while the file is
    opened, and none of their messages may be lost between two handlers.

    Attributes:
        file: file of the messages; None until it is open.
    """

    def __init__(self) -> None:
        super().__init__()
        self.file: _LogFile | None = None
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Handles a message."""
        if self.file:
            self.file.handle(record)
        else:
            self._records.append(record)

    def write_to(self, file: _LogFile) -> None:
        """Writes the kept messages, and later ones immediately."""
        self.acquire()
        try:
            for record in self._records:
                file.handle(record)
            self._records.clear()
            self.file = file
        finally:
            self.release()


class RunLog:
    """Log of a run, kept in memory until the files of an earlier run are removed."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tissue")
        self._level = self._logger.level
        self._handler = _BufferedHandler()

    def __enter__(self) -> Self:
        self._logger.addHandler(self._handler)
        if not self._logger.isEnabledFor(logging.INFO):
            self._logger.setLevel(logging.INFO)
        return self

    def write_to(self, path: Path, *, append: bool) -> None:
        """Writes the messages so far, and later ones immediately.

        Args:
            path: the file.
            append: continue a file that is there.
        """
        file = _LogFile(path, "a" if append else "w", encoding="utf-8", errors="backslashreplace")
        file.setFormatter(_TimeFormatter())
        self._handler.write_to(file)

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        self._logger.removeHandler(self._handler)
        file = self._handler.file
        if file:
            if kind:  # for the file only: the caller gets the exception
                text = f"{error}" or kind.__name__
                file.handle(self._logger.makeRecord(__name__, logging.ERROR, "", 0, text, (), None))
            file.close()
            if file.failed:
                self._logger.warning(
                    f"{file.baseFilename} is not complete: it could not be written to "
                    f"({file.failed.strerror or file.failed})"
                )
        self._logger.setLevel(self._level)
