"""Command that measures bone: the morphometry of a run, a snapshot or an image."""

import argparse
import math
from pathlib import Path

from tissue.commands.common import Commands
from tissue.commands.image_options import (
    add_image_options,
    bone_of_image,
    is_image_folder,
    refuse_image_options,
)
from tissue.commands.tables import print_table
from tissue.errors import InputError


def add(commands: Commands) -> None:
    """Add metrics."""
    command = commands.add_parser(
        "metrics", help="measure the bone of a run, a snapshot or an image"
    )
    command.add_argument(
        "path", type=Path, metavar="PATH", help="folder of a run, a snapshot or an image"
    )
    command.add_argument("--csv", action="store_true", help="print comma-separated values")
    add_image_options(command)
    command.add_argument(
        "--mineral-density",
        type=float,
        metavar="MG",
        help="mineral density of bone tissue [mg HA/cm^3]; needed for the BMD of an image",
    )
    command.set_defaults(command=_metrics)


def _metrics(options: argparse.Namespace) -> int:
    from tissue.analysis.dynamic import DYNAMIC, dynamic
    from tissue.analysis.morphometry import MEASURES, MINERAL, MINERAL_DENSITY, morphometry
    from tissue.storage.results import open_run
    from tissue.storage.snapshot import is_snapshot, read_snapshot

    measures = dict(MEASURES)
    density = MINERAL_DENSITY if options.mineral_density is None else options.mineral_density
    if not 0 < density < math.inf:
        raise InputError(f"--mineral-density {density:g} must be > 0 and finite, e.g. 1100")
    if options.path.is_dir() and not is_image_folder(options.path):
        from tissue.analysis.series import measured_run

        refuse_image_options(options, "a run")
        days, rows = measured_run(options.path, density, must_keep=False)
        more = dynamic(open_run(options.path))
        rows = [row | other for row, other in zip(rows, more, strict=True)]
        measures |= DYNAMIC
    elif not options.path.is_dir() and is_snapshot(options.path):
        refuse_image_options(options, "a snapshot")
        snapshot = read_snapshot(options.path)
        bone = snapshot.field("bone_volume_fraction")
        days, rows = [snapshot.time], [morphometry(bone, snapshot.grid.spacing, density)]
    else:
        days, rows = [], [_measured_image(options)]
        if options.mineral_density is None:  # a binary image has no density
            measures = {name: each for name, each in measures.items() if name not in MINERAL}
    if options.csv:
        first = ["time_day"] if days else []
        print(",".join((*first, *measures)))
        for number, row in enumerate(rows):
            values = (*days[number : number + 1], *(row[name] for name in measures))
            print(",".join(f"{value:.9g}" for value in values))
        return 0
    columns = [f"day {day:g}" for day in days] or ["value"]
    heads = ("measure", *columns, "unit", "long name")
    table = [
        (measure.symbol, *(f"{row[name]:.4g}" for row in rows), measure.unit, measure.long_name)
        for name, measure in measures.items()
    ]
    print_table(heads, table)
    return 0


def _measured_image(options: argparse.Namespace) -> dict[str, float]:
    from tissue.analysis.morphometry import morphometry

    geometry = bone_of_image(options)
    bone, spacing = geometry.bone_volume_fraction, geometry.grid.spacing
    return morphometry(bone, spacing, options.mineral_density)
