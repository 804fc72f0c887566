"""Runs without a screen, without a home, or with a reader that goes away, each in a process.

Each must end with exit code 0 and with the tables of the run that has everything.

usage: python tests/faults/odd_streams.py [CASE ...]
"""

import argparse
import os
import pty
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from virtual_devices import xla_flags

from tissue.storage.results import open_run

TINY = Path(__file__).parents[1] / "tiny.toml"
LONGEST = 300.0
"""Time that a run may take on a busy machine [s]."""

NOBODY = "54321"
"""Number of a user that no table of users has, as containers give it."""

STRANGER = f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups " + (
    "--inh-caps +dac_override --ambient-caps +dac_override"
)
"""Makes a command one of that user, who may still read the program wherever it is installed."""


class Case(NamedTuple):
    """A run in odd surroundings.

    Attributes:
        line: of bash, in which $T is the command.
        environment: what is changed; None takes a variable away.
        root: whether only root can make it.
    """

    line: str
    environment: Mapping[str, str | None] = {}
    root: bool = False


HOMELESS: Mapping[str, str | None] = {"HOME": None, "XDG_CACHE_HOME": None, "USER": None}

CASES: dict[str, Case] = {
    "closed stderr": Case("$T 2>&-"),
    "closed stdout and no home": Case("$T >&-", HOMELESS),
    "closed streams": Case("$T <&- >&- 2>&-"),
    "full stdout and a file for a cache": Case("$T >/dev/full", {"XDG_CACHE_HOME": "/dev/null"}),
    "full streams": Case("$T >/dev/full 2>&1"),
    "reader of all gone": Case("set -o pipefail; $T 2>&1 | true"),
    "reader of one line": Case("set -o pipefail; $T 2>&1 | head -1"),
    "reader of stdout and no cache": Case(
        "set -o pipefail; $T | head -1", {"XDG_CACHE_HOME": "/proc/none"}
    ),
    "small alphabet": Case("$T", {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
    "no home and no user": Case(f"{STRANGER} $T", HOMELESS, root=True),
}
DEAD_TERMINAL = "dead terminal"


def plain(folder: Path) -> Path:
    """The run that has everything."""
    subprocess.run(
        _command(folder),
        check=True,
        timeout=LONGEST,
        capture_output=True,
        env=_environment(),
    )
    return folder


def trouble(name: str, whole: Path, folder: Path) -> str:
    """Trouble with a run in odd surroundings; "" if there is none.

    Args:
        name: of CASES, or DEAD_TERMINAL.
        whole: the run that has everything.
        folder: for the run.
    """
    folder.mkdir()
    folder.chmod(0o777)  # the user may be another
    if name == DEAD_TERMINAL:
        code, reported = _in_a_terminal_that_dies(folder)
    else:
        code, reported = _in_a_shell(CASES[name], folder)
    if code:
        return f"exit {code}: {reported}"
    if "Traceback" in reported:
        return reported
    for table in ("metrics.csv", "ledger.csv"):
        if (folder / table).read_bytes() != (whole / table).read_bytes():
            return f"another {table}"
    if not (folder / "summary.png").is_file():
        return "no picture"
    return "" if len(open_run(folder).snapshots) == 3 else "snapshots are missing"


def can_be_made(name: str) -> bool:
    """Whether this user can make a case here."""
    needs_root = name in CASES and CASES[name].root
    return not needs_root or (os.getuid() == 0 and shutil.which("setpriv") is not None)


def _command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "tissue", "run", str(TINY), "--out", str(folder)]


def _environment(**changed: str | None) -> dict[str, str]:
    """Environment of a run with some variables changed; all compile with the same settings."""
    # some have no folder for compiled programs, and compile anew
    names = {**os.environ, "XLA_FLAGS": xla_flags(1), **changed}
    return {name: value for name, value in names.items() if value is not None}


def _in_a_shell(case: Case, folder: Path) -> tuple[int, str]:
    line = case.line.replace("$T", f"{sys.executable} -m tissue run {TINY} --out '{folder}'")
    done = subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        timeout=LONGEST,
        env=_environment(**case.environment),
    )
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def _in_a_terminal_that_dies(folder: Path) -> tuple[int, str]:
    """A run that ignores that its terminal hangs up, as under nohup."""
    ours, its = pty.openpty()
    deaf = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *_command(folder)]
    with subprocess.Popen(
        deaf,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env=_environment(),
    ) as process:
        os.close(its)
        os.close(ours)
        return process.wait(LONGEST), ""


def main() -> None:
    """Tries cases and prints what came of them, as each takes some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", default=[*CASES, DEAD_TERMINAL])
    start, failed, count = time.perf_counter(), 0, 0
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        whole = plain(Path(name) / "whole")
        for case in parser.parse_args().cases:
            if not can_be_made(case):
                print(f"{case}: not tried: only root can, with setpriv")
                continue
            count += 1
            found = trouble(case, whole, Path(name) / f"{count}")
            failed += bool(found)
            print(f"{case}: {found or 'goes on'}", flush=True)
    print(f"odd streams: {count} tried, {failed} failed, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
