"""Tables of numbers as CSV with one row per time, readable during the run."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from tissue.errors import InputError, shown
from tissue.storage.atomic import close_synced, open_no_follow, refuse_link, sync

if TYPE_CHECKING:
    import pandas

TIME_RTOL = 1e-8  # rounding of written times, relative [1]


REPR_COLUMNS = 6
"""Largest number of columns that the text of a table names."""


@dataclass(frozen=True)
class CheckpointRows:
    """Rows of a table that belong to a checkpoint: all up to its time.

    Attributes:
        time: of the checkpoint [day].
        rows: number of rows.
        name: of the checkpoint, for messages.
    """

    time: float
    rows: int
    name: str


class Table:
    """CSV file with a fixed header to which rows are appended; use it as a context manager.

    Every row is flushed, so that `tail -f` and plots follow a running simulation.

    Attributes:
        path: the file.
        columns: names of the columns, in order.
        rows: number of rows.
    """

    def __init__(
        self, path: Path, columns: Iterable[str], *, checkpoint: CheckpointRows | None = None
    ) -> None:
        """Starts a table, or continues an existing one.

        Args:
            path: the CSV file.
            columns: names of the columns, in order; the first one is the time [day].
            checkpoint: keeps the rows of a checkpoint instead of starting an empty table.

        Raises:
            InputError: the file to continue is damaged, lacks rows or is a link.
        """
        self.path = Path(path)
        self.columns = tuple(columns)
        header = ",".join(self.columns)
        kept = checkpoint_lines(self.path, self.columns, checkpoint) if checkpoint else []
        self._file = open_no_follow(self.path, "a" if kept else "w", encoding="ascii", newline="\n")
        try:
            if kept:
                # without later rows, and one cut short by a crash
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

    def sync(self) -> None:
        """Waits until the rows are on the disk; any thread may call it.

        Raises:
            OSError: not all of them are.
        """
        if not self._file.closed:
            sync(self._file)

    def close(self) -> None:
        """Closes the file after its rows are on the disk.

        Raises:
            OSError: not all of them are.
        """
        if not self._file.closed:
            close_synced(self._file)

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
        else:  # the first error is reported, not its consequence
            with suppress(OSError):
                self.close()


def checkpoint_lines(path: Path, columns: Collection[str], checkpoint: CheckpointRows) -> list[str]:
    """Lines of a table that belong to a checkpoint, checked to be intact.

    Args:
        path: the CSV file.
        columns: names of the columns, in order; the first one is the time [day].
        checkpoint: time and number of the rows.

    Raises:
        InputError: rows are missing or damaged, or it is a link; the message names the remedy.
    """
    refuse_link(path)
    lines = _complete_lines(path) if path.exists() else []
    header = ",".join(columns)
    if lines and lines[0] != header:
        raise InputError(
            f"{path} is damaged in its first line, or of another version of tissue, whose runs "
            "only tissue branch can continue; restore the file from a copy, or start again with "
            "--overwrite"
        )
    last = checkpoint.time + TIME_RTOL * max(abs(checkpoint.time), 1.0)
    kept, before = [], -math.inf
    for number, line in enumerate(lines[1:], start=2):
        time = _time_of(line, len(columns))
        if time is None or not time > before:
            raise InputError(f"{path} is damaged in line {number}; {_REMEDY}")
        if time > last:
            break
        kept.append(line)
        before = time
    if len(kept) != checkpoint.rows:
        raise InputError(
            f"{path} has {len(kept)} and not the {checkpoint.rows} rows that {checkpoint.name} "
            f"requires; {_REMEDY}"
        )
    return kept


_REMEDY = (
    "restore the file from a copy, resume from an earlier checkpoint (--resume TIME), or start "
    "again with --overwrite"
)


def _time_of(line: str, columns: int) -> float | None:
    """Time of a complete row of numbers [day]; None for any other line."""
    try:
        numbers = [float(cell) for cell in line.split(",")]
    except ValueError:
        return None
    return numbers[0] if len(numbers) == columns else None


class Columns(dict[str, NDArray[np.float64]]):
    """Columns of a table by name, the first one the time [day].

    Raises:
        InputError: from `[...]`, for a column that the table does not have; it names the
            file, or the nearest column of a table in memory.
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
        names, rows = list(self), len(next(iter(self.values()), ()))
        more = f" and {len(names) - REPR_COLUMNS} more" if len(names) > REPR_COLUMNS else ""
        return f"{self._path}: {rows} rows of {', '.join(names[:REPR_COLUMNS])}{more}"

    def __missing__(self, name: str) -> NDArray[np.float64]:
        if not isinstance(self._path, Path):
            near = difflib.get_close_matches(f"{name}", self, n=1, cutoff=0.0)
            other = f", did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{self._path} has no column {shown(name)}{other}")
        raise InputError(
            f"{self._path} has no column {name}, which every run writes; use the file as the run "
            "wrote it"
        )


def read_table(path: Path) -> Columns:
    """Reads a table, without a last row that is still being written.

    Args:
        path: the CSV file.

    Returns:
        Values of each column, by name.

    Raises:
        InputError: the file is absent or not such a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give the folder of a run")
    lines = _complete_lines(path)
    if not lines:
        raise InputError(f"{path} is empty; give the folder of a run that has started")
    names = lines[0].split(",")
    try:
        rows = [[float(cell) for cell in line.split(",")] for line in lines[1:]]
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
    except ValueError as error:
        raise InputError(f"{path} is not a table of numbers ({error})") from error
    return Columns(path, {name: values[:, column] for column, name in enumerate(names)})


def rows_until(path: Path, time: float) -> str:
    """Text of a table up to the rows of a time [day], without damaged rows."""
    header, *lines = _complete_lines(path) or [""]
    last = time + TIME_RTOL * max(abs(time), 1.0)
    times = ((line, _time_of(line, header.count(",") + 1)) for line in lines)
    kept = [line for line, found in times if found is not None and found <= last]
    return "".join(f"{line}\n" for line in (header, *kept))


def count_rows(path: Path, after: float = -math.inf) -> int:
    """Number of complete rows of a table; 0 where there is no file.

    Args:
        path: the table.
        after: time [day] that rows to be counted are later than. A row without a time is counted.
    """
    lines = _complete_lines(path)[1:] if path.is_file() else []
    last = after + TIME_RTOL * max(abs(after), 1.0) if math.isfinite(after) else after
    return sum(not _first_number(line) <= last for line in lines)


def _first_number(line: str) -> float:
    """Time of a row [day]; nan where it has none."""
    try:
        return float(line.partition(",")[0])
    except ValueError:
        return math.nan


def _complete_lines(path: Path) -> list[str]:
    text, newline, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
    return text.splitlines() if newline else []
