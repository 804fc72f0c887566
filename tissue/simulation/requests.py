"""What a user, a queue or the clock on the wall asks of a run between two steps."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

STOPS = (signal.SIGTERM, signal.SIGINT)


class Requests:
    """Signals that a run heeds at its next step; use it as a context manager.

    SIGUSR1 asks for a checkpoint; SIGTERM and SIGINT (Ctrl-C) ask for one and then to stop. A
    second SIGINT interrupts at once. Outside the main thread no signal is heeded.

    Attributes:
        stop: the signal that asked the run to stop, if one did.
    """

    def __init__(self, every_wall: float) -> None:
        """Starts the clock on the wall.

        Args:
            every_wall: longest time between two checkpoints [s].
        """
        self.stop: signal.Signals | None = None
        self._every, self._asked = every_wall, False
        self._last = time.monotonic()
        self._before: dict[signal.Signals, Any] = {}

    def checkpoint_due(self) -> bool:
        """Whether one is asked for or overdue."""
        return self._asked or time.monotonic() - self._last >= self._every

    def checkpoint_made(self) -> None:
        """Starts the clock on the wall anew."""
        self._asked, self._last = False, time.monotonic()

    def _heed(self, number: int, _: FrameType | None) -> None:
        self._asked = True
        if number in STOPS:
            if self.stop and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.stop = signal.Signals(number)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (*STOPS, signal.SIGUSR1):
                # a run in the background is started with Ctrl-C ignored, and stays so
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._heed)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
