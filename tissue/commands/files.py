"""Commands on the files of a run: index, info and export."""

import argparse
import re
import sys
from pathlib import Path

from tissue.commands import view
from tissue.commands.common import Commands
from tissue.errors import InputError, shown


def add(commands: Commands) -> None:
    """Add index, info, export and view."""
    command = commands.add_parser(
        "index", help="write one index file over all snapshots, for viewers"
    )
    command.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    command.set_defaults(command=_index)

    command = commands.add_parser("info", help="describe a run, snapshot, checkpoint or index")
    command.add_argument("path", type=Path, metavar="PATH")
    command.set_defaults(command=_info)

    command = commands.add_parser(
        "export", help="write fields in the image formats of other programs"
    )
    command.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    formats = (
        "an image of each time: nifti, mha, nrrd, tiff, npy or vti; all times in one file: "
        "nifti-4d, ome-tiff or imagej"
    )
    command.add_argument("--to", required=True, metavar="FORMAT", help=formats)
    command.add_argument("--fields", default="", metavar="A,B", help="default: all")
    command.add_argument(
        "--times", default="", metavar="TIME,TIME", help="e.g. '7 day,14 day'; default: all"
    )
    command.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/export")
    command.set_defaults(command=_export)
    view.add(commands)


def _index(options: argparse.Namespace) -> int:
    from tissue.storage.index import write_indices

    for path in write_indices(options.folder):
        print(path)
    return 0


def _info(options: argparse.Namespace) -> int:
    from tissue.storage.info import describe

    for line in describe(options.path):
        print(line)
    return 0


def _export(options: argparse.Namespace) -> int:
    from tissue.storage.export import KINDS, export, lost_position
    from tissue.storage.export_series import SERIES_KINDS, export_series, lost_times
    from tissue.storage.snapshot import list_snapshots, read_snapshot

    kind = options.to
    if kind not in (*KINDS, *SERIES_KINDS):
        known = ", ".join((*KINDS, *SERIES_KINDS))
        raise InputError(f"--to {shown(kind)} is not a known format; it must be one of {known}")
    paths = list_snapshots(options.folder)
    if not paths:
        raise InputError(f"{options.folder} holds no snapshots; give the folder of a run")
    if options.times:
        paths = _of_times({path: read_snapshot(path).time for path in paths}, options.times)
    fields = tuple(filter(None, options.fields.split(",")))
    folder = options.out or options.folder / "export"
    if kind in SERIES_KINDS:
        for written in export_series(paths, folder, fields, kind):
            print(written)
    else:
        for path in paths:
            for written in export(path, folder, fields, kind):
                print(written)
    for note in (lost_position(paths[0], kind), lost_times(paths, kind)):
        if note:
            print(f"note: {note}", file=sys.stderr)
    return 0


def _of_times(days: dict[Path, float], wanted: str) -> list[Path]:
    """Snapshots of the times that `--times` names, of those with their times [day]."""
    asked = _times(wanted)
    found = [path for path, day in days.items() if any(_same(day, each) for each in asked)]
    for each in asked:
        if not any(_same(day, each) for day in days.values()):
            known = ", ".join(f"{day:g}" for day in days.values())
            raise InputError(f"--times: there is no snapshot of day {each:g}; there are {known}")
    return found


def _times(text: str) -> list[float]:
    """Times of a list [day]; a number without a unit is in days."""
    from tissue import units

    items = [item.strip() for item in text.split(",") if item.strip()]
    bare = [item for item in items if re.fullmatch(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", item)]
    others = [item for item in items if item not in bare]
    # in "1,2 week" the 1 may be in weeks or days
    if bare and not all(re.search(r"(?<![A-Za-z])d(?:ays?)?$", item) for item in others):
        raise InputError(f"--times {shown(text)}: give every time its unit, e.g. '7 day,2 week'")
    try:
        return [units.parse(f"{item} day" if item in bare else item, "day") for item in items]
    except units.UnitError as error:
        raise InputError(f"--times: {error}") from None


def _same(day: float, other: float) -> bool:
    """Whether two times [day] agree to the six digits that messages show."""
    return f"{day:g}" == f"{other:g}" or abs(day - other) <= 1e-6 * max(day, 1.0)
