"""Measured tables of docs/science.md, each between `<!-- NAME -->` and `<!-- /NAME -->`."""

import sys
from pathlib import Path

PAGE = Path(__file__).parent / "science.md"


def marks(name: str) -> tuple[str, str]:
    """Start and end of a table."""
    return f"<!-- {name} -->\n", f"<!-- /{name} -->"


def lines(text: str, name: str) -> list[str]:
    """Lines of a table of a page below its two of head."""
    start, end = marks(name)
    return text.partition(start)[2].partition(end)[0].splitlines()[2:]


def written(text: str, name: str, made: str) -> str:
    """A page with a table put in.

    Raises:
        SystemExit: the page lacks the marks of the table.
    """
    start, end = marks(name)
    before, start, rest = text.partition(start)
    _, end, after = rest.partition(end)
    if not end:
        sys.exit(f"{PAGE.name} lacks the marks {marks(name)}")
    return f"{before}{start}{made}{end}{after}"


def write(name: str, made: str) -> None:
    """Puts a table into the page as it is now: while it was measured another may have been."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), name, made), encoding="utf-8")
