"""The run files that come with the package."""

import difflib
import tomllib
from importlib.resources import files
from pathlib import Path

from tissue.errors import InputError, printable
from tissue.keys import LONGEST_PATH


def examples() -> dict[str, Path]:
    """Bundled example runs, by name."""
    folder = Path(str(files("tissue"))) / "runs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def describe(path: Path) -> str:
    """Subject of an example run: its first comment line."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    tomllib.loads(first)  # a comment, or else the file is not what it should be
    return first.removeprefix("#").strip()


def find(name: str) -> Path:
    """Run file of a path, or of the name of a bundled example run.

    Raises:
        InputError: there is neither.
    """
    path = Path(name)
    ready = examples()
    # a folder of results may be called like the run that made them
    if name in ready and not path.is_file():
        return ready[name]
    try:
        there = path.exists()
    except (OSError, ValueError):  # no file can have that name, or its folder is closed to us
        there = False
    if there:
        return path
    near = difflib.get_close_matches(name[:LONGEST_PATH], ready, n=1)
    meant = f", did you mean {near[0]}" if near else ""
    raise InputError(
        f"there is no run file '{printable(name, LONGEST_PATH)}', nor a bundled example run of "
        f"that name{meant} ('tissue list' lists them)"
    )
