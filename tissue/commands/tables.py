"""Tables of commands: fitted to the terminal for people, CSV and JSON for programs."""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from tissue.commands.terminal import painted, split, width
from tissue.errors import InputError, shown
from tissue.suggestion import did_you_mean

GAP = "  "
"""Space between two columns."""

INDENT = "    "
"""Start of the lines below a row."""

NARROWEST_TEXT = 20
"""Smallest width that a column of text is wrapped to [characters]."""

SHORTEST_SUGGESTED = 5
"""Length from which words of a text are suggested in place of unknown ones [characters]."""

Cell = str | float | None
Record = TypeVar("Record", bound=Mapping[str, Cell])


def add_table_options(command: argparse.ArgumentParser, what: str) -> argparse.Action:
    """Add words that choose rows, and the forms for programs.

    Args:
        command: parser of the command.
        what: names of what the rows describe, such as "parameters".

    Returns:
        The argument of the words.
    """
    words = command.add_argument(
        "words", metavar="WORD", nargs="*", help=f"show only {what} with all of these words"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="print comma-separated values")
    form.add_argument("--json", action="store_true", help="print a list of JSON objects")
    return words


def chosen(
    records: Sequence[Record], words: Sequence[str], name: str, text: Sequence[str], what: str
) -> list[Record]:
    """Records that hold every word, in any case.

    Args:
        records: the rows.
        words: asked for; each has to be the name of a record, or to stand in one of its texts.
        name: key of the name.
        text: keys of the texts.
        what: kind of the records, for the message, such as "parameter".

    Raises:
        InputError: no record holds all words; with the nearest word where one is unknown.
    """
    found = [each for each in records if all(_holds(each, word, name, text) for word in words)]
    if found:
        return found
    known = {f"{each[name]}" for each in records}
    known |= {
        word
        for each in records
        for key in text
        for word in (word.strip("(),;:.") for word in _words(each[key]))
        if len(word) >= SHORTEST_SUGGESTED
    }
    for word in words:
        if not any(_holds(each, word, name, text) for each in records):
            meant = did_you_mean(word, known)
            raise InputError(
                f"there is no {what} with {shown(word)}{meant or '; give another word'}"
            )
    raise InputError(
        f"no {what} holds all of {', '.join(map(shown, words))} at once: leave a word out"
    )


def _holds(record: Mapping[str, Cell], word: str, name: str, text: Sequence[str]) -> bool:
    wanted = word.lower()
    return f"{record[name]}".lower() == wanted or any(
        wanted in f"{record[key]}".lower() for key in text
    )


def _words(cell: Cell) -> list[str]:
    return f"{cell}".split()


def printed_for_programs(
    options: argparse.Namespace, records: Sequence[Mapping[str, Cell]]
) -> bool:
    """Print records as CSV or JSON where the command asks for it; return whether it did."""
    if options.json:
        print(json.dumps(list(map(dict, records)), indent=2))
    elif options.csv:
        writer = csv.DictWriter(sys.stdout, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return bool(options.json or options.csv)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], below: int = 0) -> None:
    """Print a table that is as wide as the terminal at most.

    One that is wider is printed in parts, each of which repeats the first column.

    Args:
        heads: names of the columns.
        rows: cells of each row.
        below: number of columns at the end, of long text, that stand below the row.
    """
    count = len(heads) - below
    main = [row[:count] for row in rows]
    *firsts, last = _parts(heads[:count], main, width())
    for columns in firsts:
        _print_part(heads, main, columns, 0)
        print()
    _print_part(heads, rows, last, below)


def _parts(
    heads: Sequence[str], rows: Sequence[Sequence[str]], columns: int
) -> Iterator[tuple[int, ...]]:
    """Numbers of the columns of each part of a table that fits."""
    widths = _widths(heads, rows)
    part: list[int] = [0]
    for number in range(1, len(heads)):
        last = number == len(heads) - 1  # wrapped where it is text
        needed = min(widths[number], NARROWEST_TEXT) if last else widths[number]
        if len(part) > 1 and sum(widths[i] + len(GAP) for i in part) + needed > columns:
            yield tuple(part)
            part = [0]
        part.append(number)
    yield tuple(part)


def _print_part(
    heads: Sequence[str], rows: Sequence[Sequence[str]], columns: tuple[int, ...], below: int
) -> None:
    cells = [[row[i] for i in columns] for row in rows]
    *inner, last = _widths([heads[i] for i in columns], cells)
    room = width() - sum(each + len(GAP) for each in inner)
    widths = [*inner, max(min(last, room), NARROWEST_TEXT)]
    for line in _row_lines([heads[i] for i in columns], widths):
        print(painted(line, "bold", sys.stdout))
    if below:
        print(painted(INDENT + "; ".join(heads[len(heads) - below :]), "bold", sys.stdout))
    for row, shown_cells in zip(rows, cells, strict=True):
        first, *more = _row_lines(shown_cells, widths)
        start = len(shown_cells[0])
        print(painted(first[:start], "cyan", sys.stdout) + first[start:], *more, sep="\n")
        for text in row[len(row) - below :] if below else ():
            print(*split(INDENT + text, width(), INDENT), sep="\n")


def _row_lines(cells: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
    """Lines of a row, of which the last cell is wrapped."""
    *inner, last = cells
    start = "".join(cell.ljust(size) + GAP for cell, size in zip(inner, widths, strict=False))
    first, *more = split(last, widths[-1])
    return [(start + first).rstrip(), *(" " * len(start) + line for line in more)]


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[i]) for row in (*rows, heads)) for i in range(len(heads))]
