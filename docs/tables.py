"""Tables in the pages of docs/, written from the registries of the program.

usage: python docs/tables.py
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tissue.analysis.dynamic import DYNAMIC
from tissue.analysis.morphometry import MEASURES
from tissue.model.fields import FIELDS
from tissue.model.mechanisms import MECHANISMS
from tissue.model.observables import METRICS
from tissue.simulation.ledger import COLUMNS

PAGES = [Path(__file__).parent / name for name in ("outputs.md", "run-file.md")]


def tables() -> Mapping[str, str]:
    """The generated tables by the name that marks their place in a page."""
    head = ("column", "unit", "meaning")
    measured = (
        (f"`{name}`", measure.symbol, measure.unit, measure.long_name)
        for name, measure in MEASURES.items()
    )
    mechanisms = (
        (f"`{name}`", "on" if each.default else "off", each.long_name)
        for name, each in MECHANISMS.items()
    )
    dynamic = ((each.symbol, each.unit, each.long_name) for each in DYNAMIC.values())
    return {
        "fields": _table(("field", *head[1:]), ((f"`{k}`", v[0], v[1]) for k, v in FIELDS.items())),
        "metrics": _table(head, ((f"`{k}`", v[0], v[1]) for k, v in METRICS.items())),
        "ledger": _table(head, ((f"`{k}`", _unit(v[0]), v[1]) for k, v in COLUMNS.items())),
        "morphometry": _table(("column", "measure", *head[1:]), measured),
        "mechanisms": _table(("mechanism", "by default", "when it is on"), mechanisms),
        "dynamic": _table(("measure", *head[1:]), dynamic),
    }


def _unit(text: str) -> str:
    """A unit that is part of a column's name, as in the other tables."""
    return re.sub(r"mm(\d)", r"mm^\1", text).replace("_per_", "/").replace("_", " ")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """A page with its tables as the program has them.

    Args:
        text: the page as it is; each table stands between `<!-- NAME -->` and `<!-- /NAME -->`.
    """
    for name, table in tables().items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if end:
            text = f"{before}{start}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
