"""Process that runs a function, and whose crash or time-out is a result too."""

import multiprocessing
import os
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

ADDRESS_SPACE = 8 << 30
"""Address space of the process [bytes], far more than files of some kilobytes need."""

START_TIMEOUT = 120.0
"""Largest time for the process to start [s]."""


class Answer(NamedTuple):
    """Result of a call.

    Attributes:
        value: value that the function returned; None where it did not.
        trouble: traceback, or the failure of the process; empty where the function returned.
        said: output of the process during the call.
    """

    value: Any
    trouble: str = ""
    said: str = ""


class WorkerProcess:
    """Function in its own process, which restarts after a crash or a time-out."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._process: Any = None
        self._line: Connection | None = None

    def ask(self, *given: object, seconds: float) -> Answer:
        """Calls the function and wait for some seconds."""
        line = self._line or self._start()
        line.send(given)
        try:
            if line.poll(seconds):
                return Answer(*line.recv())
            trouble = f"no answer in {seconds:g} s"
        except EOFError:
            self._process.join()
            trouble = f"the process ended with {self._process.exitcode}"
        self.close()
        return Answer(None, trouble)

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._line is not None:
            self._line.close()
        self._process = self._line = None

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._function, there), daemon=True)
        self._process.start()
        there.close()
        self._line = here
        if not here.poll(START_TIMEOUT):
            raise TimeoutError("the process does not start")
        here.recv()
        return here


def _serve(function: Callable[..., Any], line: Connection) -> None:
    with suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    with tempfile.TemporaryFile() as screen:
        os.dup2(screen.fileno(), 1)
        os.dup2(screen.fileno(), 2)
        line.send("ready")
        while True:
            try:
                given = line.recv()
            except EOFError:
                return
            start = os.lseek(screen.fileno(), 0, os.SEEK_END)
            try:
                value, trouble = function(*given), ""
            except Exception:
                value, trouble = None, traceback.format_exc()
            end = os.lseek(screen.fileno(), 0, os.SEEK_END)
            said = os.pread(screen.fileno(), end - start, start).decode("utf-8", "replace")
            line.send((value, trouble, said))
