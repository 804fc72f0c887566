"""Commands that draw runs: figures, a report page, and the page of a run in progress."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tissue.commands.common import Commands, require_folder
from tissue.errors import InputError, printable

if TYPE_CHECKING:
    from tissue.storage.results import Run

LARGEST_MEASURED = 130**3
"""Voxels up to which a report computes missing morphometry, in half a minute [1]."""

LONGEST_REASON = 2000
"""Characters of the reason why a page lacks a table [1]."""

RATIO = {"rankl", "opg"}
"""Fields that the figure of their ratio needs."""

KINDS = ("curves", "slices", "ratio", "sites", "loss", "load", "animation")


def add(commands: Commands) -> None:
    """Add plot, report and watch."""
    command = commands.add_parser("plot", help="draw figures of one or more runs")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--kind", action="append", metavar="KIND", help=", ".join(KINDS))
    command.add_argument(
        "--field", action="append", metavar="NAME", help="field in slices; all by default"
    )
    command.add_argument(
        "--range",
        default="each",
        metavar="RANGE",
        dest="ranges",
        help="colors of slices: each (the default; every time has a range of its own) or all",
    )
    command.add_argument("--format", default="pdf", metavar="FORMAT", help="pdf, svg or png")
    command.add_argument(
        "--style",
        default="page",
        metavar="STYLE",
        help="width: page (the default, 183 mm), or a column of a journal, single (88 mm) or "
        "double (178 mm)",
    )
    command.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/figures")
    command.set_defaults(command=_plot)

    command = commands.add_parser("report", help="write an HTML page about one or more runs")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/report.html")
    command.set_defaults(command=_report)

    command = commands.add_parser("watch", help="serve that page and renew it while a run proceeds")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument(
        "--port", type=int, default=8765, metavar="PORT", help="default: 8765; 0 for any free port"
    )
    command.epilog = (
        "The printed address contains a secret: whoever has it can read the page. Only this"
        " machine is served; from another one, forward the port (ssh -L 8765:localhost:8765 HOST)"
        " and open the same address there."
    )
    command.set_defaults(command=_watch)


def _opened(folders: Sequence[Path]) -> list["Run"]:
    from tissue.analysis.common_start import since_start
    from tissue.storage.results import open_run

    seen: dict[Path, Path] = {}
    for folder in folders:
        other = seen.setdefault(folder.resolve(), folder)
        if other is not folder:
            same = "" if other == folder else f" ({other} is the same folder)"
            raise InputError(f"{folder} is given twice{same}; give each run once")
    runs = [open_run(folder) for folder in folders]
    for run in runs:
        if not run.snapshots or not run.metrics["time_day"].size:
            raise InputError(f"{run.folder} has nothing to draw yet; wait for the first snapshot")
    return [since_start(run) for run in runs]


def _plot(options: argparse.Namespace) -> int:
    from tissue.analysis import figures
    from tissue.analysis.style import FORMATS, STYLES

    kinds = options.kind or KINDS
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"--kind {kind!r} is not known; it must be one of {', '.join(KINDS)}")
    for option, given, known in (
        ("--format", options.format, FORMATS),
        ("--style", options.style, STYLES),
        ("--range", options.ranges, figures.RANGES),
    ):
        if given not in known:
            raise InputError(
                f"{option} {given!r} is not known; it must be one of {', '.join(known)}"
            )
    runs = _opened(options.folders)
    for name in options.field or ():
        for run in runs:
            run.opened[0].refuse_unknown(name)
    _refuse_absent(runs, options.kind or ())
    for path in _drawn(runs, kinds, options):
        print(path)
    return 0


def _refuse_absent(runs: Sequence["Run"], kinds: Sequence[str]) -> None:
    """Refuse a named kind of figure whose fields no run has."""
    from tissue.analysis.load_figures import LOAD_FIELDS

    choices: Mapping[str, Sequence[set[str]]] = {
        "ratio": [RATIO],
        "load": [{name} for name in LOAD_FIELDS],
    }
    for kind in kinds:
        sets = choices.get(kind, ())
        if sets and not any(each <= set(run.fields) for each in sets for run in runs):
            needed = " or ".join(" and ".join(sorted(each)) for each in sets)
            raise InputError(
                f"--kind {kind} needs {needed} in snapshots, which {_names(runs)} not have; name"
                " them in output.fields of the run file and run it again"
            )


def _names(runs: Sequence["Run"]) -> str:
    """The runs as the start of a denial: 'RUN does', or 'RUN and RUN do'."""
    return f"{' and '.join(str(run.folder) for run in runs)} {'do' if runs[1:] else 'does'}"


def _drawn(runs: list["Run"], kinds: Sequence[str], options: argparse.Namespace) -> Iterator[Path]:
    from tissue.analysis import figures
    from tissue.analysis.curve_figures import curves
    from tissue.analysis.labels import unique_labels
    from tissue.analysis.load_figures import LOAD_FIELDS, load_on_bone
    from tissue.analysis.style import styled

    suffix = f".{options.format}"
    with styled(options.style):
        if "curves" in kinds:
            path = (options.out or runs[0].folder / "figures") / f"curves{suffix}"
            yield _saved(curves(runs), path)
        for run, name in zip(runs, unique_labels([run.folder for run in runs]), strict=True):
            own = options.out or run.folder / "figures"
            if not set(kinds) - {"curves"}:
                continue  # curves show all runs together
            folder = own / name if options.out and runs[1:] else own
            for field in options.field or run.fields if "slices" in kinds else ():
                figure = figures.slices(run, field, options.ranges)
                yield _saved(figure, folder / f"slices_{field}{suffix}")
            for kind in figures.FIGURES:
                if kind in kinds and (kind != "ratio" or set(run.fields) >= RATIO):
                    yield _saved(figures.FIGURES[kind](run), folder / f"{kind}{suffix}")
            for field in LOAD_FIELDS if "load" in kinds else ():
                if field in run.fields:
                    yield _saved(load_on_bone(run, field), folder / f"{field}{suffix}")
            if "animation" in kinds:
                figures.animation(run, _made(folder) / "loss.gif")
                yield folder / "loss.gif"


def _saved(figure: Any, path: Path) -> Path:
    """Write a figure; its folder is made now, so that none stays empty."""
    from tissue.analysis.style import save

    save(figure, _made(path.parent) / path.name)
    return path


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the output folder {folder} cannot be written to ({error.strerror}); choose another "
            "with --out"
        ) from None
    return folder


def _report(options: argparse.Namespace) -> int:
    from tissue.analysis.courses import refuse_many
    from tissue.analysis.report.page import write_report

    refuse_many(len(options.folders))
    require_folder("--out", options.out)
    _measure_ends(options.folders)
    print(write_report(options.folders, options.out, _parameters(options.folders)))
    return 0


def _measure_ends(folders: Sequence[Path]) -> None:
    """Morphometry of the first and last snapshot of each run that is not too large.

    Of a branch, also of the start of its parent.
    """
    from tissue.analysis.series import measured_run

    for run in _opened(folders):
        if run.opened[0].grid.voxels <= LARGEST_MEASURED:
            measured_run(run.folder, which=(0, -1), must_keep=False)
            if run.snapshots[0].parent != run.folder:
                measured_run(run.snapshots[0].parent, which=(0,), must_keep=False)


def _watch(options: argparse.Namespace) -> int:
    from tissue.analysis.courses import refuse_many
    from tissue.analysis.report.server import serve

    refuse_many(len(options.folders))
    if not 0 <= options.port < 65536:
        raise InputError(f"--port {options.port} must lie between 0 and 65535")
    _opened(options.folders)
    serve(
        options.folders,
        options.port,
        _parameters(options.folders),
        lambda address: print(f"{address} shows the run; Ctrl-C stops", flush=True),
    )
    return 0


def _parameters(folders: Sequence[Path]) -> list[list[dict[str, str]]]:
    """The parameters of each run with their sources."""
    return [_rows(folder / "run.toml") for folder in folders]


def _rows(file: Path) -> list[dict[str, str]]:
    """The parameters of a run file; none where it is gone, or of another version of tissue."""
    from tissue.model.parameters import describe
    from tissue.scenario.config import read_run_file

    if not file.is_file():
        return []
    try:
        config = read_run_file(file)
    except InputError as error:
        reason = printable(f"{file}: {error}", LONGEST_REASON)
        print(f"note: the table of parameters is left out ({reason})", file=sys.stderr)
        return []
    return [
        {
            "symbol": each.symbol,
            "value": f"{each.value:.6g}",
            "unit": each.unit,
            "name": each.name,
            "source": each.source,
            "confidence": each.confidence,
        }
        for each in describe(config.run.preset, config.parameters)
    ]
