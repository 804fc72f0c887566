"""Table of docs/images.md: facts that are read of each format, and cases that are refused.

Each cell is a method of a row in `geometry.table_rows`: it writes files with an independent
program, reads them, and compares. Run as a script, this module writes the table anew.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geometry.table_rows.base import Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "images.md"
START, END = "<!-- table of formats -->", "<!-- end of the table -->"
"""Marks of the table in the page."""

COLUMNS: Mapping[str, str] = {
    "spacing": "spacing",
    "unit": "unit",
    "origin": "origin",
    "direction": "direction",
    "flip": "flip",
    "dtype": "type",
    "endianness": "byte order",
    "compression": "compression",
    "calibration": "calibration",
    "incomplete": "incomplete",
    "nan": "NaN",
    "axes": "other axes",
    "crop": "crop",
}
"""Heads of the columns by the methods of their cells."""

FEWEST = 160
"""Cells that must be right or refused."""


def rows() -> tuple["Row", ...]:
    """Rows of the table."""
    from geometry.table_rows import (
        containers,
        dicoms,
        pictures,
        scanco,
        tiff_folders,
        tiffs,
        voxel_files,
    )

    modules = (voxel_files, tiffs, tiff_folders, pictures, dicoms, scanco, containers)
    return tuple(row for module in modules for row in module.ROWS)


def table(cells: Mapping[tuple[str, str], str], names: Sequence[str]) -> str:
    """The table in Markdown.

    Args:
        cells: words by the name of a row and the method of a column.
        names: names of the rows.
    """
    heads = ("format", *COLUMNS.values())
    lines = [heads, ("---",) * len(heads)]
    lines += [(name, *(cells[name, column] for column in COLUMNS)) for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written() -> dict[tuple[str, str], str]:
    """Cells of the table in the page, by the name of a row and the method of a column."""
    inside = PAGE.read_text(encoding="utf-8").partition(START)[2].partition(END)[0]
    lines = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in inside.strip().splitlines()
    ]
    heads = lines[0][1:] if lines else []
    if heads != list(COLUMNS.values()):
        return {}
    return {
        (line[0], column): cell
        for line in lines[2:]
        for column, cell in zip(COLUMNS, line[1:], strict=True)
    }


def main() -> None:
    """Runs every cell and writes the table into the page."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    found = rows()
    cells = {}
    for row in found:
        for column in COLUMNS:
            with tempfile.TemporaryDirectory() as folder:
                cells[row.name, column] = getattr(row, column)(Path(folder))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    made = table(cells, [row.name for row in found])
    PAGE.write_text(f"{before}{START}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
