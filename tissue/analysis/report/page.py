"""Report page: template, style, script, libraries and data in one file."""

import base64
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from tissue.analysis.common_start import signed
from tissue.analysis.courses import (
    Course,
    marks_in_words,
    refuse_many,
    unlike_lengths,
)
from tissue.analysis.labels import unique_labels
from tissue.analysis.morphometry import MEASURES
from tissue.analysis.report import words
from tissue.analysis.report.charts import charts
from tissue.analysis.report.collect import LARGEST_EDGE, collected, differences, since_first_dose
from tissue.analysis.treatment import regimens
from tissue.storage.atomic import write_atomically

REPORT = "report.html"

SCRIPTS = ("page.common.js", "page.slices.js", "page.surface.js", "page.charts.js", "page.js")
"""Scripts of a page, in their order."""

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
        InputError: a folder holds no run with a snapshot, or there are too many runs.
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

    Raises:
        InputError: a folder holds no run with a snapshot, or there are too many runs.
    """
    from jinja2 import Environment

    refuse_many(len(folders))
    runs = [
        _with_words(collected(folder) | {"name": name, "parameters": rows})
        for folder, name, rows in zip_longest(folders, unique_labels(folders), parameters)
    ]
    for run in runs:
        run["setting"] = words.setting(run, None if run is runs[0] else runs[0])
    courses = [_course(run) for run in runs]
    doubts = [line for run in runs for line in words.reservations(run)]
    doubts = list(dict.fromkeys([*words.unlike_programs(runs), *doubts]))
    parts = files("tissue.analysis.report")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"digits": digits, "exact": exact, "signed": signed}
    template = environment.from_string((parts / "page.html").read_text(encoding="utf-8"))
    text = template.render(
        runs=runs,
        measured=[run for run in runs if run["morphometry"]],
        known={name for run in runs for name in run["morphometry"]},
        comparison=_comparison(runs) if len(runs) > 1 else None,
        charts=charts(courses),
        marks=marks_in_words(courses),
        lengths=unlike_lengths(courses),
        reservations=doubts[: words.RESERVATIONS],
        all_reservations=doubts,
        measures={name: measure._asdict() for name, measure in MEASURES.items()},
        data=_script(json.dumps({"runs": [_drawn(run) for run in runs], "live": live})),
        style=(parts / "page.css").read_text(encoding="utf-8"),
        scripts=[(parts / name).read_text(encoding="utf-8") for name in SCRIPTS],
        vtk=base64.b64encode((parts / "vendor" / "vtk.js.gz").read_bytes()).decode("ascii"),
        largest_edge=LARGEST_EDGE,
    )
    # the bytes of a file name need not be text
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _with_words(run: dict[str, Any]) -> dict[str, Any]:
    """A run with the sentences about it."""
    end = run["metrics"]["time_day"][-1]
    return run | {
        "outcome": words.outcome(run),
        "treatment": [each.words(end) for each in regimens(run["run_file"])],
        "block": next((each["block"] for each in run["fields"].values()), 1),
        "budgets": words.budgets(run),
    }


def _course(run: Mapping[str, Any]) -> Course:
    columns = {
        name: np.array([np.nan if value is None else value for value in column], np.float64)
        for name, column in run["metrics"].items()
    }
    return Course(run["name"], columns, regimens(run["run_file"]), run["branched"])


def _comparison(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Comparison of runs with a sentence about the bone volume of each."""
    found = differences(runs)
    if not found["lines"]:
        spans = ", ".join(
            f"{run['name']} day {run['metrics']['time_day'][0]:g} to "
            f"{run['metrics']['time_day'][-1]:g}"
            for run in runs
        )
        return found | {"words": f"The runs share no span of days and are not compared ({spans})."}
    later = since_first_dose(runs, found["start"], found["end"])
    return found | {"words": words.compared(runs, found, later)}


def digits(value: float, count: int) -> str:
    """Number with `count` significant digits and no exponent where none is needed."""
    return f"{value:.0f}" if abs(value) >= 10**count else f"{value:.{count}g}"


def exact(value: float) -> str:
    """Number with three significant digits, zeros too, so that a start and an end look alike."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _drawn(run: Mapping[str, Any]) -> dict[str, Any]:
    """Data that the script draws; the rest is text of the page."""
    kept = ("name", "times", "grid", "bone", "fields", "moved", "therapy", "branched")
    last = run["metrics"]["time_day"][-1]
    return {k: run[k] for k in kept} | {"last": last}


def _script(text: str) -> str:
    """JSON that is safe in a script element."""
    return text.replace("<", "\\u003c")
