"""Supervisors of the processes of a run: one beside each, in contact over TCP.

A process of JAX that loses another one ends by an abort, or waits for ever: it can neither say
what happened nor choose its exit code. So each is the child of a supervisor. That of process 0
listens on the port of the run, hears from all others each half second, and ends all when one is
dead or stuck.
"""

import os
import platform
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from tissue.errors import RunStopped
from tissue.machine.cluster import GPU_LIST, Place, own_gpus
from tissue.machine.contact import TICK, Center, Contact, Member
from tissue.machine.verdict import Ending
from tissue.machine.watched_process import WatchedProcess
from tissue.version import __version__

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


class _Received:
    """Signals that have come and were not yet handed on."""

    def __init__(self) -> None:
        self.numbers: list[signal.Signals] = []

    def raise_stop(self) -> None:
        """Stops before anything has begun.

        Raises:
            RunStopped: a signal asks for it.
        """
        for number in self.numbers:
            if number != signal.SIGUSR1:
                raise RunStopped(
                    f"stopped by {number.name} before it began; continue it with --resume"
                )

    def take(self, *, started: bool) -> list[signal.Signals]:
        """Signals to hand on now.

        Args:
            started: the process has its handlers; SIGUSR1 would end it before, and waits.
        """
        now, held = list[signal.Signals](), list[signal.Signals]()
        while self.numbers:  # another one may come at any time
            number = self.numbers.pop(0)
            (now if started or number != signal.SIGUSR1 else held).append(number)
        self.numbers[:0] = held
        return now

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collects signals instead of ending."""

        def note(number: int, _: FrameType | None) -> None:
            self.numbers.append(signal.Signals(number))

        before = {
            number: signal.signal(number, note)
            for number in SIGNALS
            if signal.getsignal(number) not in (signal.SIG_IGN, None)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def supervise(
    place: Place, words: Sequence[str], command: str, variables: Mapping[str, str] = os.environ
) -> Ending:
    """Runs the process of this place to the end of all.

    Args:
        place: of the process.
        words: of its command.
        command: what must be the same for all processes.
        variables: of its environment.

    Raises:
        InputError: the processes do not find each other; nothing was started.
        RunStopped: a signal stopped this before it began.
        Refused: process 0 says that they do not belong together.
    """
    received = _Received()
    with received.collecting():
        contact: Contact = Center(place) if place.process == 0 else Member(place)
        address, on_host = contact.join(f"{__version__} {command}", received.raise_stop)
        gpus = own_gpus(place, variables)
        chosen = dict(variables) if gpus is None else {**variables, GPU_LIST: gpus}
        role = (address, place.process, place.processes, on_host)
        process = WatchedProcess(words, chosen, role, platform.node())
        ending, passed = None, 0.0
        try:
            while ending is None:
                for number in received.take(started=process.has_reported):
                    process.signal(number)
                ending = contact.exchange(process.observe(passed), passed)
                before = time.monotonic()
                time.sleep(0.0 if ending else TICK)
                # a queue may hold all processes for hours, and none of them is silent then
                passed = min(time.monotonic() - before, 2 * TICK)
        finally:
            process.end()
        contact.close(ending)
        return ending
