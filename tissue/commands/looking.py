"""Commands that measure and show what runs have written."""

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.commands.common import Commands, print_table
from tissue.errors import InputError

if TYPE_CHECKING:
    from tissue.scenario.config import RunConfig
    from tissue.storage.results import Run

LARGEST_MEASURED = 130**3
"""Voxels up to which a report makes the morphometry that is not there yet: half a minute."""

IMAGE_KEYS = ("threshold", "voxel_size", "dataset", "series")
"""Keys of `[geometry]` that are options of `tissue metrics`."""

KINDS = ("curves", "slices", "ratio", "sites", "loss", "animation")


def add(commands: Commands) -> None:
    """Adds metrics, plot, report and watch."""
    command = commands.add_parser("metrics", help="morphometry of a run, a snapshot or an image")
    command.add_argument("path", type=Path, metavar="PATH", help="folder of a run, or a file")
    command.add_argument("--csv", action="store_true", help="print it for a spreadsheet")
    command.add_argument("--threshold", metavar="GRAY", help="of an image: a number, or otsu")
    command.add_argument("--voxel-size", metavar="LENGTH", help="of an image, e.g. '10 um'")
    command.add_argument("--dataset", metavar="NAME", help="of an HDF5 or netCDF image")
    command.add_argument("--series", metavar="NAME", help="of a folder of several series or stacks")
    command.add_argument(
        "--clean",
        action="store_true",
        help="of an image: drop loose pieces and close pockets first, as a simulation does",
    )
    command.add_argument(
        "--mineral-density",
        type=float,
        metavar="MG",
        help="of bone tissue [mg HA/cm^3]; an image has no BMD without it",
    )
    command.set_defaults(command=_metrics)

    command = commands.add_parser("plot", help="draw the figures of runs")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--kind", action="append", metavar="KIND", help=", ".join(KINDS))
    command.add_argument("--field", action="append", metavar="NAME", help="in slices; all if none")
    command.add_argument("--format", default="pdf", metavar="FORMAT", help="pdf, svg or png")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/figures")
    command.set_defaults(command=_plot)

    command = commands.add_parser("report", help="write one page about one or more runs")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument("--out", type=Path, metavar="FILE", help="default: RUN/report.html")
    command.set_defaults(command=_report)

    command = commands.add_parser("watch", help="show that page of a run while it goes on")
    command.add_argument("folders", type=Path, nargs="+", metavar="RUN")
    command.add_argument(
        "--port", type=int, default=8765, metavar="PORT", help="default: 8765; 0 takes a free one"
    )
    command.epilog = (
        "The address that is printed holds a secret: who has it can read the page. Only this"
        " machine is served; from another one, forward the port (ssh -L 8765:localhost:8765 HOST)"
        " and open the same address there."
    )
    command.set_defaults(command=_watch)


def _metrics(options: argparse.Namespace) -> int:
    from tissue.analysis.dynamic import DYNAMIC, dynamic
    from tissue.analysis.morphometry import MEASURES, MINERAL, MINERAL_DENSITY, morphometry
    from tissue.storage.results import open_run
    from tissue.storage.snapshot import is_snapshot, read_snapshot

    measures = dict(MEASURES)
    density = MINERAL_DENSITY if options.mineral_density is None else options.mineral_density
    if not 0 < density < math.inf:
        raise InputError(f"--mineral-density {density:g} must be > 0 and finite, e.g. 1100")
    if options.path.is_dir() and not _is_image_folder(options.path):
        from tissue.analysis.series import measured_run

        _refuse_image_options(options, "a run")
        days, rows = measured_run(options.path, density, must_keep=False)
        more = dynamic(open_run(options.path))
        rows = [row | other for row, other in zip(rows, more, strict=True)]
        measures |= DYNAMIC
    elif not options.path.is_dir() and is_snapshot(options.path):
        _refuse_image_options(options, "a snapshot")
        snapshot = read_snapshot(options.path)
        bone = snapshot.field("bone_volume_fraction")
        days, rows = [snapshot.time], [morphometry(bone, snapshot.grid.spacing, density)]
    else:
        days, rows = [], [_measured_image(options)]
        if options.mineral_density is None:  # black and white voxels have no density
            measures = {name: each for name, each in measures.items() if name not in MINERAL}
    if options.csv:
        first = ["time_day"] if days else []
        print(",".join((*first, *measures)))
        for number, row in enumerate(rows):
            values = (*days[number : number + 1], *(row[name] for name in measures))
            print(",".join(f"{value:.9g}" for value in values))
        return 0
    columns = [f"day {day:g}" for day in days] or ["value"]
    heads = ("measure", *columns, "unit", "what it is")
    shown = [
        (measure.symbol, *(f"{row[name]:.4g}" for row in rows), measure.unit, measure.name)
        for name, measure in measures.items()
    ]
    print_table(heads, shown)
    return 0


def _is_image_folder(folder: Path) -> bool:
    """Whether a folder holds slices of an image and no run."""
    from tissue.storage.snapshot import list_snapshots

    return not (list_snapshots(folder) or (folder / "run.toml").exists())


def _refuse_image_options(options: argparse.Namespace, kind: str) -> None:
    for name in (*IMAGE_KEYS, "clean"):
        if getattr(options, name):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is for an image, and {options.path} is {kind}; leave it out")


