"""Command that measures bone: the morphometry of a run, a snapshot or an image."""

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.commands.common import Commands, print_table
from tissue.errors import InputError, shown

if TYPE_CHECKING:
    from tissue.geometry.settings import ImageSettings

IMAGE_KEYS = ("threshold", "voxel_size", "dataset", "series")
"""Keys of `[geometry]` that are options of `tissue metrics`."""


def add(commands: Commands) -> None:
    """Add metrics."""
    command = commands.add_parser(
        "metrics", help="measure the bone of a run, a snapshot or an image"
    )
    command.add_argument(
        "path", type=Path, metavar="PATH", help="folder of a run, a snapshot or an image"
    )
    command.add_argument("--csv", action="store_true", help="print comma-separated values")
    command.add_argument(
        "--threshold", metavar="GRAY", help="threshold of an image: a gray value, or otsu"
    )
    command.add_argument(
        "--voxel-size", metavar="LENGTH", help="voxel size of an image, such as '10 um'"
    )
    command.add_argument("--dataset", metavar="NAME", help="dataset of an HDF5 or netCDF image")
    command.add_argument("--series", metavar="NAME", help="series or stack in a folder of several")
    command.add_argument(
        "--clean",
        action="store_true",
        help="drop loose pieces and close pockets of an image first, as a simulation does",
    )
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
    from tissue.machine.host import allowed_memory

    try:
        geometry = measured_image(_image(options), options.clean, allowed_memory())
    except InputError as error:
        sentence = error.reason if error.key == "geometry.file" else f"{error}"
        raise InputError(_with_options(sentence)) from None
    for line in geometry.log:
        print(f"  {line}", file=sys.stderr)
    for line in geometry.warnings:
        print(f"  warning: {_with_options(line)}", file=sys.stderr)
    bone, spacing = geometry.bone_volume_fraction, geometry.grid.spacing
    return morphometry(bone, spacing, options.mineral_density)


def _with_options(text: str) -> str:
    """A sentence about an image with the options of this command in place of run-file keys."""
    for key in IMAGE_KEYS:
        option = f"--{key.replace('_', '-')}"
        text = text.replace(f"geometry.{key}", option).replace(f'{key} = "', f'{option} "')
    text = text.replace(" (a relative path starts at the run file)", "")
    return text.replace("remove this key", "leave it out")


def _image(options: argparse.Namespace) -> "ImageSettings":
    """The settings of an image from the options.

    Raises:
        InputError: the voxel size is not a length, or the threshold not a number.
    """
    from tissue import units
    from tissue.geometry.settings import ImageSettings

    given = {key: value for key in IMAGE_KEYS if (value := getattr(options, key))}
    try:
        if "voxel_size" in given:
            given["voxel_size"] = units.parse(given["voxel_size"], "um")
    except units.UnitError as error:
        raise InputError(f"--voxel-size: {error}") from None
    try:
        if given.get("threshold", "otsu") != "otsu":
            given["threshold"] = float(given["threshold"])
    except ValueError:
        raise InputError(
            f"--threshold {shown(given['threshold'])} must be a number or otsu"
        ) from None
    return ImageSettings(options.path, **given)
