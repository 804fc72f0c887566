"""Small programs in place of the processes of a run, and the supervisors that watch them."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PATHS = f"{ROOT}:{ROOT / 'tests'}"

SUPERVISOR = """
import json, sys
from tissue.errors import InputError, RunStopped
from tissue.machine.cluster import place_of
from tissue.machine.contact import Refused
from tissue.machine.supervisor import supervise

address, processes, process, *words = sys.argv[1:]
place = place_of({}, address, int(processes), int(process))
try:
    ending = list(supervise(place, [sys.executable, *words], "a run"))
except Refused as refused:
    ending = [refused.code, None, False]
except (InputError, RunStopped) as error:
    ending = [type(error).__name__, str(error), False]
print(json.dumps(ending))
"""

PROGRAM = """
import json, os, signal, sys, time
address, me, processes, on_host, reports, lifeline = json.loads(os.environ["TISSUE_PROCESS"])
def agree(times):
    os.write(reports, b"agreeing\\n" * times)
def step(number):
    os.write(reports, f"{number}\\n".encode())
def last_words(words, code):
    print(words, file=sys.stderr)
    sys.exit(code)
"""


class Outcome(NamedTuple):
    """End of one supervisor.

    Attributes:
        code: exit code of the run, or the name of an error.
        sentence: what it would print; None for nothing.
        resumable: the run can be resumed.
    """

    code: int | str
    sentence: str | None
    resumable: bool


def free_port() -> int:
    """Port of this machine that nothing listens on."""
    with socket.create_server(("localhost", 0)) as probe:
        return int(probe.getsockname()[1])


class Pair:
    """Two supervisors, each with a process that runs the same command."""

    def __init__(self, *words: str, **variables: str) -> None:
        """Starts both.

        Args:
            words: of Python's command line.
            variables: of the environment.
        """
        address = f"localhost:{free_port()}"
        self._start, self.errors = time.monotonic(), ["", ""]
        self.supervisors = [
            subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, address, "2", f"{i}", *words],
                env=os.environ | {"PYTHONPATH": PATHS, "HTTP_PROXY": "nowhere"} | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for i in (0, 1)
        ]

    def wait(self, number: int, longest: float) -> Outcome | int:
        """Outcome of one of them; the exit code of one that was killed.

        Args:
            number: 0 or 1.
            longest: time since the start [s].
        """
        supervisor = self.supervisors[number]
        left = max(0.1, self._start + longest - time.monotonic())
        printed, self.errors[number] = supervisor.communicate(timeout=left)
        assert "Traceback" not in self.errors[number], self.errors[number]
        if not printed:
            return supervisor.returncode
        return Outcome(*json.loads(printed.splitlines()[-1]))