def _measured_image(options: argparse.Namespace) -> dict[str, float]:
    """Morphometry of an image as it is; the steps from voxels to bone go to stderr."""
    from tissue.analysis.morphometry import morphometry
    from tissue.geometry.load import measured_image
    from tissue.geometry.settings import ImageSettings
    from tissue.machine.host import allowed_memory

    try:
        settings = _of_image(options).geometry
        assert isinstance(settings, ImageSettings)
        geometry = measured_image(settings, options.clean, allowed_memory())
    except InputError as error:
        raise InputError(_with_options(str(error))) from None
    for line in geometry.log:
        print(f"  {line}", file=sys.stderr)
    for line in geometry.warnings:
        print(f"  warning: {_with_options(line)}", file=sys.stderr)
    bone, spacing = geometry.bone_volume_fraction, geometry.grid.spacing
    return morphometry(bone, spacing, options.mineral_density)


def _with_options(text: str) -> str:
    """A sentence about an image with the options of this command in place of keys of a run file."""

    def option(match: re.Match[str]) -> str:
        return f"--{match[1].replace('_', '-')}"

    keys = f"({'|'.join(IMAGE_KEYS)})"
    text = re.sub(rf"(?:\[geometry\] |geometry\.){keys}\b", option, text)
    text = re.sub(rf'\b{keys} =(?= ")', option, text)
    text = text.replace(" (a relative path starts at the run file)", "")
    return text.replace("remove this key", "leave it out").removeprefix("geometry.file: ")


def _of_image(options: argparse.Namespace) -> "RunConfig":
    """A run of the image a user named."""
    from tissue.scenario.config import parse_run

    table: dict[str, object] = {"file": str(options.path.resolve())}
    for key in ("voxel_size", "dataset", "series"):
        if getattr(options, key):
            table[key] = getattr(options, key)
    if options.threshold:
        try:
            table["threshold"] = float(options.threshold)
        except ValueError:
            table["threshold"] = options.threshold
    data = {"run": {"duration": "1 day"}, "geometry": table}
    return parse_run(data, Path(), options.path.stem)


def _opened(folders: Sequence[Path]) -> list["Run"]:
    from tissue.storage.results import open_run

    runs = [open_run(folder) for folder in folders]
    for run in runs:
        if not run.snapshots or not run.metrics["time_day"].size:
            raise InputError(f"{run.folder} has nothing to draw yet; wait for the first snapshot")
    return runs


def _plot(options: argparse.Namespace) -> int:
    from tissue.analysis import figures

    kinds = options.kind or KINDS
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"--kind {kind!r} is not known; it must be one of {', '.join(KINDS)}")
    if options.format not in figures.FORMATS:
        raise InputError(
            f"--format {options.format!r} is not known; it must be one of "
            f"{', '.join(figures.FORMATS)}"
        )
    runs = _opened(options.folders)
    for name in options.field or ():
        for run in runs:
            run.opened[0].refuse_unknown(name)
    for path in _drawn(runs, kinds, options):
        print(path)
    return 0


def _drawn(runs: list["Run"], kinds: Sequence[str], options: argparse.Namespace) -> Iterator[Path]:
    from tissue.analysis import figures
    from tissue.storage.results import unique_labels

    suffix = f".{options.format}"
    with figures.styled():
        if "curves" in kinds:
            folder = _made(options.out or runs[0].folder / "figures")
            figures.save(figures.curves(runs), folder / f"curves{suffix}")
            yield folder / f"curves{suffix}"
        for run, name in zip(runs, unique_labels([run.folder for run in runs]), strict=True):
            own = options.out or run.folder / "figures"
            folder = _made(own / name if options.out and runs[1:] else own)
            for field in options.field or run.fields if "slices" in kinds else ():
                figures.save(figures.slices(run, field), folder / f"slices_{field}{suffix}")
                yield folder / f"slices_{field}{suffix}"
            for kind in figures.FIGURES:
                if kind in kinds and (kind != "ratio" or {"rankl", "opg"} <= set(run.fields)):
                    figures.save(figures.FIGURES[kind](run), folder / f"{kind}{suffix}")
                    yield folder / f"{kind}{suffix}"
            if "animation" in kinds:
                figures.animation(run, folder / "loss.gif")
                yield folder / "loss.gif"


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
    from tissue.analysis.report.page import write_report

    if options.out and not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: the folder {options.out.parent} does not exist")
    _measure_ends(options.folders)
    print(write_report(options.folders, options.out, _parameters(options.folders)))
    return 0


def _measure_ends(folders: Sequence[Path]) -> None:
    """Morphometry of the first and last snapshot of each run that is not too large."""
    from tissue.analysis.series import measured_run

    for run in _opened(folders):
        if run.opened[0].grid.voxels <= LARGEST_MEASURED:
            measured_run(run.folder, which=(0, -1), must_keep=False)


def _watch(options: argparse.Namespace) -> int:
    from tissue.analysis.report.server import serve

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
    """The parameters of a run file; none where it is gone."""
    from tissue.model.parameters import describe
    from tissue.scenario.config import read_run_file

    if not file.is_file():
        return []
    config = read_run_file(file)
    return [
        {
            "symbol": each.symbol,
            "value": f"{float(getattr(config.parameters, each.symbol)):.6g}",
            "unit": each.unit,
            "name": each.name,
            "source": each.source,
            "confidence": each.confidence,
        }
        for each in describe(config.preset)
    ]
