"""What a run logs, in its folder."""

import logging
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Self


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
        self._handler = logging.FileHandler(path, "a" if going_on else "w", encoding="utf-8")
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
        self._logger.setLevel(self._level)
