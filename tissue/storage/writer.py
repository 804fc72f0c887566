"""Output that is written while the next steps run."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

Job = TypeVar("Job")

log = logging.getLogger(__name__)


class Writer(Generic[Job]):
    """One thread that writes what it is handed, in order; use it as a context manager.

    At most one job is being written and `waiting` more wait; handing over another stalls until
    there is room, so that a slow disk costs time and never memory. One thread is enough: HDF5
    takes one caller at a time, and the cores belong to the steps.

    However the block ends, everything handed over is written before it is left, and the thread is
    gone. After an error nothing more is written: what is on disk has no gap.
    """

    def __init__(self, write: Callable[[Job], object], waiting: int = 1) -> None:
        """Starts the thread.

        Args:
            write: writes one job; called in the thread.
            waiting: number of jobs that may wait while one is being written.
        """
        self._write = write
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._places = waiting + 1
        self._room = threading.Semaphore(self._places)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="tissue-writer")
        self._thread.start()

    def put(self, make: Callable[[], Job]) -> None:
        """Hands over a job, after waiting for room.

        Args:
            make: makes the job, which must stay as it is from then on; called once there is room,
                so that no job takes memory before it can be held.

        Raises:
            BaseException: what `write` raised for an earlier job.
        """
        self.check()
        try:
            self._room.acquire()
        finally:
            # also when interrupted: what was due is written
            self._jobs.put(make())

    def wait(self) -> None:
        """Waits until everything handed over is written.

        Raises:
            BaseException: what `write` raised.
        """
        for _ in range(self._places):
            self._room.acquire()
        self._room.release(self._places)
        self.check()

    def check(self) -> None:
        """Raises what `write` raised, if it did."""
        if self._error:
            raise self._error

    def close(self) -> None:
        """Waits until everything handed over is written and the thread has ended."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if not self._error:
                    self._write(job)
            except BaseException as error:  # for whoever handed the job over
                self._error = error
            # a job that is done must not take memory until the next one comes
            del job
            self._room.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if error is None:
            self.check()
        elif self._error and self._error is not error:
            log.warning(f"not all output could be written either: {self._error}")
