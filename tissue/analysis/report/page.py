"""Report page: template, style, script, libraries and data in one file."""

import base64
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tissue.analysis.labels import unique_labels
from tissue.analysis.morphometry import MEASURES
from tissue.analysis.report.collect import LARGEST_EDGE, MOST_TIMES, collected, differences
from tissue.storage.atomic import write_atomically

REPORT = "report.html"

Row = Mapping[str, str]


def write_report(
    folders: Sequence[Path],
    out: Path | None = None,
    parameters: Sequence[Sequence[Row]] = (),
) -> Path:
    """Write a page about one or more runs.

    Args:
        folders: folders of the runs.
        out: file to write; `report.html` in the folder of the first run by default.
        parameters: for each run, rows of symbol, value, unit, name, source and confidence.

    Raises:
        InputError: a folder holds no run with a snapshot.
    """
    path = out or folders[0] / REPORT
    write_atomically(path, page(folders, parameters).encode())
    return path


def page(
    folders: Sequence[Path],
    parameters: Sequence[Sequence[Row]] = (),
    *,
    live: str | None = None,
) -> str:
    """Text of the page.

    Args:
        folders: folders of the runs.
        parameters: see `write_report`.
        live: state of the runs that the page shows; None for a page that is not served.
    """
    from jinja2 import Environment

    runs = [
        collected(folder) | {"name": name, "parameters": rows}
        for folder, name, rows in zip_longest(folders, unique_labels(folders), parameters)
    ]
    parts = files("tissue.analysis.report")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["digits"] = digits
    template = environment.from_string((parts / "page.html").read_text(encoding="utf-8"))
    vendor = parts / "vendor"
    text = template.render(
        runs=runs,
        differences=differences(runs) if len(runs) > 1 else [],
        measures={name: measure._asdict() for name, measure in MEASURES.items()},
        data=_script(json.dumps({"runs": [_drawn(run) for run in runs], "live": live})),
        style=(parts / "page.css").read_text(encoding="utf-8"),
        script=(parts / "page.js").read_text(encoding="utf-8"),
        plot_style=(vendor / "uPlot.min.css").read_text(encoding="utf-8"),
        plot_script=(vendor / "uPlot.iife.min.js").read_text(encoding="utf-8"),
        vtk=base64.b64encode((vendor / "vtk.js.gz").read_bytes()).decode("ascii"),
        largest_edge=LARGEST_EDGE,
        most_times=MOST_TIMES,
    )
    # the bytes of a file name need not be text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def digits(value: float, count: int) -> str:
    """Number with `count` significant digits and no exponent where none is needed."""
    return f"{value:.0f}" if abs(value) >= 10**count else f"{value:.{count}g}"


def _drawn(run: Mapping[str, Any]) -> dict[str, Any]:
    """Data that the script draws; the rest is text of the page."""
    return {k: run[k] for k in ("name", "times", "grid", "metrics", "bone", "fields", "therapy")}


def _script(text: str) -> str:
    """JSON that is safe in a script element."""
    return text.replace("<", "\\u003c")
