"""Rows of a machine in docs/machines.md, from what `tissue bench --json` printed.

usage: python benchmarks/machines.py FILE [--page FILE, default docs/machines.md]

Earlier rows of the same machine on the same grids are replaced.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tissue.bench import machine_record
from tissue.bench.measurement import COUPLING_STEP, ELASTIC_ITERATION
from tissue.bench.tasks import EXPLICIT_STEP
from tissue.bench.timing import number
from tissue.errors import InputError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "machines.md"
START, END = "<!-- machines -->", "<!-- /machines -->"
HEAD_LINES = 2
COLUMNS = (
    ("residual sweep", "bandwidth_percent"),
    ("V-cycle", "milliseconds"),
    (EXPLICIT_STEP, "million_updates_per_s"),
    (COUPLING_STEP, "million_updates_per_s"),
    (ELASTIC_ITERATION, "milliseconds"),
)


def rows(record: Mapping[str, Any]) -> Iterator[str]:
    """Row of each grid."""
    found = {(row["name"], row["edge"]): row for row in record["measurements"]}
    kind = record["device"].partition(" (")[0].removeprefix("1 x ")
    processor = f"{record['cores']} cores of {record['processor']}"
    machine = processor if kind == "cpu" else f"{kind}; {processor}"
    for edge in sorted({edge for _, edge in found}):
        cells = []
        for name, key in COLUMNS:
            value = found.get((name, edge), {}).get(key)
            if name == COUPLING_STEP and value:
                value = 1e3 / value  # ns/voxel
            cells.append("-" if value is None else number(value))
        busy = record["busy_percent"]
        last = (
            "-" if busy is None else f"{busy}",
            f"{record['tissue']}, {record['jax']}",
            record["date"],
        )
        first = machine.replace("|", "/"), number(record["bandwidth_gb_per_s"]), f"{edge}^3"
        yield "| " + " | ".join((*first, *cells, *last)) + " |"


def added(page: str, fresh: list[str]) -> str:
    """Page with the rows of a machine.

    Raises:
        ValueError: the marks of the table are gone.
    """
    before, opened, rest = page.partition(START)
    inside, closed, after = rest.partition(END)
    if not (opened and closed):
        raise ValueError(f"the page has no {START} ... {END}")
    lines = [line for line in inside.splitlines() if line]
    kept = {_key(line): line for line in lines[HEAD_LINES:]} | {_key(line): line for line in fresh}
    body = "\n".join((*lines[:HEAD_LINES], *(kept[key] for key in sorted(kept))))
    return f"{before}{START}\n{body}\n{END}{after}"


def _key(line: str) -> tuple[str, int]:
    """Machine and grid of a row."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    edge = re.match(r"\d+", cells[2])
    return cells[0], int(edge[0]) if edge else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="what tissue bench --json printed")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    try:
        fresh = list(rows(machine_record.read(asked.file)))
    except InputError as error:
        parser.error(f"{error}")
    text = added(asked.page.read_text(encoding="utf-8"), fresh)
    asked.page.write_text(text, encoding="utf-8")
    print("\n".join(fresh))
    return 0


if __name__ == "__main__":
    sys.exit(main())
