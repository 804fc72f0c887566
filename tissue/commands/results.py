"""Commands that read what runs have written."""

import argparse
import sys
from pathlib import Path

from tissue.commands.common import Commands
from tissue.errors import InputError


def add(commands: Commands) -> None:
    """Adds info, index and export."""
    command = commands.add_parser("index", help="show the snapshots of a run as one, for viewers")
    command.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    command.set_defaults(command=_index)

    command = commands.add_parser("info", help="what a snapshot, checkpoint, index or run is")
    command.add_argument("path", type=Path, metavar="PATH")
    command.set_defaults(command=_info)

    command = commands.add_parser("export", help="write fields as images of other programs")
    command.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    formats = "nifti, mha, nrrd, tiff, npy or vti"
    command.add_argument("--to", required=True, metavar="FORMAT", help=formats)
    command.add_argument("--fields", default="", metavar="A,B", help="default: all")
    command.add_argument("--times", default="", metavar="DAY,DAY", help="default: all")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: RUN/export")
    command.set_defaults(command=_export)


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
    from tissue.storage.export import export, left_out
    from tissue.storage.snapshot import list_snapshots, read_snapshot

    paths = list_snapshots(options.folder)
    if not paths:
        raise InputError(f"{options.folder} holds no snapshots; give the folder of a run")
    if options.times:
        days = {p: f"{read_snapshot(p).time:g}" for p in paths}
        for wanted in options.times.split(","):
            if wanted not in days.values():
                known = ", ".join(days.values())
                raise InputError(
                    f"--times: there is no snapshot of day {wanted}; there are {known}"
                )
        paths = [p for p in paths if days[p] in options.times.split(",")]
    fields = tuple(filter(None, options.fields.split(",")))
    for path in paths:
        for made in export(path, options.out or options.folder / "export", fields, options.to):
            print(made)
    if told := left_out(paths[0], options.to):
        print(f"note: {told}", file=sys.stderr)
    return 0
