"""The calls of a process for the files of one folder: counted, made to fail, or stopped at.

The work is done by `interposer.c`, which is compiled here and loaded ahead of the C library, so
that all of Python, HDF5 and others pass through it. It knows Linux with the GNU C library.
"""

import ctypes
import errno
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

KINDS = ("open", "write", "fsync", "rename", "unlink", "flock", "close")
"""Calls that can fail; cutting a file counts as a write."""

SOURCE = Path(__file__).with_name("interposer.c")
LOADED = "TISSUE_INTERPOSER"
"""Variable of the environment that tells a process where its interposer lies."""


def missing() -> str:
    """Why there is no interposer on this machine; "" where there is one."""
    if platform.libc_ver()[0] != "glibc":
        return "the interposer stands between a process and the GNU C library, which is not here"
    if not _compiler():
        return "the interposer is compiled by cc, which is not here"
    return ""


def run_with_interposer(script: str, arguments: list[str]) -> int:
    """Runs a script of this folder with the interposer, and gives its exit code."""
    reason = missing()
    if reason:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "interposer.so"
        compiler = _compiler()
        assert compiler
        words = [compiler, "-O1", "-Wall", "-shared", "-fPIC", "-o", f"{library}", f"{SOURCE}"]
        subprocess.run([*words, "-ldl", "-lpthread"], check=True)
        # the loader of kept programs takes tuning hints for missing features, and says so
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
        environment = quiet | {"LD_PRELOAD": str(library), LOADED: str(library)}
        done = subprocess.run([sys.executable, script, *arguments], env=os.environ | environment)
        return done.returncode


class Interposer:
    """The interposer of this process."""

    def __init__(self) -> None:
        """Finds it.

        Raises:
            KeyError: the process was not started by `run_with_interposer`.
        """
        self._library = ctypes.CDLL(os.environ[LOADED])
        self._library.interposer_count.restype = ctypes.c_long
        self._library.interposer_hit.restype = ctypes.c_char_p

    def watch(self, folder: Path) -> None:
        """Counts the calls for a folder from now on."""
        self._library.interposer_watch(os.fsencode(folder))

    def fail(self, kind: str, number: int, code: str, on: bool) -> None:
        """Lets a call fail.

        Args:
            kind: one of KINDS.
            number: which call of that kind, counted from 1.
            code: name of the errno.
            on: all later calls of that kind fail, too.
        """
        self._library.interposer_fail(
            kind.encode(), ctypes.c_long(number), getattr(errno, code), int(on)
        )

    def copy(self, to: Path, power_cut: bool) -> None:
        """Copies the folder into a folder of its own before each call that changes something.

        Args:
            to: takes the copies, which are numbered and named by the call.
            power_cut: a copy holds what a power cut leaves at worst: of each file as much as it
                had when it was last put on the disk (fsync). Else what a killed process leaves.
        """
        self._library.interposer_copy(os.fsencode(to), int(power_cut))

    def stop(self) -> str:
        """Lets all calls through again; gives the file whose call failed first, or ""."""
        hit = Path(os.fsdecode(self._library.interposer_hit())).name
        self._library.interposer_watch(b"")
        return hit

    def counts(self) -> dict[str, int]:
        """Calls so far, by kind."""
        return {kind: self._library.interposer_count(kind.encode()) for kind in KINDS}


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")
