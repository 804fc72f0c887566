"""Options of an image that is measured as it is, and the bone read with them."""

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tissue.errors import InputError

if TYPE_CHECKING:
    from tissue.geometry.load import Geometry
    from tissue.geometry.settings import ImageSettings

VALUE_KEYS = {
    "threshold": ("GRAY", "threshold of an image: a gray value, or otsu"),
    "voxel_size": ("LENGTH", "voxel size of an image, such as '10 um', or three [z, y, x]"),
    "crop": (
        "RANGES",
        "voxels of an image to keep, such as '[[0, 48], [5, 53], [30, 78]]' [z, y, x]",
    ),
    "smooth": ("LENGTH", "width of a Gaussian filter on the gray values, such as '8 um'"),
    "resample": ("LENGTH", "edge of the voxels to resample an image to, such as '20 um'"),
}
"""Keys of `[geometry]` that are options of a command and have a value of TOML: name of the value in
the help, and meaning."""

TEXT_KEYS = {
    "region": ("FILE", "mask image of the region of interest"),
    "dataset": ("NAME", "dataset of an HDF5 or netCDF image"),
    "series": ("NAME", "series or stack in a folder of several"),
}
"""Those whose value is text."""

IMAGE_KEYS = (*VALUE_KEYS, *TEXT_KEYS)

CLEAN = "clean"
"""Option for geometry.keep_largest and geometry.close_pockets."""


def add_image_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say how an image becomes bone."""
    for key, (value, meaning) in (VALUE_KEYS | TEXT_KEYS).items():
        command.add_argument(_option(key), metavar=value, help=meaning)
    command.add_argument(
        _option(CLEAN),
        action="store_true",
        help="drop loose pieces and close pockets of an image first, as a simulation does",
    )


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def is_image_folder(folder: Path) -> bool:
    """Whether a folder holds slices of an image and no run."""
    from tissue.storage.snapshot import list_snapshots

    return not (list_snapshots(folder) or (folder / "run.toml").exists())


def refuse_image_options(options: argparse.Namespace, kind: str) -> None:
    """Refuse options of an image where the path is something else.

    Args:
        options: of the command.
        kind: what the path is instead, such as "a run".
    """
    for key in (*IMAGE_KEYS, CLEAN):
        if getattr(options, key) not in (None, False):
            raise InputError(
                f"{_option(key)} is for an image, and {options.path} is {kind}; leave it out"
            )


def bone_of_image(options: argparse.Namespace) -> "Geometry":
    """Bone of an image, read as a run file reads it; the steps from voxels to bone go to stderr.

    Args:
        options: of the command.

    Raises:
        InputError: the image or an option cannot be used.
    """
    from tissue.geometry.load import measured_image
    from tissue.machine.host import allowed_memory

    if options.path.suffix.lower() == ".toml":
        raise InputError(
            f"{options.path} is a run file; give the folder of its run, or the image that it names"
        )
    try:
        geometry = measured_image(_settings(options), options.clean, allowed_memory())
    except InputError as error:
        raise InputError(with_options(f"{error}")) from None
    for line in geometry.log:
        print(f"  {line}", file=sys.stderr)
    for line in geometry.warnings:
        print(f"  warning: {with_options(line)}", file=sys.stderr)
    return geometry


def with_options(text: str, *, can_clean: bool = True) -> str:
    """A sentence about an image with the options of a command in place of run-file keys.

    Args:
        text: the sentence.
        can_clean: whether the command has the option `CLEAN`.
    """
    if not can_clean:
        text = text.replace("geometry.close_pockets = true", "closing pockets of marrow").replace(
            "set it to false, or crop the shell away", "cut the shell off with geometry.crop"
        )
    text = re.sub(r"^geometry\.file(: | = )", "", text)
    for key in IMAGE_KEYS:
        text = text.replace(f"geometry.{key}", _option(key)).replace(
            f'{key} = "', f'{_option(key)} "'
        )
    text = text.replace("geometry.close_pockets = true", _option(CLEAN))
    text = text.replace(" (a relative path starts at the run file)", "")
    return text.replace("remove this key", "leave it out").replace(
        "set it to false", "leave it out"
    )


def _settings(options: argparse.Namespace) -> "ImageSettings":
    """The settings of an image, as a run file with the same values has them.

    Raises:
        InputError: a value cannot be used.
    """
    from tissue.geometry.settings import ImageSettings
    from tissue.scenario.config import read_run_file

    given = {key: value for key in IMAGE_KEYS if (value := getattr(options, key)) is not None}
    texts = {key: value for key, value in given.items() if key in TEXT_KEYS}
    tables = {"run": ANY_RUN, "geometry": {"file": f"{options.path}"} | texts}
    values = [f"geometry.{key}={value}" for key, value in given.items() if key in VALUE_KEYS]
    settings = read_run_file(tables, values).geometry
    assert isinstance(settings, ImageSettings)
    return settings


ANY_RUN = {"duration": "1 day"}
"""Keys without which no run file is complete; the image does not depend on them."""
