"""Tables in pages of docs/, each between `<!-- NAME -->` and `<!-- /NAME -->`."""

from collections.abc import Iterable

from docs_script import DOCS


def row(cells: Iterable[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def shown_table(page: str, name: str) -> str:
    """The table of this name in a page of docs/."""
    _, start, rest = (DOCS / page).read_text(encoding="utf-8").partition(f"<!-- {name} -->\n")
    table, end, _ = rest.partition(f"\n<!-- /{name} -->")
    assert start, f"docs/{page} lacks <!-- {name} -->"
    assert end, f"docs/{page} lacks <!-- /{name} -->"
    return table


def assert_shown(page: str, name: str, made: str) -> None:
    """Asserts that a page of docs/ shows a table as it is made now."""
    message = f"put this between the marks {name} of docs/{page}:\n{made}"
    assert shown_table(page, name) == made, message
