"""Tables of numbers as CSV: one row per time, readable while the run goes on."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.storage.publish import close_kept, open_own

TRIFLE = 1e-8  # rounding of what is written, relative


class Table:
    """A CSV file with a fixed header to which rows are appended; use it as a context manager.

    Every row is flushed, so that `tail -f` and plots follow a running simulation.

    Attributes:
        path: the file.
        columns: names of the columns, in order.
    """

    def __init__(
        self, path: Path, columns: Iterable[str], *, resume_at: float | None = None
    ) -> None:
        """Starts a table, or goes on with the one that is there.

        Args:
            path: the CSV file.
            columns: names of the columns, in order.
            resume_at: keep the rows of an existing file up to this value of the first column
                instead of starting anew.

        Raises:
            InputError: the file to go on with has other columns, or is a link.
        """
        self.path = Path(path)
        self.columns = tuple(columns)
        going_on = resume_at is not None and self.path.exists()
        old = _complete_lines(self.path) if going_on else []
        header = ",".join(self.columns)
        if old and old[0] != header:
            raise InputError(f"{self.path} has other columns than this run; move it away.")
        self._file = open_own(self.path, "a" if old else "w", encoding="ascii", newline="\n")
        if old:
            assert resume_at is not None
            last = resume_at + TRIFLE * max(abs(resume_at), 1.0)
            old = [header, *(line for line in old[1:] if float(line.split(",")[0]) <= last)]
            # a row cut short by a crash would glue itself to the next one
            self._file.truncate(sum(len(line) + 1 for line in old))
        else:
            self._file.write(header + "\n")
        self._file.flush()

    def append(self, row: Mapping[str, float]) -> None:
        """Writes one row and flushes it.

        Args:
            row: a number for every column, in any order.

        Raises:
            ValueError: the names are not those of the columns.
        """
        if set(row) != set(self.columns):
            differing = ", ".join(sorted(set(row) ^ set(self.columns)))
            raise ValueError(f"row and columns differ in {differing}")
        self._file.write(",".join(f"{float(row[name]):.9g}" for name in self.columns) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file once its rows are on the disk.

        Raises:
            OSError: they are not.
        """
        if not self._file.closed:
            close_kept(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:  # what ended the block is to be told, not what came of it
            with suppress(OSError):
                self.close()


def read_table(path: Path) -> dict[str, NDArray[np.float64]]:
    """Reads a table; a last row that is still being written is left out.

    Args:
        path: the CSV file.

    Returns:
        The values of each column, by name.

    Raises:
        InputError: the file is absent or not such a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the folder of a run.")
    lines = _complete_lines(path)
    if not lines:
        raise InputError(f"{path} is empty; give the folder of a run that has started.")
    names = lines[0].split(",")
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in lines[1:]]
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    except ValueError as error:
        raise InputError(f"{path} is not a table of numbers ({error}).") from error
    return {name: values[:, column] for column, name in enumerate(names)}


def _complete_lines(path: Path) -> list[str]:
    whole, newline, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    return whole.splitlines() if newline else []
