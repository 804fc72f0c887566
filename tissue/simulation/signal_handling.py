"""Signals by which a user or a queue asks a run for a checkpoint, or to stop."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from tissue.errors import RunStopped

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CHECKPOINT = signal.SIGUSR1

PAUSE = 0.02
"""Time until a stop that was raised where nobody could take it up is raised again [s]."""


class SignalHandler:
    """Signals that a run obeys; use it as a context manager around all of the run.

    SIGUSR1 asks for a checkpoint; SIGTERM, SIGHUP (the terminal is gone) and SIGINT (Ctrl-C) ask
    for one and then to stop. As a rule the run looks at `stop` and `checkpoint_asked` between two
    steps; within `at_once` a request to stop raises. A second SIGINT interrupts at any time.

    A signal that was ignored when the program started, as SIGHUP is under nohup, stays ignored.
    Outside the main thread no signal is obeyed.

    Attributes:
        stop: the signal that asked the run to stop, if one did.
        checkpoint_asked: whether a checkpoint is asked for; whoever makes it resets this.
    """

    def __init__(self, *, ends_program: bool = False) -> None:
        """Prepares to obey.

        Args:
            ends_program: the program ends with the block, so that a later signal has nothing to
                stop any more and must not change the exit code.
        """
        self.stop: signal.Signals | None = None
        self.checkpoint_asked = False
        self._ends_program = ends_program
        self._left: str | None = None
        self._again = self._interrupted = False
        self._untold: list[signal.Signals] = []
        self._before: dict[signal.Signals, Any] = {}

    @contextmanager
    def at_once(self, left: str) -> Iterator[None]:
        """Ends a block at once when the run is asked to stop, or was before.

        Args:
            left: what the stopped run leaves, as a part of a sentence.

        Raises:
            RunStopped: it was asked to stop.
        """
        self._left = left
        before = sys.unraisablehook
        if self._before:  # of the main thread

            def hook(lost: "sys.UnraisableHookArgs") -> None:
                if isinstance(lost.exc_value, RunStopped):
                    # raised in a callback, such as one of the garbage collector
                    threading.Timer(PAUSE, self._raise_again).start()
                else:
                    before(lost)

            sys.unraisablehook = hook
        try:
            if self.stop:
                raise self._stopped(left)
            yield
        finally:
            self._left = None
            if self._before:
                sys.unraisablehook = before

    def news(self) -> list[str]:
        """Names of the signals that came since this was last asked."""
        untold, self._untold = self._untold, []
        return [each.name for each in untold]

    def _stopped(self, left: str) -> RunStopped:
        assert self.stop
        return RunStopped(f"stopped by {self.stop.name} {left}; go on with --resume")

    def _raise_again(self) -> None:
        main = threading.main_thread().ident
        if self.stop and self._left is not None and main:
            self._again = True
            signal.pthread_kill(main, self.stop)

    def _obey(self, number: int, _: FrameType | None) -> None:
        if self._again:  # of our own making
            self._again = False
            if self._left is not None:
                raise self._stopped(self._left)
            return
        received = signal.Signals(number)
        self._untold.append(received)
        self.checkpoint_asked = True
        if received in STOPS:
            if self._interrupted and received == signal.SIGINT:
                raise KeyboardInterrupt
            self._interrupted |= received == signal.SIGINT
            self.stop = self.stop or received
            if self._left is not None:
                raise self._stopped(self._left)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (*STOPS, CHECKPOINT):
                # one that was not set by Python is of the program that Python is a part of
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._obey)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._ends_program else handler)
