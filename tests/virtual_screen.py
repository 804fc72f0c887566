"""A screen in memory for programs that draw in windows, and what tests need for it."""

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

SERVER = shutil.which("Xvfb")
PARAVIEW = shutil.which("pvbatch")
START = 60.0
"""Longest time until the server answers [s]; a busy machine is no failure."""
PRIVATE = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
"""Folders of settings, caches and sockets, which two programs at a time would both write to."""

needs_paraview = pytest.mark.skipif(not PARAVIEW, reason="ParaView (pvbatch) is not installed")


@contextmanager
def virtual_screen(home: Path) -> Iterator[Mapping[str, str]]:
    """Runs an X server as long as the block.

    The server chooses the number of its display when it opens its socket, which only one server
    can. `xvfb-run -a` reads which numbers are free before that, and two of them at a time may read
    the same.

    Args:
        home: empty folder for the settings and caches of the programs.

    Yields:
        The environment of a program that draws on this screen.

    Raises:
        RuntimeError: the server ends or does not answer.
    """
    assert SERVER
    answer, theirs = os.pipe()
    with (home / "Xvfb.log").open("w+b") as log, os.fdopen(answer, "rb", buffering=0):
        try:
            server = subprocess.Popen(
                [
                    *(SERVER, "-displayfd", str(theirs), "-screen", "0", "1280x1024x24"),
                    *("-nolisten", "tcp", "-noreset"),
                ],
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        finally:
            os.close(theirs)
        try:
            number = _first_line(answer)
            if not number:
                log.seek(0)
                raise RuntimeError(f"Xvfb does not answer: {log.read().decode(errors='replace')}")
            others = {name: value for name, value in os.environ.items() if name != "XAUTHORITY"}
            yield {
                **others,
                **dict.fromkeys(PRIVATE, str(home)),
                "DISPLAY": f":{number}",
                "QT_QPA_PLATFORM": "xcb",
            }
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _first_line(handle: int) -> str:
    """Line that another process writes; empty if it ends or takes too long."""
    line, deadline = b"", time.monotonic() + START
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(handle, 64) if ready else b""
        if not part:
            return ""
        line += part
    return line.decode().strip()
