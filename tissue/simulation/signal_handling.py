"""Signals with which a user or a queue requests a checkpoint, or stops a run."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from tissue.errors import RunStopped

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CHECKPOINT = signal.SIGUSR1

RETRY_DELAY = 0.02
"""Time until a stop that cannot be raised now, or that a callback dropped, is raised again [s]."""

IMPORTING = "<frozen importlib._bootstrap>"
"""File name of Python's own code that is on the stack during an import."""


class SignalHandler:
    """Signal handlers of a run; use it as a context manager around the complete run.

    SIGUSR1 requests a checkpoint; SIGTERM, SIGHUP (the terminal is gone) and SIGINT (Ctrl-C)
    request one and then a stop. The run checks `stop` and `checkpoint_requested` between two
    steps; within `raising_on_stop` a stop raises, at the end of an import that it comes in. A
    second SIGINT interrupts at any time.

    A signal that was ignored when the program started, as SIGHUP is under nohup, stays ignored.
    Outside the main thread no signal is handled.

    Attributes:
        stop: signal that requested the stop; None where none did.
        checkpoint_requested: whether a checkpoint is requested; the code that writes it resets
            this.
    """

    def __init__(self, *, ends_program: bool = False) -> None:
        """Prepares the handlers.

        Args:
            ends_program: the program ends with the block: a later signal has nothing to stop and
                must not change the exit code.
        """
        self.stop: signal.Signals | None = None
        self.checkpoint_requested = False
        self._ends_program = ends_program
        self._outcome: str | None = None
        self._again = self._interrupted = False
        self._unreported: list[signal.Signals] = []
        self._before: dict[signal.Signals, Any] = {}

    @contextmanager
    def raising_on_stop(self, outcome: str) -> Iterator[None]:
        """Stops the run within a block, instead of after the current step.

        Args:
            outcome: what the stopped run has done, as a part of a sentence.

        Raises:
            RunStopped: a signal requests a stop, or did before.
        """
        self._outcome = outcome
        before = sys.unraisablehook
        if self._before:  # of the main thread

            def hook(lost: "sys.UnraisableHookArgs") -> None:
                if isinstance(lost.exc_value, RunStopped):
                    # raised in a callback, such as one of the garbage collector
                    self._raise_later()
                else:
                    before(lost)

            sys.unraisablehook = hook
        try:
            if self.stop:
                raise self._stopped(outcome)
            yield
        except (RuntimeError, AssertionError, ImportError, AttributeError):
            # a library that a stop interrupted may fail in its own way
            if self.stop:
                raise self._stopped(outcome) from None
            raise
        finally:
            self._outcome = None
            if self._before:
                sys.unraisablehook = before

    def take_received(self) -> list[str]:
        """Names of the signals that came since the last call."""
        received, self._unreported = self._unreported, []
        return [each.name for each in received]

    def _stopped(self, outcome: str) -> RunStopped:
        assert self.stop
        return RunStopped(f"stopped by {self.stop.name} {outcome}; continue it with --resume")

    def _raise_in(self, frame: FrameType | None) -> None:
        """Raises the stop in the interrupted code, or later where that is an import.

        An import in compiled code prints what is raised in it, and leaves its module half done.
        """
        if self._outcome is None:
            return
        while frame:
            if frame.f_code.co_filename == IMPORTING:
                self._raise_later()
                return
            frame = frame.f_back
        raise self._stopped(self._outcome)

    def _raise_later(self) -> None:
        threading.Timer(RETRY_DELAY, self._raise_again).start()

    def _raise_again(self) -> None:
        main = threading.main_thread().ident
        if self.stop and self._outcome is not None and main:
            self._again = True
            signal.pthread_kill(main, self.stop)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._again:  # sent by `_raise_again`
            self._again = False
            self._raise_in(frame)
            return
        received = signal.Signals(number)
        self._unreported.append(received)
        self.checkpoint_requested = True
        if received in STOPS:
            if self._interrupted and received == signal.SIGINT:
                raise KeyboardInterrupt
            self._interrupted |= received == signal.SIGINT
            self.stop = self.stop or received
            self._raise_in(frame)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (*STOPS, CHECKPOINT):
                # None: set by a program that Python is embedded in
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._ends_program else handler)
