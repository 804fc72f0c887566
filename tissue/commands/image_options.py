"""Options of an image that is measured as it is, and the bone read with them."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.errors import InputError, shown

if TYPE_CHECKING:
    from tissue.geometry.load import Geometry
    from tissue.geometry.settings import ImageSettings

IMAGE_KEYS = ("threshold", "voxel_size", "dataset", "series")
"""Keys of `[geometry]` that are options of a command."""


def add_image_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say how an image becomes bone."""
    command.add_argument(
        "--threshold", metavar="GRAY", help="threshold of an image: a gray value, or otsu"
    )
    command.add_argument(
        "--voxel-size", metavar="LENGTH", help="voxel size of an image, such as '10 um'"
    )
    command.add_argument("--dataset", metavar="NAME", help="dataset of an HDF5 or netCDF image")
    command.add_argument("--series", metavar="NAME", help="series or stack in a folder of several")


def is_image_folder(folder: Path) -> bool:
    """Whether a folder holds slices of an image and no run."""
    from tissue.storage.snapshot import list_snapshots

    return not (list_snapshots(folder) or (folder / "run.toml").exists())


def refuse_image_options(
    options: argparse.Namespace, kind: str, keys: tuple[str, ...] = IMAGE_KEYS
) -> None:
    """Refuse options of an image where the path is something else.

    Args:
        options: of the command.
        kind: what the path is instead, such as "a run".
        keys: the options.
    """
    for name in keys:
        if getattr(options, name):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is for an image, and {options.path} is {kind}; leave it out")


def bone_of_image(options: argparse.Namespace, clean: bool = False) -> "Geometry":
    """Bone of an image as it is; the steps from voxels to bone go to stderr.

    Args:
        options: of the command.
        clean: drop loose pieces and close pockets first, as for a simulation.

    Raises:
        InputError: the image or an option cannot be used.
    """
    from tissue.geometry.load import measured_image
    from tissue.machine.host import allowed_memory

    try:
        geometry = measured_image(_settings(options), clean, allowed_memory())
    except InputError as error:
        sentence = error.reason if error.key == "geometry.file" else f"{error}"
        raise InputError(_with_options(sentence)) from None
    for line in geometry.log:
        print(f"  {line}", file=sys.stderr)
    for line in geometry.warnings:
        print(f"  warning: {_with_options(line)}", file=sys.stderr)
    return geometry


def _with_options(text: str) -> str:
    """A sentence about an image with the options of this command in place of run-file keys."""
    for key in IMAGE_KEYS:
        option = f"--{key.replace('_', '-')}"
        text = text.replace(f"geometry.{key}", option).replace(f'{key} = "', f'{option} "')
    text = text.replace(" (a relative path starts at the run file)", "")
    return text.replace("remove this key", "leave it out")


def _settings(options: argparse.Namespace) -> "ImageSettings":
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
