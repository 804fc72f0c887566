"""Command that opens a run in ParaView or napari."""

import argparse
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tissue.commands.common import Commands, require_folder
from tissue.errors import InputError, RunError, shown

PROGRAMS = ("paraview", "napari")


def add(commands: Commands) -> None:
    """Add view."""
    command = commands.add_parser("view", help="open a run in ParaView or napari")
    command.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    command.add_argument("--with", required=True, dest="program", metavar="PROGRAM", help=_named())
    command.add_argument(
        "--field", default="", metavar="NAME", help="shown with the bone; default: rankl"
    )
    command.add_argument(
        "--write-only", action="store_true", help="write the script and do not open it"
    )
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="the script; default: RUN/view_PROGRAM.py"
    )
    command.set_defaults(command=_view)


def _named() -> str:
    return " or ".join(PROGRAMS)


def _view(options: argparse.Namespace) -> int:
    from tissue.storage.results import open_snapshots
    from tissue.viewers import napari_view, paraview

    if options.program not in PROGRAMS:
        raise InputError(f"--with {shown(options.program)} is not known; it must be {_named()}")
    require_folder("--out", options.out)
    run = open_snapshots(options.folder)
    if run is None:
        raise InputError(f"{options.folder} holds no snapshots; give the folder of a run")
    write = {"paraview": paraview.write_state, "napari": napari_view.write_script}
    path = write[options.program](run, options.field, options.out)
    print(path)
    return 0 if options.write_only else _opened(options.program, path)


def _opened(program: str, script: Path) -> int:
    """Open a script in its program and wait until that is closed.

    Raises:
        InputError: the program is not installed.
        RunError: it ended with an error.
    """
    if program == "napari":
        if find_spec("napari") is None:
            raise InputError(
                'napari is not installed here; install it with pip install "napari[all]", or'
                " write the script with --write-only"
            )
        words = [sys.executable, str(script)]
    else:
        found = shutil.which("paraview")
        if found is None:
            raise InputError(
                "the program paraview is not on the PATH; open the script in ParaView with File >"
                " Load State, or write it with --write-only"
            )
        words = [found, f"--script={script.resolve()}"]
    code = subprocess.run(words, check=False).returncode
    if code:
        raise RunError(f"{program} ended with exit code {code}; run {shown(' '.join(words))}")
    return 0
