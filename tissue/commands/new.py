"""Command that writes the run file of a scan."""

import argparse
import sys
from pathlib import Path

from tissue.commands.common import Commands, require_folder
from tissue.commands.completer import complete_with
from tissue.commands.image_options import IMAGE_KEYS, TEXT_KEYS, VALUE_KEYS, with_options
from tissue.commands.terminal import wrapped
from tissue.errors import InputError


def add(commands: Commands) -> None:
    """Add new."""
    command = commands.add_parser("new", help="write a run file for a scan, with what is in it")
    command.add_argument(
        "path", type=Path, metavar="SCAN", help="an image, or a folder of slices or of DICOM"
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.toml, of the scan")
    preset = command.add_argument(
        "--preset", metavar="SPECIES", help="mouse or human; by the voxel size by default"
    )
    complete_with(preset, "presets")
    for key, (value, meaning) in (VALUE_KEYS | TEXT_KEYS).items():
        command.add_argument(f"--{key.replace('_', '-')}", metavar=value, help=meaning)
    command.set_defaults(command=_new)


def _new(options: argparse.Namespace) -> int:
    from tissue.model.parameters import preset
    from tissue.simulation.scan_run_file import refuse_existing, scan_run_file

    file: Path = options.out or Path(f"{_stem(options.path)}.toml")
    if options.preset is not None:
        preset(options.preset)
    if file.suffix != ".toml":
        name = file if file.name else Path("mine")
        raise InputError(f"--out {file}: a run file ends in .toml; write --out {name}.toml")
    require_folder("--out", file)
    refuse_existing(file)
    given = {key: value for key in IMAGE_KEYS if (value := getattr(options, key)) is not None}
    values = [f"geometry.{key}={_toml(key, value)}" for key, value in given.items()]
    try:
        made = scan_run_file(options.path, file, values, options.preset)
    except InputError as error:
        raise InputError(with_options(f"{error}", can_clean=False)) from None
    with file.open("x", encoding="utf-8") as written:
        written.write(made.text)
    print(f"wrote {file}")
    for line in made.found:
        print(wrapped(f"  {line}", sys.stdout))
    for line in made.warnings:
        print(wrapped(f"  warning: {line}", sys.stdout))
    print(f"look at it, then: tissue check {file}, tissue run {file}")
    return 0


def _stem(scan: Path) -> str:
    """Name of a scan without its ending, also one of two parts such as .nii.gz."""
    name = scan.resolve().name
    return name if scan.is_dir() else name.removesuffix(".gz").rpartition(".")[0] or name


def _toml(key: str, value: str) -> str:
    """Value of an option as TOML reads it: a path or a name is relative to this folder."""
    from tissue.scenario.resolved import toml_value

    if key not in TEXT_KEYS:
        return value
    return toml_value(str(Path(value).resolve()) if key == "region" else value)
