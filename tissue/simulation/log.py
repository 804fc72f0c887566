"""What a run logs, in its folder."""

import io
import logging
import sys
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Self, cast

from tissue.storage.publish import open_own


class _LogFile(logging.FileHandler):
    """A log in a file of the run; a run goes on without it where it cannot be written.

    Attributes:
        failed: why something is missing in it.
    """

    failed: OSError | None = None

    def _open(self) -> io.TextIOWrapper:
        opened = open_own(
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


class RunLog:
    """What a run logs, held back until its folder is free of the run before."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("tissue")
        self._level = self._logger.level
        self._held = MemoryHandler(10_000, flushLevel=logging.CRITICAL + 1)
        self._handler: logging.Handler = self._held

    def __enter__(self) -> Self:
        self._logger.addHandler(self._handler)
        if not self._logger.isEnabledFor(logging.INFO):
            self._logger.setLevel(logging.INFO)
        return self

    def write_to(self, path: Path, *, going_on: bool) -> None:
        """Writes what has been held back, and from now on everything at once."""
        self._logger.removeHandler(self._held)
        self._handler = _LogFile(
            path, "a" if going_on else "w", encoding="utf-8", errors="backslashreplace"
        )
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._held.setTarget(self._handler)
        self._held.close()
        self._logger.addHandler(self._handler)

    def __exit__(self, kind: type[BaseException] | None, error: object, _: object) -> None:
        self._logger.removeHandler(self._handler)
        if kind:  # for the file alone: whoever called is told by the exception
            text = f"{error}" or kind.__name__
            self._handler.handle(
                self._logger.makeRecord(__name__, logging.ERROR, "", 0, text, (), None)
            )
        self._handler.close()
        if isinstance(self._handler, _LogFile) and self._handler.failed:
            self._logger.warning(
                f"{self._handler.baseFilename} is not complete: it could not be written to "
                f"({self._handler.failed.strerror})"
            )
        self._logger.setLevel(self._level)
