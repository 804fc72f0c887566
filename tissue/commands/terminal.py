"""Terminal of a command: its width, colors where it shows them, and text wrapped at words."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

COLUMNS: Final = 80
"""Width where no terminal reports one, as in a pipe [characters]."""

NARROWEST: Final = 40
"""Smallest width that text is fitted to [characters]."""

STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "yellow": "33", "cyan": "36"}
"""Codes of the text attributes (ECMA-48, SGR)."""


def width() -> int:
    """Width to fit output to [characters]: COLUMNS, that of the terminal, or 80."""
    return max(shutil.get_terminal_size((COLUMNS, 24)).columns, NARROWEST)


def shows_color(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colors and the user has not declined them.

    Any value of NO_COLOR but an empty one declines (https://no-color.org).
    """
    declined = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not declined


def painted(text: str, style: str, stream: TextIO) -> str:
    """Text with an attribute of `STYLES`, where the stream shows colors."""
    if not text or not shows_color(stream):
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def wrapped(line: str, stream: TextIO) -> str:
    """A line wrapped between words on a terminal, and left whole elsewhere.

    Further lines are indented by two characters more than the first.

    Args:
        line: without a line break.
        stream: where it is to be written.
    """
    if not stream.isatty() or len(line) <= width():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return "\n".join(split(line, width(), indent))


def split(text: str, columns: int, indent: str = "") -> list[str]:
    """Lines of a text that break between words; a longer word is kept whole, to be copied.

    Args:
        text: one paragraph.
        columns: largest width of a line [characters].
        indent: start of every line but the first.
    """
    return textwrap.wrap(
        text,
        columns,
        subsequent_indent=indent,
        drop_whitespace=True,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on the terminal what a command waits for, until that is over.

    Args:
        what: such as "compiling"; dots follow.
    """
    shown = f"{what} ..."[: width() - 1] if sys.stderr.isatty() else ""
    print(shown, end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r" + " " * len(shown) + "\r", end="", file=sys.stderr, flush=True)
