"""Tables of numbers as CSV: one row per time, readable while the run goes on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError
from tissue.storage.publish import close_kept, keep, open_own, refuse_link

if TYPE_CHECKING:
    import pandas

TRIFLE = 1e-8  # rounding of what is written, relative


@dataclass(frozen=True)
class Foundation:
    """What a checkpoint tells of a table, whose rows up to its time it stands on.

    Attributes:
        time: of the checkpoint [day].
        rows: number of rows; None for a checkpoint of version 0.1, which does not know.
        name: of the checkpoint, for messages.
    """

    time: float
    rows: int | None
    name: str


class Table:
    """A CSV file with a fixed header to which rows are appended; use it as a context manager.

    Every row is flushed, so that `tail -f` and plots follow a running simulation.

    Attributes:
        path: the file.
        columns: names of the columns, in order.
        rows: number of rows.
    """

    def __init__(
        self, path: Path, columns: Iterable[str], *, foundation: Foundation | None = None
    ) -> None:
        """Starts a table, or goes on with the one that is there.

        Args:
            path: the CSV file.
            columns: names of the columns, in order; the first one is the time [day].
            foundation: keep the rows that a checkpoint stands on instead of starting anew.

        Raises:
            InputError: the file to go on with is damaged, lacks rows or is a link.
        """
        self.path = Path(path)
        self.columns = tuple(columns)
        header = ",".join(self.columns)
        kept = rows_kept(self.path, self.columns, foundation) if foundation else []
        self._file = open_own(self.path, "a" if kept else "w", encoding="ascii", newline="\n")
        try:
            if kept:
                # later rows, and one cut short by a crash, which would glue itself to the next
                self._file.truncate(sum(len(line) + 1 for line in (header, *kept)))
            else:
                self._file.write(header + "\n")
            self._file.flush()
        except OSError:
            with suppress(OSError):
                self._file.close()
            raise
        self.rows = len(kept)

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
        self.rows += 1

    def keep(self) -> None:
        """Waits until the rows are on the disk; may be called by another thread.

        Raises:
            OSError: they are not.
        """
        if not self._file.closed:
            keep(self._file)

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


def rows_kept(path: Path, columns: Sequence[str], foundation: Foundation) -> list[str]:
    """The lines of a table that a checkpoint stands on, proved to be whole.

    Args:
        path: the CSV file.
        columns: names of the columns, in order; the first one is the time [day].
        foundation: what the checkpoint tells of it.

    Raises:
        InputError: rows are missing or damaged, or it is a link; the message names the remedy.
    """
    refuse_link(path)
    lines = _complete_lines(path) if path.exists() else []
    header = ",".join(columns)
    if lines and lines[0] != header:
        raise InputError(
            f"{path} is damaged in its first line, or of another version of tissue, whose runs are "
            "taken on by tissue branch alone; put the file back from a copy, or start again with "
            "--overwrite"
        )
    last = foundation.time + TRIFLE * max(abs(foundation.time), 1.0)
    kept, before = [], -math.inf
    for number, line in enumerate(lines[1:], start=2):
        time = _time_of(line, len(columns))
        if time is None or not time > before:
            raise InputError(f"{path} is damaged in line {number}; {_REMEDY}")
        if time > last:
            break
        kept.append(line)
        before = time
    if foundation.rows is None:
        # rows come before their checkpoint, and the last one is of its time
        whole = foundation.time == 0 or before >= foundation.time - (last - foundation.time)
        count = "all"
    else:
        whole, count = len(kept) == foundation.rows, f"the {foundation.rows}"
    if not whole:
        raise InputError(
            f"{path} holds {len(kept)} and not {count} rows that {foundation.name} stands on; "
            f"{_REMEDY}"
        )
    return kept


_REMEDY = (
    "put the file back from a copy, go on from an earlier checkpoint (--resume TIME), or start "
    "again with --overwrite"
)


def _time_of(line: str, columns: int) -> float | None:
    """The time of a whole row of numbers [day]; None for anything else."""
    try:
        numbers = [float(cell) for cell in line.split(",")]
    except ValueError:
        return None
    return numbers[0] if len(numbers) == columns else None


class Columns(dict[str, NDArray[np.float64]]):
    """Columns of a table by name, the first one the time [day].

    Raises:
        InputError: from `[...]`, for a column that the table does not have; it names the file.
    """

    def __init__(self, path: Path | str, columns: Mapping[str, NDArray[np.float64]]) -> None:
        super().__init__(columns)
        self._path = path

    def to_pandas(self) -> "pandas.DataFrame":
        """The table as a pandas data frame with the time [day] as its index.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise InputError("to_pandas needs the package pandas: pip install pandas") from None
        return pandas.DataFrame(dict(self)).set_index(next(iter(self)))

    def __repr__(self) -> str:
        rows = len(next(iter(self.values()), ()))
        return f"{self._path}: {rows} rows of {', '.join(self)}"

    def __missing__(self, name: str) -> NDArray[np.float64]:
        raise InputError(
            f"{self._path} has no column {name}, which every run writes; use the file as the run "
            "wrote it"
        )


def read_table(path: Path) -> Columns:
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
    return Columns(path, {name: values[:, column] for column, name in enumerate(names)})


def rows_until(path: Path, time: float) -> str:
    """The text of a table up to the rows of a time [day]; rows that are damaged are left out."""
    header, *lines = _complete_lines(path) or [""]
    last = time + TRIFLE * max(abs(time), 1.0)
    times = ((line, _time_of(line, header.count(",") + 1)) for line in lines)
    kept = [line for line, found in times if found is not None and found <= last]
    return "".join(f"{line}\n" for line in (header, *kept))


def rows_of(path: Path) -> int:
    """Number of complete rows of a table; 0 where there is none."""
    return max(len(_complete_lines(path)) - 1, 0) if path.is_file() else 0


def _complete_lines(path: Path) -> list[str]:
    whole, newline, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    return whole.splitlines() if newline else []
